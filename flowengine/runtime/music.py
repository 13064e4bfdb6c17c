"""What a caller on hold hears: a piece of our own, or the office's file, as mu-law that goes round without a click."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import pairwise
from operator import add
from pathlib import Path

from flowengine.flow.wav_header import UnusableSound, wav_seconds
from flowengine.runtime.mulaw import RATE, crossed, decode, encode, ramped, trimmed, without_long_pauses
from flowengine.runtime.wav import read_wav

MOST_BYTES = 120 * 2**20  # of a file: ten minutes of stereo at CD quality
MOST_PAUSE = RATE  # samples of silence inside a piece: who waits must not think that the line is dead
_SEAM = RATE * 30 // 1000  # over which the end of a piece turns into its beginning, where they do not fit
_FADE = RATE * 20 // 1000  # in which music dies away where it is left, and swells where it is taken up again
_LEVEL = 3276.8  # rms, -20 dBFS: the middle of what telephone speech has

# The chords, each one bar: frequencies are MIDI notes. Between 150 Hz and 1.2 kHz a telephone sounds warm.
_CHORDS = (
    (48, 64, 67, 71, 76),  # C major 7
    (45, 60, 64, 67, 72),  # A minor 7
    (53, 65, 69, 72, 76),  # F major 7
    (43, 62, 67, 69, 74),  # G 6/9
    (48, 64, 67, 71, 74),
    (52, 62, 67, 71, 76),  # E minor 7
    (53, 60, 65, 69, 76),
    (43, 59, 65, 69, 74),  # G 9
)
_PATTERN = (1, 3, 2, 4, 3, 2, 4, 2)  # which note of the chord is plucked, eight to the bar
_BEAT = RATE * 5 // 16  # samples between two plucked notes
_BAR = _BEAT * len(_PATTERN)  # 2.5 s
_LENGTH = _BAR * len(_CHORDS)  # 20 s


class MusicError(Exception):
    """A music file cannot be used; the message is a sentence for whoever wrote the flow."""


class NotMusic(Exception):
    """What was read is no music we can play; the message is a plain clause."""


class Loop:
    """Sound without end."""

    def __init__(self, audio: bytes) -> None:
        if not audio:
            raise ValueError("a loop needs sound")
        self._audio, self._at = audio, 0

    def next(self, length: int) -> bytes:
        """The next `length` bytes, over the end and on from the beginning."""
        out = bytearray()
        while len(out) < length:
            piece = self._audio[self._at : self._at + length - len(out)]
            out += piece
            self._at = (self._at + len(piece)) % len(self._audio)
        return bytes(out)


class Feed:
    """A loop as it is played: in pieces, left and taken up again at any moment, and each time without a click."""

    def __init__(self, audio: bytes) -> None:
        self._loop, self._sounds = Loop(audio), False

    def next(self, length: int) -> bytes:
        """The next piece; it begins softly when the music was not playing."""
        piece = self._loop.next(length)
        if self._sounds or not piece:
            return piece
        self._sounds = True
        return ramped(piece[:_FADE], 0, 1) + piece[_FADE:]

    def fade(self) -> bytes:
        """20 ms in which it dies away, to be played behind what was played last; empty when it is not playing."""
        if not self._sounds:
            return b""
        self._sounds = False
        return ramped(self._loop.next(_FADE), 1, 0)

    def cut(self) -> None:
        """The carrier threw away what it had of it: it is not playing any more."""
        self._sounds = False


def load_music(path: Path) -> bytes:
    """A WAV file (8- or 16-bit PCM or mu-law, any rate, mono or stereo) as mu-law 8 kHz. Raises `MusicError`.

    Takes about a third of a second for each minute the first time; a file that has not changed comes from memory.
    """
    try:
        status = path.stat()
        if status.st_size > MOST_BYTES:
            raise MusicError(f"The music file {path} is too long: at most ten minutes, please.")
        return _loaded(path, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise MusicError(f"The music file {path} cannot be read: {error.strerror or 'it cannot be opened'}.") from None
    except NotMusic as problem:
        raise MusicError(f"The music file {path} cannot be played: {problem}.") from None


@lru_cache(maxsize=8)
def _loaded(path: Path, changed: int, size: int) -> bytes:
    return playable(path.read_bytes())


def playable(content: bytes) -> bytes:
    """A WAV file as hold music: no silence before and after, no long pause, and no click at the seam. Raises
    `NotMusic` with a plain clause such as "it is MP3, not a WAV file". Work for a thread: see `load_music`.
    """
    try:
        wav_seconds(content)  # the length too, before anything is decoded
        audio = read_wav(content)
    except UnusableSound as problem:
        raise NotMusic(str(problem)) from None
    heard = without_long_pauses(trimmed(audio), MOST_PAUSE)
    if not heard:
        raise NotMusic("it holds no sound that can be heard" if audio else "it holds no sound")
    return seamless(heard)


def seamless(audio: bytes) -> bytes:
    """Where the step from the end to the beginning is larger than any close by, the one turns into the other instead;
    a piece that was made to be repeated stays as it is.
    """
    near = min(_SEAM, len(audio) // 2)
    around = decode(audio[len(audio) - near :] + audio[:near])
    steps = [abs(after - before) for before, after in pairwise(around)]
    if not steps or steps[near - 1] <= max(steps[: near - 1] + steps[near:], default=0):
        return audio
    return crossed(audio[-near:], audio[:near]) + audio[near:-near]


@cache
def built_in_music() -> bytes:
    """Slow chords under a plucked line, 20 s, made here; what rings beyond the end rings on at the beginning."""
    mixed = [0.0] * _LENGTH
    for bar, chord in enumerate(_CHORDS):
        for note in chord[:3]:
            _mix_in(mixed, _swell(note), bar * _BAR - _BAR // 2)
        for beat, which in enumerate(_PATTERN):
            _mix_in(mixed, _pluck(chord[which] + 12), bar * _BAR + beat * _BEAT)
    for notes in (_swell, _pluck):
        notes.cache_clear()  # 20 MB that nobody needs again
    gain = _LEVEL / math.sqrt(sum(s * s for s in mixed) / _LENGTH)
    return encode([int(gain * s) for s in mixed])


def _mix_in(mixed: list[float], sound: list[float], at: int) -> None:
    at %= _LENGTH
    before_end = min(len(sound), _LENGTH - at)
    mixed[at : at + before_end] = map(add, mixed[at : at + before_end], sound)
    rest = sound[before_end:]
    mixed[: len(rest)] = map(add, mixed[: len(rest)], rest)


def _turn(note: int) -> float:
    """Radians a sample of a MIDI note."""
    return math.tau * 440 * 2 ** ((note - 69) / 12) / RATE


@cache
def _swell(note: int) -> list[float]:
    """A soft tone of two bars that rises and falls so that each chord melts into the next."""
    turn, length = _turn(note), 2 * _BAR
    fade = [math.sin(math.pi * t / length) ** 2 for t in range(length)]
    return [0.5 * f * (math.sin(turn * t) + 0.3 * math.sin(2 * turn * t)) for t, f in enumerate(fade)]


@cache
def _pluck(note: int) -> list[float]:
    """A bell-like tone that dies away within three beats."""
    return list(_plucked(_turn(note), 3 * _BEAT))


def _plucked(turn: float, length: int) -> Iterator[float]:
    attack, end = RATE // 200, RATE // 50
    for t in range(length):
        envelope = min(1.0, t / attack) * math.exp(-4.5 * t / length) * min(1.0, (length - t) / end)
        yield envelope * (math.sin(turn * t) + 0.25 * math.exp(-6 * t / length) * math.sin(2 * turn * t))
