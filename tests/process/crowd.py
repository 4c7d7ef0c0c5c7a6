"""Many callers of one bridge, for tests and benchmarks: their SIP over one UDP socket, answered on a thread of its own, and their sound, 50 packets a second.

Crowd: calls that come, are answered, end, or are cancelled, all at the same time; requests are sent again as RFC 3261 §17.1 says. `mute` plays a dead network.
Voices: one RTP socket a leg on another thread; what came back stays there with the kernel's time of arrival, for a verdict afterwards.
"""
import bisect
import contextlib
import heapq
import itertools
import math
import os
import random
import re
import selectors
import socket
import struct
import threading
import time

import harness
from harness import Failed, eventually

T1, TIMER_B = 0.5, 32.0
SO_TIMESTAMPNS = 35
PERIOD, FRAME, SILENCE = 0.02, 160, b"\xff"


def offer(ip, port, formats="0", attributes="a=rtpmap:0 PCMU/8000\r\n"):
    return f"v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP {formats}\r\n{attributes}a=ptime:20\r\n"


EVENTS = {"formats": "0 101", "attributes": "a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"}


class Call:
    def __init__(self, name, uri):
        self.name, self.uri, self.tag, self.cseq = name, uri, "", 1
        self.status = 0          # the final one of its INVITE
        self.remote = None       # where the bridge takes its RTP
        self.ended = False       # by BYE of either side, or refused
        self.reason = ""         # that a BYE of the bridge told
        self.answers = {}        # CSeq → status of its other requests
        self.body = ""           # its last offer, also the answer to an offer of the bridge
        self.began, self.up_at = time.monotonic(), None


