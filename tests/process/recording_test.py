"""Recordings of a conference and sounds played to it: what is in the files, who is told, and what a full disk, a kill and
the same second leave behind."""
import array
import math
import os
import signal
import subprocess
import wave

import harness
from agent import Agent, description, expect
from audio import amplitude_of
from harness import REALM, Failed, Site, eventually, main, program, run

NUMBER = "1234"
ALICE, BOB, PLAYED = 500, 900, 1500  # Hz


def write_tone(path, frequency, seconds):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(array.array("h", [int(8000 * math.sin(2 * math.pi * frequency * i / 8000)) for i in range(8000 * seconds)]).tobytes())
    return path


def level(path, frequency, rate=16000):
    """Amplitude of a frequency in the file's second half, in dB below 8000; others' programs read it."""
    command = ["opusdec", "--quiet", "--rate", str(rate), path, "-"] if path.suffix == ".opus" else ["sox", path, "-t", "s16", "-r", str(rate), "-c", "1", "-"]
    raw = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    samples = array.array("h", raw)
    samples = samples[len(samples) // 2:]
    if len(samples) < rate // 10:
        raise Failed(f"{path} is shorter than 200 ms")
    window = rate // 10  # short, since a tone that jumps, where a packet was late, would cancel itself in a long one
    powers = [amplitude_of(samples[at:at + window], frequency, rate) ** 2 for at in range(0, len(samples) - window + 1, window)]
    return 10 * math.log10(max(sum(powers) / len(powers), 1e-4) / 8000 ** 2)


def expect_tones(path, there, absent):
    levels = {frequency: level(path, frequency) for frequency in (*there, *absent)}
    if min(levels[frequency] for frequency in there) < -6 or any(levels[frequency] > -30 for frequency in absent):
        raise Failed(f"{path.name}: {levels}, expected {there} and not {absent}")


class Talker:
    def __init__(self, site, user, frequency, *arguments):
        site.add_user(user)
        tone = write_tone(site.path(f"{user}.wav"), frequency, 20)
        self.process = subprocess.Popen([program("sip-probe"), "call", f"sip:{NUMBER}@{REALM}", "--proxy", site.proxy, "--from", f"sip:{user}@{REALM}", "--password-file",
                                         site.path(f"{user}.password"), "--play", tone, "--duration", "1h", *map(str, arguments)], stdout=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20 * harness.SLOW)


def conference(**keys):
    return Site(("conf-locate", "sip-registrar", "conf-bridge", "sip-proxy"), conf_bridge={"recordings": ".", "sounds": ".", "recording-announce": "no", **keys})


def told(events, wanted):
    while True:
        event = events.event()
        if event.get("event") == wanted:
            return event


def talking(site, count):
    eventually(lambda: len([row for row in site.ask("conf-bridge", "members", conference=NUMBER) if row["talking"]]) == count, f"{count} who talk", 20)


def grown(site, file, octets):
    eventually(lambda: site.path(file).exists() and site.path(file).stat().st_size > octets, f"{file} growing", 20)


def the_mix_and_each_member():
    with conference(**{"recording-announce": "yes", "recording-beep": "1s"}) as site:
        site.add_conference(NUMBER)
        events = site.subscribe("conf-bridge")
        with Talker(site, "alice", ALICE), Talker(site, "bob", BOB):
            eventually(lambda: site.ask("conf-bridge", "list"), "the conference")
            talking(site, 2)
            site.command("conf-bridge", "record", "start", NUMBER, "--legs")
            mix = told(events, "recording-started")["file"]
            if site.ask("conf-bridge", "record-start", conference=NUMBER)["changed"]:
                raise Failed("a second start changed something")
            if [row["recording"] for row in site.ask("conf-bridge", "list")] != [True]:
                raise Failed("the listing does not say that it is recorded")
            grown(site, mix, 16000 * 2 * 4)  # beyond the announcement
            site.command("conf-bridge", "record", "stop", NUMBER)
            ended = [told(events, "recording-ended") for _ in range(3)]
        if [event["reason"] for event in ended] != ["stopped"] * 3:
            raise Failed(f"recordings ended so: {ended}")
        stem = mix.removesuffix(".wav")
        expect_tones(site.path(mix), (ALICE, BOB), ())
        who = {row: site.path(f"{stem}-member{row}.wav") for row in (1, 2)}
        first = ALICE if level(who[1], ALICE) > level(who[1], BOB) else BOB
        expect_tones(who[1], (first,), (ALICE + BOB - first,))
        expect_tones(who[2], (ALICE + BOB - first,), (first,))


def a_full_disk_ends_the_recording_alone():
    with conference(**{"recording-format": "wav"}) as site:
        site.add_conference(NUMBER)
        events = site.subscribe("conf-bridge")
        with Talker(site, "alice", ALICE):
            eventually(lambda: site.ask("conf-bridge", "list"), "the conference")
            talking(site, 1)
            run("prlimit", f"--fsize={100 * 1024}", "--pid", str(site.processes["conf-bridge"].pid))
            site.command("conf-bridge", "record", "start", NUMBER)
            ended = told(events, "recording-ended")
            if "File too large" not in ended["reason"]:
                raise Failed(f"ended: {ended}")
            if [row["recording"] for row in site.ask("conf-bridge", "list")] != [False]:
                raise Failed("a recording that has failed is still on")
            talking(site, 1)
        expect_tones(site.path(ended["file"]), (ALICE,), ())


def a_kill_leaves_playable_files():
    for form in ("wav", "flac", "opus"):
        with conference(**{"recording-format": form}) as site:
            site.add_conference(NUMBER)
            with Talker(site, "alice", ALICE):
                eventually(lambda: site.ask("conf-bridge", "list"), "the conference")
                talking(site, 1)
                site.command("conf-bridge", "record", "start", NUMBER)
                file = next(name for name in eventually(lambda: [name for name in os.listdir(site.folder) if name.startswith(f"{NUMBER}-")], "the file"))
                grown(site, file, {"wav": 64_000, "flac": 12_000, "opus": 9_000}[form])
                site.kill("conf-bridge")
            expect_tones(site.path(file), (ALICE,), ())


def a_sound_is_played_to_all():
    with conference() as site:
        site.add_conference(NUMBER)
        write_tone(site.path("jingle.wav"), PLAYED, 3)
        site.path("text.wav").write_text("no sound")
        for name, code in (("absent.wav", "bad-sound"), ("text.wav", "bad-sound"), ("../jingle.wav", "bad-argument"), (".hidden", "bad-argument")):
            try:
                site.ask("conf-bridge", "play", conference=NUMBER, file=name)
                raise AssertionError(f"{name} was played")
            except Failed as failure:
                if code not in str(failure) and "no-such-conference" not in str(failure):
                    raise
        heard = site.path("heard.wav")
        with Talker(site, "alice", ALICE), Talker(site, "bob", BOB, "--record", heard):
            eventually(lambda: site.ask("conf-bridge", "list"), "the conference")
            talking(site, 2)
            site.command("conf-bridge", "record", "start", NUMBER)
            events = site.subscribe("conf-bridge")
            site.command("conf-bridge", "play", "start", NUMBER, "jingle.wav")
            file = next(name for name in os.listdir(site.folder) if name.startswith(f"{NUMBER}-"))
            grown(site, file, 16000 * 2 * 2)
            site.command("conf-bridge", "record", "stop", NUMBER)
            told(events, "recording-ended")
        expect_tones(site.path(file), (ALICE, BOB, PLAYED), ())
        expect_tones(heard, (ALICE,), (BOB,))


def a_member_whose_place_is_taken_is_recorded_on():
    with conference(**{"attendee-takes-over": "yes"}) as site:
        site.add_conference(NUMBER)
        events = site.subscribe("conf-bridge")
        attendee = ("--header", "X-Attendee-ID: web-7")
        with Talker(site, "alice", ALICE, *attendee):
            eventually(lambda: site.ask("conf-bridge", "list"), "the conference")
            talking(site, 1)
            site.command("conf-bridge", "record", "start", NUMBER, "--legs")
            first = f"{told(events, 'recording-started')['file'].removesuffix('.wav')}-member1.wav"
            grown(site, first, 16000 * 2)
            with Talker(site, "bob", BOB, *attendee):
                ended = told(events, "recording-ended")
                if (ended["file"], ended["reason"]) != (first, "stopped"):
                    raise Failed(f"the file of the call that was replaced: {ended}, expected {first}")
                second = f"{first.removesuffix('.wav')}-2.wav"
                grown(site, second, 16000 * 2 * 2)
                site.command("conf-bridge", "record", "stop", NUMBER)
                files = {told(events, "recording-ended")["file"] for _ in range(2)}
        if second not in files:
            raise Failed(f"{files} ended, {second} did not")
        expect_tones(site.path(first), (ALICE,), (BOB,))
        expect_tones(site.path(second), (BOB,), (ALICE,))


def no_recording_overwrites_another():
    with conference() as site:
        for number in ("1*2", "1+2"):
            site.add_conference(number)
        events = site.subscribe("conf-bridge")
        agent = Agent(site, 60, to=(site.ip(40), 5080))
        for number in ("1*2", "1+2"):
            uri = f"sip:{number}@{site.ip(40)}:5080"
            code, answer = agent.transact("INVITE", uri, number, 1, body=description(site))
            expect("INVITE", code, (200,))
            agent.send("ACK", uri, number, 1, to_tag=answer.split("\r\nTo:", 1)[1].split("\r\n", 1)[0].split("tag=", 1)[1])
            eventually(lambda: site.ask("conf-bridge", "members", conference=number), f"a member of {number}")
        for _ in range(5):
            for command in ("record-start", "record-stop"):
                for number in ("1*2", "1+2"):
                    site.ask("conf-bridge", command, conference=number)
        files = {"recording-started": [], "recording-ended": []}
        while len(files["recording-ended"]) < 10:
            event = events.event()
            if event["event"] in files:
                files[event["event"]].append((event["conference"], event["file"]))
        if files["recording-started"] != files["recording-ended"]:
            raise Failed(f"what began and what ended: {files}")
        there = {name for name in os.listdir(site.folder) if name.startswith("1_2-")}
        if there != {file for _, file in files["recording-ended"]} or len(there) != 10:
            raise Failed(f"10 recordings left {there}, the events said {files}")


def directories_that_cannot_be_had_are_told():
    with conference() as site:
        site.path("file").write_text("")
        wanted = {"recordings": "a directory that this user may write", "sounds": "a directory that this user may read"}
        for key, expected in wanted.items():
            text = site.path("conf-bridge.conf").read_text()
            number = 1 + text.splitlines().index(f"{key} = .")
            for name, why in (("absent", "No such file or directory"), ("file", "Not a directory")):
                file = site.path("wrong.conf")
                file.write_text(text.replace(f"{key} = .\n", f"{key} = {name}\n"))
                for options in (["-t"], []):
                    done = run(program("conf-bridge"), *options, "-c", file, check=False, cwd=site.folder)
                    if done.returncode != 78 or done.stderr.strip() != f"{file}:{number}: {key}: expected {expected}, got {name} ({why})":
                        raise Failed(f"{key} = {name}: exit {done.returncode}, {done.stderr}")


main(the_mix_and_each_member, a_full_disk_ends_the_recording_alone, a_kill_leaves_playable_files, a_sound_is_played_to_all, a_member_whose_place_is_taken_is_recorded_on,
     no_recording_overwrites_another, directories_that_cannot_be_had_are_told, together=2)
