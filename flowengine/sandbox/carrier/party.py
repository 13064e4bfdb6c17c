"""People with phones: they pick up or not, listen, wait for their turn, speak, press keys and hang up.

A party is a script. Carried on a leg it gets each 20 ms frame it hears and yields each 20 ms frame it says.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from flowengine.sandbox.carrier.hearing import Hearing
from flowengine.sandbox.carrier.tones import beep
from flowengine.sandbox.speech import FRAME, SILENCE, speak

__all__ = [
    "Act", "HangsUp", "Interrupts", "Line", "Outcome", "Party", "Pickup", "Plays", "Presses", "Says", "Turn", "Until",
    "Waits", "caller", "nobody", "staff",
]  # fmt: skip

CEILING = 12.0  # seconds of nobody speaking after which a person speaks anyway
PRESS_AFTER = 0.4  # seconds from "press one" to the key
LIFTS = 0.2  # seconds from picking up to the first word
SETTLES = 1.0  # seconds in the room before the person who accepted speaks
VOICEMAIL = "You have reached my voicemail. Please leave a message after the tone."

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


Act = Says | Plays | Presses | Waits | Interrupts | HangsUp | Until


# ---- what the carrier sees of a person -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Turn:
    """20 ms of a person: a frame of sound, the keys pressed, and whether she puts the phone down after it."""

    audio: bytes = SILENCE
    keys: str = ""
    hangs_up: bool = False


@dataclass(frozen=True, slots=True)
class Pickup:
    """What a phone does when it rings: `after` seconds it answers, or is refused; or it rings until nobody rings it."""

    outcome: Literal["answers", "busy", "rings", "fails"]
    after: float = 0.0
    machine: bool = False  # an answering machine answers


class Line(Protocol):
    def turn(self, heard: bytes, joined: bool) -> Turn:
        """The next 20 ms, after hearing 20 ms. `joined`: somebody else is in the same room."""


class Party(Protocol):
    @property
    def pickup(self) -> Pickup: ...

    def pick_up(self, first_utterance: int, tamper: Tamper) -> Line:
        """Take the phone: the same script from its beginning, each time."""


Script = Callable[["_Person"], Iterator[Turn]]


@dataclass(frozen=True, slots=True)
class _Phone:
    """A phone and the script of who answers it."""

    pickup: Pickup
    speaker: str
    script: Script
    hangs_up_after: float | None = None

    def pick_up(self, first_utterance: int, tamper: Tamper) -> Line:
        return _Person(self, first_utterance, tamper)


# ---- a person during one call ----------------------------------------------------------------------------------------


class _Person:
    def __init__(self, phone: _Phone, first_utterance: int, tamper: Tamper) -> None:
        self.ear = Hearing()
        self._phone, self._utterance, self._tamper = phone, first_utterance, tamper
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

    def asked_to_press(self) -> bool:
        """Whether a notice since her last act asked for a key, and has finished asking."""
        return "press" in self.ear.text_since(self._listens_from, "notice") and self.ear.sentence_over()


# ---- the scripts -----------------------------------------------------------------------------------------------------


def caller(acts: Sequence[Act], *, patience: float = 0.7, stays: float = 60.0) -> Party:
    """Somebody who rings up. After her last act she listens until she is hung up on, at most `stays` seconds."""

    def script(person: _Person) -> Iterator[Turn]:
        for act in acts:
            yield from person.does(act, patience)
        yield from person.pauses(stays)

    return _Phone(Pickup("answers"), "caller", script)


def staff(
    outcome: Outcome = "accepts",
    *,
    after: float = 4.0,
    acts: Sequence[Act] = (),
    key: str | None = None,
    hello: bool = True,
    hangs_up_after: float | None = None,
    patience: float = 0.7,
    stays: float = 60.0,
) -> Party:
    """A phone at work. It rings `after` seconds before it is picked up (refused at once when busy).

    accepts: presses `key` ("1") when asked to, and does `acts` once somebody is in the room with her. declined: presses
    `key` ("2"). voicemail: a greeting, a beep, and silence. `hangs_up_after`: seconds after picking up, come what may.
    """

    def accepts(person: _Person) -> Iterator[Turn]:
        ear = person.ear
        yield from _answers(person, hello, key or "1", lambda: ear.joined or ear.now >= stays)
        if not ear.joined:
            return
        yield from person.waits(lambda: ear.now >= ear.joined_at + SETTLES and ear.free_for(SETTLES))
        for n, act in enumerate(acts):
            if n == 0 and isinstance(act, Says):  # the one who accepted speaks first
                act = replace(act, wait=False)
            yield from person.does(act, patience)
        yield from person.pauses(stays)

    def declines(person: _Person) -> Iterator[Turn]:
        until = stays
        yield from _answers(person, hello, key or "2", lambda: person.ear.now >= until)

    def machine(person: _Person) -> Iterator[Turn]:
        yield from person.says(VOICEMAIL)
        yield from person.plays(beep())
        yield from person.pauses(stays)

    script = {"declined": declines, "voicemail": machine}.get(outcome, accepts)
    return _Phone(_pickup(outcome, after), "staff", script, hangs_up_after)


def _pickup(outcome: Outcome, after: float) -> Pickup:
    match outcome:
        case "no answer":
            return Pickup("rings")
        case "busy" | "fails":
            return Pickup(outcome)
        case "voicemail":
            return Pickup("answers", after, machine=True)
        case _:
            return Pickup("answers", after)


def _answers(person: _Person, hello: bool, key: str, over: Callable[[], bool]) -> Iterator[Turn]:
    """Picks up, listens, and presses `key` each time she is asked to, until `over`."""
    yield from person.pauses(LIFTS)
    if hello and not person.ear.joined:
        yield from person.says("Hello?")
    while not over():
        if person.asked_to_press():
            yield from person.pauses(PRESS_AFTER)
            yield from person.presses(key)
        else:
            yield Turn()


def nobody() -> Party:
    """A phone that nobody answers."""
    return staff("no answer")
