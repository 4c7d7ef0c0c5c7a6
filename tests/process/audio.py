"""Sound outside confab: signals, codecs of others' making, and figures about what was heard.

A signal is an array of 16-bit samples. G.711 and L16 are coded and decoded by sox, Opus by libopus and G.722 by spandsp, both through ctypes; distortion is
measured by sox's filters, the rest is arithmetic. Times in seconds, amplitudes in steps of 16-bit samples.
"""
import array
import ctypes
import functools
import math
import re
import subprocess
from operator import mul


# Signals
def tones(rate, seconds, hertz, amplitude):
    """Sines of one amplitude each."""
    count = range(int(rate * seconds))
    waves = [[math.sin(turn * n) for n in count] for turn in (2 * math.pi * one / rate for one in hertz)]
    return array.array("h", [round(amplitude * sample) for sample in map(sum, zip(*waves))])


def speech(rate, seconds, pitch, amplitude):
    """Like speech: a gliding pitch with formants' slope, syllables four a second, no pause longer than 100 ms."""
    period = 1 << 12
    voice = [amplitude * 0.6 * sum(math.sin(2 * math.pi * k * n / period) / k for k in range(1, 11) if k * pitch < 3300) for n in range(period)]
    out, phase, turn = array.array("h"), 0.0, 2 * math.pi / rate
    for n in range(int(rate * seconds)):
        phase += period * pitch * (1 + 0.1 * math.sin(0.7 * turn * n)) / rate
        out.append(round(voice[int(phase) % period] * (0.55 - 0.45 * math.cos(4 * turn * n))))
    return out


# Codecs
def sox(octets, *arguments):
    return subprocess.run(["sox", "-D", *map(str, arguments)], input=octets, stdout=subprocess.PIPE, check=True).stdout


class Format:
    """How one leg is coded, in packets of `ptime` ms; `rtpmap` and `fmtp` as in SDP, `clock` is RTP's."""

    def __init__(self, name, payload_type, rtpmap, rate, ptime=20, fmtp="", clock=None):
        self.name, self.payload_type, self.rtpmap, self.rate, self.ptime, self.fmtp, self.clock = name, payload_type, rtpmap, rate, ptime, fmtp, clock or rate

    @property
    def frame(self):
        return self.rate * self.ptime // 1000

    def frames(self, signal):
        return [signal[at:at + self.frame] for at in range(0, len(signal) - self.frame + 1, self.frame)]


class SoxFormat(Format):
    def __init__(self, kind, octets, *rest, **more):
        super().__init__(*rest, **more)
        self.kind, self.octets = kind, octets  # a sample's

    def encode(self, signal):
        coded = sox(signal.tobytes(), "-t", "s16", "-r", self.rate, "-c", 1, "-", *self.kind, "-r", self.rate, "-c", 1, "-")
        size = self.frame * self.octets
        return [coded[at:at + size] for at in range(0, len(coded) - size + 1, size)]

    def decode(self, payloads):
        return array.array("h", sox(b"".join(payloads), *self.kind, "-r", self.rate, "-c", 1, "-", "-t", "s16", "-r", self.rate, "-c", 1, "-"))


