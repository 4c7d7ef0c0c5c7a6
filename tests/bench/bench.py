"""What the benchmarks share: servers under test, the load generator, and what the kernel says that a process tree has used."""
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import sys
import time

TREE = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("CONFAB_BIN", TREE / "build/release/bin"))
REALM = "example.org"
USERS = 100_000
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = CORES[0], CORES[-1]


class Failed(Exception):
    pass


def wait(seconds):
    select.select([], [], [], seconds)


def eventually(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failed(f"not within {seconds} s: {what}")
        wait(0.05)


def tree(pid):
    """The process and all below it."""
    pids = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            pids += tree(int(child))
    return pids


def pss(pids):
    """Proportional resident memory in octets, summed over the process trees."""
    total = 0
    for root in pids:
        for pid in tree(root):
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def free_port(ip, kind=socket.SOCK_DGRAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((ip, 0))
        return probe.getsockname()[1]


def probe(*arguments, background=False):
    """sip-probe on the client's core: what it says as a dict, with its exit code as `exit`."""
    command = ["taskset", "-c", str(CLIENT_CORE), str(BIN / "sip-probe"), *map(str, arguments), "--json"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return running if background else outcome(running)


def outcome(running):
    out, error = running.communicate()
    if not out.strip():
        raise Failed(f"{' '.join(running.args)}: exit {running.returncode}: {error.strip()}")
    return {**json.loads(out.splitlines()[-1]), "exit": running.returncode}


class Server:
    """Programs under test: `pids` for what they cost, `target` for where the load goes. A context manager that ends them."""

    def __init__(self):
        self.processes = []
        self.folder = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pids(self):
        return [process.pid for process in self.processes if process.poll() is None]

    def costs(self):
        return [word for pid in self.pids for word in ("--cost-of", pid)]

    def memory(self):
        return pss(self.pids)


def scratch(name):
    """A new folder where files are really written: durable rows must not run on a RAM disk."""
    folder = pathlib.Path(os.environ.get("CONFAB_BENCH_DIR", "/var/tmp")) / f"confab-bench-{os.getpid()}-{name}"
    folder.mkdir(parents=True)
    return folder


class Kamailio(Server):
    name = "kamailio"

    def __init__(self, variant, users):
        """`users`: the folder that make-users has filled, or None."""
        super().__init__()
        self.folder = scratch(f"kamailio-{variant}")
        if users:
            for file in users.glob("users.sqlite*"):
                shutil.copy(file, self.folder)
        self.port = free_port("127.0.0.1")
        started = subprocess.run([TREE / "tests/bench/signalling/kamailio/start", variant, self.folder, str(self.port), str(SERVER_CORE)], stdout=subprocess.PIPE, text=True)
        if started.returncode != 0:
            raise Failed(f"kamailio {variant} did not start: exit {started.returncode}")
        self.pid = int(started.stdout)
        self.target = f"udp:127.0.0.1:{self.port}"

    @property
    def pids(self):
        return [self.pid]

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGTERM)
        eventually(lambda: not pathlib.Path(f"/proc/{self.pid}").exists(), "the end of kamailio", 30)
        shutil.rmtree(self.folder, ignore_errors=True)


class Control:
    """A daemon's control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("r")
        self.greeting = json.loads(self.lines.readline())

    def ask(self, cmd, **arguments):
        self.socket.sendall((json.dumps({"id": 1, "cmd": cmd, **arguments}) + "\n").encode())
        reply = json.loads(self.lines.readline())
        if not reply.get("ok"):
            raise Failed(f"{cmd}: {reply}")
        return reply


class Ours(Server):
    """Our daemons: `configurations` maps a program's name to its keys (a list where a key is repeated)."""
    name = "confab"

    def __init__(self, configurations, users=0):
        super().__init__()
        self.folder = scratch("confab")
        self.port = free_port("127.0.0.1")
        self.target = f"udp:127.0.0.1:{self.port}"
        secret = self.folder / "nonce.secret"
        secret.write_text("0123456789abcdef0123456789abcdef\n")
        secret.chmod(0o600)
        self.users = users
        try:
            for program, keys in configurations(self).items():
                self.start(program, keys)
        except BaseException:
            self.__exit__()  # nobody has entered yet
            raise

    def path(self, name):
        return self.folder / name

    def start(self, program, keys):
        lines, sections = [], []
        for key, value in {"control": f"unix:{self.path(program + '.sock')}", **keys}.items():
            (sections if key.startswith("[") else lines).extend([f"{key}\n{value}"] if key.startswith("[") else
                                                                [f"{key} = {item}" for item in (value if isinstance(value, list) else [value])])
        file = self.path(f"{program}.conf")
        file.write_text("\n".join(lines + sections) + "\n")
        log = open(self.path(f"{program}.log"), "wb")
        process = subprocess.Popen(["taskset", "-c", str(SERVER_CORE), str(BIN / program), "-c", str(file), "--log-level", "error"], stderr=log, stdout=log)
        self.processes.append(process)
        eventually(lambda: self.answers(program, process), f"{program} answering on its socket", 30)
        if program == "sip-registrar" and self.users:
            self.add_users()

    def answers(self, program, process):
        if process.poll() is not None:
            raise Failed(f"{program} ended with {process.returncode}: {self.path(program + '.log').read_text()[-2000:]}")
        try:
            Control(self.path(program + ".sock"))
            return True
        except OSError:
            return False

    def add_users(self):
        lines = "user,password\n" + "".join(f"u{number:07},pw{number:07}\n" for number in range(self.users)) + "callee,callee\n"
        done = subprocess.run([BIN / "sip-registrar", "user", "import", "--socket", self.path("sip-registrar.sock")], input=lines, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"user import: exit {done.returncode}: {done.stderr}")


def registrar_keys(server, **more):
    state = server.path("registrar")
    state.mkdir(exist_ok=True)
    return {"listen": server.target, "state": state, "realm": REALM, "domains": REALM, "digest-algorithms": "MD5", "nonce-secret-file": server.path("nonce.secret"), **more}


def certificates(server):
    """An authority and a server's certificate for loopback, in the server's folder: ca.pem, server.pem, server.key."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    path = server.path
    path("server.ext").write_text("subjectAltName=IP:127.0.0.1\n")
    for command in (["req", "-x509", *key, "-days", "2", "-subj", "/CN=bench authority", "-keyout", path("ca.key"), "-out", path("ca.pem")],
                    ["req", *key, "-subj", "/CN=bench", "-keyout", path("server.key"), "-out", path("server.csr")],
                    ["x509", "-req", "-in", path("server.csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-CAcreateserial", "-days", "2", "-extfile", path("server.ext"),
                     "-out", path("server.pem")]):
        subprocess.run(["openssl", *map(str, command)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def prepare(rivals, targets):
    """Installs what is missing, `rivals` among it, and builds `targets`, or ends the program."""
    packages = f"$build_packages openssl iproute2 util-linux procps {rivals}"
    script = f"set -e; cd {TREE}; . .ci/packages.sh; install_missing {packages} >&2; " \
             "launcher=; command -v ccache >/dev/null && launcher=-DCMAKE_CXX_COMPILER_LAUNCHER=ccache; " \
             "mkdir -p build; cmake -S . -B build/release -G Ninja -DCMAKE_BUILD_TYPE=Release -DCONFAB_TESTS=ON $launcher >build/release.log 2>&1 && " \
             f"cmake --build build/release --target {targets} >>build/release.log 2>&1 || {{ tail -30 build/release.log >&2; exit 1; }}"
    if subprocess.run(["bash", "-c", script]).returncode != 0:
        cannot("run: packages or build failed")


def cannot(sentence):
    print(sentence, file=sys.stderr)
    sys.exit(69)
