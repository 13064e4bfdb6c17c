"""People with phones: they pick up or not, listen, wait for their turn, speak, press keys and hang up.

A party is a script. Carried on a leg it gets each 20 ms frame it hears and yields each 20 ms frame it says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from flowengine.sandbox.carrier.hearing import Hearing
from flowengine.sandbox.speech import FRAME, SILENCE, speak

__all__ = [
    "Act", "HangsUp", "Interrupts", "Line", "Outcome", "Party", "Person", "Phone", "Pickup", "Plays", "Presses",
    "PressesAsked", "Says", "Script", "Turn", "Until", "Waits", "caller",
]  # fmt: skip

CEILING = 12.0  # seconds of nobody speaking after which a person speaks anyway
PRESS_AFTER = 0.4  # seconds from "press one" to the key
ASKS_KEY = re.compile(r"\b(?:press|pulse|appuyez|dr\u00fccken|prema|pressione)\b")

Outcome = Literal["accepts", "no answer", "busy", "declined", "voicemail", "fails"]
Tamper = Callable[[bytes], bytes]  # what a fault does to an utterance on its way into the network


# ---- what a person can do --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Says:
    """`wait`: only when spoken to since the last act and the line is free."""

    text: str
    wait: bool = True


@dataclass(frozen=True, slots=True)
class Plays:
    """A recording, mu-law 8 kHz, instead of words."""

    audio: bytes
    wait: bool = True


@dataclass(frozen=True, slots=True)
class Presses:
    key: str
    wait: bool = False


@dataclass(frozen=True, slots=True)
class PressesAsked:
    """Presses the key once a notice has asked for one."""

    key: str


@dataclass(frozen=True, slots=True)
class Waits:
    seconds: float


@dataclass(frozen=True, slots=True)
class Interrupts:
    """Speaks `after` seconds into what somebody says to her."""

    text: str
    after: float = 1.0


@dataclass(frozen=True, slots=True)
class HangsUp:
    """`after` seconds, as long as it takes to put the phone down."""

    after: float = 1.0


@dataclass(frozen=True, slots=True)
class Until:
    """Listens until these words were heard, at most `within` seconds. Letter case does not matter."""

    hears: str
    within: float = 60.0


Act = Says | Plays | Presses | PressesAsked | Waits | Interrupts | HangsUp | Until


# ---- what the carrier sees of a person -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Turn:
    """20 ms of a person: a frame of sound, the keys pressed, and whether she puts the phone down after it. `deaf`: a
    machine that plays its greeting keeps nothing of what it hears.
    """

    audio: bytes = SILENCE
    keys: str = ""
    hangs_up: bool = False
    deaf: bool = False


@dataclass(frozen=True, slots=True)
class Pickup:
    """What a phone does when it rings: `after` seconds it answers, or is refused; or it rings until nobody rings it."""

    outcome: Literal["answers", "busy", "rings", "fails"]
    after: float = 0.0
    machine: bool = False  # an answering machine or a menu answers
    greets_for: float = 0.0  # seconds until a machine has greeted and beeped


class Line(Protocol):
    def turn(self, heard: bytes, joined: bool) -> Turn:
        """The next 20 ms, after hearing 20 ms. `joined`: somebody else is in the same room."""


class Party(Protocol):
    @property
    def pickup(self) -> Pickup: ...

    def pick_up(self, first_utterance: int, tamper: Tamper) -> Line:
        """Take the phone: the same script from its beginning, each time."""


Script = Callable[["Person"], Iterator[Turn]]


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone and the script of who answers it."""

    pickup: Pickup
    speaker: str
    script: Script
    hangs_up_after: float | None = None

    def pick_up(self, first_utterance: int, tamper: Tamper) -> Line:
        return Person(self, first_utterance, tamper)


# ---- a person during one call ----------------------------------------------------------------------------------------


