# alone: it listens to 50 packets a second.
"""A member and strangers who send a bridge whatever they like: malformed RTP and RTCP, floods of digits, packets with another's SSRC, offers that no phone makes.
The others hear what they heard, nobody is told to talk who does not, and it is counted (issue 4, line 5)."""
import math
import random
import select
import struct
import time

import harness
from crowd import EVENTS, FRAME, QUIET, SILENCE, Crowd, Watch, callers, level, metrics, offer, rtp, settled, speech
from harness import Failed, Site, eventually, main

SPEECH = speech()
LOUD = bytes([0x00, 0x80]) * (FRAME // 2)  # full scale
RATE = 1000 / harness.SLOW
DIGITS_A_SECOND = 200  # a room tells no more of one leg, media/room.cpp


class Stage:
    """One conference: anna talks, berta listens, mallory, at another address, is a silent member with a phone's keys."""

    def __init__(self, site, crowd, voices, seat):
        self.site, self.voices, self.crowd = site, voices, crowd
        self.watch = Watch(site)
        self.anna, self.berta = seat("anna", "1000", SPEECH), seat("berta", "1000", QUIET)
        self.foe = Crowd(site.ip(61), crowd.to)
        self.uri = f"sip:1000@{site.ip(40)}:5080"
        self.mallory = voices.add(self.foe.ip, QUIET)
        self.body = offer(self.foe.ip, self.mallory.port, **EVENTS)
        self.mallory.call, = self.foe.join(["mallory"], self.uri, self.body)
        self.mallory.remote = self.mallory.call.remote
        eventually(lambda: self.mallory.heard and level(self.mallory.heard[-1][3]) > 200, "that mallory hears anna")
        eventually(lambda: self.berta.heard and level(self.berta.heard[-1][3]) > 200, "that berta hears anna")
        eventually(lambda: self.watch.of("talking", "anna"), "that anna talks")

    def turn(self):
        """From here on is measured."""
        eventually(lambda: all(other.heard for other in (self.anna, self.berta, self.mallory)), "packets for all")
        self.begin, self.seen, self.before, self.voices.late = time.time(), len(self.watch.events), metrics(self.site), 0.0

    def grown(self, row):
        now = metrics(self.site)
        return now[row] - self.before[row]

    def others_as_before(self, digits=False):
        """What anna and berta hear, who talks, and who keys."""
        voices, anna, berta = self.voices, self.anna, self.berta
        eventually(lambda: len(berta.since(self.begin)) > 50, "a second of what berta hears")
        if berta.missing(self.begin) or anna.missing(self.begin):
            raise Failed(f"berta misses {berta.missing(self.begin)} packets, anna {anna.missing(self.begin)}")
        hole = berta.longest_hole(self.begin)
        if hole > 0.06 + 2 * voices.late:
            raise Failed(f"berta heard nothing for {hole * 1000:.0f} ms; we were late by {voices.late * 1000:.0f} ms")
        if voices.late < 0.02 and abs(self.loudness(berta)) > 1:
            raise Failed(f"berta hears anna {self.loudness(berta):+.1f} dB louder than she speaks")
        loudest = max(level(one[3]) for one in anna.since(self.begin))
        if loudest > 40:
            raise Failed(f"anna, the only talker, hears somebody: {loudest:.0f}")
        talking = [event for kind in ("talking", "silent") for event in self.watch.of(kind, since=self.seen) if voices.late < 0.02 or "anna" not in event["identity"]]
        keyed = [event for event in self.watch.of("digits", since=self.seen) if "mallory" not in event["identity"] or not digits]
        if talking or keyed:
            raise Failed(f"events {(talking + keyed)[:3]}")
        if [row["identity"].split("@")[0].removeprefix("sip:") for row in self.site.ask("conf-bridge", "members", conference="1000")] != ["anna", "berta", "mallory"]:
            raise Failed("not all three are members any more")
        print(f"     berta: {len(berta.since(self.begin))} packets, none missing, {self.loudness(berta):+.2f} dB, jitter p99 {berta.jitter(self.begin):.2f} ms")

    def loudness(self, listener, begin=None):
        sent = sum(map(level, SPEECH)) / len(SPEECH)
        return 20 * math.log10(max(1.0, listener.mean_level(begin or self.begin)) / sent)

    def leave(self):
        self.watch.close()
        self.crowd.leave([self.anna.call, self.berta.call])
        self.foe.leave([self.mallory.call])
        self.foe.close()


def paced(packets, rate=RATE):
    """They come out at a rate: what is to be counted must not be lost in a socket's buffer."""
    begun = time.monotonic()
    for number, packet in enumerate(packets):
        ahead = begun + number / rate - time.monotonic()
        if ahead > 0.005:
            select.select([], [], [], ahead)
        yield packet


def is_rtp(packet):
    """RFC 3550 §A.1, without RTCP's payload types (RFC 5761 §4)."""
    if len(packet) < 12 or packet[0] >> 6 != 2 or 192 <= packet[1] <= 223:
        return False
    header = 12 + 4 * (packet[0] & 15)
    if packet[0] & 0x10:
        if len(packet) < header + 4:
            return False
        header += 4 + 4 * struct.unpack_from("!H", packet, header + 2)[0]
    padding = packet[-1] if packet[0] & 0x20 else 0
    return len(packet) >= header and (not packet[0] & 0x20 or 0 < padding <= len(packet) - header)


class Malice:
    """Packets of one sender. None of them holds sound that a receiver may play, and none a digit."""

    def __init__(self, seed, ssrc, sequence, timestamp):
        self.random, self.ssrc, self.sequence, self.timestamp = random.Random(seed), ssrc, sequence, timestamp

    def whole(self, payload=SILENCE * FRAME, payload_type=0, first=0x80, extra=b""):
        return rtp(self.sequence, self.timestamp, self.ssrc, extra + payload, payload_type, first)

    def truncations(self):
        packet = self.whole(first=0x93, extra=b"\x01\x02\x03\x04" * 3 + b"\xbe\xde\x00\x02" + b"\x10\x7f\x22\x01\x02\x03\x00\x00")
        return [packet[:size] for size in range(len(packet))]

    def table(self):
        quiet = SILENCE * FRAME
        yield b""
        for version in (0, 1, 3):
            yield self.whole(first=version << 6)
        for first, extra in ((0x8f, b""), (0x90, b"\xbe\xde\xff\xff"), (0x90, b"\x10\x00\x00\x29"), (0x9f, b"\xbe\xde\x00\x01" * 15)):
            yield self.whole(first=first, payload=quiet[:40], extra=extra)
        for octet in (0, 1, 160, 161, 255):
            yield self.whole(first=0xa0, payload=quiet[:-1] + bytes([octet]))
        for size in (0, 1, 79, 159, 161, 320, 480, 1000, 1472, 1999, 2040, 4000, 20000, 65000):
            yield self.whole(payload=SILENCE * size)
        for payload_type in set(range(1, 128)) - {101}:
            yield self.whole(payload_type=payload_type, payload=self.random.randbytes(self.random.randrange(400)))
        for event in range(16, 256):
            yield self.whole(payload_type=101, payload=bytes([event, 0x8a, 3, 32]))
        for size in range(4):
            yield self.whole(payload_type=101, payload=b"\x05\x8a\x03"[:size])
        for reports in (b"\x80\xc8\x00\x06", b"\x81\xc9\x00\x07", b"\x81\xcb\x00\x01", b"\x81\xca\xff\xff"):
            yield reports + struct.pack("!I", self.ssrc) + bytes(24)
        yield b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12)
        yield b"\x16\xfe\xfd" + bytes(60)

    def mutations(self, count):
        for _ in range(count):
            header = bytearray(self.whole(payload=b"", first=self.random.choice((0x80, 0x80, 0x91, 0xa0, 0xb3))))
            for _ in range(self.random.randrange(1, 4)):
                header[self.random.randrange(12)] ^= 1 << self.random.randrange(8)
            sound = SILENCE * self.random.choice((0, 3, 80, 160, 161, 240, 1400))
            # Beyond our own payload types the payload may be anything.
            packet = bytes(header) + (sound if header[1] & 0x7f in (0, 101) else self.random.randbytes(len(sound)))
            yield packet[:self.random.randrange(len(packet) + 1)] if self.random.random() < 0.2 else packet


