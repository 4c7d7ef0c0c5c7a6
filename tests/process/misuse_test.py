# threads: under ThreadSanitizer too.
"""Misuse costs only whoever does it: clients that never read or never speak, files and ports that cannot be had, wrong configuration, messages too large, cut
short or no messages at all ("Bad input" of issue 2)."""
import json
import os
import re
import select
import signal
import socket
import ssl
import subprocess

import harness
from harness import REALM, Control, Failed, Site, eventually

SIP_DAEMONS = ("sip-registrar", "sip-proxy", "conf-bridge")
SETTINGS = {"sip_registrar": {"message-limit": "4000"}, "sip_proxy": {"message-limit": "4000"}, "conf_bridge": {"message-limit": "4000"}, "sbc_edge": {"message-limit": "4000"}}


def where(site, name):
    return {"sip-registrar": (site.ip(30), 5070), "sip-proxy": (site.ip(20), 5060), "conf-bridge": (site.ip(40), 5080)}[name]


def metric(site, name, row):
    found = re.search(rf"^{row}(?:_total)? (\d+)$", site.ask(name, "metrics")["text"], re.M)
    if not found:
        raise Failed(f"{name} has no metric {row}")
    return int(found.group(1))


def log(site, name):
    return site.path(f"{name}.log").read_text(errors="replace")


def ping(site, name):
    ip, port = where(site, name)
    site.probe("ping", f"sip:{ip}:{port}", "--count", "1", via=f"udp:{ip}:{port}")


def attempt(site, name, text, *options):
    """A start that must fail: its exit code and what it says."""
    file = site.path("wrong.conf")
    file.write_text(text)
    done = harness.run(harness.program(name), *options, "-c", file, check=False, cwd=site.folder)
    return done.returncode, done.stderr.strip()


def one_sentence(site, name, text, code, *parts):
    """The start fails with this code and one line that names what is wrong."""
    got, said = attempt(site, name, text)
    if got != code or len(said.splitlines()) != 1 or any(part not in said for part in parts):
        raise Failed(f"expected exit {code} and one line with {parts}, got exit {got} and\n{said}")


def changed(text, **values):
    for key, value in values.items():
        text = re.sub(rf"(?m)^{key.replace('_', '-')} = .*$", f"{key.replace('_', '-')} = {value}", text)
    return text


# Control sockets

def test_a_subscriber_that_never_reads():
    with Site() as site:
        site.add_user("alice")
        site.add_conference("1000")
        call = subprocess.Popen([harness.program("sip-probe"), "call", f"sip:1000@{REALM}", "--proxy", site.proxy, "--from", f"sip:alice@{REALM}", "--password-file",
                                 str(site.path("alice.password")), "--duration", "1h"], stdout=subprocess.DEVNULL)
        try:
            rows = eventually(lambda: site.ask("conf-bridge", "status")["legs"] == 1 and site.ask("conf-bridge", "members", conference="1000"), "a member of 1000")
            member = rows[0]["member"]
            deaf, attentive = site.subscribe("conf-bridge"), site.subscribe("conf-bridge")
            asking = Control(site.path("conf-bridge.sock"))
            heard = muted = 0
            last = None
            for _ in range(20000):
                # One event each, read by one of the two.
                asking.ask("unmute" if muted % 2 else "mute", conference="1000", member=member)
                muted += 1
                while True:
                    event = attentive.event()
                    if last is not None and event["seq"] != last + 1:
                        raise Failed(f"event {event['seq']} came after {last}")
                    last = event["seq"]
                    if event["event"] in ("muted", "unmuted"):
                        break
                heard += 1
                if muted % 200 == 0 and metric(site, "conf-bridge", "confab_control_events_lost") > 0:
                    break
            else:
                raise Failed("20,000 events and none was too much for a client that never reads")
            eventually(lambda: metric(site, "conf-bridge", "confab_control_cut_off") == 1, "the client that never reads cut off", 40)
            ended(deaf.socket)
            asking.ask("mute" if muted % 2 == 0 else "unmute", conference="1000", member=member)
            while (event := attentive.event())["event"] not in ("muted", "unmuted"):
                last += 1
            if event["seq"] != last + 1 or call.poll() is not None or site.ask("conf-bridge", "status")["legs"] != 1:
                raise Failed(f"after the cut: event {event['seq']} after {last}, call {call.poll()}")
            print(f"     cut off after {muted} events, all of which the other one has", flush=True)
        finally:
            call.kill()
            call.wait()


