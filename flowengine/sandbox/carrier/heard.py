"""What a party heard, read off the audio itself: whose words, music, her own voice, or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import groupby

from flowengine.sandbox.speech import FRAME, RATE, Word, find_words, is_voiced

__all__ = ["Segment", "segments"]

FRAME_SECONDS = FRAME / RATE
_BRIDGED = {"music": 25, "self": 15}  # frames of quiet inside these that are part of them, as breath is part of speech
_TOO_SHORT = 10  # frames of silence that nobody would call a silence
_LOST = 2  # frames in a row that may be missing inside a damaged word
_REACTS = 25  # frames around what she did in which an utterance may break off for it
_WORD = 62  # frames the longest ordinary word takes; how far a damaged edge of an utterance is looked for


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of what one party heard. `at` is seconds since that leg was answered.

    `what`: agent, notice, staff or caller (speech, by the speaker its records name), music (sound nobody signed), self
    (only she spoke), silence (nobody did). `clipped`: words of it are missing, and not because she spoke, pressed a key
    or hung up.
    """

    at: float
    seconds: float
    what: str
    text: str
    clipped: bool = False


@dataclass(slots=True)
class _Stretch:
    """`what` from frame `start` to `end`, exclusive."""

    start: int
    end: int
    what: str
    text: str = ""
    clipped: bool = False


def segments(heard: bytes | bytearray, spoken: bytes | bytearray, acts: Sequence[float] = ()) -> list[Segment]:
    """What `heard` and the party's own `spoken` (same length, whole frames) amount to; the segments tile it.

    `acts`: seconds from the beginning at which she did something else, such as pressing a key.
    """
    labels = _labels(heard, spoken)
    acting = {round(at / FRAME_SECONDS) for at in acts} | {n for n, label in enumerate(labels) if label == "self"}
    stretches = _fill(_utterances(heard, labels, acting), labels)
    return [_segment(s) for s in _merged(_without_blips(list(stretches)))]


def _segment(stretch: _Stretch) -> Segment:
    start, length = stretch.start * FRAME_SECONDS, (stretch.end - stretch.start) * FRAME_SECONDS
    return Segment(round(start, 3), round(length, 3), stretch.what, stretch.text, stretch.clipped)


def _labels(heard: bytes | bytearray, spoken: bytes | bytearray) -> list[str]:
    """For each frame: her own voice before unsigned sound, so that speaking over music shows."""
    return [
        "self" if is_voiced(bytes(own)) else "music" if is_voiced(bytes(other)) else "silence"
        for own, other in zip(_frames(spoken), _frames(heard), strict=True)
    ]


def _frames(audio: bytes | bytearray) -> Iterator[bytes | bytearray]:
    return (audio[at : at + FRAME] for at in range(0, len(audio), FRAME))


