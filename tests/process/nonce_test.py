"""One nonce, many requests: a burst whose nc values overtake each other is never challenged again, and a captured request replayed from elsewhere, at a
second proxy, or at the same proxy after its restart never reaches the bridge (issue 3, line 2)."""
import random
import socket
import subprocess

import harness
from agent import Agent, description, digest, expect, md5_challenge
from harness import Failed, Site, eventually, program

BURST = 100
DISPLACED = 10  # places by which a request may come too late or too early
ADDRESS = "sip:alice@example.org"
INVITED = "sip:1234@example.org"


def displaced(numbers):
    """The same numbers, none more than DISPLACED places from its own, the first and the last of each block by that much."""
    blocks = [numbers[at:at + DISPLACED + 1] for at in range(0, len(numbers), DISPLACED + 1)]
    shuffled = [[block[-1], *random.sample(block[1:-1], len(block[1:-1])), block[0]] if len(block) > 1 else block for block in blocks]
    return [number for block in shuffled for number in block]


def burst(agent, method, uri, header, names, expected):
    code, response = agent.transact(method, uri, "first", 1, user="alice")
    expect("without credentials", code, (401, 407))
    line = md5_challenge(response)
    for nc in displaced(list(range(1, BURST + 1))):
        call_id, cseq = names(nc)
        agent.send(method, uri, call_id, cseq, user="alice", to=ADDRESS, headers=digest(line, "alice", "alice-secret", method, uri, header, nc))
    codes = {}
    while sum(codes.values()) < BURST:
        answer = agent.receive()
        if not answer.startswith("SIP/2.0 1"):
            codes[int(answer.split()[1])] = codes.get(int(answer.split()[1]), 0) + 1
    if set(codes) - set(expected):
        raise Failed(f"{method}: a burst of {BURST} was answered {codes}, expected only {expected}")
    print(f"     {method}: {codes}", flush=True)


def test_a_burst_out_of_order_is_never_challenged_again():
    with Site(daemons=("conf-locate", "sip-registrar", "sip-proxy")) as site:
        site.add_user("alice")
        # Nobody is registered as alice: 480 says that the credentials were taken.
        burst(Agent(site, 60), "MESSAGE", ADDRESS, "Proxy-Authorization", lambda nc: (f"m{nc}", nc), {480})
        burst(Agent(site, 61), "REGISTER", "sip:example.org", "Authorization", lambda nc: (f"r{nc}", nc), {200})


def start_second_proxy(site):
    """Another proxy of the same site: same realm, same secret, a verifier number of its own."""
    file = site.path("second.conf")
    text = site.configuration("sip-proxy").replace(site.ip(20), site.ip(21)).replace("sip-proxy.sock", "second.sock")
    file.write_text(text)
    process = subprocess.Popen([program("sip-proxy"), "-c", str(file)], stderr=open(site.path("second.log"), "w"))
    eventually(lambda: harness.greets(site.path("second.sock")), "the second proxy's socket")
    return process


def replay(site, captured, last, proxy, branch):
    """Sends the captured bytes under a branch that no transaction knows; the final answer's code."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.settimeout(10 * harness.SLOW)
        wire.bind((site.ip(last), 0))
        text = captured.decode()
        old = text.split("branch=", 1)[1].split(";", 1)[0]
        via = text.split("Via: SIP/2.0/UDP ", 1)[1].split(";", 1)[0]
        wire.sendto(text.replace(old, branch).replace(via, "%s:%d" % wire.getsockname()).encode(), (proxy, 5060))
        while True:
            answer = wire.recv(65536).decode()
            if not answer.startswith("SIP/2.0 1"):
                return int(answer.split()[1]), answer


def test_a_replayed_invite_never_reaches_the_bridge():
    with Site(daemons=("conf-locate", "sip-registrar", "conf-bridge", "sip-proxy")) as site:
        site.add_user("alice")
        site.add_conference("1234", "5678")
        second = start_second_proxy(site)
        try:
            agent = Agent(site, 60)
            headers = "X-Passcode: 5678\r\n"
            code, response = agent.transact("INVITE", INVITED, "call", 1, headers=headers, body=description(site), user="alice")
            expect("INVITE without credentials", code, (407,))
            headers += digest(md5_challenge(response), "alice", "alice-secret", "INVITE", INVITED, "Proxy-Authorization")
            code, _ = agent.transact("INVITE", INVITED, "call", 2, headers=headers, body=description(site), user="alice")
            expect("INVITE", code, (200,))
            captured = agent.sent

            def seen():
                return site.ask("conf-bridge", "metrics")["text"].split("confab_bridge_requests_total ", 1)[1].split()[0]
            before = seen()
            for what, last, proxy in (("the same proxy, another socket", 61, 20), ("the second proxy", 62, 21)):
                code, answer = replay(site, captured, last, site.ip(proxy), f"z9hG4bKreplay{last}")
                expect(what, code, (407,))
                if "stale=true" not in answer:
                    raise Failed(f"{what}: the nonce should be stale\n{answer}")
            site.stop("sip-proxy")
            site.start("sip-proxy")
            code, _ = replay(site, captured, 63, site.ip(20), "z9hG4bKreplay63")
            expect("after a restart", code, (407,))
            if seen() != before:
                raise Failed(f"requests at the bridge: {before} before, {seen()} after the replays")
        finally:
            second.kill()
            second.wait()


if __name__ == "__main__":
    harness.main(test_a_burst_out_of_order_is_never_challenged_again, test_a_replayed_invite_never_reaches_the_bridge)
