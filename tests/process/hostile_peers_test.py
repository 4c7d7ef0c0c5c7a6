# alone: it measures time.
"""Peers that never read, that reset in the middle of a message, that send an octet a second, and thousands of idle TLS connections: each costs only itself,
and a registered phone's REGISTER is answered within 20 ms all the same (issue 3, line 4). CONFAB_IDLE_CONNECTIONS sets how many idle ones (2000).
Under a sanitizer the flood of those who never read is more than the registrar can answer: there the phone's answer may take two seconds beside it."""
import os
import resource
import select
import socket
import ssl
import struct
import threading
import time

import harness
from agent import Agent, digest, expect, md5_challenge
from harness import REALM, Failed, Site, eventually

IDLE = int(os.environ.get("CONFAB_IDLE_CONNECTIONS", "2000" if harness.SLOW == 1 else "200"))
LIMIT = 0.020 * harness.SLOW
FLOOD_LIMIT = LIMIT if harness.SLOW == 1 else 2.0
USER_KIB_EACH = 24  # issue 3: user memory of an idle TLS connection
FLOOD = (f"OPTIONS sip:{REALM} SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\nFrom: <sip:a@{REALM}>;tag=1\r\n"
         f"To: <sip:{REALM}>\r\nCall-ID: flood\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")


def site_with_tls(**more):
    keys = {}
    site = Site(daemons=("sip-registrar",), sip_registrar=keys)
    site.make_certificates(name="registrar", last=30)
    keys.update({"listen": [f"udp:{site.ip(30)}:5070", f"tcp:{site.ip(30)}:5070", f"tls:{site.ip(30)}:5071"], "tls-certificate": site.path("registrar.pem"),
                 "tls-key": site.path("registrar.key"), "connections": 15000, **more})
    return site


class Phone:
    """Registers, and refreshes with a fresh count under the same nonce."""

    def __init__(self, site, last, transport):
        self.agent = Agent(site, last, transport, to=(site.ip(30), 5071 if transport == "tls" else 5070))
        self.contact = f"Contact: <sip:alice@{self.agent.local}>;expires=600\r\n"
        self.call_id = f"phone{os.urandom(8).hex()}"
        code, answer = self.send(1)
        expect("REGISTER without credentials", code, (401,))
        self.challenge = md5_challenge(answer)
        self.count = 0
        self.refresh()

    def send(self, cseq, credentials=""):
        return self.agent.transact("REGISTER", f"sip:{REALM}", self.call_id, cseq, headers=self.contact + credentials,
                                   user="alice", to=f"sip:alice@{REALM}")

    def refresh(self):
        """Seconds until its 200."""
        self.count += 1
        credentials = digest(self.challenge, "alice", "alice-secret", "REGISTER", f"sip:{REALM}", "Authorization", self.count)
        begun = time.monotonic()
        code, _ = self.send(1 + self.count, credentials)
        took = time.monotonic() - begun
        expect("REGISTER", code, (200,))
        return took


def in_time(phones, what, limit=LIMIT, rounds=5, each=60 if harness.SLOW == 1 else 10):
    """The best of a few rounds counts, since other programs run on these machines too: its slowest but one in a hundred."""
    best = None
    for _ in range(rounds):
        times = sorted(phone.refresh() for phone in phones for _ in range(each))
        slow = times[int(len(times) * 0.99) - 1]
        best = min(slow, best or slow)
        if best < limit:
            print(f"     {what}: p99 {best * 1000:.2f} ms, median {times[len(times) // 2] * 1000:.2f} ms")
            return
    raise Failed(f"{what}: p99 of a registered phone's REGISTER is {best * 1000:.1f} ms")


class Hostile(threading.Thread):
    def __init__(self, site):
        super().__init__(daemon=True)
        self.to, self.stopping, self.rounds = (site.ip(30), 5070), threading.Event(), 0

    def wait(self, seconds):
        self.stopping.wait(seconds)

    def end(self):
        self.stopping.set()
        self.join(20)


