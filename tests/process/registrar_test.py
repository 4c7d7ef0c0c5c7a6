"""What sip-registrar does for devices (RFC 3327, 3608, 3680, 5626, 5627, 7615), each over UDP, TCP and TLS, IPv4 and IPv6, with a client of the tests' own."""
import re
import socket
import ssl

import harness
from agent import digest, expect, md5_challenge
from harness import Failed, Site, eventually

URI, ADDRESS = "sip:example.org", "sip:alice@example.org"
INSTANCE = "urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF"


class Device:
    """One phone of alice's over one listener, `transport:address:port`."""

    count = 0

    def __init__(self, site, listener):
        Device.count += 1
        self.number = Device.count
        self.transport, place = listener.split(":", 1)
        host, port = place.rsplit(":", 1)
        self.host, family = host.strip("[]"), socket.AF_INET6 if "[" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM if self.transport == "udp" else socket.SOCK_STREAM)
        self.socket.settimeout(10 * harness.SLOW)
        self.socket.bind((self.host, 0))
        self.socket.connect((self.host, int(port)))
        local = self.socket.getsockname()
        self.local = f"[{local[0]}]:{local[1]}" if family == socket.AF_INET6 else f"{local[0]}:{local[1]}"
        if self.transport == "tls":
            context = ssl.create_default_context(cafile=str(site.path("ca.pem")))
            context.check_hostname = False
            self.socket = context.wrap_socket(self.socket)
        self.cseq, self.buffer = 0, b""

    def contact(self, parameters=""):
        return f"Contact: <sip:alice@{self.local};transport={self.transport}>{parameters}\r\n"

    def send(self, text):
        self.socket.sendall(text.encode())

    def receive(self):
        if self.transport == "udp":
            return self.socket.recv(65536).decode()
        while True:
            head, found, rest = self.buffer.partition(b"\r\n\r\n")
            length = int(re.search(rb"Content-Length: *(\d+)", head).group(1)) if found else 0
            if found and len(rest) >= length:
                self.buffer = rest[length:]
                return (head + found + rest[:length]).decode()
            data = self.socket.recv(65536)
            if not data:
                raise Failed("the connection was closed")
            self.buffer += data

    def ask(self, method, uri, headers, more_vias=""):
        self.cseq += 1
        self.send(f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{self.transport.upper()} {self.local};branch=z9hG4bKdevice{self.number}x{self.cseq};rport\r\n{more_vias}"
                  f"Max-Forwards: 70\r\nFrom: <{ADDRESS}>;tag=f{self.number}\r\nTo: <{ADDRESS}>\r\nCall-ID: device{self.number}\r\nCSeq: {self.cseq} {method}\r\n"
                  f"{headers}Content-Length: 0\r\n\r\n")
        return self.receive()

    def proven(self, method, uri, headers, more_vias=""):
        challenge = self.ask(method, uri, headers, more_vias)
        expect(f"{method} without credentials", int(challenge.split()[1]), (401,))
        return self.ask(method, uri, headers + digest(md5_challenge(challenge), "alice", "alice-secret", method, uri, "Authorization"), more_vias)


def status(response):
    return int(response.split()[1])


def registrar(**overrides):
    """A registrar with six listeners."""
    site = Site(daemons=())
    site.overrides = {"sip_registrar": {"listen": [f"{transport}:{host}:0" for transport in ("udp", "tcp", "tls") for host in (site.ip(30), "[::1]")],
                                        "trusted": [site.ip(30), "::1"], "tls-certificate": site.path("registrar.pem"),
                                        "tls-key": site.path("registrar.key"), "expires-spread": 0, **overrides}}
    return site


def on_each_listener(check, **overrides):
    with registrar(**overrides) as site:
        site.make_certificates(name="registrar", last=30)
        site.start("sip-registrar")
        site.add_user("alice")
        listeners = site.ask("sip-registrar", "status")["listeners"]
        if len(listeners) != 6:
            raise Failed(f"listeners: {listeners}")
        for listener in listeners:
            device = Device(site, listener)
            try:
                check(site, device)
            except Exception as problem:
                raise Failed(f"{listener}: {problem}") from problem
            device.proven("REGISTER", URI, "Contact: *\r\nExpires: 0\r\n")


def contacts(site):
    return site.ask("sip-registrar", "contacts")


