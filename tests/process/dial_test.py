"""Calls that the bridge makes: nobody without permission, every way in which a call can end, REFER to and from the focus, messages, ad-hoc conferences."""
import contextlib
import json
import subprocess

import harness
from harness import REALM, Failed, Site, eventually
from phone import Phone, body_of, header, hurry, tag_of

DIALS = {"dial-out": "on", "dial-domains": REALM, "dial-prefixes": ["+4930", "0100-0199"], "dial-denied": "+4930900-+4930905", "media-timeout": "60s", "dial-confirm": "off", "call-log": "calls.ndjson"}


def expect(what, got, wanted):
    if got != wanted:
        raise Failed(f"{what}: expected {wanted}, got {got}")


class Floor:
    """A conference with alice, its host, and a phone that gets every call of the bridge."""

    def __init__(self, **keys):
        self.site = Site(daemons=("conf-bridge",))
        self.callee = Phone(self.site, 60, "bob")
        self.site.overrides["conf_bridge"] = {"outbound-proxy": f"udp:{self.callee.local}", **DIALS, **{key.replace("_", "-"): value for key, value in keys.items()}}
        self.directory = self.site.canned_directory({"1234": {}, "2000": {"passcode": "9"}})

    def __enter__(self):
        self.site.__enter__()
        self.alice = Phone(self.site, 50)
        expect("alice's call", self.alice.invite("1234")[0], 200)
        eventually(lambda: self.members(), "alice in")
        self.site.ask("conf-bridge", "host", conference="1234", member=1)
        self.events = self.site.subscribe("conf-bridge")
        return self

    def __exit__(self, *reason):
        for one in (self.alice, self.callee, self.events):
            one.close()
        hurry(self.site)
        self.site.__exit__(*reason)

    def members(self):
        return [(row["identity"], row["state"]) for row in self.site.ask("conf-bridge", "members", conference="1234")]

    def dial(self, target=f"sip:bob@{REALM}", **more):
        control = harness.Control(self.site.path("conf-bridge.sock"))
        with contextlib.closing(control):
            return control.ask("dial", conference="1234", target=target, **more)["dial"]

    def refused(self, target, **more):
        try:
            self.dial(target, **more)
        except Failed as failure:
            return str(failure).split(": ")[1]
        return None

    def states(self, until):
        """The states that the events tell, up to this one."""
        told = []
        while not told or told[-1] != until:
            event = self.events.event()
            if event.get("event") == "dial":
                told.append(event["state"])
        return told

    def record(self, count):
        """Of the last of so many calls."""
        path = self.site.path("calls.ndjson")
        eventually(lambda: len(path.read_text().splitlines()) == count, f"{count} records")
        return json.loads(path.read_text().splitlines()[-1])

    def quiet(self):
        eventually(lambda: (self.site.ask("conf-bridge", "dials") or []) == [] and self.site.ask("conf-bridge", "status")["legs"] == 1, "no dial and only alice's leg left")


def dials_nobody_by_default():
    """No front end starts a call: neither with the default configuration nor with one that merely knows a proxy."""
    for keys in ({"dial-domains": REALM, "dial-prefixes": "0"}, None):
        site = Site(daemons=("conf-bridge",))
        callee = Phone(site, 60)
        site.overrides["conf_bridge"] = {"outbound-proxy": f"udp:{callee.local}", **keys} if keys else {}
        site.canned_directory({"1234": {}})
        with site, callee, Phone(site, 50) as alice:
            alice.invite("1234")
            eventually(lambda: site.ask("conf-bridge", "members", conference="1234"), "alice in")
            site.ask("conf-bridge", "host", conference="1234", member=1)
            for target in ("0123456", f"sip:bob@{REALM}", "tel:+49301", f"sip:bob@{callee.local}"):
                try:
                    site.ask("conf-bridge", "dial", conference="1234", target=target)
                    raise Failed(f"the socket dials {target}")
                except Failed as failure:
                    expect("socket", "dial-out-off" in str(failure), True)
                code, _ = alice.ask("REFER", f"Refer-To: <{target}>\r\n")
                expect(f"REFER to {target}", code in (400, 403), True)
                outside, _ = alice.transact("REFER", f"sip:1234@{site.ip(40)}:5080", f"outside{target[-3:]}", 1, headers=f"Refer-To: <{target}>\r\n", user="alice")
                expect(f"REFER outside a dialog to {target}", outside in (400, 403), True)
            alice.key("*1#0123456#**0*9##")
            if what := callee.silent():
                raise Failed(f"the bridge sent {what}")
            expect("transactions of its own", site.ask("conf-bridge", "status")["client_transactions"], 0)
            hurry(site)