def a_member_who_sends_garbage(stage):
    mallory = stage.mallory
    malice = Malice(4, mallory.ssrc, mallory.sequence, mallory.timestamp)
    packets = malice.truncations() + list(malice.table()) + list(malice.mutations(2500))
    for packet in paced(packets):
        mallory.socket.sendto(packet, mallory.remote)
    expected = sum(not is_rtp(packet) for packet in packets)
    # One that does not fit the bridge's buffer may count as either.
    large = sum(len(packet) > 2048 for packet in packets)
    eventually(lambda: stage.grown("confab_bridge_rtp_rejected") >= 0.95 * expected, f"{expected} packets counted as rejected")
    if stage.grown("confab_bridge_rtp_rejected") > expected + large:
        raise Failed(f"rejected {stage.grown('confab_bridge_rtp_rejected'):.0f} of {expected} malformed packets")
    print(f"     {len(packets)} packets, {expected} malformed, {stage.grown('confab_bridge_rtp_rejected'):.0f} rejected")
    stage.others_as_before()


def rtcp_garbage(stage):
    chance = random.Random(7)
    senders = [stage.voices.add(stage.site.ip(last), QUIET) for last in (61, 62)]  # mallory's host, and a stranger's: three of four are strangers
    packets = []
    for ssrc in (stage.anna.ssrc, stage.mallory.ssrc):
        report = struct.pack("!BBHIIIIII", 0x81, 200, 12, ssrc, 1, 2, 3, 4, 5) + struct.pack("!IIIIII", ssrc, 0xff000001, 2, 3, 4, 5)
        for packet in (report, struct.pack("!BBHI", 0x81, 203, 1, ssrc), report + struct.pack("!BBHI", 0x81, 202, 1, ssrc) + b"\x01\xff\x00\x00"):
            packets += [packet[:size] for size in range(len(packet) + 1)]
            for _ in range(100):
                changed = bytearray(packet)
                changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
                packets.append(bytes(changed))
    for packet in paced(packets):
        for sender in senders:
            for victim in (stage.anna, stage.mallory):
                sender.socket.sendto(packet, (victim.remote[0], victim.remote[1] + 1))
    eventually(lambda: stage.grown("confab_bridge_rtcp_rejected") >= 0.95 * 3 * len(packets), "RTCP of strangers counted as rejected")
    print(f"     {4 * len(packets)} RTCP packets, {stage.grown('confab_bridge_rtcp_rejected'):.0f} rejected")
    stage.others_as_before()


