"""People with phones: each hears 20 ms and says 20 ms at a time, following a script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Literal, Protocol

from flowengine.sandbox.speech import FRAME, SILENCE, Ear, find_words, is_voiced, speak

_utterances = count(1)
LONGEST_WORD = 1.5  # seconds; a word is known when it is over, until then sound after speech is speech


@dataclass(frozen=True, slots=True)
class Says:
    text: str
    wait: bool = True  # for somebody to have spoken, and for the line to be free


@dataclass(frozen=True, slots=True)
class Plays:
    """A recording: speech nobody can make out."""

    audio: bytes
    wait: bool = True


@dataclass(frozen=True, slots=True)
class Presses:
    key: str
    wait: bool = False


@dataclass(frozen=True, slots=True)
class Waits:
    seconds: float


@dataclass(frozen=True, slots=True)
class Interrupts:
    """Speaks `after` seconds into what the other says."""

    text: str
    after: float = 1.0


@dataclass(frozen=True, slots=True)
class HangsUp:
    """Once what was being said has been said."""


@dataclass(frozen=True, slots=True)
class Until:
    """Waits until `hears` was said to her (or `within` seconds have passed)."""

    hears: str
    within: float = 60.0


Act = Says | Plays | Presses | Waits | Interrupts | HangsUp | Until
Outcome = Literal["accepts", "no answer", "busy", "declined", "voicemail", "fails"]


class Party(Protocol):
    """Somebody at the end of a leg. `ring` is what the phone does when it rings."""

    role: Literal["caller", "staff"]

    def ring(self) -> tuple[str, float]:
        """("answers" | "no answer" | "busy" | "fails", seconds until then)."""

    def is_machine(self) -> bool: ...

    def hear(self, frame: bytes, at: float) -> None: ...

    def say(self, at: float) -> bytes:
        """The next 20 ms; silence when quiet."""

    def keys(self) -> list[str]:
        """Keys pressed since last asked."""

    def hung_up(self) -> bool: ...

    def lose(self, saying: str) -> None:
        """One frame of her first utterance with these words is lost on its way into the network."""


class _Person:
    """Follows her acts one after another; what she hears tells her when it is her turn."""

    def __init__(self, role: Literal["caller", "staff"], acts: Sequence[Act], *, patience: float, stays: float) -> None:
        self.role = role
        self._acts = list(acts)
        self._patience, self._stays = patience, stays
        self._ear = Ear()
        self._mouth: Iterator[bytes] = iter(())
        self._speaking = False
        self._pressed: list[str] = []
        self._gone = False
        self._since = 0.0  # when the present act began to wait
        self._quiet_since = 0.0
        self._word_at = -LONGEST_WORD
        self._talk_since: float | None = None
        self._spoken_to = False  # since her last act
        self._heard: list[str] = []
        self._loses = ""
        self._begun = False

    def ring(self) -> tuple[str, float]:
        return "answers", 0.0

    def is_machine(self) -> bool:
        return False

    def hear(self, frame: bytes, at: float) -> None:
        if not self._begun:
            self._begun, self._since, self._quiet_since = True, at, at
        for word in self._ear.feed(frame):
            self._heard.append(word.text)
            self._spoken_to = True
            self._quiet_since = self._word_at = at
            if self._talk_since is None:
                self._talk_since = at
        if at - self._word_at < LONGEST_WORD and is_voiced(frame):
            self._quiet_since = at  # the next word is on its way
        if self._talk_since is not None and at - self._quiet_since > self._patience:
            self._talk_since = None

    def say(self, at: float) -> bytes:
        frame = next(self._mouth, None)
        if frame is not None:
            self._quiet_since = max(self._quiet_since, at - self._patience / 2)
            return frame
        self._speaking = False
        if self._begun:
            self._go_on(at)
        return next(self._mouth, SILENCE)

    def keys(self) -> list[str]:
        pressed, self._pressed = self._pressed, []
        return pressed

    def hung_up(self) -> bool:
        return self._gone and not self._speaking

    def lose(self, saying: str) -> None:
        self._loses = saying

    # ---- acts ------------------------------------------------------------------------------------------------------

    def _go_on(self, at: float) -> None:
        if not self._acts:
            if at - self._since > self._stays:
                self._gone = True
            return
        if self._ready(self._acts[0], at):
            self._do(self._acts.pop(0), at)

    def _ready(self, act: Act, at: float) -> bool:
        match act:
            case Says(_, wait) | Plays(_, wait) | Presses(_, wait):
                return not wait or self._my_turn(at)
            case Waits(seconds):
                return at - self._since >= seconds
            case Interrupts(_, after):
                return self._talk_since is not None and at - self._talk_since >= after
            case Until(hears, within):
                return _plain(hears) in _plain(" ".join(self._heard)) or at - self._since >= within
            case HangsUp():
                return True
        raise AssertionError(act)

    def _my_turn(self, at: float) -> bool:
        """Somebody has spoken to her since her last act and the line has been free, or she has waited long enough."""
        free = at - max(self._quiet_since, self._since) >= self._patience
        return (self._spoken_to and free) or at - max(self._since, self._quiet_since) >= 12.0

    def _do(self, act: Act, at: float) -> None:
        match act:
            case Says(text) | Interrupts(text):
                audio = speak(text, self.role, next(_utterances) & 0xFFFF)
                if self._loses and _plain(self._loses) in _plain(text):
                    audio, self._loses = without_a_frame(audio, self._loses), ""
                self._speak(audio)
            case Plays(audio):
                self._speak(audio)
            case Presses(key):
                self._pressed.append(key)
            case Until():
                self._heard.clear()
                self._since = at
                return  # what she waited for is also what she answers
            case HangsUp():
                self._gone = True
        self._since, self._spoken_to = at, isinstance(act, Waits) and self._spoken_to

    def _speak(self, audio: bytes) -> None:
        frames = [audio[i : i + FRAME].ljust(FRAME, b"\xff") for i in range(0, len(audio), FRAME)]
        self._mouth, self._speaking = iter(frames), True


def caller(acts: Sequence[Act], *, patience: float = 0.7, stays: float = 60.0) -> Party:
    """Somebody who rings. After her last act she listens until the far end hangs up, or for `stays` seconds."""
    return _Person("caller", acts, patience=patience, stays=stays)


class _Staff(_Person):
    """A person whose phone rings: picks up, listens to the briefing, presses the key, and talks to the caller."""

    def __init__(self, outcome: Outcome, after: float, acts: Sequence[Act], key: str) -> None:
        super().__init__("staff", acts, patience=0.7, stays=600.0)
        self._outcome, self._after, self._key = outcome, after, key
        self._accepted: float | None = None
        self._asked: float | None = None

    def ring(self) -> tuple[str, float]:
        what = {"no answer": "no answer", "busy": "busy", "fails": "fails"}.get(self._outcome, "answers")
        return what, 0.5 if what in ("busy", "fails") else self._after

    def is_machine(self) -> bool:
        return self._outcome == "voicemail"

    def say(self, at: float) -> bytes:
        if self._outcome == "voicemail":
            return super().say(at)
        if self._accepted is None:
            self._answer_briefing(at)
            return SILENCE
        return super().say(at)

    def _answer_briefing(self, at: float) -> None:
        """The key is pressed a moment after she was asked to."""
        if self._asked is None and _plain("press") in _plain(" ".join(self._heard)):
            self._asked = at
        if self._asked is not None and at - max(self._asked, self._quiet_since) >= 0.9:
            self._pressed.append(self._key if self._outcome == "accepts" else "2")
            self._accepted, self._since, self._spoken_to = at, at, False
            self._heard.clear()

    def _my_turn(self, at: float) -> bool:
        """Her first words come when she is in the room: a moment after she accepted and the briefing is silent."""
        if self._accepted is not None and not self._spoken_to and self._since == self._accepted:
            return at - self._accepted >= 2.5
        return super()._my_turn(at)


def staff(outcome: str, *, after: float = 4.0, acts: Sequence[Act] = (), key: str = "1") -> Party:
    """Somebody rung. `accepts` picks up after `after` seconds and presses `key` once asked."""
    if outcome == "voicemail":
        greeting: list[Act] = [Waits(0.5), Says("You have reached my voicemail. Please leave a message after the tone.", wait=False), Plays(_beep(), wait=False)]
        return _Staff("voicemail", after, greeting, key)
    if outcome not in ("accepts", "no answer", "busy", "declined", "fails"):
        raise ValueError(f"a phone cannot {outcome!r}")
    return _Staff(outcome, after, acts, key)  # type: ignore[arg-type]


def _beep() -> bytes:
    """A 1 kHz tone for 0.4 s: 8 samples a period, in mu-law."""
    period = bytes([0xFF, 0xA0, 0x99, 0xA0, 0x7E, 0x20, 0x19, 0x20])
    return period * 400


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def without_a_frame(audio: bytes, saying: str) -> bytes:
    """The audio with 20 ms missing in the middle of the first of these words; unchanged when they are not in it."""
    words = find_words(audio)
    first = _plain(saying).split()
    for i, _ in enumerate(words):
        if [_plain(w.text).strip(".,!?") for w in words[i : i + len(first)]] == [w.strip(".,!?") for w in first]:
            middle = (words[i].start + words[i].end) // 2
            return audio[:middle] + audio[middle + FRAME :]
    return audio
