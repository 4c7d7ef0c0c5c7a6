"""What members of a quiet conference hear: nothing, or soft noise where the configuration says so, while nobody talks."""
import crowd
from entry_test import SILENCE, Caller
from harness import Failed, Site, eventually, main

LEVEL = 50  # −dBov, a mean magnitude of 83
FRAME = 160


class Member(Caller):
    talks = False

    def says(self, clock):
        return crowd.tone(500) if self.talks else SILENCE

    def last(self, packets=25):
        return self.mean(-packets * FRAME) if len(self.heard) >= packets * FRAME else None


def quiet_is_as_configured():
    for value, low, high in (("off", 0, 4), (LEVEL, 60, 110)):
        with Site(daemons=("conf-bridge",), conf_bridge={"comfort-noise": value}) as site:
            site.canned_directory({"2000": {"conference": "2000"}})
            with Member(site, "2000", name="one") as one, Member(site, "2000", name="two") as two:
                one.joined("the first")
                two.joined("the second")
                eventually(lambda: two.last() is not None and low <= two.last() <= high, f"half a second of quiet with comfort-noise = {value}")
                one.talks = True
                eventually(lambda: crowd.tones([two.heard[-FRAME:]], 500) and two.last(5) > 2000, "the talker")
                mark = len(two.heard)
                eventually(lambda: len(two.heard) >= mark + 10 * FRAME, "0.2 s of the talker")
                spoken = bytes(two.heard[mark:mark + 10 * FRAME])
                if any(code not in crowd.tone(500) for code in spoken):
                    raise Failed("the talker's own code bytes do not pass untouched")
                one.talks = False
                eventually(lambda: two.last() is not None and low <= two.last() <= high, f"quiet again with comfort-noise = {value}")


if __name__ == "__main__":
    main(quiet_is_as_configured)
