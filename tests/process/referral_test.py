"""A caller at the wrong bridge: REFER to the one where his conference lives, and a seat there without a new prompt (S1-60 to S1-66).

Two bridges of two sites, each with a directory of the test's own; they share the secret of tickets and nothing else."""
import base64
import contextlib
import re
import time

import harness
from harness import Failed, Site, eventually
from phone import Phone, header, hurry

PASSCODE = "5678"
WITH_PASSCODE = f"X-Passcode: {PASSCODE}\r\n"
SECRET = "a secret that all bridges share"
NOTIFY = "Event: refer\r\nSubscription-State: {}\r\nContent-Type: message/sipfrag;version=2.0\r\n"


class Pair:
    """bridge-1 in the first data centre, bridge-2 in the second, where conference 1234 lives."""

    def __init__(self, **first):
        self.one, self.two = Site(daemons=("conf-bridge",)), Site(daemons=("conf-bridge",))
        for site, name in ((self.one, "bridge-1"), (self.two, "bridge-2")):
            site.overrides["conf_bridge"] = {"name": name, "ticket-secret-file": site.secret("ticket.secret", SECRET), "media-timeout": "60s", "misdirected": "refer",
                                             "trusted": ["127.0.0.0/8"]}
        self.one.overrides["conf_bridge"].update(first)
        there = {"home": f"sip:{self.two.ip(40)}:5080", "home_bridge": "bridge-2"}
        self.directory = self.one.canned_directory({"1234": {"passcode": PASSCODE, **there}, "1000": {"passcode": PASSCODE}})
        self.far = self.two.canned_directory({"1234": {"passcode": PASSCODE, **there}, "1000": {"passcode": PASSCODE}})

    def __enter__(self):
        self.one.__enter__()
        try:
            self.two.__enter__()
        except BaseException:
            self.one.__exit__(Failed, None, None)
            raise
        return self

    def __exit__(self, *reason):
        for site in (self.one, self.two):
            if site.processes["conf-bridge"].poll() is None:
                hurry(site)
        try:
            self.two.__exit__(*reason)
        finally:
            self.one.__exit__(*reason)

    def phone(self, last, name="alice", at=None):
        return Phone(self.one, last, name, bridge=at or self.one)

    def misdirected(self, phone):
        """A call to the wrong bridge; answers the REFER that it leads to, which is accepted."""
        code, _ = phone.invite("1234", WITH_PASSCODE)
        if code != 200:
            raise Failed(f"the first bridge answered {code}")
        return phone.request("REFER", 202)

    def follow(self, phone, uri, headers=""):
        """The call to the bridge that a REFER names."""
        return phone.invite(None, headers, uri=uri)


def refer_to(refer):
    return header(refer, "Refer-To").strip("<>")


def ticket_in(uri):
    return uri.split(";ticket=")[1].split(";")[0].split(">")[0]


def state_at(site, number="1234"):
    return [row["state"] for row in site.ask("conf-bridge", "members", conference=number)]


def s1_60_a_caller_is_answered_and_heard():
    with Pair() as pair, pair.phone(50) as alice, pair.phone(51, "bob") as bob:
        for phone in (alice, bob):
            code, _ = phone.invite("1000", WITH_PASSCODE)
            if code != 200:
                raise Failed(f"the call was answered {code}")
        alice.speak(40)
        eventually(lambda: any(set(payload) - {0xff, 0x7f} for payload in bob.hear(5)), "bob hearing alice")


def s1_61_the_passcode_is_looked_up_and_homed_elsewhere():
    with Pair() as pair, pair.phone(50) as alice:
        pair.misdirected(alice)
        asked = pair.directory.asked[-1]
        if (asked["number"], asked["passcode"]) != ("1234", PASSCODE):
            raise Failed(f"the directory was asked {asked}")
        log = pair.one.path("conf-bridge.log").read_text()
        if "conference lives elsewhere" not in log or PASSCODE in log:
            raise Failed("the look-up is not in the log, or the passcode is")


def s1_62_refer_names_home_and_referrer():
    with Pair() as pair, pair.phone(50) as alice:
        refer = pair.misdirected(alice)
        if not refer_to(refer).startswith(f"sip:1234@{pair.two.ip(40)}:5080;ticket="):
            raise Failed(f"Refer-To: {refer_to(refer)}")
        if not header(refer, "Referred-By").startswith(f"<sip:1234@{pair.one.ip(40)}:5080"):
            raise Failed(f"Referred-By: {header(refer, 'Referred-By')}")
        if PASSCODE in refer:
            raise Failed("the passcode travels in the REFER")


def s1_63_the_phone_accepts_and_calls_there():
    with Pair() as pair, pair.phone(50) as alice, pair.phone(51, at=pair.two) as again:
        refer = pair.misdirected(alice)
        for state, line in (("active;expires=60", "SIP/2.0 100 Trying\r\n"), ("active;expires=50", "SIP/2.0 180 Ringing\r\n")):
            code, _ = alice.ask("NOTIFY", NOTIFY.format(state), line)
            if code != 200:
                raise Failed(f"NOTIFY was answered {code}")
        code, _ = pair.follow(again, refer_to(refer), WITH_PASSCODE + f"Referred-By: {header(refer, 'Referred-By')}\r\n")
        if code != 200:
            raise Failed(f"the second bridge answered {code}")
        if pair.one.ask("conf-bridge", "status")["legs"] != 1:
            raise Failed("the first leg did not wait for the second")