def _utterances(heard: bytes | bytearray, labels: Sequence[str], acting: Set[int]) -> list[_Stretch]:
    """The intact words, an utterance at a time. Two utterances heard at once take turns, word by word."""
    groups = list(_groups(find_words(heard)))
    spoken: list[_Stretch] = []
    for n, (words, incomplete) in enumerate(zip(groups, _incomplete(groups), strict=True)):
        floor = spoken[-1].end if spoken else 0
        ceiling = groups[n + 1][0].start // FRAME if n + 1 < len(groups) else len(labels)
        start = _back(labels, max(floor, words[0].start // FRAME), floor, words[0])
        end = _on(labels, min(ceiling, -(-words[-1].end // FRAME)), ceiling, words[-1])
        if end > start:
            clipped = incomplete and acting.isdisjoint(range(start - _REACTS, end + _REACTS))
            spoken.append(_Stretch(start, end, words[0].speaker, " ".join(w.text for w in words), clipped))
    return spoken


def _groups(words: Sequence[Word]) -> Iterator[list[Word]]:
    """The words of one utterance that follow one another; one that is said again is another group."""
    group: list[Word] = []
    for word in words:
        if group and (_utterance(word) != _utterance(group[0]) or word.index <= group[-1].index):
            yield group
            group = []
        group.append(word)
    if group:
        yield group


def _utterance(word: Word) -> tuple[str, int, int]:
    return word.speaker, word.utterance, word.count


def _incomplete(groups: Sequence[Sequence[Word]]) -> list[bool]:
    """For each group whether words of its utterance are missing; one that another voice split goes on later."""
    missing = [False] * len(groups)
    parts: dict[tuple[str, int, int], tuple[int, list[int]]] = {}  # utterance -> the next word, and its groups so far
    for n, words in enumerate(groups):
        key = _utterance(words[0])
        due, before = parts.pop(key, (0, []))
        if words[0].index != due:
            due, before = 0, []
        gapless = words[0].index == due and words[-1].index - words[0].index == len(words) - 1
        ends = words[-1].index == words[-1].count - 1
        missing[n] = not gapless or not ends
        if gapless and ends:
            for part in before:
                missing[part] = False
        elif gapless:
            parts[key] = words[-1].index + 1, [*before, n]
    return missing


def _back(labels: Sequence[str], start: int, floor: int, word: Word) -> int:
    """Where an utterance whose first words are damaged began: sound just before its first intact word is its own."""
    if word.index == 0:
        return start
    before = labels[max(floor, start - _WORD) : start]
    return start - _unsigned_run(before[::-1])


def _on(labels: Sequence[str], end: int, ceiling: int, word: Word) -> int:
    """Where an utterance that was cut off ended: the rest of the word that was cut is its own."""
    whole = word.index == word.count - 1
    return end if whole else end + _unsigned_run(labels[end : min(ceiling, end + _WORD)])


def _unsigned_run(labels: Sequence[str]) -> int:
    """How many frames of unsigned sound come first, a lost frame or two included."""
    length = 0
    for n, label in enumerate(labels):
        if label == "music":
            length = n + 1
        elif label != "silence" or n - length >= _LOST:
            break
    return length


def _fill(spoken: Sequence[_Stretch], labels: Sequence[str]) -> Iterator[_Stretch]:
    at = 0
    for stretch in spoken:
        yield from _unsigned(labels, at, stretch.start)
        yield stretch
        at = stretch.end
    yield from _unsigned(labels, at, len(labels))


def _unsigned(labels: Sequence[str], start: int, end: int) -> Iterator[_Stretch]:
    """Everything between two utterances, with the small gaps inside music and speech closed."""
    runs: list[_Stretch] = []
    for what, group in groupby(range(start, end), key=labels.__getitem__):
        frames = list(group)
        runs.append(_Stretch(frames[0], frames[-1] + 1, what))
    for before, gap, after in zip(runs, runs[1:], runs[2:], strict=False):
        if gap.what == "silence" and before.what == after.what and gap.end - gap.start <= _BRIDGED[before.what]:
            gap.what = before.what
    yield from runs


def _without_blips(stretches: Sequence[_Stretch]) -> list[_Stretch]:
    """A silence too short to notice belongs to what it follows; at the very start, to what it precedes."""
    kept: list[_Stretch] = []
    for n, stretch in enumerate(stretches):
        short = stretch.what == "silence" and stretch.end - stretch.start <= _TOO_SHORT
        if short and kept:
            kept[-1].end = stretch.end
        elif short and n + 1 < len(stretches):
            stretches[n + 1].start = stretch.start
        else:
            kept.append(stretch)
    return kept


def _merged(stretches: Sequence[_Stretch]) -> list[_Stretch]:
    """Neighbours of one kind are one, unless they are speech: each utterance stays a segment of its own."""
    merged: list[_Stretch] = []
    for stretch in stretches:
        if merged and merged[-1].what == stretch.what and not stretch.text and not merged[-1].text:
            merged[-1].end = stretch.end
        else:
            merged.append(stretch)
    return merged
