"""How long the sound in a WAV file is, and whether the telephone can play it: from its header, without decoding it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

PCM, MULAW, _EXTENSIBLE = 1, 7, 0xFFFE  # format tags
MOST_SECONDS = 600.0


class UnusableSound(Exception):
    """The file cannot be played; the message is a plain clause such as "it is not a WAV file"."""


@dataclass(frozen=True, slots=True)
class Sound:
    """What a WAV file holds: how its samples are coded, and they as they stand."""

    tag: int
    channels: int
    rate: int
    bits: int
    data: bytes

    @property
    def seconds(self) -> float:
        return len(self.data) / (self.rate * self.channels * self.bits // 8)


def wav_seconds(content: bytes) -> float:
    """Seconds of sound in a file of 8- or 16-bit PCM or mu-law, mono or stereo. Raises `UnusableSound`."""
    seconds = sound_in(content).seconds
    if seconds > MOST_SECONDS:
        raise UnusableSound("it is too long: at most ten minutes, please")
    return seconds


def sound_in(content: bytes) -> Sound:
    """Of any length. Raises `UnusableSound`."""
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise UnusableSound(f"it is {_looks_like(content)}, not a WAV file")
    chunks = dict(_chunks(content))
    header = chunks.get(b"fmt ", b"")
    if len(header) < 16:
        raise UnusableSound("its format is missing")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", header)
    if tag == _EXTENSIBLE and len(header) >= 26:
        (tag,) = struct.unpack_from("<H", header, 24)
    if (tag, bits) not in ((PCM, 8), (PCM, 16), (MULAW, 8)):
        raise UnusableSound("its sound is coded in a way we cannot read; save it as WAV, 16-bit PCM")
    if channels not in (1, 2):
        raise UnusableSound(f"it has {channels} channels; save it in mono or stereo")
    if not 1000 <= rate <= 384_000:
        raise UnusableSound(f"it has {rate} samples a second; save it with 8000 or more")
    return Sound(tag, channels, rate, bits, chunks.get(b"data", b""))


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        yield name, content[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def _looks_like(content: bytes) -> str:
    kinds = ((b"ID3", "MP3"), (b"\xff\xfb", "MP3"), (b"OggS", "Ogg"), (b"fLaC", "FLAC"))
    kind = next((kind for start, kind in kinds if content.startswith(start)), "")
    return kind or ("M4A" if content[4:8] == b"ftyp" else "something else")
