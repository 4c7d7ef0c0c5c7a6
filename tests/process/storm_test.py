# alone: it counts memory and listens to 50 packets a second.
"""Callers who come and go in crowds, and callers whose network dies: no leg stays behind, and the others hear every packet (issue 4, line 4).
The full sizes, and the jitter of a conference beside them, are measured by tests/bench/mixing/storm."""
import json
import math
import time

import harness
from crowd import QUIET, Crowd, Watch, callers, level, metrics, offer, settled, slow, speech
from harness import Failed, Site, eventually, main

BURSTS, BURST = 6, 60
LARGE_PAGE_KIB = 2048  # less than that the bridge's heap does not take
CHURN_SECONDS, CHURN_RATE, STAY = 3, 20, 1.0
T1 = {"t1": f"{30 * harness.SLOW}ms"}  # what a transaction keeps is gone after 64 of them
SPEECH = speech()


def heard_well(listener, talker, voices, begin, who):
    """Every packet came, no hole but those that we ourselves made, and the talker as loud as he speaks."""
    if missing := listener.missing(begin):
        raise Failed(f"{who} misses {missing} packets")
    hole = listener.longest_hole(begin)
    if hole > 0.06 + 2 * voices.late:
        raise Failed(f"{who} heard nothing for {hole * 1000:.0f} ms; we were late by {voices.late * 1000:.0f} ms")
    sent = sum(map(level, talker.packets)) / len(talker.packets)
    off = 20 * math.log10(listener.mean_level(begin) / sent)
    if voices.late < 0.02 and abs(off) > 1:
        raise Failed(f"{who} hears the talker {off:+.1f} dB louder than he speaks")
    print(f"     {who}: {len(listener.since(begin))} packets, none missing, {off:+.2f} dB, longest hole {hole * 1000:.0f} ms, jitter p99 {listener.jitter(begin):.2f} ms")


def burst(site, crowd, uri, round_, size=BURST):
    begun = time.monotonic()
    calls = crowd.join([f"b{round_}x{n}" for n in range(size)], uri, offer(crowd.ip, 9), seconds=20)
    answered = time.monotonic() - begun
    eventually(lambda: len(site.ask("conf-bridge", "members", conference="2000")) == size, f"{size} members", 20)
    print(f"     {size} INVITEs at once: the last 200 after {answered * 1000:.0f} ms")
    crowd.leave(calls, 20)


def churn(crowd, uri):
    """Callers at a steady rate, who stay a while; one in ten cancels at once, and one in ten hangs up before anybody has seen his ACK."""
    begun, live, calls = time.monotonic(), [], []
    for number in range(CHURN_SECONDS * CHURN_RATE):
        eventually(lambda: time.monotonic() >= begun + number / CHURN_RATE, "its turn")
        calls.append(crowd.invite(f"c{number}", uri, offer(crowd.ip, 9)))
        if number % 10 == 0:
            crowd.cancel(calls[-1])
        live.append((time.monotonic() + (0 if number % 10 == 1 else STAY), calls[-1]))
        while live and (live[0][0] <= time.monotonic() and live[0][1].status):
            _, call = live.pop(0)
            if not call.ended:
                crowd.bye(call)
    for _, call in live:
        crowd.wait(lambda: call.status, "an answer to each INVITE", 20)
        if not call.ended:
            crowd.bye(call)
    crowd.wait(lambda: all(call.ended for call in calls), "the end of each call", 20)
    strange = {call.status for call in calls} - {200, 487}
    if strange:
        raise Failed(f"INVITE answered {strange}")


