"""sip-proxy's routes, groups and call records against raw SIP peers: two passcodes lead to two places, an edited rule counts after SIGHUP, a group fails over
and recovers, a 302 is followed and passed, and kill -9 loses no call record and doubles none (requirements S0-05, S0-37, S1-45, S1-72, S1-75, S1-80, S1-85)."""
import json
import re
import socket
import threading

import harness
from agent import Agent, description, expect
from harness import Failed, Site, eventually

SECTIONS = """
[route one]
number = 1234
passcode = 1111
action = group first
[route two]
number = 1234
passcode = 2222
action = group second
[route follow]
number = 302*
action = group redirecting
redirects = follow
[route pass]
number = 303*
action = group redirecting
[route closed]
number = 9999
action = reject 480 Closed
[route both]
number = 5*
action = group both
[group first]
member = udp:{net}.41:5080
[group second]
member = udp:{net}.42:5080
[group redirecting]
member = udp:{net}.43:5080 may-redirect
[group both]
member = udp:{net}.41:5080 priority=1
member = udp:{net}.42:5080 priority=2
probe-interval = 1s
probe-failures = 1
"""


class Callee:
    """Answers everything: INVITE with `code`, the rest with 200. Counts the INVITEs."""

    def __init__(self, site, last, code=200, contact=None):
        self.address, self.code, self.contact = (site.ip(last), 5080), code, contact
        self.invites = 0
        self.start()

    def start(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(self.address)
        self.thread = threading.Thread(target=self.run, args=(self.socket,), daemon=True)
        self.thread.start()

    def stop(self):
        closer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        closer.sendto(b"end", self.address)
        closer.close()
        self.thread.join()

    def run(self, sock):
        while True:
            data, peer = sock.recvfrom(65536)
            if data == b"end":
                return sock.close()
            self.answer(sock, data.decode(), peer)

    def answer(self, sock, request, peer):
        method = request.split(" ", 1)[0]
        if method == "ACK":
            return
        lines = request.split("\r\n")
        kept = [line for line in lines if re.match(r"(Via|From|Call-ID|CSeq|Record-Route):", line)]
        to = next(line for line in lines if line.startswith("To:"))
        code = self.code if method == "INVITE" else 200
        if method == "INVITE":
            self.invites += 1
        contact = self.contact or f"sip:callee@{self.address[0]}:{self.address[1]}"
        answer = [f"SIP/2.0 {code} X", *kept, to if "tag=" in to else to + ";tag=callee", f"Contact: <{contact}>", "Content-Length: 0", "", ""]
        sock.sendto("\r\n".join(answer).encode(), peer)


def site_of(**overrides):
    site = Site(daemons=("conf-locate", "sip-registrar", "sip-proxy"))
    settings = {"authenticate": "none", "attempt-timeout": "500ms", "sections": SECTIONS.format(net=site.net), "call-log": str(site.path("calls.ndjson")),
                "call-record-headers": "X-Phone-PAC X-Passcode"}
    settings.update(overrides)
    site.overrides["sip_proxy"] = settings
    return site


def call(agent, number, name, passcode=None, headers=""):
    if passcode:
        headers += f"X-Passcode: {passcode}\r\n"
    return agent.transact("INVITE", f"sip:{number}@example.org", name, 1, headers=headers)


def hang_up(agent, number, name, answer):
    """ACK and BYE along the recorded route."""
    route = "".join(f"Route: {line.split(': ', 1)[1]}\r\n" for line in reversed([l for l in answer.split("\r\n") if l.startswith("Record-Route:")]))
    contact = re.search(r"Contact: <([^>]*)>", answer).group(1)
    to = f"sip:{number}@example.org"
    agent.send("ACK", contact, name, 1, to_tag="callee", headers=route, to=to)
    code, _ = agent.transact("BYE", contact, name, 2, to_tag="callee", headers=route, to=to)
    expect(f"BYE {name}", code, {200})


def records(site):
    path = site.path("calls.ndjson")
    whole = path.read_text().rpartition("\n")[0] if path.exists() else ""  # a line may be on its way
    return [json.loads(line) for line in whole.splitlines()]


def same(what, got, wanted):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted}, got {got}")


