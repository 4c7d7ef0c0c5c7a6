"""Kamailio before and behind sip-proxy, over UDP and TCP, IPv4 and IPv6: registration with its challenge, calls with both proxies in the recorded route, BYE from
either end, CANCEL, and refusals that keep their code. The ends are raw text, so that nothing of ours is on both sides."""
import contextlib
import itertools
import os
import queue
import re
import signal
import socket
import subprocess
import threading

import harness
from agent import digest, md5_challenge
from harness import Failed, Site, TREE, eventually

HERE = TREE / "tests/process/kamailio"


def family_of(ip):
    return socket.AF_INET6 if ":" in ip else socket.AF_INET


def free_port(ip):
    """A port that is free for datagrams and for connections."""
    while True:
        with socket.socket(family_of(ip), socket.SOCK_STREAM) as stream, socket.socket(family_of(ip), socket.SOCK_DGRAM) as datagram:
            stream.bind((ip, 0))
            try:
                datagram.bind((ip, stream.getsockname()[1]))
            except OSError:
                continue
            return stream.getsockname()[1]


def host_port(address):
    return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"


def uri_of(address, transport, user=""):
    return f"sip:{user}{'@' if user else ''}{host_port(address)}" + (f";transport={transport}" if transport != "udp" else "")


class Kamailio:
    """`tls`: where it listens for TLS, and its certificate, its key and the authorities that it trusts. `path`: REGISTERs come back by way of it (RFC 3327)."""

    def __init__(self, folder, address, following, transport, tls=None, path=False):
        self.folder, self.address = folder, address
        folder.mkdir()
        listen, lines = [f"listen={kind}:{host_port(address)}" for kind in ("udp", "tcp")], []
        if tls:
            secure, certificate, key, authorities = tls
            listen.append(f"listen=tls:{host_port(secure)}")
            common = f"method = TLSv1.2+\ncertificate = {certificate}\nprivate_key = {key}\nca_list = {authorities}\nrequire_certificate = no\n"
            (folder / "tls.cfg").write_text(f"[server:default]\n{common}verify_certificate = no\n[client:default]\n{common}verify_certificate = yes\n")
            lines = ["enable_tls=yes", 'loadmodule "tls.so"', f'modparam("tls", "config", "{folder}/tls.cfg")']
        text = (HERE / "relay.cfg.in").read_text()
        for gap, value in (("LISTEN", "\n".join(listen)), ("TLS", "\n".join(lines)), ("NEXT", uri_of(following, transport)),
                           ("PATH", 'if (is_method("REGISTER")) add_path_received();' if path else "")):
            text = text.replace(f"@{gap}@", value)
        (self.folder / "kamailio.cfg").write_text(text)

    def __enter__(self):
        self.log = open(self.folder / "log", "w")
        self.process = subprocess.Popen(["/usr/sbin/kamailio", "-DD", "-E", "-f", self.folder / "kamailio.cfg", "-Y", self.folder, "-m", "32", "-M", "4",
                                         "-P", self.folder / "pid"], stdout=self.log, stderr=self.log, start_new_session=True)
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):  # it listens long before its processes read
            eventually(lambda: self.answers(kind), "Kamailio answering", 30)
        return self

    def answers(self, kind):
        if self.process.poll() is not None:
            raise Failed(f"Kamailio ended: {(self.folder / 'log').read_text()[-2000:]}")
        with socket.socket(family_of(self.address[0]), kind) as probe:
            probe.settimeout(1)
            try:
                probe.connect(self.address)
                host, port = probe.getsockname()[:2]
                probe.sendall(f"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/{'TCP' if kind == socket.SOCK_STREAM else 'UDP'} {host_port((host, port))};branch=z9hG4bKready;rport\r\nMax-Forwards: 0\r\n"
                              "From: <sip:ready@x>;tag=r\r\nTo: <sip:x>\r\nCall-ID: ready\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n".encode())
                return probe.recv(2000).startswith(b"SIP/2.0 483")
            except OSError:
                return False

    def __exit__(self, kind, *_):
        # How it ends is not our subject, and now and then it does not.
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(3)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()
        if kind is not None:
            print((self.folder / "log").read_text()[-1500:])


