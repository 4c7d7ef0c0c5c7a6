"""Who is measured: conf-bridge, Janus AudioBridge, and what the kernel takes; each started alone, filled with legs by `seat`, and asked what it has used."""
import http.client
import json
import os
import re
import socket
import subprocess
import threading
import urllib.request

import bench
from bench import BIN, Control, Failed, Server, eventually, free_port, scratch

CALLERS = "127.0.0.70"
BRIDGE = "127.0.0.71"
SIGNALLING = "127.0.0.73"  # not the callers' own: what they get of RTCP may come beside their ports


def cpu_seconds(pids):
    """What all threads of the process trees have used so far. Threads that come and go in between are not seen."""
    total = 0
    for root in pids:
        for pid in bench.tree(root):
            for task in os.listdir(f"/proc/{pid}/task"):
                try:
                    total += int(open(f"/proc/{pid}/task/{task}/schedstat").read().split()[0])
                except FileNotFoundError:
                    pass
    return total / 1e9


class Bridge(Server):
    """conf-bridge with conf-locate as its directory. Calls come by SIP from one socket, one INVITE a leg."""
    name = "confab"

    def __init__(self, codec, srtp=False, threads=1, loud=3):
        super().__init__()
        self.codec, self.srtp = codec, srtp
        self.folder = scratch("mixing")
        self.sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sip.bind((SIGNALLING, 0))
        self.sip.settimeout(10)
        self.port = free_port(BRIDGE)
        try:
            self.start("conf-locate", {"state": self.path("locate")})
            self.start("conf-bridge", {"listen": f"udp:{BRIDGE}:{self.port}", "media-address": BRIDGE, "media-ports": "10000-59999", "media-threads": threads,
                                       "trusted": "127.0.0.0/8", "legs": 20000, "members": 4096, "loudest": loud, **({"codecs": codec} if codec != "pcmu" else {}), "transactions": 100000,
                                       "locate-control": f"unix:{self.path('conf-locate.sock')}", **({"srtp": "optional"} if srtp else {})})
        except BaseException:
            self.__exit__()
            raise
        self.control = Control(self.path("conf-bridge.sock"))

    @property
    def pids(self):
        return [self.processes[-1].pid]

    def path(self, name):
        return self.folder / name

    def start(self, program, keys):
        self.path("locate").mkdir(exist_ok=True)
        file = self.path(f"{program}.conf")
        file.write_text("".join(f"{key} = {value}\n" for key, value in {"control": f"unix:{self.path(program + '.sock')}", **keys}.items()))
        log = open(self.path(f"{program}.log"), "wb")
        process = subprocess.Popen([BIN / program, "-c", file, "--log-level", "error"], stderr=log, stdout=log)
        self.processes.append(process)

        def answers():
            if process.poll() is not None:
                raise Failed(f"{program} ended with {process.returncode}: {self.path(program + '.log').read_text()[-2000:]}")
            try:
                return Control(self.path(program + ".sock"))
            except OSError:
                return None
        eventually(answers, f"{program} answering on its socket", 30)

    def seat(self, room, ports):
        """One leg for each caller's port; for each (payload type, address, port[, keys])."""
        Control(self.path("conf-locate.sock")).ask("conference-add", number=room)
        seats, waiting, window = {}, {}, 20
        queue = list(enumerate(ports))
        while len(seats) < len(ports):
            while queue and len(waiting) < window:
                number, port = queue.pop(0)
                waiting[number] = self.invite(room, number, port)
                self.sip.sendto(waiting[number].encode(), (BRIDGE, self.port))
            answer = self.sip.recv(65536).decode()
            number = int(re.search(r"Call-ID: bench-[\w]+-(\d+)", answer)[1])
            status = int(answer.split()[1])
            if status >= 300:
                raise Failed(f"INVITE {number} of {room}: {answer.splitlines()[0]}")
            if status == 200 and number in waiting:
                self.acknowledge(waiting.pop(number), answer)
                seats[number] = self.media_of(answer, number)
        eventually(lambda: self.members(room) == len(ports), f"{len(ports)} members of {room}")
        return [seats[number] for number in range(len(ports))]

    def members(self, room):
        self.control.socket.sendall((json.dumps({"id": 1, "cmd": "list"}) + "\n").encode())
        members = 0
        while True:
            row = json.loads(self.control.lines.readline())
            members = row["members"] if row.get("conference") == room else members
            if not row.get("more"):
                return members

    def key_of(self, number):
        return bytes((number * 7 + i) % 256 for i in range(30))

    def invite(self, room, number, port):
        formats = {"pcmu": ("0", "a=rtpmap:0 PCMU/8000\r\n"), "opus": ("96", "a=rtpmap:96 opus/48000/2\r\n")}[self.codec]
        import base64
        crypto = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{base64.b64encode(self.key_of(number)).decode()}\r\n" if self.srtp else ""
        body = (f"v=0\r\no=- 1 1 IN IP4 {CALLERS}\r\ns=-\r\nc=IN IP4 {CALLERS}\r\nt=0 0\r\nm=audio {port} RTP/{'SAVP' if self.srtp else 'AVP'} {formats[0]} 101\r\n"
                f"{formats[1]}a=rtpmap:101 telephone-event/8000\r\n{crypto}a=ptime:20\r\n")
        here = "%s:%d" % self.sip.getsockname()
        return (f"INVITE sip:{room}@{BRIDGE}:{self.port} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{room}x{number}\r\nMax-Forwards: 70\r\n"
                f"From: <sip:caller{number}@bench>;tag=t{number}\r\nTo: <sip:{room}@bench>\r\nCall-ID: bench-{room}-{number}\r\nCSeq: 1 INVITE\r\n"
                f"Contact: <sip:caller{number}@{here}>\r\nContent-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}")

    def acknowledge(self, invite, answer):
        line = {name: re.search(rf"^{name}: (.*)\r$", answer, re.M)[1] for name in ("From", "To", "Call-ID")}
        contact = re.search(r"^Contact: <([^>]*)>", answer, re.M)[1]
        via = re.search(r"^Via: (.*)\r$", invite, re.M)[1]
        self.sip.sendto((f"ACK {contact} SIP/2.0\r\nVia: {via}a\r\nMax-Forwards: 70\r\nFrom: {line['From']}\r\nTo: {line['To']}\r\nCall-ID: {line['Call-ID']}\r\n"
                         f"CSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n").encode(), (BRIDGE, self.port))

    def media_of(self, answer, number):
        port, profile, payload_type = re.search(r"^m=audio (\d+) (\S+) (\d+)", answer, re.M).groups()
        keys = None
        if self.srtp:
            import base64
            theirs = base64.b64decode(re.search(r"^a=crypto:1 \S+ inline:([^|\s]+)", answer, re.M)[1])
            keys = (self.key_of(number).hex(), theirs.hex())
        return int(payload_type), BRIDGE, int(port), keys


