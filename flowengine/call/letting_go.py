"""Refer and dial: the caller is let go, but only when somebody has the card."""

from __future__ import annotations

from dataclasses import replace

from flowengine.call.commands import Answer, EndAgent, LetAgentHear, StopTimer
from flowengine.call.documents import ConnectCaller, DialNumber, HangUp, ReferCaller
from flowengine.call.giving_up import give_up
from flowengine.call.ringing import show
from flowengine.call.saying import Step, moved, sent, together, transfer
from flowengine.call.state import (
    Attempt,
    Call,
    Phase,
    Target,
    running,
    with_attempt,
    with_handoff,
)
from flowengine.flow.model import (
    Flow,
    Method,
)


def release(flow: Flow, call: Call) -> Step:
    """The card is confirmed and the line heard: the caller is let go to the next target."""
    handoff = running(call)
    left = flow.most_phones_rung - call.phones_rung
    if not handoff.stages or left <= 0:
        return give_up(flow, call)
    target = handoff.stages[0].targets[0]
    leg = f"{call.call_id}-staff-{call.phones_rung + 1}"
    call = replace(call, phase=Phase.AWAY, phones_rung=call.phones_rung + 1, rung=(*call.rung, target.person))
    attempts = (*handoff.attempts, Attempt(leg, target, call.at))
    call = with_handoff(
        call, stages=handoff.stages[1:], attempts=attempts, winner=leg, first_ring_at=handoff.first_ring_at or call.at
    )
    call, commands = moved(call, _way_out(flow, call, target, leg))
    return together((call, (*commands, StopTimer("confirm"), LetAgentHear(False))), lambda c: show(flow, c, "ringing"))


def _way_out(flow: Flow, call: Call, target: Target, leg: str) -> ReferCaller | DialNumber:
    if running(call).method == Method.REFER:
        return ReferCaller(target.address, running(call).id)
    return DialNumber(target.address, transfer(flow, target.department).ring_for, call.dialled, leg)


def left_us(flow: Flow, call: Call, request: str, outcome: str) -> Step:
    """The caller is with somebody else for good (`referred` or `dialled`)."""
    call = with_attempt(call, running(call).winner, outcome="accepted", ended=call.at)
    call = with_handoff(call, outcome=outcome, accepted_at=call.at, connected_at=call.at)
    done = (Answer(request, HangUp()), EndAgent())
    return together((replace(call, outcome=outcome, agent="ended"), done), lambda c: show(flow, c, outcome))


def came_back(flow: Flow, call: Call, request: str, outcome: str, evidence: str) -> Step:
    """Refer or dial came to nothing: the caller is back, and the next target or the fallback follows."""
    call = with_attempt(call, running(call).winner, outcome=outcome, ended=call.at, evidence=evidence)
    more = bool(running(call).stages)
    call = replace(
        with_handoff(call, winner=""),
        phase=Phase.RETURNING,
        stream=call.stream + 1,
        after="announce" if more else "give_up",
    )
    document = ConnectCaller(call.stream)
    return sent(call, document), (Answer(request, document),)


def not_confirmed(flow: Flow, call: Call) -> Step:
    """Nobody has the card: the caller is not let go."""
    step = transfer(flow, running(call).department).if_card_not_confirmed
    return give_up(flow, with_handoff(call, then=step))
