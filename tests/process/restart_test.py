# threads: under ThreadSanitizer too.
"""kill -9 of sip-registrar and of conf-locate in the middle of work: nothing acknowledged is lost, nothing is heard of it in a running conference, and new
callers come to the bridge where their conference runs (issue 2, line 4)."""
import hashlib
import json
import random
import re
import socket
import subprocess
import threading

import harness
from harness import REALM, Failed, Site, eventually

KILLS, HOLD = (3, 35) if harness.SLOW > 1 else (6, 15)  # seconds that are always longer than the kills take
CALLERS = ("alice", "bob", "carol")
BRIDGES = ("conf-bridge", "bridge-2")


class Registering:
    """One user's devices, registering and leaving without pause. Knows of each contact whether its last 200 bound it or removed it, and nothing of
    contacts whose request was never answered."""

    def __init__(self, site, number, answered):
        self.user, self.answered = f"user{number}", answered
        self.registrar = (site.ip(30), 5070)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((site.ip(100 + number), 5060))
        self.socket.connect(self.registrar)
        self.socket.settimeout(0.5 * harness.SLOW)
        self.host = site.ip(100 + number)
        self.random = random.Random(number)
        self.cseq = self.nonce_count = self.made = 0
        self.nonce = ""
        self.bound, self.removed = set(), set()
        self.stopping = threading.Event()
        self.thread = self.problem = None

    def credentials(self):
        md5 = lambda text: hashlib.md5(text.encode()).hexdigest()
        self.nonce_count += 1
        ha1 = md5(f"{self.user}:{REALM}:{self.user}-secret")
        proof = md5(f"{ha1}:{self.nonce}:{self.nonce_count:08x}:c:auth:{md5(f'REGISTER:sip:{REALM}')}")
        return (f'Authorization: Digest username="{self.user}", realm="{REALM}", nonce="{self.nonce}", uri="sip:{REALM}", response="{proof}", algorithm=MD5, '
                f'qop=auth, nc={self.nonce_count:08x}, cnonce="c"\r\n')

    def exchange(self, contact, expires):
        """One request; its answer's code and text, None when the registrar is gone."""
        self.cseq += 1
        authorization = self.credentials() if self.nonce else ""
        request = (f"REGISTER sip:{REALM} SIP/2.0\r\nVia: SIP/2.0/UDP {self.host}:5060;branch=z9hG4bK{self.user}{self.cseq}\r\nMax-Forwards: 70\r\n"
                   f"From: <sip:{self.user}@{REALM}>;tag=f\r\nTo: <sip:{self.user}@{REALM}>\r\nCall-ID: {self.user}\r\nCSeq: {self.cseq} REGISTER\r\n"
                   f"Contact: <{contact}>;expires={expires}\r\n{authorization}Content-Length: 0\r\n\r\n").encode()
        for _ in range(10):
            try:
                self.socket.send(request)
                while True:
                    answer = self.socket.recv(65536).decode()
                    if f"CSeq: {self.cseq} REGISTER" in answer:
                        return int(answer.split()[1]), answer
            except TimeoutError:
                if self.stopping.is_set():
                    return None
            except ConnectionRefusedError:
                return None
        raise Failed(f"{self.user}: no answer")

    def step(self):
        leaves = self.bound and self.random.random() < 0.2
        if leaves:
            contact = self.random.choice(sorted(self.bound))
        else:
            self.made += 1
            contact = f"sip:{self.user}@{self.host}:{10000 + self.made}"
        self.bound.discard(contact)  # until its 200 both outcomes are right
        for _ in range(3):
            outcome = self.exchange(contact, 0 if leaves else 3600)
            if outcome is None:
                return False
            code, answer = outcome
            if code == 401:
                self.nonce, self.nonce_count = re.search(r'nonce="([^"]*)"[^\r]*algorithm=MD5', answer).group(1), 0
                continue
            if code != 200:
                raise Failed(f"{self.user}: {contact}: {answer}")
            (self.removed if leaves else self.bound).add(contact)
            self.answered.release()
            return True
        raise Failed(f"{self.user}: three challenges in a row: {answer}")

    def run(self):
        try:
            while not self.stopping.is_set() and self.step():
                pass
        except Exception as problem:  # shown by the test's thread
            self.problem = problem
            self.answered.release()

    def begin(self):
        self.stopping.clear()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def end(self):
        self.thread.join()
        if self.problem:
            raise self.problem