class Floor(Server):
    """bench_media_floor: a socket for each leg, read and written."""
    name = "floor"
    codec = "pcmu"

    def seat(self, _, ports):
        self.processes.append(subprocess.Popen([BIN / "bench_media_floor", BRIDGE, CALLERS, *map(str, ports)], stdout=subprocess.PIPE, text=True))
        return [(0, BRIDGE, int(port), None) for port in self.processes[-1].stdout.readline().split()]


class Janus(Server):
    """Janus AudioBridge as ../../../shared/bench/README.md has it: plain RTP participants, half of its usual delay."""
    name = "janus"

    def __init__(self, codec, rate=8000):
        super().__init__()
        self.codec, self.rate = codec, rate
        self.folder = scratch("janus")
        self.port = free_port("127.0.0.1", socket.SOCK_STREAM)
        rtp = free_port("127.0.0.1")
        write = lambda name, text: (self.folder / name).write_text(text)
        write("janus.jcfg", f'general: {{ configs_folder = "{self.folder}" plugins_folder = "/usr/lib/x86_64-linux-gnu/janus/plugins" transports_folder = '
                            f'"/usr/lib/x86_64-linux-gnu/janus/transports" debug_level = 1 session_timeout = 0 admin_secret = "x" server_name = "bench" }}\n'
                            f'nat: {{ ice_lite = true }}\nmedia: {{ rtp_port_range = "60000-65000" }}\n'
                            'plugins: { disable = "libjanus_duktape.so,libjanus_lua.so,libjanus_echotest.so,libjanus_nosip.so,libjanus_recordplay.so,libjanus_sip.so,'
                            'libjanus_streaming.so,libjanus_textroom.so,libjanus_videocall.so,libjanus_videoroom.so,libjanus_voicemail.so" }\n'
                            'transports: { disable = "libjanus_mqtt.so,libjanus_nanomsg.so,libjanus_pfunix.so,libjanus_rabbitmq.so,libjanus_websockets.so" }\n')
        write("janus.transport.http.jcfg", f'general: {{ json = "compact" base_path = "/janus" http = true port = {self.port} ip = "127.0.0.1" https = false }}\nadmin: {{ admin_http = false }}\n')
        write("janus.plugin.audiobridge.jcfg", 'general: { local_ip = "127.0.0.1" rtp_port_range = "10000-59999" }\n')
        log = open(self.folder / "janus.log", "wb")
        self.processes.append(subprocess.Popen(["janus", "-F", str(self.folder), "-C", str(self.folder / "janus.jcfg"), "-e"], stdout=log, stderr=log))
        try:
            self.session = eventually(self.create_session, "janus answering", 30)
        except BaseException:
            self.__exit__()
            raise
        self.events = {}
        self.arrived = threading.Condition()
        self.ended = False
        threading.Thread(target=self.poll, daemon=True).start()
        self.first = self.handle()

    def __exit__(self, *arguments):
        self.ended = True
        super().__exit__(*arguments)

    def ask(self, path, **body):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/janus{path}", json.dumps({"transaction": os.urandom(6).hex(), **body}).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            reply = json.load(answer)
        if reply["janus"] == "error":
            raise Failed(f"janus: {reply['error']}")
        return reply

    def create_session(self):
        if self.processes[0].poll() is not None:
            raise Failed(f"janus ended: {(self.folder / 'janus.log').read_text()[-2000:]}")
        try:
            return self.ask("", janus="create")["data"]["id"]
        except OSError:
            return None

    def handle(self):
        return self.ask(f"/{self.session}", janus="attach", plugin="janus.plugin.audiobridge")["data"]["id"]

    def poll(self):
        while not self.ended:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/janus/{self.session}?maxev=100", timeout=60) as answer:
                    events = json.load(answer)
            except (OSError, http.client.HTTPException):
                if self.ended:
                    return
                continue
            with self.arrived:
                for event in events if isinstance(events, list) else [events]:
                    if event.get("janus") == "event" and "rtp" in event.get("plugindata", {}).get("data", {}):
                        self.events[event["sender"]] = event["plugindata"]["data"]
                self.arrived.notify_all()

    def message(self, handle, **body):
        return self.ask(f"/{self.session}/{handle}", janus="message", body=body)

    def seat(self, room, ports):
        made = self.message(self.first, request="create", room=int(room), sampling_rate=self.rate, allow_rtp_participants=True, audiolevel_event=False, default_prebuffering=2)
        if made["plugindata"]["data"].get("audiobridge") != "created":
            raise Failed(f"janus: {made}")
        seats = []
        for number, port in enumerate(ports):
            handle = self.handle()
            payload_type = 0 if self.codec == "pcmu" else 100
            self.message(handle, request="join", room=int(room), display=f"leg{number}", codec=self.codec, rtp={"ip": CALLERS, "port": port, "payload_type": payload_type})
            with self.arrived:
                if not self.arrived.wait_for(lambda: handle in self.events, 30):
                    raise Failed(f"janus: leg {number} did not join")
            rtp = self.events[handle]["rtp"]
            seats.append((payload_type, rtp["ip"], rtp["port"], None))
        return seats
