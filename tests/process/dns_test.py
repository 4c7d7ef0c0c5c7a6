# threads
"""RFC 3263 against a real DNS server (Knot): what NAPTR, SRV, A and AAAA lead to, what a dead endpoint, a missing record, a failing, a silent and a
truncating server do to sip-probe and to sip-proxy."""
import json
import pathlib
import signal
import socket
import ssl
import subprocess
import threading
import time

import harness
from agent import Agent, expect as expect_code
from harness import Failed, Site, eventually, program, run
from routing_test import Callee


class Dns:
    """knotd with one zone, `site.test`, on a loopback address of the site, port 5300."""

    def __init__(self, site, records):
        self.address = f"{site.ip(53)}:5300"
        self.folder = site.path("knot")
        self.folder.mkdir()
        zone = f"$ORIGIN site.test.\n$TTL 60\n@ SOA ns.site.test. admin.site.test. 1 3600 600 86400 60\n@ NS ns\nns A {site.ip(53)}\n{records}\n"
        (self.folder / "site.test.zone").write_text(zone)
        (self.folder / "knot.conf").write_text(
            f"server:\n  listen: {site.ip(53)}@5300\n  rundir: {self.folder}\n  udp-max-payload: 1232\n"
            f"database:\n  storage: {self.folder}/db\n"
            f"zone:\n  - domain: site.test\n    storage: {self.folder}\n    file: site.test.zone\n    zonefile-sync: -1\n")

    def __enter__(self):
        self.log = open(self.folder / "log", "w")
        self.process = subprocess.Popen(["/usr/sbin/knotd", "-c", self.folder / "knot.conf"], stdout=self.log, stderr=self.log)
        eventually(lambda: self.ask("ns.site.test", 1) is not None, "knotd answering")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        self.process.wait(20)
        self.log.close()

    def stand_still(self):
        """SIGSTOP reaches one thread first, and the others may answer until that one has run."""
        self.process.send_signal(signal.SIGSTOP)
        threads = pathlib.Path(f"/proc/{self.process.pid}/task")
        eventually(lambda: all(stat.read_text().rsplit(")", 1)[1].split()[0] == "T" for stat in threads.glob("*/stat")), "knotd standing still")

    def ask(self, name, kind):
        """The answer over UDP as octets; None when there is none."""
        if self.process.poll() is not None:
            raise Failed(f"knotd ended: {(self.folder / 'log').read_text()}")
        wire = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
        query = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\x01" + wire + kind.to_bytes(2, "big") + b"\0\x01" + b"\0\0\x29\x04\xd0" + b"\0" * 6
        host, port = self.address.split(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(0.2)
            asking.connect((host, int(port)))
            try:
                asking.send(query)
                return asking.recv(4096)
            except OSError:
                return None


def ping(dns, uri, *more, timeout="2s"):
    """Exit code, the endpoint that answered or None, and what was said on the way."""
    done = run(program("sip-probe"), "ping", uri, "-c", "1", "--json", "--dns", dns if isinstance(dns, str) else dns.address, "--timeout", timeout, *more, check=False)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, rows[0].get("endpoint") if rows else None, done.stderr


def expect(found, code, endpoint=None, said=""):
    if found[0] != code or found[1] != endpoint or said not in found[2]:
        raise Failed(f"exit {found[0]} from {found[1]}: {found[2]!r}; expected exit {code} from {endpoint}: {said!r}")


def servers():
    """Two proxies stand for any SIP server: one on UDP and TCP of .20:5060, one on .21:5070, and on ::1."""
    port = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    port.bind(("::1", 0))
    six = port.getsockname()[1]
    port.close()
    site = Site(daemons=("sip-proxy",))
    ip = site.ip
    names = ["naptr", "a", "b", "alias", "six", "both", "weights", "failover", "big"]
    site.overrides["sip_proxy"] = {"domains": [harness.REALM, "elsewhere.test"] + [f"{name}.site.test" for name in names],
                                   "listen": [f"udp:{ip(20)}:5060", f"tcp:{ip(20)}:5060", f"udp:{ip(21)}:5070", f"tcp:{ip(21)}:5070", f"udp:[::1]:{six}"]}
    return site, six


def records(site, six):
    big = "\n".join(f"_sip._udp.big SRV {number} 0 {5060 if number == 7 else 9} {'a' if number == 7 else 'x' * 60 + str(number)}" for number in range(1, 33))
    hosts = "\n".join(f"{'x' * 60 + str(number)} A {site.ip(99)}" for number in range(1, 33) if number != 7)
    return f"""
a A {site.ip(20)}
b A {site.ip(21)}
dead A {site.ip(99)}
six AAAA ::1
_sip._udp.six SRV 0 0 {six} six
both A {site.ip(20)}
both AAAA ::1
alias CNAME alias2
alias2 CNAME a
loop CNAME loop2
loop2 CNAME loop
txt TXT "nothing to send to"

naptr NAPTR 10 20 "S" "SIP+D2U" "" _sip._udp.naptr
naptr NAPTR 10 10 "s" "SIP+D2T" "" _sip._tcp.naptr
naptr NAPTR 5 10 "s" "SIP+D2S" "" _sip._sctp.naptr
_sip._tcp.naptr SRV 0 0 5060 a
_sip._udp.naptr SRV 0 0 5070 b

tls NAPTR 10 10 "s" "SIPS+D2T" "" _sips._tcp.tls
_sips._tcp.tls SRV 0 0 5061 a

first SRV 0 0 9 nothing
_sip._udp.failover SRV 10 0 9 dead
_sip._udp.failover SRV 20 0 5070 b
_sip._tcp.failover SRV 10 0 9 dead
_sip._tcp.failover SRV 20 0 5060 a

_sip._udp.weights SRV 1 50 5060 a
_sip._udp.weights SRV 1 50 5070 b
_sip._udp.closed SRV 0 0 0 .
{big}
{hosts}
"""


def test_what_a_name_leads_to():
    site, six = servers()
    with site, Dns(site, records(site, six)) as dns:
        udp_a, tcp_a, udp_b = f"udp:{site.ip(20)}:5060", f"tcp:{site.ip(20)}:5060", f"udp:{site.ip(21)}:5070"
        expect(ping(dns, "sip:naptr.site.test"), 0, tcp_a)                       # order, then preference; SCTP is not ours
        expect(ping(dns, "sip:naptr.site.test;transport=udp"), 0, udp_b)         # SRV of that transport
        expect(ping(dns, "sip:naptr.site.test;transport=tcp"), 0, tcp_a)
        expect(ping(dns, "sip:a.site.test"), 0, udp_a)                           # no SRV: the host's address
        expect(ping(dns, "sip:b.site.test:5070"), 0, udp_b)                      # a port: no SRV
        expect(ping(dns, "sip:alias.site.test"), 0, udp_a)               # CNAME, twice
        expect(ping(dns, "sip:six.site.test"), 0, f"udp:[::1]:{six}")            # AAAA only
        expect(ping(dns, "sip:both.site.test", "--ipv4"), 0, udp_a)
        expect(ping(dns, f"sip:both.site.test:{six}", "--ipv6"), 0, f"udp:[::1]:{six}")
        expect(ping(dns, "sip:elsewhere.test", "--proxy", "tcp:naptr.site.test"), 0, tcp_a)
        expect(ping(dns, f"sip:{site.ip(21)}:5070"), 0, udp_b)
        tried = {ping(dns, "sip:weights.site.test")[1] for _ in range(30)}
        if tried != {udp_a, udp_b}:
            raise Failed(f"weights of 50 and 50 led to {tried}")


def test_failover_to_the_next_endpoint():
    site, six = servers()
    with site, Dns(site, records(site, six)) as dns:
        dead = f"{site.ip(99)}:9"
        expect(ping(dns, "sip:failover.site.test;transport=tcp"), 0, f"tcp:{site.ip(20)}:5060", f"tcp:{dead}: ")
        expect(ping(dns, "sip:failover.site.test;transport=udp", timeout="1s"), 0, f"udp:{site.ip(21)}:5070", f"udp:{dead}: no answer in time; trying udp:{site.ip(21)}:5070 next")
        done = run(program("sip-probe"), "register", "--from", "sip:alice@example.org", "--proxy", "tcp:failover.site.test", "--dns", dns.address, check=False)
        if f"trying tcp:{site.ip(20)}:5060 next" not in done.stderr:
            raise Failed(f"register did not go on: {done.stdout}{done.stderr}")
        expect(ping(dns, "sip:dead.site.test:9;transport=tcp"), 4)


def test_what_dns_cannot_say():
    site, six = servers()
    with site, Dns(site, records(site, six)) as dns:
        expect(ping(dns, "sip:nowhere.site.test"), 3, None, "nowhere.site.test: no such name")
        expect(ping(dns, "sip:txt.site.test"), 3, None, "no address")
        expect(ping(dns, "sip:closed.site.test;transport=udp"), 3, None, "no transport")
        expect(ping(dns, "sips:naptr.site.test"), 3, None, "no transport")
        expect(ping(dns, "sip:loop.site.test:5060"), 3, None)
        expect(ping(dns, "sip:other.example"), 3, None, "DNS server failure")    # REFUSED: not this server's zone
        expect(ping(dns, "sip:under_way"), 3, None, "DNS server failure")
        expect(ping(dns, "sip:no!name"), 64 if run(program("sip-probe"), "ping", "sip:no!name", check=False).returncode == 64 else 3, None)


def test_a_big_answer_comes_over_tcp():
    site, six = servers()
    with site, Dns(site, records(site, six)) as dns:
        answer = dns.ask("_sip._udp.big.site.test", 33)
        if not answer[2] & 2:
            raise Failed("the answer is not truncated: this test shows nothing")
        # Priorities 1 to 6 lead to one dead endpoint, the seventh answers.
        expect(ping(dns, "sip:big.site.test;transport=udp", timeout="500ms"), 0, f"udp:{site.ip(20)}:5060", "trying")


def test_a_server_that_stops_and_comes_back():
    site, six = servers()
    with site, Dns(site, records(site, six)) as dns:
        dns.stand_still()
        expect(ping(dns, "sip:a.site.test", timeout="1s"), 3, None, "no answer from DNS in time")
        dns.process.send_signal(signal.SIGCONT)
        eventually(lambda: dns.ask("a.site.test", 1), "knotd is back")
        expect(ping(dns, "sip:a.site.test"), 0, f"udp:{site.ip(20)}:5060")
        # One server that nobody runs beside one that answers.
        expect(ping(f"{site.ip(54)}:5300", "sip:a.site.test", "--dns", dns.address, timeout="8s"), 0, f"udp:{site.ip(20)}:5060")


SECTIONS = """
[route far]
number = 70*
action = uri sip:far.site.test
[route nowhere]
number = 71*
action = uri sip:nowhere.site.test
[route slow]
number = 72*
action = uri sip:slow.site.test:5080
"""


def timed_call(agent, number, name):
    begun = time.monotonic()
    code, _ = agent.transact("INVITE", f"sip:{number}@example.org", name, 1)
    return code, time.monotonic() - begun


def test_the_proxy_finds_its_next_hop():
    site = Site(daemons=("sip-proxy",))
    site.overrides["sip_proxy"] = {"authenticate": "none", "attempt-timeout": "1s", "dns-servers": f"{site.ip(53)}:5300", "dns-budget": "1s", "sections": SECTIONS}
    with site, Dns(site, f"dead A {site.ip(99)}\nc A {site.ip(41)}\n_sip._udp.far SRV 10 0 9 dead\n_sip._udp.far SRV 20 0 5080 c\nslow A {site.ip(41)}") as dns:
        callee, agent, other = Callee(site, 41), Agent(site, 60), Agent(site, 61)
        code, took = timed_call(agent, 700, "first")
        expect_code("a call past a dead endpoint", code, {200})
        if took < 1:
            raise Failed(f"the dead endpoint was not tried: {took:.3f} s")
        code, took = timed_call(agent, 700, "second")
        expect_code("a call that remembers the dead endpoint", code, {200})
        if took >= 1:
            raise Failed(f"the dead endpoint was tried again: {took:.3f} s")
        code, took = timed_call(agent, 710, "nowhere")
        expect_code("a call to a name that does not exist", code, {404, 480, 500, 502, 503, 604})
        dns.stand_still()
        # While one call waits for DNS, others go on with what is known.
        begun = time.monotonic()
        agent.send("INVITE", "sip:720@example.org", "waits", 1)
        code, took = timed_call(other, 700, "meanwhile")
        expect_code("a call while another waits for DNS", code, {200})
        if took >= 1:
            raise Failed(f"a call waited for another's DNS: {took:.3f} s")
        code, _ = agent.final("Call-ID: waits")  # not the 200 of an earlier call, repeated because nobody acknowledges it
        expect_code("a call without DNS", code, {480, 500, 502, 503, 504})
        if time.monotonic() - begun < 1:
            raise Failed("DNS was not waited for")
        if callee.invites != 3:
            raise Failed(f"{callee.invites} calls arrived, 3 were meant to")
        callee.stop()


class TlsCallee:
    """A TLS server with a certificate for one name that answers every request with 486."""

    def __init__(self, site, last, name):
        folder, self.name = site.folder, name
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
            "-addext", f"subjectAltName=DNS:{name}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
        self.listener = socket.create_server((site.ip(last), 5061))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            with self.context.wrap_socket(connection, server_side=True) as stream:
                while request := stream.recv(65536).decode():
                    lines = request.split("\r\n")
                    if request.startswith("ACK"):
                        continue
                    kept = [line + (";tag=x" if line.startswith("To:") else "") for line in lines if line.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
                    stream.sendall("\r\n".join(["SIP/2.0 486 Busy", *kept, "Content-Length: 0", "", ""]).encode())
        except OSError:
            pass  # a client that does not trust us goes away


def test_tls_proves_the_name_that_was_asked_for():
    site = Site(daemons=("sip-proxy",))
    right, wrong = "right.site.test", "wrong.site.test"
    site.overrides["sip_proxy"] = {"authenticate": "none", "dns-servers": f"{site.ip(53)}:5300", "tls-ca": site.path("roots.pem"),
                                   "listen": [f"udp:{site.ip(20)}:5060", f"tls:{site.ip(20)}:5061"], "tls-certificate": site.path("right.site.test.pem"),
                                   "tls-key": site.path("right.site.test.key"),
                                   "sections": f"\n[route right]\nnumber = 70*\naction = uri sip:{right};transport=tls\n"
                                               f"[route wrong]\nnumber = 71*\naction = uri sip:{wrong};transport=tls\n"}
    callee, impostor = TlsCallee(site, 41, right), TlsCallee(site, 42, "another.site.test")
    site.path("roots.pem").write_text("".join(site.path(f"{each.name}.pem").read_text() for each in (callee, impostor)))
    names = f"h1 A {site.ip(41)}\nh2 A {site.ip(42)}\n_sips._tcp.right SRV 0 0 5061 h1\n_sips._tcp.wrong SRV 0 0 5061 h2"
    with site, Dns(site, names) as dns:
        code, _ = Agent(site, 60).transact("INVITE", "sip:700@example.org", "right", 1)
        expect_code("a call to a server that proves its name", code, {486})
        code, _ = Agent(site, 60).transact("INVITE", "sip:710@example.org", "wrong", 1)
        expect_code("a call to a server that proves another name", code, {500, 502, 503, 504})
        expect(ping(dns, f"sips:{right}", "--ca", site.path("roots.pem")), 1, f"tls:{site.ip(41)}:5061")  # answered: 486
        expect(ping(dns, f"sips:{wrong}", "--ca", site.path("roots.pem")), 5)


if __name__ == "__main__":
    harness.main(test_what_a_name_leads_to, test_failover_to_the_next_endpoint, test_what_dns_cannot_say, test_a_big_answer_comes_over_tcp,
                 test_a_server_that_stops_and_comes_back, test_the_proxy_finds_its_next_hop,
                 test_tls_proves_the_name_that_was_asked_for)