def ended(connection):
    """The other side has closed, whatever still waits to be read."""
    connection.settimeout(10 * harness.SLOW)
    try:
        while connection.recv(1 << 20):
            pass
    except ConnectionResetError:
        pass


def test_a_questioner_that_never_reads():
    with Site(daemons=("conf-locate", "sip-registrar")) as site:
        for name in site.daemons:
            deaf = socket.socket(socket.AF_UNIX)
            deaf.connect(str(site.path(f"{name}.sock")))
            deaf.setblocking(False)
            asked, request = 0, b'{"id":1,"cmd":"metrics"}\n' * 100
            # Asks until nothing more is taken from it and it is cut off: every answer is kept for it, up to a bound.
            while asked < 1_000_000:
                _, writable, _ = select.select([], [deaf], [], 20 * harness.SLOW)
                if not writable:
                    raise Failed(f"{name} neither reads nor cuts off a client that never reads, after {asked} octets")
                try:
                    asked += deaf.send(request)
                except (BrokenPipeError, ConnectionResetError):
                    break
            else:
                raise Failed(f"{name} still answers a client that has read nothing of {asked} octets of requests")
            if site.resident_kib(name) > 200_000 * (1 if harness.SLOW == 1 else 10):
                raise Failed(f"{name} holds {site.resident_kib(name)} KiB")
            if site.ask(name, "status")["state"] != "running":
                raise Failed(f"{name} is not running")
            deaf.close()


def test_output_for_machines():
    with Site() as site:
        site.add_user("alice")
        site.add_conference("1000")
        for name in site.daemons:
            for command in ("status", "config"):
                text = site.command(name, command, "--json").stdout
                if not harness.run("jq", "-ce", ".", input=text).stdout:
                    raise Failed(f"{name} {command} --json is empty")
        watch = subprocess.Popen([harness.program("conf-bridge"), "watch", "--json", "--socket", str(site.path("conf-bridge.sock"))], stdout=subprocess.PIPE, text=True)
        try:
            eventually(lambda: metric(site, "conf-bridge", "confab_control_clients") >= 2, "watch connected")
            site.probe("call", f"sip:1000@{REALM}", "--duration", "1s", user="alice")
            lines = []
            while not lines or json.loads(lines[-1])["event"] != "conference-ended":
                lines.append(watch.stdout.readline())
            names = harness.run("jq", "-re", ".event", input="".join(lines)).stdout.split()
            if not {"conference-started", "joined", "left"} <= set(names):
                raise Failed(f"watch told {names}")
        finally:
            watch.terminate()
            watch.wait()


# Starts that fail

def test_starts_that_fail():
    with Site(daemons=("sip-registrar",)) as site:
        good = site.configuration("sip-registrar")
        apart = changed(good, control=f"unix:{site.path('other.sock')}", state=site.path("locate"))
        one_sentence(site, "sip-registrar", apart, 71, f"{site.ip(30)}:5070", "Address already in use")
        free = apart.replace(f"{site.ip(30)}:5070", f"{site.ip(31)}:5070")
        one_sentence(site, "sip-registrar", changed(free, control=f"unix:{site.path('sip-registrar.sock')}"), 69, "another program is already answering there")
        one_sentence(site, "sip-registrar", changed(free, state="/proc/nowhere"), 78, "/proc/nowhere (No such file or directory)")
        one_sentence(site, "sip-registrar", changed(free, control="unix:/nowhere/at/all.sock"), 71, "/nowhere/at/all")
        file = site.path("file")
        file.write_text("")
        one_sentence(site, "sip-registrar", changed(free, control=f"unix:{file}"), 71, "exists and is not a socket")
        if site.ask("sip-registrar", "status")["state"] != "running":
            raise Failed("the first one suffered")


def test_wrong_configuration_is_told_all_at_once():
    text = "listen = udp:nonsense\nrealm = example.org\ndomains = example.org\nfrobnicate = 3\nmax-expires = soon\nt1 = 1h\ndurability = maybe\nno equals sign\nbindings = -4\nstate = .\n"
    wrong = {1: "listen", 4: "frobnicate", 5: "max-expires", 6: "t1", 7: "durability", 9: "bindings"}
    with Site(daemons=()) as site:
        for options in (("-t",), ()):
            code, said = attempt(site, "sip-registrar", text, *options)
            lines = said.splitlines()
            if code != 78 or len(lines) != len(wrong) + 1:
                raise Failed(f"expected exit 78 and {len(wrong) + 1} lines, got exit {code} and\n{said}")
            for number, key in wrong.items():
                if not any(re.fullmatch(rf".*/wrong\.conf:{number}: {key}: expected .+, got .+", line) for line in lines):
                    raise Failed(f"no complaint about {key} in line {number}:\n{said}")
            if not any("/wrong.conf:8: " in line for line in lines):
                raise Failed(f"no complaint about line 8:\n{said}")


