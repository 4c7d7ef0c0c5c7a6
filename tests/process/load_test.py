"""sip-probe load against real daemons: every operation for a second, its counts, its exit code, and what an unanswered one looks like."""
import json
import socket
import subprocess

import harness
from harness import Failed, Site, eventually, run, program

REGISTRAR = ("sip-registrar",)
PROXY = ("sip-registrar", "sip-proxy")


def load(*arguments, expected=0):
    done = run(program("sip-probe"), "load", *arguments, "--json", check=False, timeout=60)
    if done.returncode != expected:
        raise Failed(f"exit {done.returncode}, expected {expected}: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def clean(result, least):
    """Everything sent was answered, nothing else happened, and it was not nothing."""
    if result["sent"] != result["answered"] or result["failed"] or result["failures"] or result["sent"] < least:
        raise Failed(f"{result}")
    if not 0 < result["p50_ms"] <= result["p99_ms"] <= result["max_ms"]:
        raise Failed(f"latencies: {result}")


def add_users(site, count):
    lines = ""
    for number in range(count):
        site.add_user(f"u{number:07}", f"pw{number:07}")
        lines += f"u{number:07},pw{number:07}\n"
    return site.secret("users.csv", lines.strip())


def bind_callee(site):
    file = site.add_user("callee")
    clean(load("register", "sip:example.org", "--proxy", site.registrar, "--count", "1", "--from", "sip:callee@example.org", "--password-file", file, "--contact", f"{site.ip(60)}:5060"), 1)


def test_options_in_both_loops():
    with Site(REGISTRAR) as site:
        open_loop = load("options", "sip:example.org", "--proxy", site.registrar, "--rate", "200", "--duration", "1s", "--warm-up", "200ms",
                         "--cost-of", site.processes["sip-registrar"].pid)
        clean(open_loop, 240)
        if open_loop["sent"] != 240 or open_loop["cpu_us"] <= 0:
            raise Failed(f"{open_loop}")
        clean(load("options", "sip:example.org", "--proxy", site.registrar, "--outstanding", "8", "--count", "500", "--sockets", "3"), 500)
        clean(load("options", "sip:example.org", "--proxy", site.registrar.replace("udp:", "tcp:"), "--outstanding", "8", "--count", "500", "--sockets", "3"), 500)


def test_register_with_challenge_and_with_kept_nonces():
    with Site(REGISTRAR) as site:
        file = add_users(site, 5)
        clean(load("register", "sip:example.org", "--proxy", site.registrar, "--users", "5", "--outstanding", "5", "--duration", "1s"), 5)
        if len(site.ask("sip-registrar", "contacts")) != 5:
            raise Failed("not every user is bound")
        clean(load("register", "sip:example.org", "--proxy", site.registrar, "--users-file", file, "--rate", "100", "--duration", "1s", "--keep-nonce"), 100)
        wrong = load("register", "sip:example.org", "--proxy", site.registrar, "--users", "5", "--password-pattern", "wrong", "--count", "3", expected=6)
        if wrong["failed"] != 3 or wrong["answered"] != 0:
            raise Failed(f"{wrong}")


def test_calls_with_and_without_challenge():
    for methods in ("none", "INVITE"):
        with Site(PROXY, sip_proxy={"authenticate": methods}) as site:
            add_users(site, 3)
            bind_callee(site)
            result = load("call", "sip:callee@example.org", "--proxy", site.proxy, "--answer", f"udp:{site.ip(60)}:5060", "--users", "3", "--rate", "50", "--duration", "1s",
                          "--hold", "50ms", "--retransmit", "--timeout", "32s")
            clean(result, 50)
            if not result["invited"] == result["acknowledged"] == result["ended"] == result["sent"]:
                raise Failed(f"{result}")


def test_many_tls_connections_register_and_stay():
    with Site((), sip_registrar={}) as site:
        site.make_certificates()
        target = f"tls:{site.ip(1)}:5071"
        site.overrides["sip_registrar"] = {"listen": [site.registrar, target], "tls-certificate": site.path("edge.pem"), "tls-key": site.path("edge.key")}
        site.start("sip-registrar")
        add_users(site, 5)
        running = subprocess.Popen([program("sip-probe"), "load", "register", "sip:example.org", "--proxy", target, "--ca", site.path("ca.pem"), "--users", "5", "--sockets", "20", "--count", "20",
                                    "--outstanding", "5", "--linger", "2s", "--json"], stdout=subprocess.PIPE, text=True)
        eventually(lambda: site.ask("sip-registrar", "status")["connections"] == 20, "all connections")
        out, _ = running.communicate(timeout=60)
        result = json.loads(out)
        clean(result, 20)
        if result["closed"]:
            raise Failed(f"{result}")


def test_a_flood_is_answered_or_dropped():
    with Site(REGISTRAR) as site:
        result = load("flood", "sip:example.org", "--proxy", site.registrar, "--rate", "800", "--duration", "1s", "--timeout", "1s")
        if result["sent"] != 800:
            raise Failed(f"{result}")
        clean(load("options", "sip:example.org", "--proxy", site.registrar, "--count", "10"), 10)


def test_silence_is_told_by_the_exit_code():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        target = f"udp:127.0.0.1:{deaf.getsockname()[1]}"
        silent = load("options", "sip:example.org", "--proxy", target, "--count", "3", "--outstanding", "3", "--timeout", "700ms", "--retransmit", expected=2)
    if silent["failures"] != {"timeout": 3} or silent["retransmitted"] != 3:
        raise Failed(f"{silent}")
    done = run(program("sip-probe"), "load", "options", "sip:example.org", "--proxy", "tcp:127.0.0.1:1", "--count", "1", check=False)
    if done.returncode != 4:
        raise Failed(f"a refused connection: exit {done.returncode}: {done.stderr}")


def test_a_lost_connection_is_made_again():
    """The daemon is killed under load; with --retransmit every operation still has its answer."""
    with Site(REGISTRAR) as site:
        running = subprocess.Popen(
            [program("sip-probe"), "load", "options", "sip:example.org", "--proxy", site.registrar.replace("udp:", "tcp:"), "--rate", "100", "--duration", "4s", "--sockets", "2", "--retransmit",
             "--json"], stdout=subprocess.PIPE, text=True)
        eventually(lambda: site.ask("sip-registrar", "status")["connections"] == 2, "both connections")
        site.kill("sip-registrar")
        site.start("sip-registrar")
        out, _ = running.communicate(timeout=60)
    result = json.loads(out)
    clean(result, 400)
    if result["closed"] < 2:
        raise Failed(f"{result}")


if __name__ == "__main__":
    harness.main(test_options_in_both_loops, test_register_with_challenge_and_with_kept_nonces, test_calls_with_and_without_challenge, test_many_tls_connections_register_and_stay, test_a_flood_is_answered_or_dropped,
                 test_silence_is_told_by_the_exit_code, test_a_lost_connection_is_made_again, together=3)