class LibraryFormat(Format):
    """A codec with a state: a subclass opens one and takes frames."""

    def encode(self, signal):
        encode, out, payloads = self.encoder(), ctypes.create_string_buffer(1500), []
        for frame in self.frames(signal):
            size = encode((ctypes.c_int16 * self.frame)(*frame), out)
            payloads.append(out.raw[:size])
        return payloads

    def decode(self, payloads):
        decode, out, samples = self.decoder(), array.array("h"), (ctypes.c_int16 * (self.rate * 120 // 1000))()
        for payload in payloads:
            count = decode(payload, samples)
            out.extend(samples[:count])
        return out


class OpusFormat(LibraryFormat):
    """As a telephone sends it, with error correction."""
    VOIP = 2048
    BIT_RATE, COMPLEXITY, FEC, LOSS = 4002, 4010, 4012, 4014  # requests

    def encoder(self):
        library = ctypes.CDLL("libopus.so.0")
        library.opus_encoder_create.restype = ctypes.c_void_p
        state = ctypes.c_void_p(library.opus_encoder_create(self.rate, 1, self.VOIP, None))
        for request, value in ((self.BIT_RATE, 64000), (self.COMPLEXITY, 5), (self.FEC, 1), (self.LOSS, 5)):
            library.opus_encoder_ctl(state, request, ctypes.c_int(value))
        return lambda frame, out: library.opus_encode(state, frame, self.frame, out, len(out))

    def decoder(self):
        library = ctypes.CDLL("libopus.so.0")
        library.opus_decoder_create.restype = ctypes.c_void_p
        state = ctypes.c_void_p(library.opus_decoder_create(self.rate, 1, None))
        return lambda payload, samples: library.opus_decode(state, payload, len(payload), samples, len(samples), 0)


class G722Format(LibraryFormat):
    def encoder(self):
        library = ctypes.CDLL("libspandsp.so.2")
        library.g722_encode_init.restype = ctypes.c_void_p
        state = ctypes.c_void_p(library.g722_encode_init(None, 64000, 0))
        return lambda frame, out: library.g722_encode(state, out, frame, len(frame))

    def decoder(self):
        library = ctypes.CDLL("libspandsp.so.2")
        library.g722_decode_init.restype = ctypes.c_void_p
        state = ctypes.c_void_p(library.g722_decode_init(None, 64000, 0))
        return lambda payload, samples: library.g722_decode(state, samples, payload, len(payload))


PCMU = SoxFormat(("-t", "ul"), 1, "PCMU", 0, "PCMU/8000", 8000)
PCMA = SoxFormat(("-t", "al"), 1, "PCMA", 8, "PCMA/8000", 8000)
G722 = G722Format("G.722", 9, "G722/8000", 16000, clock=8000)
OPUS = OpusFormat("Opus", 96, "opus/48000/2", 48000, fmtp="useinbandfec=1")


def l16(rate, ptime=20):
    return SoxFormat(("-t", "raw", "-e", "signed-integer", "-b", 16, "-B"), 2, f"L16 {rate // 1000} kHz {ptime} ms", 97, f"L16/{rate}", rate, ptime)


# Figures
def power(signal):
    return sum(map(mul, signal, signal)) / max(1, len(signal))


def decibels(ratio):
    return 10 * math.log10(max(ratio, 1e-12))


@functools.cache
def probe(hertz, rate, count):
    """A Hann window's cosine and sine of one frequency."""
    window = [1 - math.cos(2 * math.pi * (n + 0.5) / count) for n in range(count)]
    turn = 2 * math.pi * hertz / rate
    return [one * math.cos(turn * n) for n, one in enumerate(window)], [one * math.sin(turn * n) for n, one in enumerate(window)]


def amplitude_of(signal, hertz, rate, seconds=0.5):
    """Of one frequency, in the last seconds."""
    signal = signal[-int(rate * seconds):]
    real, imaginary = (sum(map(mul, signal, one)) for one in probe(hertz, rate, len(signal)))
    return 2 * math.hypot(real, imaginary) / len(signal)


def likeness(sources, heard, rate, reach=0.15):
    """Signal to noise in dB of what was heard against the sum of the sources as they are, each at the delay (up to `reach`) at which it fits best. Reads the
    middle half of `heard`; the sources are as long."""
    begin, count = len(heard) // 4, len(heard) // 2
    rest = list(heard[begin:begin + count])
    common = delay_of([sum(samples) for samples in zip(*sources)], rest, begin, range(int(reach * rate)), rate // 8000)
    delays = [common] * len(sources)
    for number, delay in enumerate(delays):
        rest = [a - b for a, b in zip(rest, sources[number][begin - delay:])]
    near = range(max(0, common - rate // 40), common + rate // 40)
    for number, delay in enumerate(delays if len(sources) > 1 else ()):  # each may have waited a packet longer than the others
        rest = [a + b for a, b in zip(rest, sources[number][begin - delay:])]
        delays[number] = delay_of(sources[number], rest, begin, near, rate // 8000)
        rest = [a - b for a, b in zip(rest, sources[number][begin - delays[number]:])]
    meant = [sum(samples) for samples in zip(*(source[begin - delay:begin - delay + count] for source, delay in zip(sources, delays)))]
    return decibels(power(meant) / max(power(rest), 1e-9))


def delay_of(source, heard, begin, lags, coarse):
    """The delay among `lags` at which what is left of `heard`, which begins at `begin`, has the least power without `source`."""
    def gain(delay, points):
        step = 1 + len(heard) // points
        x = source[begin - delay:begin - delay + len(heard):step]
        return 2 * sum(map(mul, x, heard[::step])) - sum(map(mul, x, x))
    best = max(lags[::coarse], key=lambda delay: gain(delay, 800))
    return max(range(max(0, best - 2 * coarse), best + 2 * coarse + 1), key=lambda delay: gain(delay, 8000))


def largest_step(signal):
    """Between two samples that follow each other."""
    return max(abs(b - a) for a, b in zip(signal, signal[1:]))


def longest_gap(signal, rate):
    """The longest stretch in ms, in steps of 2 ms, whose level is more than 20 dB below the whole's."""
    step, floor = rate // 500, power(signal) / 100
    gap = longest = 0
    for at in range(0, len(signal) - step + 1, step):
        gap = gap + 2 if power(signal[at:at + step]) < floor else 0
        longest = max(longest, gap)
    return longest


def deepest_dip(signal, rate):
    """How far in dB the level of any 10 ms, in steps of 5 ms, falls below the whole's."""
    length, whole = rate // 100, power(signal)
    return max(decibels(whole / max(power(signal[at:at + length]), 1e-9)) for at in range(0, len(signal) - length + 1, length // 2))


def level_swing(signal, rate, amplitude):
    """How far in dB the level of any 20 ms is from that of a sine of this amplitude."""
    step = rate // 50
    return max(abs(decibels(2 * power(signal[at:at + step]) / amplitude ** 2)) for at in range(0, len(signal) - step + 1, step))


def distortion(signal, hertz, rate):
    """What is left of the signal without these tones, as a part of it, by sox's notches. The first half is theirs to settle."""
    def rms(*effects):
        command = ["sox", "-D", "-t", "s16", "-r", str(rate), "-c", "1", "-", "-n", *effects, "trim", str(len(signal) / rate / 2), "stat"]
        done = subprocess.run(command, input=signal.tobytes(), stderr=subprocess.PIPE, check=True)
        return float(re.search(r"RMS\s+amplitude:\s+(\S+)", done.stderr.decode())[1])
    notches = [word for one in hertz for word in ("bandreject", str(one), "10h")]
    return rms("vol", "0.5", *notches) / rms("vol", "0.5")
