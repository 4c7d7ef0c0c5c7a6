"""Names that callers say when they come in, at one bridge's own sockets, as the conference hears them when they come and go (S1-49).

A name is a pure tone here, which no prompt is for long."""
import crowd
import harness
from entry_test import SILENCE, Caller
from harness import Failed, Site, eventually

NAME, BEEP = 500, 1400  # Hz
TONE = crowd.tone(NAME)


def pure(heard, hertz):
    """How many packets' time of the sound is this tone alone."""
    return crowd.tones((heard[at:at + 160] for at in range(0, len(heard) - 159, 160)), hertz)


class Named(Caller):
    talks = False

    def says(self, clock):
        return TONE if self.talks else SILENCE

    def naming(self):
        return [row["state"] for row in self.site.ask("conf-bridge", "members", conference="2000") if row["identity"] == f"sip:{self.name}@example.org"] == ["naming"]


def names_are_said_and_heard_at_entry_and_exit():
    with Site(daemons=("conf-bridge",), conf_bridge={"name-pause": "800ms"}) as site:
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
                mark = len(first.heard)
                eventually(lambda: first.mean(mark) > 100, "what happened, behind the name")
                mark = len(first.heard)
                second.hang_up()
                eventually(lambda: pure(first.heard[mark:], NAME) >= 25, "the name at exit")


if __name__ == "__main__":
    harness.main(names_are_said_and_heard_at_entry_and_exit)
