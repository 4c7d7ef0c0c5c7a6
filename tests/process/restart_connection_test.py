"""sip-proxy is killed and started again while requests of callers over TCP and TLS are open: each has its final answer within 2 s of connecting
again, though over a connection nobody repeats anything (issue 3, line 6). The callee speaks UDP and answers each request once."""
import os
import socket
import ssl
import time

import harness
from harness import REALM, Failed, Site

LIMIT = 2 * harness.SLOW


def header(message, name):
    return next(line.split(":", 1)[1].strip() for line in message.split("\r\n") if line.lower().startswith(name.lower() + ":"))


class Callee:
    def __init__(self, site):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((site.ip(61), 0))
        self.socket.settimeout(10 * harness.SLOW)
        self.address = "%s:%d" % self.socket.getsockname()
        self.branches = {}

    def expect(self, method):
        while True:
            data, self.peer = self.socket.recvfrom(65536)
            request = data.decode()
            if request.startswith(method + " "):
                return request

    def answer(self, request, status):
        lines = [line for line in request.split("\r\n") if line.split(":")[0] in ("Via", "From", "Call-ID", "CSeq", "Record-Route")]
        to = header(request, "To")
        lines += [f"To: {to}" if "tag=" in to else f"To: {to};tag=callee", f"Contact: <sip:callee@{self.address}>", "Content-Length: 0"]
        self.socket.sendto(("\r\n".join([f"SIP/2.0 {status} Whatever"] + lines) + "\r\n\r\n").encode(), self.peer)


class Caller:
    """Its Via names an address where nobody listens: only a connection that it opens can bring an answer."""

    def __init__(self, site, transport):
        self.site, self.transport = site, transport
        self.name = f"{site.ip(60)}:6060"
        self.call_id = f"{transport}{os.getpid()}"
        self.count = 0
        self.connect()

    def connect(self):
        port = 5061 if self.transport == "tls" else 5060
        self.socket = socket.create_connection((self.site.ip(20), port), 10 * harness.SLOW, (self.site.ip(60), 0))
        if self.transport == "tls":
            context = ssl.create_default_context(cafile=str(self.site.path("ca.pem")))
            self.socket = context.wrap_socket(self.socket, server_hostname=self.site.ip(20))
        self.buffer = ""

    def send(self, method, cseq, uri, tag="", route=""):
        self.count += 1
        self.socket.sendall((f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{self.transport.upper()} {self.name};branch=z9hG4bK{self.call_id}{self.count}\r\n"
                             f"Max-Forwards: 70\r\n{route}From: <sip:caller@{REALM}>;tag=caller\r\nTo: <sip:1000@{REALM}>{tag}\r\nCall-ID: {self.call_id}\r\n"
                             f"CSeq: {cseq} {method}\r\nContact: <sip:caller@{self.name};transport={self.transport}>\r\nContent-Length: 0\r\n\r\n").encode())

    def expect(self, status, cseq, seconds):
        deadline = time.monotonic() + seconds
        while True:
            while "\r\n\r\n" in self.buffer:
                message, self.buffer = self.buffer.split("\r\n\r\n", 1)
                if message.startswith(f"SIP/2.0 {status}") and header(message, "CSeq") == cseq:
                    return message
            self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                raise Failed(f"no {status} to {cseq} over {self.transport} within {seconds} s")
            if not data:
                raise Failed(f"closed while waiting for {status} to {cseq}")
            self.buffer += data.decode()

    def come_back(self):
        """A new connection, and the caller says who it is: any request does."""
        self.socket.close()
        self.connect()
        self.send("OPTIONS", 100 + self.count, f"sip:{REALM}")


def restart(site):
    site.kill("sip-proxy")
    site.start("sip-proxy")


def play(site, callee, transport):
    caller = Caller(site, transport)
    caller.send("INVITE", 1, f"sip:1000@{REALM}")
    invite = callee.expect("INVITE")
    callee.answer(invite, 180)
    caller.expect(180, "1 INVITE", 10 * harness.SLOW)
    # The answer comes while the caller is away.
    restart(site)
    callee.answer(invite, 200)
    caller.come_back()
    answer = caller.expect(200, "1 INVITE", LIMIT)
    routes = [line.split(":", 1)[1] for line in answer.split("\r\n") if line.lower().startswith("record-route:")]
    values = [value.strip() for line in routes for value in line.split(",")][::-1]
    route = "".join(f"Route: {value}\r\n" for value in values)
    uri = header(answer, "Contact").strip("<>")
    caller.send("ACK", 1, uri, ";tag=callee", route)
    callee.expect("ACK")
    # The answer comes after the caller is back.
    caller.send("BYE", 2, uri, ";tag=callee", route)
    bye = callee.expect("BYE")
    restart(site)
    caller.come_back()
    caller.expect(200, f"{100 + caller.count - 1} OPTIONS", 10 * harness.SLOW)
    callee.answer(bye, 200)
    caller.expect(200, "2 BYE", LIMIT)
    # A client that asks again over its new connection: the callee sees the request that it knows.
    caller.send("INVITE", 3, f"sip:1000@{REALM}")
    first = callee.expect("INVITE")
    restart(site)
    caller.connect()
    caller.count -= 1
    caller.send("INVITE", 3, f"sip:1000@{REALM}")
    again = callee.expect("INVITE")
    if header(first, "Via") != header(again, "Via"):
        raise Failed(f"another branch for the same request: {header(first, 'Via')} and {header(again, 'Via')}")
    callee.answer(again, 486)
    caller.expect(486, "3 INVITE", LIMIT)
    callee.expect("ACK")
    caller.socket.close()


def test_open_requests_over_connections():
    with Site(daemons=()) as site:
        site.make_certificates(name="proxy", last=20)
        callee = Callee(site)
        ip = site.ip(20)
        site.overrides["sip_proxy"] = {"listen": [f"udp:{ip}:5060", f"tcp:{ip}:5060", f"tls:{ip}:5061"], "authenticate": "none",
                                       "tls-certificate": site.path("proxy.pem"), "tls-key": site.path("proxy.key"),
                                       "sections": f"[route callee]\nnumber = 1000\naction = uri sip:callee@{callee.address}\n"}
        site.start("sip-proxy")
        for transport in ("tcp", "tls"):
            play(site, callee, transport)


if __name__ == "__main__":
    harness.main(test_open_requests_over_connections)
