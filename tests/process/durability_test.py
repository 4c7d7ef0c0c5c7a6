# threads: under ThreadSanitizer too.
"""What sip-registrar's `durability` promises: strict survives kill -9 whatever the commit-interval and wherever the users are, batched survives SIGTERM, memory
forgets bindings and keeps users."""
import random
import threading

import harness
from harness import Failed, Site
from restart_test import Registering, rest

DEVICES = 6
KILLS = 2 if harness.SLOW > 1 else 4


def work(site, devices, answered, count):
    for device in devices:
        device.begin()
    for _ in range(count):
        if not answered.acquire(timeout=20 * harness.SLOW):
            raise Failed("REGISTER is no longer answered")


def compare(site, devices):
    live = {row["contact"] for row in site.ask("sip-registrar", "contacts")}
    for device in devices:
        if lost := device.bound - live:
            raise Failed(f"{len(lost)} acknowledged bindings of {device.user} are lost: {sorted(lost)[:5]}")
        if back := device.removed & live:
            raise Failed(f"{len(back)} removed bindings of {device.user} are back: {sorted(back)[:5]}")
    return sum(len(device.bound) for device in devices)


def devices_of(site, answered):
    devices = [Registering(site, number, answered) for number in range(DEVICES)]
    for device in devices:
        site.add_user(device.user)
    return devices


def killed(**settings):
    with Site(daemons=("sip-registrar",), sip_registrar={"durability": "strict", "contacts-per-address": "1000", **settings}) as site:
        answered = threading.Semaphore(0)
        devices = devices_of(site, answered)
        for _ in range(KILLS):
            work(site, devices, answered, random.randint(10, 100))
            site.kill("sip-registrar")
            rest(devices, answered)
            site.start("sip-registrar")
            total = compare(site, devices)
        print(f"     {KILLS} kills, {total} bindings acknowledged and all there", flush=True)


def test_strict_survives_kill_at_any_pace():
    killed(**{"commit-interval": "0ms"})
    killed(**{"commit-interval": "20ms"})


def test_strict_survives_kill_with_users_elsewhere():
    with Site(daemons=("sip-registrar",)) as home:
        for number in range(DEVICES):
            home.add_user(f"user{number}")
        site = Site(daemons=("sip-registrar",), sip_registrar={"durability": "strict", "contacts-per-address": "1000",
                                                               "user-database": f"unix:{home.path('sip-registrar.sock')}"})
        with site:
            answered = threading.Semaphore(0)
            devices = [Registering(site, number, answered) for number in range(DEVICES)]
            work(site, devices, answered, 100)
            site.kill("sip-registrar")
            rest(devices, answered)
            site.start("sip-registrar")
            if compare(site, devices) == 0:
                raise Failed("nothing was bound, the test would prove nothing")


def test_batched_survives_an_orderly_end():
    with Site(daemons=("sip-registrar",), sip_registrar={"durability": "batched", "batch-interval": "10s", "contacts-per-address": "1000"}) as site:
        answered = threading.Semaphore(0)
        devices = devices_of(site, answered)
        work(site, devices, answered, 100)
        rest(devices, answered)
        site.stop("sip-registrar")
        site.start("sip-registrar")
        if compare(site, devices) == 0:
            raise Failed("nothing was bound, the test would prove nothing")


def test_memory_forgets_bindings_and_keeps_users():
    with Site(daemons=("sip-registrar",), sip_registrar={"durability": "strict", "contacts-per-address": "1000"}) as site:
        answered = threading.Semaphore(0)
        devices = devices_of(site, answered)
        work(site, devices, answered, 30)
        rest(devices, answered)
        site.overrides["sip_registrar"]["durability"] = "memory"
        for _ in range(2):
            site.stop("sip-registrar")
            site.start("sip-registrar")
            if (status := site.ask("sip-registrar", "status"))["bindings"] != 0 or status["users"] != DEVICES:
                raise Failed(f"memory after a restart: {status}")
            work(site, devices, answered, 30)
            rest(devices, answered)
            if site.ask("sip-registrar", "status")["bindings"] == 0:
                raise Failed("in memory nothing is bound")


if __name__ == "__main__":
    harness.main(test_strict_survives_kill_at_any_pace, test_strict_survives_kill_with_users_elsewhere, test_batched_survives_an_orderly_end,
                 test_memory_forgets_bindings_and_keeps_users)
