# Debian packages, by what they are for, and how to install those that are missing. Sourced by tests/run and examples/quickstart/run.

build_packages="g++ cmake ninja-build pkg-config libfmt-dev libssl-dev libosip2-dev libsrtp2-dev nettle-dev libboost1.81-dev libboost-json1.81-dev
    libsqlite3-dev libsndfile1-dev libopus-dev libspandsp-dev libspeexdsp-dev libunbound-dev libspdlog-dev libcli11-dev espeak-ng sox"
quickstart_packages="openssl iproute2"
test_packages="catch2 clang-16 libclang-rt-16-dev mandoc sip-tester sipsak baresip-core opus-tools tcpdump jq socat python3 sqlite3 knot kamailio kamailio-tls-modules zsh fish bash-completion procps"

install_missing() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        echo "these packages are missing and only root can install them: ${missing[*]}" >&2
        return 77
    fi
    # No installed service may start: we want programs, not a running SIP server on this machine.
    local policy=/usr/sbin/policy-rc.d made_policy=
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        made_policy=yes
    fi
    local status=0
    {
        DEBIAN_FRONTEND=noninteractive apt-get -q update &&
            DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends "${missing[@]}"
    } || status=$?
    [ -z "$made_policy" ] || rm -f "$policy"
    return $status
}
