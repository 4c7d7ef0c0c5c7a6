"""sip-probe's legs in one conference, each with a codec of its own: who hears whom, and what was agreed."""
import array
import json
import math
import subprocess
import wave

import harness
from harness import Failed, Site, eventually, program, run


def new_site():
    site = Site(daemons=("conf-bridge",), conf_bridge={"trusted": "127.0.0.0/8"})
    site.canned_directory({"1000": {}})
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
    with new_site() as site:
        rows = conference(site, 2, "--one-codec-each", "--codec", "pcmu", "--codec", "pcma")
        if [row["codec"] for row in rows] != ["PCMU/8000", "PCMA/8000"]:
            raise Failed(f"agreed on {[row['codec'] for row in rows]}")
        for row in rows:
            for other in row["hears"]:
                if other["leg"] != row["leg"] and abs(other["level_db"] + 20) > 6:
                    raise Failed(f"leg {row['leg']} hears leg {other['leg']} at {other['level_db']} dB")


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


harness.main(everybody_hears_everybody, keys_can_be_tones)