def routes_and_reload():
    with site_of() as site:
        one, two = Callee(site, 41), Callee(site, 42)
        agent = Agent(site, 60)
        for name, passcode in (("a", 1111), ("b", 2222)):
            code, answer = call(agent, 1234, name, passcode)
            expect(f"passcode {passcode}", code, {200})
            hang_up(agent, 1234, name, answer)
        same("calls at each place", (one.invites, two.invites), (1, 1))
        # The rule is edited: the second passcode leads to the first place from now on.
        site.reconfigure("sip-proxy", sections=SECTIONS.format(net=site.net).replace("action = group second", "action = group first"))
        eventually(lambda: any(row["value"] == "two action = group first" for row in site.ask("sip-proxy", "config")), "the edited rule in force")
        code, answer = call(agent, 1234, "c", 2222)
        expect("after the edit", code, {200})
        hang_up(agent, 1234, "c", answer)
        same("calls at each place", (one.invites, two.invites), (2, 1))
        shown = site.ask("sip-proxy", "config")
        if any("1111" in row["value"] for row in shown):
            raise Failed("config shows a passcode")
        one.stop(), two.stop()


def group_fails_over_and_recovers():
    with site_of() as site:
        one, two = Callee(site, 41), Callee(site, 42)
        state = lambda: {row["member"].split(";")[0].split(":")[1].rsplit(".", 1)[1]: row["state"] for row in site.ask("sip-proxy", "members") if row["group"] == "both"}
        eventually(lambda: state() == {"41": "up", "42": "up"}, "both members up")
        agent = Agent(site, 60)
        code, answer = call(agent, 500, "a")
        expect("first call", code, {200})
        hang_up(agent, 500, "a", answer)
        same("at the first", (one.invites, two.invites), (1, 0))
        one.stop()
        code, answer = call(agent, 500, "b")  # 500 ms of silence, or an ICMP refusal, then the other
        expect("call with one dead", code, {200})
        hang_up(agent, 500, "b", answer)
        same("at the second", two.invites, 1)
        eventually(lambda: state()["41"] == "down", "the dead one down", 60)
        one.start()
        eventually(lambda: state()["41"] == "up", "the first one up again", 60)
        code, answer = call(agent, 500, "c")
        expect("after recovery", code, {200})
        hang_up(agent, 500, "c", answer)
        same("at the first again", one.invites, 2)
        one.stop(), two.stop()


def redirections():
    with site_of() as site:
        place = Callee(site, 44)
        redirecting = Callee(site, 43, code=302, contact=f"sip:callee@{site.ip(44)}:5080")
        agent = Agent(site, 60)
        code, answer = call(agent, 302, "a")
        expect("followed", code, {200})
        hang_up(agent, 302, "a", answer)
        code, answer = call(agent, 303, "b")
        expect("passed", code, {302})
        if f"Contact: <sip:callee@{site.ip(44)}:5080>" not in answer:
            raise Failed(f"the Contact did not come back: {answer}")
        same("calls at the place", place.invites, 1)
        place.stop(), redirecting.stop()