def policy():
    with Floor(dial_per_conference="3", dial_at_once="1") as floor:
        table = (("+49 (30) 900-1", "number-denied"), ("+49301", None), ("+4931", "number-not-allowed"), ("0099", "number-not-allowed"), ("0200", "number-not-allowed"),
                 (f"sip:+4930905@{REALM}", "number-denied"), ("sip:bob@evil.example", "other-domain"), (f"sip:bob@{REALM};maddr=1.2.3.4", "bad-target"),
                 (f"sip:bob@{REALM}:5070", "bad-target"), (f"sip:bob@{REALM}?Route=x", "bad-target"), (f"sip:bob:secret@{REALM}", "bad-target"),
                 (f"sip:%2B4930900@{REALM}", "bad-target"), (f"sip:+49301;ext=9@{REALM}", "bad-target"), ("bob", "bad-target"), ("", "bad-target"))
        for target, why in table:
            expect(f"dial {target}", floor.refused(target), why)
        with Phone(floor.site, 51, "carol") as carol:
            carol.invite("1234")
            eventually(lambda: len(floor.members()) == 2, "carol in")
            expect("by a participant", floor.refused(f"sip:bob@{REALM}", by=2), "not-host")
            expect("by a host", floor.refused(f"sip:bob@{REALM}", by=1), None)
            floor.dial()
            expect("one more than dial-per-conference", floor.refused(f"sip:bob@{REALM}"), "too-many")
            carol.bye()
        rows = floor.site.ask("conf-bridge", "dials")
        expect("the listing", [(row["target"], row["state"], row["authoriser"]) for row in rows],
               [(f"sip:+49301@{REALM}", rows[0]["state"], "operator"), (f"sip:bob@{REALM}", "queued", f"sip:alice@{REALM}"), (f"sip:bob@{REALM}", "queued", "operator")])
        for row in rows:
            floor.site.ask("conf-bridge", "hangup", dial=row["dial"])
        floor.callee.respond(floor.callee.request("INVITE", None), 180)


def caps_of_a_day():
    with Floor(dial_per_user="1", dial_per_day="2") as floor:
        for who, why in (({"by": 1}, None), ({"by": 1}, "too-many"), ({}, None), ({}, "too-many")):
            expect(f"dial {who}", floor.refused(f"sip:bob@{REALM}", **who), why)
            if why is None:
                floor.callee.request("INVITE", 404)
                floor.states("failed")
        floor.quiet()


def a_call_that_is_taken():
    with Floor() as floor:
        log = floor.site.path("calls.ndjson")
        floor.dial(name="Bob B.")
        invite = floor.callee.request("INVITE", None)
        expect("From", header(invite, "From").split(";")[0], f"<sip:1234@{REALM}>")
        expect("the conference's mark", "isfocus" in header(invite, "Contact"), True)
        floor.callee.respond(invite, 183, body=floor.callee.sdp)  # early media is heard by nobody
        floor.callee.answer(invite)
        expect("states", floor.states("connected"), ["queued", "dialing", "ringing", "connected"])
        eventually(lambda: floor.members()[1:] == [(f"sip:bob@{REALM}", "joined")], "bob in the roster")
        floor.callee.speak(40)
        eventually(lambda: any(set(payload) - {0xff, 0x7f} for payload in floor.alice.hear(5)), "alice hearing bob")
        floor.callee.respond(invite, 200, body=floor.callee.sdp)  # as if our ACK had been lost
        expect("the ACK again", floor.callee.request("ACK", None).split()[0], "ACK")
        floor.callee.respond(invite, 200, body=floor.callee.sdp, tag="fork")  # another phone took the call too
        expect("the other one's", "tag=fork" in header(floor.callee.request("ACK", None), "To"), True)
        expect("is ended", "tag=fork" in header(floor.callee.request("BYE"), "To"), True)
        expect("bob's BYE", floor.callee.bye(), 200)
        floor.quiet()
        record = json.loads(eventually(lambda: log.exists() and log.read_text(), "bob's record").splitlines()[0])
        expect("his record", (record["identity"], record["authoriser"], record["reason"]), (f"sip:bob@{REALM}", "operator", "hung up"))


