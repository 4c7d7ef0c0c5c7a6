"""Conferences at a bridge whose callers send known sound as RTP and keep what they hear, many at once and in real time.

A Play is one conference: its lines, and what is to be done while they speak. `perform` seats the callers, lets one thread send everybody's packets by
an absolute clock, and says how late that thread was at worst. Packets are sent as far from the ticks of their room, which the bridge's own packets
tell, as their length allows: where a few milliseconds decide about a packet's delay, the machine's other work would be measured and not the bridge.
"""
import contextlib
import os
import random
import select
import socket
import struct
import threading
import time

import crowd
from harness import Failed, eventually

TICK = 0.02
SO_TIMESTAMPNS = 35


class Line:
    """One caller: `says` goes out in packets of `form`, the first when the performance begins; `heard` are the RTP packets that came since then.
    `shaken`: a seed of the network's losses (5 %) and delays (to 40 ms, in any order). `joins` and `leaves` are seconds of the performance."""

    def __init__(self, ip, form, says, shaken, joins, leaves):
        self.form, self.joins, self.leaves = form, joins, leaves
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.bind((ip, 0))
        self.socket.setblocking(False)
        self.sent = form.encode(says) if says else []  # payloads
        self.call, self.heard, self.phases = None, [], []
        self.packets = list(self.rtp(random.Random(shaken) if shaken else None))

    def rtp(self, network):
        """(seconds since the beginning, packet)"""
        first, stamp, ssrc = random.randrange(1 << 15), random.randrange(1 << 31), random.randrange(1 << 32)
        step = self.form.clock * self.form.ptime // 1000
        for number, payload in enumerate(self.sent):
            if network and network.random() < 0.05:
                continue
            delay = network.uniform(0, 0.04) if network else 0
            marked = self.form.payload_type | (0x80 if number == 0 else 0)
            header = struct.pack("!BBHII", 0x80, marked, first + number & 0xffff, stamp + number * step & 0xffffffff, ssrc)
            yield number * self.form.ptime / 1000 + delay, header + payload

    @property
    def offer(self):
        form, (ip, port) = self.form, self.socket.getsockname()
        attributes = f"a=rtpmap:{form.payload_type} {form.rtpmap}\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:{form.ptime}\r\n"
        if form.fmtp:
            attributes += f"a=fmtp:{form.payload_type} {form.fmtp}\r\n"
        return f"v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP {form.payload_type} 101\r\n{attributes}"

    def speak(self, packet):
        if self.call and not self.call.ended:
            with contextlib.suppress(OSError):
                self.socket.sendto(packet, self.call.remote)

    def listen(self):
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while True:
                packet, controls, _, _ = self.socket.recvmsg(2048, 64)
                if packet[1] & 0x7f == self.form.payload_type:
                    self.heard.append(packet)
                    self.phases.append(struct.unpack("qq", controls[0][2])[1] / 1e9 % TICK)

    @property
    def payloads(self):
        """What came, in order; a gap would be loss on loopback, which no line of ours explains."""
        numbers = [struct.unpack("!H", packet[2:4])[0] for packet in self.heard]
        if any((b - a) & 0xffff != 1 for a, b in zip(numbers, numbers[1:])):
            raise Failed(f"packets to a listener of {self.form.name} are missing or twice")
        return [packet[12:] for packet in self.heard]

    def sound(self):
        return self.form.decode(self.payloads)


class Play:
    def __init__(self, ip, number):
        self.ip, self.number = ip, number
        self.lines, self.actions, self.figures = [], [], []

    def line(self, form, says=None, shaken=None, joins=0.0, leaves=None):
        self.lines.append(Line(self.ip, form, says, shaken, joins, leaves))
        return self.lines[-1]

    def at(self, seconds, action):
        self.actions.append((seconds, action))

    def figure(self, what, value, least=None, most=None):
        good = (least is None or value >= least) and (most is None or value <= most)
        bound = " and ".join(f"at {word} {plain(limit)}" for word, limit in (("least", least), ("most", most)) if limit is not None)
        self.figures.append((good, f"{what}: {plain(value)} ({bound}){'' if good else ' FAILED'}"))

    def is_heard(self):
        """Whether somebody has heard enough to tell the phase."""
        for line in self.lines:
            line.listen()
        return any(len(line.phases) >= 10 for line in self.lines)

    @property
    def phase(self):
        """When its room ticks: seconds of the wall clock modulo 20 ms, by the packets that came least late."""
        phases = max((line.phases for line in self.lines), key=len)
        return phases[0] + min((one - phases[0] + TICK / 2) % TICK - TICK / 2 for one in phases)


class Stage:
    def __init__(self, site, last=60):
        self.ip, self.bridge = site.ip(last), (site.ip(40), 5080)
        self.crowd = crowd.Crowd(self.ip, self.bridge)

    def close(self):
        self.crowd.close()

    def invite(self, number, line):
        line.name = f"{number}-{line.socket.getsockname()[1]}"
        return self.crowd.invite(line.name, f"sip:{number}@{self.bridge[0]}:{self.bridge[1]}", line.offer)

    def answered(self, calls):
        self.crowd.wait(lambda: all(call.status for _, call in calls), "an answer to each INVITE")
        for line, call in calls:
            if call.status != 200:
                raise Failed(f"INVITE with {line.form.name}: {call.status}")
            line.call = call

    def perform(self, plays):
        """Returns by how many seconds a packet was late at worst."""
        lines = [line for play in plays for line in play.lines]
        self.answered([(line, self.invite(play.number, line)) for play in plays for line in play.lines if line.joins == 0])
        eventually(lambda: all(play.is_heard() for play in plays), "sound from the bridge in each conference")
        begin = time.monotonic() + 0.1
        sender = Sender(plays, lines, begin)
        for when, action in sorted((one for play in plays for one in (*play.actions, *self.moves(play))), key=lambda one: one[0]):
            wait_until(begin + when)
            action()
        sender.join()
        self.crowd.leave([line.call for line in lines if not line.call.ended])
        for line in lines:
            line.socket.close()
        return sender.late

    def moves(self, play):
        """Who joins and leaves while others speak."""
        for line in play.lines:
            if line.joins:
                yield line.joins, lambda line=line: self.answered([(line, self.invite(play.number, line))])
            if line.leaves:
                yield line.leaves, lambda line=line: self.crowd.bye(line.call)


class Sender(threading.Thread):
    def __init__(self, plays, lines, begin):
        super().__init__(daemon=True)
        self.lines, self.late = lines, 0.0
        wall = time.time() - time.monotonic()
        self.schedule = []
        for play in plays:
            tick = begin + (play.phase - begin - wall) % TICK
            self.schedule += [(tick + line.form.ptime / 2000 + seconds, line, packet) for line in play.lines for seconds, packet in line.packets]
        self.schedule.sort(key=lambda one: one[0])
        for line in lines:
            line.heard.clear()
        self.start()

    def run(self):
        with contextlib.suppress(PermissionError):  # where a program may ask for real time, as the bridge's mixing thread does
            os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(5))
        for due, line, packet in self.schedule:
            if due - time.monotonic() > 0.002:
                for one in self.lines:
                    one.listen()
                wait_until(due)
            self.late = max(self.late, time.monotonic() - due)
            line.speak(packet)
        for one in self.lines:
            one.listen()


def plain(number):
    return f"{number:.0f}" if abs(number) >= 1000 else f"{number:.3g}"


def wait_until(due):
    select.select([], [], [], max(0.0, due - time.monotonic()))