def records_survive_a_kill():
    with site_of() as site:
        one = Callee(site, 41)
        agent = Agent(site, 60)
        answers = {}
        for i in range(20):
            code, answers[i] = call(agent, 1234, f"k{i}", 1111, headers="X-Phone-PAC: 4711\r\n")
            expect("call", code, {200})
        for i in range(5):
            hang_up(agent, 1234, f"k{i}", answers[i])
        for i in range(3):
            one.code = 486
            expect("busy", call(agent, 1234, f"busy{i}", 1111)[0], {486})
        one.code = 200
        site.kill("sip-proxy")
        site.start("sip-proxy")
        same("open calls after the kill", sum(row["state"] == "answered" for row in site.ask("sip-proxy", "calls")), 15)
        for i in range(5, 20):
            hang_up(agent, 1234, f"k{i}", answers[i])
        found = eventually(lambda: len(records(site)) >= 23 and records(site), "all records")
        site.kill("sip-proxy")
        site.start("sip-proxy")
        found = records(site)
        same("records", sorted(r["call_id"] for r in found), sorted([f"k{i}" for i in range(20)] + [f"busy{i}" for i in range(3)]))
        same("ids", len({r["id"] for r in found}), 23)
        text = site.path("calls.ndjson").read_text()
        if "1111" in text:
            raise Failed("a record shows a passcode")
        first = next(r for r in found if r["call_id"] == "k7")
        wanted = {"number": "1234", "route": "one", "status": 200, "ended_by": "caller", "headers": {"X-Phone-PAC": "4711", "X-Passcode": "****"},
                  "target": f"udp:{site.ip(41)}:5080", "from": "sip:nobody@example.org", "uri": "sip:1234@example.org"}
        same("a record", {key: first[key] for key in wanted}, wanted)
        same("busy", {r["status"] for r in found if r["call_id"].startswith("busy")}, {486})
        # Rotation: what was moved away stays, new records go to a new file.
        site.path("calls.ndjson").rename(site.path("calls.old"))
        site.reconfigure("sip-proxy")
        eventually(lambda: site.path("calls.ndjson").exists(), "the new file")
        one.code = 486
        call(agent, 1234, "after", 1111)
        same("after rotation", [r["call_id"] for r in eventually(lambda: records(site), "a record in the new file")], ["after"])
        one.stop()


class Caller:
    """Calls without pause, repeating what is not answered as UDP callers do, until told to stop."""

    def __init__(self, site, last):
        self.agent, self.last, self.done, self.problem = Agent(site, last), last, [], None
        self.agent.socket.settimeout(0.3 * harness.SLOW)
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def exchange(self, what, *arguments, **parts):
        self.agent.send(*arguments, **parts)
        for _ in range(100):
            try:
                code, answer = self.agent.final(what)
                if f"Call-ID: {arguments[2]}\r\n" not in answer:  # of an earlier call, repeated
                    continue
                return code, answer
            except TimeoutError:
                pass
            except ConnectionRefusedError:  # nobody listens while the proxy is down, and that is said at once
                self.stopping.wait(0.1)
            try:
                self.agent.socket.send(self.agent.sent)
            except ConnectionRefusedError:
                pass
        raise Failed(f"{what}: no answer")

    def run(self):
        try:
            while not self.stopping.is_set():
                self.call(f"{self.last}-{len(self.done)}")
        except Exception as problem:  # shown by the test's thread
            self.problem = problem

    def call(self, name):
        busy = len(self.done) % 3 == 2
        number = "9999" if busy else "1234"
        uri = f"sip:{number}@example.org"
        code, answer = self.exchange("CSeq: 1 INVITE", "INVITE", uri, name, 1, headers="X-Passcode: 1111\r\n")
        expect(name, code, {480} if busy else {200})
        if not busy:
            route = "".join(f"Route: {line.split(': ', 1)[1]}\r\n" for line in reversed([l for l in answer.split("\r\n") if l.startswith("Record-Route:")]))
            contact = re.search(r"Contact: <([^>]*)>", answer).group(1)
            expect(f"BYE {name}", self.exchange("CSeq: 2 BYE", "BYE", contact, name, 2, to_tag="callee", headers=route, to=uri)[0], {200})
        self.done.append(name)


def kills_under_load():
    with site_of() as site:
        one = Callee(site, 41)
        callers = [Caller(site, last) for last in (60, 61, 62, 63)]
        for _ in range(5):
            before = sum(len(caller.done) for caller in callers)
            eventually(lambda: sum(len(caller.done) for caller in callers) > before + 100 or any(c.problem for c in callers), "calls between two kills", 60)
            site.kill("sip-proxy")
            site.start("sip-proxy")
        for caller in callers:
            caller.stopping.set()
        for caller in callers:
            caller.thread.join()
            if caller.problem:
                raise caller.problem
        made = sorted(name for caller in callers for name in caller.done)
        eventually(lambda: len(records(site)) >= len(made), "a record of each call")  # the last may still be on its way to the file
        found = sorted(r["call_id"] for r in records(site))
        if found != made:
            lost, extra = set(made) - set(found), [name for name in set(found) if found.count(name) > made.count(name)]
            raise Failed(f"{len(made)} calls, {len(found)} records; lost {sorted(lost)[:5]}, doubled {sorted(extra)[:5]}")
        print(f"     {len(made)} calls through 5 kills, {len(found)} records")
        one.stop()


