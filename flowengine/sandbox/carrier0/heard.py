"""What a party heard, measured from the audio that was played into her ear."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from flowengine.sandbox.speech import FRAME, Word, find_words, is_voiced

SECONDS_A_FRAME = 0.02
SHORT_PAUSE = 15  # frames of silence that belong to what they interrupt
GAP_IN_SPEECH = 100  # frames between two words of one utterance that are still that utterance (a damaged word)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of what a party heard. `at` is seconds since her leg was answered; segments tile the leg.

    `what`: agent, notice (the carrier's voice), staff, caller, music, self (her own speech) or silence.
    """

    at: float
    seconds: float
    what: str
    text: str


Label = tuple[str, int]  # what, utterance


def segments(heard: bytes, said: bytes, role: str) -> list[Segment]:
    """Tiles what was heard: words make speech, other sound is music, and nobody speaking at all is silence."""
    frames = len(heard) // FRAME
    words = find_words(heard)
    labels = _labels(heard, said, frames, words)
    _absorb_pauses(labels)
    made: list[Segment] = []
    start = 0
    for label, run in groupby(labels):
        length = sum(1 for _ in run)
        text = _text(words, label, start, start + length)
        made.append(Segment(round(start * SECONDS_A_FRAME, 3), round(length * SECONDS_A_FRAME, 3), label[0], text))
        start += length
    return made


def _labels(heard: bytes, said: bytes, frames: int, words: list[Word]) -> list[Label]:
    labels: list[Label] = [_untagged(heard[i * FRAME : (i + 1) * FRAME], said[i * FRAME : (i + 1) * FRAME]) for i in range(frames)]
    last: Word | None = None
    for word in words:
        label = (word.speaker, word.utterance)
        first, end = word.start // FRAME, -(-word.end // FRAME)
        if last and (last.speaker, last.utterance) == label and first - last.end // FRAME < GAP_IN_SPEECH:
            first = last.end // FRAME
        labels[first:end] = [label] * (min(end, frames) - first)
        last = word
    return labels


def _untagged(heard: bytes, said: bytes) -> Label:
    if is_voiced(said):
        return "self", 0
    return ("music", 0) if is_voiced(heard) else ("silence", 0)


def _absorb_pauses(labels: list[Label]) -> None:
    """A breath is not a silence."""
    at = 0
    for label, run in [(label, sum(1 for _ in group)) for label, group in groupby(labels)]:
        if label[0] == "silence" and run < SHORT_PAUSE and at > 0:
            labels[at : at + run] = [labels[at - 1]] * run
        at += run


def _text(words: list[Word], label: Label, start: int, end: int) -> str:
    mine = (w for w in words if (w.speaker, w.utterance) == label and start <= w.start // FRAME < end)
    return " ".join(w.text for w in mine)
