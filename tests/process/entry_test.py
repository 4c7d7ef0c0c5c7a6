"""Entry into a conference, at one bridge's own sockets: parameters of the INVITE (S1-40…S1-48) and the spoken dialogue (S1-49), with a canned directory.

Each function is named after its row of the requirements. Callers send silence and telephone events, and record what they hear.
"""
import json
import select
import socket
import threading
import time
import wave

import agent
import harness
from agent import expect
from harness import Failed, Site, eventually

# Magnitudes of PCMU codes (ITU-T G.711), for the mean loudness of what was heard.
MAGNITUDE = [(((~code & 0x0F) << 3) + 0x84 << ((~code & 0x70) >> 4)) - 0x84 for code in range(256)]
SILENCE = b"\xff" * 160
DIRECTORY = {
    "1234": {"passcode": "99", "name": "Weekly"},
    "1300": {"passcode": "99", "leader_pin": "4711"},
    "1400": {"passcode": "99", "security_code": ""},
    "1450": {"passcode": "99", "leader_pin": "4711", "wait_for_host": True, "host_leaves": "end"},
    "1500": {"passcode": "99", "language": "de"},
    "1600": {"passcode": "99", "starts": 4102444800},
    "1650": {"passcode": "99", "ends": 1},
    "1700": {"passcode": "99", "lobby": True, "announce": "tone"},
    "1750": {"passcode": "99"},
    "1760": {"passcode": "99", "max_members": 1},
    "1800": {"conference": "1800"},
}