def test_reload_of_a_bad_file():
    with Site(daemons=("sip-registrar",)) as site:
        before = site.ask("sip-registrar", "config")
        file = site.path("sip-registrar.conf")
        good = file.read_text()
        file.write_text(good + "min-expires = 2m\nmax-expires = often\n")
        site.processes["sip-registrar"].send_signal(signal.SIGHUP)
        eventually(lambda: re.search(r"max-expires: expected .*, got", log(site, "sip-registrar")), "the bad value in the log")
        strip = lambda rows: [{key: value for key, value in row.items() if key != "id"} for row in rows]
        if strip(site.ask("sip-registrar", "config")) != strip(before):
            raise Failed("a bad file changed the configuration")
        ping(site, "sip-registrar")
        file.write_text(good + "min-expires = 2m\n")
        site.processes["sip-registrar"].send_signal(signal.SIGHUP)
        eventually(lambda: any(row["key"] == "min-expires" and row["value"] in ("2m", "120s") for row in site.ask("sip-registrar", "config")), "the good value in force")


# The network

def test_silent_and_deaf_clients_of_the_edge():
    with Site(sbc_edge={"open-timeout": "3s", "write-queue": "65536"}) as site:
        site.add_user("alice")
        site.add_conference("1000")
        outside = (site.ip(1), 5061)
        silent = [socket.create_connection(outside) for _ in range(50)]
        half = [socket.create_connection(outside) for _ in range(50)]
        for connection in half:
            connection.sendall(hello()[:60])
        deaf = flood(site, outside)
        site.probe("call", f"sip:1000@{REALM}", "--srtp", "--duration", "1s", "--require-media", user="alice", tls=True)
        for connection in silent + half:
            ended(connection)  # all of them are sent away when their handshake is not done in time
            connection.close()
        eventually(lambda: site.ask("sbc-edge", "status")["connections"] == 0, "no connection left", 20)
        deaf.close()


def hello():
    """The first octets of a TLS handshake, by a TLS that is not ours."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        connection.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def flood(site, outside):
    """A client that asks and asks over TLS and reads no answer, until it is cut off."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.connect(outside)
    connection = ssl.create_default_context(cafile=str(site.path("ca.pem"))).wrap_socket(plain, server_hostname=outside[0])
    connection.settimeout(20 * harness.SLOW)
    try:
        for number in range(200_000):
            connection.sendall((f"OPTIONS sip:{outside[0]}:5061;transport=tls SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bKdeaf{number};rport\r\nMax-Forwards: 70\r\n"
                                f"From: <sip:a@{REALM}>;tag=a\r\nTo: <sip:{outside[0]}:5061>\r\nCall-ID: deaf{number}\r\nCSeq: 1 OPTIONS\r\nX-Long: {'x' * 2000}\r\n"
                                "Content-Length: 0\r\n\r\n").encode())
    except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
        return connection
    except TimeoutError:
        raise Failed("a TLS client that never reads is neither read nor cut off") from None
    raise Failed("a TLS client that never reads was never cut off")