class Crowd:
    numbers = itertools.count(1)  # of branches: a later crowd may come by an earlier one's port

    def __init__(self, ip, to):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind((ip, 0))
        self.socket.settimeout(0.05)
        self.ip, self.to = ip, to
        self.local = "%s:%d" % self.socket.getsockname()
        self.calls = {}
        self.open, self.due = {}, []  # branch → request bytes; (when, branch, interval, until)
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.mute = self.stopping = False
        self.unexpected = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def close(self):
        self.stopping = True
        self.thread.join()
        self.socket.close()

    def wait(self, condition, what, seconds=10):
        with self.changed:
            if not self.changed.wait_for(condition, slow(seconds)):
                raise Failed(f"not within {slow(seconds)} s: {what}")

    # What callers do
    def invite(self, name, uri, body, headers=""):
        with self.lock:
            call = self.calls[name] = Call(name, uri)
            call.body = body
            call.branch = self.request(call, "INVITE", 1, headers, body)
        return call

    def again(self, call, body):
        """A re-INVITE; its answer comes in call.answers under the CSeq that this returns."""
        with self.lock:
            call.cseq += 1
            self.request(call, "INVITE", call.cseq, "", body)
            return call.cseq

    def bye(self, call):
        with self.lock:
            call.cseq += 1
            self.request(call, "BYE", call.cseq)

    def cancel(self, call):
        with self.lock:
            self.request(call, "CANCEL", 1, branch=call.branch)

    def join(self, names, uri, body, headers="", seconds=10):
        """Calls that must all be answered 200 within the time."""
        calls = [self.invite(name, uri, body, headers) for name in names]
        self.wait(lambda: all(call.status for call in calls), "an answer to each INVITE", seconds)
        refused = [call.status for call in calls if call.status != 200]
        if refused:
            raise Failed(f"INVITE: {refused}")
        return calls

    def leave(self, calls, seconds=10):
        for call in calls:
            self.bye(call)
        self.wait(lambda: all(call.ended for call in calls), "the end of each call", seconds)

    # Their SIP
    def request(self, call, method, cseq, headers="", body="", branch=None):
        branch = branch or f"z9hG4bK{os.getpid()}x{next(Crowd.numbers)}"
        tag = f";tag={call.tag}" if call.tag and method != "CANCEL" else ""
        kind = "Content-Type: application/sdp\r\n" if body else ""
        text = (f"{method} {call.uri} SIP/2.0\r\nVia: SIP/2.0/UDP {self.local};branch={branch};rport\r\nMax-Forwards: 70\r\n"
                f"From: <sip:{call.name}@example.org>;tag=f{call.name}\r\nTo: <{call.uri}>{tag}\r\nCall-ID: {call.name}\r\nCSeq: {cseq} {method}\r\n"
                f"Contact: <sip:{call.name}@{self.local}>\r\n{headers}{kind}Content-Length: {len(body.encode())}\r\n\r\n{body}").encode()
        if method != "ACK":
            now = time.monotonic()
            self.open[branch, method] = text
            heapq.heappush(self.due, (now + T1, branch, method, 2 * T1, now + TIMER_B))
        self.send(text)
        return branch

    def send(self, octets):
        if not self.mute:
            self.socket.sendto(octets, self.to)

    def serve(self):
        while not self.stopping:
            with contextlib.suppress(TimeoutError, ConnectionError):
                text = self.socket.recv(65536).decode(errors="replace")
                with self.lock:
                    if not self.mute:
                        self.response(text) if text.startswith("SIP/2.0 ") else self.asked(text)
                        self.changed.notify_all()
            with self.lock:
                self.repeat(time.monotonic())

    def repeat(self, now):
        while self.due and self.due[0][0] <= now:
            _, branch, method, interval, until = heapq.heappop(self.due)
            if (branch, method) in self.open and now < until:
                self.send(self.open[branch, method])
                heapq.heappush(self.due, (now + interval, branch, method, min(2 * interval, 4.0), until))

    def response(self, text):
        status = int(text[8:11])
        call = self.calls.get(field(text, "Call-ID"))
        cseq, method = field(text, "CSeq").split()
        branch = re.search(r"branch=([^;\s]+)", text)[1]
        if status < 200 or not call:
            if method == "INVITE":
                self.open.pop((branch, method), None)  # Timer A ends
            return
        self.open.pop((branch, method), None)
        if method == "BYE":
            call.ended = True
        if method == "INVITE":
            self.answered(call, int(cseq), status, branch, text)
        elif method != "CANCEL":
            call.answers[int(cseq)] = status

    def answered(self, call, cseq, status, branch, text):
        tag = re.search(r";tag=([^;\s]+)", field(text, "To"))
        if status < 300 and not call.tag:
            call.tag, call.up_at = tag[1], time.monotonic()
        media = re.search(r"^m=audio (\d+) ", text, re.M)
        if status < 300 and media:
            call.remote = (re.search(r"^c=IN IP4 (\S+)", text, re.M)[1].strip(), int(media[1]))
        held, call.tag = call.tag, call.tag or (tag[1] if tag else "")
        self.request(call, "ACK", cseq, branch=branch if status >= 300 else None)
        call.tag = held
        if cseq > 1:
            call.answers[cseq] = status
        elif not call.status:
            call.status, call.ended = status, status >= 300

    def asked(self, text):
        method = text.split(" ", 1)[0]
        call = self.calls.get(field(text, "Call-ID"))
        if method == "ACK":
            return
        if method == "BYE" and call:
            call.ended, call.reason = True, field(text, "Reason")
        if method not in ("BYE", "INVITE", "UPDATE", "OPTIONS", "NOTIFY"):
            self.unexpected.append(method)
        body = f"Contact: <sip:{call.name}@{self.local}>\r\nContent-Type: application/sdp\r\nContent-Length: {len(call.body.encode())}\r\n\r\n{call.body}" \
            if call and method in ("INVITE", "UPDATE") and "application/sdp" in text else "Content-Length: 0\r\n\r\n"
        lines = [line for line in text.split("\r\n\r\n", 1)[0].split("\r\n") if line.split(":", 1)[0].lower() in ("via", "from", "to", "call-id", "cseq")]
        self.send(("SIP/2.0 %s\r\n%s\r\n%s" % ("200 OK" if call else "481 No Call", "\r\n".join(lines), body)).encode())


def field(text, name):
    found = re.search(rf"^{name}\s*:\s*(.*?)\r?$", text, re.M | re.I)
    return found[1] if found else ""


