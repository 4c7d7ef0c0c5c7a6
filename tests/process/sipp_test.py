# alone, release only
"""SIPp: 1,000 digest-authenticated calls at 50/s through sip-proxy to conf-bridge with RTP both ways, 10 % of them delayed offers, 10 % with a re-INVITE, 10 %
cancelled; none fails, no leg is left (issue 2, line 3)."""
import csv
import signal
import subprocess

import harness
from harness import Failed, Site, TREE, eventually

# Scenario, calls, calls a second: together 1,000 at 50/s.
MIX = (("call", 700, 35), ("delayed", 100, 5), ("reinvite", 100, 5), ("cancel_crossed", 50, 2.5))
# These must be cancelled before anyone answers: they come while conf-locate stands still.
CANCELLED = ("cancel_early", 50, 50)
PASSCODE = "5678"


def start(site, number, scenario, calls, rate):
    ip = site.ip(60 + number)
    # -rtp_echo sends every RTP packet back: a leg whose media did not flow both ways is ended by the bridge's media-timeout, and its call fails.
    return subprocess.Popen(
        ["sipp", f"{site.ip(20)}:5060", "-sf", TREE / "tests/process/sipp" / f"{scenario}.xml", "-inf", site.path("users.csv"), "-s", "1234", "-i", ip, "-p", "5060", "-mi", ip,
         "-mp", "6000", "-rtp_echo", "-m", str(calls), "-r", str(int(rate * 2)), "-rp", "2000", "-l", "1000", "-nostdin", "-max_socket", "2000", "-trace_err", "-error_file", site.path(f"{scenario}.err"),
         "-trace_stat", "-stf", site.path(f"{scenario}.csv"), "-fd", "1", "-timeout", "100s", "-timeout_error", "-recv_timeout", "20000", "-aa"],
        stdout=subprocess.DEVNULL, stderr=open(site.path(f"{scenario}.log"), "w"), cwd=site.folder)


def outcome(site, scenario):
    if not site.path(f"{scenario}.csv").exists():
        return 0, 0
    rows = list(csv.DictReader(open(site.path(f"{scenario}.csv")), delimiter=";"))
    return int(rows[-1]["SuccessfulCall(C)"]), int(rows[-1]["FailedCall(C)"])


def judge(site, mix, process):
    scenario, calls, _ = mix
    code = process.wait(150)
    good, bad = outcome(site, scenario)
    print(f"     {scenario}: {good} of {calls} calls, {bad} failed", flush=True)
    if code != 0 or good != calls or bad != 0:
        errors = site.path(f"{scenario}.err")
        raise Failed(f"{scenario}: exit {code}, {good} good, {bad} failed\n{errors.read_text()[-3000:] if errors.exists() else ''}")


def test_a_thousand_calls():
    with Site(conf_bridge={"media-timeout": "1s"}, sip_proxy={"question-timeout": "20s"},
              daemons=("conf-locate", "sip-registrar", "conf-bridge", "sip-proxy")) as site:
        site.add_user("alice")
        site.add_conference("1234", PASSCODE, max_members="1000")
        site.path("users.csv").write_text(f"SEQUENTIAL\nalice;[authentication username=alice password=alice-secret];{PASSCODE}\n")
        running = [(mix, start(site, number, *mix)) for number, mix in enumerate(MIX)]
        for mix, process in running:
            judge(site, mix, process)
        site.processes["conf-locate"].send_signal(signal.SIGSTOP)
        try:
            judge(site, CANCELLED, start(site, len(MIX), *CANCELLED))
        finally:
            site.processes["conf-locate"].send_signal(signal.SIGCONT)
        eventually(lambda: site.ask("conf-bridge", "status")["legs"] == 0, "no leg left")
        eventually(lambda: site.ask("conf-bridge", "status")["media_sockets"] == 0, "no media socket left")


if __name__ == "__main__":
    harness.main(test_a_thousand_calls)