def s1_64_the_ticket_seats_without_a_prompt():
    # Once by Refer-To's parameter, once by Referred-By alone.
    for by_referrer in (False, True):
        with Pair() as pair, pair.phone(50) as alice, pair.phone(51, at=pair.two) as again:
            refer = pair.misdirected(alice)
            events = pair.two.subscribe("conf-bridge")
            uri = re.sub(";ticket=[^;>]*", "", refer_to(refer)) if by_referrer else refer_to(refer)
            code, _ = pair.follow(again, uri, f"Referred-By: {header(refer, 'Referred-By')}\r\n" if by_referrer else "")
            if code != 200:
                raise Failed(f"the second bridge answered {code}")
            told = [events.event()["event"] for _ in range(2)]
            events.close()
            if told != ["conference-started", "joined"] or state_at(pair.two) != ["joined"]:
                raise Failed(f"the second bridge told {told}, its roster {state_at(pair.two)}")
            if any(set(payload) - {0xff, 0x7f} for payload in again.hear(25)):
                raise Failed("a prompt was played to one who had a ticket")
            if not pair.far.asked[-1].get("vouched"):
                raise Failed("the directory was not told that the caller is vouched for")


def s1_65_the_first_leg_ends_when_the_second_stands():
    with Pair() as pair, pair.phone(50) as alice:
        pair.misdirected(alice)
        alice.ask("NOTIFY", NOTIFY.format("terminated;reason=noresource"), "SIP/2.0 200 OK\r\n")
        bye = alice.request("BYE")
        if "cause=302" not in header(bye, "Reason"):
            raise Failed(f"Reason: {header(bye, 'Reason')}")
        eventually(lambda: pair.one.ask("conf-bridge", "status")["legs"] == 0, "the first leg gone")
        eventually(lambda: pair.one.ask("conf-bridge", "status")["media_sockets"] == 0, "its sockets closed")


def s1_66_whoever_does_not_go_hears_why_and_is_ended():
    # refused; led nowhere; ended without a word; never said how it went
    ways = (("refused", 603, None), ("failed", 202, ("terminated;reason=noresource", "SIP/2.0 503 Service Unavailable\r\n")),
            ("unknown", 202, ("terminated;reason=noresource", "SIP/2.0 100 Trying\r\n")), ("silent", 202, None))
    with Pair(**{"refer-timeout": "1s"}) as pair, contextlib.ExitStack() as stack:
        phones = [stack.enter_context(pair.phone(50 + number)) for number in range(len(ways))]
        for phone, (what, status, notify) in zip(phones, ways):
            phone.invite("1234", WITH_PASSCODE)
            phone.request("REFER", status)
            if notify:
                phone.ask("NOTIFY", NOTIFY.format(notify[0]), notify[1])
        for phone, (what, status, notify) in zip(phones, ways):
            if not any(set(payload) - {0xff, 0x7f} for payload in phone.hear(100)):
                raise Failed(f"{what}: no message is heard")
            bye = phone.request("BYE")
            if "cause=503" not in header(bye, "Reason"):
                raise Failed(f"{what}: Reason: {header(bye, 'Reason')}")
            print(f"     {what}: told, then ended", flush=True)
        eventually(lambda: pair.one.ask("conf-bridge", "status")["legs"] == 0, "no leg left")


def s1_66_a_ticket_that_is_not_the_bearers_gets_the_prompt():
    with Pair(**{"ticket-lifetime": "1s"}) as short, short.phone(50) as alice, short.phone(51, at=short.two) as late:
        uri = refer_to(short.misdirected(alice))
        eventually(lambda: expired(uri), "the ticket's end", 5)
        prompted("expired", short, late, uri)
    with Pair() as pair, pair.phone(50) as alice:
        uri = refer_to(pair.misdirected(alice))
        ticket = ticket_in(uri)
        turned = ticket[:40] + ("A" if ticket[40] != "A" else "B") + ticket[41:]
        with pair.phone(52, "mallory", at=pair.two) as other:
            prompted("of another caller", pair, other, uri)
        with pair.phone(53, at=pair.two) as other:
            prompted("for another conference", pair, other, uri.replace("sip:1234@", "sip:1000@"), "1000")
        with pair.phone(54, at=pair.two) as other:
            prompted("forged", pair, other, uri.replace(ticket, turned))
        with pair.phone(55, at=pair.two) as other:
            prompted("forged Referred-By", pair, other, uri.split(";")[0], headers=f"Referred-By: <sip:1234@{pair.one.ip(40)};ticket={turned}>\r\n")
        with pair.phone(56, at=pair.two) as right, pair.phone(57, at=pair.two) as again:
            pair.follow(right, uri)
            eventually(lambda: state_at(pair.two) == ["joined"], "the bearer joined")
            prompted("replayed", pair, again, uri, beside=["joined"])