def test_messages_too_large_or_cut_short():
    with Site(**SETTINGS) as site:
        for name in SIP_DAEMONS:
            row = {"sip-registrar": "confab_registrar", "sip-proxy": "confab_proxy", "conf-bridge": "confab_bridge"}[name]
            to = where(site, name)
            peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            peer.bind((site.ip(60), 0))
            peer.settimeout(10 * harness.SLOW)
            head = (f"OPTIONS sip:{to[0]}:{to[1]} SIP/2.0\r\nVia: SIP/2.0/UDP {site.ip(60)}:{peer.getsockname()[1]};branch=z9hG4bK{{0}};rport\r\nMax-Forwards: 70\r\n"
                    f"From: <sip:a@{REALM}>;tag=a\r\nTo: <sip:{to[0]}:{to[1]}>\r\nCall-ID: {{0}}\r\nCSeq: 1 OPTIONS\r\nContent-Length: {{1}}\r\n\r\n")
            before = metric(site, name, f"{row}_oversized"), metric(site, name, f"{row}_malformed")
            peer.sendto(head.format("large", 5000).encode() + b"x" * 5000, to)
            peer.sendto(head.format("short", 9).encode() + b"x" * 5, to)
            answer = peer.recv(65536)  # the large one came first: an answer to it would be here
            if not answer.startswith(b"SIP/2.0 400") or b"Call-ID: short" not in answer:
                raise Failed(f"{name}: the truncated message got {answer!r}")
            after = metric(site, name, f"{row}_oversized"), metric(site, name, f"{row}_malformed")
            if after != (before[0] + 1, before[1] + 1):
                raise Failed(f"{name}: oversized and malformed were {before} and are {after}")
            ping(site, name)
            peer.close()
        plain = socket.create_connection((site.ip(1), 5061))
        connection = ssl.create_default_context(cafile=str(site.path("ca.pem"))).wrap_socket(plain, server_hostname=site.ip(1))
        connection.sendall(f"OPTIONS sip:{site.ip(1)}:5061 SIP/2.0\r\nX-Long: {'x' * 5000}\r\n".encode())
        ended(connection)
        eventually(lambda: metric(site, "sbc-edge", "confab_edge_oversized") == 1, "the message too large counted by sbc-edge")


def ports_of(site, name):
    """Every UDP port that a daemon has open."""
    inodes = site.open_files(name)
    ports = []
    for line in open("/proc/net/udp").read().splitlines()[1:]:
        fields = line.split()
        if f"socket:[{fields[9]}]" in inodes:
            address, port = fields[1].split(":")
            ports.append((socket.inet_ntoa(bytes.fromhex(address)[::-1]), int(port, 16)))
    return ports


def every_port(site):
    """None while some are missing: the kernel's list skips lines while other tests' sockets come and go."""
    ports = [(name, port) for name in ("sip-registrar", "sip-proxy", "conf-bridge", "sbc-edge") for port in ports_of(site, name)]
    return ports if len(ports) >= 4 + 2 + 4 else None


def test_garbage_on_every_port():
    import random
    noise = random.Random(4475)
    with Site() as site:
        site.add_user("alice")
        site.add_conference("1000")
        call = subprocess.Popen([harness.program("sip-probe"), "call", f"sip:1000@{REALM}", "--proxy", site.edge, "--ca", str(site.path("ca.pem")), "--srtp", "--from",
                                 f"sip:alice@{REALM}", "--password-file", str(site.path("alice.password")), "--duration", "1h"], stdout=subprocess.DEVNULL)
        try:
            eventually(lambda: call.poll() is not None or site.ask("conf-bridge", "status")["legs"] == 1, "a call through the edge")
            ports = eventually(lambda: every_port(site), "the listeners, RTP and RTCP at the bridge, and both sides of the edge")
            peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            peer.bind((site.ip(60), 0))
            kinds = (b"", b"\r\n\r\n", b"\0" * 64, b"SIP/2.0 200 OK\r\n\r\n", b"\x80", b"\x80\0" + b"\xff" * 10, b"\x80\xc8\0\x01", b"INVITE sip:x SIP/2.0\r\nVia: \r\n\r\n")
            for name, port in ports:
                for number in range(300):
                    if number < len(kinds):
                        octets = kinds[number]
                    else:
                        octets = bytes((noise.choice((0x80, 0x90, 0xbf)),)) * (number % 2) + noise.randbytes(noise.randint(1, 1400))
                    peer.sendto(octets, port)
            for name in SIP_DAEMONS:
                ping(site, name)
            for name in site.daemons:
                if site.ask(name, "status")["state"] != "running":
                    raise Failed(f"{name} is not running")
            if call.poll() is not None or site.ask("conf-bridge", "status")["legs"] != 1:
                raise Failed("the call ended")
            site.probe("call", f"sip:1000@{REALM}", "--srtp", "--duration", "1s", "--require-media", user="alice", tls=True)
        finally:
            call.kill()
            call.wait()


if __name__ == "__main__":
    harness.main(test_a_subscriber_that_never_reads, test_a_questioner_that_never_reads, test_output_for_machines, test_starts_that_fail,
                 test_wrong_configuration_is_told_all_at_once, test_reload_of_a_bad_file, test_silent_and_deaf_clients_of_the_edge,
                 test_messages_too_large_or_cut_short, test_garbage_on_every_port, together=3)
