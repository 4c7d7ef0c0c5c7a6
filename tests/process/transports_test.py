"""sip-registrar and sip-proxy over UDP, TCP and TLS, IPv4 and IPv6, several listeners of each: REGISTER with credentials, keepalives of RFC 5626, client
certificates by name (RFC 5922), and certificates that change while connections stay (issue 3)."""
import os
import signal
import socket
import ssl

import harness
from agent import digest, expect, md5_challenge
from harness import REALM, Failed, Site, eventually, program, run

STUN = bytes.fromhex("000100002112a442") + b"abcdefghijkl"


def free_ports(count):
    """On [::1], which all tests share."""
    held = [socket.socket(socket.AF_INET6, socket.SOCK_STREAM) for _ in range(count)]
    for each in held:
        each.bind(("::1", 0))
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


class Caller:
    """One client at one listener: raw text, and what comes back."""

    def __init__(self, site, transport, address, context=None):
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.transport = transport
        self.socket = socket.socket(family, socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM)
        self.socket.settimeout(10 * harness.SLOW)
        self.socket.connect(address)
        if transport == "tls":
            self.socket = (context or ssl.create_default_context(cafile=str(site.path("ca.pem")))).wrap_socket(self.socket, server_hostname=address[0])
        local = self.socket.getsockname()[:2]
        self.local = f"[{local[0]}]:{local[1]}" if family == socket.AF_INET6 else f"{local[0]}:{local[1]}"
        self.call_id = os.urandom(8).hex()

    def ask(self, cseq, method="REGISTER", headers=""):
        request = (f"{method} sip:{REALM} SIP/2.0\r\nVia: SIP/2.0/{self.transport.upper()} {self.local};branch=z9hG4bK{os.urandom(8).hex()};rport\r\nMax-Forwards: 70\r\n"
                   f"From: <sip:alice@{REALM}>;tag=1\r\nTo: <sip:alice@{REALM}>\r\nCall-ID: {self.call_id}\r\nCSeq: {cseq} {method}\r\n"
                   f"Contact: <sip:alice@{self.local};transport={self.transport}>\r\n{headers}Content-Length: 0\r\n\r\n")
        self.socket.sendall(request.encode())
        while True:
            answer = self.socket.recv(65536).decode()
            if not answer.startswith("SIP/2.0 1"):
                return int(answer.split()[1]), answer

    def register(self):
        code, answer = self.ask(1)
        expect(f"REGISTER over {self.transport} from {self.local}", code, (401,))
        code, answer = self.ask(2, headers=digest(md5_challenge(answer), "alice", "alice-secret", "REGISTER", f"sip:{REALM}", "Authorization"))
        expect(f"REGISTER with credentials over {self.transport} from {self.local}", code, (200,))
        if f"sip:alice@{self.local}" not in answer:
            raise Failed(f"the contact is missing: {answer}")

    def keep_alive(self):
        if self.transport == "udp":
            self.socket.send(STUN)
            answer = self.socket.recv(2048)
            if answer[:2] != b"\1\1" or answer[4:20] != STUN[4:]:
                raise Failed(f"no STUN answer: {answer.hex()}")
        else:
            self.socket.sendall(b"\r\n\r\n")
            if self.socket.recv(2048) != b"\r\n":
                raise Failed("no pong")


def make_site():
    registrar, proxy = {}, {}
    site = Site(daemons=("sip-registrar", "sip-proxy"), sip_registrar=registrar, sip_proxy=proxy)
    site.make_certificates(name="server", last=30)
    tls = {"tls-certificate": site.path("server.pem"), "tls-key": site.path("server.key")}
    registrar.update(tls)
    proxy.update(tls)
    site.addresses = []
    ports = free_ports(6)
    for keys, last, port in ((registrar, 30, 5070), (proxy, 20, 5060)):
        keys["listen"] = []
        for transport, at in (("udp", port), ("tcp", port), ("tls", port + 1)):
            inner = ports.pop()
            keys["listen"] += [f"{transport}:{site.ip(last)}:{at}", f"{transport}:[::1]:{inner}"]
            site.addresses += [(transport, (site.ip(last), at)), (transport, ("::1", inner))]
    # Several listeners of one transport and family.
    registrar["listen"].append(f"udp:{site.ip(31)}:5070")
    site.addresses.append(("udp", (site.ip(31), 5070)))
    return site


def lax(site):
    """The certificate names no [::1]."""
    context = ssl.create_default_context(cafile=str(site.path("ca.pem")))
    context.check_hostname = False
    return context