class NeverReads(Hostile):
    """Asks and asks; its answers pile up until it is cut off. Then it comes again."""

    def run(self):
        while not self.stopping.is_set():
            with socket.socket() as peer:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                peer.connect(self.to)
                peer.settimeout(0.5)
                sequence = 0
                try:
                    while not self.stopping.is_set():
                        sequence += 1
                        peer.sendall((FLOOD % sequence * 20).encode())
                        self.wait(0.002)
                except TimeoutError:
                    self.wait(0.1)  # the registrar's queue is not full, its kernel buffers are
                except OSError:
                    self.rounds += 1


class Resets(Hostile):
    def run(self):
        while not self.stopping.is_set():
            with socket.create_connection(self.to) as peer:
                peer.sendall((FLOOD % 1).encode()[:150])
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.rounds += 1
            self.wait(0.005)


class OneOctetASecond(Hostile):
    def run(self):
        with socket.create_connection(self.to) as peer:
            for octet in (FLOOD % 1).encode():
                try:
                    peer.sendall(bytes([octet]))
                except OSError:
                    return
                self.rounds += 1
                self.wait(1)
                if self.stopping.is_set():
                    return


def hostile_peers():
    with site_with_tls(**{"authentication-timeout": "10m", "write-queue": 65536}) as site:
        site.add_user("alice")
        phones = [Phone(site, 50, "udp"), Phone(site, 51, "tls")]
        in_time(phones, "alone")
        for kind in (NeverReads, Resets, OneOctetASecond):
            peers = [kind(site) for _ in range(4)]
            for peer in peers:
                peer.start()
            eventually(lambda: any(peer.rounds > 0 for peer in peers), f"{kind.__name__} at work", 60)
            in_time(phones, kind.__name__, FLOOD_LIMIT if kind is NeverReads else LIMIT)
            for peer in peers:
                peer.end()
        eventually(lambda: site.ask("sip-registrar", "status")["connections"] == 1, "the phone's connection alone")


def pss_kib(site, name):
    for line in open(f"/proc/{site.processes[name].pid}/smaps_rollup"):
        if line.startswith("Pss:"):
            return int(line.split()[1])


def idle_connections():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    wanted = min(IDLE, hard - 500)
    with site_with_tls(**{"authentication-timeout": "10m"}) as site:
        site.add_user("alice")
        phones = [Phone(site, 50, "udp"), Phone(site, 51, "tls")]
        context = ssl.create_default_context(cafile=str(site.path("ca.pem")))
        idle = []

        def connect(count):
            for _ in range(count):
                # From several addresses: one has not ports enough for ten thousand.
                plain = socket.create_connection((site.ip(30), 5071), 20, source_address=(site.ip(60 + len(idle) // 5000), 0))
                idle.append(context.wrap_socket(plain, server_hostname=site.ip(30)))

        connect(100)  # what a first connection allocates is not counted
        before = pss_kib(site, "sip-registrar")
        begun = time.monotonic()
        connect(wanted - 100)
        took = time.monotonic() - begun
        eventually(lambda: site.ask("sip-registrar", "status")["connections"] == wanted + 1, "all connections")
        each = (pss_kib(site, "sip-registrar") - before) / (wanted - 100)
        print(f"     {wanted} idle TLS connections, made in {took:.1f} s, {each:.1f} KiB each")
        in_time(phones, f"beside {wanted} idle TLS connections")
        if harness.SLOW == 1 and each > USER_KIB_EACH:
            raise Failed(f"an idle TLS connection holds {each:.1f} KiB")
        for connection in idle:
            connection.close()
        eventually(lambda: site.ask("sip-registrar", "status")["connections"] == 1, "all connections closed", 30)
        in_time(phones, "after they left")


def unauthenticated_connections_end():
    with site_with_tls(**{"authentication-timeout": "1s"}) as site:
        site.add_user("alice")
        phone = Phone(site, 51, "tls")
        stranger = Agent(site, 52, "tls", to=(site.ip(30), 5071))
        code, _ = stranger.transact("REGISTER", f"sip:{REALM}", "stranger", 1, user="alice", to=f"sip:alice@{REALM}")
        expect("REGISTER without credentials", code, (401,))
        if stranger.socket.recv(1) != b"":
            raise Failed("a stranger was told something more")
        phone.refresh()
        if select.select([phone.agent.socket], [], [], 0)[0]:
            raise Failed("the phone's connection ended")


harness.main(hostile_peers, idle_connections, unauthenticated_connections_end)
