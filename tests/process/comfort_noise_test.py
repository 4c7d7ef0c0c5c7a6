"""What members of a quiet conference hear: nothing, or soft noise where the configuration says so, while nobody talks."""
import crowd
from entry_test import SILENCE, Caller
from harness import Site, eventually, main

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
                eventually(lambda: two.last(10) > 2000 and set(two.heard[-10 * FRAME:]) <= set(crowd.tone(500)), "0.2 s of the talker's own code bytes, with nothing added")
                one.talks = False
                eventually(lambda: two.last() is not None and low <= two.last() <= high, f"quiet again with comfort-noise = {value}")


if __name__ == "__main__":
    main(quiet_is_as_configured)
