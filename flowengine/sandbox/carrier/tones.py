"""The carrier's own sounds: ringing, beeps, keys and its wait music. All of them untagged."""

from __future__ import annotations

import math
from functools import cache

from flowengine.sandbox.speech import FRAME, RATE, SILENCE

__all__ = ["KEYS", "beep", "key_tone", "loop", "ringback", "wait_music"]

_ROWS, _COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
KEYS = "123A456B789C*0#D"
_TUNE = (392, 494, 587, 784, 587, 494, 440, 523, 659, 880, 659, 523)  # Hz, a broken chord and the next one


def _code(sample: int) -> int:
    """One 16-bit sample as mu-law (ITU-T G.711)."""
    sign, size = (0x80, -sample) if sample < 0 else (0, sample)
    size = min(size, 32635) + 0x84
    exponent = size.bit_length() - 8
    return ~(sign | exponent << 4 | (size >> exponent + 3) & 0x0F) & 0xFF


@cache
def tone(hertz: tuple[int, ...], seconds: float, level: int = 3000) -> bytes:
    """A sum of sines in whole frames; `level` is each one's amplitude."""
    count = round(seconds * RATE / FRAME) * FRAME
    waves = (sum(math.sin(math.tau * f * t / RATE) for f in hertz) for t in range(count))
    return bytes(_code(int(level * w)) for w in waves)


def key_tone(key: str) -> bytes:
    """The two tones of a telephone key, 100 ms."""
    row, column = divmod(KEYS.index(key), 4)
    return tone((_ROWS[row], _COLUMNS[column]), 0.1)


def beep() -> bytes:
    """What conferences, recordings and voicemail use: half a second."""
    return tone((1000,), 0.5)


@cache
def ringback() -> bytes:
    """A phone ringing elsewhere: twice 0.4 s, then 2 s of nothing."""
    ring, gap = tone((400, 450), 0.4, 1500), SILENCE * 10
    return ring + gap + ring + SILENCE * 100


@cache
def wait_music() -> bytes:
    """The carrier's own hold music."""
    return b"".join(tone((note, note // 2), 0.3, 1800) for note in _TUNE)


def loop(audio: bytes, at: int) -> bytes:
    """The frame at `at` bytes of audio that repeats for ever."""
    at %= len(audio)
    return audio[at : at + FRAME]
