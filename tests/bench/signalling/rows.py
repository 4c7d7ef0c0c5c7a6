"""The rows of the table: what each one starts, drives and compares."""
import contextlib
import pathlib
import shutil
import socket
import subprocess

import bench
from bench import REALM, USERS, Failed, Kamailio, Ours, Server, free_port, probe, registrar_keys

HERE = pathlib.Path(__file__).resolve().parent
URI = f"sip:{REALM}"


class Table:
    """Collects lines; prints each as soon as it is known, and the verdict at the end."""
    FORMAT = "{:<34} {:<9} {:>9} {:>10} {:>9} {:>9} {:>8}  {}"

    def __init__(self):
        self.missed = []
        self.lines = []
        print(self.FORMAT.format("row", "program", "cost", "rate/s", "p50 ms", "p99 ms", "failed", "ours / theirs, at most"))

    def line(self, row, program, cost, rate="", p50="", p99="", failed=0, verdict=""):
        text = self.FORMAT.format(row, program, cost, rate, p50, p99, failed, verdict)
        print(text, flush=True)
        self.lines.append(text)

    def reasons(self, row, result):
        if result["failures"] or result["closed"]:
            print(f"  {row}: failed {result['failures']}, connections closed {result['closed']}", flush=True)

    def judge(self, row, ratio, at_most, failures, extra=""):
        ok = ratio <= at_most and failures == 0
        if not ok:
            self.missed.append(row)
        return f"{ratio:.3g} of at most {at_most:g}{extra}: {'ok' if ok else 'MISSED'}" + (f", {failures} failures" if failures else "")


def window(quick):
    return ["--warm-up", "1s" if quick else "3s", "--duration", "3s" if quick else "8s"]


# --- what is started

@contextlib.contextmanager
def kamailio_users():
    """An SQLite file with all users, made once a run."""
    folder = bench.scratch("users")
    try:
        subprocess.run([HERE / "kamailio/make-users", folder, str(USERS)], check=True, stdout=subprocess.DEVNULL)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def registrar(**keys):
    return lambda server: {"sip-registrar": registrar_keys(server, **keys)}


def proxy(authenticate, callee):
    """Ours with a route to the callee, as Kamailio has one in the Request-URI, and the registrar that checks passwords."""
    def configurations(server):
        server.inner = f"udp:127.0.0.1:{free_port('127.0.0.1')}"
        return {
            "sip-registrar": {**registrar_keys(server), "listen": server.inner},
            "sip-proxy": {"listen": server.target, "realm": REALM, "domains": REALM, "registrar": server.inner, "authenticate": authenticate,
                          "nonce-secret-file": server.path("nonce.secret"), "digest-algorithms": "MD5", "transactions": 2_000_000, "contexts": 1_000_000,
                          "registrar-control": f"unix:{server.path('sip-registrar.sock')}", "locate-control": f"unix:{server.path('no-directory.sock')}",
                          "[route callee]": f"uri = sip:callee@{REALM}\naction = uri sip:callee@{callee}"},
        }
    return configurations


# --- one measurement: a closed loop for cost and rate, then an open loop for latency at a rate that both can carry

def drive(operation, server, arguments, quick, outstanding=64):
    return probe("load", operation, *arguments, "--outstanding", outstanding, *window(quick), *server.costs())


def compare(table, row, at_most, quick, kamailio, ours, load, least_rate=0, outstanding=64):
    """`kamailio` and `ours` start a server each; `load(server)` names the operation and its arguments."""
    results, paced, rate = {}, {}, 0
    for make in (kamailio, ours):
        with make() as server:
            operation, arguments = load(server)
            results[server.name] = drive(operation, server, arguments, quick, outstanding)
            rate = rate or max(1, int(results[server.name]["rate"] / 2))
            paced[server.name] = probe("load", operation, *arguments, "--rate", rate, *window(quick), *server.costs())
    report(table, row, at_most, results, least_rate)
    report(table, f"  at {rate}/s", None, paced, 0)


def report(table, row, at_most, results, least_rate):
    theirs, mine = results["kamailio"], results["confab"]
    for name, result in results.items():
        verdict = ""
        ratio = mine["cpu_us"] / theirs["cpu_us"]
        if name == "confab" and at_most is not None:
            extra = f" (rate at least {least_rate})" if least_rate else ""
            verdict = table.judge(row, ratio if mine["rate"] >= least_rate else float("inf"), at_most, mine["failed"], extra)
        elif name == "confab":
            verdict = f"{ratio:.3g}"
        table.line(row, name, f"{result['cpu_us']:.2f} µs", f"{result['rate']:.0f}", f"{result.get('p50_ms', 0):.3f}", f"{result.get('p99_ms', 0):.3f}",
                   result["failed"], verdict)
        table.reasons(row, result)


# --- the rows

