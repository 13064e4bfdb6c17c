"""The ear of the emulated recognisers: when somebody speaks and what was said, by the audio and its clock alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from flowengine.sandbox.speech import FRAME, RATE, Ear, Word, is_voiced

__all__ = ["Hearing"]

_BLIP = 4  # voiced frames below which it was a click, not a voice
_GAP = 15  # silent frames after which a click is forgotten


@dataclass(slots=True)
class Hearing:
    """What is being said in one stream of audio. `clock` counts the seconds of audio that have arrived."""

    clock: float = 0.0
    began: float | None = None  # when the turn that is being spoken began
    last_voiced: float = 0.0
    voiced: float = 0.0  # seconds of voice in the turn
    spoken: list[Word] = field(default_factory=list)  # the intact words of the turn; offsets since the stream began
    _ear: Ear = field(default_factory=Ear)
    _rest: bytearray = field(default_factory=bytearray)

    def feed(self, audio: bytes) -> None:
        """Mu-law of any length; looked at in whole frames."""
        self._rest += audio
        whole = len(self._rest) // FRAME * FRAME
        for at in range(0, whole, FRAME):
            self._frame(bytes(self._rest[at : at + FRAME]))
        del self._rest[:whole]

    def _frame(self, frame: bytes) -> None:
        start = self.clock
        self.clock += FRAME / RATE
        heard = self._ear.feed(frame)
        if is_voiced(frame):
            self.began = start if self.began is None else self.began
            self.last_voiced = self.clock
            self.voiced += FRAME / RATE
        elif self._was_a_click():
            self.forget()
        self.spoken += heard

    def _was_a_click(self) -> bool:
        short = self.voiced < _BLIP * FRAME / RATE
        return self.began is not None and short and self.quiet_for > _GAP * FRAME / RATE

    @property
    def quiet_for(self) -> float:
        """Seconds of audio since the last voiced frame."""
        return self.clock - self.last_voiced

    @property
    def speaking_for(self) -> float:
        """Seconds of audio since the turn began; 0 when nobody has spoken."""
        return 0.0 if self.began is None else self.clock - self.began

    @property
    def words(self) -> list[str]:
        return [word.text for word in self.spoken]

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def forget(self) -> None:
        """The turn is dealt with."""
        self.began, self.voiced, self.spoken = None, 0.0, []
