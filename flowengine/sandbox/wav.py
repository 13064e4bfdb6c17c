"""Recordings of real voices for the emulated telephone: WAV files of any usual kind, as mu-law 8 kHz."""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flowengine.sandbox.sound import FRAME, LINEAR, RATE, SILENCE, encode

__all__ = ["read_recording"]

_PCM, _MULAW, _EXTENSIBLE = 1, 7, 0xFFFE
_TAPS = 16  # half the length of the anti-aliasing filter, in samples of the telephone


@dataclass(frozen=True, slots=True)
class _Format:
    tag: int
    channels: int
    rate: int
    bits: int


def read_recording(path: str | Path) -> bytes:
    """The file as mu-law 8 kHz in whole frames.

    8 to 48 kHz, mono or stereo, PCM of 8, 16 or 24 bits or mu-law (format tags 1, 7, 0xFFFE) are read.

    Raises ValueError saying what is wrong with the file, OSError when it cannot be read.
    """
    form, data = _parse(Path(path).read_bytes())
    if (form.tag, form.channels, form.rate) == (_MULAW, 1, RATE):
        audio = data
    else:
        audio = encode(_to_rate(_to_mono(_samples(form, data), form.channels), form.rate))
    return audio + SILENCE[: -len(audio) % FRAME]


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        yield name, content[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _parse(content: bytes) -> tuple[_Format, bytes]:
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise ValueError("not a WAV file")
    chunks = dict(_chunks(content))
    header, data = chunks.get(b"fmt ", b""), chunks.get(b"data")
    if len(header) < 16 or data is None:
        raise ValueError("a WAV file without a format or without sound")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", header)
    if tag == _EXTENSIBLE and len(header) >= 26:
        (tag,) = struct.unpack_from("<H", header, 24)
    form = _Format(tag, channels, rate, bits)
    if tag not in (_PCM, _MULAW) or bits not in ((8,) if tag == _MULAW else (8, 16, 24)):
        raise ValueError(f"sound of a kind not read here (format {tag}, {bits} bits); save it as 16-bit PCM")
    if channels not in (1, 2) or not 8000 <= rate <= 48000:
        raise ValueError(f"{channels} channels at {rate} Hz; mono or stereo from 8000 to 48000 Hz are read")
    return form, data


def _samples(form: _Format, data: bytes) -> Sequence[int]:
    """All samples, channels interleaved, as 16 bit."""
    match form.tag, form.bits:
        case 7, _:
            return [LINEAR[b] for b in data]
        case _, 8:
            return [(b - 128) << 8 for b in data]
        case _, 16:
            whole = len(data) // 2
            return array("h", struct.unpack(f"<{whole}h", data[: 2 * whole]))
        case _:
            whole = len(data) // 3 * 3
            middle, top = data[1:whole:3], data[2:whole:3]  # the lowest byte is below what mu-law can say
            return [(hi - 256 if hi > 127 else hi) << 8 | lo for lo, hi in zip(middle, top, strict=True)]


def _to_mono(samples: Sequence[int], channels: int) -> Sequence[int]:
    if channels == 1:
        return samples
    return [(left + right) >> 1 for left, right in zip(samples[0::2], samples[1::2], strict=False)]


def _to_rate(samples: Sequence[int], rate: int) -> Sequence[int]:
    """At 8 kHz: a windowed sinc below 3.6 kHz, computed only where a sample is wanted."""
    if rate == RATE:
        return samples
    step = rate / RATE
    reach = int(_TAPS * step)
    kernels = _kernels(step, reach)
    padded = [0] * reach + list(samples) + [0] * (reach + 1)
    out = []
    for n in range(int(len(samples) / step)):
        whole, part = divmod(n * step, 1.0)
        kernel = kernels[int(part * len(kernels))]
        window = padded[int(whole) : int(whole) + len(kernel)]
        out.append(int(sum(k * s for k, s in zip(kernel, window, strict=False))))
    return out


def _kernels(step: float, reach: int, phases: int = 64) -> list[list[float]]:
    """One filter for each of `phases` places between two samples of the file."""
    cut = 0.9 / step  # of the file's own half rate

    def tap(x: float) -> float:
        window = 0.5 + 0.5 * math.cos(math.pi * x / (reach + 1))
        return window * (cut if x == 0 else math.sin(math.pi * cut * x) / (math.pi * x))

    kernels = []
    for phase in range(phases):
        taps = [tap(i - reach - phase / phases) for i in range(2 * reach + 2)]
        total = sum(taps)
        kernels.append([t / total for t in taps])
    return kernels
