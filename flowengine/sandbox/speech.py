"""Speech that carries its own words, so that what a party heard can be read off the audio that was played to it.

Each word is one self-contained record in the low bits of its mu-law samples:

    magic 32 | samples 16 | speaker 8 | utterance 16 | index 16 | count 16 | size of text 8 | text | noise | checksum 32

The record fills the word and its checksum covers every bit of its samples, so a frame lost, swapped, clipped or mixed
with another voice makes the word unreadable. A frame played twice at a word's edge leaves the record whole, so such a
repetition is looked for as well.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from flowengine.sandbox.sound import FRAME, RATE, SILENCE, is_voiced, mix, murmur, voice
from flowengine.sandbox.wav import read_recording

__all__ = ["FRAME", "RATE", "SILENCE", "Ear", "Word", "find_words", "is_voiced", "mix", "murmur", "read_wav", "speak"]

SPEAKERS = ("caller", "staff", "agent", "notice")
_PITCH = {"caller": 200, "staff": 110, "agent": 180, "notice": 145}

_HEADER = struct.Struct(">HBHHHB")  # samples, speaker, utterance, index, count, bytes of text
_MAGIC = 0x6B1D_A59C
_MAGIC_BITS = format(_MAGIC, "032b").encode()
_TEXT_AT = 32 + 8 * _HEADER.size  # samples before the text
_CHECK = 32  # samples that carry the checksum, at the end
_LONGEST_TEXT = 200  # bytes
_LONGEST = 2 * RATE  # samples
_LOOK = 32  # samples compared to tell whether a frame was played twice

_QUIET = b"\xff" * (FRAME + len(_MAGIC_BITS) - 1)  # all that an ear keeps of a long silence

_LOW = bytes(0x30 | b & 1 for b in range(256))  # a sample -> its low bit as "0" or "1"
_CLEAR = bytes(0x7C if b & 0xFE == 0x7E else b & 0xFE for b in range(256))  # mixing loses 0x7f
_BIT = bytes(b & 1 for b in range(256))


@dataclass(frozen=True, slots=True)
class Word:
    """One intact record. `start` and `end` (exclusive) are byte offsets in the audio it was found in."""

    speaker: str
    utterance: int
    index: int
    count: int
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Header:
    samples: int
    speaker: str
    utterance: int
    index: int
    count: int
    text_bytes: int


# --- speaking -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def speak(text: str, speaker: str, utterance: int) -> bytes:
    """`text` as mu-law 8 kHz, always the same: its words without gaps, whole frames each, then one frame of silence.

    White space between words counts as one space; no words are no audio. `utterance` is taken modulo 65536.
    Raises ValueError for an unknown speaker.
    """
    if speaker not in SPEAKERS:
        raise ValueError(f"no speaker {speaker!r}; there are {', '.join(SPEAKERS)}")
    texts = [part for word in text.split() for part in _parts(word)]
    words = (_record(word, speaker, utterance & 0xFFFF, i, len(texts)) for i, word in enumerate(texts))
    return b"".join(words) + SILENCE if texts else b""


def _parts(word: str) -> Iterator[bytes]:
    """A word as UTF-8, cut between characters where it is too long for one record."""
    data = word.encode(errors="replace")
    while len(data) > _LONGEST_TEXT:
        cut = _LONGEST_TEXT
        while data[cut] & 0xC0 == 0x80:
            cut -= 1
        yield data[:cut]
        data = data[cut:]
    yield data


def _samples(text: bytes) -> int:
    """How long a word takes: two and a half to three words a second on average, a little longer before a pause."""
    letters = len(text.decode())
    seconds = 0.15 + 0.047 * min(letters, 20) + {b".": 0.14, b"?": 0.14, b"!": 0.14, b",": 0.08}.get(text[-1:], 0.0)
    least = _TEXT_AT + 8 * len(text) + _CHECK
    return -(-max(int(seconds * RATE), least) // FRAME) * FRAME


def _record(text: bytes, speaker: str, utterance: int, index: int, count: int) -> bytes:
    samples = _samples(text)
    header = _HEADER.pack(samples, SPEAKERS.index(speaker), utterance, index, count, len(text))
    data = _MAGIC.to_bytes(4, "big") + header + text
    noise = random.Random(data).getrandbits(free) if (free := samples - _CHECK - 8 * len(data)) else 0
    bits = int.from_bytes(data, "big") << free + _CHECK | noise << _CHECK
    murmured = voice(text.decode().lower(), samples, _PITCH[speaker], utterance * 31 + index).translate(_CLEAR)
    spoken = _with_bits(murmured, bits)
    return _with_bits(spoken, zlib.crc32(spoken))


def _with_bits(sound: bytes, bits: int) -> bytes:
    """`sound` with the low bit of each sample set where `bits` (first sample first) says so."""
    spread = format(bits, f"0{len(sound)}b").encode().translate(_BIT)
    return (int.from_bytes(sound, "big") | int.from_bytes(spread, "big")).to_bytes(len(sound), "big")


# --- hearing --------------------------------------------------------------------------------------------------------


def find_words(audio: bytes | bytearray) -> list[Word]:
    """All intact records in a finished piece of audio, at any byte offset, in order."""
    return list(_Search(audio, audio.translate(_LOW), 0, final=True))


class Ear:
    """`find_words` for a stream in bounded memory. A word is reported once the 20 ms after it have arrived as well."""

    def __init__(self) -> None:
        self._audio = bytearray()
        self._bits = bytearray()
        self._dropped = 0  # bytes of the stream no longer kept
        self._at = 0  # where in what is kept the search goes on
        self._need = 0  # how much must be kept before searching again can find anything

    def feed(self, audio: bytes) -> list[Word]:
        """The records completed by these bytes; `start` and `end` are offsets since the stream began."""
        if audio == SILENCE and self._audio == _QUIET:
            self._dropped += FRAME  # silence after silence: only time passes
            return []
        self._audio += audio
        self._bits += audio.translate(_LOW)
        if len(self._audio) < self._need:
            return []
        search = _Search(self._audio, self._bits, self._at, offset=self._dropped)
        words = list(search)
        self._at, self._need = search.at, search.need
        self._forget(self._at - FRAME)
        return words

    def _forget(self, count: int) -> None:
        if count > 0:
            del self._audio[:count], self._bits[:count]
            self._dropped += count
            self._at -= count
            self._need -= count


class _Search:
    """One pass over what is there: yields words, leaves in `at` where and in `need` with how much audio to go on."""

    def __init__(
        self, audio: bytes | bytearray, bits: bytes | bytearray, at: int, *, offset: int = 0, final: bool = False
    ) -> None:
        self.audio, self.bits, self.at, self.offset, self.final = audio, bits, at, offset, final
        self.need = 0

    def __iter__(self) -> Iterator[Word]:
        while (found := self.bits.find(_MAGIC_BITS, self.at)) >= 0:
            self.at, self.need = found, 0
            word = self._word(found)
            if self.need:
                return
            self.at = word.end - self.offset if word else found + 1
            if word:
                yield word
        self.at, self.need = max(self.at, len(self.bits) - len(_MAGIC_BITS) + 1), 0

    def _word(self, at: int) -> Word | None:
        """The record that begins here; None when it is damaged, or not all there yet (then `need` is set)."""
        header = self._header(at) if self._has(at + _TEXT_AT) else None
        if header is None or not self._has(end := at + header.samples, more=FRAME):
            return None
        if not self._sound(at, end) or self._repeated(at, end):
            return None
        text = _read(self.bits, at + _TEXT_AT, header.text_bytes).decode(errors="replace")
        start, end = at + self.offset, end + self.offset
        return Word(header.speaker, header.utterance, header.index, header.count, text, start, end)

    def _has(self, end: int, more: int = 0) -> bool:
        """Whether the audio up to `end` is there, and `more` after it if there is anything to wait for."""
        if len(self.audio) >= end + (0 if self.final else more):
            return True
        self.need = 0 if self.final else end + more
        return False

    def _header(self, at: int) -> _Header | None:
        """The header behind a magic number; None when it makes no sense."""
        samples, speaker, utterance, index, count, size = _HEADER.unpack(_read(self.bits, at + 32, _HEADER.size))
        room = samples - _TEXT_AT - _CHECK
        if samples > _LONGEST or samples % FRAME or 8 * size > room or speaker >= len(SPEAKERS) or index >= count:
            return None
        return _Header(samples, SPEAKERS[speaker], utterance, index, count, size)

    def _sound(self, start: int, end: int) -> bool:
        """Whether the checksum over all bits of all samples holds."""
        body, check = self.audio[start : end - _CHECK], self.audio[end - _CHECK : end]
        return zlib.crc32(check.translate(_CLEAR), zlib.crc32(body)) == int(self.bits[end - _CHECK : end], 2)

    def _repeated(self, start: int, end: int) -> bool:
        """Whether a frame over one of the word's edges was played twice: its head 20 ms before or its tail 20 ms after.

        A frame over the edge of two words holds at least 80 samples of one of them, so one of them is missed.
        """
        tail_again = end + FRAME
        return (start >= FRAME and self._same(start - FRAME, start)) or self._same(end - _LOOK, tail_again - _LOOK)

    def _same(self, one: int, other: int) -> bool:
        return self.audio[one : one + _LOOK] == self.audio[other : other + _LOOK]


def _read(bits: bytes | bytearray, at: int, size: int) -> bytes:
    return int(bits[at : at + 8 * size] or b"0", 2).to_bytes(size, "big")


def read_wav(path: str | Path) -> bytes:
    """A recording as mu-law 8 kHz in whole frames, with no record readable in it.

    Takes what `wav.read_recording` takes and raises what it raises.
    """
    audio = bytearray(read_recording(path))
    while (at := audio.translate(_LOW).find(_MAGIC_BITS)) >= 0:
        audio[at] ^= 1  # a tape of emulated speech is a tape: nobody understands it
    return bytes(audio)