def conference(site, hold, bridges=("conf-bridge",)):
    """Three callers over TLS and SRTP in conference 1234, who stay for `hold` after they all were heard."""
    command = [harness.program("sip-probe"), "conf", f"sip:1234@{REALM}", "--legs", "3", "--register", "--srtp", "--json", "--proxy", site.edge, "--ca", site.path("ca.pem"),
               "--header", "X-Passcode: 5678", "--hold", f"{hold}s"]
    for user in CALLERS:
        command += ["--from", f"sip:{user}@{REALM}", "--password-file", site.path(f"{user}.password")]
    running = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=site.folder)
    eventually(lambda: running.poll() is not None or any(len(members(site, bridge, "1234")) == 3 for bridge in bridges), "three members in 1234", 20)
    return running


def members(site, bridge, number):
    try:
        return site.ask(bridge, "members", conference=number)
    except Failed:
        return []


def unaffected(running):
    """Waits for the end of the conference: all heard each other, and nothing is missing in what they received."""
    if running.poll() is not None:
        raise Failed(f"the conference ended while it was to be disturbed: {running.communicate()}")
    output, errors = running.communicate(timeout=120 * harness.SLOW)
    if running.returncode != 0:
        raise Failed(f"the conference ended with {running.returncode}: {errors}\n{output}")
    for row in map(json.loads, output.splitlines()):
        if row["packets_received"] < 200 or row["packets_lost"] * 100 > row["packets_received"]:
            raise Failed(f"leg {row['leg']} received {row['packets_received']} packets and missed {row['packets_lost']}")


def begin(site):
    for user in CALLERS:
        site.add_user(user)
    site.add_conference("1234", "5678")


def rest(devices, answered):
    """Every device stops; what was answered until then is counted no more."""
    for device in devices:
        device.stopping.set()
    for device in devices:
        device.end()
    while answered.acquire(blocking=False):
        pass


def test_no_acknowledged_binding_is_lost():
    durable = {"durability": "strict", "contacts-per-address": "1000"}
    with Site(sip_registrar=durable) as site:
        begin(site)
        answered = threading.Semaphore(0)
        devices = [Registering(site, number, answered) for number in range(8)]
        for device in devices:
            site.add_user(device.user)
        talk = conference(site, HOLD)
        try:
            total = 0
            for _ in range(KILLS):
                for device in devices:
                    device.begin()
                for _ in range(random.randint(30, 150)):  # the kill comes at any point of the work that goes on meanwhile
                    if not answered.acquire(timeout=20 * harness.SLOW):
                        raise Failed("REGISTER is no longer answered")
                site.kill("sip-registrar")
                rest(devices, answered)
                site.start("sip-registrar")
                live = {row["contact"] for row in site.ask("sip-registrar", "contacts")}
                for device in devices:
                    if lost := device.bound - live:
                        raise Failed(f"{len(lost)} of {len(device.bound)} acknowledged bindings of {device.user} are lost: {sorted(lost)[:5]}")
                    if back := device.removed & live:
                        raise Failed(f"{len(back)} bindings of {device.user} are back after their removal was acknowledged: {sorted(back)[:5]}")
                total = sum(len(device.bound) for device in devices)
            print(f"     {KILLS} kills, {total} bindings acknowledged and all there", flush=True)
            unaffected(talk)
        finally:
            talk.kill()
            talk.wait()


