"""SRTP (RFC 3711) with keys in the session description (RFC 4568) at a bridge itself, with Debian's libsrtp as the other side: sound passes both ways between a leg
with SRTP and one without, and what is not sealed with the leg's key is not heard and is counted. A caller whose sequence numbers wrap in the lobby is heard, and hears
one stream, after it has moved to another media thread."""
import base64
import ctypes
import functools
import os
import re
import select
import time

import crowd
import harness
from harness import Failed, Site, eventually, main
from phone import Phone, body_of

SUITE = "AES_CM_128_HMAC_SHA1_80"
KEY_OCTETS, TAG_OCTETS = 30, 10  # master key and salt; authentication tag
HEADER = 12


class CryptoPolicy(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in ("cipher_type", "cipher_key_len", "auth_type", "auth_key_len", "auth_tag_len", "sec_serv")]


class Policy(ctypes.Structure):
    """srtp_policy_t of libsrtp 2.5."""
    _fields_ = [("ssrc_type", ctypes.c_int), ("ssrc", ctypes.c_uint), ("rtp", CryptoPolicy), ("rtcp", CryptoPolicy), ("key", ctypes.c_char_p),
                ("keys", ctypes.c_void_p), ("num_master_keys", ctypes.c_ulong), ("deprecated_ekt", ctypes.c_void_p), ("window_size", ctypes.c_ulong),
                ("allow_repeat_tx", ctypes.c_int), ("enc_xtn_hdr", ctypes.c_void_p), ("enc_xtn_hdr_count", ctypes.c_int), ("next", ctypes.c_void_p)]


ANY_INBOUND, ANY_OUTBOUND = 2, 3
LIBRARY = ctypes.CDLL("libsrtp2.so.1")


class Stream:
    """One direction of one leg."""

    def __init__(self, key, direction):
        policy = Policy(ssrc_type=direction, key=key)
        LIBRARY.srtp_crypto_policy_set_rtp_default(ctypes.byref(policy.rtp))  # AES_CM_128_HMAC_SHA1_80
        LIBRARY.srtp_crypto_policy_set_rtp_default(ctypes.byref(policy.rtcp))
        self.session = ctypes.c_void_p()
        if status := LIBRARY.srtp_create(ctypes.byref(self.session), ctypes.byref(policy)):
            raise Failed(f"srtp_create: {status}")

    def turn(self, work, packet):
        octets, length = ctypes.create_string_buffer(packet, len(packet) + 64), ctypes.c_int(len(packet))
        status = work(self.session, octets, ctypes.byref(length))
        return None if status else octets.raw[:length.value]

    def seal(self, packet):
        return self.turn(LIBRARY.srtp_protect, packet)

    def open(self, packet):
        return self.turn(LIBRARY.srtp_unprotect, packet)


class Plain(Phone):
    packets = 0  # so far; its number is the last one's sequence number

    def __init__(self, *rest):
        super().__init__(*rest)
        self.headers = []  # of all that was heard

    def seal(self, packet):
        return packet

    def open(self, packet):
        return packet

    def utter(self, payload, seal=None):
        self.packets += 1
        packet = crowd.rtp(self.packets, self.packets * 160, 7, payload)
        self.rtp.sendto((seal or self.seal)(packet), self.media)

    def listen(self):
        """The payloads that have come since the last time."""
        self.rtp.setblocking(False)
        payloads = []
        try:
            while True:
                packet = self.open(self.rtp.recv(2048))
                if packet is None:
                    raise Failed(f"{self.user} got what its key does not open")
                payloads.append(packet[HEADER:])
                self.headers.append(packet[:HEADER])
        except BlockingIOError:
            return payloads


class Secure(Plain):
    def __init__(self, *rest):
        super().__init__(*rest)
        self.master = os.urandom(KEY_OCTETS)

    @property
    def sdp(self):
        crypto = f"a=crypto:1 {SUITE} inline:{base64.b64encode(self.master).decode()}\r\n"
        return super().sdp.replace("RTP/AVP", "RTP/SAVP") + crypto

    def invite(self, number, **more):
        code, response = super().invite(number, **more)
        if code == 200:
            theirs = re.search(rf"a=crypto:1 {SUITE} inline:([A-Za-z0-9+/=]+)", body_of(response))
            if " RTP/SAVP " not in response or not theirs:
                raise Failed(f"an offer with SRTP is answered {body_of(response)}")
            if base64.b64decode(theirs[1]) == self.master:
                raise Failed("the bridge uses our key")
            self.out, self.into = Stream(self.master, ANY_OUTBOUND), Stream(base64.b64decode(theirs[1]), ANY_INBOUND)
        return code, response

    def seal(self, packet):
        return self.out.seal(packet)

    def open(self, packet):
        if len(packet) != HEADER + 160 + TAG_OCTETS:
            raise Failed(f"a packet of {len(packet)} octets has no tag of {TAG_OCTETS}")
        return self.into.open(packet)


def say(everybody, until, speaker=None, payload=None, seal=None):
    """One speaks and the others are silent, in real time, until `until`(packets, heard) is true of how many each sent and what each heard; what each heard."""
    heard, packets, due = {one: [] for one in everybody}, 0, time.monotonic()
    deadline = due + 20 * harness.SLOW
    while not until(packets, heard) and time.monotonic() < deadline:
        packets += 1
        for one in everybody:
            if one is speaker:
                one.utter(payload, seal)
            else:
                one.utter(crowd.SILENCE * 160)
        due = max(due + 0.02, time.monotonic() - 0.1)  # what a stall kept back is not said all at once: the bridge would leave it out
        while (left := due - time.monotonic()) > 0:
            select.select([one.rtp for one in everybody], [], [], left)
            for one in everybody:
                heard[one] += one.listen()
    return heard


