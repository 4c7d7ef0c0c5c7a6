"""baresip (Debian): registers over TLS with digest through the edge, calls 1234 over SRTP, keys the passcode, is heard by and hears a sip-probe leg, and
leaves nothing behind (issue 2, line 3). What each heard is measured by sox in the recordings."""
import array
import contextlib
import json
import os
import socket
import subprocess

import harness
from harness import Failed, Site, eventually, run

PASSCODE = "5678"
BARESIP_TONE, PROBE_TONE = 620, 1130
BAND = 8  # Hz on either side of a tone
HEARD, UNHEARD = 0.02, 0.008  # RMS in the band: a tone of -20 dBFS has 0.07, the voice of a prompt 0.002
MODULES = os.environ.get("BARESIP_MODULES", "/usr/lib/baresip/modules")


class Baresip:
    """baresip with a configuration of its own, steered over its ctrl_tcp module (netstrings with JSON inside)."""

    def __init__(self, site, user, codec, answers="manual", hop=None, media="srtp-mand"):
        self.site, self.user = site, user
        self.folder = site.path(f"baresip-{user}")
        self.sounds = self.folder / "sounds"
        self.sounds.mkdir(parents=True)
        self.voice = self.folder / "voice.wav"
        run("sox", "-D", "-n", "-r", "8000", "-c", "1", "-b", "16", self.voice, "synth", "240", "sine", BARESIP_TONE, "vol", "0.1")
        hop = hop or f"{site.ip(1)}:5061"
        self.write("accounts", f'<sip:{user}@example.org;transport=tls>;auth_user={user};auth_pass={user}-secret;outbound="sip:{hop};transport=tls";'
                               f"{f'mediaenc={media};' if media else ''}audio_codecs={codec};regint=60;answermode={answers}\n")
        self.write("contacts", "")
        with socket.socket() as free:
            free.bind((site.ip(60), 0))
            self.control = free.getsockname()
        self.write("config", "\n".join([
            "poll_method epoll", f"sip_listen {site.ip(60)}:0", f"sip_cafile {site.path('ca.pem')}", f"sip_certificate {self.certificate()}",
            f"net_interface {site.ip(60)}", "rtp_ports 41000-41999", "audio_srate 8000", "audio_channels 1", f"audio_source aufile,{self.voice}", "audio_player aubridge,none",
            "audio_alert aubridge,none", "ausrc_format s16", "auplay_format s16", "auenc_format s16", "audec_format s16", "ringback_disabled yes",
            f"snd_path {self.sounds}", f"ctrl_tcp_listen {self.control[0]}:{self.control[1]}", f"module_path {MODULES}",
            *[f"module {name}.so" for name in ("g711", "sndfile", "aufile", "aubridge", "srtp")], "module_tmp account.so", "module_app menu.so",
            "module_app ctrl_tcp.so"]) + "\n")
        self.process = None
        self.buffer = b""
        self.events = []

    def write(self, name, text):
        self.folder.joinpath(name).write_text(text)

    def certificate(self):
        both = self.folder / "certificate.pem"
        key, certificate = self.folder / "key", self.folder / "crt"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={self.user}", "-keyout", key,
            "-out", certificate)
        both.write_text(key.read_text() + certificate.read_text())
        return both

    def __enter__(self):
        log = open(self.site.path("baresip.log"), "w")
        self.process = subprocess.Popen(["baresip", "-4", "-f", self.folder], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
        self.socket = eventually(self.connected, "baresip's control socket")
        self.socket.settimeout(20 * harness.SLOW)
        return self

    def connected(self):
        if self.process.poll() is not None:
            raise Failed(f"baresip ended with {self.process.returncode}: {self.site.path('baresip.log').read_text()[-2000:]}")
        try:
            return socket.create_connection(self.control, 1)
        except OSError:
            return None

    def __exit__(self, *_):
        self.socket.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def receive(self):
        while True:
            size, colon, rest = self.buffer.partition(b":")
            if colon and len(rest) > int(size):
                self.buffer = rest[int(size) + 1:]
                return json.loads(rest[:int(size)])
            chunk = self.socket.recv(65536)
            if not chunk:
                raise Failed("baresip closed its control socket")
            self.buffer += chunk

    def command(self, command, parameters=""):
        text = json.dumps({"command": command, "params": parameters, "token": "t"}).encode()
        self.socket.sendall(b"%d:%b," % (len(text), text))
        while True:
            message = self.receive()
            if message.get("response"):
                if not message["ok"]:
                    raise Failed(f"baresip: {command}: {message}")
                return message
            self.events.append(message)

    def wait_for(self, kind):
        """The event of this type, and none that tells of a failure before it."""
        while True:
            message = self.events.pop(0) if self.events else self.receive()
            if message.get("type") == kind:
                return message
            if message.get("type") in ("REGISTER_FAIL", "CALL_CLOSED"):
                raise Failed(f"baresip: {message} while waiting for {kind}")

    def heard(self):
        """RMS of what baresip has decoded so far, out of full scale; its WAV header is written at the end only."""
        for file in self.sounds.glob("*dec.wav"):
            samples = array.array("h", (lambda data: data[:len(data) // 2 * 2])(file.read_bytes()[44:]))
            if len(samples) > 4000:
                return (sum(sample * sample for sample in samples) / len(samples)) ** 0.5 / 32768
        return 0

    def recording(self):
        """The one file of what baresip heard."""
        files = list(self.sounds.glob("*dec.wav"))
        if len(files) != 1:
            raise Failed(f"baresip's recordings: {files}")
        return files[0]

    def quit(self):
        """Unregisters and ends."""
        text = json.dumps({"command": "quit"}).encode()
        self.socket.sendall(b"%d:%b," % (len(text), text))
        if self.process.wait(20 * harness.SLOW) != 0:
            raise Failed(f"baresip ended with {self.process.returncode}")


def band(file, tone):
    text = run("sox", file, "-n", "sinc", "-n", "4001", f"{tone - BAND}-{tone + BAND}", "stat").stderr
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith("RMS") and "amplitude" in line)


def expect_tones(file, who, other, own):
    heard, echo = band(file, other), band(file, own)
    print(f"     {who} heard {other} Hz at {heard:.4f}, itself ({own} Hz) at {echo:.4f}", flush=True)
    if heard < HEARD or echo > UNHEARD:
        raise Failed(f"{who}: the other's tone has {heard} (wanted over {HEARD}), its own {echo} (wanted under {UNHEARD})")


def states(site):
    return {(row["identity"], row["state"]) for row in site.ask("conf-bridge", "members", conference="1234") or []}


def bindings(site):
    return site.ask("sip-registrar", "contacts") or []


def nothing_left(site):
    eventually(lambda: not bindings(site), "no binding left")
    for name, key in (("conf-bridge", "legs"), ("conf-bridge", "media_sockets"), ("sbc-edge", "calls"), ("sbc-edge", "relays"), ("sbc-edge", "flows"),
                      ("sip-proxy", "contexts")):
        eventually(lambda: site.ask(name, "status")[key] == 0, f"{name}: no {key} left", 40)


@contextlib.contextmanager
def site_for_baresip():
    # Debian's baresip gives up when any challenge of several is not MD5, wherever that one stands; a site that serves it offers MD5 alone.
    algorithms = {"digest-algorithms": "MD5"}
    with Site(sip_registrar=algorithms, sip_proxy={**algorithms, "t1": f"{25 * harness.SLOW}ms"}) as site:
        for user in ("alice", "bob"):
            site.add_user(user)
        site.add_conference("1234", PASSCODE)
        yield site


def test_keyed_passcode_and_a_probe():
    with site_for_baresip() as site:
        events = site.subscribe("conf-bridge")
        with Baresip(site, "alice", "pcma") as phone:
            eventually(lambda: any("alice" in str(row) for row in bindings(site)), "baresip's binding")
            phone.command("dial", "sip:1234@example.org")
            phone.wait_for("CALL_ESTABLISHED")
            eventually(lambda: phone.heard() > 0.01, "baresip hears the prompt")
            if states(site) != {("sip:alice@example.org", "lobby")}:
                raise Failed(f"not in the lobby before the passcode: {states(site)}")
            for key in PASSCODE + "#":
                phone.command("sndcode", key)
            eventually(lambda: ("sip:alice@example.org", "joined") in states(site), "baresip is a member")
            probe = site.probe("call", "sip:1234@example.org", "--srtp", "--header", f"X-Passcode: {PASSCODE}", "--tone", PROBE_TONE, "--record",
                               site.path("probe.wav"), "--duration", "6s", "--require-media", user="bob", tls=True)
            print("     " + probe.stdout.strip().splitlines()[-1].strip(), flush=True)
            phone.command("hold")
            eventually(lambda: ("sip:alice@example.org", "held") in states(site), "baresip holds and is out of the mix")
            phone.command("resume")
            eventually(lambda: ("sip:alice@example.org", "joined") in states(site), "baresip is back")
            phone.command("hangup")
            phone.wait_for("CALL_CLOSED")
            phone.quit()
        expect_tones(site.path("probe.wav"), "sip-probe", BARESIP_TONE, PROBE_TONE)
        expect_tones(phone.recording(), "baresip", PROBE_TONE, BARESIP_TONE)
        keyed = 0
        while True:
            event = events.event()
            keyed += event.get("event") == "digits" and event["member"] == 0
            if event.get("event") == "conference-ended":
                break
        if keyed != len(PASSCODE) + 1:
            raise Failed(f"{keyed} digits seen by the bridge, {len(PASSCODE) + 1} keyed")
        events.close()
        nothing_left(site)


def test_user_calls_user():
    """A call between two users by way of the edge: the binding's Path leads to bob's flow, both sides have SRTP with the edge."""
    with site_for_baresip() as site:
        with Baresip(site, "bob", "pcmu", answers="auto") as phone:
            eventually(lambda: any("bob" in str(row) for row in bindings(site)), "baresip's binding")
            site.probe("call", "sip:bob@example.org", "--srtp", "--tone", PROBE_TONE, "--record", site.path("probe.wav"), "--duration", "4s", "--require-media",
                       user="alice", tls=True)
            phone.wait_for("CALL_CLOSED")
            phone.quit()
        expect_tones(site.path("probe.wav"), "sip-probe", BARESIP_TONE, PROBE_TONE)
        expect_tones(phone.recording(), "baresip", PROBE_TONE, BARESIP_TONE)
        if site.ask("conf-bridge", "list"):
            raise Failed("the bridge took part")
        nothing_left(site)
        expect = site.probe("call", "sip:bob@example.org", "--srtp", "--json", user="alice", tls=True, check=False)
        if json.loads(expect.stdout)["status"] != 480:
            raise Failed(f"bob has unregistered: expected 480, got {expect.stdout}")


if __name__ == "__main__":
    harness.main(test_keyed_passcode_and_a_probe, test_user_calls_user, together=2)
