"""What is on the wires while two callers register and confer over TLS and SRTP: outside nothing but TLS and SRTP, no password anywhere, headers that
nobody knows unchanged inside, no RTP at the proxy (issue 2, line 5)."""
import base64
import collections
import hashlib
import itertools
import math
import re

import harness
from agent import Agent, digest, expect
from harness import REALM, Capture, Failed, Site

ODD = 'X-Foo:  Some   odd;value="ä" '
STRANGE = "x-unHEARD-of:\tone,two ,,;three=%41"
CALLERS = ("alice", "bob")
SIP = re.compile(rb"(SIP/2\.0 [1-6][0-9][0-9] |[A-Z]+ sips?:[^ ]+ SIP/2\.0\r\n)")


def password(user):
    return f"Wonder-{user}-pass/word:7"


def confer(site):
    """Two callers with the strange headers, by sip-probe."""
    command = ["conf", f"sip:1234@{REALM}", "--legs", "2", "--register", "--srtp", "--header", "X-Passcode: 5678", "--header", STRANGE, "--header", ODD, "--hold", "2s"]
    for user in CALLERS:
        command += ["--from", f"sip:{user}@{REALM}", "--password-file", site.path(f"{user}.password")]
    site.probe(*command, tls=True)


def register_by_hand(site):
    """A REGISTER whose headers no program of ours wrote."""
    agent = Agent(site, 61, "tls", (site.ip(1), 5061))

    def register(cseq, authorization=""):
        agent.socket.sendall((f"REGISTER sip:{REALM} SIP/2.0\r\nVia: SIP/2.0/TLS {agent.local};branch=z9hG4bKhand{cseq};rport\r\nMax-Forwards: 70\r\n{ODD}\r\n"
                              f"From: <sip:alice@{REALM}>;tag=f\r\nTo: <sip:alice@{REALM}>\r\nCall-ID: by-hand\r\nCSeq: {cseq} REGISTER\r\n"
                              f"{STRANGE}\r\nContact: <sip:alice@{agent.local};transport=tls>\r\n{authorization}Content-Length: 0\r\n\r\n").encode())
        return agent.final(f"CSeq: {cseq} REGISTER")

    code, answer = register(1)
    expect("the first REGISTER", code, (401,))
    challenge = next(line for line in answer.split("\r\n") if line.startswith("WWW-Authenticate") and "MD5" in line)
    code, answer = register(2, digest(challenge, "alice", password("alice"), "REGISTER", f"sip:{REALM}", "Authorization"))
    expect("REGISTER with credentials", code, (200,))


def is_rtp(payload):
    return len(payload) >= 12 and payload[0] >> 6 == 2 and not 200 <= payload[1] <= 207


def rtp_key(payload):
    return payload[8:12], payload[2:4]  # SSRC, sequence number


def rtp_payload(packet):
    return packet[12 + 4 * (packet[0] & 15):]


def entropy(octets):
    """Bits in each octet."""
    return -sum(count / len(octets) * math.log2(count / len(octets)) for count in collections.Counter(octets).values())


def longest_run(octets, value):
    return max((len(list(group)) for octet, group in itertools.groupby(octets) if octet == value), default=0)


def check_tls(stream, where):
    """The octets of one direction are TLS records from the first to the last, the first a handshake."""
    at = 0
    while at + 5 <= len(stream):
        kind, version, size = stream[at], stream[at + 1:at + 3], int.from_bytes(stream[at + 3:at + 5], "big")
        if kind not in (20, 21, 22, 23) or version[0] != 3 or size > 16640 or (at == 0 and kind != 22):
            raise Failed(f"{where}: no TLS record at octet {at}: {stream[at:at + 40]!r}")
        at += 5 + size
    if at == 0:
        raise Failed(f"{where}: no TLS record at all")


def check_outside(packets, outside):
    """Only TLS at the signalling port, only UDP with RTP's first octet besides; returns the media packets."""
    streams = collections.defaultdict(bytearray)
    media = []
    for source, source_port, destination, destination_port, protocol, payload in packets:
        if outside not in (source, destination):
            continue
        port = source_port if source == outside else destination_port
        if protocol == "tcp":
            if port != 5061:
                raise Failed(f"TCP outside at port {port}")
            streams[source, source_port, destination, destination_port] += payload
        elif payload[:1] and payload[0] >> 6 == 2 and 20000 <= port <= 24999:
            media.append(payload)
        else:
            raise Failed(f"outside is UDP that is no RTP, {source}:{source_port} to {destination}:{destination_port}: {payload[:40]!r}")
    for key, stream in streams.items():
        check_tls(bytes(stream), "%s:%d to %s:%d" % key)
    if len(streams) < 6:  # two callers and the one by hand, both directions
        raise Failed(f"{len(streams)} TLS streams outside, the capture is not complete")
    return media