def be_silent(everybody, packets=25):
    """Until everybody has heard silence for so long."""
    def quiet(heard):
        return len(heard) >= packets and all(crowd.level(payload) < 50 for payload in heard[-packets:])
    heard = say(everybody, lambda sent, heard: sent >= packets and all(map(quiet, heard.values())))
    if not all(map(quiet, heard.values())):
        raise Failed(f"no silence: {[[round(crowd.level(payload)) for payload in heard[one][-packets:]] for one in everybody]}")


@functools.cache
def is_tone(payload, hertz):
    return crowd.tones([payload], hertz) == 1


def tones(payloads, hertz):
    return sum(is_tone(payload, hertz) for payload in payloads)


def expect_heard(what, everybody, speaker, listeners, hertz):
    def hear(sent, heard):
        return sent >= 30 and all(tones(heard[one], hertz) >= 25 for one in listeners)
    heard = say(everybody, hear, speaker, crowd.tone(hertz))
    for one in everybody:
        count = tones(heard[one], hertz)
        if (count < 25) if one in listeners else count:
            raise Failed(f"{what}: {one.user} heard {count} packets of {len(heard[one])} with the tone: {[round(crowd.level(payload)) for payload in heard[one]]}")


def expect_unheard(what, everybody, speaker, hertz, seal):
    """What is not sealed with the leg's key, in 30 packets."""
    for one, payloads in say(everybody, lambda sent, heard: sent == 30, speaker, crowd.tone(hertz), seal).items():
        if count := tones(payloads, hertz):
            raise Failed(f"{what}: {one.user} heard {count} packets of {len(payloads)} with the tone")


def sound_passes_both_ways():
    LIBRARY.srtp_init()
    with Site(daemons=("conf-bridge",), conf_bridge={"srtp": "optional", "media-timeout": "60s"}) as site:
        site.canned_directory({"1234": {"conference": "1234"}})
        with Secure(site, 60, "alice") as alice, Plain(site, 61, "bob") as bob, Secure(site, 62, "carol") as carol:
            everybody = (alice, bob, carol)
            for one in everybody:
                if one.invite("1234")[0] != 200:
                    raise Failed(f"{one.user} does not get in")
            eventually(lambda: len(site.ask("conf-bridge", "members", conference="1234")) == 3, "all in")
            expect_heard("SRTP to SRTP and plain RTP", everybody, alice, (bob, carol), 500)
            be_silent(everybody)
            expect_heard("plain RTP to SRTP", everybody, bob, (alice, carol), 700)
            be_silent(everybody)
            before = crowd.metrics(site)["confab_bridge_rtp_unauthentic"]
            expect_unheard("plain RTP where SRTP was agreed", everybody, alice, 500, lambda packet: packet)
            expect_unheard("another's key", everybody, alice, 500, Stream(os.urandom(KEY_OCTETS), ANY_OUTBOUND).seal)
            eventually(lambda: crowd.metrics(site)["confab_bridge_rtp_unauthentic"] - before >= 60, "all of it counted")
            expect_heard("its own key again", everybody, alice, (bob, carol), 500)
            for one in everybody:
                one.bye()


def rollover_counters_move_with_a_leg():
    """RFC 3711 §3.3.1: no packet tells them."""
    LIBRARY.srtp_init()
    ports, half = (26000, 26399), 26200  # one half for each thread
    with Site(daemons=("conf-bridge",), conf_bridge={"srtp": "optional", "media-threads": 2, "media-ports": "%d-%d" % ports, "media-timeout": "60s"}) as site:
        # The number of the caller who keys is no running conference's: he waits on the thread with the fewest legs.
        site.canned_directory({"1234": {}, "8000": {"passcode": "99", "conference": "1234"}})
        with Plain(site, 60, "alice") as alice, Secure(site, 61, "bob") as bob:
            everybody = (alice, bob)
            if [alice.invite("1234")[0], bob.invite("8000")[0]] != [200, 200]:
                raise Failed("a caller does not get in")
            if not alice.media[1] < half <= bob.media[1]:
                raise Failed(f"the conference and the lobby are not on two threads: ports {alice.media[1]} and {bob.media[1]}")
            bob.packets = 0xffff - 25
            say(everybody, lambda sent, heard: sent == 50)
            bob.key("99#")
            eventually(lambda: len(site.ask("conf-bridge", "members", conference="1234")) == 2, "both in")
            be_silent(everybody)
            expect_heard("SRTP after a move", everybody, bob, (alice,), 500)
            be_silent(everybody)
            expect_heard("to SRTP after a move", everybody, alice, (bob,), 700)
            if crowd.metrics(site)["confab_bridge_rtp_unauthentic"]:
                raise Failed("some of it was not taken")
            streams = {header[8:] for header in bob.headers}
            numbers = [int.from_bytes(header[2:4], "big") for header in bob.headers]
            if len(streams) != 1 or not all(1 <= (after - before) % 0x10000 <= 500 for before, after in zip(numbers, numbers[1:])):  # some are missing after a long stall
                raise Failed(f"bob heard {len(streams)} streams, with the numbers {numbers}")
            for one in everybody:
                one.bye()


if __name__ == "__main__":
    main(sound_passes_both_ways, rollover_counters_move_with_a_leg)