class Phone:
    """One end: its own port for datagrams or connections, an inbox, and the state of one dialog."""

    _numbers = itertools.count(1)

    def __init__(self, address, transport, user):
        self.address, self.transport, self.user = address, transport, user
        self.inbox, self.connections = queue.Queue(), {}
        self.contact = uri_of(address, transport, user)
        family = family_of(address[0])
        self.socket = socket.socket(family, socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(address)
        if transport == "tcp":
            self.socket.listen()
        threading.Thread(target=self.read_datagrams if transport == "udp" else self.accept, daemon=True).start()

    def read_datagrams(self):
        while True:
            text, peer = self.socket.recvfrom(65536)
            self.inbox.put((text.decode(), lambda answer, peer=peer: self.socket.sendto(answer.encode(), peer)))

    def accept(self):
        while True:
            connection, _ = self.socket.accept()
            threading.Thread(target=self.read_stream, args=(connection,), daemon=True).start()

    def read_stream(self, connection):
        stream = connection.makefile("rb")
        while True:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = stream.readline()
                if not line:
                    return
                head += b"" if not head and line == b"\r\n" else line
            body = stream.read(int(re.search(rb"(?i)\r\ncontent-length *: *(\d+)", head).group(1)))
            self.inbox.put(((head + body).decode(), lambda answer: connection.sendall(answer.encode())))

    def send(self, text, to):
        if self.transport == "udp":
            return self.socket.sendto(text.encode(), to)
        if to not in self.connections:
            self.connections[to] = socket.create_connection(to, 10)
            threading.Thread(target=self.read_stream, args=(self.connections[to],), daemon=True).start()
        self.connections[to].sendall(text.encode())

    def await_message(self, start, cseq, seconds=10):
        """The next message that begins so and has this CSeq; what else comes (100, repetitions) is passed over."""
        passed = []
        while True:
            try:
                text, answer = self.inbox.get(timeout=seconds * harness.SLOW)
            except queue.Empty:
                raise Failed(f"{self.user}: no '{start}' with CSeq {cseq}; came: {passed}") from None
            if text.startswith(start) and field(text, "CSeq") == cseq:
                return text, answer
            passed.append(text.split("\r\n")[0])

    def request(self, method, uri, to, first_hop, call_id, cseq, tag, headers="", branch=None):
        branch = branch or f"z9hG4bK{self.user}{next(Phone._numbers)}"
        self.send(f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{self.transport.upper()} {host_port(self.address)};branch={branch}\r\nMax-Forwards: 70\r\n"
                  f"From: <sip:{self.user}@example.org>;tag={tag}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n"
                  f"Contact: <{self.contact}>\r\n{headers}Content-Length: 0\r\n\r\n", first_hop)
        return branch


def field(text, name):
    found = re.search(rf"(?im)^{name} *: *(.*?)\r$", text)
    return found.group(1) if found else None


def fields(text, name):
    """All values of a header that may be a list, in order."""
    return [value.strip() for line in re.findall(rf"(?im)^{name} *: *(.*?)\r$", text) for value in line.split(",")]


def address_in(value):
    host, port = re.search(r"sips?:(?:[^@>;]*@)?(\[[^\]]*\]|[^:;>]+)(?::(\d+))?", value).groups()
    return host.strip("[]"), int(port or 5060)


def respond(request, code, contact=None, tag="callee"):
    kept = [line for line in request.split("\r\n") if re.match(r"(?i)(Via|From|Call-ID|CSeq|Record-Route) *:", line)]
    to = field(request, "To")
    lines = [f"SIP/2.0 {code} Tested", *kept, "To: " + (to if "tag=" in to else f"{to};tag={tag}")]
    return "\r\n".join(lines + ([f"Contact: <{contact}>"] if contact else []) + ["Content-Length: 0", "", ""])


class Chain:
    """caller → first proxy → second proxy → callee, one of the proxies Kamailio."""

    _calls = itertools.count(1)

    def __init__(self, order, transport, six):
        self.order, self.transport = order, transport
        self.site = Site(daemons=("sip-registrar", "sip-proxy"))
        ip = (lambda last: "::1") if six else self.site.ip
        self.ours, self.theirs, self.registrar, callee, caller = ((ip(last), free_port(ip(last))) for last in (20, 70, 30, 41, 60))
        self.caller, self.callee = Phone(caller, transport, "alice"), Phone(callee, transport, "bob")
        before = order == "before"
        self.first = self.theirs if before else self.ours
        after_ours = callee if before else self.theirs
        self.kamailio = Kamailio(self.site.path("kamailio"), self.theirs, self.ours if before else callee, transport)
        self.site.overrides["sip_registrar"] = {"listen": [f"{kind}:{host_port(self.registrar)}" for kind in ("udp", "tcp")]}
        self.site.overrides["sip_proxy"] = {
            "listen": [f"{kind}:{host_port(self.ours)}" for kind in ("udp", "tcp")], "registrar": f"{transport}:{host_port(self.registrar)}", "authenticate": "none",
            "sections": f"\n[route on]\nnumber = 1*\naction = uri {uri_of(after_ours, transport)}\n"}

    def __enter__(self):
        self.site.__enter__()
        try:
            self.kamailio.__enter__()
        except BaseException:
            self.site.__exit__(Failed, None, None)
            raise
        return self

    def __exit__(self, *error):
        self.kamailio.__exit__(*error)
        self.site.__exit__(*error)

    # An INVITE that has reached the callee: the call's facts, the INVITE as it arrived, and how to answer it.
    def invite(self, uri="sip:1234@example.org"):
        call_id = f"call{next(Chain._calls)}"
        branch = self.caller.request("INVITE", uri, f"<{uri}>", self.first, call_id, 1, "caller")
        arrived, answer = self.callee.await_message("INVITE ", "1 INVITE")
        return (call_id, branch, uri), arrived, answer

    def acknowledge_refusal(self, call, response):
        call_id, branch, uri = call
        self.caller.request("ACK", uri, field(response, "To"), self.first, call_id, 1, "caller", branch=branch)


def call_and_bye(chain, by_callee):
    call, arrived, answer = chain.invite()
    routes = fields(arrived, "Record-Route")
    passed = {address_in(route) for route in routes}
    if passed != {chain.ours, chain.theirs}:
        raise Failed(f"the recorded route is {routes}")
    answer(respond(arrived, 180))
    chain.caller.await_message("SIP/2.0 180", "1 INVITE")
    answer(respond(arrived, 200, chain.callee.contact))
    accepted, _ = chain.caller.await_message("SIP/2.0 200", "1 INVITE")
    onward = list(reversed(fields(accepted, "Record-Route")))
    lines = "".join(f"Route: {route}\r\n" for route in onward)
    contact = re.search(r"<(.*?)>", field(accepted, "Contact")).group(1)
    chain.caller.request("ACK", contact, field(accepted, "To"), address_in(onward[0]), call[0], 1, "caller", headers=lines)
    chain.callee.await_message("ACK ", "1 ACK")
    if by_callee:
        lines = "".join(f"Route: {route}\r\n" for route in routes)
        chain.callee.request("BYE", chain.caller.contact, field(arrived, "From"), address_in(routes[0]), call[0], 7, "callee", headers=lines)
        bye, answer = chain.caller.await_message("BYE ", "7 BYE")
        answer(respond(bye, 200))
        chain.callee.await_message("SIP/2.0 200", "7 BYE")
    else:
        chain.caller.request("BYE", contact, field(accepted, "To"), address_in(onward[0]), call[0], 2, "caller", headers=lines)
        bye, answer = chain.callee.await_message("BYE ", "2 BYE")
        answer(respond(bye, 200))
        chain.caller.await_message("SIP/2.0 200", "2 BYE")


def cancelled(chain):
    call, arrived, answer = chain.invite()
    answer(respond(arrived, 180))
    chain.caller.await_message("SIP/2.0 180", "1 INVITE")
    call_id, branch, uri = call
    chain.caller.request("CANCEL", uri, f"<{uri}>", chain.first, call_id, 1, "caller", branch=branch)
    chain.caller.await_message("SIP/2.0 200", "1 CANCEL")
    cancel, answer_cancel = chain.callee.await_message("CANCEL ", "1 CANCEL")
    answer_cancel(respond(cancel, 200))
    answer(respond(arrived, 487))
    ended, _ = chain.caller.await_message("SIP/2.0 487", "1 INVITE")
    chain.acknowledge_refusal(call, ended)
    chain.callee.await_message("ACK ", "1 ACK")


def refused(chain, code, told):
    call, arrived, answer = chain.invite()
    answer(respond(arrived, code))
    response, _ = chain.caller.await_message(f"SIP/2.0 {told}", "1 INVITE")
    chain.acknowledge_refusal(call, response)
    chain.callee.await_message("ACK ", "1 ACK")


def registered(chain):
    """bob registers by way of the chain's first hop, and the call to his address then finds him."""
    chain.site.add_user("bob")
    uri, headers = "sip:example.org", "Expires: 60\r\n"
    chain.callee.request("REGISTER", uri, "<sip:bob@example.org>", chain.first, "reg", 1, "bob", headers=headers)
    challenge, _ = chain.callee.await_message("SIP/2.0 401", "1 REGISTER")
    credentials = digest(md5_challenge(challenge), "bob", "bob-secret", "REGISTER", uri, "Authorization")
    chain.callee.request("REGISTER", uri, "<sip:bob@example.org>", chain.first, "reg", 2, "bob", headers=headers + credentials)
    chain.callee.await_message("SIP/2.0 200", "2 REGISTER")
    call, arrived, answer = chain.invite("sip:bob@example.org")
    if arrived.split(" ", 2)[1] != chain.callee.contact:
        raise Failed(f"bob was called as {arrived.split(' ', 2)[1]}, he registered {chain.callee.contact}")
    answer(respond(arrived, 486))
    response, _ = chain.caller.await_message("SIP/2.0 486", "1 INVITE")
    chain.acknowledge_refusal(call, response)


def run_chain(order, transport, six):
    with Chain(order, transport, six) as chain:
        if order == "before":
            registered(chain)
        for by_callee in (False, True):
            call_and_bye(chain, by_callee)
        cancelled(chain)
        # What one server is short of says nothing of the proxy (RFC 3261 §16.7 step 6).
        for code, told in ((404, 404), (486, 486), (603, 603), (503, 500)):
            refused(chain, code, told)


def before_over_udp():
    run_chain("before", "udp", False)


def before_over_tcp():
    run_chain("before", "tcp", False)


def before_over_udp_ipv6():
    run_chain("before", "udp", True)


def before_over_tcp_ipv6():
    run_chain("before", "tcp", True)


def behind_over_udp():
    run_chain("behind", "udp", False)


def behind_over_tcp():
    run_chain("behind", "tcp", False)


def behind_over_udp_ipv6():
    run_chain("behind", "udp", True)


def behind_over_tcp_ipv6():
    run_chain("behind", "tcp", True)


if __name__ == "__main__":
    harness.main(before_over_udp, before_over_tcp, before_over_udp_ipv6, before_over_tcp_ipv6, behind_over_udp, behind_over_tcp, behind_over_udp_ipv6,
                 behind_over_tcp_ipv6)
