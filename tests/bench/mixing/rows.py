"""The rows of the table: what each one seats, drives and judges."""
import contextlib
import json
import statistics
import subprocess

import bench
from bench import BIN, Failed
from rivals import CALLERS, Bridge, Floor, Janus, cpu_seconds

SPEECH = BIN.parent / "share/confab/prompts/en/enter-passcode.wav"
SOCKETS = 64


class Callers:
    """bench_legs, in real-time priority where that is allowed: it is not what is measured."""

    def __init__(self):
        command = [BIN / "bench_legs", str(SOCKETS), CALLERS, str(SPEECH)]
        if subprocess.run(["chrt", "-r", "1", "true"], capture_output=True).returncode == 0:
            command = ["chrt", "-r", "1", *command]
        self.running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports = self.answer()["ports"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.running.stdin.close()
        self.running.wait()

    def answer(self):
        line = self.running.stdout.readline()
        if not line:
            raise Failed(f"bench_legs ended with {self.running.wait()}")
        return json.loads(line)

    def say(self, line):
        self.running.stdin.write(line + "\n")
        self.running.stdin.flush()

    def sit(self, server, rooms, each, talkers=3):
        """`each` legs in each of `rooms`; the talkers of a room are its first."""
        seats = []
        for room in range(rooms):
            seats.append(server.seat(str(7000 + room), [self.ports[(room + rooms * number) % SOCKETS] for number in range(each)]))
        for number in range(each):  # talkers first, whatever their room
            for room in range(rooms):
                payload_type, address, port, keys = seats[room][number]
                self.say(f"leg {payload_type} {server.codec} {address} {port}")
                if keys:
                    self.say(f"srtp {keys[0]} {keys[1]}")
        self.say(f"talkers {talkers * rooms}")

    def run(self, server, warm_up, seconds):
        self.say(f"run {warm_up} {seconds}")
        self.answer()
        before = cpu_seconds(server.pids)
        result = self.answer()
        result["cost"] = (cpu_seconds(server.pids) - before) / seconds / result["legs"] * 1e6
        return result

    def bursts(self, seconds):
        self.say(f"bursts {seconds}")
        return self.answer()


class Table:
    FORMAT = "{:<38} {:<8} {:>6} {:>10} {:>9} {:>12}  {}"

    def __init__(self):
        self.missed = []
        print(self.FORMAT.format("row", "bridge", "legs", "µs/leg·s", "loss", "p99 jitter", "ours at most"), flush=True)

    def line(self, row, server, result, verdict=""):
        print(self.FORMAT.format(row, server.name, result["legs"], f"{result['cost']:.1f}", f"{result['loss'] * 100:.3f} %", f"{result['jitter_p99_ms']:.2f} ms", verdict), flush=True)

    def judge(self, row, *conditions):
        """`conditions`: (whether it holds, what was seen against what is asked)."""
        ok = all(holds for holds, _ in conditions)
        if not ok and row not in self.missed:
            self.missed.append(row)
        return ", ".join(("" if holds else "MISSED ") + text for holds, text in conditions)


class Plan:
    def __init__(self, quick, rival):
        self.quick, self.rival = quick, rival
        self.warm_up, self.seconds, self.turns, self.pairs = (1, 3, 1, 1) if quick else (3, 8, 3, 5)


@contextlib.contextmanager
def conference(server, rooms, each, talkers=3):
    with server, Callers() as callers:
        callers.sit(server, rooms, each, talkers)
        yield callers


def measure_room(plan, server, rooms, each):
    with conference(server, rooms, each) as callers:
        return callers.run(server, plan.warm_up, plan.seconds)


def in_turns(turns, *measures):
    """Each several times, in turns: of each the least cost, since what others do on a shared machine only adds to it, the median jitter and the worst loss."""
    columns = zip(*([measure() for measure in measures] for _ in range(turns)))
    return [results[0] | {"cost": min(result["cost"] for result in results), "jitter_p99_ms": statistics.median(result["jitter_p99_ms"] for result in results)} |
            {what: max(result[what] for result in results) for what in ("loss", "silent_legs")} for results in columns]


def whole(result):
    """Nothing lost and nobody deaf."""
    return result["loss"] == 0 and result["silent_legs"] == 0


def against(result, rivals):
    return "".join(f", {rival['cost'] / result['cost']:.1f} × less than janus" for rival in rivals)


def row_rooms(name, rooms, each, at_most, rival_rooms, rival_each):
    def row(table, plan):
        floor, result, *rivals = in_turns(plan.turns, lambda: measure_room(plan, Floor(), 1, rooms * each), lambda: measure_room(plan, Bridge("pcmu"), rooms, each),
                                          *([lambda: measure_room(plan, Janus("pcmu"), rival_rooms, rival_each)] if plan.rival else []))
        for rival in rivals:
            table.line(f"{rival_rooms} × {rival_each}, G.711", Janus, rival)
        table.line(f"{rooms * each} sockets read and written", Floor, floor)
        table.line(f"{rooms} × {each}, G.711", Bridge, result, table.judge(
            name, (result["cost"] <= at_most, f"{result['cost']:.0f} of {at_most} µs" + against(result, rivals)), (whole(result), f"lost {result['loss'] * 100:.3f} %"),
            (result["jitter_p99_ms"] < 3, f"p99 {result['jitter_p99_ms']:.2f} of 3 ms")))
    return row


def holds(result):
    return result["loss"] < 0.001 and result["jitter_p99_ms"] < 10 and result["silent_legs"] == 0


def largest_of(table, plan, start, sizes):
    best = 0
    for size in sizes:
        for _ in range(plan.turns):  # what others do on the machine can only make it less
            server = start()
            result = measure_room(plan, server, 1, size)
            table.line("largest room, G.711", server, result, "holds" if holds(result) else "does not hold")
            if holds(result):
                best = size
                break
        if best != size:
            break
    return best


def row_largest(table, plan):
    theirs = largest_of(table, plan, lambda: Janus("pcmu"), [400, 600] if plan.quick else [300, 400, 500, 600, 700, 800, 900]) if plan.rival else 0
    ours = largest_of(table, plan, lambda: Bridge("pcmu"), [2000, 4000] if plan.quick else [2000, 3000, 4000, 4096])
    print("  " + table.judge("largest", (ours >= 4000, f"holds {ours} of 4000 legs"), (ours >= 5 * theirs, f"janus {theirs}")), flush=True)


def row_opus(table, plan):
    if plan.rival:
        rival_server = Janus("opus", 48000)
        table.line("150 in one room, Opus", rival_server, measure_room(plan, rival_server, 1, 150))
    plain, result = in_turns(plan.pairs, lambda: measure_room(plan, Bridge("pcmu"), 1, 1000), lambda: measure_room(plan, Bridge("opus"), 1, 1000))
    table.line("1,000 in one room, G.711", Bridge, plain)
    ratio = result["cost"] / plain["cost"]
    table.line("1,000 in one room, Opus", Bridge, result, table.judge("opus", (ratio <= 1.3, f"{ratio:.2f} of 1.3 × G.711"), (whole(plain) and whole(result), f"lost {result['loss'] * 100:.3f} %")))


def row_srtp(table, plan):
    plain, result = in_turns(plan.pairs, lambda: measure_room(plan, Bridge("pcmu"), 1, 1000), lambda: measure_room(plan, Bridge("pcmu", srtp=True), 1, 1000))
    table.line("1,000 in one room, RTP", Bridge, plain)
    above = (result["cost"] - plain["cost"]) / 100  # 50 packets in and 50 out
    table.line("1,000 in one room, SRTP", Bridge, result, table.judge("srtp", (above <= 0.6, f"{above:.2f} of 0.6 µs a packet above RTP"), (whole(plain) and whole(result), f"lost {result['loss'] * 100:.3f} %")))


def row_delay(table, plan):
    for make, bounds in ([(lambda: Janus("pcmu"), None)] if plan.rival else []) + [(lambda: Bridge("pcmu"), (12, 22))]:
        server = make()
        with conference(server, 1, 100, talkers=0) as callers:
            result = callers.bursts(10 if plan.quick else 60)
        verdict = "" if bounds is None else table.judge("delay", (result["delay_p50_ms"] <= bounds[0], f"of {bounds[0]} ms"), (result["delay_p99_ms"] <= bounds[1], f"of {bounds[1]} ms"),
                                                        (result["bursts_unheard"] == 0, f"{result['bursts_unheard']} unheard"))
        print(f"burst at a talker's socket to a listener's, {server.name}: p50 {result['delay_p50_ms']:.1f} ms, p99 {result['delay_p99_ms']:.1f} ms, {result['delays']} heard  {verdict}", flush=True)


def row_memory(table, plan):
    legs = 1000
    for make, at_most in ([(lambda: Janus("pcmu"), None)] if plan.rival else []) + [(lambda: Bridge("pcmu"), 40)]:
        server = make()
        count = legs if at_most else 300
        with server, Callers() as callers:
            before = bench.pss(server.pids)
            callers.sit(server, 1, count)
            callers.run(server, 1, 3)
            each = (bench.pss(server.pids) - before) / count / 1024
        print(f"memory by leg, {count} in one room, {server.name}: {each:.1f} KB  {table.judge('memory', (each <= at_most, f'of {at_most} KB')) if at_most else ''}", flush=True)


ROWS = {
    "one-room": row_rooms("one-room", 1, 1000, 150, 1, 500),
    "many-rooms": row_rooms("many-rooms", 100, 10, 190, 50, 10),
    "largest": row_largest,
    "opus": row_opus,
    "srtp": row_srtp,
    "delay": row_delay,
    "memory": row_memory,
}


def measure(names, quick, rival):
    table, plan = Table(), Plan(quick, rival)
    for name in names:
        try:
            ROWS[name](table, plan)
        except Failed as failure:
            table.missed.append(name)
            print(f"{name}: {failure}", flush=True)
    print("every row ok" if not table.missed else "missed: " + ", ".join(table.missed))
    return 1 if table.missed else 0
