"""Keeps count of a run's faults and says, at each place where something can go wrong, whether it does now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

from flowengine.sandbox.carrier.behaviour import (
    AnswerRefer,
    CutStream,
    Fault,
    LoseCallback,
    LoseFrame,
    LoseKey,
    LoseMark,
    LoseStop,
    LoseText,
    RestAnswers,
    RestSilent,
)
from flowengine.sandbox.speech import FRAME, SILENCE, Word, find_words

__all__ = ["Faults", "phrase_at"]

_Counted = TypeVar("_Counted", RestAnswers, AnswerRefer, CutStream, LoseText)


class Faults:
    """The faults of one run. `done` lists those that have happened, so that a test can tell a fault that never did."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._faults = tuple(faults)
        self._seen: Counter[object] = Counter()
        self.done: list[Fault] = []

    def loses_callback(self, url: str) -> bool:
        return self._any((f, f.nth) for f in self._faults if isinstance(f, LoseCallback) and f.path in url)

    def loses_mark(self) -> bool:
        return self._any((f, f.nth) for f in self._faults if isinstance(f, LoseMark))

    def loses_key(self, digit: str) -> bool:
        return self._any((f, None) for f in self._faults if isinstance(f, LoseKey) and f.digit == digit)

    def loses_stop(self) -> bool:
        return self._any((f, None) for f in self._faults if isinstance(f, LoseStop))

    def rest_error(self, method: str, path: str) -> RestAnswers | None:
        matching = [f for f in self._faults if isinstance(f, RestAnswers) and f.path in path and f.method == method]
        return self._first(matching)

    def rest_silent(self, method: str, path: str) -> bool:
        matching = [f for f in self._faults if isinstance(f, RestSilent) and f.path in path and f.method == method]
        return self._any((f, f.nth) for f in matching)

    def refer_answer(self) -> int | None:
        """What the REFER made now is answered with; None for what the behaviour says."""
        due = self._first([f for f in self._faults if isinstance(f, AnswerRefer)])
        return due.sip if due else None

    def cut_after(self) -> float | None:
        """Seconds after which the stream that opens now breaks; None for never."""
        due = self._first([f for f in self._faults if isinstance(f, CutStream)])
        return due.after if due else None

    def lost_text(self, to: str) -> LoseText | None:
        """What becomes of the text that is sent to this phone now; None when it arrives."""
        return self._first([f for f in self._faults if isinstance(f, LoseText) and f.to == to])

    def frames_to_lose(self, leg: str, direction: str) -> list[LoseFrame]:
        """The frame losses still to come on this side of this leg."""
        wanted = (f for f in self._faults if isinstance(f, LoseFrame) and (f.leg, f.direction) == (leg, direction))
        return [f for f in wanted if f not in self.done]

    def lose_frame(self, fault: LoseFrame, audio: bytearray, words: Sequence[Word], offset: int = 0) -> bool:
        """Do it, if `words` say it and their sound is in `audio`, which begins at `offset` of their count."""
        for word in phrase_at(words, fault.saying):
            at = word.start + (word.end - word.start) // 2 // FRAME * FRAME - offset
            if 0 <= at < len(audio):
                audio[at : at + FRAME] = SILENCE[: len(audio) - at]
                self.done.append(fault)
                return True
        return False

    def tampered(self, audio: bytes, leg: str, direction: str) -> bytes:
        """A whole utterance on its way into or out of a leg, with the frames lost that are to be lost."""
        losses = self.frames_to_lose(leg, direction)
        if not losses:
            return audio
        damaged, words = bytearray(audio), find_words(audio)
        for fault in losses:
            self.lose_frame(fault, damaged, words)
        return bytes(damaged)

    def _any(self, counted: Iterable[tuple[Fault, int | None]]) -> bool:
        """Whether one of these happens now. Each of them counts this occasion."""
        return sum(self._is_nth(fault, nth) for fault, nth in counted) > 0

    def _first(self, faults: Sequence[_Counted]) -> _Counted | None:
        """The first of these that happens now; all of them count this occasion."""
        due = [fault for fault in faults if self._is_nth(fault, fault.nth)]
        return due[0] if due else None

    def _is_nth(self, fault: Fault, nth: int | None) -> bool:
        self._seen[fault] += 1
        if nth not in (None, self._seen[fault]):
            return False
        self.done.append(fault)
        return True


def phrase_at(words: Sequence[Word], saying: str) -> Sequence[Word]:
    """The words that say `saying`, as part of one utterance; none when nobody said it. Letter case does not matter."""
    wanted = saying.casefold().split()
    for at in range(len(words) - len(wanted) + 1):
        said = words[at : at + len(wanted)]
        if len({(w.speaker, w.utterance) for w in said}) == 1 and _says(said, wanted):
            return said
    return ()


def _says(said: Sequence[Word], wanted: Sequence[str]) -> bool:
    return " ".join(wanted) in " ".join(w.text.casefold() for w in said)
