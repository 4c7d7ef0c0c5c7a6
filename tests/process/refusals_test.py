"""Wrong password, unknown user, unknown number, wrong passcode, full conference, plain SIP outside, SDP without SRTP: each gets its documented code
and leaves nothing behind, however often (issue 2, line 6)."""
import socket

import harness
from agent import Agent, authenticated, description, expect
from harness import Failed, Site, eventually

# As often as each is tried; fewer where a sanitizer makes every try ten times slower.
TIMES = 60 if harness.SLOW > 1 else 1000

FAST = {key: value for key, value in {"t1": "50ms", "t2": "400ms", "t4": "500ms"}.items()}


def refusals(site):
    """Name, documented codes, and one try with its number."""
    inside, outside = Agent(site, 60), Agent(site, 61, "tls", (site.ip(1), 5061))
    number = "sip:1234@example.org"
    wrong = "X-Passcode: 9999\r\n"
    right = "X-Passcode: 5678\r\n"
    yield "wrong password", (403,), lambda n: authenticated(inside, "REGISTER", "sip:example.org", f"wp{n}", "alice", "wrong")[0]
    yield "unknown user", (403,), lambda n: authenticated(inside, "REGISTER", "sip:example.org", f"uu{n}", "mallory", "wrong")[0]
    yield "wrong password, INVITE", (403,), lambda n: authenticated(inside, "INVITE", number, f"wi{n}", "alice", "wrong", right, body=description(site))[0]
    yield "unknown number", (404,), lambda n: authenticated(inside, "INVITE", "sip:4040@example.org", f"un{n}", "alice", "alice-secret", right, body=description(site))[0]
    yield "wrong passcode", (403,), lambda n: authenticated(inside, "INVITE", number, f"pc{n}", "alice", "alice-secret", wrong, body=description(site))[0]
    yield "full conference", (486,), lambda n: authenticated(inside, "INVITE", "sip:1000@example.org", f"fu{n}", "alice", "alice-secret", "", body=description(site))[0]
    yield "SDP without SRTP outside", (488,), lambda n: outside.transact("INVITE", number, f"ns{n}", 1, headers=right, body=description(site), user="alice")[0]

    def plain(n):
        with socket.create_connection((site.ip(1), 5061), 10) as connection:
            connection.settimeout(10 * harness.SLOW)
            connection.sendall(b"OPTIONS sip:example.org SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK1\r\n\r\n")
            answer = b""
            try:
                while data := connection.recv(4096):
                    answer += data
            except ConnectionResetError:
                pass
            return 0 if b"SIP" not in answer else 200
    yield "plain SIP outside", (0,), plain


def footprints(site):
    return {name: site.footprint(name) for name in site.daemons}


def compare(site, before, what):
    """All counts come to be what they were; says which did not."""
    differences = []

    def settled():
        now = footprints(site)
        differences[:] = [f"{name} {key} {value} became {now[name][key]}" for name in before for key, value in before[name].items() if now[name][key] != value]
        return not differences
    try:
        eventually(settled, what, 30)
    except Failed as failure:
        raise Failed(f"{failure}: {', '.join(differences)}") from None


def test_refusals_leave_nothing():
    timers = dict(FAST)
    with Site(sip_registrar=timers, sip_proxy=timers, conf_bridge={**timers, "caller-misses": "10000"}, sbc_edge=timers) as site:
        site.add_user("alice")
        site.add_conference("1234", "5678")
        site.add_conference("1000", None, max_members="1")
        seat = harness.subprocess.Popen(
            [harness.program("sip-probe"), "call", "sip:1000@example.org", "--proxy", site.proxy, "--from", "sip:alice@example.org", "--password-file",
             str(site.path("alice.password")), "--duration", "1h"], stdout=harness.subprocess.DEVNULL)
        try:
            eventually(lambda: site.ask("conf-bridge", "status")["legs"] == 1, "the one seat of conference 1000 taken")
            for what, allowed, attempt in refusals(site):
                for n in range(5):  # the first ones fill caches
                    expect(what, attempt(n), allowed)
                quiet(site)
                before = footprints(site)
                memory = {name: site.resident_kib(name) for name in site.daemons}
                for n in range(5, TIMES + 5):
                    expect(what, attempt(n), allowed)
                compare(site, before, f"{what}: all counts as before")
                for name in site.daemons:
                    growth = site.resident_kib(name) - memory[name]
                    if growth > 4096 and harness.SLOW == 1:
                        raise Failed(f"{what}: {name} grew by {growth} KiB in {TIMES} tries")
                print(f"     {what}: {TIMES} times, nothing left", flush=True)
        finally:
            seat.terminate()
            seat.wait()


def quiet(site):
    """Waits until no transaction is alive, so that `before` is a state of rest."""
    def at_rest():
        for name in site.daemons:
            for key, value in site.ask(name, "status").items():
                if "transactions" in key and value > 0:
                    return False
        return True
    eventually(at_rest, "all transactions over", 30)


if __name__ == "__main__":
    harness.main(test_refusals_leave_nothing)
