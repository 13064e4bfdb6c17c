"""Reads the sound files people have (WAV) into what the telephone plays: mu-law, 8 kHz, one channel."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate, chain
from math import floor
from operator import add

from flowengine.flow.wav_header import MULAW, Sound, UnusableSound, sound_in
from flowengine.runtime.mulaw import RATE, decode, encode


def read_wav(content: bytes) -> bytes:
    """8- or 16-bit PCM or mu-law, any rate, mono or stereo; the level is left alone. Raises `UnusableSound`."""
    sound = sound_in(content)
    data = sound.data[: len(sound.data) - len(sound.data) % (sound.channels * sound.bits // 8)]
    if not data:
        raise UnusableSound("it holds no sound")
    if (sound.tag, sound.channels, sound.rate) == (MULAW, 1, RATE):
        return data
    samples = _samples(sound, data)
    if sound.channels == 2:
        samples = array("h", (total // 2 for total in map(add, samples[0::2], samples[1::2])))
    return encode(_resampled(samples, sound.rate))


def _samples(sound: Sound, data: bytes) -> Sequence[int]:
    """16-bit samples, the channels taking turns."""
    if sound.tag == MULAW:
        return decode(data)
    if sound.bits == 8:  # unsigned, 128 is zero
        return array("h", [(sample - 128) << 8 for sample in data])
    samples = array("h", data)
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def _resampled(samples: Sequence[int], rate: int) -> Iterator[int]:
    """At 8000 a second: the mean of the line through the samples' running sum over each new sample's span.

    Upwards that is linear interpolation; downwards the mean keeps most of what 8 kHz cannot carry from folding back.
    """
    sums = array("q", chain((0,), accumulate(samples)))  # ten minutes of stereo are 26 million: no list of those
    sums.append(sums[-1] + samples[-1])  # the last sample holds on
    step = rate / RATE
    span = max(1.0, step)
    end = len(samples)
    for n in range(int(end / step)):
        begin = min(n * step, end - 1.0)
        until = min(begin + span, float(end))
        yield round((_at(sums, until) - _at(sums, begin)) / (until - begin))


def _at(sums: Sequence[int], place: float) -> float:
    whole = floor(place)
    return sums[whole] + (place - whole) * (sums[whole + 1] - sums[whole])
