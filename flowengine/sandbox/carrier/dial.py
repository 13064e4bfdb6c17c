"""`<Dial>`: other phones, SIP addresses, conferences (twilio.md 2.2, 2.3)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from flowengine.sandbox.carrier.amd import tell_verdict
from flowengine.sandbox.carrier.conference import Joining, Member, RoomRefuses
from flowengine.sandbox.carrier.interpreter import (
    END,
    FatalError,
    Goto,
    Interpreter,
    Outcome,
    action_after_hang_up,
    fetch,
)
from flowengine.sandbox.carrier.leg import Leg, Orders
from flowengine.sandbox.carrier.player import Looped, Player
from flowengine.sandbox.carrier.sids import is_phone, is_sip
from flowengine.sandbox.carrier.tones import ringback
from flowengine.sandbox.carrier.twiml import Document, Verb

__all__ = ["do_dial", "stay_in_room"]

_WAITING = frozenset({"Play", "Say", "Pause", "Redirect"})
_WHISPER = frozenset({"Say", "Play", "Gather", "Hangup", "Pause", "Redirect"})
_MOST_NOUNS = 10
Fields = list[tuple[str, str]]


async def do_dial(on: Interpreter, verb: Verb, document: Document) -> Outcome:
    with action_after_hang_up(on, verb, document):
        return await _dial(on, verb, document)


async def _dial(on: Interpreter, verb: Verb, document: Document) -> Outcome:
    rooms = verb.named("Conference")
    if rooms:
        fields = await _conference(on, verb, rooms[0], document)
        if fields is None:
            return None  # not let in: the next verb runs (2.3)
        return on.action(verb, document, *fields)
    nouns = [n for n in verb.children if n.name in ("Number", "Sip")]
    if not nouns and verb.text:
        nouns = [Verb("Number", {}, (), verb.text)]
    return on.action(verb, document, *await _phones(on, verb, nouns[:_MOST_NOUNS], document))


# ---- conference ------------------------------------------------------------------------------------------------------


async def _conference(on: Interpreter, verb: Verb, noun: Verb, document: Document) -> Fields | None:
    on.leg.answer()
    given = _joining(noun, document)
    wait_method = noun.get("waitMethod", "POST")
    room_sid = await stay_in_room(on, noun.text, given, wait_method, star=verb.flag("hangupOnStar", False))
    if room_sid is None:
        return None
    fields = [("DialCallStatus", "answered")]
    if on.exchange.behaviour.conference_dial_fields:
        fields.append(("ConferenceSid", room_sid))
    return fields


def _joining(noun: Verb, document: Document) -> Joining:
    wait = noun.attributes.get("waitUrl")
    callback = noun.get("statusCallback")
    return Joining(
        muted=noun.flag("muted", False),
        start_on_enter=noun.flag("startConferenceOnEnter", True),
        end_on_exit=noun.flag("endConferenceOnExit", False),
        label=noun.get("participantLabel"),
        beep=noun.get("beep", "true"),
        jitter=noun.get("jitterBufferSize", "large"),
        wait=document.resolve(wait) if wait else wait,
        coach=noun.get("coach"),
        most=int(noun.number("maxParticipants", 250)),
        callback=document.resolve(callback) if callback else "",
        callback_method=noun.get("statusCallbackMethod", "POST"),
        events=tuple(noun.get("statusCallbackEvent", "start end").split()),
    )


async def stay_in_room(
    on: Interpreter, name: str, given: Joining, wait_method: str = "POST", *, star: bool = False
) -> str | None:
    """Until the leg leaves or is made to. The room's SID; None when the leg was not let in."""
    leg, room = on.leg, on.exchange.room(name)
    try:
        member = room.enter(leg, given)
    except RoomRefuses as refusal:
        on.exchange.warn(refusal.code, leg.sid, refusal.text)
        return None
    waiting = asyncio.create_task(_wait_audio(on, member, given.wait, wait_method)) if given.wait else None
    try:
        with leg.hearing(member):
            await _leaves(leg, member, star)
    finally:
        if waiting is not None:
            waiting.cancel()
        redirected = leg.cause == "redirect" and not leg.record.over
        by_api = redirected or leg.cause == "api"
        status = leg.record.status if leg.record.over else "in-progress"
        room.exit(member, "participant_updated_via_api" if by_api else "participant_hung_up", status)
    return room.sid


