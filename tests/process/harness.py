"""A whole site of real programs for one process test: configuration, start, control sockets, captures, and the end.

Every site takes a /24 of the loopback network for itself, so tests run side by side and a capture tells programs apart by address:
.1 edge outside, .10 edge inside, .20 proxy, .30 registrar, .40 bridge; .50 and up are the test's own peers.
Nothing here sleeps: `eventually` waits for a condition with a deadline, and programs say on their socket when they are ready.
"""
import concurrent.futures
import contextlib
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

BIN = pathlib.Path(os.environ["CONFAB_BIN"]).resolve()
TREE = pathlib.Path(__file__).resolve().parents[2]
SLOW = 4 if os.environ.get("CONFAB_SANITIZE") else 1  # sanitizers need more time, never a different test

REALM = "example.org"


class Failed(AssertionError):
    pass


def eventually(condition, what, seconds=10):
    """Waits until condition() is true and returns its value; fails with `what` after the deadline."""
    deadline = time.monotonic() + seconds * SLOW
    pause = 0.005
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failed(f"not within {seconds * SLOW} s: {what}")
        select.select([], [], [], pause)
        pause = min(2 * pause, 0.05)


def program(name):
    return str(BIN / name)


def run(*command, check=True, timeout=120, **options):
    """Runs a command to its end; its output as text."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=timeout * SLOW, **options)
    if check and done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


class Control:
    """A client of a daemon's control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10 * SLOW)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("r")
        self.greeting = json.loads(self.lines.readline())
        self.last = 0

    def ask(self, command, **arguments):
        """The reply's fields, or for a listing all rows; failures raise with the daemon's code."""
        self.last += 1
        self.socket.sendall((json.dumps({"id": self.last, "cmd": command, **arguments}) + "\n").encode())
        rows = []
        while True:
            reply = json.loads(self.lines.readline())
            if reply.get("id") != self.last:
                continue
            if not reply["ok"]:
                raise Failed(f"{command}: {reply['error']['code']}: {reply['error']['message']}")
            if reply.get("more"):
                rows.append(reply)
                continue
            return rows if rows or set(reply) <= {"id", "ok"} else reply

    def event(self):
        return json.loads(self.lines.readline())

    def close(self):
        self.lines.close()
        self.socket.close()


class CannedDirectory:
    """A conf-locate of the test's own: a socket that takes every beat and answers `resolve` from `table`, which the test may change at any time.

    table: dialled number → None for a number that nobody has, or a dict: "passcode" (none: open) and what the reply holds beyond the plain one,
    for instance {"passcode": "99", "leader_pin": "4711", "conference": "1234"}. Or a function of (number, passcode) that answers the reply's fields.
    `asked` and `beats` are the arguments so far, oldest first.
    """

    def __init__(self, path, table):
        self.table, self.asked, self.beats = table, [], []
        self.clients = []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.socket.accept()
                self.clients.append(client)
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with contextlib.suppress(OSError, ValueError):
            client.sendall(b'{"confab":1,"daemon":"conf-locate","version":"0","caps":[]}\n')
            for line in client.makefile("r"):
                request = json.loads(line)
                reply = {"id": request["id"], **self.reply(request)}
                client.sendall((json.dumps(reply) + "\n").encode())

    def reply(self, request):
        if request["cmd"] == "beat":
            self.beats.append(request)
            return {"ok": True, "accepted": True}
        if request["cmd"] != "resolve":
            return {"ok": False, "error": {"code": "unknown-command", "message": "a canned directory"}}
        self.asked.append(request)
        return {"ok": True, **self.resolve(request["number"], request["passcode"], request.get("vouched", False))}

    def resolve(self, number, passcode, vouched):
        plain = {"valid": False, "passcode_required": True, "conference": "", "name": "", "max_members": 0}
        if callable(self.table):
            return {**plain, **self.table(number, passcode)}
        entry = self.table.get(number)
        if entry is None:
            return {**plain, "passcode_required": False}
        rest = {"conference": number, **entry}
        needed = rest.pop("passcode", "")
        if needed and passcode != needed and not vouched:
            return {**plain, **{key: rest[key] for key in ("home", "home_bridge") if key in rest}}
        return {**plain, "valid": True, "passcode_required": needed != "", **rest}

    def close(self):
        for one in (self.socket, *self.clients):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


def greets(path):
    """Whether a daemon answers on its control socket: only then are its other sockets open too."""
    try:
        Control(path).close()
    except OSError:
        return False
    return True


