"""When nobody came: phones stop ringing, the hand-off joins the past, and the named next step follows."""

from __future__ import annotations

from dataclasses import replace

from flowengine.call import closing
from flowengine.call.card import card
from flowengine.call.commands import CancelLeg, Command, EndConsult, MoveStaff, ShowCard, StopTimer
from flowengine.call.documents import HangUp
from flowengine.call.saying import Step, together
from flowengine.call.state import (
    Attempt,
    Call,
    open_attempts,
    running,
    with_attempt,
    with_handoff,
)
from flowengine.flow.model import (
    Flow,
    ReceptionistStep,
    TakeMessageStep,
)

TAKEN = "Thank you. This call has already been taken."
GIVEN_UP = "Thank you. The caller is no longer waiting."
CALLER_GONE = "I'm sorry, the caller has just hung up. Thank you."
NOT_CONNECTED = "I'm sorry, the caller could not be connected. Thank you."


def release_all(call: Call, outcome: str, told: str) -> Step:
    """Every open leg of the running hand-off is ended; whoever picked up is told why."""
    commands: list[Command] = []
    for attempt in open_attempts(call):
        call = with_attempt(call, attempt.leg, outcome=outcome, ended=call.at, consulting=False)
        commands += [EndConsult(attempt.leg), StopTimer(f"consult:{attempt.leg}")] if attempt.consulting else []
        commands += [let_go(attempt, told), StopTimer(f"ring:{attempt.leg}"), StopTimer(f"key:{attempt.leg}")]
    return call, tuple(commands)


def let_go(attempt: Attempt, told: str) -> Command:
    if attempt.answered is not None and attempt.ref:
        return MoveStaff(attempt.leg, attempt.ref, HangUp(told))
    return CancelLeg(attempt.leg, attempt.ref)


def give_up(flow: Flow, call: Call, released_as: str = "timed_out") -> Step:
    """The list is exhausted or the wait too long: the named next step. An
    emergency's own sentence is repeated before it.
    """
    call, released = release_all(call, released_as, GIVEN_UP)
    step = closing.possible(call, running(call).then)
    outcome, status = closing.outcome_of(step)
    repeat = running(call).say if running(call).emergency else ""
    call, shown = archive(flow, call, outcome, status, released)
    return together((call, (*shown, *stop_hold())), lambda c: closing.perform(flow, c, step, repeat=repeat))


def stop_hold() -> tuple[Command, ...]:
    return StopTimer("hold"), StopTimer("update")


def archive(flow: Flow, call: Call, outcome: str, status: str, before: tuple[Command, ...] = ()) -> Step:
    """The running hand-off is over and joins the past."""
    done = replace(running(call), outcome=outcome, status=status, ended_at=call.at)
    call = replace(call, handoff=None, past=(*call.past, done), line=None)
    return call, (*before, ShowCard(done.id, card(flow, call, done)))


def never_mind(flow: Flow, call: Call) -> Step:
    """The caller would rather talk to the receptionist after all."""
    return _instead(flow, call, ReceptionistStep())


def rather_a_message(flow: Flow, call: Call) -> Step:
    return _instead(flow, call, TakeMessageStep())


def _instead(flow: Flow, call: Call, step: ReceptionistStep | TakeMessageStep) -> Step:
    return give_up(flow, with_handoff(call, then=step), "cancelled")
