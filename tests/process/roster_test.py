"""Who is in a conference, seen from SIP and from the shell: RFC 4575 subscribers (SIPp, and a raw one that loses a NOTIFY), and what the verbs do to sound."""
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
import xml.etree.ElementTree as xml

import harness
from agent import Agent, description
from harness import Failed, Site, TREE, eventually, program

SPACE = "{urn:ietf:params:xml:ns:conference-info}"
NUMBER = "1234"


def bridge(**rules):
    site = Site(daemons=("conf-bridge",), conf_bridge={"media-timeout": "60s", "trusted": "127.0.0.0/8"})
    site.overrides["conf_bridge"]["roster-watchers"] = site.ip(77)
    site.canned_directory({NUMBER: {"passcode": "99", "name": "Weekly", **rules}})
    return site


def members(site):
    return site.ask("conf-bridge", "members", conference=NUMBER)


class Party:
    """One socket of the test's own at the bridge."""

    def __init__(self, site, last):
        self.agent = Agent(site, last, to=(site.ip(40), 5080))
        self.uri = f"sip:{NUMBER}@{site.ip(40)}:5080"
        self.cseq, self.tag = {}, {}

    def ask(self, method, call, headers="", body="", within=False):
        self.cseq[call] = self.cseq.get(call, 0) + 1
        code, answer = self.agent.transact(method, self.uri, call, self.cseq[call], to_tag=self.tag[call] if within else "", headers=headers, body=body, user=call)
        if not within and code == 200:
            self.tag[call] = re.search(r"\r\nTo:[^\r]*;tag=([^\r;]*)", answer).group(1)
        return code, answer

    def join(self, site, call, headers=""):
        code, answer = self.ask("INVITE", call, f"X-Passcode: 99\r\nP-Asserted-Identity: <sip:{call}@example.org>\r\n{headers}", description(site))
        if code != 200 or "Allow-Events: conference" not in answer:
            raise Failed(f"{call}: {answer}")
        self.agent.send("ACK", self.uri, call, self.cseq[call], to_tag=self.tag[call], user=call)


