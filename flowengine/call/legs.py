"""News of staff legs, the room and the card, whatever its order and however often it comes."""

from __future__ import annotations

from flowengine.call import arrivals, bridging, giving_up, letting_go, parking, parting, ringing
from flowengine.call import events as e
from flowengine.call.commands import Answer, CancelLeg, CheckCaller, MoveCaller
from flowengine.call.conditions import spoken_language
from flowengine.call.documents import ConnectCaller, HangUp, SayToRoom
from flowengine.call.saying import Step, together
from flowengine.call.state import (
    Call,
    Phase,
    attempt_on,
    with_attempt,
    with_handoff,
)
from flowengine.flow.model import Flow

MOST_ENDED_AGAIN = 5  # orders to end one leg after the first


def leg_created(flow: Flow, call: Call, event: e.LegCreated | e.LegRinging) -> Step:
    """The carrier named a leg; if it is wanted no longer, it is ended now that it can be."""
    attempt = attempt_on(call, event.leg)
    if attempt is None:
        return call, (CancelLeg(event.leg, event.ref),)
    unwanted = attempt.outcome not in (None, "accepted") and not attempt.over and not attempt.ref
    return named(call, event.leg, event.ref), (CancelLeg(event.leg, event.ref),) if unwanted else ()


def named(call: Call, leg: str, ref: str) -> Call:
    """The carrier's name of a leg; the first one stays, so that no later word can turn our orders against another."""
    attempt = attempt_on(call, leg)
    return with_attempt(call, leg, ref=ref) if attempt and not attempt.ref and ref != call.ref else call


def leg_unknown(flow: Flow, call: Call, event: e.LegUnknown) -> Step:
    return with_attempt(call, event.leg, unknown=True), ()


def leg_ended(flow: Flow, call: Call, event: e.LegEnded) -> Step:
    attempt = attempt_on(call, event.leg)
    if attempt is None or attempt.over:
        return call, ()
    call = with_attempt(call, event.leg, over=True, evidence=attempt.evidence or event.evidence)
    if attempt.outcome is None:
        return ringing.attempt_over(
            flow,
            call,
            event.leg,
            _why_ended(attempt.answered is not None, attempt.machine, event.outcome),
            event.evidence,
        )
    if call.handoff and call.handoff.winner == event.leg:
        return _winner_left(flow, call, event.leg, event.evidence)
    return call, ()


def _winner_left(flow: Flow, call: Call, leg: str, evidence: str = "") -> Step:
    if call.phase == Phase.BRIDGING:
        outcome = "declined" if bridging.accepts_without_key(flow, call, leg) else "failed"  # no key: nothing accepted
        return bridging.failed(flow, call, evidence or "left before the caller came", outcome)
    return parting.staff_left(flow, call) if call.phase == Phase.CONNECTED else (call, ())


def _why_ended(answered: bool, machine: bool, outcome: str) -> str:
    """What an ended leg means for the attempt that had no verdict yet."""
    if answered:
        return "voicemail" if machine else "declined"
    return "failed" if outcome == "completed" else outcome


def joined_room(flow: Flow, call: Call, event: e.JoinedRoom) -> Step:
    return bridging.joined(flow, call, event.leg) if call.handoff and call.handoff.room == event.room else (call, ())


def still_there(call: Call, leg: str) -> Step:
    """Somebody was let go and has not gone: the order was lost, or they entered a room all the same."""
    attempt = attempt_on(call, leg)
    if attempt is None or attempt.over or not attempt.ref or attempt.ended_again >= MOST_ENDED_AGAIN:
        return call, ()
    return with_attempt(call, leg, ended_again=attempt.ended_again + 1), (CancelLeg(leg, attempt.ref),)


def timer_after_the_end(call: Call, event: e.TimerFired) -> Step:
    """When the call is over only who was released still matters."""
    name, _, leg = event.timer.partition(":")
    return still_there(call, leg) if name == "released" else (call, ())


def left_room(flow: Flow, call: Call, event: e.LeftRoom) -> Step:
    if call.handoff is None or call.handoff.room != event.room:
        return call, ()
    if event.leg == call.caller_leg:
        return with_handoff(call, caller_in=False), (CheckCaller(call.ref),)
    return _winner_left(flow, call, event.leg) if event.leg == call.handoff.winner else (call, ())


def caller_left_room(flow: Flow, call: Call, event: e.CallerLeftRoom) -> Step:
    """The caller's stay in the room is over: the person hung up, or never came."""
    match call.phase:
        case Phase.CONNECTED:
            return parting.goes_on(flow, call, event.request)
        case Phase.BRIDGING if call.handoff is not None and call.handoff.room == event.room:
            call, commands = bridging.failed(flow, call, "the room ended before both were in it")
            commands = tuple(c for c in commands if not isinstance(c, MoveCaller))
            if parking.waits_alone(call):
                return together((call, commands), lambda c: parking.again(flow, c, event))
            document = call.heading or ConnectCaller(call.stream)
            return call, (Answer(event.request, document), *commands)
        case Phase.RINGING if parking.waits_alone(call) and call.handoff and call.handoff.room == event.room:
            return parking.again(flow, call, event)
        case Phase.RETURNING:
            return call, (Answer(event.request, call.heading or ConnectCaller(call.stream)),)
    return arrivals.returned(flow, call, event)


def announcement_asked(flow: Flow, call: Call, event: e.AnnouncementAsked) -> Step:
    """What the two hear when they meet."""
    met = call.phase == Phase.CONNECTED and call.handoff is not None and call.handoff.room == event.room
    return call, (
        Answer(event.request, SayToRoom(parting.introduction(flow, call) if met else "", spoken_language(flow, call))),
    )


def card_shown(flow: Flow, call: Call, event: e.CardShown) -> Step:
    if call.handoff and call.handoff.id == event.handoff and call.handoff.card_at is None:
        return with_handoff(call, card_at=event.at), ()
    return call, ()


def card_confirmed(flow: Flow, call: Call, event: e.CardConfirmed) -> Step:
    if call.handoff is None or event.handoff not in ("", call.handoff.id):
        return call, ()
    call = with_handoff(call, confirmed=True)
    return letting_go.release(flow, call) if call.phase == Phase.CONFIRMING else (call, ())


def refer_answered(flow: Flow, call: Call, event: e.ReferAnswered) -> Step:
    if event.accepted:
        return letting_go.left_us(flow, call, event.request, "referred")
    return letting_go.came_back(flow, call, event.request, "failed", event.evidence)


def dial_ended(flow: Flow, call: Call, event: e.DialEnded) -> Step:
    if event.bridged:
        return letting_go.left_us(flow, call, event.request, "dialled")
    outcome = "failed" if event.outcome == "completed" else event.outcome
    return letting_go.came_back(flow, call, event.request, outcome, event.evidence)


def waited_long_enough(flow: Flow, call: Call, leg: str, *, answered: bool) -> Step:
    """The carrier has not told us in time how a leg ended: we end it and go on."""
    attempt = attempt_on(call, leg)
    if attempt is None or attempt.outcome is not None:
        return call, ()
    outcome = "unknown" if attempt.unknown and not attempt.ref else "timed_out" if answered else "no_answer"
    return together(
        (call, (CancelLeg(leg, attempt.ref),)),
        lambda c: ringing.attempt_over(flow, c, leg, outcome, "no word from the carrier"),
    )


def late_answer(flow: Flow, call: Call, event: e.LegAnswered | e.StaffPressed) -> Step:
    return call, (Answer(event.request, HangUp(giving_up.CALLER_GONE)),) if event.request else ()
