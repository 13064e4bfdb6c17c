"""The caller is gone, or could not be moved: staff are told and released, what was begun is kept."""

from __future__ import annotations

from dataclasses import replace

from flowengine.call import arrivals, bridging, closing, giving_up, handoff
from flowengine.call import events as e
from flowengine.call.commands import (
    CancelLeg,
    CheckCaller,
    Command,
    EndAgent,
    EndCall,
    MoveStaff,
    PlayMusic,
    StartTimer,
    StopMusic,
)
from flowengine.call.documents import HangUp, RecordCaller
from flowengine.call.saying import Step, fetched, moved, together
from flowengine.call.state import (
    Call,
    Phase,
    attempt_on,
    running,
    with_attempt,
    with_handoff,
)
from flowengine.flow.model import Flow, Method

MOVE_AGAIN = 3.0  # seconds until an order to move the caller is given again
MOST_MOVES = 5
WATCH_SECONDS = 30.0  # between two looks after a caller who is not on a stream of ours
UNHEARD_SECONDS = 2.0  # for the carrier's word, once a caller who talks with a person is heard no longer
OUT_OF_SIGHT = (Phase.CONNECTED, Phase.AWAY, Phase.RECORDING, Phase.CLOSING)


def move_failed(flow: Flow, call: Call, event: e.CallerMoveFailed) -> Step:
    """The caller could not be moved: gone, or still where they were."""
    if event.gone:
        return hung_up(flow, call, event)
    call = replace(call, caller_at=call.left if call.caller_at == "moving" else call.caller_at)
    if call.caller_at == "lost":  # the stream they were on is over: they may have been moved all the same
        doubt: Step = (call, (CheckCaller(call.ref), StartTimer("back", arrivals.BACK_SECONDS)))
        return together(doubt, lambda c: _not_moved(flow, c, event))
    return _not_moved(flow, call, event)


def _not_moved(flow: Flow, call: Call, event: e.CallerMoveFailed) -> Step:
    match call.phase:
        case Phase.RINGING if call.caller_at == "stream" and call.line is None:
            return call, (PlayMusic(flow.hold.music), CheckCaller(call.ref))  # could not be parked: waits here
        case Phase.BRIDGING:
            return bridging.failed(flow, call, f"the caller could not be moved: {event.evidence}")
        case Phase.RETURNING:
            return handoff.go_on(flow, call)
        case Phase.AWAY:
            return giving_up.give_up(flow, with_handoff(call, winner=""))
    if call.line is not None:
        return arrivals.line_over(flow, call)
    return replace(call, moves_failed=call.moves_failed + 1), (CheckCaller(call.ref), StartTimer("move", MOVE_AGAIN))


def move_again(flow: Flow, call: Call, event: e.Event) -> Step:
    """The last the caller gets could not be given: it is tried again, a few times, for nobody else will give it."""
    if call.caller_at in ("moving", "gone") or not isinstance(call.heading, HangUp | RecordCaller):
        return call, ()
    if call.moves_failed > MOST_MOVES:
        return hung_up(flow, call, event)
    return moved(call, call.heading)


def fetched_back(call: Call) -> Step:
    """A stream broke and nobody asked: who is gone cannot be moved, and the carrier says so."""
    if isinstance(call.heading, HangUp | RecordCaller):
        return moved(call, call.heading)
    return fetched(call)


def watched(before: Call, call: Call) -> tuple[Command, ...]:
    """Whoever talks with others, or hears the last of us, is looked after now and then: the word that they have gone
    may be lost, and nothing else would end such a call, or free a person who is left alone in the room."""
    begins = call.phase in OUT_OF_SIGHT and before.phase not in OUT_OF_SIGHT
    return (StartTimer("watch", WATCH_SECONDS),) if begins else ()


def asked_after(call: Call) -> Step:
    if call.phase not in OUT_OF_SIGHT:
        return call, ()
    return call, (CheckCaller(call.ref), StartTimer("watch", WATCH_SECONDS))


def unheard(flow: Flow, call: Call, event: e.CallerUnheard) -> Step:
    """The carrier says within moments why; if not, it is asked."""
    return call, (StartTimer("watch", UNHEARD_SECONDS),) if call.phase in OUT_OF_SIGHT else ()


def hung_up(flow: Flow, call: Call, event: e.Event) -> Step:
    """The caller is gone: staff are told and released, what was begun is kept, the call has its one outcome."""
    commands: list[Command] = []
    if call.phase == Phase.MESSAGE:
        call, added = closing.taken_down(flow, call)
        commands += added
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
    call, missed = _missed(flow, call)
    return giving_up.archive(flow, call, ended, status, (*released, *told, *missed))


def _missed(flow: Flow, call: Call) -> Step:
    """Somebody had picked up for a caller who then hung up: work for their desk, so that the call is returned."""
    if call.phase == Phase.CONNECTED or not any(a.answered is not None for a in running(call).attempts):
        return call, ()
    if running(call).method != Method.CONFERENCE:
        return call, ()
    return closing.add_work(flow, call, "missed_call", flow.take_message.collect)