def second_bridge(site):
    """Another bridge of the same site, at .41."""
    text = site.configuration("conf-bridge").replace("bridge-1", "bridge-2").replace(site.ip(40), site.ip(41)).replace("conf-bridge.sock", "bridge-2.sock")
    site.path("bridge-2.conf").write_text(text)
    with open(site.path("bridge-2.log"), "ab") as log:
        site.processes["bridge-2"] = subprocess.Popen([harness.program("conf-bridge"), "-c", str(site.path("bridge-2.conf"))], stderr=log, stdout=log)
    eventually(lambda: len(site.ask("conf-locate", "bridge-list")) == 2, "both bridges known to conf-locate")


def call(site, number):
    return subprocess.Popen([harness.program("sip-probe"), "call", f"sip:{number}@{REALM}", "--proxy", site.proxy, "--from", f"sip:alice@{REALM}", "--password-file",
                             str(site.path("alice.password")), "--header", f"X-Passcode: {passcode(number)}", "--duration", "1h"], stdout=subprocess.DEVNULL)


def passcode(number):
    return str(int(number) * 7)


def homes(site, numbers):
    """The bridges on which each conference runs, with its members there."""
    return {number: {bridge: len(found) for bridge in BRIDGES if (found := members(site, bridge, number))} for number in numbers}


def test_the_directory_comes_back_and_conferences_stay_together():
    numbers = [str(number) for number in range(2001, 2007)]
    with Site() as site:
        begin(site)
        second_bridge(site)
        for number in numbers:
            site.add_conference(number, passcode(number), name=f"room-{number}")
        site.command("conf-locate", "dnis", "add", "9000")
        calls = []
        talk = None
        try:
            talk = conference(site, HOLD, BRIDGES)
            for number in numbers:
                calls.append(call(site, number))
            eventually(lambda: all(sum(where.values()) == 1 for where in homes(site, numbers).values()), "one member in each conference", 20)
            before = homes(site, numbers)
            if len({bridge for where in before.values() for bridge in where}) != 2:
                raise Failed(f"all conferences run on one bridge, the test would prove nothing: {before}")
            for kill in range(2, 2 + min(KILLS, 3)):
                directory = (site.ask("conf-locate", "conference-list"), site.ask("conf-locate", "dnis-list"))
                site.kill("conf-locate")
                site.start("conf-locate")
                eventually(lambda: all(site.ask(name, "status")["locate_connected"] for name in ("sip-proxy", *BRIDGES)), "all back at conf-locate")
                calls += [call(site, number) for number in numbers]
                again = (site.ask("conf-locate", "conference-list"), site.ask("conf-locate", "dnis-list"))
                if static(directory) != static(again):
                    raise Failed(f"the directory was {directory} and is {again}")
                eventually(lambda: all(sum(where.values()) == kill for where in homes(site, numbers).values()), f"{kill} members in each conference", 20)
                now = homes(site, numbers)
                if {number: set(where) for number, where in now.items()} != {number: set(where) for number, where in before.items()}:
                    raise Failed(f"conferences ran at {before} and after the restart at {now}")
            refused = site.probe("call", f"sip:2001@{REALM}", "--header", "X-Passcode: 1", "--duration", "1s", user="alice", check=False)
            if refused.returncode == 0 or "403 Wrong Passcode" not in refused.stderr:
                raise Failed(f"a wrong passcode after the restart: exit {refused.returncode}: {refused.stdout}{refused.stderr}")
            unaffected(talk)
        finally:
            for running in calls + [talk] * (talk is not None):
                running.kill()
                running.wait()


def static(directory):
    """What is stored, without what runs at the moment."""
    return [[{key: value for key, value in row.items() if key not in ("id", "running")} for row in rows] for rows in directory]


if __name__ == "__main__":
    harness.main(test_no_acknowledged_binding_is_lost, test_the_directory_comes_back_and_conferences_stay_together, together=2)
