"""baresip (Debian) joins with Opus, with G.722 and with G.711, and the three hear each other and not themselves (issue 4, line 3). Each sends a tone of its
own; what each heard is measured by sox in its recording."""
import contextlib
import socket

import harness
from baresip_test import MODULES, Baresip, band
from harness import Failed, Site, eventually, run

PHONES = (("alice", "opus", 500), ("bob", "g722", 900), ("carol", "pcma", 1500))
HEARD, UNHEARD = 0.01, 0.004  # RMS in the band: a tone of -20 dBFS has 0.07
LISTENED = 4  # seconds that the shortest recording has of all three


class Phone(Baresip):
    """A baresip that calls without a registration, over UDP and RTP. It sends RTP from whatever address the kernel takes, so it names 127.0.0.1."""

    def __init__(self, site, user, codec, tone):
        self.site, self.user, self.tone = site, user, tone
        self.folder = site.path(f"baresip-{user}")
        self.sounds = self.folder / "sounds"
        self.sounds.mkdir(parents=True)
        voice = self.folder / "voice.wav"
        run("sox", "-D", "-n", "-r", "8000", "-c", "1", "-b", "16", voice, "synth", "120", "sine", tone, "vol", "0.1")
        self.write("accounts", f"<sip:{user}@{site.ip(60)}>;regint=0;audio_codecs={codec}\n")
        self.write("contacts", "")
        with socket.socket() as free:
            free.bind((site.ip(60), 0))
            self.control = free.getsockname()
        self.write("config", "\n".join([
            "poll_method epoll", f"sip_listen {site.ip(60)}:0", "net_interface 127.0.0.1", "rtp_ports 41000-41999", "ausrc_srate 8000", "auplay_srate 8000",
            "ausrc_channels 1", "auplay_channels 1", f"audio_source aufile,{voice}", "audio_player aubridge,none", "audio_alert aubridge,none",
            "ausrc_format s16", "auplay_format s16", "auenc_format s16", "audec_format s16", "ringback_disabled yes", "opus_stereo no", "opus_sprop_stereo no",
            f"snd_path {self.sounds}", f"ctrl_tcp_listen {self.control[0]}:{self.control[1]}", f"module_path {MODULES}",
            *[f"module {name}.so" for name in ("opus", "g722", "g711", "sndfile", "aufile", "aubridge")], "module_tmp account.so", "module_app menu.so",
            "module_app ctrl_tcp.so"]) + "\n")
        self.process = None
        self.buffer = b""
        self.events = []

    def recorded(self):
        """Octets of the recording so far."""
        return sum(file.stat().st_size for file in self.sounds.glob("*dec.wav"))


def test_opus_g722_and_g711_hear_each_other():
    with Site(daemons=("conf-locate", "conf-bridge"), conf_bridge={"trusted": "127.0.0.0/8"}) as site, contextlib.ExitStack() as stack:
        site.add_conference("1234")
        phones = [stack.enter_context(Phone(site, *phone)) for phone in PHONES]
        for phone in phones:
            phone.command("dial", f"sip:1234@{site.ip(40)}:5080")
            phone.wait_for("CALL_ESTABLISHED")
        talking = lambda: sum(row["talking"] for row in site.ask("conf-bridge", "members", conference="1234") or [])
        eventually(lambda: talking() == len(phones), "all three talk")
        begun = {phone.user: phone.recorded() for phone in phones}
        # G.711's recording is the slowest to grow: 16,000 octets a second.
        eventually(lambda: all(phone.recorded() - begun[phone.user] > LISTENED * 16000 for phone in phones), "seconds of sound", 20)
        for phone in phones:
            phone.command("hangup")
        for phone in phones:
            phone.quit()
        problems = []
        for phone in phones:
            heard = {other.user: band(phone.recording(), other.tone) for other in phones}
            print(f"     {phone.user} heard " + ", ".join(f"{user} at {level:.4f}" for user, level in heard.items()), flush=True)
            problems += [f"{phone.user} does not hear {user}: {level}" for user, level in heard.items() if user != phone.user and level < HEARD]
            if heard[phone.user] > UNHEARD:
                problems.append(f"{phone.user} hears itself: {heard[phone.user]}")
        if problems:
            raise Failed("; ".join(problems))
        eventually(lambda: site.ask("conf-bridge", "status")["legs"] == 0, "no leg left")


if __name__ == "__main__":
    harness.main(test_opus_g722_and_g711_hear_each_other)
