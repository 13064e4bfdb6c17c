"""The caller is gone, or could not be moved: staff are told and released, what was begun is kept."""

from __future__ import annotations

from dataclasses import replace

from flowengine.call import arrivals, closing, giving_up, handoff, ringing
from flowengine.call import events as e
from flowengine.call.commands import (
    CancelLeg,
    CheckCaller,
    Command,
    EndAgent,
    EndCall,
    HangUp,
    MoveStaff,
    StopMusic,
)
from flowengine.call.saying import Step
from flowengine.call.state import (
    Call,
    Phase,
    attempt_on,
    running,
    with_attempt,
    with_handoff,
)
from flowengine.flow.model import Flow


def move_failed(flow: Flow, call: Call, event: e.CallerMoveFailed) -> Step:
    """The caller could not be moved: gone, or still where they were."""
    if event.gone:
        return hung_up(flow, call, event)
    call = replace(call, caller_at="stream" if call.caller_at == "moving" else call.caller_at)
    match call.phase:
        case Phase.BRIDGING:
            return ringing.bridge_failed(flow, call, f"the caller could not be moved: {event.evidence}")
        case Phase.RETURNING:
            return handoff.go_on(flow, call)
        case Phase.AWAY:
            return giving_up.give_up(flow, with_handoff(call, winner=""))
    if call.line is not None:
        return arrivals.line_over(flow, call)
    return call, (CheckCaller(call.ref),)


def hung_up(flow: Flow, call: Call, event: e.Event) -> Step:
    """The caller is gone: staff are told and released, what was begun is kept, the call has its one outcome."""
    commands: list[Command] = []
    if call.phase == Phase.MESSAGE:
        call, added = closing.add_work(flow, call, "message", flow.take_message.collect)
        commands += added
        call = replace(call, outcome="message")
    outcome = _final_outcome(call)
    if call.handoff is not None:
        call, more = _leave_staff(flow, call, outcome)
        commands += more
    if call.agent in ("starting", "ready"):
        commands.append(EndAgent())
    call = replace(
        call,
        phase=Phase.ENDED,
        caller_at="gone",
        agent="ended" if call.agent in ("starting", "ready") else call.agent,
        line=None,
    )
    return replace(call, outcome=outcome), (*commands, StopMusic(), EndCall(outcome))


def _final_outcome(call: Call) -> str:
    if call.outcome:
        return call.outcome
    if call.handoff is not None:
        return "abandoned"
    if call.phase in (Phase.TALKING, Phase.CLOSING):
        return "receptionist" if any(h.outcome == "receptionist" for h in call.past) else "ended"
    return "abandoned"


def _leave_staff(flow: Flow, call: Call, outcome: str) -> Step:
    call, released = giving_up.release_all(call, "caller_gone", giving_up.CALLER_GONE)
    winner = attempt_on(call, running(call).winner)
    told: tuple[Command, ...] = ()
    if winner is not None and not winner.over and call.phase == Phase.BRIDGING:
        told = (MoveStaff(winner.leg, winner.ref, HangUp(giving_up.CALLER_GONE)),)
        call = with_attempt(call, winner.leg, outcome="caller_gone", ended=call.at)
    elif winner is not None and not winner.over and winner.ref:
        told = (CancelLeg(winner.leg, winner.ref),)
    status = (
        "ended" if call.phase == Phase.CONNECTED else outcome if outcome in ("referred", "dialled") else "abandoned"
    )
    ended = running(call).outcome or outcome
    return giving_up.archive(flow, call, ended, status, (*released, *told))
