"""How conferences sound: the real conf-bridge over sockets, sound in and out analysed by other programs (issue 4, line 2; the same lines in fake time are
tests/media/quality_test.cpp). All conferences speak at once. A sender that was late measures the machine, so what failed then is played again. The line about
clock drift has no place here: it takes ten minutes."""
import array
import contextlib
import functools
import math
import random

import audio
import crowd
import harness
from audio import (G722, OPUS, PCMA, PCMU, amplitude_of, decibels, deepest_dip, distortion, l16, largest_step, level_swing, likeness, longest_gap,
                   power, sox)
from harness import Failed, Site
from stage import Play, Stage

SECONDS, QUIET, LEAD = 4.0, 0.4, 1.0  # of a performance; until all speak; until it is measured
ATTEMPTS, LATE = 5, 0.004             # s: a packet that is later may miss its tick
L16, LINEAR10, LINEAR30, WIDE = l16(8000), l16(8000, 10), l16(8000, 30), l16(48000, 10)


def silence(rate, seconds=QUIET):
    return array.array("h", bytes(2 * int(rate * seconds)))


@functools.cache
def voice(rate, pitch, amplitude):
    return silence(rate) + audio.speech(rate, SECONDS - QUIET, pitch, amplitude)


@functools.cache
def tones(rate, hertz, amplitude):
    return silence(rate) + audio.tones(rate, SECONDS - QUIET, hertz, amplitude)


def measured(line):
    """What a line heard, without the beginning and the end."""
    return line.sound()[int(LEAD * line.form.rate):int((SECONDS - 0.2) * line.form.rate)]


def arrives_bit_for_bit(play, form):
    talker, listener = play.line(form, voice(form.rate, 140, 9000)), play.line(form)
    yield
    wanted, heard = talker.sent[int(LEAD * 50):-10], listener.payloads
    begin = heard.index(wanted[0]) if wanted[0] in heard else 0
    same = sum(a == b for a, b in zip(wanted, heard[begin:]))
    play.figure(f"{form.name} to {form.name}: packets of {len(wanted)} that are not as they were sent", len(wanted) - same, most=0)


def is_coded_once_more(play, talker, *listeners):
    says = voice(talker.rate, 150, 12000)
    play.line(talker, says)
    heard = [(play.line(form), least) for form, least in listeners]
    yield
    for line, least in heard:
        play.figure(f"{talker.name} to {line.form.name}: signal to noise in dB", likeness([says], line.sound(), talker.rate), least=least)


def is_mixed(play, site):
    """Two talk in L16, one in PCMU who hears the two; others hear all three, and so does the recording."""
    first, second, third = voice(8000, 110, 6000), voice(8000, 170, 6000), voice(8000, 240, 6000)
    play.line(L16, first), play.line(L16, second)
    talker = play.line(PCMU, third)
    listeners = [(play.line(form), least) for form, least in ((PCMU, 36), (PCMA, 36), (LINEAR10, 60))]
    play.at(0, lambda: site.ask("conf-bridge", "record-start", conference=play.number))
    yield
    coded = PCMU.decode(talker.sent)
    play.figure("PCMU talker among three: mix of the other two, signal to noise in dB", likeness([first, second], talker.sound(), 8000), least=36)
    for line, least in listeners:
        play.figure(f"{line.form.name} listener: mix of three, signal to noise in dB", likeness([first, second, coded], line.sound(), 8000), least=least)
    file, = site.folder.glob(f"{play.number}-*.wav")
    recorded = array.array("h", sox(file.read_bytes(), "-t", "wav", "-", "-t", "s16", "-r", 8000, "-c", 1, "-"))
    late = silence(8000) + recorded  # the recording may begin later than the sound
    play.figure("recording: mix of three, signal to noise in dB", likeness([first, second, coded], late, 8000, reach=QUIET + 0.15), least=60)


def is_mixed_for_opus(play):
    """Against the ideal mix coded once, since the codec moves the phases of low tones."""
    talkers = [play.line(OPUS, voice(48000, pitch, 6000)) for pitch in (110, 170)]
    listener = play.line(OPUS)
    yield
    ideal = array.array("h", map(sum, zip(*(OPUS.decode(line.sent) for line in talkers))))
    play.figure("Opus listener: mix of two, signal to noise in dB", likeness([OPUS.decode(OPUS.encode(ideal))], listener.sound(), 48000), least=20)


def nobody_hears_himself(play, form, amplitude):
    hertz = (503.7, 1207.3, 1693.1)
    lines = [play.line(form, tones(form.rate, (one,), amplitude)) for one in hertz]
    yield
    heard = [[decibels((amplitude_of(heard, one, form.rate, 2) / amplitude) ** 2) for one in hertz] for heard in map(measured, lines)]
    play.figure(f"{form.name} at {amplitude}: echo of a talker's own tone in dB", max(heard[i][i] for i in range(3)), most=-60)
    play.figure(f"{form.name} at {amplitude}: the other tones in dB", min(heard[i][j] for i in range(3) for j in range(3) if i != j), least=-10)