async def _leaves(leg: Leg, member: Member, star: bool) -> None:
    """Until the member is told to leave, or presses star where that counts."""
    if not star:
        await member.told_to_leave
        return
    with leg.listening_for_keys() as keys:
        pressed = asyncio.create_task(_pressed(keys, "*"))
        try:
            either: list[asyncio.Future[Any]] = [member.told_to_leave, pressed]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pressed.cancel()


async def _pressed(keys: asyncio.Queue[str], wanted: str) -> None:
    while await keys.get() != wanted:
        pass


async def _wait_audio(on: Interpreter, member: Member, url: str, method: str) -> None:
    """The wait document, heard until the conference starts. If it cannot be had, the leg falls out (2.3)."""
    player = member.wait
    assert isinstance(player, Player)
    program = asyncio.create_task(_wait_document(on, player, Goto(url, method)))
    started = asyncio.create_task(member.room.started.wait())
    try:
        ends_at_start = {started} if not on.exchange.behaviour.wait_music_resumes else set()
        await asyncio.wait({program, *ends_at_start}, return_when=asyncio.FIRST_COMPLETED)
        if program.done():
            program.result()
    except FatalError as trouble:
        on.exchange.warn(trouble.code, on.leg.sid, f"wait audio: {trouble.text}")
        member.leave("wait audio failed")
    finally:
        program.cancel()
        started.cancel()


async def _wait_document(on: Interpreter, player: Player, goto: Goto) -> None:
    waiting = Interpreter(on.leg, on.handlers, player, allowed=_WAITING, refusal=13238)
    document = await fetch(on.leg, goto)
    await waiting.run(document)
    while document.verbs and document.verbs[0].text == document.base:  # a sound file: it goes round
        await waiting.run(document)


# ---- other phones ----------------------------------------------------------------------------------------------------


class _Peer:
    """What one bridged leg hears: the other one."""

    joined = True

    def __init__(self, leg: Leg) -> None:
        self._leg = leg

    def frame(self) -> bytes:
        return self._leg.said


async def _phones(on: Interpreter, verb: Verb, nouns: Sequence[Verb], document: Document) -> Fields:
    """Rings them, bridges the first that answers; what `action` is told of it."""
    leg = on.leg
    caller_id = verb.get("callerId") or leg.record.from_
    children = [c for c in (_child(on, noun, caller_id, document) for noun in nouns) if c is not None]
    try:
        winner = await _first_answer(on, verb, children)
        if winner is None:
            return _fields(children[-1] if children else None, "failed", bridged=False)
        noun = next(n for n in nouns if _address(n) == winner.record.to)
        if "url" in noun.attributes and not await _whispered(on, winner, noun, document):
            winner.end("completed")
            return _fields(winner, "completed", bridged=False)
        await _bridged(on, winner, verb)
        return _fields(winner, "completed", bridged=True)
    finally:
        for child in children:
            if child in leg.children and not child.record.over:
                child.end(
                    "completed" if child.answered.is_set() else "canceled", 200 if child.answered.is_set() else 487
                )


def _address(noun: Verb) -> str:
    return noun.text.partition("?")[0]


def _child(on: Interpreter, noun: Verb, caller_id: str, document: Document) -> Leg | None:
    """A leg for this noun; None with a warning where it cannot be called."""
    exchange, leg, address = on.exchange, on.leg, _address(noun)
    sip = noun.name == "Sip"
    if not (is_sip(address) if sip else is_phone(address)):
        exchange.warn(13223, leg.sid, f"{address!r} cannot be dialled")
        return None
    if not sip and caller_id not in exchange.numbers and caller_id != leg.record.from_:
        exchange.warn(13214, leg.sid, f"invalid callerId {caller_id!r}")
        return None
    callback = noun.get("statusCallback")
    orders = Orders(
        status_callback=document.resolve(callback) if callback else "",
        status_method=noun.get("statusCallbackMethod", "POST"),
        status_events=tuple(noun.get("statusCallbackEvent", "completed").split()),
    )
    child = exchange.new_leg(direction="outbound-dial", from_=caller_id, to=address, orders=orders, parent=leg, sip=sip)
    if "machineDetection" in noun.attributes and noun.get("amdStatusCallback"):
        exchange.spawn(_detected(child, noun, document))
    return child