def test_flows_of_a_device():
    def check(site, device):
        flow = device.contact(f';+sip.instance="<{INSTANCE}>";reg-id=1') + "Supported: path, outbound\r\n"
        answer = device.proven("REGISTER", URI, flow)
        expect("a flow of its own", status(answer), (200,))
        if "Require: outbound\r\n" not in answer or "Flow-Timer: 45\r\n" not in answer:
            raise Failed(f"no outbound in\n{answer}")
        hop = "Via: SIP/2.0/UDP 192.0.2.77;branch=z9hG4bKbehind\r\n"
        expect("behind a proxy that keeps no flow", status(device.proven("REGISTER", URI, flow, hop)), (439,))
        second = flow.replace("reg-id=1", "reg-id=2") + "Path: <sip:token7@192.0.2.10;lr;ob>\r\n"
        answer = device.proven("REGISTER", URI, second, hop)
        expect("behind one that does", status(answer), (200,))
        if "Path: <sip:token7@192.0.2.10;lr;ob>" not in answer or {row["reg_id"] for row in contacts(site)} != {1, 2}:
            raise Failed(f"two flows were expected: {contacts(site)}\n{answer}")
        site.ask("sip-registrar", "flow-gone", flow="token7")
        if [row["reg_id"] for row in contacts(site)] != [1]:
            raise Failed(f"one flow was expected: {contacts(site)}")

    on_each_listener(check, **{"flow-timer": "45s"})


def test_a_device_has_uris_of_its_own():
    def check(site, device):
        device.proven("REGISTER", URI, device.contact(f';+sip.instance="<{INSTANCE}>"'))
        answer = device.proven("REGISTER", URI, "Contact: <sip:alice@192.0.2.99>\r\nSupported: gruu\r\n")
        public, temporary = re.search(r'pub-gruu="([^"]+)"', answer).group(1), re.search(r'temp-gruu="([^"]+)"', answer).group(1)
        for uri, count in ((ADDRESS, 2), (public, 1), (temporary, 1), (public + "x", 0)):
            found = site.ask("sip-registrar", "lookup", address=uri)["contacts"]
            if len(found) != count:
                raise Failed(f"{uri}: {found}")

    on_each_listener(check)


def test_a_user_watches_his_registrations():
    def confirm(device):
        notify = device.receive()
        if not notify.startswith("NOTIFY "):
            raise Failed(f"NOTIFY was expected:\n{notify}")
        copied = "".join(line + "\r\n" for line in notify.split("\r\n") if line.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq"))
        device.send(f"SIP/2.0 200 OK\r\n{copied}Content-Length: 0\r\n\r\n")
        return notify

    def check(site, device):
        watch = "Event: reg\r\nExpires: 60\r\n" + device.contact()
        answer = device.proven("SUBSCRIBE", ADDRESS, watch)
        expect("SUBSCRIBE", status(answer), (200,))
        first = confirm(device)
        if 'state="full"' not in first or "Subscription-State: active" not in first:
            raise Failed(f"the whole state was expected:\n{first}")
        expect("REGISTER", status(device.proven("REGISTER", URI, device.contact())), (200,))
        then = confirm(device)
        if 'event="created"' not in then or f"sip:alice@{device.local}" not in then:
            raise Failed(f"a new contact was expected:\n{then}")
        device.proven("REGISTER", URI, device.contact(";expires=0"))
        if 'event="unregistered"' not in confirm(device):
            raise Failed("a removal was expected")
        eventually(lambda: site.ask("sip-registrar", "status")["subscriptions"] >= 1, "the subscription")
        answer = device.proven("SUBSCRIBE", ADDRESS, watch.replace("Expires: 60", "Expires: 0"))
        if "terminated" not in confirm(device):
            raise Failed("a last word was expected")

    on_each_listener(check, trusted="192.0.2.1")  # a trusted peer would not be asked who it is


def test_what_an_answer_tells():
    def check(site, device):
        answer = device.proven("REGISTER", URI, device.contact())
        expect("REGISTER", status(answer), (200,))
        for line in ("Service-Route: <sip:192.0.2.20;lr>", "Authentication-Info: "):
            if line not in answer:
                raise Failed(f"no {line} in\n{answer}")
        brief = device.proven("REGISTER", URI, device.contact(";expires=5"))
        expect("a brief wish", status(brief), (423,))
        if "Min-Expires: 60\r\n" not in brief:
            raise Failed(f"no Min-Expires in\n{brief}")
        rows = site.ask("sip-registrar", "algorithm-contacts", algorithm="MD5")
        if [row["address"] for row in rows] != [ADDRESS]:
            raise Failed(f"who uses MD5: {rows}")

    on_each_listener(check, **{"service-route": "sip:192.0.2.20;lr", "authentication-info": "yes"})


def test_a_binding_ends_with_its_connection():
    with registrar() as site:
        site.make_certificates(name="registrar", last=30)
        site.start("sip-registrar")
        site.add_user("alice")
        for listener in site.ask("sip-registrar", "status")["listeners"]:
            if listener.startswith("udp"):
                continue
            device = Device(site, listener)
            expect(listener, status(device.proven("REGISTER", URI, device.contact())), (200,))
            if len(contacts(site)) != 1:
                raise Failed(f"{listener}: {contacts(site)}")
            device.socket.close()
            eventually(lambda: not contacts(site), f"{listener}: the end of the binding")


harness.main(test_flows_of_a_device, test_a_device_has_uris_of_its_own, test_a_user_watches_his_registrations, test_what_an_answer_tells,
             test_a_binding_ends_with_its_connection)