class Person:
    def __init__(self, phone: Phone, first_utterance: int, tamper: Tamper) -> None:
        self.ear = Hearing()
        self._phone, self._utterance, self._tamper = phone, first_utterance, tamper
        self.pressed = ""
        self.done_at = 0.0  # when her last act ended
        self._listens_from = 0  # the first word she heard since her last act began
        self._life = phone.script(self)

    def turn(self, heard: bytes, joined: bool) -> Turn:
        self.ear.hear(heard, joined)
        limit = self._phone.hangs_up_after
        if limit is not None and self.ear.now > limit:
            return Turn(hangs_up=True)
        return next(self._life, Turn(hangs_up=True))

    # Each of these takes its time: one item is 20 ms.

    def waits(self, over: Callable[[], bool]) -> Generator[Turn]:
        while not over():
            yield Turn()

    def pauses(self, seconds: float) -> Generator[Turn]:
        until = self.ear.now + seconds
        yield from self.waits(lambda: self.ear.now >= until)

    def awaits_turn(self, patience: float) -> Generator[Turn]:
        """Until she was spoken to and the line is free, or nobody says anything for too long."""
        ear, since = self.ear, self.done_at

        def over() -> bool:
            lonely = ear.now >= max(since, ear.last_word_at) + CEILING
            return lonely or (ear.spoken_since(since) and ear.free_for(patience))

        yield from self.waits(over)

    def awaits_speech(self, seconds: float) -> Generator[Turn]:
        """Until somebody has been speaking to her for that long."""
        ear, since = self.ear, self.done_at

        def over() -> bool:
            began = ear.speaking_since(since)
            return ear.now >= (since + CEILING if began is None else began + seconds)

        yield from self.waits(over)

    def listens_for(self, words: str, within: float) -> Generator[Turn]:
        wanted, until = " ".join(words.split()).casefold(), self.ear.now + within
        yield from self.waits(lambda: self.ear.now >= until or wanted in self.ear.text_since(self._listens_from))
        self._listens_from = len(self.ear.words)

    def hears_from_now(self) -> None:
        """What was said before was said to somebody else."""
        self._listens_from, self.done_at = len(self.ear.words), self.ear.now

    def until(self, doing: Iterator[Turn], over: Callable[[], bool]) -> Generator[Turn]:
        """Breaks off what she does once it is `over`."""
        for turn in doing:
            yield turn
            if over():
                return

    def says(self, text: str) -> Generator[Turn]:
        self._utterance += 1
        yield from self.plays(speak(text, self._phone.speaker, self._utterance))

    def plays(self, audio: bytes) -> Generator[Turn]:
        self._listens_from = len(self.ear.words)
        sound = self._tamper(audio)
        for at in range(0, len(sound), FRAME):
            yield Turn(sound[at : at + FRAME].ljust(FRAME, b"\xff"))
        self.done_at = self.ear.now

    def presses(self, key: str) -> Generator[Turn]:
        self._listens_from = len(self.ear.words)
        self.pressed += key
        yield Turn(keys=key)
        self.done_at = self.ear.now

    def does(self, act: Act, patience: float) -> Generator[Turn]:
        if isinstance(act, Says | Plays | Presses) and act.wait:
            yield from self.awaits_turn(patience)
        match act:
            case Says(text):
                yield from self.says(text)
            case Plays(audio):
                yield from self.plays(audio)
            case Presses(key):
                yield from self.presses(key)
            case PressesAsked(key):
                yield from self.waits(self.asked_to_press)
                yield from self.pauses(PRESS_AFTER)
                yield from self.presses(key)
            case Waits(seconds):
                yield from self.pauses(seconds)
            case Interrupts(text, after):
                yield from self.awaits_speech(after)
                yield from self.says(text)
            case Until(hears, within):
                yield from self.listens_for(hears, within)
            case HangsUp(after):
                yield from self.pauses(after)
                yield Turn(hangs_up=True)

    def asked_to_press(self, *by: str) -> bool:
        """Whether a notice, or somebody else in `by`, asked for a key since her last act, and has finished asking."""
        asked = ASKS_KEY.search(self.ear.text_since(self._listens_from, "notice", *by))
        return bool(asked) and self.ear.sentence_over()


# ---- a caller --------------------------------------------------------------------------------------------------------


def caller(acts: Sequence[Act], *, patience: float = 0.7, stays: float = 60.0) -> Party:
    """Somebody who rings up. After her last act she listens until she is hung up on, at most `stays` seconds."""

    def script(person: Person) -> Iterator[Turn]:
        for act in acts:
            yield from person.does(act, patience)
        yield from person.pauses(stays)

    return Phone(Pickup("answers"), "caller", script)