def check_encrypted(media, inside):
    """Each outside packet is the inside packet of the same SSRC and number, of which nothing can be read."""
    pairs = [(packet, inside[rtp_key(packet)]) for packet in media if is_rtp(packet) and rtp_key(packet) in inside]
    if len(pairs) < 300:
        raise Failed(f"{len(pairs)} of {len(media)} packets outside have their like inside")
    for packet, plain in pairs:
        secret, clear = rtp_payload(packet), rtp_payload(plain)
        same = sum(one == other for one, other in zip(secret, clear))
        if len(secret) != len(clear) + 10 or same > len(clear) // 8:
            raise Failed(f"{same} of {len(clear)} octets of audio are the same outside, where {len(secret)} octets are sent: {secret[:40]!r}")
    secret, clear = (b"".join(rtp_payload(pair[number]) for pair in pairs) for number in (0, 1))
    if entropy(secret) < 7.95 or entropy(clear) > 7.5:
        raise Failed(f"octets outside carry {entropy(secret):.3f} bits, inside {entropy(clear):.3f}")
    if longest_run(secret, 0xff) >= 8 or longest_run(clear, 0xff) < 80:
        raise Failed(f"runs of silence: {longest_run(secret, 0xff)} octets outside, {longest_run(clear, 0xff)} inside")
    print(f"     {len(pairs)} SRTP packets outside and their RTP inside: {entropy(secret):.2f} and {entropy(clear):.2f} bits an octet", flush=True)


def check_passwords(file):
    octets = file.read_bytes()
    if b"X-Passcode: 5678" not in octets:
        raise Failed("not even the passcode inside is found, the search would prove nothing")
    for user in CALLERS:
        text = password(user)
        hashes = [hashlib.new(kind, f"{user}:{REALM}:{text}".encode()).hexdigest() for kind in ("md5", "sha256", "sha512_256")]
        for secret in (text, base64.b64encode(text.encode()).decode().rstrip("="), *hashes):
            if secret.encode() in octets:
                raise Failed(f"on a wire: {secret}")


def check_headers(packets, source, destination, methods):
    """Between these two each request that set up something carries the strange lines as they were written."""
    seen = set()
    for packet in packets:
        if (packet[0], packet[2]) != (source, destination):
            continue
        method = packet[5].split(b" ", 1)[0].decode(errors="replace")
        if method not in methods:
            continue
        lines = packet[5].split(b"\r\n\r\n", 1)[0].split(b"\r\n")
        for line in (ODD, STRANGE):
            if line.encode() not in lines:
                raise Failed(f"{source} to {destination}: no line {line.encode()!r} in\n" + "\n".join(map(repr, lines)))
        seen.add(method)
    if seen != set(methods):
        raise Failed(f"{source} to {destination}: expected {methods}, saw {sorted(seen)}")


def check_proxy(packets, proxy):
    """At the proxy's address nothing but SIP."""
    seen = 0
    for source, source_port, destination, destination_port, protocol, payload in packets:
        if proxy not in (source, destination) or not payload:
            continue
        port = source_port if source == proxy else destination_port
        if protocol == "udp" and (port != 5060 or not SIP.match(payload)):
            raise Failed(f"at the proxy {source}:{source_port} to {destination}:{destination_port} is no SIP: {payload[:60]!r}")
        seen += 1
    if seen < 20:
        raise Failed(f"{seen} packets at the proxy, the capture is not complete")


def test_wires():
    with Site() as site:
        for user in CALLERS:
            site.add_user(user, password(user))
        site.add_conference("1234", "5678")
        capture = Capture(site)
        with capture:
            register_by_hand(site)
            confer(site)
        packets = list(capture.packets())
        outside, edge, proxy, registrar, bridge = (site.ip(last) for last in (1, 10, 20, 30, 40))
        media = check_outside(packets, outside)
        inside = {rtp_key(packet[5]): packet[5] for packet in packets if packet[4] == "udp" and {packet[0], packet[2]} == {edge, bridge} and is_rtp(packet[5])}
        check_encrypted(media, inside)
        check_passwords(capture.file)
        check_headers(packets, edge, proxy, ["INVITE"])
        check_headers(packets, proxy, bridge, ["INVITE"])
        by_hand = [packet for packet in packets if b"Call-ID: by-hand" in packet[5]]
        check_headers(by_hand, edge, proxy, ["REGISTER"])
        check_headers(by_hand, proxy, registrar, ["REGISTER"])
        check_proxy(packets, proxy)


if __name__ == "__main__":
    harness.main(test_wires)