# Sound
def mu_law(sample):
    sign, magnitude = (0x80, -sample) if sample < 0 else (0, sample)
    magnitude = min(magnitude, 32635) + 132
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | (magnitude >> (exponent + 3)) & 15) & 0xff


def linear(code):
    code = ~code & 0xff
    return (((code & 15) << 3) + 132 << (code >> 4 & 7)) - 132


MAGNITUDE = [linear(code) for code in range(256)]


def speech(seconds=1.0, pitch=140, amplitude=7000):
    """Packets of something like a vowel: a gliding pitch, and syllables without a pause."""
    out, phase = bytearray(), 0.0
    for n in range(int(8000 * seconds) // FRAME * FRAME):
        t = n / 8000
        phase += 2 * math.pi * pitch * (1 + 0.1 * math.sin(2 * math.pi * t)) / 8000
        voice = sum(math.sin(k * phase) / k for k in range(1, 11))
        out.append(mu_law(int(amplitude * 0.6 * voice * (0.8 - 0.2 * math.cos(2 * math.pi * 4 * t)))))
    return [bytes(out[at:at + FRAME]) for at in range(0, len(out), FRAME)]


QUIET = [SILENCE * FRAME]


def level(payload):
    return sum(map(MAGNITUDE.__getitem__, payload)) / max(1, len(payload))


def tone(hertz, amplitude=8000):
    """A packet of a tone, which goes on without a seam in the next where 20 ms are whole waves."""
    return bytes(mu_law(round(amplitude * math.sin(2 * math.pi * hertz * n / 8000))) for n in range(FRAME))


def tones(payloads, hertz):
    """How many packets are a tone of this frequency and little else, which no prompt is for long."""
    count = 0
    for payload in payloads:
        samples = [MAGNITUDE[code] if code & 0x80 else -MAGNITUDE[code] for code in payload]
        energy = sum(sample * sample for sample in samples)
        if energy < FRAME * 300 ** 2:
            continue
        real = sum(sample * math.cos(2 * math.pi * hertz * n / 8000) for n, sample in enumerate(samples))
        imaginary = sum(sample * math.sin(2 * math.pi * hertz * n / 8000) for n, sample in enumerate(samples))
        count += 2 * (real * real + imaginary * imaginary) / FRAME > 0.9 * energy
    return count


def rtp(sequence, timestamp, ssrc, payload, payload_type=0, first=0x80):
    return struct.pack("!BBHII", first, payload_type, sequence & 0xffff, timestamp & 0xffffffff, ssrc) + payload


class Voice:
    """One leg's RTP. `heard`: (seconds by the wall clock, sequence, timestamp, payload) in the order of arrival."""

    def __init__(self, ip, packets):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.bind((ip, 0))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]
        self.packets, self.remote = packets, None
        self.sequence, self.timestamp, self.ssrc = random.randrange(1 << 15), random.randrange(1 << 31), random.randrange(1 << 32)
        self.heard, self.sends, self.sent = [], True, 0

    def speak(self):
        if self.remote and self.sends:
            with contextlib.suppress(OSError):
                self.socket.sendto(rtp(self.sequence, self.timestamp, self.ssrc, self.packets[self.sent % len(self.packets)]), self.remote)
        self.sequence, self.timestamp, self.sent = self.sequence + 1, self.timestamp + FRAME, self.sent + 1

    def listen(self):
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while True:
                packet, controls, _, _ = self.socket.recvmsg(2048, 64)
                seconds, nanoseconds = struct.unpack("qq", controls[0][2])
                if len(packet) >= 12 and packet[1] & 0x7f == 0:
                    self.heard.append((seconds + nanoseconds / 1e9, *struct.unpack("!HI", packet[2:8]), packet[12:]))

    # Verdicts on what came since a time
    def since(self, begin):
        return self.heard[bisect.bisect_left(self.heard, begin, key=lambda one: one[0]):]

    def missing(self, begin=0.0):
        """Packets that the sequence numbers miss or repeat."""
        heard = self.since(begin)
        return sum(abs((b[1] - a[1] - 1 + 0x8000) % 0x10000 - 0x8000) for a, b in zip(heard, heard[1:]))

    def mean_level(self, begin=0.0):
        heard = self.since(begin)
        return sum(level(one[3]) for one in heard) / max(1, len(heard))

    def longest_hole(self, begin=0.0, quiet=100):
        """Seconds without sound, by what was played."""
        longest = run = 0
        for one in self.since(begin):
            run = run + 1 if level(one[3]) < quiet else 0
            longest = max(longest, run)
        return longest * PERIOD

    def jitter(self, begin=0.0):
        """p99 of how far the time between two packets is from 20 ms, in ms."""
        heard = self.since(begin)
        apart = sorted(abs(b[0] - a[0] - PERIOD) for a, b in zip(heard, heard[1:]))
        return apart[int(len(apart) * 0.99)] * 1000 if apart else 0.0


