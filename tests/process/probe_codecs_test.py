"""sip-probe's legs in one conference, each with a codec of its own: who hears whom, and what was agreed."""
import array
import json
import math
import subprocess
import wave

import harness
from harness import Failed, Site, eventually, program, run


PASSCODE = "5931"


def new_site():
    site = Site(daemons=("conf-bridge",), conf_bridge={"trusted": "127.0.0.0/8", "codecs": "opus g722 l16 pcmu pcma"})
    site.directory = site.canned_directory({"1000": {}, "2000": {"passcode": PASSCODE}})
    return site


def conference(site, legs, *arguments, turn="800ms"):
    """Rows of `sip-probe conf`, towards the bridge itself."""
    command = [program("sip-probe"), "conf", "sip:1000@example.org", "--proxy", site.bridge, "--legs", str(legs), "--turn", turn, "--json", *arguments]
    done = run(*command, check=False, timeout=60 * harness.SLOW)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode != 0 or len(rows) != legs:
        raise Failed(f"{' '.join(map(str, arguments))}: exit {done.returncode}, {done.stderr}\n{rows}")
    return rows


def everybody_hears_everybody():
    """Four legs with a codec each: the matrix is whole, and tones arrive at their level."""
    with new_site() as site:
        rows = conference(site, 4, "--one-codec-each", "--codec", "opus", "--codec", "g722", "--codec", "l16/16000", "--codec", "pcma", turn="600ms")
        if [row["codec"] for row in rows] != ["opus/48000", "G722/8000", "L16/16000", "PCMA/8000"]:
            raise Failed(f"agreed on {[row['codec'] for row in rows]}")
        for row in rows:
            for other in row["hears"]:
                if other["leg"] != row["leg"] and abs(other["level_db"] + 20) > 6:
                    raise Failed(f"leg {row['leg']} hears leg {other['leg']} at {other['level_db']} dB")


def packets_of_every_length():
    """Whatever length of packet a caller asks for, the bridge sends packets that the codec has, and lives."""
    asked = [("opus", 10), ("opus", 30), ("opus", 60), ("g722", 40), ("l16/48000", 20), ("l16/16000", 60), ("pcmu", 30), ("pcma", 60)]
    with new_site() as site:
        calls = [(codec, ptime, subprocess.Popen([program("sip-probe"), "call", "sip:1000@example.org", "--proxy", site.bridge, "--duration", "1s", "--json",
                                                  "--codec", codec, "--ptime", str(ptime)], stdout=subprocess.PIPE, text=True)) for codec, ptime in asked]
        for codec, ptime, call in calls:
            told = json.loads(call.communicate(timeout=60)[0])
            if call.returncode != 0 or told["packets_received"] < 10 or told["level_db"] < -60:
                raise Failed(f"{codec} in packets of {ptime} ms: exit {call.returncode}, {told}")


def amplitude(samples, rate, hertz):
    """Of that frequency in the samples, 0 to 32767 (Goertzel)."""
    step = 2 * math.cos(2 * math.pi * hertz / rate)
    one = two = 0.0
    for sample in samples:
        one, two = sample + step * one - two, one
    return 2 * math.sqrt(max(0.0, one * one + two * two - step * one * two)) / len(samples)


def keys_can_be_tones():
    """`--in-band`: the other leg's recording holds the two tones of the key, and no telephone event was sent."""
    with new_site() as site:
        recording = site.path("heard.wav")
        listener = subprocess.Popen([program("sip-probe"), "call", "sip:1000@example.org", "--proxy", site.bridge, "--duration", "2500ms", "--record", recording],
                                    stdout=subprocess.DEVNULL)
        eventually(lambda: site.ask("conf-bridge", "list"), "the listener's conference")
        caller = run(program("sip-probe"), "call", "sip:1000@example.org", "--proxy", site.bridge, "--duration", "1200ms", "--dtmf", "5", "--in-band", "--json")
        if listener.wait(30) != 0:
            raise Failed("the listener failed")
        sent = json.loads(caller.stdout)["packets_sent"]
        if sent < 50:
            raise Failed(f"the caller sent {sent} packets only")
        with wave.open(str(recording)) as file:
            heard = array.array("h", file.readframes(file.getnframes()))
        both = max(min(amplitude(heard[at:at + 400], 8000, 770), amplitude(heard[at:at + 400], 8000, 1336)) for at in range(0, len(heard) - 400, 200))
        if both < 5000:
            raise Failed(f"the key's tones have an amplitude of {both:.0f}")


def a_passcode_can_be_tones():
    """Legs without telephone events are listened to, whatever their codec."""
    with new_site() as site:
        keyed = lambda: sum(asked["number"] == "2000" and asked["passcode"] == PASSCODE for asked in site.directory.asked)
        callers = [subprocess.Popen([program("sip-probe"), "call", "sip:2000@example.org", "--proxy", site.bridge, "--duration", "3s", "--in-band",
                                     "--dtmf", PASSCODE + "#", "--codec", codec], stdout=subprocess.DEVNULL) for codec in ("pcmu", "g722", "opus")]
        eventually(lambda: keyed() == len(callers), "three passcodes", 10 * harness.SLOW)
        for caller in callers:
            if caller.wait(60) != 0:
                raise Failed("a caller failed")


harness.main(everybody_hears_everybody, packets_of_every_length, keys_can_be_tones, a_passcode_can_be_tones)
