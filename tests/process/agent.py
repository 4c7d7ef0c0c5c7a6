"""A SIP client of the tests' own: raw text over one socket, so that nothing of ours is on both sides."""
import hashlib
import itertools
import os
import re
import socket
import ssl

import harness
from harness import Failed


class Agent:
    numbers = itertools.count(1)

    def __init__(self, site, last, transport="udp", to=None):
        self.site, self.transport = site, transport
        self.name = f"{last}x{os.getpid()}"
        ip, port = (to or (site.ip(20), 5060))
        if transport == "udp":
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)  # bursts of answers are not to be lost here
            self.socket.bind((site.ip(last), 0))
            self.socket.connect((ip, port))
        else:
            context = ssl.create_default_context(cafile=str(site.path("ca.pem")))
            plain = socket.create_connection((ip, port), 10)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # an ACK and the next request follow each other
            self.socket = context.wrap_socket(plain, server_hostname=ip)
        self.socket.settimeout(10 * harness.SLOW)
        self.local = "%s:%d" % self.socket.getsockname()[:2]
        self.buffer = b""

    def receive(self):
        if self.transport == "udp":
            return self.socket.recv(65536).decode()
        while b"\r\n\r\n" not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                raise Failed("the connection was closed")
            self.buffer += data
        head, rest = self.buffer.split(b"\r\n\r\n", 1)
        length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0)
        while len(rest) < length:
            rest += self.socket.recv(65536)
        self.buffer = rest[length:]
        return (head + b"\r\n\r\n" + rest[:length]).decode()

    def branch(self):
        """No other's in this process: a later agent may come by the port of an earlier one, whose transactions live on for 32 s (RFC 3261 §17.2.3)."""
        return f"z9hG4bK{self.name}x{next(Agent.numbers)}"

    def send(self, method, uri, call_id, cseq, to_tag="", headers="", body="", user="nobody", to=None):
        branch = self.branch()
        tag = f";tag={to_tag}" if to_tag else ""
        kind = "Content-Type: application/sdp\r\n" if body else ""
        self.sent = (f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{'UDP' if self.transport == 'udp' else 'TLS'} {self.local};branch={branch};rport\r\n"
                     f"Max-Forwards: 70\r\nFrom: <sip:{user}@example.org>;tag=f{call_id}\r\nTo: <{to or uri}>{tag}\r\nCall-ID: {call_id}\r\n"
                     f"CSeq: {cseq} {method}\r\nContact: <sip:{user}@{self.local}>\r\n{headers}{kind}Content-Length: {len(body)}\r\n\r\n{body}").encode()
        self.socket.sendall(self.sent)
        return branch

    def final(self, *lines):
        """The final answer that has these lines; others belong to other requests."""
        while True:
            response = self.receive()
            if response.startswith("SIP/2.0 1") or any(line not in response for line in lines):
                continue
            return int(response.split()[1]), response

    def transact(self, method, uri, call_id, cseq, **parts):
        branch = self.send(method, uri, call_id, cseq, **parts)
        code, response = self.final(f"CSeq: {cseq} {method}", f"Call-ID: {call_id}\r\n")
        if method == "INVITE" and code >= 300:  # the ACK of a refusal belongs to the INVITE's transaction
            tag = response.split("\r\nTo:", 1)[1].split("\r\n", 1)[0].split("tag=", 1)[1]
            self.socket.sendall((f"ACK {uri} SIP/2.0\r\nVia: SIP/2.0/{'UDP' if self.transport == 'udp' else 'TLS'} {self.local};branch={branch};rport\r\n"
                                 f"Max-Forwards: 70\r\nFrom: <sip:{parts.get('user', 'nobody')}@example.org>;tag=f{call_id}\r\nTo: <{uri}>;tag={tag}\r\n"
                                 f"Call-ID: {call_id}\r\nCSeq: {cseq} ACK\r\nContent-Length: 0\r\n\r\n").encode())
        return code, response


def digest(challenge, user, password, method, uri, header, nc=1):
    """The credentials' header line for a challenge line."""
    field = lambda name: re.search(name + r'="([^"]*)"', challenge).group(1)
    md5 = lambda text: hashlib.md5(text.encode()).hexdigest()
    realm, nonce = field("realm"), field("nonce")
    ha1, ha2 = md5(f"{user}:{realm}:{password}"), md5(f"{method}:{uri}")
    response = md5(f"{ha1}:{nonce}:{nc:08x}:abc:auth:{ha2}")
    return (f'{header}: Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{response}", algorithm=MD5, qop=auth, nc={nc:08x}, '
            f'cnonce="abc"\r\n')


def md5_challenge(response):
    return next(line for line in response.split("\r\n") if line.startswith(("WWW-Authenticate", "Proxy-Authenticate")) and "MD5" in line)


def authenticated(agent, method, uri, call_id, user, password, headers="", **parts):
    """A request with credentials: the challenge, then what it leads to."""
    code, challenge = agent.transact(method, uri, call_id, 1, headers=headers, user=user, **parts)
    if code not in (401, 407):
        raise Failed(f"{method} {uri}: expected a challenge, got {code}")
    name = "Authorization" if code == 401 else "Proxy-Authorization"
    return agent.transact(method, uri, call_id, 2, headers=headers + digest(md5_challenge(challenge), user, password, method, uri, name), user=user, **parts)


def description(site, secure=False, port=40000):
    crypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n" if secure else ""
    return (f"v=0\r\no=- 1 1 IN IP4 {site.ip(60)}\r\ns=-\r\nc=IN IP4 {site.ip(60)}\r\nt=0 0\r\nm=audio {port} RTP/{'SAVP' if secure else 'AVP'} 0\r\n{crypto}")


def expect(what, code, allowed):
    if code not in allowed:
        raise Failed(f"{what}: expected {allowed}, got {code}")
