"""Telephone sound in pure Python, fast enough for 50 frames a second and party: mu-law, loudness, mixing, murmurs."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import cache, lru_cache

__all__ = ["FRAME", "LINEAR", "RATE", "SILENCE", "encode", "is_voiced", "mix", "murmur", "voice"]

RATE = 8000  # samples, and so mu-law bytes, a second
FRAME = 160  # mu-law bytes in 20 ms
SILENCE = b"\xff" * FRAME  # mu-law digital silence

_CLIP = 32635
_BIAS = 0x84
_VOICED_RMS = 327.68  # -40 dBFS
_ENERGY_UNIT = 32  # the square of _VOICED_RMS in the table of energies; its cap, 255, keeps a click from being a voice


def _linear(code: int) -> int:
    """One mu-law byte as a 16-bit sample (ITU-T G.711)."""
    code = ~code & 0xFF
    size = (((code & 0x0F) << 3) + _BIAS << ((code & 0x70) >> 4)) - _BIAS
    return -size if code & 0x80 else size


def _code(sample: int) -> int:
    """One 16-bit sample as a mu-law byte. Never 0x7f: zero has one form here."""
    sign = 0x80 if sample < 0 else 0
    size = min(abs(sample), _CLIP) + _BIAS
    exponent = max(size.bit_length() - 8, 0)
    code = ~(sign | exponent << 4 | (size >> exponent + 3) & 0x0F) & 0xFF
    return 0xFF if code == 0x7F else code


LINEAR: tuple[int, ...] = tuple(_linear(code) for code in range(256))  # mu-law byte -> 16-bit sample
_ENERGY = bytes(min(255, round(_ENERGY_UNIT * (s / _VOICED_RMS) ** 2)) for s in LINEAR)
_CODES = bytes(_code(sample << 2) for sample in range(-8192, 8192))  # samples decoded from mu-law are multiples of 4


def encode(samples: Sequence[int]) -> bytes:
    """16-bit samples as mu-law, clipped if too large. Decoded mu-law comes back unchanged, but 0x7f as 0xff."""
    return bytes(_CODES[(min(max(s, -32768), 32767) >> 2) + 8192] for s in samples)


def is_voiced(frame: bytes) -> bool:
    """Whether the frame is louder than about -40 dBFS rms. Any length; an empty frame is silent."""
    return frame != SILENCE and sum(frame.translate(_ENERGY)) > _ENERGY_UNIT * len(frame)


def mix(frames: Sequence[bytes]) -> bytes:
    """What a room hears: the linear sum, clipped. Adding SILENCE changes nothing; nobody at all is SILENCE.

    Raises ValueError when the frames differ in length.
    """
    sounding = [frame for frame in frames if frame != SILENCE]
    match sounding:
        case []:
            return SILENCE
        case [only]:
            return bytes(only)
        case [one, other] if len(one) == len(other):
            return _mix_two(one, other)
    return encode([sum(samples) for samples in zip(*(map(LINEAR.__getitem__, f) for f in sounding), strict=True)])


def _mix_two(one: bytes, other: bytes) -> bytes:
    pairs = bytearray(2 * len(one))
    pairs[0::2], pairs[1::2] = one, other
    # Addition commutes, so the byte order of the machine does not matter to the index.
    indices = memoryview(pairs).cast("H")
    return bytes(map(_sums().__getitem__, indices))


@cache
def _sums() -> bytes:
    """The mu-law sum of every two mu-law bytes, by `first << 8 | second`."""
    return b"".join(encode([one + other for other in LINEAR]) for one in LINEAR)


# --- voices ---------------------------------------------------------------------------------------------------------

_VOWELS = {  # the first three formants in Hz: what makes a murmur sound like a mouth
    "a": (730, 1090, 2440),
    "e": (530, 1840, 2480),
    "i": (300, 2250, 2950),
    "o": (570, 840, 2410),
    "u": (330, 870, 2240),
}
_LOOP = 3989  # samples; about half a second, and prime, so that no two words repeat the same stretch
_HOP = 80  # samples under one step of the envelope
_LEVELS = 33
_RMS = 3300.0  # about -20 dBFS


@cache
def _vibrato() -> list[float]:
    """The moments of a loop, in samples, a little too soon and too late in turn."""
    return [t + 6 * math.sin(t / 211) for t in range(_LOOP)]


@lru_cache(maxsize=64)
def _vowel(vowel: str, pitch: int) -> bytes:
    """A sustained vowel at -20 dBFS: harmonics of `pitch` Hz weighted by the formants, with a slow vibrato."""
    harmonics = range(1, 3400 // pitch + 1)
    weights = [sum(1 / (1 + ((n * pitch - f) / 110) ** 2) / (1 + i) for i, f in enumerate(_VOWELS[vowel])) / n**0.3
               for n in harmonics]  # fmt: skip
    rng = random.Random(f"{vowel}{pitch}")
    phases = [rng.random() * math.tau for _ in harmonics]
    wave = [0.0] * _LOOP
    for n, weight, phase in zip(harmonics, weights, phases, strict=True):
        if weight > 0.01:
            step = math.tau * n * pitch / RATE
            wave = [w + weight * math.sin(phase + step * t) for t, w in zip(_vibrato(), wave, strict=True)]
    gain = _RMS / math.sqrt(sum(w * w for w in wave) / _LOOP)
    return encode([int(gain * w) for w in wave])


@cache
def _quieter(level: int) -> bytes:
    """The table that turns mu-law down to `level`/32 of its size."""
    return encode([s * level // (_LEVELS - 1) for s in LINEAR])


def voice(sounds: str, samples: int, pitch: int, seed: int) -> bytes:
    """`samples` bytes of murmur that rises, goes through the vowels of `sounds` and falls, like one spoken word."""
    vowels = [c for c in sounds if c in _VOWELS] or ["e"]
    hops = -(-samples // _HOP)
    out = bytearray()
    for hop in range(hops):
        place = (hop + 0.5) / hops
        base = _vowel(vowels[int(place * len(vowels))], pitch)
        at = (seed * 977 + hop * _HOP) % (_LOOP - _HOP)
        syllable = 0.75 + 0.25 * math.sin(math.pi * (place * len(vowels) % 1))
        level = min(1.0, 4 * place, 5 * (1 - place)) * syllable
        out += base[at : at + _HOP].translate(_quieter(max(6, round(level * (_LEVELS - 1)))))
    return bytes(out[:samples])


def murmur(seconds: float, seed: int) -> bytes:
    """Speech-like sound without words, in whole frames: what a recording of a real voice is to the recognisers."""
    rng = random.Random(seed)
    wanted = max(1, round(seconds * RATE / FRAME)) * FRAME
    pitch = rng.choice((95, 115, 175, 210))
    out = bytearray()
    while len(out) < wanted:
        sounds = "".join(rng.choices("aeiou", k=rng.randint(1, 3)))
        out += voice(sounds, rng.randint(10, 28) * FRAME, pitch, rng.randrange(1 << 16))
    return bytes(out[:wanted])