class Site:
    """The five daemons of one site. `with Site() as site:` starts them all, stops them all, and fails when one crashed."""

    _taken = 0

    def __init__(self, daemons=("conf-locate", "sip-registrar", "conf-bridge", "sip-proxy", "sbc-edge"), **overrides):
        Site._taken += 1
        pid = os.getpid()
        self.net = f"127.{64 + pid % 128}.{(pid // 128 + 37 * Site._taken) % 250 + 1}"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="confab-"))
        self.daemons = daemons
        self.overrides = overrides  # program name with _ for -, to a dict of key: value or list of values; "sections" is text that follows
        self.processes = {}
        self.ended_on_purpose = set()
        self.directories = []

    def canned_directory(self, table, name="conf-locate.sock"):
        """Answers in conf-locate's place, until the site ends; to be called before the site starts a program that asks it."""
        self.directories.append(CannedDirectory(self.path(name), table))
        return self.directories[-1]

    # Addresses
    def ip(self, last):
        return f"{self.net}.{last}"

    @property
    def edge(self):
        return f"tls:{self.ip(1)}:5061"

    @property
    def proxy(self):
        return f"udp:{self.ip(20)}:5060"

    @property
    def registrar(self):
        return f"udp:{self.ip(30)}:5070"

    @property
    def bridge(self):
        return f"udp:{self.ip(40)}:5080"

    def path(self, name):
        return self.folder / name

    def secret(self, name, text):
        path = self.path(name)
        path.write_text(text + "\n")
        path.chmod(0o600)
        return path

    def configuration(self, name):
        ip, path = self.ip, self.path
        base = {
            "conf-locate": {"state": path("locate")},
            "sip-registrar": {"state": path("registrar"), "listen": [f"udp:{ip(30)}:5070", f"tcp:{ip(30)}:5070"], "realm": REALM, "domains": REALM,
                              "nonce-secret-file": path("nonce.secret"), "trusted": ip(20)},
            "sip-proxy": {"listen": [f"udp:{ip(20)}:5060", f"tcp:{ip(20)}:5060"], "realm": REALM, "domains": REALM, "registrar": self.registrar,
                          "nonce-secret-file": path("nonce.secret"), "registrar-control": f"unix:{path('sip-registrar.sock')}",
                          "locate-control": f"unix:{path('conf-locate.sock')}"},
            "conf-bridge": {"name": "bridge-1", "listen": [f"udp:{ip(40)}:5080", f"tcp:{ip(40)}:5080"], "media-address": ip(40), "trusted": f"{self.net}.0/24",
                            "load-limit": 100,  # none: a sanitizer's work on a loaded machine is no measure
                            "locate-control": f"unix:{path('conf-locate.sock')}"},
            "sbc-edge": {"outside": f"tls:{ip(1)}:5061", "inside": [f"udp:{ip(10)}:5060", f"tcp:{ip(10)}:5060"], "next-hop": self.proxy,
                         "certificate": path("edge.pem"), "private-key": path("edge.key"), "media-outside": ip(1), "media-inside": ip(10),
                         "token-secret-file": path("token.secret"), "registrar-control": f"unix:{path('sip-registrar.sock')}"},
        }[name]
        base["control"] = f"unix:{path(name + '.sock')}"
        base.update(self.overrides.get(name.replace("-", "_"), {}))
        sections = base.pop("sections", "")
        lines = []
        for key, value in base.items():
            lines += [f"{key} = {item}" for item in (value if isinstance(value, list) else [value])]
        return "\n".join(lines) + "\n" + sections

    # Life
    def __enter__(self):
        try:
            for name in ("locate", "registrar"):
                self.path(name).mkdir()
            self.secret("nonce.secret", "0123456789abcdef0123456789abcdef")
            self.secret("token.secret", "fedcba9876543210fedcba9876543210")
            if "sbc-edge" in self.daemons:
                self.make_certificates()
            for name in self.daemons:
                self.start(name)
            if {"conf-locate", "conf-bridge"} <= set(self.daemons):
                eventually(lambda: self.ask("conf-locate", "bridge-list"), "the bridge's beat at conf-locate")
        except BaseException:
            self.__exit__(Failed, None, None)
            raise
        return self

    def __exit__(self, kind, value, trace):
        problems = []
        for process in self.processes.values():  # all at once, so that their ends take no longer than the slowest
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for name in list(self.processes):
            code = self.ended(name, 0.3)
            if name not in self.ended_on_purpose and code != 0:
                problems.append(f"{name} ended with {code}")
        for directory in self.directories:
            directory.close()
        if problems or kind is not None:
            for log in sorted(self.folder.glob("*.log")):
                text = log.read_text(errors="replace")
                if text:
                    print(f"--- {log.name}\n{text[-1500:]}")
        shutil.rmtree(self.folder, ignore_errors=True)
        if problems and kind is None:
            raise Failed("; ".join(problems))

    def start(self, name, wait=True):
        file = self.path(f"{name}.conf")
        file.write_text(self.configuration(name))
        with open(self.path(f"{name}.log"), "ab") as log:
            self.processes[name] = subprocess.Popen([program(name), "-c", str(file)], stderr=log, stdout=log, cwd=self.folder)
        self.ended_on_purpose.discard(name)
        if wait:
            eventually(lambda: self.answers(name), f"{name} answering on its socket", 15)

    def reconfigure(self, name, **overrides):
        """A changed file and SIGHUP."""
        self.overrides.setdefault(name.replace("-", "_"), {}).update(overrides)
        self.path(f"{name}.conf").write_text(self.configuration(name))
        self.processes[name].send_signal(signal.SIGHUP)

    def answers(self, name):
        process = self.processes[name]
        if process.poll() is not None:
            raise Failed(f"{name} ended with {process.returncode}: {self.path(name + '.log').read_text()[-2000:]}")
        return greets(self.path(f"{name}.sock"))

    def listens(self, name):
        with socket.socket(socket.AF_UNIX) as control:
            return control.connect_ex(str(self.path(f"{name}.sock"))) == 0

    def stop(self, name, patience=3):
        """SIGTERM; its exit code. Who still drains after so many seconds gets a second one."""
        if self.processes[name].poll() is None:
            self.processes[name].send_signal(signal.SIGTERM)
        return self.ended(name, patience)

    def ended(self, name, patience):
        process, deadline = self.processes.pop(name), time.monotonic() + 20 * SLOW
        while time.monotonic() < deadline:
            try:
                code = process.wait(patience)
            except subprocess.TimeoutExpired:
                if self.listens(name):  # who does not is about to end; the second one ends a drain at once
                    process.send_signal(signal.SIGTERM)
                continue
            # One that had just ended its drain by itself no longer caught the second one.
            late = code == -signal.SIGTERM and self.path(f"{name}.log").read_text(errors="replace").endswith('msg="ended"\n')
            return 0 if late else code
        process.kill()
        process.wait()
        return "no end after two SIGTERMs"

    def kill(self, name):
        """kill -9: nothing is flushed, nothing is said."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def ask(self, name, command, **arguments):
        control = Control(self.path(f"{name}.sock"))
        try:
            return control.ask(command, **arguments)
        finally:
            control.close()

    def subscribe(self, name):
        control = Control(self.path(f"{name}.sock"))
        control.ask("subscribe")
        return control

    def command(self, name, *arguments, **options):
        """A subcommand of a daemon, as a person types it."""
        return run(program(name), *arguments, "--socket", self.path(f"{name}.sock"), **options)

    # Content
    def make_certificates(self, prefix="", name="edge", last=1):
        ca, key = self.path(f"{prefix}ca.pem"), self.path(f"{prefix}ca.key")
        ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        run("openssl", "req", "-x509", *ec, "-days", "2", "-subj", "/CN=confab test authority", "-keyout", key, "-out", ca)
        extensions = self.path(f"{prefix}{name}.ext")
        extensions.write_text(f"subjectAltName=DNS:localhost,IP:{self.ip(last)}\n")
        run("openssl", "req", *ec, "-subj", "/CN=localhost", "-keyout", self.path(f"{prefix}{name}.key"), "-out", self.path(f"{prefix}{name}.csr"))
        run("openssl", "x509", "-req", "-in", self.path(f"{prefix}{name}.csr"), "-CA", ca, "-CAkey", key, "-CAcreateserial", "-days", "2", "-extfile", extensions,
            "-out", self.path(f"{prefix}{name}.pem"))

    def add_user(self, name, password=None):
        file = self.secret(f"{name}.password", password or f"{name}-secret")
        self.command("sip-registrar", "user", "add", name, "--password-file", file)
        return file

    def add_conference(self, number, passcode=None, **fields):
        arguments = ["conference", "add", number]
        if passcode is not None:
            arguments += ["--passcode-file", self.secret(f"{number}.passcode", passcode)]
        for key, value in fields.items():
            arguments += [f"--{key.replace('_', '-')}", value]
        self.command("conf-locate", *arguments)

    def probe(self, *arguments, user=None, tls=False, via=None, check=True, timeout=120):
        """sip-probe towards the proxy, or with `tls` towards the edge; with `user` authenticated."""
        command = [program("sip-probe"), *arguments]
        if via is not False:
            command += ["--proxy", via or (self.edge if tls else self.proxy)]
        if tls:
            command += ["--ca", self.path("ca.pem")]
        if user:
            command += ["--from", f"sip:{user}@{REALM}", "--password-file", self.path(f"{user}.password")]
        return run(*command, check=check, timeout=timeout, cwd=self.folder)

    # What must be as before after any number of refusals
    def footprint(self, name):
        """Descriptors, sockets and the counts that `status` tells of one daemon."""
        pid = self.processes[name].pid
        descriptors = os.listdir(f"/proc/{pid}/fd")
        status = self.ask(name, "status")
        counts = {key: value for key, value in status.items() if isinstance(value, int) and not isinstance(value, bool) and key not in ("id", "pid", "uptime")}
        return {"descriptors": len(descriptors), **counts}

    def open_files(self, name):
        """What a daemon's descriptors name, "socket:[inode]" for a socket. One that closes while we look is not there."""
        folder, found = pathlib.Path(f"/proc/{self.processes[name].pid}/fd"), set()
        for entry in folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                found.add(os.readlink(entry))
        return found

    def resident_kib(self, name):
        for line in open(f"/proc/{self.processes[name].pid}/status"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise Failed(f"{name} has no resident memory")


class Capture:
    """tcpdump on loopback for the life of a `with`; packets() afterwards gives (source ip, source port, destination ip, destination port, protocol, payload)."""

    def __init__(self, site, expression=None):
        self.file = site.path("capture.pcap")
        self.expression = expression or f"net {site.net}.0/24"

    def __enter__(self):
        self.process = subprocess.Popen(["tcpdump", "-i", "lo", "-U", "-B", "65536", "-s", "0", "-w", str(self.file), self.expression], stderr=subprocess.PIPE, text=True)
        line = self.process.stderr.readline()
        while line and "listening on" not in line:
            line = self.process.stderr.readline()
        if not line:
            raise Failed("tcpdump did not start")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=20)

    def packets(self):
        data = self.file.read_bytes()
        endian = "little" if data[:4] == b"\xd4\xc3\xb2\xa1" else "big"
        at = 24
        while at + 16 <= len(data):
            size = int.from_bytes(data[at + 8:at + 12], endian)
            packet = data[at + 16 + 14:at + 16 + size]  # Ethernet header on lo
            at += 16 + size
            if len(packet) < 20 or packet[0] >> 4 != 4:
                continue
            header = (packet[0] & 15) * 4
            source, destination = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
            inner = packet[header:int.from_bytes(packet[2:4], "big")]
            if packet[9] == 17:
                yield source, int.from_bytes(inner[:2], "big"), destination, int.from_bytes(inner[2:4], "big"), "udp", inner[8:]
            elif packet[9] == 6:
                yield source, int.from_bytes(inner[:2], "big"), destination, int.from_bytes(inner[2:4], "big"), "tcp", inner[(inner[12] >> 4) * 4:]


def main(*tests, together=1):
    """Runs test functions by name; prints the plain closing line. `together`: so many at once, each in a process of its own, for those that mostly wait."""
    chosen = [test for test in tests if len(sys.argv) < 2 or test.__name__ in sys.argv[1:]]
    if together == 1 or len(chosen) == 1:
        passed = sum(map(passes, chosen))
    else:
        with concurrent.futures.ThreadPoolExecutor(together) as pool:
            passed = sum(pool.map(passes_elsewhere, chosen))
    print(f"{passed} passed, {len(chosen) - passed} failed")
    sys.exit(0 if passed == len(chosen) else 1)


def passes(test):
    begun = time.monotonic()
    try:
        test()
        print(f"ok   {test.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
        return True
    except Exception:
        print(f"FAIL {test.__name__} ({time.monotonic() - begun:.1f} s)\n{traceback.format_exc()}", flush=True)
        return False


def passes_elsewhere(test):
    done = subprocess.run([sys.executable, sys.argv[0], test.__name__], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(done.stdout, end="", flush=True)
    return done.returncode == 0