def row_floor(table, quick, users):
    """What the kernel takes to receive and to send one datagram, in batches: nobody gets below it."""
    port = free_port("127.0.0.1")
    with Server() as server:
        server.processes.append(subprocess.Popen(["taskset", "-c", str(bench.SERVER_CORE), str(bench.BIN / "bench_floor"), str(port)]))
        bench.eventually(lambda: f"127.0.0.1:{port} " in subprocess.run(["ss", "-lun"], stdout=subprocess.PIPE, text=True).stdout, "bench_floor bound")
        load = [URI, "--proxy", f"udp:127.0.0.1:{port}"]
        results = [("kernel: a datagram in, one out", drive("options", server, load, quick))]
        for rate in (1_000, 5_000, 25_000):
            results.append((f"  at {rate}/s", probe("load", "options", *load, "--rate", rate, *window(True), *server.costs())))
    for row, result in results:
        table.line(row, "-", f"{result['cpu_us']:.2f} µs", f"{result['rate']:.0f}", f"{result['p50_ms']:.3f}", f"{result['p99_ms']:.3f}", result["failed"])


def row_options(table, quick, users):
    compare(table, "OPTIONS", 0.5, quick, lambda: Kamailio("options", None), lambda: Ours(registrar()), lambda server: ("options", [URI, "--proxy", server.target]))


def register_load(server):
    return "register", [URI, "--proxy", server.target, "--users", USERS, "--contact", "127.0.0.1:5999"]


def row_register(table, quick, users):
    compare(table, "REGISTER 401+200, memory", 0.5, quick, lambda: Kamailio("reg-mem", users), lambda: Ours(registrar(durability="memory"), USERS), register_load)


def row_register_durable(table, quick, users):
    compare(table, "REGISTER 401+200, durable", 0.1, quick, lambda: Kamailio("reg-durable", users), lambda: Ours(registrar(durability="strict"), USERS),
            register_load, least_rate=30_000, outstanding=512)


def call_row(table, quick, users, row, variant, authenticate):
    callee = f"127.0.0.1:{free_port('127.0.0.1')}"
    # Kamailio's proxy goes where the Request-URI says, ours where the route says: it is no open relay.
    uris = {"kamailio": f"sip:callee@{callee}", "confab": f"sip:callee@{REALM}"}

    def load(server):
        return "call", [uris[server.name], "--proxy", server.target, "--answer", f"udp:{callee}", "--users", USERS, "--domain", REALM]
    compare(table, row, 0.5, quick, lambda: Kamailio(variant, users if authenticate != "none" else None),
            lambda: Ours(proxy(authenticate, callee), USERS if authenticate != "none" else 0), load)


def row_call(table, quick, users):
    call_row(table, quick, users, "call", "proxy", "none")


def row_call_auth(table, quick, users):
    call_row(table, quick, users, "call with 407", "proxy-auth", "INVITE")


def row_bindings(table, quick, users):
    """Growth of memory by as many bindings as there are users, each registered once."""
    count = 10_000 if quick else USERS
    grown = {}
    for make in (lambda: Kamailio("reg-mem", users), lambda: Ours(registrar(durability="memory"), USERS)):
        with make() as server:
            # The first few warm up what is not per binding: buffers, caches, the code itself.
            first = probe("load", *register_load(server)[:1], *register_load(server)[1], "--count", 500, "--outstanding", 64)
            before = server.memory()
            result = probe("load", *register_load(server)[:1], *register_load(server)[1], "--first", 500, "--count", count - 500, "--outstanding", 64, "-w", "32s")
            after = settled(server)
            grown[server.name] = ((after - before) / (count - 500), result["failed"] + first["failed"], result["rate"])
    report_memory(table, f"memory per binding ({count})", 0.8, grown)


def row_call_memory(table, quick, users):
    """Growth of memory by calls that are over, while the proxy still holds their transactions. All are made within the 5 s that Kamailio holds them."""
    count = 1_000 if quick else 4_000
    grown = {}
    callee = f"127.0.0.1:{free_port('127.0.0.1')}"
    for make, uri in ((lambda: Kamailio("proxy", None), f"sip:callee@{callee}"), (lambda: Ours(proxy("none", callee)), f"sip:callee@{REALM}")):
        with make() as server:
            load = ["load", "call", uri, "--proxy", server.target, "--answer", f"udp:{callee}", "--users", USERS, "--domain", REALM, "--outstanding", 64]
            first = probe(*load, "--count", 100)
            before = server.memory()
            result = probe(*load, "--count", count)
            grown[server.name] = ((server.memory() - before) / count, result["failed"] + first["failed"], result["rate"])
            if result["seconds"] > 5:
                print(f"  {server.name}: the calls took {result['seconds']} s, longer than Kamailio holds them")
    report_memory(table, f"memory per held call ({count})", 0.2, grown)


