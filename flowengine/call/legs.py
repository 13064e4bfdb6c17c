"""News of staff legs, the room and the card, whatever its order and however often it comes."""

from __future__ import annotations

from flowengine.call import arrivals, giving_up, letting_go, ringing
from flowengine.call import events as e
from flowengine.call.commands import (
    Answer,
    CancelLeg,
    CheckCaller,
    ConnectCaller,
    HangUp,
    MoveCaller,
    StartTimer,
    StopTimer,
)
from flowengine.call.saying import Step, together
from flowengine.call.state import (
    Call,
    Phase,
    attempt_on,
    with_attempt,
    with_handoff,
)
from flowengine.flow.model import Flow

NO_KEY = "no key"  # the evidence of a briefing that nobody answered with a key


def leg_created(flow: Flow, call: Call, event: e.LegCreated | e.LegRinging) -> Step:
    """The carrier named a leg; if it is wanted no longer, it is ended now that it can be."""
    attempt = attempt_on(call, event.leg)
    if attempt is None:
        return call, (CancelLeg(event.leg, event.ref),)
    unwanted = attempt.outcome not in (None, "accepted") and not attempt.over and not attempt.ref
    call = with_attempt(call, event.leg, ref=event.ref)
    return call, (CancelLeg(event.leg, event.ref),) if unwanted else ()


def leg_unknown(flow: Flow, call: Call, event: e.LegUnknown) -> Step:
    return with_attempt(call, event.leg, unknown=True), ()


def leg_answered(flow: Flow, call: Call, event: e.LegAnswered) -> Step:
    return ringing.brief(flow, with_attempt(call, event.leg, ref=event.ref), event.leg, event.request)


def staff_pressed(flow: Flow, call: Call, event: e.StaffPressed) -> Step:
    if event.key == "1":
        return ringing.accept(flow, call, event.leg, event.request)
    attempt = attempt_on(call, event.leg)
    ended = (Answer(event.request, HangUp()),)
    if attempt is None or attempt.outcome is not None:
        return call, ended
    call = with_attempt(call, event.leg, answered=attempt.answered or call.at)  # a key proves that somebody picked up
    outcome = "voicemail" if attempt.machine and not event.key else "declined"
    return together(
        (call, ended),
        lambda c: ringing.attempt_over(flow, c, event.leg, outcome, f"key {event.key}" if event.key else NO_KEY),
    )


def machine_detected(flow: Flow, call: Call, event: e.MachineDetected) -> Step:
    """Only names the outcome: a machine cannot press one. A key that came earlier stands."""
    attempt = attempt_on(call, event.leg)
    call = with_attempt(call, event.leg, machine=True)
    if attempt and attempt.outcome == "declined" and attempt.evidence == NO_KEY:
        call = with_attempt(call, event.leg, outcome="voicemail")
    return call, ()


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
        if call.phase == Phase.BRIDGING:
            return ringing.bridge_failed(flow, call, event.evidence or "left before the caller came")
        if call.phase == Phase.CONNECTED:
            return staff_left(flow, call)
    return call, ()


def _why_ended(answered: bool, machine: bool, outcome: str) -> str:
    """What an ended leg means for the attempt that had no verdict yet."""
    if answered:
        return "voicemail" if machine else "declined"
    return "failed" if outcome == "completed" else outcome


def staff_left(flow: Flow, call: Call) -> Step:
    """The person hung up first; the room ends with them and the carrier asks what the caller gets."""
    return call, (StartTimer("goodbye", arrivals.BACK_SECONDS),)


def joined_room(flow: Flow, call: Call, event: e.JoinedRoom) -> Step:
    return ringing.joined(flow, call, event.leg) if call.handoff and call.handoff.room == event.room else (call, ())


def left_room(flow: Flow, call: Call, event: e.LeftRoom) -> Step:
    if call.phase != Phase.CONNECTED or call.handoff is None or call.handoff.room != event.room:
        return call, ()
    if event.leg == call.caller_leg:
        return call, (CheckCaller(call.ref),)
    return staff_left(flow, call)


def caller_left_room(flow: Flow, call: Call, event: e.CallerLeftRoom) -> Step:
    """The caller's stay in the room is over: the person hung up, or never came."""
    match call.phase:
        case Phase.CONNECTED:
            return call, (Answer(event.request, HangUp()), StopTimer("goodbye"))
        case Phase.BRIDGING if call.handoff is not None and call.handoff.room == event.room:
            failed, commands = ringing.bridge_failed(flow, call, "the room ended before both were in it")
            document = ConnectCaller(failed.stream)
            return failed, (Answer(event.request, document), *(c for c in commands if not isinstance(c, MoveCaller)))
        case Phase.RETURNING:
            return call, (Answer(event.request, call.heading or ConnectCaller(call.stream)),)
    return arrivals.returned(flow, call, event)


def card_shown(flow: Flow, call: Call, event: e.CardShown) -> Step:
    if call.handoff and call.handoff.id == event.handoff and call.handoff.card_at is None:
        return with_handoff(call, card_at=event.at), ()
    return call, ()


def card_confirmed(flow: Flow, call: Call, event: e.CardConfirmed) -> Step:
    if call.handoff is None:
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
    return call, (Answer(event.request, HangUp(giving_up.CALLER_GONE)),)
