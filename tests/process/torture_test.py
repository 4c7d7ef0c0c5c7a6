"""The messages of RFC 4475 to sip-registrar, sip-proxy and conf-bridge, over UDP and TCP: each gets an answer that the corpus accepts, and afterwards each
daemon answers as before. The corpus is not in the tree: CONFAB_CORPORA names it, else ../shared/corpora; without it there is nothing to prove."""
import collections
import csv
import os
import pathlib
import re
import select
import socket

import harness
from harness import TREE, Failed, Site, eventually

CORPORA = pathlib.Path(os.environ.get("CONFAB_CORPORA") or TREE.parent / "shared" / "corpora") / "rfc4475"
DAEMONS = ("conf-locate", "sip-registrar", "conf-bridge", "sip-proxy")
# Column of expected.tsv, program, last part of its address, port.
TARGETS = (("registrar", "sip-registrar", 30, 5070), ("proxy", "sip-proxy", 20, 5060), ("uas", "conf-bridge", 40, 5080))
# A message is answered at once or not at all; the OPTIONS sent after it tells that its turn is over, so silence needs no waiting.
PATIENCE = 10 * harness.SLOW
STRICT, TOLERATED = ("sip-registrar", "sip-proxy"), 2  # how many answers that are merely allowed these programs may give
FRAMING_LOST = ("ncl.dat", "mcl01.dat")
# Where confab has decided otherwise than the corpus: an INVITE without Contact (RFC 2543) would make a dialog with no target, and is refused.
DECIDED = {("inv2543.dat", "uas"): 400}


def rank(cell, code, transport):
    """The place of the answer (None: silence) among the cell's alternatives. The first of them, 0, is what the RFC asks for, the others it allows. None: wrong."""
    for place, alternative in enumerate(cell.split("|")):
        excluded = alternative.startswith("any!")
        words = alternative.removeprefix("any!").split(",")
        named = {word.removesuffix("@tcp") for word in words if transport == "tcp" or not word.endswith("@tcp")}
        if ((str(code) if code else "none") in named) != excluded:
            return place
    return None


def accepts(cell, code, transport):
    return rank(cell, code, transport) is not None


def options(site, to, marker, transport, local):
    ip, port = to
    return (f"OPTIONS sip:{ip}:{port} SIP/2.0\r\nVia: SIP/2.0/{transport.upper()} {local};branch=z9hG4bK{marker};rport\r\nMax-Forwards: 70\r\n"
            f"From: <sip:t@example.org>;tag=t\r\nTo: <sip:{ip}:{port}>\r\nCall-ID: {marker}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n").encode()


def code_of(answer):
    return int(answer.split(None, 2)[1])


def final_of(answers):
    """The final answer's code, else a provisional one's: an INVITE that is forwarded may wait for long. None: silence."""
    for answer in answers:
        if not re.match(rb"SIP/2\.0 [1-6][0-9][0-9] ", answer):
            raise Failed(f"an answer that is none: {answer[:80]!r}")
    codes = [code_of(answer) for answer in answers]
    return next((code for code in codes if code >= 200), codes[0] if codes else None)


def calls_of(message):
    """All Call-IDs in a message's header: what ties an answer to it. Some messages have none, one has two."""
    header = re.sub(rb"\r\n[ \t]+", b" ", message.split(b"\r\n\r\n", 1)[0])
    return frozenset(re.findall(rb"(?im)^(?:call-id|i)[ \t]*:[ \t]*(\S+)", header))


def is_settled(cell, answers, transport):
    """Nothing more need be waited for: there is a final answer, or silence is accepted."""
    code = final_of(answers)
    return code >= 200 if code else accepts(cell, None, transport)