def both_interpreters_agree():
    """Who reads the passcode, bridge or proxy, makes no difference to the caller (S1-47); a route for wrong ones does (S1-41)."""
    answers = {}
    for mode in ("bridge", "proxy"):
        site = Site(daemons=("conf-locate", "sip-registrar", "conf-bridge", "sip-proxy"))
        site.overrides["sip_proxy"] = {"authenticate": "none", "interpret": mode}
        with site:
            desk = Callee(site, 44)
            site.add_conference("1234", "77")
            site.command("conf-locate", "dnis", "add", "800")
            agent = Agent(site, 60)
            body = description(site)
            cases = {"right": ("1234", "77"), "wrong": ("1234", "78"), "none": ("1234", None), "access number": ("800", "77"), "wrong there": ("800", "78"),
                     "too long": ("1234", "7" * 60), "unknown": ("999", "77")}
            answers[mode] = {}
            for name, (number, passcode) in cases.items():
                headers = f"X-Passcode: {passcode}\r\n" if passcode else ""
                code, answer = agent.transact("INVITE", f"sip:{number}@example.org", name.replace(" ", ""), 1, headers=headers, body=body)
                answers[mode][name] = answer.split("\r\n")[0]
            if mode == "proxy":
                site.reconfigure("sip-proxy", **{"wrong-passcode": "route desk", "sections": f"[route desk]\naction = uri sip:desk@{site.ip(44)}:5080\n"})
                eventually(lambda: any(row["value"] == "route desk" for row in site.ask("sip-proxy", "config")), "the route for wrong passcodes")
                code, _ = agent.transact("INVITE", "sip:1234@example.org", "desk", 1, headers="X-Passcode: 78\r\n", body=body)
                same("a wrong passcode", (code, desk.invites), (200, 1))
            desk.stop()
    same("the proxy's answers", answers["proxy"], answers["bridge"])
    same("the answers", [answers["proxy"][name].split()[1] for name in ("right", "wrong", "none", "access number", "unknown")], ["200", "403", "200", "200", "404"])


def explained():
    with site_of(authenticate="INVITE") as site:
        message = site.path("message.txt")
        message.write_text(f"INVITE sip:1234@example.org;passcode=1111 SIP/2.0\nVia: SIP/2.0/UDP {site.ip(60)}:5060;branch=z9hG4bKexplain\nMax-Forwards: 70\n"
                           "From: <sip:alice@example.org>;tag=a\nTo: <sip:1234@example.org>\nCall-ID: explain\nCSeq: 1 INVITE\nContent-Length: 0\n\n")
        text = site.command("sip-proxy", "explain", message).stdout
        if not re.search(r"^authentication +challenged", text, re.M) or not re.search(r"^bytes +SIP/2.0 407", text, re.M):
            raise Failed(f"no challenge explained:\n{text}")
        text = site.command("sip-proxy", "explain", message, "--user", "alice").stdout
        for line in (r"listener +udp:\S+:5060, from udp:\S+:5060", r"authentication +taken for alice", r"route +one: group first", rf"target +udp:{site.ip(41)}:5080",
                     rf"send +udp:{site.ip(41)}:5080, \d+ octets", r"edit +\+ P-Asserted-Identity: <sip:alice@example.org>"):
            if not re.search(f"^{line}$", text, re.M):
                raise Failed(f"no line {line} in:\n{text}")
        if "1111" in text:
            raise Failed(f"explain shows a passcode:\n{text}")
        rows = [json.loads(line) for line in site.command("sip-proxy", "route", "sip:555@example.org", "--json").stdout.splitlines()]
        same("route", [row["text"] for row in rows if row["step"] == "route"], ["both: group both"])
        same("nothing was called", site.ask("sip-proxy", "calls"), [])


if __name__ == "__main__":
    harness.main(routes_and_reload, group_fails_over_and_recovers, redirections, records_survive_a_kill, kills_under_load, both_interpreters_agree, explained)
