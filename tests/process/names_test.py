"""Names that callers say when they come in, at one bridge's own sockets, as the conference hears them when they come and go (S1-49).

A name is a pure tone here, which no prompt is for long."""
import crowd
import harness
from entry_test import SILENCE, Caller
from harness import Failed, Site, eventually

NAME, BEEP = 500, 1400  # Hz
TONE = crowd.tone(NAME)


def packets(heard):
    return [heard[at:at + 160] for at in range(0, len(heard) - 159, 160)]


def pure(heard, hertz):
    """How many packets' time of the sound is this tone alone."""
    return crowd.tones(packets(heard), hertz)


def words_behind_a_name(heard):
    """Whether something else was heard for a fifth of a second after the last of a name."""
    parts = packets(heard)
    last = max((at for at, part in enumerate(parts) if pure(part, NAME)), default=len(parts))
    return sum(crowd.level(part) > 300 for part in parts[last + 1:]) >= 10


class Named(Caller):
    talks = False

    def says(self, clock):
        return TONE if self.talks else SILENCE

    def naming(self):
        return [row["state"] for row in self.site.ask("conf-bridge", "members", conference="2000") if row["identity"] == f"sip:{self.name}@example.org"] == ["naming"]


def names_are_said_and_heard_at_entry_and_exit():
    with Site(daemons=("conf-bridge",), conf_bridge={"name-pause": "800ms", "name-length": "10s"}) as site:
        site.canned_directory({"2000": {"conference": "2000", "announce": "names", "language": "de"}})
        with Named(site, "2000", name="first") as first:
            eventually(first.naming, "the first is asked")
            first.speaks("asked for the name")
            first.key("#")
            first.joined("who says no name")
            with Named(site, "2000", name="second") as second:
                eventually(second.naming, "the second is asked")
                eventually(lambda: pure(second.heard, BEEP) >= 5, "the tone after the question", 15)
                if pure(first.heard, NAME):
                    raise Failed("a name was heard before anybody said one")
                second.talks = True
                mark = len(second.heard)
                eventually(lambda: len(second.heard) > mark + 6400, "0.8 s of a name")
                if not second.naming() or pure(first.heard, NAME):
                    raise Failed("the name was heard while it was said, or not awaited")
                second.talks = False
                second.joined("the second, after a pause")
                eventually(lambda: pure(first.heard, NAME) >= 25, "the name at entry")
                eventually(lambda: words_behind_a_name(first.heard), "what happened, behind the name")
                mark = len(first.heard)
                second.hang_up()
                eventually(lambda: pure(first.heard[mark:], NAME) >= 25, "the name at exit")


if __name__ == "__main__":
    harness.main(names_are_said_and_heard_at_entry_and_exit)