class Datagrams:
    """What a peer at the top Via's sent-by port hears: answers go to the source address with that port, or with rport to ours."""

    def __init__(self, site):
        self.site = site
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((site.ip(60), 5060))  # without rport, answers go to the sent-by port, which is 5060 where the message names none
        self.others = {}
        self.heard = collections.defaultdict(list)  # by the message's Call-IDs

    def close(self):
        for each in (self.socket, *self.others.values()):
            each.close()

    def listen(self, message):
        """A socket at the port of the message's top Via."""
        via = re.search(rb"(?im)^(?:v|via)\s*:\s*SIP\s*/\s*2\.0\s*/\s*\S+\s+[^\s;:,]+\s*(?::\s*(\d+))?", message)
        port = int(via.group(1)) if via and via.group(1) else 5060
        if port == 5060 or port in self.others:
            return
        self.others[port] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.others[port].bind((self.site.ip(60), port))

    def exchange(self, to, message, marker, cell):
        """What came in answer to the message until the OPTIONS sent right after it was answered and the message's own answer is there, or need not be.
        Answers to earlier messages (an INVITE's are repeated) go to their own."""
        self.listen(message)
        self.socket.sendto(message, to)
        self.socket.sendto(options(self.site, to, marker, "udp", f"{self.site.ip(60)}:5060"), to)
        sockets, mine, alive = [self.socket, *self.others.values()], calls_of(message), False
        while not (alive and is_settled(cell, self.heard[mine], "udp")):
            readable, _, _ = select.select(sockets, [], [], PATIENCE)
            if not readable:
                if alive:
                    return
                raise Failed("the OPTIONS after it is not answered")
            for each in readable:
                answer = each.recv(65536)
                if not answer.startswith(b"SIP/"):
                    continue  # a BYE for an INVITE that was accepted and got no ACK
                calls = calls_of(answer)
                if calls != {marker.encode()}:
                    self.heard[next((known for known in (mine, *self.heard) if known == calls or known & calls), calls)].append(answer)
                elif code_of(answer) == 200:
                    alive = True
                else:
                    raise Failed(f"the OPTIONS after it: {answer!r}")


def read_messages(data):
    """Whole SIP answers at the beginning of a stream, and the rest."""
    answers = []
    while b"\r\n\r\n" in data:
        head, rest = data.split(b"\r\n\r\n", 1)
        length = re.search(rb"(?im)^content-length:\s*(\d+)", head)
        size = int(length.group(1)) if length else 0
        if len(rest) < size:
            break
        answers.append(head + b"\r\n\r\n" + rest[:size])
        data = rest[size:]
    return answers, data


def over_tcp(site, to, message, marker, framed, cell):
    """All answers to the message on a connection of its own, and whether the connection was closed. An OPTIONS follows where the message ends where it says."""
    with socket.create_connection(to, PATIENCE, source_address=(site.ip(60), 0)) as connection:
        connection.settimeout(PATIENCE)
        connection.sendall(message)
        if framed:
            connection.sendall(options(site, to, marker, "tcp", "%s:%d" % connection.getsockname()))
        else:
            connection.shutdown(socket.SHUT_WR)  # what waits for more octets learns that none come
        data, answers, alive = b"", [], False
        while not (alive and is_settled(cell, answers, "tcp")):
            try:
                more = connection.recv(65536)
            except ConnectionResetError:
                more = b""
            except TimeoutError:
                raise Failed(f"neither an answer nor the end of the connection; came: {answers} {data!r}") from None
            if not more:
                return answers, True
            found, data = read_messages(data + more)
            for answer in found:
                if calls_of(answer) == {marker.encode()}:
                    alive = True
                else:
                    answers.append(answer)
        return answers, False


def is_framed(message):
    """Whether a stream's reader knows where the message ends: one right Content-Length, and an empty line after the header."""
    head, separator, body = message.partition(b"\r\n\r\n")
    lengths = re.findall(rb"(?im)^(?:content-length|l)[ \t]*:\s*([^\r\n]*?)[ \t]*$", head.replace(b"\r\n", b"\n"))
    return bool(separator) and (int(lengths[0]) == len(body) if len(lengths) == 1 and lengths[0].isdigit() else not lengths and not body)