class Voices:
    def __init__(self):
        self.legs, self.stopping = [], False
        self.late = 0.0  # the longest time by which we ourselves were late: nobody can play what was not sent
        self.selector = selectors.DefaultSelector()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def add(self, ip, packets):
        voice = Voice(ip, packets)
        self.selector.register(voice.socket, selectors.EVENT_READ, voice)
        self.legs.append(voice)
        return voice

    def drop(self, voice):
        """Its network is gone: the kernel tells senders that nobody listens."""
        self.legs.remove(voice)
        self.selector.unregister(voice.socket)
        voice.socket.close()

    def run(self):
        due = time.monotonic()
        while not self.stopping:
            now = time.monotonic()
            if now >= due:
                self.late = max(self.late, now - due)
                for voice in list(self.legs):
                    voice.speak()
                due += PERIOD
                continue
            with contextlib.suppress(OSError, ValueError):
                for key, _ in self.selector.select(max(0.0, due - now)):
                    key.data.listen()

    def close(self):
        self.stopping = True
        self.thread.join()
        for voice in self.legs:
            voice.socket.close()


@contextlib.contextmanager
def callers(site, last=60):
    """A crowd and its voices at a site's bridge; a voice that has joined by `seat` sends and hears from there on."""
    crowd, voices = Crowd(site.ip(last), (site.ip(40), 5080)), Voices()

    def seat(name, number, packets, headers="", **form):
        voice = voices.add(crowd.ip, packets)
        voice.call, = crowd.join([name], f"sip:{number}@{site.ip(40)}:5080", offer(crowd.ip, voice.port, **form), headers)
        voice.remote = voice.call.remote
        return voice
    try:
        yield crowd, voices, seat
    finally:
        voices.close()
        crowd.close()


COUNTS = ("legs", "lobby", "conferences", "dialogs", "questions", "media_sockets", "rooms", "descriptors", "server_transactions", "client_transactions")


def settled(site, before, seconds=10):
    """Waits until none of the bridge's counts is above what it was before, and those of legs are just that."""
    passing = ("descriptors", "server_transactions", "client_transactions")

    def different():
        now = site.footprint("conf-bridge")
        return [f"{name} {before[name]} → {now[name]}" for name in COUNTS if now[name] > before[name] or (now[name] < before[name] and name not in passing)]
    try:
        eventually(lambda: not different(), "the bridge as before", seconds)
    except Failed as failure:
        raise Failed(f"{failure}: {', '.join(different())}") from None


def metrics(site):
    """Each of the bridge's metrics by its name."""
    rows = [line.split() for line in site.ask("conf-bridge", "metrics")["text"].splitlines() if not line.startswith("#")]
    return {name.removesuffix("_total"): float(value) for name, value in rows}


class Watch:
    """The bridge's events, read on a thread."""

    def __init__(self, site):
        self.control = site.subscribe("conf-bridge")
        self.control.socket.settimeout(None)
        self.events = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        with contextlib.suppress(OSError, ValueError):
            while True:
                self.events.append(self.control.event())

    def of(self, event, identity=None, since=0):
        """Events of a kind after the first `since`, of one member or of all."""
        return [one for one in self.events[since:] if one.get("event") == event and (identity is None or identity in one.get("identity", ""))]

    def close(self):
        with contextlib.suppress(OSError):
            self.control.socket.shutdown(socket.SHUT_RDWR)


def slow(seconds):
    return seconds * harness.SLOW