class Caller:
    """One call of our own to the bridge: SIP by agent.Agent, RTP by a thread that sends silence or keys every 20 ms and keeps what comes."""

    count = 0

    def __init__(self, site, number="1234", headers="", name="caller"):
        Caller.count += 1
        self.site, self.name = site, name
        self.agent = agent.Agent(site, 60, to=(site.ip(40), 5080))
        self.uri = f"sip:{number}@{site.ip(40)}:5080" if "@" not in number else number
        self.call = f"c{Caller.count}"
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind((site.ip(60), 0))
        self.heard, self.keys, self.peer = bytearray(), [], None
        self.running = False
        body = (f"v=0\r\no=- 1 1 IN IP4 {site.ip(60)}\r\ns=-\r\nc=IN IP4 {site.ip(60)}\r\nt=0 0\r\nm=audio {self.rtp.getsockname()[1]} RTP/AVP 0 101\r\n"
                "a=rtpmap:101 telephone-event/8000\r\n")
        self.code, self.response = self.agent.transact("INVITE", self.uri, self.call, 1, headers=headers, body=body, user=name)
        if self.code == 200:
            self.tag = self.response.split("\r\nTo:", 1)[1].split("\r\n", 1)[0].split("tag=", 1)[1]
            address = next(line for line in self.response.split("\r\n") if line.startswith("c=")).split()[-1]
            port = next(line for line in self.response.split("\r\n") if line.startswith("m=audio")).split()[1]
            self.peer = (address, int(port))
            self.agent.send("ACK", self.uri, self.call, 1, to_tag=self.tag, user=name)
            self.running = True
            self.thread = threading.Thread(target=self.stream)
            self.thread.start()

    def stream(self):
        sequence, clock, at = 1, 0, time.monotonic()
        event, step = None, 0
        while self.running:
            marker, kind, stamp, payload = 0, 0, clock, self.says(clock)
            if event is None and self.keys:
                event, step, began = self.keys.pop(0), 0, clock
            if event is not None:
                if step < 8:
                    marker, kind, stamp = (0x80 if step == 0 else 0), 101, began
                    payload = bytes([event, (0x8A if step >= 5 else 0x0A)]) + (min(step + 1, 6) * 160).to_bytes(2, "big")
                step += 1
                if step == 14:
                    event = None
            self.rtp.sendto(bytes([0x80, marker | kind]) + sequence.to_bytes(2, "big") + (stamp & 0xFFFFFFFF).to_bytes(4, "big") + b"abcd" + payload, self.peer)
            sequence, clock, at = (sequence + 1) & 0xFFFF, clock + 160, at + 0.02
            while (left := at - time.monotonic()) > 0:
                if select.select([self.rtp], [], [], left)[0]:
                    packet = self.rtp.recv(2048)
                    if packet[1] & 0x7F == 0:
                        self.heard += packet[12:]

    def says(self, clock):
        return SILENCE

    def key(self, digits):
        self.keys += ["0123456789*#".index(digit) for digit in digits]

    def loudness(self):
        """Mean magnitude of what was heard until now."""
        return self.mean(0)

    def mean(self, start):
        codes = bytes(self.heard[start:])
        return sum(MAGNITUDE[code] for code in codes) / max(1, len(codes))

    def speaks(self, what, seconds=5, since=None):
        """A prompt that begins now, or began after so much was heard."""
        mark = len(self.heard) if since is None else since
        eventually(lambda: self.mean(mark) > 100, f"{what}: a prompt is heard", seconds)

    def falls_silent(self, what, seconds=10):
        mark = len(self.heard)
        eventually(lambda: len(self.heard) > mark + 8000 and self.mean(-4000) < 100, f"{what}: silence", seconds)

    def row(self):
        """This caller's row in any roster, or None."""
        for conference in [row["conference"] for row in self.site.ask("conf-bridge", "list") or []]:
            for row in self.site.ask("conf-bridge", "members", conference=conference):
                if row["identity"] == f"sip:{self.name}@example.org":
                    return row
        return None

    def joined(self, what):
        return eventually(lambda: (row := self.row()) and row["state"] == "joined" and row, f"{what}: joined")

    def ended(self, what):
        """Until the bridge's BYE, which is answered."""
        while not (request := self.agent.receive()).startswith("BYE "):
            pass
        head = [line for line in request.split("\r\n\r\n")[0].split("\r\n")[1:] if line.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
        self.agent.socket.sendall(("SIP/2.0 200 OK\r\n" + "\r\n".join(head) + "\r\nContent-Length: 0\r\n\r\n").encode())
        self.stop()
        return request

    def stop(self):
        if self.running:
            self.running = False
            self.thread.join()

    def hang_up(self):
        self.stop()
        expect("BYE", self.agent.transact("BYE", self.uri, self.call, 900, to_tag=self.tag, user=self.name)[0], (200,))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        running = self.running
        self.stop()
        if running:
            self.agent.send("BYE", self.uri, self.call, 950, to_tag=self.tag, user=self.name)
        self.rtp.close()
        self.agent.socket.close()


class Stage:
    """One bridge with the canned directory, for all rows that need no other configuration."""

    site = None

    @classmethod
    def get(cls):
        if not cls.site:
            cls.site = Site(daemons=("conf-bridge",), conf_bridge={"call-log": "legs.ndjson", "digit-timeout": "4s", "wrong-passcode-code": "404"})
            cls.directory = cls.site.canned_directory(DIRECTORY)
            cls.site.__enter__()
        return cls.site

    @classmethod
    def close(cls):
        if cls.site:
            cls.site.__exit__(None, None, None)


def passcode(code="99"):
    return f"X-Passcode: {code}\r\n"


def s1_40_passcode_in_a_header_joins_without_a_prompt():
    site = Stage.get()
    with Caller(site, headers=passcode(), name="forty") as caller:
        caller.joined("by header")
        eventually(lambda: len(caller.heard) > 8000, "a second of sound")
        if caller.loudness() > 20:
            raise Failed(f"who brought the passcode heard something: {caller.loudness()}")


def s1_41_a_wrong_passcode_is_turned_away_or_routed():
    site = Stage.get()
    expect("policy reject", Caller(site, headers=passcode("98")).code, (404,))
    site.reconfigure("conf-bridge", **{"wrong-passcode": "route", "operator": "sip:desk@example.org"})
    routed = eventually(lambda: (caller := Caller(site, headers=passcode("98"))).code == 302 and caller, "policy route")
    if "Contact: <sip:desk@example.org>" not in routed.response:
        raise Failed(f"302 leads elsewhere: {routed.response}")
    site.reconfigure("conf-bridge", **{"wrong-passcode": "reject"})
    eventually(lambda: Caller(site, headers=passcode("98")).code == 404, "policy reject again")


def s1_42_the_roster_shows_the_role_of_the_header():
    site = Stage.get()
    for value, role in (("true", "host"), ("false", "participant")):
        with Caller(site, headers=passcode() + f"X-Is-Host: {value}\r\n", name=f"is{value}") as caller:
            if caller.joined(value)["role"] != role:
                raise Failed(f"X-Is-Host: {value} is shown as {caller.row()['role']}")


def s1_43_the_leader_pin_gives_the_role():
    site = Stage.get()
    pin = lambda text: passcode() + f"X-Leader-Pin: {text}\r\n"
    with Caller(site, "1300", pin("4711"), "leader") as caller:
        if caller.joined("right PIN")["role"] != "host":
            raise Failed("the right PIN did not make a host")
    with Caller(site, "1300", pin("4712"), "keyed") as caller:
        caller.speaks("prompted for the PIN")
        if caller.row():
            raise Failed("a wrong PIN joined")
        caller.key("4711#")
        if caller.joined("keyed PIN")["role"] != "host":
            raise Failed("the keyed PIN did not make a host")
    site.reconfigure("conf-bridge", **{"wrong-leader-pin": "refuse"})
    eventually(lambda: Caller(site, "1300", pin("4712")).code == 404, "policy refuse")
    site.reconfigure("conf-bridge", **{"wrong-leader-pin": "participant"})
    with eventually(lambda: (caller := Caller(site, "1300", pin("4712"), "meek")).code == 200 and caller, "policy participant") as caller:
        if caller.joined("policy participant")["role"] != "participant":
            raise Failed("a wrong PIN made a host")
    site.reconfigure("conf-bridge", **{"wrong-leader-pin": "prompt"})


def s1_44_the_leader_sets_a_security_code_for_participants():
    site = Stage.get()
    with Caller(site, "1400", passcode() + "X-Is-Host: true\r\nX-Security-Code: 77\r\n", "chair") as chair:
        chair.joined("the leader")
        with Caller(site, "1400", passcode() + "X-Security-Code: 77\r\n", "knows") as caller:
            caller.joined("the right code")
        with Caller(site, "1400", passcode(), "asked") as caller:
            caller.speaks("prompted for the code")
            caller.key("78#77#")
            caller.joined("the code at the second try")
        site.reconfigure("conf-bridge", **{"wrong-security-code": "refuse"})
        eventually(lambda: Caller(site, "1400", passcode() + "X-Security-Code: 78\r\n").code == 404, "wrong code refused")
        expect("no code refused", Caller(site, "1400", passcode()).code, (404,))
        site.reconfigure("conf-bridge", **{"wrong-security-code": "prompt"})


def s1_45_the_accounting_code_is_in_the_record():
    site = Stage.get()
    with Caller(site, headers=passcode() + "X-Phone-PAC: project-4711\r\n", name="billed") as caller:
        caller.joined("with an accounting code")
        caller.hang_up()
    log = site.path("legs.ndjson")
    eventually(lambda: log.exists() and "project-4711" in log.read_text(), "the call's record")
    record = next(json.loads(line) for line in log.read_text().splitlines() if "project-4711" in line)
    if "99" in (record.get("passcode"), record.get("number")):
        raise Failed(f"a passcode is in the record: {record}")


def s1_46_the_attendee_is_on_audio_and_can_be_muted():
    site = Stage.get()
    events = site.subscribe("conf-bridge")
    with Caller(site, headers=passcode() + "X-Attendee-ID: web-7\r\n", name="attendee") as caller:
        caller.joined("with an attendee id")
        while (event := events.event())["event"] != "joined" or event["attendee"] != "web-7":
            pass
        site.command("conf-bridge", "mute", "1234", "web-7")
        if not caller.row()["muted"] or caller.row()["attendee"] != "web-7":
            raise Failed(f"the roster shows {caller.row()}")
    events.close()


def s1_47_proxy_and_bridge_interpret_alike():
    with Site(daemons=("conf-locate", "sip-registrar", "conf-bridge", "sip-proxy"), conf_bridge={"wrong-passcode-code": "404"},
              sip_proxy={"wrong-passcode-code": "404"}) as site:
        site.add_user("alice")
        site.add_conference("1234", "99")
        seen = {}
        for mode in ("bridge", "proxy"):
            site.reconfigure("sip-proxy", interpret=mode)
            eventually(lambda: any(row.get("key") == "interpret" and row.get("value") == mode for row in site.ask("sip-proxy", "config")), f"interpret = {mode}")
            short = ("--duration", "300ms")
            right = site.probe("call", "sip:1234@example.org", "--header", "X-Passcode: 99", *short, user="alice", check=False)
            wrong = site.probe("call", "sip:1234@example.org", "--header", "X-Passcode: 98", *short, user="alice", check=False)
            parameter = site.probe("call", "sip:1234@example.org;passcode=99", *short, user="alice", check=False)
            seen[mode] = (right.returncode, wrong.returncode, "404" in wrong.stdout + wrong.stderr, parameter.returncode)
        if seen["bridge"] != seen["proxy"] or seen["bridge"] != (0, 1, True, 0):
            raise Failed(f"right, wrong, 404, parameter: {seen}")


def s1_48_uri_parameters_join_alike_and_the_header_wins():
    site = Stage.get()
    host = f"{site.ip(40)}:5080"
    for what, uri, headers, code in (
            ("in the user part", f"sip:1234;passcode=99@{host}", "", 200),
            ("of the URI", f"sip:1234@{host};passcode=99", "", 200),
            ("URI before user part", f"sip:1234;passcode=98@{host};passcode=99", "", 200),
            ("header before URI, right", f"sip:1234@{host};passcode=98", passcode(), 200),
            ("header before URI, wrong", f"sip:1234@{host};passcode=99", passcode("98"), 404)):
        with Caller(site, uri, headers, "params") as caller:
            expect(what, caller.code, (code,))
            if code == 200:
                caller.joined(what)
                if caller.loudness() > 20:
                    raise Failed(f"{what}: prompted")
    with Caller(site, f"sip:1300@{host};passcode=99;leader-pin=4711;attendee-id=a%2Fb", "", "allparams") as caller:
        row = caller.joined("all in the URI")
        if (row["role"], row["attendee"]) != ("host", "a/b"):
            raise Failed(f"the roster shows {row}")


def s1_49_a_plain_phone_is_prompted_and_keys_the_passcode():
    site = Stage.get()
    with Caller(site, name="plain") as caller:
        caller.speaks("asked for the passcode")
        caller.key("98#")
        caller.speaks("told that it is wrong")
        caller.key("99#")
        caller.joined("keyed passcode")
    with Caller(site, name="guesser") as caller:
        caller.key("1#2#3#")
        if 'cause=404;text="Wrong Passcode"' not in caller.ended("three wrong ones"):
            raise Failed("three wrong passcodes did not end the call")


def who_keyed_the_passcode_is_told_why_he_is_refused():
    site = Stage.get()
    with Caller(site, "1750", passcode(), "inside") as inside, Caller(site, "1760", passcode(), "only") as only:
        inside.joined("the first")
        only.joined("the only one")
        site.command("conf-bridge", "lock", "1750")
        for number, code, words in (("1750", 403, "Conference Locked"), ("1760", 486, "Conference Full"), ("1600", 480, "Conference Not Started"),
                                    ("1650", 410, "Conference Over")):
            brought = Caller(site, number, passcode())
            if brought.code != code or words not in brought.response:
                raise Failed(f"{words}: an INVITE got {brought.response.splitlines()[0]}")
            with Caller(site, number, name=f"keyed{number}") as caller:
                caller.key("99#")
                if f'Reason: SIP;cause={code};text="{words}"' not in caller.ended(words):
                    raise Failed(f"{words}: the BYE gives another reason")
                records = lambda: map(json.loads, site.path("legs.ndjson").read_text().splitlines())
                record = eventually(lambda: next((record for record in records() if record["call_id"] == caller.call), None), f"{words}: a record")
                if record["reason"] != words:
                    raise Failed(f"{words}: the record says {record['reason']}")
    if "Conference Full" not in site.path("conf-bridge.log").read_text():
        raise Failed("the log does not say why")


def the_conference_waits_for_its_host_and_ends_with_him():
    site = Stage.get()
    with Caller(site, "1450", passcode(), "early") as early:
        eventually(lambda: early.row() and early.row()["state"] == "waiting", "waiting")
        early.speaks("told to wait")
        with Caller(site, "1450", passcode() + "X-Leader-Pin: 4711\r\n", "boss") as boss:
            boss.joined("the host")
            early.joined("who waited")
            boss.hang_up()
            if "cause=410" not in early.ended("the host left"):
                raise Failed("the conference did not end with its host")


def locked_with_a_lobby_admits_one_by_one():
    site = Stage.get()
    with Caller(site, "1700", passcode() + "X-Is-Host: true\r\n", "keeper") as keeper:
        keeper.joined("the host")
        keeper.key("*7")
        eventually(lambda: site.ask("conf-bridge", "list")[0]["locked"], "locked by keys")
        keeper.falls_silent("after the lock")
        before = len(keeper.heard)
        with Caller(site, "1700", passcode(), "guest") as guest:
            eventually(lambda: guest.row() and guest.row()["state"] == "waiting", "in the lobby")
            keeper.speaks("that somebody waits", since=before)
            with Caller(site, "1700", passcode(), "second") as second:
                eventually(lambda: second.row() and second.row()["state"] == "waiting", "in the lobby too")
                site.command("conf-bridge", "admit", "1700", str(second.row()["member"]))
                second.joined("admitted by command")
                if guest.row()["state"] != "waiting":
                    raise Failed("one admission let in another")
            keeper.falls_silent("all told")
            before = len(keeper.heard)
            keeper.key("*3")
            guest.joined("admitted by keys")
            keeper.speaks("the tone of somebody who comes", since=before)
            guest.key("*6")
            eventually(lambda: guest.row()["muted"], "muted by keys")


def times_and_attempts_are_refused():
    site = Stage.get()
    expect("not started", Caller(site, "1600", passcode()).code, (480,))
    expect("over", Caller(site, "1650", passcode()).code, (410,))
    expect("unknown", Caller(site, "9999", passcode()).code, (404,))
    site.reconfigure("conf-bridge", **{"caller-misses": "2"})
    eventually(lambda: any(row.get("key") == "caller-misses" and row.get("value") == "2" for row in site.ask("conf-bridge", "config")), "the bound")
    for _ in range(2):
        expect("wrong", Caller(site, headers=passcode("1"), name="mallory").code, (404,))
    barred = Caller(site, headers=passcode(), name="mallory")
    if barred.code != 404 or "Too Many Wrong Codes" not in barred.response:
        raise Failed(f"the third call with the right passcode: {barred.response.splitlines()[0]}")
    with Caller(site, headers=passcode(), name="other") as caller:
        caller.joined("another caller")


def own_recordings_replace_the_prompts():
    site = Stage.get()
    own = site.path("recordings")
    (own / "it").mkdir(parents=True)
    tone = bytes(sample & 0xFF for i in range(8000) for sample in ((8000 if i // 8 % 2 else -8000), (8000 if i // 8 % 2 else -8000) >> 8))
    with wave.open(str(own / "it" / "enter-passcode.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(tone)
    config = lambda *more: harness.run(harness.program("conf-bridge"), "-c", site.path("conf-bridge.conf"), "-t", "--set", f"prompts={own}", *more, check=False)
    if (done := config()).returncode != 0:
        raise Failed(f"own recordings are refused: {done.stderr}")
    site.stop("conf-bridge", patience=0.1)
    site.overrides["conf_bridge"]["prompts"] = own
    site.start("conf-bridge")
    with Caller(site, headers="Accept-Language: it-CH, de;q=0.5\r\n", name="italian") as caller:
        caller.speaks("asked in Italian")
        eventually(lambda: caller.mean(0) > 1500, "the loud tone of one's own recording")
    (own / "it" / "enter-pascode.wav").write_bytes(b"")
    done = config()
    if done.returncode != 78 or "it/enter-pascode.wav" not in done.stderr:
        raise Failed(f"a misspelt recording: exit {done.returncode}, {done.stderr}")


def secrets_are_in_no_log():
    site = Stage.get()
    text = site.path("conf-bridge.log").read_text()
    for secret in ("4711", "4712", "passcode=99", "leader-pin="):
        if secret in text:
            raise Failed(f"{secret} is in the log")


if __name__ == "__main__":
    try:
        harness.main(s1_40_passcode_in_a_header_joins_without_a_prompt, s1_41_a_wrong_passcode_is_turned_away_or_routed,
                     s1_42_the_roster_shows_the_role_of_the_header, s1_43_the_leader_pin_gives_the_role,
                     s1_44_the_leader_sets_a_security_code_for_participants, s1_45_the_accounting_code_is_in_the_record,
                     s1_46_the_attendee_is_on_audio_and_can_be_muted, s1_47_proxy_and_bridge_interpret_alike,
                     s1_48_uri_parameters_join_alike_and_the_header_wins, s1_49_a_plain_phone_is_prompted_and_keys_the_passcode,
                     who_keyed_the_passcode_is_told_why_he_is_refused,
                     the_conference_waits_for_its_host_and_ends_with_him, locked_with_a_lobby_admits_one_by_one, times_and_attempts_are_refused,
                     own_recordings_replace_the_prompts,
                     secrets_are_in_no_log)
    finally:
        Stage.close()