def press_one():
    with Floor(dial_confirm="on", dial_confirm_timeout="2s") as floor:
        floor.dial()
        floor.callee.answer(floor.callee.request("INVITE", None))
        expect("states", floor.states("answered"), ["queued", "dialing", "answered"])
        expect("nobody joined yet", len(floor.members()), 1)
        if not any(set(payload) - {0xff, 0x7f} for payload in floor.callee.hear(60)):
            raise Failed("the prompt is not heard")
        floor.callee.key("21")
        expect("states", floor.states("connected"), ["connected"])
        eventually(lambda: len(floor.members()) == 2, "bob in")
        floor.callee.bye()
        floor.dial()  # a voicemail
        floor.callee.answer(floor.callee.request("INVITE", None))
        expect("states", floor.states("no answer"), ["queued", "dialing", "answered", "no answer"])
        expect("why", "1 was not pressed" in header(floor.callee.request("BYE"), "Reason"), True)
        floor.quiet()


def refusals():
    with Floor() as floor:
        for count, (status, state) in enumerate(((486, "busy"), (600, "busy"), (408, "no answer"), (480, "no answer"), (603, "declined"), (403, "declined"),
                                                 (404, "failed"), (302, "failed")), 1):
            floor.dial(by=1)
            floor.callee.request("INVITE", status, headers=f"Contact: <sip:+49900@{REALM}>\r\n" if status == 302 else "")
            expect(f"{status}", floor.states(state)[-1], state)
            floor.callee.request("ACK", None)
            record = floor.record(count)
            expect(f"the record of {status}", [record[name] for name in ("identity", "authoriser", "conference", "answered", "joined", "duration_ms", "reason")],
                   [f"sip:bob@{REALM}", f"sip:alice@{REALM}", "1234", None, None, 0, state])
        if what := floor.callee.silent():
            raise Failed(f"after the refusals the bridge sent {what}")
        floor.quiet()


def repeated_until_taken():
    with Floor(dial_retries="2", dial_retry_after="200ms", ring_timeout="500ms") as floor:
        floor.dial()
        floor.callee.request("INVITE", 486)
        second = floor.callee.request("INVITE", 180)
        floor.callee.request("CANCEL", 200)
        floor.callee.respond(second, 487)
        floor.callee.answer(floor.callee.request("INVITE", None))
        expect("states", floor.states("connected"),
               ["queued", "dialing", "busy", "queued", "dialing", "ringing", "no answer", "queued", "dialing", "connected"])
        floor.callee.bye()
        floor.dial()
        for _ in range(3):
            floor.callee.request("INVITE", 486)
        expect("repetitions end", floor.states("busy") + floor.states("busy") + floor.states("busy"), ["queued", "dialing", "busy"] * 3)
        floor.quiet()


def cancelled():
    with Floor() as floor:
        floor.site.ask("conf-bridge", "hangup", dial=floor.dial())  # before any answer: CANCEL waits for one (RFC 3261 §9.1)
        invite = floor.callee.request("INVITE", None)
        floor.callee.respond(invite, 180)
        floor.callee.request("CANCEL", 200)
        floor.callee.respond(invite, 487)
        expect("states", floor.states("failed")[-1], "failed")
        floor.quiet()
        expect("its record", (floor.record(1)["reason"], floor.record(1)["answered"]), ("kicked", None))

        late = floor.dial()  # 200 and CANCEL cross
        invite = floor.callee.request("INVITE", 180)
        floor.states("ringing")
        floor.site.ask("conf-bridge", "hangup", dial=late)
        floor.callee.answer(invite)
        expect("the late 200 is ended", floor.callee.request("BYE").split()[0], "BYE")
        expect("nobody joined", len(floor.members()), 1)
        floor.quiet()

        floor.dial()  # the conference ends while it rings
        invite = floor.callee.request("INVITE", 180)
        floor.states("ringing")
        floor.alice.bye()
        floor.callee.request("CANCEL", 200)
        floor.callee.respond(invite, 487)
        eventually(lambda: floor.site.ask("conf-bridge", "status")["legs"] == 0, "no leg left")
        expect("no conference is kept", floor.site.ask("conf-bridge", "list") or [], [])


