# release only, alone: it judges what callers hear, and builds in build/release.
"""examples/quickstart/run as a person runs it: well, well again within 30 s, over IPv6, with each fault, interrupted; nothing stays behind (issue 2, lines 1, 7).
After the first one several run at a time, each in a network namespace of its own, since all take the same addresses."""
import concurrent.futures
import functools
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import harness
from harness import TREE, Failed, eventually

SCRIPT = TREE / "examples/quickstart/run"


def running(folder):
    """Processes whose working directory is in the folder: everything that a run starts."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.readlink(entry / "cwd").startswith(str(folder)):
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip())
        except OSError:
            continue
    return found


class Run:
    """One run of the script in a TMPDIR of its own; what builds waits for its turn."""

    def __init__(self, *arguments, apart=True):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="run-"))
        self.tools = pathlib.Path(tempfile.mkdtemp(prefix="tools-"))
        cmake = self.tools / "cmake"
        cmake.write_text(f'#!/bin/sh\nexec flock "{SCRIPT}" "{shutil.which("cmake")}" "$@"\n')
        cmake.chmod(0o700)
        namespace = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"] if apart else []
        self.begun = time.monotonic()
        self.process = subprocess.Popen([*namespace, SCRIPT, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/",
                                        env={**os.environ, "TMPDIR": str(self.folder), "PATH": f"{self.tools}:{os.environ['PATH']}"}, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for folder in (self.folder, self.tools):
            shutil.rmtree(folder, ignore_errors=True)

    def end(self, timeout=800):
        self.output, self.errors = self.process.communicate(timeout=timeout)
        self.seconds = time.monotonic() - self.begun
        eventually(lambda: not running(self.folder), f"nothing left running: {running(self.folder)}", 2)
        return self.process.returncode

    def fail(self, what):
        raise Failed(f"{what}\n{self.output}\n{self.errors}")

    def kept(self):
        return list(self.folder.iterdir())


def expect_well(run, limit):
    if run.end() != 0:
        run.fail(f"exit {run.process.returncode}")
    if run.seconds > limit:
        run.fail(f"{run.seconds:.0f} s, expected less than {limit}")
    for name in ("alice", "bob", "carol"):
        if not re.search(rf"^ {{7}}\d  +sip:{name}@example\.org .* joined ", run.output, re.M):
            run.fail(f"the roster does not show {name}")
        if f"talking: sip:{name}@example.org" not in run.output:
            run.fail(f"{name} was not shown talking")
    rows = [line.split()[2:] for line in run.output.splitlines() if re.match(r"leg \d  ", line)]
    if len(rows) != 3 or [[index for index, cell in enumerate(" ".join(row).replace(" / ", "/").split()) if cell == "-"] for row in rows] != [[0], [1], [2]]:
        run.fail(f"the matrix is not that of three who hear both others: {rows}")
    if len(re.findall(r"^sox: leg \d:", run.output, re.M)) != 3 or "WRONG" in run.output:
        run.fail("sox does not confirm")
    too_long = [line for line in run.output.splitlines() if len(line) > 80]
    if too_long:
        run.fail(f"wider than 80 columns: {too_long}")
    if run.kept():
        run.fail(f"left behind: {run.kept()}")
    print(f"     exit 0 in {run.seconds:.0f} s", flush=True)


def tones(run):
    return re.findall(r"leg \d (\d+) Hz", run.output)


def again(first):
    with Run() as second:
        expect_well(second, 30)
    if tones(first) == tones(second):
        raise Failed(f"the same tones twice: {tones(first)}")


def over_ipv6():
    with Run("--ipv6") as run:
        expect_well(run, 30)


FAULTS = {
    "muted": r"leg \d does not hear leg 2",
    "bridge": r"conf-bridge was killed .* signal 9",
    "key": r"private key does not belong",
    "ca": r"exit 5\).*certificate",
}


def faulty(fault):
    with Run("--fault", fault) as run:
        if run.end(120) != 1:
            run.fail(f"{fault}: exit {run.process.returncode}")
        told = next((line for line in run.errors.splitlines() if line.startswith("failed: ")), "")
        if not re.search(FAULTS[fault], told):
            run.fail(f"{fault}: expected {FAULTS[fault]} as the reason")
        if "all well" in run.output:
            run.fail(f"{fault}: all well?")
        kept = run.kept()
        if len(kept) != 1 or f"logs and recordings: {kept[0]}" not in run.errors or not (kept[0] / "conf-locate.log").exists() and fault != "key":
            run.fail(f"{fault}: where are the logs? {kept}")
        print(f"     {fault}: {told}", flush=True)


def interrupted(how):
    with Run() as run:
        eventually(lambda: any("sip-probe conf" in line for line in running(run.folder)), "the callers", 60)
        os.killpg(run.process.pid, how) if how == signal.SIGINT else run.process.send_signal(how)
        if run.end(30) != 130:
            run.fail(f"{how.name}: exit {run.process.returncode}")
        if run.kept():
            run.fail(f"{how.name}: left behind {run.kept()}")
        print(f"     {how.name}: clean", flush=True)


def at_once(*runs):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(run) for run in runs]:
            done.result()


def test_runs():
    with Run(apart=False) as first:
        expect_well(first, 800)
    at_once(lambda: again(first), over_ipv6)
    at_once(*(functools.partial(faulty, fault) for fault in FAULTS), *(functools.partial(interrupted, how) for how in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)))


def test_wrong_use():
    for arguments in (("--fault", "nothing"), ("--fault",), ("--no-such",)):
        with Run(*arguments) as run:
            if run.end(20) != 64 or "quickstart: " not in run.errors or run.kept():
                run.fail(f"{arguments}: exit {run.process.returncode}")


if __name__ == "__main__":
    harness.main(test_runs, test_wrong_use)
