"""sip-probe's legs in one conference, each with a codec of its own: who hears whom, and what was agreed."""
import json

import harness
from harness import Failed, Site, program, run


def conference(site, legs, *arguments, turn="800ms"):
    """Rows of `sip-probe conf`, towards the bridge itself."""
    command = [program("sip-probe"), "conf", "sip:1000@example.org", "--proxy", site.bridge, "--legs", str(legs), "--turn", turn, "--json", *arguments]
    done = run(*command, check=False, timeout=60 * harness.SLOW)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode != 0 or len(rows) != legs:
        raise Failed(f"{' '.join(map(str, arguments))}: exit {done.returncode}, {done.stderr}\n{rows}")
    return rows


def everybody_hears_everybody():
    site = Site(daemons=("conf-bridge",), conf_bridge={"trusted": "127.0.0.0/8"})
    site.canned_directory({"1000": {}})
    with site:
        rows = conference(site, 2, "--one-codec-each", "--codec", "pcmu", "--codec", "pcma")
        if [row["codec"] for row in rows] != ["PCMU/8000", "PCMA/8000"]:
            raise Failed(f"agreed on {[row['codec'] for row in rows]}")
        for row in rows:
            for other in row["hears"]:
                if other["leg"] != row["leg"] and abs(other["level_db"] + 20) > 2:
                    raise Failed(f"leg {row['leg']} hears leg {other['leg']} at {other['level_db']} dB")


harness.main(everybody_hears_everybody)
