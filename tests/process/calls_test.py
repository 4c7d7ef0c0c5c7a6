# threads: under ThreadSanitizer too.
"""sip-probe against a whole site: every way into a conference, everything that ends a call, and every exit code of the probe."""
import json
import signal
import socket
import subprocess

import harness
from harness import REALM, Failed, Site, eventually, program, run

NUMBER, PASSCODE = "1234", "5678"
URI = f"sip:{NUMBER}@{REALM}"
HEADER = ("--header", f"X-Passcode: {PASSCODE}")
SHORT = ("--duration", "600ms", "--require-media")


def expect_exit(what, done, code, text=""):
    if done.returncode != code or text not in done.stderr + done.stdout:
        raise Failed(f"{what}: expected exit {code} and '{text}', got {done.returncode}\n{done.stdout}{done.stderr}")
    print(f"     {what}: exit {code}", flush=True)


class Member:
    """A probe that stays in a call until it is told or ended."""

    def __init__(self, site, user, uri=URI, *arguments):
        self.process = subprocess.Popen(
            [program("sip-probe"), "call", uri, "--proxy", site.proxy, "--from", f"sip:{user}@{REALM}", "--password-file", site.path(f"{user}.password"), *HEADER,
             "--duration", "1h", "--json", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self):
        """Exit code, and what it printed as one object."""
        output, _ = self.process.communicate(timeout=20 * harness.SLOW)
        return self.process.returncode, json.loads(output)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def members(site, number=NUMBER):
    """Rows of those who were let in; a conference without any does not run."""
    if number not in [row["conference"] for row in site.ask("conf-bridge", "list") or []]:
        return []
    return [row for row in site.ask("conf-bridge", "members", conference=number) if row["member"] != 0]


def nothing_left(site):
    for name, keys in (("conf-bridge", ("legs", "lobby", "conferences", "media_sockets")), ("sbc-edge", ("calls", "relays", "flows", "connections"))):
        for key in keys:
            eventually(lambda: site.ask(name, "status")[key] == 0, f"{name}: no {key} left", 40)


def populated(site):
    for user in ("alice", "bob", "carol"):
        site.add_user(user)
    site.add_conference(NUMBER, PASSCODE)
    site.add_conference("1000", None, max_members="1")
    return site


def joined_once(events):
    """Between conference-started and conference-ended one caller joined and hung up."""
    told = []
    while not told or told[-1] != "conference-ended":
        event = events.event()
        if event["event"] in ("conference-started", "joined", "left", "conference-ended"):
            told.append(event["event"] + (f" {event['identity']}" if event["event"] == "joined" else "") + (f" {event['reason']}" if "reason" in event else ""))
    if told != ["conference-started", f"joined sip:alice@{REALM}", "left hung up", "conference-ended"]:
        raise Failed(f"the bridge told {told}")


def test_ways_in():
    with Site() as site:
        populated(site)
        keyed = site.secret("keys", PASSCODE + "#")
        second = site.secret("keys2", "1#" + PASSCODE + "#")
        header = site.secret("header", f"X-Passcode: {PASSCODE}")
        tcp = {"via": f"tcp:{site.ip(20)}:5060"}
        ways = (
            ("header, edge with TLS and SRTP", [URI, *HEADER, "--srtp"], {"tls": True}),
            ("header, proxy over UDP", [URI, *HEADER], {}),
            ("header, proxy over TCP", [URI, *HEADER], tcp),
            ("header from a file", [URI, "--header", f"@{header}"], {}),
            ("URI parameter", [f"{URI};passcode={PASSCODE}"], {}),
            ("URI parameter, edge", [f"{URI};passcode={PASSCODE}", "--srtp"], {"tls": True}),
            ("parameter of the user part", [f"sip:{NUMBER};passcode={PASSCODE}@{REALM}"], {}),
            ("parameter of the user part, edge", [f"sip:{NUMBER};passcode={PASSCODE}@{REALM}", "--srtp"], {"tls": True}),
            ("keyed", [URI, "--dtmf", f"@{keyed}", "--duration", "3s"], {}),
            ("keyed, edge", [URI, "--dtmf", f"@{keyed}", "--srtp", "--duration", "3s"], {"tls": True}),
            ("keyed right the second time", [URI, "--dtmf", f"@{second}", "--duration", "4s"], {}),
            ("delayed offer", [URI, *HEADER, "--delayed-offer"], {}),
            ("delayed offer, edge", [URI, *HEADER, "--delayed-offer", "--srtp"], {"tls": True}),
        )
        for what, arguments, options in ways:
            events = site.subscribe("conf-bridge")
            expect_exit(what, site.probe("call", *arguments, *(() if "--duration" in arguments else SHORT), user="alice", check=False, **options), 0)
            joined_once(events)
            events.close()
        nothing_left(site)


def test_refused_and_unreachable():
    # A connection on which nothing is said that it understands, a TLS greeting for instance, is ended by the proxy.
    with Site(sip_proxy={"authentication-timeout": "1s"}) as site:
        populated(site)
        site.make_certificates("other-")
        site.secret("wrong.password", "not-it")
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        silent.bind((site.ip(80), 5060))
        thrice = site.secret("keys3", "1#2#3#")
        as_alice = ["--from", f"sip:alice@{REALM}", "--password-file", site.path("alice.password")]
        with Member(site, "bob", f"sip:1000@{REALM}"):
            eventually(lambda: len(members(site, "1000")) == 1, "the one seat taken")
            table = (
                ("full conference", ["call", f"sip:1000@{REALM}", "--proxy", site.proxy, *as_alice], 1, "486"),
                ("unknown number", ["call", f"sip:4040@{REALM}", "--proxy", site.proxy, *as_alice], 1, "404"),
                ("known user who is absent", ["call", f"sip:carol@{REALM}", "--proxy", site.proxy, *as_alice], 1, "480"),
                ("wrong passcode keyed three times", ["call", URI, "--dtmf", f"@{thrice}", "--duration", "60s", "--proxy", site.proxy, *as_alice], 1, "ended the call"),
                ("nobody answers", ["ping", f"sip:{site.ip(80)}", "--count", "1", "--timeout", "500ms"], 2, "no answer"),
                ("a call that nobody answers", ["call", URI, "--proxy", f"udp:{site.ip(80)}:5060", "--timeout", "500ms", *as_alice], 2, "no answer"),
                ("no such host", ["ping", "sip:no-such-host.invalid", "--count", "1"], 3, "no-such-host.invalid"),
                ("a call to no such host", ["call", "sip:1234@no-such-host.invalid"], 3, "no-such-host.invalid"),
                ("nothing listens, TCP", ["call", URI, "--proxy", f"tcp:{site.ip(81)}:5060", *as_alice], 4, "refused"),
                ("nothing listens, UDP", ["ping", f"sip:{site.ip(81)}:5060", "--count", "1", "--timeout", "500ms"], 2, "no answer"),
                ("nothing listens, TLS", ["call", URI, "--proxy", f"tls:{site.ip(81)}:5061", "--srtp", *as_alice], 4, "refused"),
                ("a certificate of another authority", ["call", URI, "--proxy", site.edge, "--ca", site.path("other-ca.pem"), "--srtp", *as_alice], 5, "certificate"),
                ("TLS towards a plain listener", ["call", URI, "--proxy", f"tls:{site.ip(20)}:5060", "--ca", site.path("ca.pem"), *as_alice], 5, "handshake"),
                ("wrong password, call", ["call", URI, *HEADER, "--proxy", site.proxy, "--from", f"sip:alice@{REALM}", "--password-file", site.path("wrong.password")], 6, "403"),
                ("wrong password, register", ["register", "--proxy", site.edge, "--ca", site.path("ca.pem"), "--from", f"sip:alice@{REALM}", "--password-file",
                                              site.path("wrong.password")], 6, "403"),
                ("no password", ["call", URI, *HEADER, "--proxy", site.proxy, "--from", f"sip:alice@{REALM}"], 6, "407"),
                ("no such option", ["call", URI, "--no-such-option"], 64, "no-such-option"),
                ("no SRTP outside", ["call", URI, *HEADER, "--proxy", site.edge, "--ca", site.path("ca.pem"), *as_alice], 1, "488"),
            )
            for what, arguments, code, text in table:
                expect_exit(what, run(program("sip-probe"), *arguments, check=False), code, text)
            if members(site):
                raise Failed(f"somebody got in: {members(site)}")
            site.command("conf-bridge", "end", "1000")
        silent.close()
        if site.ask("sip-registrar", "contacts"):
            raise Failed("a binding was left")
        nothing_left(site)


def test_floor():
    """mute, kick, lock, unlock, end; each touches what it names and nothing else."""
    with Site() as site:
        populated(site)
        events = site.subscribe("conf-bridge")
        with Member(site, "alice") as alice, Member(site, "bob") as bob, Member(site, "carol") as carol:
            eventually(lambda: len(members(site)) == 3, "three members")
            number = {row["identity"].split(":")[1].split("@")[0]: str(row["member"]) for row in members(site)}
            site.command("conf-bridge", "lock", NUMBER)
            for what, options in (("locked", {}), ("locked, edge", {"tls": True})):
                done = site.probe("call", URI, *HEADER, "--json", *(["--srtp"] if options else []), user="alice", check=False, **options)
                if done.returncode == 0 or json.loads(done.stdout)["status"] != 403:
                    raise Failed(f"{what}: expected 403, got {done.stdout}{done.stderr}")
            site.command("conf-bridge", "unlock", NUMBER)
            expect_exit("unlocked again", site.probe("call", URI, *HEADER, *SHORT, user="alice", check=False), 0)
            site.command("conf-bridge", "kick", NUMBER, number["bob"])
            code, told = bob.end()
            if code != 1 or told["packets_received"] == 0:
                raise Failed(f"the kicked one: exit {code}, {told}")
            if len(members(site)) != 2 or alice.process.poll() is not None or carol.process.poll() is not None:
                raise Failed(f"others went with the kicked one: {members(site)}")
            expect_exit("the others go on", site.probe("call", URI, *HEADER, *SHORT, user="bob", check=False), 0)
            again = site.command("conf-bridge", "kick", NUMBER, number["bob"], check=False)
            if again.returncode == 0 and "no" not in again.stdout.lower() and "false" not in again.stdout.lower():
                raise Failed(f"kicking nobody: exit {again.returncode} {again.stdout}{again.stderr}")
            site.command("conf-bridge", "end", NUMBER)
            for who, member in (("alice", alice), ("carol", carol)):
                code, told = member.end()
                if code != 1:
                    raise Failed(f"{who} after end: exit {code}, {told}")
        reasons = []
        while True:
            event = events.event()
            if event["event"] == "left":
                reasons.append((event["identity"].split(":")[1].split("@")[0], event["reason"]))
            if event["event"] == "conference-ended":
                break
        wanted = [("alice", "hung up"), ("bob", "kicked"), ("bob", "hung up"), ("alice", "conference ended"), ("carol", "conference ended")]
        if sorted(reasons) != sorted(wanted):
            raise Failed(f"reasons {reasons}, wanted {wanted}")
        print(f"     left: {reasons}", flush=True)
        events.close()
        nothing_left(site)


def matrix(site, *arguments, on_joined=lambda: None):
    """`sip-probe conf` with three legs through the edge; exit code and its rows."""
    events = site.subscribe("conf-bridge")
    command = [program("sip-probe"), "conf", URI, "--legs", "3", "--srtp", "--register", "--turn", "1s", "--json", "--proxy", site.edge, "--ca", site.path("ca.pem"), *HEADER, *arguments]
    for user in ("alice", "bob", "carol"):
        command += ["--from", f"sip:{user}@{REALM}", "--password-file", site.path(f"{user}.password")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    joined = 0
    while joined < 3:
        joined += events.event().get("event") == "joined"
    on_joined()
    output, errors = process.communicate(timeout=60 * harness.SLOW)
    events.close()
    return process.returncode, [json.loads(line) for line in output.splitlines()], errors


def heard(rows):
    return [[cell["heard"] for cell in row["hears"]] for row in rows]


def test_matrix():
    with Site() as site:
        populated(site)
        code, rows, errors = matrix(site)
        if code != 0 or heard(rows) != [[listener != talker for talker in range(3)] for listener in range(3)]:
            raise Failed(f"all open: exit {code}, {heard(rows)} {errors}")
        muted = []

        def mute_bob():
            muted.extend(str(row["member"]) for row in members(site) if "bob" in row["identity"])
            site.command("conf-bridge", "mute", NUMBER, muted[0])
            if not next(row for row in members(site) if "bob" in row["identity"])["muted"]:
                raise Failed("the roster does not show who is muted")
        code, rows, errors = matrix(site, on_joined=mute_bob)
        if code != 7 or heard(rows) != [[False, False, True], [True, False, True], [True, False, False]]:
            raise Failed(f"bob muted: exit {code}, {heard(rows)} {errors}")
        print(f"     bob muted: {errors.strip().splitlines()[-1]}", flush=True)
        eventually(lambda: not members(site), "all gone")
        nothing_left(site)


def left_reason(events, user):
    while True:
        event = events.event()
        if event["event"] == "left" and user in event["identity"]:
            return event["reason"]


def test_dead_callers():
    """A caller whose machine died says nothing: his leg goes when his media has stopped, the others stay."""
    with Site(conf_bridge={"media-timeout": f"{harness.SLOW}s"}) as site:
        populated(site)
        with Member(site, "alice") as alice, Member(site, "bob") as bob, Member(site, "carol") as carol:
            eventually(lambda: len(members(site)) == 3, "three members")
            events = site.subscribe("conf-bridge")
            bob.process.kill()
            if (reason := left_reason(events, "bob")) != "media stopped":
                raise Failed(f"killed caller left: {reason}")
            carol.process.send_signal(signal.SIGSTOP)
            if (reason := left_reason(events, "carol")) != "media stopped":
                raise Failed(f"stopped caller left: {reason}")
            if [row["identity"] for row in members(site)] != [f"sip:alice@{REALM}"] or alice.process.poll() is not None:
                raise Failed(f"after two deaths: {members(site)}")
            carol.process.send_signal(signal.SIGCONT)
            carol.end()
            events.close()
            expect_exit("the one left goes on", site.probe("call", URI, *HEADER, *SHORT, user="bob", check=False), 0)
            site.command("conf-bridge", "end", NUMBER)
            alice.end()
        nothing_left(site)


def test_cancel():
    """A callee who only rings: CANCEL gets through, 487 comes back, the probe is content."""
    with Site() as site:
        populated(site)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bob:
            bob.bind((site.ip(70), 5090))
            bob.settimeout(20 * harness.SLOW)
            run("sipsak", "-p", f"{site.ip(20)}:5060", "-U", "-C", f"sip:bob@{site.ip(70)}:5090", "-s", f"sip:bob@{REALM}", "-u", "bob", "-a", "bob-secret", "-x", "600")
            caller = subprocess.Popen([program("sip-probe"), "call", f"sip:bob@{REALM}", "--cancel-after", "700ms", "--json", "--proxy", site.proxy, "--from",
                                       f"sip:alice@{REALM}", "--password-file", site.path("alice.password")], stdout=subprocess.PIPE, text=True)
            seen = []
            while "ACK" not in seen:
                request, peer = bob.recvfrom(65536)
                lines = request.decode().split("\r\n")
                method = lines[0].split()[0]
                if method in seen:
                    continue  # a retransmission
                seen.append(method)
                copied = [line for line in lines if line.split(":")[0] in ("Via", "From", "Call-ID", "CSeq", "Record-Route")]
                copied.append(next(line for line in lines if line.startswith("To:")).split(";tag=")[0] + ";tag=b")

                def answer(status, headers):
                    bob.sendto("\r\n".join([f"SIP/2.0 {status}", *headers, "Content-Length: 0", "", ""]).encode(), peer)
                if method == "INVITE":
                    invite = copied
                    answer("180 Ringing", invite)
                elif method == "CANCEL":
                    answer("200 OK", copied)
                    answer("487 Request Terminated", invite)
            output, _ = caller.communicate(timeout=20 * harness.SLOW)
            told = json.loads(output)
            if caller.returncode != 0 or told["status"] != 487 or "ringing_ms" not in told["phases"] or seen != ["INVITE", "CANCEL", "ACK"]:
                raise Failed(f"exit {caller.returncode}, {told}, bob saw {seen}")
            eventually(lambda: site.ask("sip-proxy", "status")["unanswered"] == 0, "no open INVITE at the proxy")
        nothing_left(site)


def test_json():
    with Site() as site:
        populated(site)

        def jq(text, filter_):
            done = subprocess.run(["jq", "-e", "-s", filter_], input=text, capture_output=True, text=True)
            if done.returncode != 0:
                raise Failed(f"jq {filter_}: exit {done.returncode} {done.stderr} on {text}")
        call = site.probe("call", URI, *HEADER, "--srtp", "--json", *SHORT, user="alice", tls=True)
        jq(call.stdout, "length == 1 and (.[0] | .exit == 0 and .status == 200 and .packets_received > 10 and .packets_rejected == 0 and (.tls | startswith(\"TLSv1\"))"
                        " and .phases.lookup_ms <= .phases.connected_ms and .phases.connected_ms < .phases.challenged_ms and .phases.challenged_ms < .phases.answered_ms"
                        " and .phases.answered_ms <= .phases.media_ms and .phases.media_ms <= .phases.total_ms)")
        failed = site.probe("call", f"sip:4040@{REALM}", "--json", user="alice", check=False)
        jq(failed.stdout, "length == 1 and (.[0] | .exit == 1 and .status == 404)")
        jq(site.probe("ping", f"sip:{site.ip(20)}", "--count", "3", "--interval", "10ms", "--json", via=False).stdout, "length >= 3")
        jq(site.probe("register", "--json", user="alice", tls=True).stdout, "length >= 1")
        _, rows, _ = matrix(site)
        jq("\n".join(map(json.dumps, rows)), "length == 3 and ([.[] | .hears | length] == [3, 3, 3]) and ([.[] | .hears[] | select(.heard) | .delay_ms] | min >= 0 and max < 2000)")
        print("     call, failed call, ping, register and conf: jq reads them", flush=True)


if __name__ == "__main__":
    harness.main(test_ways_in, test_refused_and_unreachable, test_floor, test_matrix, test_dead_callers, test_cancel, test_json, together=4)
