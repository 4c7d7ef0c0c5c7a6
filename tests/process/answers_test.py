"""What answers to a bridge's offers, and offers of unusual shape, lead to in packets: numbers that the answer changes (RFC 3264 §5.1), several codecs (§6.1),
RTCP elsewhere (RFC 3605), keys on another clock than the sound's, and addresses that nothing is sent to."""
import math
import select
import socket
import struct
import time

import harness
from agent import expect
from crowd import level, rtp
from harness import Failed, Site, eventually, main
from phone import Phone, body_of, header, hurry, tag_of

SAMPLES = [round(8000 * math.sin(2 * math.pi * 400 * n / 8000)) for n in range(160)]
L16 = struct.pack("!160h", *SAMPLES)
PCMA = bytes([0xaa if sample > 0 else 0x2a for sample in SAMPLES])
PCMU = bytes([0x80 if sample > 0 else 0x00 for sample in SAMPLES])
LOUD = 500


def paced(packets):
    """Their numbers, one each 20 ms; what a stall kept back does not come all at once."""
    due = time.monotonic()
    for number in range(packets):
        select.select([], [], [], max(0, due - time.monotonic()))
        yield number
        due = max(due + 0.02, time.monotonic() - 0.1)


class Caller(Phone):
    packets = 0  # so far

    def description(self, formats="0", attributes="", address=None):
        ip, port = self.rtp.getsockname()
        return f"v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {address or ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP {formats}\r\n{attributes}"

    def call_with(self, number, body, answer=""):
        """A call with this offer, or with this answer to the bridge's; its status."""
        self.calls += 1
        call_id, uri = f"{self.name}a{self.calls}", f"sip:{number}@{self.bridge[0]}:{self.bridge[1]}"
        code, response = self.transact("INVITE", uri, call_id, 1, body=body, user=self.user)
        if code == 200:
            self.media = (self.bridge[0], int(body_of(response).split("m=audio ")[1].split()[0]))
            self.send("ACK", uri, call_id, 1, to_tag=tag_of(header(response, "To")), body=answer, user=self.user)
        return code, response

    def say(self, payload_type, payload, packets):
        for _ in paced(packets):
            self.packets += 1
            self.rtp.sendto(rtp(self.packets, self.packets * 160, 7, payload, payload_type), self.media)

    def levels(self):
        """Of the packets that have come so far."""
        self.rtp.setblocking(False)
        levels = []
        try:
            while True:
                levels.append(level(self.rtp.recv(2000)[12:]))
        except BlockingIOError:
            return levels

    def key(self, digits, payload_type):
        """Telephone events that count at 8 kHz."""
        for number in paced(8 * len(digits)):
            place, step = divmod(number, 8)
            event = struct.pack("!BBH", digits[place], 0x8a if step > 4 else 0x0a, 160 * min(step + 1, 5))
            self.rtp.sendto(rtp(number, 1000 + place * 1600, 9, event, payload_type | (0x80 if step == 0 else 0)), self.media)


def silence(talker, listener, payload_type, payload):
    """Until nothing that was said before is under way."""
    quiet = 0

    def hear():
        nonlocal quiet
        talker.say(payload_type, payload, 5)
        for one in listener.levels():
            quiet = quiet + 1 if one <= LOUD else 0
        return quiet >= 25
    eventually(hear, "silence")


def loud(talker, listener, payload_type, payload, packets, enough=None):
    """Of so many packets, or until it is enough."""
    count = 0
    for _ in range(0, packets, 5):
        talker.say(payload_type, payload, 5)
        count += sum(one > LOUD for one in listener.levels())
        if enough and count >= enough:
            break
    return count


def expect_loud(what, talker, listener, payload_type, payload):
    if (count := loud(talker, listener, payload_type, payload, 500, 25)) < 25:
        raise Failed(f"{what}: {count} loud packets of 500")


def by_either_number(site, listener):
    for payload_type, last in ((99, 61), (115, 62)):
        with Caller(site, last) as talker:
            code, response = talker.call_with("1234", "", talker.description("115", "a=rtpmap:115 L16/8000\r\n"))
            if code != 200 or "a=rtpmap:99 L16/8000" not in response:
                raise Failed(f"no offer of L16 as 99: {code}")
            expect_loud(f"L16 as {payload_type}", talker, listener, payload_type, L16)
            silence(talker, listener, payload_type, bytes(320))


def either_law(site, listener):
    with Caller(site, 63) as talker:
        expect("a call without an offer", talker.call_with("1234", "", talker.description("0 8"))[0], (200,))
        for payload_type, payload, nothing in ((8, PCMA, b"\xd5" * 160), (0, PCMU, b"\xff" * 160)):
            expect_loud(f"the law of {payload_type}", talker, listener, payload_type, payload)
            silence(talker, listener, payload_type, nothing)
        if (count := loud(talker, listener, 3, PCMA, 50)) > 2:
            raise Failed(f"{count} loud packets of what nobody agreed on")


def rtcp_elsewhere(site, _):
    with Caller(site, 64) as caller, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reports:
        reports.bind((site.ip(64), 0))
        reports.settimeout(10 * harness.SLOW)
        expect("a call", caller.call_with("1234", caller.description(attributes=f"a=rtcp:{reports.getsockname()[1]}\r\n"))[0], (200,))
        if reports.recv(2000)[1] not in (200, 201):
            raise Failed("no report came")


def keys_beside_opus(site, _):
    with Caller(site, 65) as caller:
        attributes = "a=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
        code, response = caller.call_with("2222", caller.description("96 101", attributes))
        if code != 200 or "a=rtpmap:101 telephone-event/8000" not in response:
            raise Failed(f"no events of 8 kHz beside Opus: {code}")
        caller.key((9, 9, 11), 101)
        eventually(lambda: [row["state"] for row in site.ask("conf-bridge", "members", conference="2222")] == ["joined"], "the member whose code was keyed")


def nobody_to_send_to(site, _):
    with Caller(site, 66) as caller:
        for address in ("224.1.2.3/127", "255.255.255.255", "0.0.0.1"):
            expect(f"an offer towards {address}", caller.call_with("1234", caller.description(address=address))[0], (488,))
        expect("a call on hold", caller.call_with("1234", caller.description(address="0.0.0.0"))[0], (200,))


def offers_and_answers_in_packets():
    site = Site(daemons=("conf-bridge",), conf_bridge={"rtcp-interval": "200ms", "media-timeout": "60s"})
    site.canned_directory({"1234": {"name": "Open"}, "2222": {"passcode": "99"}})
    with site, Caller(site, 60, name="berta") as listener:
        expect("the listener's call", listener.call_with("1234", listener.description())[0], (200,))
        listener.say(0, b"\xff" * 160, 5)
        for part in (by_either_number, either_law, rtcp_elsewhere, keys_beside_opus, nobody_to_send_to):
            part(site, listener)
            print("  ", part.__name__.replace("_", " "), flush=True)
        hurry(site)


main(offers_and_answers_in_packets)