def corpus():
    if not (CORPORA / "expected.tsv").exists():
        print(f"     no corpus at {CORPORA} (CONFAB_CORPORA), nothing tried", flush=True)
        return []
    with open(CORPORA / "expected.tsv", newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
    if len(rows) < 49:
        raise Failed(f"{len(rows)} rows in {CORPORA}")
    return [(row, (CORPORA / row["file"]).read_bytes()) for row in rows]


def rounds(messages):
    """The messages with their numbers, parted so that no branch comes twice in a round: to the same run of a program that would be a retransmission."""
    parts, seen = [], collections.Counter()
    for number, (row, message) in enumerate(messages):
        branch = (re.search(rb"(?i)branch[ \t]*=[ \t]*([^\s;,]+)", message) or [b"", b""])[1]
        if seen[branch] == len(parts):
            parts.append([])
        parts[seen[branch]].append((number, row, message))
        seen[branch] += 1
    return parts


def afresh(site, program):
    site.stop(program, patience=0.1)  # nobody will answer what it drains for
    site.start(program)
    connected = {"sip-proxy": ("registrar_connected", "locate_connected"), "conf-bridge": ("locate_connected",)}.get(program, ())
    eventually(lambda: all(site.ask(program, "status")[key] for key in connected), f"{program} connected again")


def torture_site():
    """A registrar of the corpus's own domain, so that its REGISTER requests are judged and not only sent away."""
    return Site(daemons=DAEMONS, sip_registrar={"domains": ["example.org", "example.com"]})


def prepare(site):
    site.add_user("alice")
    site.add_conference("1234", "5678")


def well(site):
    """All programs live, and answer as if nothing had been."""
    for name in DAEMONS:
        if not site.answers(name) or site.ask(name, "status")["state"] != "running":
            raise Failed(f"{name} is not well")
    for address in (site.registrar, site.proxy, site.bridge):
        for transport in ("udp", "tcp"):
            where = address.split(":", 1)[1]
            site.probe("ping", f"sip:{where}", "--count", "1", via=f"{transport}:{where}")


class Tally:
    """How many messages each program answered as asked, and which it answered as the RFC allows."""

    def __init__(self, transport):
        self.transport, self.asked, self.tolerated, self.wrong = transport, collections.Counter(), collections.defaultdict(list), []

    def judge(self, row, column, program, answers):
        code = final_of(answers)
        place = rank(row[column], code, self.transport)
        got = f"{row['file']} ({row['title']}) to {program} over {self.transport}: expected {row[column]}, got {code or 'none'}"
        if place == 0 or DECIDED.get((row["file"], column)) == code:
            self.asked[program] += 1
        elif place is None:
            self.wrong.append(got)
        else:
            self.tolerated[program].append(got)

    def report(self):
        for program in self.asked:
            print(f"     {program} over {self.transport}: {self.asked[program]} as asked, {len(self.tolerated[program])} tolerated", flush=True)
        lenient = [line for program in STRICT for line in self.tolerated[program]]
        report(self.wrong + (lenient if any(len(self.tolerated[program]) > TOLERATED for program in STRICT) else []))


def report(wrong):
    if wrong:
        raise Failed(f"{len(wrong)} answers are not accepted:\n" + "\n".join(wrong))


def test_datagrams():
    messages = corpus()
    tally = Tally("udp")
    if not messages:
        return
    with torture_site() as site:
        prepare(site)
        for column, program, last, port in TARGETS:
            peer = Datagrams(site)
            for part in rounds(messages):
                afresh(site, program)
                for number, row, message in part:
                    try:
                        peer.exchange((site.ip(last), port), message, f"{column}{number}", row[column])
                    except Failed as failure:
                        tally.wrong.append(f"{row['file']} to {program}: {failure}")
            for row, message in messages:  # now: an answer that came late to what should have none is seen too
                tally.judge(row, column, program, peer.heard[calls_of(message)])
            peer.close()
        well(site)
    tally.report()


def test_streams():
    messages = corpus()
    tally = Tally("tcp")
    if not messages:
        return
    with torture_site() as site:
        prepare(site)
        for column, program, last, port in TARGETS:
            for part in rounds(messages):
                afresh(site, program)
                for number, row, message in part:
                    try:
                        answers, closed = over_tcp(site, (site.ip(last), port), message, f"{column}{number}", is_framed(message), row[column])
                    except Failed as failure:
                        tally.wrong.append(f"{row['file']} to {program} over tcp: {failure}")
                        continue
                    tally.judge(row, column, program, answers[:1] if row["file"] == "dblreq.dat" else answers)
                    if row["file"] in FRAMING_LOST and not closed:
                        tally.wrong.append(f"{row['file']} to {program} over tcp: the connection stays open after its framing was lost")
        well(site)
    tally.report()


if __name__ == "__main__":
    harness.main(test_datagrams, test_streams, together=2)