def stays_level(play, form):
    """Two steady tones, so that none passes as it was sent, while their listener speaks and falls silent again (and so gets an encoder of his own and gives
    it back), and while somebody comes and goes."""
    rate, parts = form.rate, ((250, 8000), (400, 4000))  # Hz of which 20 ms hold whole periods
    for hertz, amplitude in parts:
        play.line(form, tones(rate, (hertz,), amplitude))
    listener = play.line(form, silence(rate, 1.4) + audio.tones(rate, 0.5, (381,), 600) + silence(rate, SECONDS - 1.9))
    play.line(form, silence(rate, SECONDS), joins=2.4, leaves=3.2)
    yield
    heard = measured(listener)
    natural = sum(largest_step(audio.tones(rate, 0.1, (hertz,), amplitude)) for hertz, amplitude in parts)
    play.figure(f"{form.name}: swing of a steady level in dB", level_swing(heard, rate, math.hypot(*(amplitude for _, amplitude in parts))), most=1)
    play.figure(f"{form.name}: largest step of a steady sound", largest_step(heard), most=1.5 * natural + 100)


def keeps_its_band(play, talker, listener, kept, lost=()):
    says = tones(talker.rate, (*kept, *lost), 4000)
    play.line(talker, says)
    line = play.line(listener)
    yield
    heard = measured(line)
    levels = [decibels((amplitude_of(heard, one, listener.rate) / 4000) ** 2) for one in kept]
    play.figure(f"{talker.name} to {listener.name}: level at {', '.join(map(str, kept))} Hz in dB, the farthest", max(levels, key=abs), least=-1.5, most=1.5)
    for one in lost:
        play.figure(f"{talker.name} to {listener.name}: amplitude at {one} Hz", amplitude_of(heard, one, listener.rate), most=40)


def is_limited(play):
    hertz = (431, 1033, 1801)
    for one in hertz:
        play.line(L16, tones(8000, (one,), 32767))
    listeners = [play.line(form) for form in (LINEAR10, PCMU)]
    yield
    for line in listeners:
        heard = measured(line)
        play.figure(f"three at full scale to {line.form.name}: distortion in %", 100 * distortion(heard, hertz, 8000), most=3)
        play.figure(f"three at full scale to {line.form.name}: RMS", power(heard) ** 0.5, least=8000)


def hides_losses(play, talker, listener, dip, seed):
    """Tones of which no packet begins where another did in their period, so that no seam is hidden."""
    says = tones(talker.rate, (147, 294, 441, 588, 882), 2500)
    caller = play.line(talker, says, shaken=seed)
    line = play.line(listener)
    yield
    heard, meant = measured(line), says[int(LEAD * talker.rate):]
    what = f"{talker.name}, {len(caller.sent) - len(caller.packets)} of {len(caller.sent)} packets lost, 40 ms jitter"
    play.figure(f"{what}: longest gap in ms", longest_gap(heard, talker.rate), most=20)
    play.figure(f"{what}: deepest dip of 10 ms in dB", deepest_dip(heard, talker.rate), most=dip)
    play.figure(f"{what}: largest step", largest_step(heard), most=1.5 * largest_step(meant))
    play.figure(f"{what}: level in dB", decibels(power(heard) / power(meant)), least=-1.5, most=1.5)


def cases(site):
    case = functools.partial
    for form in (PCMU, PCMA, G722, OPUS, l16(16000)):
        yield case(arrives_bit_for_bit, form=form)
    yield lambda play: is_coded_once_more(play, L16, (PCMU, 36), (PCMA, 36), (LINEAR10, 60), (LINEAR30, 60))
    yield lambda play: is_coded_once_more(play, PCMU, (LINEAR10, 36))
    yield lambda play: is_coded_once_more(play, PCMA, (LINEAR30, 36))
    yield case(is_mixed, site=site)
    yield is_mixed_for_opus
    for form, amplitude in ((PCMU, 32000), (PCMA, 2000), (G722, 10000), (OPUS, 32000), (L16, 2000)):
        yield case(nobody_hears_himself, form=form, amplitude=amplitude)
    for form in (PCMU, G722, OPUS):
        yield case(stays_level, form=form)
    full, wide = (500, 3000, 7000, 14000), (500, 3000, 6500)
    yield case(keeps_its_band, talker=OPUS, listener=WIDE, kept=full)
    yield case(keeps_its_band, talker=WIDE, listener=OPUS, kept=full)
    yield case(keeps_its_band, talker=G722, listener=l16(16000), kept=wide)
    yield case(keeps_its_band, talker=l16(16000), listener=G722, kept=wide)
    yield case(keeps_its_band, talker=OPUS, listener=PCMU, kept=(500, 3000), lost=(6500,))
    yield is_limited
    for seed, (talker, listener, dip) in enumerate(((PCMU, LINEAR10, 10), (G722, l16(16000, 10), 10), (OPUS, WIDE, 18)), 5):
        yield case(hides_losses, talker=talker, listener=listener, dip=dip, seed=seed)


