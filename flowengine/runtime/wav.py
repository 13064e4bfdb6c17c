"""Reads the sound files people have (WAV) into what the telephone plays: mu-law, 8 kHz, one channel."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from math import floor
from operator import add

from flowengine.runtime.mulaw import RATE, decode, encode

_PCM, _MULAW, _EXTENSIBLE = 1, 7, 0xFFFE


class BadWav(Exception):
    """The file cannot be used; the message is a plain clause such as "it is not a WAV file"."""


@dataclass(frozen=True, slots=True)
class _Form:
    tag: int
    channels: int
    rate: int
    bits: int


def read_wav(content: bytes) -> bytes:
    """8- or 16-bit PCM or mu-law, any rate, mono or stereo; the level is left alone. Raises `BadWav`."""
    form, data = _parse(content)
    if (form.tag, form.channels, form.rate) == (_MULAW, 1, RATE):
        return data
    samples = _samples(form, data)
    if form.channels == 2:
        samples = array("h", (total // 2 for total in map(add, samples[0::2], samples[1::2])))
    return encode(_resampled(samples, form.rate))


def _parse(content: bytes) -> tuple[_Form, bytes]:
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise BadWav("it is not a WAV file")
    chunks = dict(_chunks(content))
    header = chunks.get(b"fmt ", b"")
    if len(header) < 16:
        raise BadWav("its format is missing")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", header)
    if tag == _EXTENSIBLE and len(header) >= 26:
        (tag,) = struct.unpack_from("<H", header, 24)
    form = _Form(tag, channels, rate, bits)
    _check(form)
    data = chunks.get(b"data", b"")
    data = data[: len(data) - len(data) % (channels * bits // 8)]
    if not data:
        raise BadWav("it holds no sound")
    return form, data


def _check(form: _Form) -> None:
    if (form.tag, form.bits) not in ((_PCM, 8), (_PCM, 16), (_MULAW, 8)):
        raise BadWav("its sound is coded in a way we cannot read; save it as WAV, 16-bit PCM")
    if form.channels not in (1, 2):
        raise BadWav(f"it has {form.channels} channels; save it in mono or stereo")
    if not 1000 <= form.rate <= 384_000:
        raise BadWav(f"it has {form.rate} samples a second; save it with 8000 or more")


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        yield name, content[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _samples(form: _Form, data: bytes) -> Sequence[int]:
    """16-bit samples, the channels taking turns."""
    if form.tag == _MULAW:
        return decode(data)
    if form.bits == 8:  # unsigned, 128 is zero
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
