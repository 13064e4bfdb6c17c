"""What a person on the phone makes of the sound in her ear: words, when the line is free, whose turn it is."""

from __future__ import annotations

from functools import cache

from flowengine.sandbox.carrier.tones import KEYS, key_tone
from flowengine.sandbox.speech import FRAME, RATE, Ear, Word, is_voiced

__all__ = ["FRAME_SECONDS", "Hearing"]

FRAME_SECONDS = FRAME / RATE
_LONGEST_WORD = 1.3  # seconds; sound without a finished word for that long is not speech


@cache
def _tones() -> dict[bytes, str]:
    """How each key begins to sound."""
    return {key_tone(key)[:FRAME]: key for key in KEYS}


class Hearing:
    """One person's ear during one call. Times are seconds since the line was opened to her."""

    def __init__(self) -> None:
        self.words: list[Word] = []
        self.digits = ""  # the keys whose tones she has heard
        self.joined = False  # whether she and somebody else are in the same room
        self._ear = Ear()
        self._frames = 0
        self._voiced_at = -1.0  # when the last frame with sound in it ended
        self.joined_at = 0.0
        self._answered: tuple[object, str] = (None, "")  # the last question to `text_since`, which comes every 20 ms

    @property
    def now(self) -> float:
        return self._frames * FRAME_SECONDS

    @property
    def last_word_at(self) -> float:
        """When the last word ended; -1 before any."""
        return self.words[-1].end / RATE if self.words else -1.0

    def hear(self, frame: bytes, joined: bool) -> None:
        self._frames += 1
        self.words += self._ear.feed(frame)
        self.digits += _tones().get(bytes(frame), "")
        if is_voiced(frame):
            self._voiced_at = self.now
        if joined and not self.joined:
            self.joined_at = self.now
        self.joined = joined

    def spoken_since(self, moment: float) -> bool:
        """Whether somebody has said a word that ended after `moment`."""
        return self.last_word_at > moment

    def free_for(self, patience: float) -> bool:
        """Whether nobody has been speaking for `patience` seconds. Music is nobody speaking."""
        quiet = self.now - self._voiced_at >= patience
        return quiet or self.now - self.last_word_at >= max(patience, _LONGEST_WORD)

    def text_since(self, index: int, *speakers: str) -> str:
        """The words from `index` on, of anybody or of these, casefolded, joined by spaces."""
        question = (len(self.words), index, speakers)
        if self._answered[0] != question:
            said = (w.text for w in self.words[index:] if not speakers or w.speaker in speakers)
            self._answered = question, " ".join(said).casefold()
        return self._answered[1]

    def speaking_since(self, moment: float) -> float | None:
        """When the first word that ended after `moment` began; None when there is none."""
        return next((w.start / RATE for w in self.words if w.end / RATE > moment), None)

    def sentence_over(self) -> bool:
        """Whether the last word heard was the last of its utterance, or nothing followed it."""
        if not self.words:
            return False
        last = self.words[-1]
        return last.index == last.count - 1 or self.free_for(0.5)