def every_listener_serves():
    with make_site() as site:
        site.add_user("alice")
        for transport, address in site.addresses:
            caller = Caller(site, transport, address, lax(site))
            caller.register()
            caller.keep_alive()
        listeners = site.ask("sip-registrar", "status")["listeners"]
        if len(listeners) != 7:
            raise Failed(f"status tells of {listeners}")


def certificates_change_while_connections_stay():
    with make_site() as site:
        site.add_user("alice")
        for name, last, port in (("sip-registrar", 30, 5071), ("sip-proxy", 20, 5061)):
            address = (site.ip(last), port)
            old = Caller(site, "tls", address, lax(site))
            shown = lambda: Caller(site, "tls", address, lax(site)).socket.getpeercert()["serialNumber"]
            reload = lambda: site.processes[name].send_signal(signal.SIGHUP)
            before = shown()
            old_key, old_certificate = site.path("server.key").read_bytes(), site.path("server.pem").read_bytes()
            ca, key = site.path("ca.pem"), site.path("ca.key")
            run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost", "-keyout", site.path("server.key"),
                "-out", site.path("server.csr"))
            # The key has changed and the certificate has not: nothing is taken over.
            reload()
            eventually(lambda: "reload failed" in site.path(f"{name}.log").read_text(), "the refusal")
            if shown() != before:
                raise Failed("half a change was taken over")
            run("openssl", "x509", "-req", "-in", site.path("server.csr"), "-CA", ca, "-CAkey", key, "-CAcreateserial", "-days", "2", "-out", site.path("server.pem"))
            reload()
            eventually(lambda: shown() != before, "the new certificate")
            old.register()
            site.path("server.key").write_bytes(old_key)
            site.path("server.pem").write_bytes(old_certificate)


def client_certificates_by_name():
    site = make_site()
    for name, alternative in (("friend", "URI:sip:friend.example.org"), ("stranger", "URI:sip:stranger.example.org")):
        site.path(f"{name}.ext").write_text(f"subjectAltName={alternative}\n")
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout", site.path(f"{name}.key"), "-out",
            site.path(f"{name}.csr"))
        run("openssl", "x509", "-req", "-in", site.path(f"{name}.csr"), "-CA", site.path("ca.pem"), "-CAkey", site.path("ca.key"), "-CAcreateserial", "-days", "2",
            "-extfile", site.path(f"{name}.ext"), "-out", site.path(f"{name}.pem"))
    site.overrides["sip_registrar"].update({"tls-client-ca": site.path("ca.pem"), "tls-client-names": ["other.example.org", "friend.example.org"],
                                            "authentication-timeout": "1s"})
    with site:
        site.add_user("alice")

        def comes_in(name):
            context = lax(site)
            if name:
                context.load_cert_chain(site.path(f"{name}.pem"), site.path(f"{name}.key"))
            try:
                caller = Caller(site, "tls", (site.ip(30), 5071), context)
                caller.keep_alive()
                return caller
            except OSError:
                return None

        friend = comes_in("friend")
        if not friend or comes_in("stranger") or comes_in(None):
            raise Failed("the wrong ones came in")
        # Its certificate vouches for it: the authentication deadline, which ends a stranger's connection, leaves it alone.
        plain = Caller(site, "tcp", (site.ip(30), 5070))
        if plain.socket.recv(1) != b"":
            raise Failed("a stranger was told something")
        friend.register()


def bad_files_are_told():
    site = make_site()
    try:
        for name in ("locate", "registrar"):
            site.path(name).mkdir()
        site.secret("nonce.secret", "0123456789abcdef0123456789abcdef")
        site.make_certificates(prefix="other-", name="server", last=30)
        for daemon in ("sip-registrar", "sip-proxy"):
            file = site.path(f"{daemon}.conf")
            file.write_text(site.configuration(daemon))
            run(program(daemon), "-t", "-c", file)
            for change, said in ((("tls-key", site.path("other-server.key")), "does not belong to the certificate"), (("tls-key", "/nowhere"), "No such file"),
                                 (("tls-client-ca", site.path("nonce.secret")), "no certificates in PEM form"), (("tls-ca", "/nowhere"), "No such file")):
                done = run(program(daemon), "-t", "-c", file, "--set", f"{change[0]}={change[1]}", check=False)
                if done.returncode != 78 or said not in done.stderr:
                    raise Failed(f"{daemon} {change}: exit {done.returncode}: {done.stderr}")
    finally:
        site.__exit__(None, None, None)


harness.main(every_listener_serves, certificates_change_while_connections_stay, client_certificates_by_name, bad_files_are_told)
