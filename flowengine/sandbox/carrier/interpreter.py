"""Runs documents on a leg: top to bottom, one verb at a time, as `twilio.md` 1.2 and 2 describe."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowengine.sandbox.carrier.player import Player
from flowengine.sandbox.carrier.sounds import fetch_sound, say
from flowengine.sandbox.carrier.tones import key_tone
from flowengine.sandbox.carrier.twiml import Document, TwimlError, Verb, read, read_answer
from flowengine.sandbox.carrier.webhooks import Form, Unreachable
from flowengine.sandbox.speech import SILENCE

if TYPE_CHECKING:
    from flowengine.sandbox.carrier.leg import Leg

__all__ = [
    "END",
    "FatalError",
    "Goto",
    "Handler",
    "Inline",
    "Interpreter",
    "Outcome",
    "Step",
    "action_after_hang_up",
    "cancelled_by_hang_up",
    "do_hangup",
    "do_pause",
    "do_play",
    "do_redirect",
    "do_reject",
    "do_say",
    "fetch",
    "requested",
]

APOLOGY = "We are sorry. An application error has occurred. Goodbye."
_QUIET_FIRST = frozenset({"Reject", "Redirect", "Pause"})  # as first verbs these need not answer the call
_SILENT_SECOND = SILENCE * 50


@dataclass(frozen=True, slots=True)
class Goto:
    """Go on with the document at `url` (absolute)."""

    url: str
    method: str = "POST"
    more: Form = ()


@dataclass(frozen=True, slots=True)
class Inline:
    """TwiML that came with a REST request: it has no base."""

    twiml: str


class _End:
    """Hang up."""


END = _End()
Step = Goto | Inline | Document
Outcome = Step | _End | None  # of a verb; None: go on with the next
Handler = Callable[["Interpreter", Verb, Document], Awaitable[Outcome]]


class FatalError(Exception):
    """A document that cannot be had or run."""

    def __init__(self, code: int, text: str, url: str) -> None:
        super().__init__(f"{code} {text}")
        self.code, self.text, self.url = code, text, url


async def fetch(leg: Leg, goto: Goto) -> Document:
    """The document there; what is unknown in it is a warning. Raises `FatalError`."""
    try:
        answer = await leg.exchange.webhooks.request(goto.method, goto.url, [*leg.parameters(), *goto.more])
        document, unknown = read_answer(answer.content_type, answer.body, answer.url)
    except (Unreachable, TwimlError) as trouble:
        raise FatalError(trouble.code, trouble.text, goto.url) from trouble
    return _known(leg, document, unknown)


async def requested(leg: Leg, goto: Goto) -> None:
    """A document that nobody will hear: asked for, and dropped."""
    try:
        await fetch(leg, goto)
    except FatalError as trouble:
        leg.exchange.warn(trouble.code, leg.sid, f"{trouble.text} ({trouble.url})")


def _known(leg: Leg, document: Document, unknown: Sequence[str]) -> Document:
    for text in unknown:
        leg.exchange.warn(12200, leg.sid, text)
    return document


async def _load(leg: Leg, step: Step) -> Document:
    match step:
        case Goto():
            return await fetch(leg, step)
        case Inline(twiml):
            return _known(leg, *read(twiml))
        case Document():
            return step


class Interpreter:
    """Runs documents on `leg`, heard through `player` (the leg's own, unless it plays to somebody who waits)."""

    def __init__(
        self,
        leg: Leg,
        handlers: dict[str, Handler],
        player: Player | None = None,
        *,
        allowed: frozenset[str] | None = None,
        refusal: int = 0,
    ) -> None:
        self.leg, self.exchange = leg, leg.exchange
        self.player = player or leg.player
        self.handlers, self._allowed, self._refusal = handlers, allowed, refusal
        self._fell_back = False
        self._first = True  # no verb has run yet

    # ---- whole programs

    async def main(self, start: Step) -> None:
        """A leg's life under documents: at the end of the last one it is hung up."""
        try:
            await self.run(start)
        except FatalError as trouble:
            self.exchange.warn(trouble.code, self.leg.sid, f"{trouble.text} ({trouble.url})")
            self.leg.answer()
            await self.say(APOLOGY)
        self.leg.end("completed")

    async def run(self, start: Step) -> Outcome:
        """Runs until a document ends: None when it was exhausted, END when it hung up. Raises `FatalError`."""
        step: Outcome = start
        while isinstance(step, Goto | Inline | Document):
            step = await self._guarded(step)
        return step

    async def _guarded(self, step: Step) -> Outcome:
        """One document; a fatal error continues at the fallback URL, once (twilio.md 1.5)."""
        try:
            return await self._document(step)
        except TwimlError as trouble:
            url = step.url if isinstance(step, Goto) else ""
            return self._fall_back(FatalError(trouble.code, trouble.text, url))
        except Unreachable as trouble:  # a sound file
            return self._fall_back(FatalError(trouble.code, trouble.text, trouble.url))
        except FatalError as trouble:
            return self._fall_back(trouble)

    def _fall_back(self, trouble: FatalError) -> Goto:
        orders = self.leg.orders
        if not orders.fallback_url or self._fell_back or self._allowed is not None:
            raise trouble
        self._fell_back = True
        self.exchange.warn(trouble.code, self.leg.sid, f"{trouble.text} ({trouble.url})")
        more = [("ErrorCode", str(trouble.code)), ("ErrorUrl", trouble.url)]
        return Goto(orders.fallback_url, orders.fallback_method, more)

    async def _document(self, step: Step) -> Outcome:
        document = await _load(self.leg, step)
        await asyncio.sleep(self.exchange.behaviour.document_gap_seconds)
        for verb in document.verbs:
            if self._allowed is not None and verb.name not in self._allowed:
                self.exchange.warn(self._refusal, self.leg.sid, f"<{verb.name}> is not allowed here")
                continue
            outcome = await self._verb(verb, document)
            if outcome is not None:
                return outcome
        self.leg.answer()
        return None

    async def _verb(self, verb: Verb, document: Document) -> Outcome:
        """One verb, the call answered for it unless it is one of the few that come before the answer."""
        first, self._first = self._first, False
        rings_on = verb.name == "Dial" and verb.flag("answerOnBridge", False)
        if not (first and (verb.name in _QUIET_FIRST or rings_on)) or (
            verb.name == "Pause" and not self.exchange.behaviour.pause_first_rings
        ):
            self.leg.answer()
        return await self.handlers[verb.name](self, verb, document)

    # ---- what verbs share

    def action(self, verb: Verb, document: Document, *more: tuple[str, str]) -> Goto | None:
        """Where the verb's `action` leads; None without one."""
        if "action" not in verb.attributes:
            return None
        return Goto(document.resolve(verb.get("action")), verb.get("method", "POST"), more)

    def action_or_self(self, verb: Verb, document: Document, *more: tuple[str, str]) -> Goto:
        """`action`, which defaults to the address of the document itself."""
        url = verb.get("action") or document.base
        if url is None:
            raise TwimlError(11100, f"<{verb.name}> needs an action in TwiML without a base")
        return Goto(document.resolve(url), verb.get("method", "POST"), more)

    async def say(self, text: str) -> None:
        """In the carrier's voice."""
        await self.play(say(text, self.exchange.utterance()))

    async def play(self, audio: bytes) -> None:
        await self.player.play(self.exchange.faults.tampered(audio, self.leg.kind, "out"))

    async def prompts(self, verbs: Sequence[Verb], document: Document) -> None:
        for verb in verbs:
            await self.handlers[verb.name](self, verb, document)


# ---- the small verbs -------------------------------------------------------------------------------------------------


def _times(verb: Verb) -> range:
    """`loop`: 0 is for ever, which the carrier takes for a thousand."""
    return range(int(verb.number("loop", 1)) or 1000)


async def do_say(on: Interpreter, verb: Verb, _: Document) -> Outcome:
    if not verb.text:
        on.exchange.warn(13520, on.leg.sid, "<Say> has no text")
        return None
    if len(verb.text) > 4096:
        raise TwimlError(13521, "the text of <Say> is too long")
    for _time in _times(verb):
        await on.say(verb.text)
    return None


async def do_play(on: Interpreter, verb: Verb, document: Document) -> Outcome:
    if "digits" in verb.attributes:
        await on.play(b"".join(_digit(d) for d in verb.get("digits")))
        return None
    sound = await fetch_sound(on.exchange.webhooks, document.resolve(verb.text))
    for _time in _times(verb):
        await on.play(sound)
    return None


def _digit(digit: str) -> bytes:
    if digit in "wW":
        return SILENCE * (25 if digit == "w" else 50)
    return key_tone(digit) + SILENCE * 3


async def do_pause(on: Interpreter, verb: Verb, _: Document) -> Outcome:
    await asyncio.sleep(verb.number("length", 1))
    return None


async def do_redirect(on: Interpreter, verb: Verb, document: Document) -> Outcome:
    """An empty one goes to the document itself."""
    url = document.resolve(verb.text) if verb.text else document.base
    if url is None:
        raise TwimlError(11100, "<Redirect> without an address in TwiML without a base")
    return Goto(url, verb.get("method", "POST"))


async def do_hangup(on: Interpreter, verb: Verb, _: Document) -> Outcome:
    return END


async def do_reject(on: Interpreter, verb: Verb, _: Document) -> Outcome:
    """Only an inbound call that is still ringing can be rejected."""
    if on.leg.answered.is_set():
        return END
    busy = verb.get("reason", "rejected") == "busy"
    on.leg.end("busy" if busy else "no-answer", 486 if busy else 603)
    return END


@contextmanager
def cancelled_by_hang_up(leg: Leg, then: Callable[[], None]) -> Iterator[None]:
    """Runs `then` when the verb is cut short by the party hanging up (and not by a redirect)."""
    try:
        yield
    except asyncio.CancelledError:
        if leg.cause == "hang-up":
            then()
        raise


@contextmanager
def action_after_hang_up(on: Interpreter, verb: Verb, document: Document) -> Iterator[None]:
    """Where the run's behaviour has it, `action` is requested though nobody is there to hear what it answers."""

    def then() -> None:
        goto = on.action(verb, document)
        if goto is not None:
            on.exchange.spawn(requested(on.leg, goto))

    switched = on.exchange.behaviour.action_after_hang_up
    with cancelled_by_hang_up(on.leg, then if switched else lambda: None):
        yield
