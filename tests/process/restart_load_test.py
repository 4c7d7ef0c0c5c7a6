# alone, release only
"""sip-proxy and sip-registrar restart under 500 calls a second of SIPp: no call fails over UDP (issue 3, line 6)."""
import csv
import subprocess

import harness
from agent import Agent, authenticated, expect
from harness import Failed, Site, TREE, eventually

RATE = 500
CALLS = 6000


def sipp(site, scenario, last, *arguments):
    return subprocess.Popen(["sipp", "-sf", TREE / "tests/process/sipp" / f"{scenario}.xml", "-i", site.ip(last), "-nostdin", "-trace_err", "-error_file",
                             site.path(f"{scenario}.err"), "-trace_stat", "-stf", site.path(f"{scenario}.csv"), "-fd", "1", *map(str, arguments)],
                            stdout=subprocess.DEVNULL, stderr=open(site.path(f"{scenario}.log"), "w"), cwd=site.folder)


def column(site, scenario, name):
    file = site.path(f"{scenario}.csv")
    rows = list(csv.DictReader(open(file), delimiter=";")) if file.exists() else []
    return int(rows[-1][name]) if rows else 0


def test_no_call_fails_over_udp():
    with Site(daemons=("conf-locate", "sip-registrar", "sip-proxy"), sip_registrar={"durability": "strict"}) as site:
        site.add_user("alice")
        site.add_user("bob")
        phone = Agent(site, 61, to=(site.ip(30), 5070))
        code, _ = authenticated(phone, "REGISTER", "sip:example.org", "bob", "bob", "bob-secret", to="sip:bob@example.org")
        expect("REGISTER of bob", code, (200,))
        port = phone.local.split(":")[1]
        phone.socket.close()
        site.path("users.csv").write_text("SEQUENTIAL\nalice;[authentication username=alice password=alice-secret]\n")
        callee = sipp(site, "callee", 61, "-p", port, "-l", "100000")
        caller = sipp(site, "caller", 60, f"{site.ip(20)}:5060", "-p", "5060", "-s", "bob", "-inf", site.path("users.csv"), "-r", RATE, "-m", CALLS, "-l", "100000",
                      "-timeout", "90s", "-timeout_error", "-recv_timeout", "20000")
        try:
            for restart, name in enumerate(("sip-proxy", "sip-registrar", "sip-proxy", "sip-registrar"), 1):
                # Each at another moment of the run, when so many calls have begun.
                eventually(lambda: column(site, "caller", "OutgoingCall(C)") >= restart * CALLS // 6, f"calls before restart {restart}", 60)
                site.stop(name)
                site.start(name)
            code = caller.wait(120)
        finally:
            for process in (caller, callee):
                process.kill()
                process.wait()
        good, bad = column(site, "caller", "SuccessfulCall(C)"), column(site, "caller", "FailedCall(C)")
        print(f"     {good} of {CALLS} calls, {bad} failed, {column(site, 'caller', 'Retransmissions(C)')} retransmissions", flush=True)
        if code != 0 or good != CALLS or bad:
            errors = site.path("caller.err")
            raise Failed(f"exit {code}, {good} good, {bad} failed\n{errors.read_text()[-3000:] if errors.exists() else ''}")
        eventually(lambda: site.ask("sip-proxy", "status")["contexts"] == 0, "no context left", 60)


if __name__ == "__main__":
    harness.main(test_no_call_fails_over_udp)
