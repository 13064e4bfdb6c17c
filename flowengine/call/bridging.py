"""Two people on their way to each other: somebody accepted, both enter the room, or they miss each other."""

from __future__ import annotations

from dataclasses import replace

from flowengine.call import closing, parking, ringing
from flowengine.call import events as e
from flowengine.call.commands import (
    Announce,
    Answer,
    CheckRoom,
    Command,
    EndAgent,
    EndConsult,
    LetAgentHear,
    LetAgentSpeak,
    MoveStaff,
    StartTimer,
    StopTimer,
)
from flowengine.call.documents import HangUp, JoinCaller, JoinStaff
from flowengine.call.giving_up import NOT_CONNECTED, TAKEN, release_all, stop_hold
from flowengine.call.prompt import ON_HOLD
from flowengine.call.saying import Step, fetched, in_room, moved, together, transfer
from flowengine.call.state import Attempt, Call, Phase, attempt_on, running, with_attempt, with_handoff
from flowengine.flow.model import Accept, Flow

BRIDGE_SECONDS = 12.0  # from the accept key to both parties in the room
CHECKED_SECONDS = 8.0  # of these, after the carrier was asked who is there


def accept(flow: Flow, call: Call, attempt: Attempt, request: str) -> Step:
    """The first to accept wins; a caller with the receptionist moves once, now; one who waits in a room does not."""
    waits = in_room(call) and running(call).room != ""
    call = replace(call, rooms=call.rooms if waits else call.rooms + 1)
    room = running(call).room if waits else f"{call.call_id}-room-{call.rooms}"
    call = with_attempt(call, attempt.leg, outcome="accepted", consulting=False)
    call = replace(call, phase=Phase.BRIDGING, line=None)
    call = with_handoff(call, winner=attempt.leg, room=room, accepted_at=call.at, status="accepted", news="")
    enter: Step = (call, enters(attempt, room, request))
    return together(
        enter,
        lambda c: (c, ()) if waits else moved(c, JoinCaller(room)),
        lambda c: release_all(c, "cancelled", TAKEN),
        lambda c: (c, _quiet(attempt)),
        lambda c: ringing.show(flow, c, "accepted"),
    )


def enters(attempt: Attempt, room: str, request: str) -> tuple[Command, ...]:
    """The person goes into the room: by the answer to the carrier's question, else taken from what goes on."""
    document = JoinStaff(attempt.leg, room)
    if request:
        return (Answer(request, document),)
    return MoveStaff(attempt.leg, attempt.ref, document), EndConsult(attempt.leg)


def _quiet(attempt: Attempt) -> tuple[Command, ...]:
    waits = (StopTimer(f"{wait}:{attempt.leg}") for wait in ("ring", "key", "consult"))
    return (
        LetAgentSpeak(False),
        LetAgentHear(False),
        *stop_hold(),
        *waits,
        StartTimer("bridge", BRIDGE_SECONDS - CHECKED_SECONDS),
    )


def joined(flow: Flow, call: Call, leg: str) -> Step:
    """One of the two is in the room; with both there, they are connected."""
    handoff = running(call)
    mine = leg == call.caller_leg
    if mine and call.phase in (Phase.RINGING, Phase.BRIDGING):
        call = with_handoff(replace(call, caller_at="room"), caller_in=True)
    if call.phase != Phase.BRIDGING or leg not in (call.caller_leg, handoff.winner):
        return call, ()
    call = call if mine else with_handoff(call, staff_in=True)
    if not (running(call).caller_in and running(call).staff_in):
        return call, ()
    call = replace(call, phase=Phase.CONNECTED, outcome="connected", caller_at="room")
    call = with_handoff(call, connected_at=call.at, outcome="connected")
    over: tuple[Command, ...] = (StopTimer("bridge"), StopTimer("met"))
    if call.agent in ("starting", "ready"):
        call, over = replace(call, agent="ended"), (*over, EndAgent())
    if transfer(flow, handoff.department).introduction == "announced":
        over = (*over, Announce(handoff.room))
    return together((call, over), lambda c: ringing.show(flow, c, "connected"))


def seen(flow: Flow, call: Call, event: e.RoomSeen) -> Step:
    """The carrier was asked who is in the room, because news of it may have been lost on the way."""
    handoff = call.handoff
    if handoff is None or handoff.room != event.room:
        return call, ()
    refs = {call.ref: call.caller_leg, **{a.ref: a.leg for a in handoff.attempts if a.ref}}
    step: Step = (call, ())
    for leg in (refs[ref] for ref in event.refs if ref in refs):
        step = together(step, lambda c, leg=leg: joined(flow, c, leg) if c.handoff else (c, ()))  # type: ignore[misc]
    return step


def not_met_yet(flow: Flow, call: Call) -> Step:
    """No word yet that both are in the room: the carrier is asked before anybody is taken out of it."""
    return call, (CheckRoom(running(call).room), StartTimer("met", CHECKED_SECONDS))


def failed(flow: Flow, call: Call, why: str, outcome: str = "failed", told: str = NOT_CONNECTED) -> Step:
    """Somebody accepted but the two did not meet: the person is released and the caller comes back to us."""
    winner = attempt_on(call, running(call).winner)
    assert winner is not None
    call = with_attempt(call, winner.leg, outcome=outcome, ended=call.at, evidence=why)
    call = with_handoff(
        call, winner="", accepted_at=None, connected_at=None, staff_in=False, outcome=None, status="ringing"
    )
    leave: tuple[Command, ...] = (StopTimer("bridge"), StopTimer("met"), StopTimer("goodbye"))
    leave += () if winner.over else (MoveStaff(winner.leg, winner.ref, HangUp(told)),)
    return together((call, leave), lambda c: bring_back(flow, c))


def not_a_person(flow: Flow, call: Call, note: str) -> Step:
    """A machine took the call that needed no key: it gets its note, if any, and the caller the next phone."""
    if call.phase == Phase.CONNECTED:
        call = replace(call, outcome=None)
    return failed(flow, call, "a machine answered", "voicemail", note)


def accepts_without_key(flow: Flow, call: Call, leg: str) -> bool:
    attempt = attempt_on(call, leg)
    return attempt is not None and transfer(flow, attempt.target.department).accept is Accept.NONE


def bring_back(flow: Flow, call: Call) -> Step:
    """The caller comes back to where they waited, then the next phone rings."""
    if call.caller_at == "stream":
        call = with_handoff(call, room="")
        return together((call, (LetAgentHear(True),)), lambda c: ringing.start_ringing(flow, c))
    if parking.parks(flow):
        return ringing.start_ringing(flow, call)
    call = with_handoff(replace(call, phase=Phase.RETURNING, after="ring"), room="", caller_in=False)
    return together(closing.woken(flow, call, ON_HOLD), fetched)