def reports(phone, count):
    return [body_of(phone.request("NOTIFY")).split("\r\n")[0].split(" ", 1)[1] for _ in range(count)]


def refer_to_the_focus():
    with Floor() as floor:
        code, _ = floor.alice.ask("REFER", f"Refer-To: <sip:bob@{REALM}>\r\nReferred-By: <sip:alice@{REALM}>\r\n")
        expect("REFER", code, 202)
        invite = floor.callee.request("INVITE", None)
        expect("Referred-By goes on", header(invite, "Referred-By"), f"<sip:alice@{REALM}>")
        floor.callee.respond(invite, 180)
        floor.callee.answer(invite)
        expect("reports", reports(floor.alice, 3), ["100 Trying", "180 Ringing", "200 OK"])
        row = floor.site.ask("conf-bridge", "dials")[0]
        expect("the authoriser", row["authoriser"], f"sip:alice@{REALM}")
        eventually(lambda: len(floor.members()) == 2, "bob in")

        code, response = floor.alice.transact("REFER", f"sip:1234@{floor.site.ip(40)}:5080", "outside", 1, headers=f"Refer-To: <sip:2000@{REALM}>\r\n", user="alice")
        expect("REFER outside a dialog", code, 202)
        floor.callee.request("INVITE", 486)
        sequence = []
        for told in ("100 Trying", "486 Busy Here"):
            notify = floor.alice.request("NOTIFY")
            sequence.append(header(notify, "CSeq"))
            expect("its report", (told in body_of(notify), header(notify, "Call-ID"), tag_of(header(notify, "From"))), (True, "outside", tag_of(header(response, "To"))))
        expect("numbered", sequence, ["1 NOTIFY", "2 NOTIFY"])
        expect("another's REFER", floor.callee.transact("REFER", f"sip:1234@{floor.site.ip(40)}:5080", "other", 1, headers=f"Refer-To: <sip:x@{REALM}>\r\n", user="bob")[0], 403)

        code, _ = floor.callee.ask("REFER", f"Refer-To: <sip:dave@{REALM}>\r\n")
        expect("REFER by one who is no host", code, 403)
        code, _ = floor.alice.ask("REFER", f"Refer-To: <sip:bob@{REALM};method=BYE>\r\n")
        expect("removal", code, 202)
        floor.callee.request("BYE")
        expect("report", reports(floor.alice, 1), ["200 OK"])
        floor.quiet()

        for target, told in (("+49301", ["100 Trying", "403 Forbidden"]), ("1234567", ["100 Trying", "403 Forbidden"])):  # the numbers of outside are not granted
            expect(target, floor.alice.ask("REFER", f"Refer-To: <sip:{target}@{REALM}>\r\n")[0], 202)
            expect(f"{target}'s reports", reports(floor.alice, 2), told)
        code, response = floor.alice.ask("REFER", f"Refer-To: <sip:2000@{REALM}>\r\nRefer-Sub: false\r\n")  # a conference of the directory, without reports
        expect("REFER without reports", (code, header(response, "Refer-Sub")), (200, "false"))
        floor.callee.request("INVITE", 603)
        floor.quiet()
        if what := floor.alice.silent():
            raise Failed(f"a report that nobody wanted: {what}")
        for bad, status in ((f"<sip:bob@{REALM}?Replaces=x>", 403), ("<sip:nobody>", 400), (f"<sip:bob@{REALM};method=OPTIONS>", 501)):
            expect(bad, floor.alice.ask("REFER", f"Refer-To: {bad}\r\n")[0], status)
        expect("two of them", floor.alice.ask("REFER", f"Refer-To: <sip:a@{REALM}>\r\nRefer-To: <sip:b@{REALM}>\r\n")[0], 400)


def transfer():
    with Floor() as floor:
        target = f"sip:9000@{REALM}"
        floor.site.ask("conf-bridge", "transfer", conference="1234", member=1, target=target)
        refer = floor.alice.request("REFER", 603)
        expect("Refer-To", header(refer, "Refer-To"), f"<{target}>")
        event = eventually(lambda: next((e for e in [floor.events.event()] if e["event"] == "transfer-failed"), None), "the refusal told")
        expect("the code", event["code"], 603)
        expect("alice stays", len(floor.members()), 1)
        floor.site.ask("conf-bridge", "transfer", conference="1234", member=1, target=target)
        floor.alice.request("REFER", 202)
        floor.alice.ask("NOTIFY", "Event: refer\r\nSubscription-State: terminated\r\nContent-Type: message/sipfrag\r\n", "SIP/2.0 200 OK\r\n")
        floor.alice.request("BYE")
        eventually(lambda: floor.site.ask("conf-bridge", "status")["legs"] == 0, "alice gone")