def strangers_with_the_right_ssrc(stage):
    """Full-scale noise in a talker's and in a listener's name: from another host, and from another port of the same host."""
    count, sent = int(RATE), 0
    senders = [stage.voices.add(stage.site.ip(last), QUIET) for last in (62, 60)]
    for number, _ in enumerate(paced(range(count // 2))):
        for sender in senders:
            for victim in (stage.anna, stage.berta):
                sender.socket.sendto(rtp(victim.sequence + number % 3, victim.timestamp, victim.ssrc, LOUD), victim.remote)
                sent += 1
    eventually(lambda: stage.grown("confab_bridge_rtp_rejected") >= 0.95 * sent, f"{sent} packets of strangers counted as rejected")
    if any(sender.heard for sender in senders):
        raise Failed("a stranger hears the conference")
    print(f"     {sent} packets of strangers, {stage.grown('confab_bridge_rtp_rejected'):.0f} rejected")
    stage.others_as_before()


def a_flood_of_digits(stage):
    """1,000 telephone events a second, each another key."""
    mallory, seconds = stage.mallory, 2
    mallory.sends = False
    begun, count = time.monotonic(), int(1000 * seconds)
    for number, _ in enumerate(paced(range(count), 1000)):
        packet = rtp(mallory.sequence + number, mallory.timestamp + 8 * number, mallory.ssrc, bytes([number % 10, 0x8a, 3, 32]), 101)
        mallory.socket.sendto(packet, mallory.remote)
    took = time.monotonic() - begun
    mallory.sequence, mallory.timestamp, mallory.sends = mallory.sequence + count, mallory.timestamp + 8 * count, True
    told = lambda: stage.watch.of("digits", "mallory", stage.seen)
    eventually(lambda: len(told()) + stage.grown("confab_bridge_dropped_digits") >= 0.95 * count, "every digit told or counted as dropped")
    stage.others_as_before(digits=True)
    if not 1 <= len(told()) <= DIGITS_A_SECOND * (took + 0.5) or any(set(event["digits"]) != {"*"} for event in told()):
        raise Failed(f"{len(told())} digits in {took:.1f} s: {told()[:2]}")
    print(f"     {count} telephone events in {took:.1f} s, {len(told())} told, {stage.grown('confab_bridge_dropped_digits'):.0f} dropped")


def mutated(chance, body):
    """An offer with one to three lines changed, left out, doubled or made long. Addresses stay: nothing is to be sent to other machines."""
    lines = body.split("\r\n")[:-1]
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(lines))
        line = lines[at]
        change = chance.randrange(7)
        if line.startswith(("c=", "o=")) and change < 3:
            line = chance.choice(("c=IN IP4 0.0.0.0", "c=IN IP6 ::1", "c=IN IP4 999.1.1.1", "c=IN IP4", "c=", "c=IN XX 1", line + "/127", line + "/1/3"))
        elif change == 0 and line:
            where = chance.randrange(len(line))
            line = line[:where] + chance.choice("0987654321=:/- \t;aé\x01") + line[where + chance.randrange(2):]
        elif change == 1:
            line = line[:chance.randrange(len(line) + 1)]
        elif change == 2:
            line = chance.choice(("m=audio 0 RTP/AVP 0", "m=audio 65535 RTP/AVP 0", "m=audio 99999 RTP/AVP 0", "m=audio 40000 RTP/SAVP 0", "m=audio 40000 RTP/AVP",
                                  "m=audio 40000 RTP/AVP 0 0 0 8 8", "m=audio 40000 RTP/AVP 128 300", "m=video 40000 RTP/AVP 31", "m=", "a=ptime:0", "a=ptime:100000",
                                  "a=rtpmap:0 opus/48000/2", "a=rtpmap:0 PCMU/0", "a=rtpmap:999999999999 X/1", "a=fmtp:101 " + "0-15," * 1000, "a=sendonly", "a=inactive",
                                  "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA", "v=1", "t=", "b=AS:-1", "a=" + "x" * 8000))
        lines[at:at + 1] = [] if change == 3 else [line, line] if change == 4 else [line]
        if change == 5:
            chance.shuffle(lines)
        lines = lines or ["v=0"]
    return "\r\n".join(lines) + "\r\n"


def offers_that_no_phone_makes(stage):
    chance, crowd, mallory = random.Random(11), stage.foe, stage.mallory
    calls = []
    for number in range(300):
        calls.append(crowd.invite(f"sdp{number}", f"sip:2000@{stage.site.ip(40)}:5080", mutated(chance, offer(crowd.ip, 40000, **EVENTS))))
        crowd.wait(lambda: sum(not call.status for call in calls) < 20, "answers to INVITEs")
    crowd.wait(lambda: all(call.status for call in calls), "an answer to each INVITE")
    crowd.leave([call for call in calls if call.status == 200])
    statuses = [call.status for call in calls]
    for _ in range(150):
        cseq = crowd.again(mallory.call, mutated(chance, stage.body))
        crowd.wait(lambda: cseq in mallory.call.answers, "an answer to the re-INVITE")
        statuses.append(mallory.call.answers[cseq])
    if not set(statuses) <= {200, 400, 415, 488} or statuses.count(200) in (0, len(statuses)):
        raise Failed(f"answers: { {status: statuses.count(status) for status in set(statuses)} }")
    if stage.grown("confab_bridge_refused_media") != len(statuses) - statuses.count(200):
        raise Failed(f"{stage.grown('confab_bridge_refused_media')} offers refused by the metric, {len(statuses) - statuses.count(200)} by the answers")
    print(f"     offers: { {status: statuses.count(status) for status in sorted(set(statuses))} }")
    again = crowd.again(mallory.call, stage.body)
    crowd.wait(lambda: mallory.call.answers.get(again) == 200, "200 for a plain offer")
    stage.others_as_before()
    since = time.time() + 0.2
    eventually(lambda: len(mallory.since(since)) > 25, "that mallory hears again")
    if stage.voices.late < 0.02 and abs(stage.loudness(mallory, since)) > 1:
        raise Failed(f"mallory hears anna {stage.loudness(mallory, since):+.1f} dB louder than she speaks")


ACTS = (a_member_who_sends_garbage, rtcp_garbage, strangers_with_the_right_ssrc, offers_that_no_phone_makes, a_flood_of_digits)


def nothing_changes_for_others():
    with Site(("conf-locate", "conf-bridge"), conf_bridge={"t1": f"{30 * harness.SLOW}ms"}) as site:
        site.add_conference("1000")
        site.add_conference("2000")
        before = site.footprint("conf-bridge")
        with callers(site) as parts:
            stage = Stage(site, *parts)
            for act in ACTS:
                print(f"   {act.__name__.replace('_', ' ')}", flush=True)
                stage.turn()
                act(stage)
            stage.leave()
        settled(site, before)


main(nothing_changes_for_others)
