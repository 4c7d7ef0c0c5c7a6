"""A telephone of the tests' own: raw text over one UDP socket, as caller and as the one who is called."""
import signal
import socket
import struct

import agent
import harness
from harness import Failed

BRIDGE_PORT = 5080


def header(message, name):
    """The value of the first header of this name, or None."""
    for line in message.split("\r\n\r\n", 1)[0].split("\r\n")[1:]:
        if line.lower().startswith(name.lower() + ":"):
            return line.split(":", 1)[1].strip()
    return None


def tag_of(value):
    return value.split("tag=", 1)[1].split(";")[0] if "tag=" in value else ""


def body_of(message):
    return message.split("\r\n\r\n", 1)[1]


def hurry(site):
    """The drain that a site's end begins is not waited for: this SIGTERM is the first, the end's own the second."""
    if site.ask("conf-bridge", "status")["legs"] > 0:  # without, it ends by itself
        site.processes["conf-bridge"].send_signal(signal.SIGTERM)
        harness.eventually(lambda: site.ask("conf-bridge", "status")["draining"], "the drain begun")


class Phone(agent.Agent):
    def __init__(self, site, last, name="alice", bridge=None, to=None):
        self.bridge = to or ((bridge or site).ip(40), BRIDGE_PORT)
        super().__init__(site, last, to=self.bridge)
        self.user = name
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind((site.ip(last), 0))
        self.rtp.settimeout(10 * harness.SLOW)
        self.waiting = []
        self.calls = 0

    def close(self):
        self.socket.close()
        self.rtp.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def sdp(self):
        ip, port = self.rtp.getsockname()
        return (f"v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\n"
                "a=rtpmap:101 telephone-event/8000\r\n")

    # Calls
    def invite(self, number, headers="", params="", uri=None):
        """A call: its status, and the response; a 200 is acknowledged and makes `call` the dialog."""
        self.calls += 1
        call_id = f"{self.name}c{self.calls}"
        uri = uri or f"sip:{number}@{self.bridge[0]}:{self.bridge[1]}{params}"
        code, response = self.transact("INVITE", uri, call_id, 1, headers=headers, body=self.sdp, user=self.user)
        if code == 200:
            self.answered(uri, call_id, response)
        return code, response

    def answered(self, uri, call_id, response):
        self.call = {"uri": uri, "call_id": call_id, "tag": tag_of(header(response, "To")), "cseq": 1, "target": header(response, "Contact").split("<")[1].split(">")[0]}
        media = body_of(response)
        self.media = (self.bridge[0], int(media.split("m=audio ")[1].split()[0]))
        self.within("ACK", cseq=1)

    def within(self, method, headers="", body="", cseq=None):
        """A request in the dialog; not waited for."""
        call = self.call
        if cseq is None:
            call["cseq"] += 1
        if "local" in call:  # the bridge called us: our From is its To
            kind = "" if "Content-Type" in headers or not body else "Content-Type: application/sdp\r\n"
            self.socket.sendall((f"{method} {call['target']} SIP/2.0\r\nVia: SIP/2.0/UDP {self.local};branch={self.branch()};rport\r\n"
                                 f"Max-Forwards: 70\r\nFrom: {call['local']}\r\nTo: {call['remote']}\r\nCall-ID: {call['call_id']}\r\n"
                                 f"CSeq: {cseq or call['cseq']} {method}\r\nContact: <sip:{self.user}@{self.local}>\r\n{headers}{kind}"
                                 f"Content-Length: {len(body)}\r\n\r\n{body}").encode())
            return
        kind = "" if "Content-Type" in headers else headers
        if "Content-Type" in headers:
            self.raw(method, call, headers, body)
        else:
            self.send(method, call["uri"], call["call_id"], cseq or call["cseq"], to_tag=call["tag"], headers=kind, body=body, user=self.user)

    def raw(self, method, call, headers, body):
        """As `send`, with a content type of its own."""
        self.socket.sendall((f"{method} {call['uri']} SIP/2.0\r\nVia: SIP/2.0/UDP {self.local};branch={self.branch()};rport\r\nMax-Forwards: 70\r\n"
                             f"From: <sip:{self.user}@example.org>;tag=f{call['call_id']}\r\nTo: <{call['uri']}>;tag={call['tag']}\r\nCall-ID: {call['call_id']}\r\n"
                             f"CSeq: {call['cseq']} {method}\r\nContact: <sip:{self.user}@{self.local}>\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}").encode())

    def ask(self, method, headers="", body=""):
        """A request in the dialog and its final status; requests of the bridge that come between are kept."""
        self.within(method, headers, body)
        return self.status_of(f"{self.call['cseq']} {method}")

    def status_of(self, cseq):
        while True:
            message = self.receive()
            if not message.startswith("SIP/2.0"):
                self.waiting.append(message)
            elif not message.startswith("SIP/2.0 1") and header(message, "CSeq") == cseq:
                return int(message.split()[1]), message

    def bye(self):
        return self.ask("BYE")[0]

    # What the bridge asks
    def request(self, method, answer=200, headers=""):
        """The bridge's next request of this method, answered; others that come first are answered 200 and forgotten."""
        while True:
            message = self.waiting.pop(0) if self.waiting else self.receive()
            if message.startswith("SIP/2.0"):
                continue
            if message.startswith(method + " "):
                if answer:
                    self.respond(message, answer, headers=headers)
                return message
            if not message.startswith(("ACK ", "CANCEL ")):
                self.respond(message, 200)

    def respond(self, request, status, headers="", body="", tag=None):
        to = header(request, "To")
        if "tag=" not in to and status > 100:
            to += f";tag={tag or self.name}"
        vias = "".join(line + "\r\n" for line in request.split("\r\n") if line.startswith("Via:"))
        kind = "Content-Type: application/sdp\r\n" if body else ""
        self.socket.sendall((f"SIP/2.0 {status} X\r\n{vias}From: {header(request, 'From')}\r\nTo: {to}\r\nCall-ID: {header(request, 'Call-ID')}\r\n"
                             f"CSeq: {header(request, 'CSeq')}\r\nContact: <sip:{self.user}@{self.local}>\r\n{headers}{kind}Content-Length: {len(body)}\r\n\r\n{body}").encode())

    def answer(self, invite, tag=None):
        """200 with an answer, and the ACK that follows; the dialog is then `call`."""
        self.respond(invite, 200, body=self.sdp, tag=tag)
        ack = self.request("ACK", answer=None)
        self.call = {"call_id": header(invite, "Call-ID"), "cseq": 0, "target": header(invite, "Contact").split("<")[1].split(">")[0],
                     "local": header(ack, "To"), "remote": header(invite, "From")}
        self.media = (self.bridge[0], int(body_of(invite).split("m=audio ")[1].split()[0]))
        return ack

    def silent(self, seconds=0.3):
        """Nothing comes; what would have come is returned otherwise."""
        self.socket.settimeout(seconds * harness.SLOW)
        try:
            return self.receive()
        except TimeoutError:
            return None
        finally:
            self.socket.settimeout(10 * harness.SLOW)

    # Sound
    def key(self, digits):
        for digit in digits:
            if self.ask("INFO", "Content-Type: application/dtmf-relay\r\n", f"Signal={digit}\r\nDuration=160\r\n")[0] != 200:
                raise Failed(f"INFO with a digit was refused")

    def speak(self, packets=5):
        for number in range(packets):
            self.rtp.sendto(struct.pack("!BBHII", 0x80, 0, number, number * 160, 7) + bytes([0x80, 0x10] * 80), self.media)

    def hear(self, packets=10):
        """The payloads of the next packets."""
        return [self.rtp.recv(2000)[12:] for _ in range(packets)]