def messages():
    with Floor(relay_size="20", relay_rate="2") as floor, Phone(floor.site, 51, "carol") as carol, Phone(floor.site, 52, "dave") as dave:
        for phone in (carol, dave):
            phone.invite("1234")
        eventually(lambda: len(floor.members()) == 3, "all in")
        plain = "Content-Type: text/plain\r\n"
        expect("a message", floor.alice.ask("MESSAGE", plain, "Hello.")[0], 202)
        for phone in (carol, dave):
            message = phone.request("MESSAGE")
            expect("what arrives", (body_of(message), f"sip:alice@{REALM}" in header(message, "P-Asserted-Identity")), ("Hello.", True))
        expect("too long", floor.alice.ask("MESSAGE", plain, "x" * 21)[0], 413)
        expect("no text", floor.alice.ask("MESSAGE", "Content-Type: image/png\r\n", "x")[0], 415)
        expect("the second", floor.alice.ask("MESSAGE", plain, "x")[0], 202)
        expect("the third in ten seconds", floor.alice.ask("MESSAGE", plain, "x")[0], 480)
        with Phone(floor.site, 53, "mallory") as mallory:
            expect("from one who is not in", mallory.transact("MESSAGE", f"sip:1234@{floor.site.ip(40)}:5080", "m1", 1, headers=plain, user="mallory")[0], 403)
        if what := floor.alice.silent():
            raise Failed(f"the writer got {what}")


def factory():
    with Floor(factory="meet") as floor, Phone(floor.site, 51, "carol") as carol, Phone(floor.site, 52, "dave") as dave:
        code, response = carol.invite("meet")
        contact = header(response, "Contact")
        expect("the answer", (code, "isfocus" in contact, contact.startswith("<sip:meet-")), (200, True, True))
        number = contact.split(":")[1].split("@")[0]
        rows = floor.site.ask("conf-bridge", "members", conference=number)
        expect("its maker is host", rows[0]["role"], "host")
        expect("joined by its address", dave.invite(None, uri=contact.split("<")[1].split(">")[0])[0], 200)
        eventually(lambda: len(floor.site.ask("conf-bridge", "members", conference=number)) == 2, "two in it")
        for phone in (carol, dave):
            phone.bye()
        eventually(lambda: len(floor.site.ask("conf-bridge", "list")) == 1, "gone with its last")
        expect("and not to be had again", floor.callee.invite(None, uri=contact.split("<")[1].split(">")[0])[0], 404)


def sipp_is_called():
    site = Site(daemons=("conf-bridge",))
    site.overrides["conf_bridge"] = {**DIALS, "outbound-proxy": f"udp:{site.ip(70)}:5060"}
    site.canned_directory({"1234": {}})
    command = ["sipp", "-sn", "uas", "-i", site.ip(70), "-p", "5060", "-mi", site.ip(70), "-mp", "6000", "-rtp_echo", "-m", "1", "-nostdin", "-timeout", "30s"]
    with site, Phone(site, 50) as alice, contextlib.ExitStack() as stack:
        alice.invite("1234")
        eventually(lambda: site.ask("conf-bridge", "members", conference="1234"), "alice in")
        sipp = stack.enter_context(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=site.folder))
        stack.callback(sipp.kill)
        dial = site.ask("conf-bridge", "dial", conference="1234", target=f"sip:service@{REALM}")["dial"]
        eventually(lambda: len(site.ask("conf-bridge", "members", conference="1234")) == 2, "SIPp in the conference")
        expect("hung up", site.ask("conf-bridge", "hangup", dial=dial)["changed"], True)
        expect("SIPp's verdict", sipp.wait(20 * harness.SLOW), 0)
        hurry(site)


if __name__ == "__main__":
    harness.main(dials_nobody_by_default, policy, caps_of_a_day, a_call_that_is_taken, press_one, refusals, repeated_until_taken, cancelled, refer_to_the_focus, transfer,
                 messages, factory, sipp_is_called)