def performed(site, stage, chosen, number):
    """Plays some cases at once; those that failed, and whether the machine was too busy to tell."""
    plays = [Play(stage.ip, str(number + offset)) for offset in range(len(chosen))]
    running = [case(play) for case, play in zip(chosen, plays)]
    for one in running:
        next(one)
    lost = crowd.metrics(site)["confab_bridge_lost_ticks"]
    late = stage.perform(plays)
    lost = crowd.metrics(site)["confab_bridge_lost_ticks"] - lost
    for one in running:
        next(one, None)
    for play in plays:
        for _, line in play.figures:
            print(f"     {line}", flush=True)
    print(f"     the latest packet went out {late * 1000:.1f} ms late; the bridge lost {lost:.0f} ticks", flush=True)
    return [case for case, play in zip(chosen, plays) if not all(good for good, _ in play.figures)], late > LATE or lost > 0


def conferences_sound_as_they_should():
    with Site(("conf-bridge",), conf_bridge={"recordings": ".", "recording-announce": "no", "recording-rate": "8000", "opus-bitrate": "64000"}) as site:
        site.canned_directory(lambda number, passcode: {"valid": True, "passcode_required": False, "conference": number})
        with contextlib.closing(Stage(site)) as stage:
            left = list(cases(site))
            at_once = math.ceil(len(left) / min(2, harness.SLOW))  # a slow bridge takes the sender's time
            for attempt in range(ATTEMPTS):
                failed, busy = [], False
                for at in range(0, len(left), at_once):
                    some, late = performed(site, stage, left[at:at + at_once], 1000 * (attempt + 1) + at)
                    failed, busy = failed + some, busy or late
                if not failed or not busy:
                    break
                left = failed
                print(f"     {len(left)} of the conferences are played again, since the machine was busy", flush=True)
        if failed:
            raise Failed("the lines above that say FAILED" + (", though the machine was busy" if busy else ""))


def measures_find_what_is_broken():
    rate, pitches = 8000, (250, 700)
    good = audio.tones(rate, 2, pitches, 5000)
    noise = random.Random(1)
    noisy = array.array("h", (one + noise.randrange(-200, 200) for one in good))
    cut = array.array("h", (max(-5000, min(5000, one)) for one in good))
    soft = array.array("h", (one // 2 for one in good))
    holed = good[:8000] + silence(rate, 0.03) + good[8240:]
    turned = good[:8003] + array.array("h", (-one for one in good[8003:]))
    play = Play("127.0.0.1", "")
    play.figure("the signal itself: signal to noise in dB", likeness([good], good, rate), least=100)
    play.figure("half of it missing: signal to noise in dB", likeness([good], audio.tones(rate, 2, pitches[:1], 5000), rate), most=15)
    play.figure("noise: signal to noise in dB", likeness([good], noisy, rate), most=36)
    play.figure("half as loud: signal to noise in dB", likeness([good], soft, rate), most=10)
    play.figure("half as loud: swing in dB", level_swing(audio.tones(rate, 1, pitches[:1], 2500), rate, 5000), least=5.9)
    play.figure("nothing wrong: distortion in %", 100 * distortion(good, pitches, rate), most=0.1)
    play.figure("clipped: distortion in %", 100 * distortion(cut, pitches, rate), least=5)
    play.figure("nothing wrong: longest gap in ms", longest_gap(good, rate), most=0)
    play.figure("30 ms missing: longest gap in ms", longest_gap(holed, rate), least=28)
    play.figure("nothing wrong: deepest dip of 10 ms in dB", deepest_dip(good, rate), most=1)
    play.figure("30 ms missing: deepest dip of 10 ms in dB", deepest_dip(holed, rate), least=30)
    play.figure("turned over: largest step", largest_step(turned), least=1.5 * largest_step(good))
    play.figure("a tone: amplitude", amplitude_of(good, 700, rate), least=4990, most=5010)
    play.figure("no tone: amplitude", amplitude_of(good, 1000, rate), most=1)
    for good, line in play.figures:
        print(f"     {line}", flush=True)
    if not all(good for good, _ in play.figures):
        raise Failed("the lines above that say FAILED")


if __name__ == "__main__":
    harness.main(measures_find_what_is_broken, conferences_sound_as_they_should)