def crowds_come_and_go():
    with Site(("conf-locate", "conf-bridge"), conf_bridge=dict(T1)) as site:
        site.add_conference("1000")
        site.add_conference("2000")
        uri = f"sip:2000@{site.ip(40)}:5080"
        before = site.footprint("conf-bridge")
        with callers(site) as (crowd, voices, seat):
            watch = Watch(site)
            anna, berta, carl = seat("anna", "1000", SPEECH), seat("berta", "1000", QUIET), seat("carl", "1000", QUIET)
            eventually(lambda: watch.of("talking", "anna"), "that anna talks")
            calm = site.footprint("conf-bridge")
            voices.late, begin = 0.0, time.time()
            burst(site, crowd, uri, 0)
            settled(site, calm)
            resident = site.resident_kib("conf-bridge")
            churn(crowd, uri)
            for round_ in range(1, BURSTS):
                burst(site, crowd, uri, round_)
            settled(site, calm)
            grown = site.resident_kib("conf-bridge") - resident
            legs = (BURSTS - 1) * BURST + CHURN_SECONDS * CHURN_RATE
            print(f"     resident memory after {legs} more legs: {grown:+} KiB")
            if harness.SLOW == 1 and grown > LARGE_PAGE_KIB + 6 * legs:  # a leg holds 17
                raise Failed(f"resident memory grew by {grown} KiB")
            heard_well(berta, anna, voices, begin, "berta")
            heard_well(carl, anna, voices, begin, "carl")
            if anna.missing(begin) or anna.mean_level(begin) > 20:
                raise Failed(f"anna misses {anna.missing(begin)} packets and hears {anna.mean_level(begin):.0f} of herself or others")
            wrong = [event for event in watch.of("talking") if "anna" not in event["identity"]] + [event for event in watch.of("left") if event["conference"] == "1000"]
            if wrong or crowd.unexpected:
                raise Failed(f"events {wrong[:3]}, requests {crowd.unexpected[:3]}")
            crowd.leave([voice.call for voice in (anna, berta, carl)])
            watch.close()
        settled(site, before)


def a_dead_network_ends_its_leg_alone():
    timeout = slow(1.5)
    with Site(("conf-locate", "conf-bridge"), conf_bridge={**T1, "media-timeout": f"{int(timeout * 1000)}ms", "call-log": "legs.ndjson"}) as site:
        site.add_conference("1000")
        before = site.footprint("conf-bridge")
        closed, silent = (Crowd(site.ip(last), (site.ip(40), 5080)) for last in (61, 62))
        with callers(site) as (crowd, voices, seat):
            watch = Watch(site)
            anna, berta = seat("anna", "1000", SPEECH), seat("berta", "1000", QUIET)
            dead = []
            for name, phones in (("carol", closed), ("dora", silent)):
                voice = voices.add(phones.ip, speech(pitch=200))
                voice.call, = phones.join([name], f"sip:1000@{site.ip(40)}:5080", offer(phones.ip, voice.port))
                voice.remote = voice.call.remote
                dead.append(voice)
            eventually(lambda: {event["identity"] for event in watch.of("talking")} >= {"sip:anna@example.org", "sip:carol@example.org", "sip:dora@example.org"} or
                       len({event["identity"] for event in watch.of("talking")}) == 3, "three talkers")
            voices.late, begin, died = 0.0, time.time(), time.monotonic()
            voices.drop(dead[0])   # port unreachable comes back for RTP
            closed.close()         # and for SIP
            dead[1].sends = False  # packets vanish both ways
            voices.selector.unregister(dead[1].socket)
            silent.mute = True
            eventually(lambda: metrics(site)["confab_bridge_media_stopped"] == 2, "two legs ended for want of RTP", 2 * timeout / harness.SLOW + 5)
            took = time.monotonic() - died
            if took < timeout * 0.9:
                raise Failed(f"a leg was ended after {took:.1f} s without RTP")
            log = site.path("legs.ndjson")
            eventually(lambda: len(log.read_text().splitlines()) == 2, "two records")
            records = {record["call_id"]: record for record in map(json.loads, log.read_text().splitlines())}
            if set(records) != {"carol", "dora"} or any(record["reason"] != "media stopped" or record["duration_ms"] is None for record in records.values()):
                raise Failed(f"records: {records}")
            left = [(event["identity"], event["reason"]) for event in watch.of("left")]
            if len(left) != 2 or any(reason != "media stopped" for _, reason in left):
                raise Failed(f"left: {left}")
            print(f"     both ended {took:.1f} s after their last packet, media-timeout being {timeout:.1f} s")
            # What the transactions of two BYEs that nobody answers hold is gone as well.
            eventually(lambda: site.ask("conf-bridge", "status")["client_transactions"] == 0, "the end of the BYEs", 64 * 0.03 + 10)
            members = [row["member"] for row in site.ask("conf-bridge", "members", conference="1000")]
            if members != [1, 2]:
                raise Failed(f"members: {members}")
            if berta.missing(begin) or anna.missing(begin):
                raise Failed(f"berta misses {berta.missing(begin)} packets, anna {anna.missing(begin)}")
            heard_well(berta, anna, voices, time.time() - 2.0, "berta")
            hole = berta.longest_hole(begin)
            if hole > 0.06 + 2 * voices.late:
                raise Failed(f"berta heard nothing for {hole * 1000:.0f} ms as the others died")
            crowd.leave([anna.call, berta.call])
            watch.close()
        silent.close()
        settled(site, before)


main(crowds_come_and_go, a_dead_network_ends_its_leg_alone)
