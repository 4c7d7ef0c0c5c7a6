"""Malformed RTP and RTCP, floods of keys and packets from strangers change nothing for the others of a conference, and are counted."""
import os
import select
import socket
import struct

from agent import Agent, expect
from harness import SLOW, Failed, Site, eventually, main

LOUD, QUIET = 0x90, 0xff


class Caller:
    """A member with real sockets for RTP and RTCP."""

    def __init__(self, site, agent, name, ssrc):
        self.rtp, self.rtcp = self.sockets(site.ip(60))
        self.ssrc, self.sequence, self.heard, self.reports = ssrc, 0, [], 0
        uri = f"sip:1000@{site.ip(40)}:5080"
        body = (f"v=0\r\no=- 1 1 IN IP4 {site.ip(60)}\r\ns=-\r\nc=IN IP4 {site.ip(60)}\r\nt=0 0\r\n"
                f"m=audio {self.rtp.getsockname()[1]} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n")
        code, answer = agent.transact("INVITE", uri, name, 1, user=name, body=body)
        expect("INVITE", code, (200,))
        tag = answer.split("\r\nTo:", 1)[1].split("\r\n", 1)[0].split("tag=", 1)[1]
        agent.send("ACK", uri, name, 1, to_tag=tag)
        port = int(answer.split("m=audio ", 1)[1].split(" ", 1)[0])
        self.to, self.to_rtcp = (site.ip(40), port), (site.ip(40), port + 1)

    @staticmethod
    def sockets(ip):
        while True:
            rtp, rtcp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
            rtp.bind((ip, 0))
            try:
                if rtp.getsockname()[1] % 2 == 0:
                    rtcp.bind((ip, rtp.getsockname()[1] + 1))
                    rtp.setblocking(False)
                    rtcp.setblocking(False)
                    return rtp, rtcp
            except OSError:
                pass
            rtp.close()
            rtcp.close()

    def packet(self, payload, payload_type=0):
        self.sequence += 1
        return struct.pack("!BBHII", 0x80, payload_type, self.sequence & 0xffff, self.sequence * 160, self.ssrc) + payload

    def speak(self, code):
        self.rtp.sendto(self.packet(bytes([code]) * 160), self.to)

    def next_packet(self):
        """The bridge's packets are the clock."""
        if not select.select([self.rtp], [], [], 5 * SLOW)[0]:
            raise Failed("the bridge sends nothing")

    def listen(self):
        for sock in (self.rtp, self.rtcp):
            try:
                while True:
                    data = sock.recv(2048)
                    if sock is self.rtcp:
                        self.reports += data[1] in (200, 201)
                    else:
                        self.heard.append((struct.unpack("!H", data[2:4])[0], data[12]))
            except BlockingIOError:
                pass


def counted(site):
    text = site.ask("conf-bridge", "metrics")["text"]
    return {line.split()[0]: float(line.split()[1]) for line in text.splitlines() if line and line[0] != "#"}


def attack(site, stranger, victim, villain):
    """One tick's worth."""
    for _ in range(20):
        stranger.sendto(villain.packet(bytes([LOUD]) * 160), victim.to)
        stranger.sendto(b"\x81\xc9\x00\x07" + os.urandom(28), victim.to_rtcp)
        villain.rtp.sendto(b"\xbf" + os.urandom(59), villain.to)  # more sources than there are octets
        villain.rtcp.sendto(b"\x80\xc8" + os.urandom(40), villain.to_rtcp)
        villain.rtp.sendto(villain.packet(struct.pack("!BBH", villain.sequence % 16, 0x80, 160), 101), villain.to)


def others_hear_what_they_heard():
    site = Site(daemons=("conf-bridge",), conf_bridge={"trusted": "127.0.0.0/8", "rtcp-interval": "200ms"})
    site.canned_directory({"1000": {}})
    with site:
        agent = Agent(site, 60, to=(site.ip(40), 5080))
        talker, listener, villain = (Caller(site, agent, name, ssrc) for ssrc, name in enumerate(("anna", "berta", "carol"), 1))
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stranger.bind((site.ip(61), 0))
        ticks = 100
        for tick in range(ticks):
            talker.speak(LOUD)
            listener.speak(QUIET)
            villain.speak(QUIET)
            if tick >= 20:
                attack(site, stranger, listener, villain)
            talker.next_packet()
            for caller in (talker, listener, villain):
                caller.listen()
        after = listener.heard[25:]
        numbers = [number for number, _ in after]
        if len(after) < 40 // SLOW or any(b - a != 1 for a, b in zip(numbers, numbers[1:])):
            raise Failed(f"the listener's packets: {numbers}")
        loud = sum(code != QUIET for _, code in after)
        if loud < len(after) * (0.9 if SLOW == 1 else 0.5):
            raise Failed(f"the listener heard the talker in {loud} of {len(after)} packets")
        if any(code != QUIET for _, code in talker.heard[25:]):
            raise Failed("the talker heard a stranger or itself")
        if listener.reports == 0:
            raise Failed("no RTCP report came")
        if len(site.ask("conf-bridge", "members", conference="1000")) != 3:
            raise Failed("a member is gone")
        sent = 20 * (ticks - 20)
        eventually(lambda: counted(site)["confab_bridge_rtp_rejected_total"] >= 1.5 * sent, "rejected RTP in the metrics")
        eventually(lambda: counted(site)["confab_bridge_rtcp_rejected_total"] >= 1.5 * sent, "rejected RTCP in the metrics")


main(others_hear_what_they_heard)