class Watcher(Party):
    """A subscriber with a roster of its own, kept as RFC 4575 §4.6 says."""

    def __init__(self, site, last):
        super().__init__(site, last)
        self.version, self.users, self.seen = -1, {}, set()

    def subscribe(self, headers="", within=False):
        return self.ask("SUBSCRIBE", "watch", f"Event: conference\r\n{headers}", within=within)

    def notified(self):
        """The next NOTIFY that is not a repetition; answered 200."""
        while True:
            text = self.agent.receive()
            if not text.startswith("NOTIFY "):
                continue
            lines = [line for line in text.split("\r\n") if line.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
            self.agent.socket.sendall("\r\n".join(["SIP/2.0 200 OK", *lines, "Content-Length: 0", "", ""]).encode())
            if lines[-1] + lines[0] not in self.seen:
                self.seen.add(lines[-1] + lines[0])
                return text

    def read(self, text):
        root = xml.fromstring(text.split("\r\n\r\n", 1)[1])
        gap = int(root.get("version")) != self.version + 1
        self.version = int(root.get("version"))
        users = root.find(f"{SPACE}users")
        if users is None:
            return root.get("state"), gap
        if users.get("state") == "full":
            self.users = {}
        for user in users:
            entity = user.get("entity")
            if user.get("state") == "deleted":
                self.users.pop(entity, None)
                continue
            kept = self.users.setdefault(entity, {})
            if user.get("state") == "full":
                kept.clear()
            for endpoint in user.findall(f"{SPACE}endpoint"):
                kept.pop(endpoint.get("entity"), None)
                if endpoint.get("state") != "deleted":
                    kept[endpoint.get("entity")] = endpoint.find(f"{SPACE}status").text
        return root.get("state"), gap

    def roster(self):
        return sorted((entity, status) for entity, endpoints in self.users.items() for status in endpoints.values())


def test_late_and_lossy_subscriber():
    with bridge() as site:
        callers, watcher = Party(site, 60), Watcher(site, 77)
        for call in ("alice", "bob", "carol"):
            callers.join(site, call)
        eventually(lambda: len(members(site)) == 3, "three members")
        site.command("conf-bridge", "kick", NUMBER, "2")
        if (code := Party(site, 60).ask("SUBSCRIBE", "eve", "Event: conference\r\n")[0]) != 403:
            raise Failed(f"a stranger's subscription: {code}")
        code, answer = watcher.subscribe()
        if code != 200:
            raise Failed(answer)
        if watcher.read(watcher.notified()) != ("full", False) or len(watcher.roster()) != 2:
            raise Failed(f"at first: {watcher.roster()}")
        callers.join(site, "dave", "Privacy: id\r\n")
        watcher.notified()  # lost: answered, and not looked at
        site.command("conf-bridge", "mute", NUMBER, "1")
        if watcher.read(watcher.notified()) != ("partial", True):
            raise Failed("no gap in the versions")
        watcher.subscribe(within=True)
        if watcher.read(watcher.notified()) != ("full", False):
            raise Failed("a refresh brings the whole state")
        wanted = [("sip:alice@example.org", "muted-via-focus"), ("sip:anonymous-4@anonymous.invalid", "connected"), ("sip:carol@example.org", "connected")]
        if watcher.roster() != wanted:
            raise Failed(f"{watcher.roster()}, wanted {wanted}")
        callers.ask("BYE", "carol", within=True)
        watcher.read(watcher.notified())
        if watcher.roster() != wanted[:2]:
            raise Failed(f"after a leave: {watcher.roster()}")
        if "dave" in "".join(json.dumps(row) for row in members(site)):
            raise Failed("who withholds his identity is shown")
        watcher.subscribe("Expires: 0\r\n", within=True)
        if "terminated;reason=timeout" not in watcher.notified():
            raise Failed("no last NOTIFY")
        eventually(lambda: site.ask("conf-bridge", "status")["subscriptions"] == 0, "no subscription left")
        site.command("conf-bridge", "end", NUMBER)


def test_sipp_subscribes():
    with bridge() as site:
        callers = Party(site, 60)
        callers.join(site, "alice")
        eventually(lambda: len(members(site)) == 1, "a member")
        sipp = subprocess.Popen(["sipp", f"{site.ip(40)}:5080", "-sf", TREE / "tests/process/sipp/roster.xml", "-s", NUMBER, "-i", site.ip(77), "-p", "5060", "-m", "1", "-nostdin",
                                 "-timeout", "30s", "-timeout_error", "-trace_err", "-error_file", site.path("roster.err")], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, cwd=site.folder)
        metrics = lambda name: int(re.search(rf"{name}_total (\d+)", site.ask("conf-bridge", "metrics")["text"]).group(1))
        eventually(lambda: metrics("confab_bridge_notified") == 1, "SIPp was told the roster")
        site.command("conf-bridge", "mute", NUMBER, "1")
        eventually(lambda: metrics("confab_bridge_notified") == 2, "SIPp was told the change")
        site.command("conf-bridge", "end", NUMBER)
        if (code := sipp.wait(30 * harness.SLOW)) != 0:
            raise Failed(f"SIPp: {code} {site.path('roster.err').read_text() if site.path('roster.err').exists() else ''}")
        eventually(lambda: site.ask("conf-bridge", "status")["subscriptions"] == 0, "no subscription left")


def test_lobby():
    """Those who wait for the host are pending in the roster until they are let in, one by one or all at once."""
    with bridge(wait_for_host=True) as site:
        callers, watcher = Party(site, 60), Watcher(site, 77)
        states = lambda: [row["state"] for row in members(site)]
        for call in ("alice", "bob", "carol"):
            callers.join(site, call)
        eventually(lambda: states() == ["waiting"] * 3, "three who wait")
        watcher.subscribe()
        watcher.read(watcher.notified())
        if [status for _, status in watcher.roster()] != ["pending"] * 3:
            raise Failed(f"those who wait: {watcher.roster()}")
        for words, wanted in ((("admit", NUMBER, "2"), ["pending", "connected", "pending"]), (("admit-all", NUMBER), ["connected"] * 3)):
            for changes in ("yes", "no"):
                if f"changed: {changes}" not in (said := site.command("conf-bridge", *words).stdout):
                    raise Failed(f"{words}: {said}")
            watcher.read(watcher.notified())
            if [status for _, status in watcher.roster()] != wanted:
                raise Failed(f"after {words}: {watcher.roster()}")
        if states() != ["joined"] * 3:
            raise Failed(f"let in: {members(site)}")


def matrix(site, on_joined, turn="1200ms"):
    """Who hears whom among three legs after what `on_joined` does, which has as long as it takes the first leg to sound its tone: 500 ms and a quarter of its turn."""
    events = site.subscribe("conf-bridge")
    command = [program("sip-probe"), "conf", f"sip:{NUMBER}@example.org", "--legs", "3", "--turn", turn, "--json", "--proxy", site.bridge, "--header", "X-Passcode: 99"]
    for user in ("alice", "bob", "carol"):
        command += ["--from", f"sip:{user}@example.org"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    joined = {}
    while len(joined) < 3:
        event = events.event()
        if event.get("event") == "joined":
            joined[event["identity"].split(":")[1].split("@")[0]] = event["member"]
    events.close()
    on_joined(joined)
    output, _ = process.communicate(timeout=60 * harness.SLOW)
    return [[cell["heard"] for cell in json.loads(line)["hears"]] for line in output.splitlines()]


def test_who_hears_whom():
    with bridge() as site:
        tell = lambda verb, **arguments: site.ask("conf-bridge", verb, conference=NUMBER, **arguments)

        def only_the_host_talks(member):
            tell("host", member=member["bob"])
            tell("mute-all")
            tell("lock")
            late = site.probe("call", f"sip:{NUMBER}@example.org", "--header", "X-Passcode: 99", via=site.bridge, check=False)
            if late.returncode != 1:
                raise Failed(f"a locked conference: {late.returncode} {late.stdout}{late.stderr}")
        if (heard := matrix(site, lambda member: tell("deafen", member=member["alice"]))) != [[False, False, False], [True, False, True], [True, True, False]]:
            raise Failed(f"alice deaf: {heard}")
        if (heard := matrix(site, only_the_host_talks)) != [[False, True, False], [False, False, False], [False, True, False]]:
            raise Failed(f"everybody but the host muted: {heard}")


class Terminal:
    """`conf-bridge watch` on a terminal of 80 columns; everything that it wrote."""

    def __init__(self, site):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(slave)
        self.slave, self.text = slave, ""
        self.process = subprocess.Popen([program("conf-bridge"), "watch", NUMBER, "--socket", site.path("conf-bridge.sock")], stdin=slave, stdout=slave, stderr=slave)

    def shows(self, pattern, seconds=10):
        deadline = time.monotonic() + seconds * harness.SLOW
        while not re.search(pattern, self.text.rpartition("\x1b[H")[2] if "\x1b[J" in self.text.rpartition("\x1b[H")[2] else self.text):
            if time.monotonic() > deadline:
                raise Failed(f"{pattern} is not on the screen: {self.text[-3000:]!r}")
            if select.select([self.master], [], [], 0.2)[0]:
                self.text += os.read(self.master, 65536).decode()

    def end(self, key):
        os.write(self.master, key)
        deadline = time.monotonic() + 5 * harness.SLOW
        while self.process.poll() is None and time.monotonic() < deadline:
            if select.select([self.master], [], [], 0.2)[0]:
                self.text += os.read(self.master, 65536).decode()
        code = self.process.wait(1)
        while select.select([self.master], [], [], 0)[0]:
            self.text += os.read(self.master, 65536).decode()
        after = termios.tcgetattr(self.slave)
        os.close(self.master)
        os.close(self.slave)
        if code != 0 or after != self.before or not self.text.endswith("\x1b[?25h\x1b[?1049l"):
            raise Failed(f"the terminal is not as before: exit {code}, {self.text[-200:]!r}")


def test_watch():
    """The live table shows who talks and how loud; in a pipe the same command tells events of that conference alone."""
    with bridge() as site:
        terminal, interrupted = Terminal(site), Terminal(site)
        terminal.shows("is not running")
        interrupted.shows("is not running")
        piped = subprocess.Popen([program("conf-bridge"), "watch", NUMBER, "--socket", site.path("conf-bridge.sock")], stdout=subprocess.PIPE, text=True)
        clients = lambda: int(re.search(r"confab_control_clients (\d+)", site.ask("conf-bridge", "metrics")["text"]).group(1))
        eventually(lambda: clients() >= 2, "the pipe's subscription")
        measured = []

        def look(member):
            terminal.shows(r"1234 Weekly +3 of 1000 members")
            terminal.shows(r"T    +\|+")
            site.command("conf-bridge", "raise-hand", NUMBER, member["carol"])
            terminal.shows("   H")
            measured.extend(site.ask("conf-bridge", "stats", conference=NUMBER))
            shown = site.ask("conf-bridge", "leg", conference=NUMBER, member=int(member["carol"]))
            if shown["hand"] is not True or shown["identity"] != "sip:carol@example.org":
                raise Failed(f"leg: {shown}")
        matrix(site, look, "3s")  # the screen is drawn once a second
        if [row["codec"] for row in measured] != ["PCMU"] * 3 or max(row["level"] for row in measured) < -40 or min(row["received"] for row in measured) < 10:
            raise Failed(f"measured: {measured}")
        terminal.shows("is not running")
        for line in terminal.text.replace("\x1b[K", "").split("\r\n"):
            if len(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line.rpartition("\x1b[H")[2])) > 80:
                raise Failed(f"wider than the screen: {line!r}")
        terminal.end(b"q")
        interrupted.end(b"\x03")
        events = []
        while not events or events[-1]["event"] != "conference-ended":
            events.append(json.loads(piped.stdout.readline()))
        piped.kill()
        piped.wait()
        told = [event for event in events if event["event"] == "silent" and event["spell_ms"] > 300]
        if {event["event"] for event in events} < {"joined", "talking", "silent", "hand-raised", "left"} or not told:
            raise Failed(f"events: {events}")


if __name__ == "__main__":
    harness.main(test_late_and_lossy_subscriber, test_sipp_subscribes, test_lobby, test_who_hears_whom, test_watch)