def expired(uri):
    """Whether the seconds in a ticket are over: version, key id, seat, hops, then five octets."""
    octets = base64.urlsafe_b64decode(ticket_in(uri) + "==")
    return int.from_bytes(octets[7:12], "big") <= time.time()


def prompted(what, pair, phone, uri, number="1234", headers="", beside=()):
    code, _ = pair.follow(phone, uri, headers)
    if code != 200:
        raise Failed(f"{what}: the second bridge answered {code}")
    eventually(lambda: state_at(pair.two, number) == [*beside, "lobby"], f"{what}: in the lobby, not {state_at(pair.two, number)}")
    if not any(set(payload) - {0xff, 0x7f} for payload in phone.hear(40)):
        raise Failed(f"{what}: no prompt is heard")
    phone.bye()
    print(f"     {what}: prompted", flush=True)


def s1_66_a_keyed_passcode_refers_too():
    with Pair() as pair, pair.phone(50) as alice:
        pair.directory.table["1234"].pop("home")
        code, _ = alice.invite("1234")
        if code != 200:
            raise Failed(f"the call was answered {code}")
        eventually(lambda: state_at(pair.one) == ["lobby"], "the prompt")
        pair.directory.table["1234"]["home"] = f"sip:{pair.two.ip(40)}:5080"
        alice.key(PASSCODE + "#")
        refer = alice.request("REFER", 202)
        with pair.phone(51, at=pair.two) as again:
            pair.follow(again, refer_to(refer))
            eventually(lambda: state_at(pair.two) == ["joined"], "seated by ticket")


def a_drain_moves_the_members():
    with Pair() as pair, pair.phone(50) as alice, pair.phone(51, "bob") as bob, pair.phone(52, at=pair.two) as again, pair.phone(53, "carol") as carol:
        pair.one.reconfigure("conf-bridge", **{"drain-to": f"sip:{pair.two.ip(40)}:5080", "drain-rate": 1000})
        eventually(lambda: any(row["key"] == "drain-to" and row["value"] for row in pair.one.ask("conf-bridge", "config")), "the new configuration")
        for directory in (pair.directory, pair.far):  # which know nothing of the drain
            directory.table["1000"].update(home=f"sip:{pair.one.ip(40)}:5080", home_bridge="bridge-1", leader_pin="4711", host_leaves="end", lobby=True)
        for phone, pin in ((alice, "X-Leader-PIN: 4711\r\n"), (bob, "")):
            phone.invite("1000", WITH_PASSCODE + pin)
        eventually(lambda: state_at(pair.one, "1000") == ["joined", "joined"], "two members")
        if pair.one.ask("conf-bridge", "members", conference="1000")[0]["role"] != "host":
            raise Failed("alice is no host")
        pair.one.ask("conf-bridge", "lock", conference="1000")
        carol.invite("1000", WITH_PASSCODE)
        eventually(lambda: state_at(pair.one, "1000") == ["joined", "joined", "waiting"], "one who waits to be let in")
        pair.one.ask("conf-bridge", "drain")
        refer = alice.request("REFER", 202)
        if not refer_to(refer).startswith(f"sip:1000@{pair.two.ip(40)}:5080;ticket="):
            raise Failed(f"Refer-To: {refer_to(refer)}")
        bob.request("REFER", 603)
        pair.follow(again, refer_to(refer))
        eventually(lambda: state_at(pair.two, "1000") == ["joined"], "seated by ticket on the other bridge")
        alice.ask("NOTIFY", NOTIFY.format("terminated;reason=noresource"), "SIP/2.0 200 OK\r\n")
        alice.request("BYE")
        eventually(lambda: state_at(pair.one, "1000") == ["joined", "waiting"], "bob, who did not go, still there although his host went")
        pair.one.ask("conf-bridge", "transfer", conference="1000", member=2, target="sip:elsewhere@example.org")  # refused for one who is being sent away
        bob.request("REFER", 603)
        while (asked := carol.silent()) is not None:
            if asked.startswith(("REFER ", "BYE ")):
                raise Failed(f"carol, who was not let in, got {asked.splitlines()[0]}")
        carol.bye()
        again.bye()
        bob.bye()
        if (code := pair.one.processes["conf-bridge"].wait(10 * harness.SLOW)) != 0:
            raise Failed(f"the drained bridge ended with {code}")


if __name__ == "__main__":
    harness.main(s1_60_a_caller_is_answered_and_heard, s1_61_the_passcode_is_looked_up_and_homed_elsewhere, s1_62_refer_names_home_and_referrer,
                 s1_63_the_phone_accepts_and_calls_there, s1_64_the_ticket_seats_without_a_prompt, s1_65_the_first_leg_ends_when_the_second_stands,
                 s1_66_whoever_does_not_go_hears_why_and_is_ended, s1_66_a_ticket_that_is_not_the_bearers_gets_the_prompt, s1_66_a_keyed_passcode_refers_too,
                 a_drain_moves_the_members, together=3)
