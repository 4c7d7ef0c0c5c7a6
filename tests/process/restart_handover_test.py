"""The test plays the service manager: it keeps the sockets that a daemon leaves with it (FDSTORE) and hands them to the next start (LISTEN_FDS). A restart
under load then loses no datagram, no caller that waits to be accepted, and nobody at the control socket (issue 3)."""
import fcntl
import os
import select
import socket
import subprocess
import threading

import harness
from harness import REALM, Failed, Site, eventually, program

RATE = 500
OPTIONS = (f"OPTIONS sip:{REALM} SIP/2.0\r\nVia: SIP/2.0/%s 192.0.2.1;branch=z9hG4bK%s;rport\r\nMax-Forwards: 70\r\nFrom: <sip:a@{REALM}>;tag=1\r\n"
           f"To: <sip:{REALM}>\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")


class ManagedSite(Site):
    """Keeps what it is left, by name, and says what it was told."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(self.path("notify.sock")))
        self.store, self.told = {}, []

    def listen(self):
        while select.select([self.notify], [], [], 0)[0]:
            text, descriptors, _, _ = socket.recv_fds(self.notify, 65536, 4)
            fields = dict(line.split("=", 1) for line in text.decode().splitlines())
            self.told.append(fields)
            if "FDSTOREREMOVE" in fields:
                os.close(self.store.pop(fields["FDNAME"]))
            for descriptor in descriptors:
                if fields.get("FDSTORE") != "1" or fields["FDNAME"] in self.store or ":" in fields["FDNAME"]:
                    raise Failed(f"a descriptor came with {fields}")
                self.store[fields["FDNAME"]] = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 100)
                os.close(descriptor)
        return self.told

    def start(self, name, wait=True, hand_over=True):
        file = self.path(f"{name}.conf")
        file.write_text(self.configuration(name))
        names = list(self.store) if hand_over else []
        moves = "".join(f" {3 + i}<&{self.store[each]} {self.store[each]}<&-" for i, each in enumerate(names))
        environment = {**os.environ, "NOTIFY_SOCKET": str(self.path("notify.sock"))}
        if names:
            environment.update({"LISTEN_FDS": str(len(names)), "LISTEN_FDNAMES": ":".join(names)})
        with open(self.path(f"{name}.log"), "ab") as log:
            self.processes[name] = subprocess.Popen(["bash", "-c", f'export LISTEN_PID=$$; exec "$@"{moves}', "start", program(name), "-c", str(file)], stderr=log,
                                                    stdout=log, cwd=self.folder, env=environment, pass_fds=[self.store[each] for each in names])
        self.ended_on_purpose.discard(name)
        if wait:
            eventually(lambda: self.answers(name), f"{name} answering on its socket", 15)
            eventually(lambda: any("READY" in fields for fields in self.listen()), "READY=1")

    def restart(self, name, pause):
        """`pause` runs while nothing serves the sockets."""
        if self.stop(name) != 0:
            raise Failed(f"{name} did not end well")
        self.told.clear()
        pause()
        self.start(name)


class Load(threading.Thread):
    """Requests at a steady rate, none sent twice; who has not been answered."""

    def __init__(self, site):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.connect((site.ip(30), 5070))
        self.unanswered, self.sent, self.refused = set(), 0, 0
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.wait(1 / RATE):
            self.sent += 1
            self.unanswered.add(f"c{self.sent}")
            try:
                self.socket.send((OPTIONS % ("UDP", self.sent, f"c{self.sent}")).encode())
            except ConnectionRefusedError:
                self.refused += 1
            self.hear()

    def hear(self):
        while select.select([self.socket], [], [], 0)[0]:
            try:
                answer = self.socket.recv(65536).decode()
            except ConnectionRefusedError:
                self.refused += 1
                continue
            if not answer.startswith("SIP/2.0 200"):
                raise Failed(answer)
            self.unanswered.discard(answer.split("Call-ID: ")[1].split("\r\n")[0])

    def end(self):
        self.stopping.set()
        self.join()
        eventually(lambda: self.hear() or not self.unanswered, f"{len(self.unanswered)} of {self.sent} requests unanswered", 10)
        if self.refused:
            raise Failed(f"{self.refused} datagrams found nobody")


def site_of_registrar():
    keys = {}
    site = ManagedSite(daemons=("sip-registrar",), sip_registrar=keys)
    keys["listen"] = [f"udp:{site.ip(30)}:5070", f"tcp:{site.ip(30)}:5070", "udp:[::1]:0"]
    return site


def nothing_is_lost():
    with site_of_registrar() as site:
        expected = {"control", f"udp {site.ip(30)}-5070", f"tcp {site.ip(30)}-5070", "udp [--1]-0"}
        eventually(lambda: site.listen() and set(site.store) == expected, f"the descriptors {expected}, not {set(site.store)}")
        inner = site.ask("sip-registrar", "status")["listeners"]
        load = Load(site)
        load.start()
        waiting = []

        def come_while_nobody_serves():
            sent = load.sent
            eventually(lambda: load.sent > sent + 100, "requests into the gap")
            caller = socket.create_connection((site.ip(30), 5070), 5)
            caller.sendall((OPTIONS % ("TCP", f"t{sent}", "t")).encode())
            asking = socket.socket(socket.AF_UNIX)
            asking.connect(str(site.path("sip-registrar.sock")))
            waiting.extend([(caller, b"SIP/2.0 200"), (asking, b'{"confab":1')])

        for _ in range(3):
            site.restart("sip-registrar", come_while_nobody_serves)
            for who, expected_answer in waiting:
                who.settimeout(10 * harness.SLOW)
                if not who.recv(65536).startswith(expected_answer):
                    raise Failed(f"{expected_answer.decode()} did not come for who waited")
            waiting.clear()
        load.end()
        if site.ask("sip-registrar", "status")["listeners"] != inner:
            raise Failed("a port changed")
        if len(site.store) != 4 or any("FDSTORE" in fields for fields in site.told):
            raise Failed(f"what was handed in was left again: {site.told}")
        print(f"     {load.sent} requests over 3 restarts, all answered")


def what_fits_no_listener_is_closed():
    with site_of_registrar() as site:
        eventually(lambda: site.listen() and len(site.store) == 4, "the descriptors")
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stranger.bind((site.ip(31), 0))
        site.store["stranger"] = fcntl.fcntl(stranger.fileno(), fcntl.F_DUPFD_CLOEXEC, 100)
        site.restart("sip-registrar", lambda: None)
        eventually(lambda: site.listen() and "stranger" not in site.store, "the stranger sent away")
        if f"socket:[{os.fstat(stranger.fileno()).st_ino}]" in site.open_files("sip-registrar"):
            raise Failed("a socket that fits nothing is still open")
        if "fit no listener" not in site.path("sip-registrar.log").read_text():
            raise Failed("nothing was said")


def without_a_store_nothing_changes():
    with site_of_registrar() as site:
        eventually(lambda: site.listen() and len(site.store) == 4, "the descriptors")
        for descriptor in site.store.values():
            os.close(descriptor)
        site.store.clear()
        site.restart("sip-registrar", lambda: None)
        eventually(lambda: site.listen() and len(site.store) == 4, "the descriptors of the second run")


harness.main(nothing_is_lost, what_fits_no_listener_is_closed, without_a_store_nothing_changes)
