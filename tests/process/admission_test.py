"""Who is let in while a bridge drains, is full, or has no processor left: a conference that runs goes on and does not split, and nothing new begins."""
import contextlib
import re
import subprocess
import tempfile

from harness import REALM, Failed, Site, eventually, main, program, run
from restart_test import members, second_bridge

DAEMONS = ("conf-locate", "sip-registrar", "conf-bridge", "sip-proxy")


class Callers:
    """sip-probes that stay until they are told to go."""

    def __init__(self):
        self.calls = []

    def call(self, user, *arguments):
        errors = tempfile.TemporaryFile("w+")
        command = [program("sip-probe"), "call", *map(str, arguments), "--from", f"sip:{user}@{REALM}", "--duration", "1h"]
        self.calls.append((user, subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors), errors))

    def until(self, condition, what, seconds=10):
        """As eventually; fails at once when somebody's call has ended."""
        def there():
            for user, call, errors in self.calls:
                if call.poll() is not None:
                    errors.seek(0)
                    raise Failed(f"{what}: {user}'s call ended with {call.returncode}: {errors.read()}")
            return condition()
        return eventually(there, what, seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for _, call, _ in self.calls:
            call.kill()
        for _, call, errors in self.calls:
            call.wait()
            errors.close()


def call(callers, site, user, number):
    callers.call(user, f"sip:{number}@{REALM}", "--proxy", site.proxy, "--password-file", site.path(f"{user}.password"))


def seats(site, number):
    return [len(members(site, bridge, number)) for bridge in ("conf-bridge", "bridge-2")]


@contextlib.contextmanager
def two_on_the_first(**keys):
    """Two members of 1234 on the first of two bridges, as conf-locate knows, and nobody in 2222."""
    with Site(DAEMONS, conf_bridge=keys) as site, Callers() as callers:
        for user in ("al", "bob", "carol", "dora"):
            site.add_user(user)
        site.add_conference("1234")
        site.add_conference("2222")
        call(callers, site, "al", "1234")
        call(callers, site, "bob", "1234")
        callers.until(lambda: any(row["legs"] == 2 and row["conferences"] == 1 for row in site.ask("conf-locate", "bridge-list")), "two members, as conf-locate knows")
        second_bridge(site)
        yield site, callers


def a_drain_splits_no_conference():
    """With a second bridge at hand, a newcomer still comes where the others are; what begins, begins over there."""
    with two_on_the_first() as (site, callers):
        site.ask("conf-bridge", "drain")
        eventually(lambda: any(row["draining"] for row in site.ask("conf-locate", "bridge-list")), "conf-locate knows of the drain")
        call(callers, site, "carol", "1234")
        callers.until(lambda: seats(site, "1234") == [3, 0], "the third beside the two")
        call(callers, site, "dora", "2222")
        callers.until(lambda: seats(site, "2222") == [0, 1], "a new conference on the other bridge")


def a_full_bridge_splits_no_conference():
    with two_on_the_first(**{"legs": 2, "full-code": 600}) as (site, callers):
        late = run(program("sip-probe"), "call", f"sip:1234@{REALM}", "--proxy", site.proxy, "--from", f"sip:carol@{REALM}", "--password-file",
                   site.path("carol.password"), "--duration", "1s", check=False)
        if late.returncode != 1 or "600" not in late.stderr:
            raise Failed(f"a third caller: exit {late.returncode}, {late.stderr}")
        if seats(site, "1234") != [2, 0]:
            raise Failed(f"the conference split: {seats(site, '1234')}")
        call(callers, site, "dora", "2222")
        callers.until(lambda: seats(site, "2222") == [0, 1], "a new conference on the other bridge")


def measured_load_is_a_bound():
    """At one percent of a processor a few talkers with Opus are too many; those who come to them are still taken."""
    site = Site(("conf-bridge",), conf_bridge={"trusted": "127.0.0.0/8", "codecs": "opus pcmu", "load-limit": 1, "opus-complexity": 10})
    directory = site.canned_directory({"1000": {}, "2000": {}})
    with site:
        late = lambda number: run(program("sip-probe"), "call", f"sip:{number}@{REALM}", "--proxy", site.bridge, "--duration", "200ms", check=False)
        load = lambda: int(re.search(r"confab_bridge_media_load (\d+)", site.ask("conf-bridge", "metrics")["text"]).group(1))
        with Callers() as callers:
            for n in range(6):
                callers.call(f"caller{n}", f"sip:1000@{REALM}", "--proxy", site.bridge, "--codec", "opus")
            callers.until(lambda: load() >= 3, "a load that stays above the limit", 30)
            refused = late("2000")
            if refused.returncode != 1 or "503" not in refused.stderr:
                raise Failed(f"a new conference: exit {refused.returncode}, {refused.stderr}")
            taken = late("1000")
            if taken.returncode != 0:
                raise Failed(f"a caller to the running one: exit {taken.returncode}, {taken.stderr}")
            callers.until(lambda: directory.beats[-1]["capacity"] == directory.beats[-1]["legs"], "the directory is told that the bridge is full")
            site.command("conf-bridge", "end", "1000")  # a probe that is killed does not hang up, and the bridge would wait for its sound
        eventually(lambda: load() == 0, "no load without callers")
        if (again := late("2000")).returncode != 0:
            raise Failed(f"a new conference after all: exit {again.returncode}, {again.stderr}")


if __name__ == "__main__":
    main(a_drain_splits_no_conference, a_full_bridge_splits_no_conference, measured_load_is_a_bound, together=3)
