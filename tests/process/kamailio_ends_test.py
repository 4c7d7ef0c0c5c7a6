# release only
"""Kamailio before and behind sip-proxy with real programs at the ends (issue 3, line 2): SIPp calls over UDP and TCP, sip-probe calls over TLS, and baresip, which
registers over TLS by way of Kamailio (RFC 3327 Path) and is called there, and calls through both. Between the proxies goes what the ends speak, TLS included."""
import contextlib
import json
import re
import subprocess

import harness
from baresip_test import Baresip
from harness import Failed, Site, TREE, eventually, program, run
from kamailio_test import Kamailio, uri_of

CALLS = 20


class Chain:
    """caller → first proxy → second proxy → callee, one of the proxies Kamailio; number 1000 is the callee."""

    def __init__(self, order, transport, callee="udp", path=False, **keys):
        self.site = site = Site(daemons=("sip-registrar", "sip-proxy"))
        ip = site.ip
        self.ours, self.theirs = ((ip(last), 5061 if transport == "tls" else 5060) for last in (20, 70))
        self.callee = (ip(61), 5061 if callee == "tls" else 5060)
        holders = {"proxy": 20, "kamailio": 70, "callee": 61}
        for name, last in holders.items():
            site.make_certificates(prefix=name, name="", last=last)
        roots = site.path("ca.pem")
        roots.write_text("".join(site.path(f"{name}ca.pem").read_text() for name in holders))
        is_first = order == "before"
        to_callee, to_kamailio = uri_of(self.callee, callee, "callee"), uri_of(self.theirs, transport)
        site.overrides["sip_registrar"] = {"digest-algorithms": "MD5"}  # baresip's
        site.overrides["sip_proxy"] = {
            "listen": [f"udp:{ip(20)}:5060", f"tcp:{ip(20)}:5060", f"tls:{ip(20)}:5061"], "tls-certificate": site.path("proxy.pem"), "tls-key": site.path("proxy.key"),
            "tls-ca": roots, "digest-algorithms": "MD5",
            "attempt-timeout": "20s",  # whatever holds Kamailio up is not our subject
            **keys, "sections": f"\n[route on]\nnumber = 1000\naction = uri {to_callee if is_first else to_kamailio}\n"}
        self.kamailio = Kamailio(site.path("kamailio"), (ip(70), 5060), self.ours if is_first else self.callee, transport if is_first else callee, path=path,
                                 tls=((ip(70), 5061), site.path("kamailio.pem"), site.path("kamailio.key"), roots))
        self.first = self.theirs if is_first else self.ours

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.site)
            stack.enter_context(self.kamailio)
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *error):
        return self.stack.__exit__(*error)

    def sipp(self, scenario, last, *arguments):
        return subprocess.Popen(["sipp", "-sf", TREE / "tests/process/sipp" / f"{scenario}.xml", "-i", self.site.ip(last), "-p", "5060", "-nostdin", "-trace_err", "-error_file",
                                 self.site.path(f"{scenario}.log"), "-timeout", f"{30 * harness.SLOW}s", "-timeout_error", *map(str, arguments)],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.site.folder)

    def passed(self, calls):
        """Every call's INVITE and BYE went through sip-proxy, which does not count ACKs."""
        text = self.site.ask("sip-proxy", "metrics")["text"]
        requests = int(re.search(r"(?m)^confab_proxy_requests_total (\d+)$", text).group(1))
        if requests < 2 * calls:
            raise Failed(f"{requests} requests at sip-proxy for {calls} calls")


def test_sipp_over_udp_and_tcp():
    with contextlib.ExitStack() as stack:
        running = []
        for order in ("before", "behind"):
            for transport in ("udp", "tcp"):
                chain = stack.enter_context(Chain(order, transport, transport, authenticate="none"))
                mode = ["-t", "u1" if transport == "udp" else "t1", "-m", CALLS]
                for process in (chain.sipp("callee", 61, *mode), chain.sipp("caller_stream", 60, "%s:%d" % chain.first, *mode, "-s", "1000", "-r", CALLS)):
                    stack.callback(process.wait)
                    stack.callback(process.kill)
                running.append((chain, f"{order} sip-proxy over {transport}", process))
        for chain, what, caller in running:
            if (code := caller.wait(60 * harness.SLOW)) != 0:
                raise Failed(f"Kamailio {what}: exit {code}")
            chain.passed(CALLS)


def test_sip_probe_over_tls():
    for order in ("before", "behind"):
        with Chain(order, "tls", "tls", authenticate="none") as chain:
            site = chain.site
            done = run(program("sip-probe"), "load", "call", "sip:1000@example.org", "--proxy", "tls:%s:%d" % chain.first, "--ca", site.path("ca.pem"), "--answer",
                       "tls:%s:%d" % chain.callee, "--answer-certificate", site.path("callee.pem"), "--answer-key", site.path("callee.key"), "--sockets", "2", "--rate", "50",
                       "--count", "50", "--hold", "100ms", "--json", check=False)
            result = json.loads(done.stdout)
            if done.returncode != 0 or not result["answered"] == result["invited"] == result["acknowledged"] == result["ended"] == 50:
                raise Failed(f"Kamailio {order} sip-proxy: {result}")
            chain.passed(50)


def test_baresip_registers_through_kamailio_and_is_called_there():
    with Chain("before", "tls", path=True) as chain:
        site = chain.site
        for user in ("alice", "bob"):
            site.add_user(user)
        with Baresip(site, "bob", "pcmu", answers="auto", hop="%s:%d" % chain.theirs, media=None) as phone:
            bound, = eventually(lambda: site.ask("sip-registrar", "contacts"), "baresip's binding")
            if not re.match(rf"<sips?:[^>]*{re.escape(chain.theirs[0])}", bound["path"]):
                raise Failed(f"Kamailio is not first on the Path: {bound}")
            site.probe("call", "sip:bob@example.org", "--duration", "1s", "--require-media", user="alice", tls=True, via="tls:%s:%d" % chain.ours)
            phone.wait_for("CALL_CLOSED")
            phone.quit()
        eventually(lambda: not site.ask("sip-registrar", "contacts"), "no binding left")


def test_baresip_calls_through_both():
    with Chain("behind", "tls") as chain:
        site = chain.site
        site.add_user("bob")
        callee = chain.sipp("callee_media", 61, "-mi", site.ip(61), "-mp", "6000", "-rtp_echo", "-m", 1)
        try:
            with Baresip(site, "bob", "pcmu", hop="%s:%d" % chain.ours, media=None) as phone:
                eventually(lambda: site.ask("sip-registrar", "contacts"), "baresip's binding")
                phone.command("dial", "sip:1000@example.org")
                phone.wait_for("CALL_ESTABLISHED")
                eventually(lambda: phone.heard() > 0.01, "baresip hears its own tone again")
                phone.command("hangup")
                if (code := callee.wait(20 * harness.SLOW)) != 0:
                    raise Failed(f"SIPp: exit {code}")
                phone.quit()
        finally:
            callee.kill()
            callee.wait()


if __name__ == "__main__":
    harness.main(test_sipp_over_udp_and_tcp, test_sip_probe_over_tls, test_baresip_registers_through_kamailio_and_is_called_there, test_baresip_calls_through_both,
                 together=2)