def settled(server):
    """Memory once it no longer moves: late writes are done, freed pages are returned."""
    last = server.memory()
    for _ in range(20):
        bench.wait(0.5)
        now = server.memory()
        if abs(now - last) < 65_536:
            return now
        last = now
    return last


def report_memory(table, row, at_most, grown):
    ratio = grown["confab"][0] / grown["kamailio"][0]
    for name, (octets, failed, rate) in grown.items():
        verdict = table.judge(row, ratio, at_most, failed) if name == "confab" else ""
        table.line(row, name, f"{octets / 1024:.2f} KB", f"{rate:.0f}", failed=failed, verdict=verdict)


IDLE_LIMIT = 24.0  # KB


def row_idle_tls(table, quick, users):
    """User memory of a TLS connection that has registered and then says nothing."""
    count = 200 if quick else 2_000
    with Ours(tls_registrar, count) as server:
        server.target = server.tls
        load = ["load", *register_load(server)[:1], *register_load(server)[1], "--ca", server.path("ca.pem")]
        first = probe(*load, "--sockets", 10, "--count", 10)
        eventually_closed(server)
        before = settled(server)
        running = probe(*load, "--sockets", count, "--count", count, "--linger", "15s", background=True)
        eventually_open(server, count)
        held = (settled(server) - before) / count / 1024
        result = bench.outcome(running)
    failures = first["failed"] + result["failed"] + result["closed"]
    verdict = table.judge("idle TLS connection", held / IDLE_LIMIT, 1, failures, f" × {IDLE_LIMIT:g} KB")
    table.line(f"idle TLS connection ({count})", "confab", f"{held:.1f} KB", failed=failures, verdict=verdict)


def tls_registrar(server):
    bench.certificates(server)
    server.tls = f"tls:127.0.0.1:{free_port('127.0.0.1', socket.SOCK_STREAM)}"
    return {"sip-registrar": {**registrar_keys(server, durability="memory"), "listen": server.tls, "tls-certificate": server.path("server.pem"), "tls-key": server.path("server.key"),
                              "contacts-per-address": 10}}


def open_connections(server):
    return bench.Control(server.path("sip-registrar.sock")).ask("status")["connections"]


def eventually_open(server, count):
    bench.eventually(lambda: open_connections(server) >= count, f"{count} connections", 60)


def eventually_closed(server):
    bench.eventually(lambda: open_connections(server) == 0, "no connection", 60)


FLOOD_LIMIT = 50.0  # ms


def row_flood(table, quick, users):
    """Registered users refresh at half of what the registrar can do, and a flood of malformed and unauthenticated requests takes most of the other half:
    one of its messages costs about as much as two refreshes, since a refused INVITE is answered again and again until its ACK."""
    with Ours(registrar(durability="memory"), USERS) as server:
        load = ["load", *register_load(server)[:1], *register_load(server)[1], "--keep-nonce"]
        full = probe(*load, "--outstanding", 64, *window(True))
        rate = max(1, int(full["rate"] / 2))
        calm = probe(*load, "--rate", rate, *window(quick))
        # All users have a nonce before the flood begins: it is their refreshes that are measured.
        measured = 3 if quick else 8
        refreshing = probe(*load, "--rate", rate, "--warm-up", "6s", "--duration", f"{measured}s", background=True)
        bench.wait(4)
        flood = probe("load", "flood", URI, "--proxy", server.target, "--users", USERS, "--rate", rate // 3, "--warm-up", "0s", "--duration", f"{measured + 2}s", background=True)
        flooded = bench.outcome(refreshing)
        answers = bench.outcome(flood)
    for name, result, at_most in (("calm", calm, None), ("flooded", flooded, FLOOD_LIMIT)):
        verdict = table.judge("flood", result["p99_ms"] / at_most, 1, result["failed"], f" × {at_most:g} ms") if at_most else ""
        table.line(f"refreshes, {name}", "confab", "", f"{result['rate']:.0f}", f"{result['p50_ms']:.3f}", f"{result['p99_ms']:.3f}", result["failed"], verdict)
        table.reasons(name, result)
    table.line("  the flood", "", "", f"{rate // 3}", verdict=f"sent {answers['sent']}, answers {answers.get('answers', {})}")


ROWS = {
    "floor": row_floor,
    "options": row_options,
    "register": row_register,
    "register-durable": row_register_durable,
    "call": row_call,
    "call-auth": row_call_auth,
    "bindings": row_bindings,
    "call-memory": row_call_memory,
    "idle-tls": row_idle_tls,
    "flood": row_flood,
}


def measure(names, quick):
    table = Table()
    with kamailio_users() as users:
        for name in names:
            try:
                ROWS[name](table, quick, users)
            except Failed as failure:
                table.missed.append(name)
                print(f"{name}: {failure}", flush=True)
    print("every row ok" if not table.missed else "missed: " + ", ".join(table.missed))
    return 1 if table.missed else 0