async def _detected(child: Leg, noun: Verb, document: Document) -> None:
    answered = asyncio.create_task(child.answered.wait())
    over = asyncio.create_task(child.finished.wait())
    await asyncio.wait({answered, over}, return_when=asyncio.FIRST_COMPLETED)
    answered.cancel()
    over.cancel()
    if child.answered.is_set():
        url = document.resolve(noun.get("amdStatusCallback"))
        await tell_verdict(child, noun.get("machineDetection"), url, noun.get("amdStatusCallbackMethod", "POST"))


async def _first_answer(on: Interpreter, verb: Verb, children: Sequence[Leg]) -> Leg | None:
    """The first to pick up; the others stop ringing. The caller hears it ring, unless she still rings herself."""
    timeout = verb.number("timeout", 30)
    ear = on.leg.hearing(Looped(ringback())) if on.leg.answered.is_set() else contextlib.nullcontext()
    with ear:
        if verb.flag("sequential", False):
            for child in children:
                if await _ring(on, child, timeout):
                    return child
            return None
        tasks = {asyncio.create_task(_ring(on, child, timeout)): child for child in children}
        return await _race(tasks)


async def _race(tasks: dict[asyncio.Task[bool], Leg]) -> Leg | None:
    waiting = set(tasks)
    try:
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task.result():
                    return tasks[task]
        return None
    finally:
        for task in waiting:
            task.cancel()
            tasks[task].end("canceled", 487)


async def _ring(on: Interpreter, child: Leg, seconds: float) -> bool:
    """Whether the child answers; it may be ended by others meanwhile."""
    ringing = asyncio.create_task(on.exchange.ring(child, seconds))
    over = asyncio.create_task(child.finished.wait())
    try:
        await asyncio.wait({ringing, over}, return_when=asyncio.FIRST_COMPLETED)
        return ringing.done() and ringing.result()
    finally:
        ringing.cancel()
        over.cancel()


async def _whispered(on: Interpreter, child: Leg, noun: Verb, document: Document) -> bool:
    """The document that runs on the callee's leg alone. True: it came to its end, so the two are bridged."""
    whisper = Interpreter(child, on.handlers, allowed=_WHISPER, refusal=13201)
    goto = Goto(document.resolve(noun.get("url")), noun.get("method", "POST"))
    accepted: list[bool] = []

    async def program() -> None:
        try:
            accepted.append(await whisper.run(goto) is not END)
        except FatalError as trouble:
            on.exchange.warn(trouble.code, child.sid, trouble.text)

    child.program = on.exchange.spawn(program())
    with _ringing_on(on.leg):
        await asyncio.wait({child.program})
    return accepted == [True] and not child.record.over


@contextlib.contextmanager
def _ringing_on(leg: Leg) -> Iterator[None]:
    """The caller goes on hearing it ring."""
    if not leg.answered.is_set():
        yield
        return
    with leg.hearing(Looped(ringback())):
        yield


async def _bridged(on: Interpreter, child: Leg, verb: Verb) -> None:
    """The two hear each other until one goes, `timeLimit` has passed, or the callee is redirected away."""
    leg = on.leg
    leg.answer()
    child.program = stays = on.exchange.spawn(_for_ever())
    star = verb.flag("hangupOnStar", False)
    with leg.hearing(_Peer(child)), child.hearing(_Peer(leg)), leg.listening_for_keys() as keys:
        over = asyncio.create_task(child.finished.wait())
        pressed = asyncio.create_task(_pressed(keys, "*" if star else ""))
        try:
            await asyncio.wait(
                {over, stays, pressed}, timeout=verb.number("timeLimit", 14400), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            over.cancel()
            pressed.cancel()
    if child.cause == "redirect" and not child.record.over:
        leg.children.remove(child)  # REST has taken it elsewhere: it is a leg of its own now
    else:
        child.end("completed")


async def _for_ever() -> None:
    await asyncio.Event().wait()


def _fields(child: Leg | None, status: str, *, bridged: bool) -> Fields:
    """`<Dial action>` (1.4)."""
    fields = [("DialBridged", "true" if bridged else "false")]
    if child is None:
        return [("DialCallStatus", status), *fields]
    answered = child.answered.is_set()
    fields += [("DialCallStatus", "completed" if answered else child.record.status), ("DialCallSid", child.sid)]
    if answered:
        fields.append(("DialCallDuration", str(child.record.duration)))
    if child.sip:
        fields += [("DialSipCallId", f"{child.sid[2:]}@0.0.0.0"), ("DialSipResponseCode", str(child.sip_code))]
    return fields
