"""A rule whose `only_if` hangs on an unknown field: the caller is asked once, then the rules are read again."""

from __future__ import annotations

from dataclasses import replace

from flowengine.call import handoff, listening
from flowengine.call.commands import StartTimer, StopTimer
from flowengine.call.conditions import Trigger
from flowengine.call.saying import Step, together
from flowengine.call.state import Call, Held, Phase
from flowengine.flow.abilities import ASKING_SECONDS
from flowengine.flow.model import Flow


def wonder(flow: Flow, call: Call, field: str, trigger: Trigger, summary: str, next_step: str) -> Step:
    """The field is asked for, once; what made the rule true is held until the answer, or until there is none."""
    held = Held(
        field,
        trigger.text,
        trigger.key,
        trigger.proposed,
        trigger.matched,
        trigger.confidence,
        trigger.arriving,
        summary,
        next_step,
    )
    question = handoff.question(flow, call, field)
    call = replace(call, held=held, wondered=(*call.wondered, field), greeted=True)
    return call, (question, StartTimer("only_if", ASKING_SECONDS))


def answer_came(flow: Flow, call: Call, name: str) -> Step | None:
    """The caller has answered what an `only_if` hung on: the rules are read again as they were to be read then."""
    if call.held is None or call.held.field != name or call.phase != Phase.TALKING:
        return None
    return read_held(flow, call)


def no_answer_came(flow: Flow, call: Call) -> Step:
    """Nobody told us in time: the rule counts as false, and those below it are read."""
    if call.held is None or call.phase != Phase.TALKING:
        return call, ()
    return read_held(flow, call) or (replace(call, held=None), ())


def read_held(flow: Flow, call: Call) -> Step | None:
    """The rules read again on what was held; None when none of them is true."""
    held = call.held
    assert held is not None
    trigger = Trigger(held.text, held.key, held.proposed, held.matched, held.confidence, held.arriving)
    call = replace(call, held=None)
    stop: Step = (call, (StopTimer("only_if"),))
    cut_in = not held.proposed
    decided = listening.read_rules(flow, call, trigger, summary=held.summary, next_step=held.next_step, cut_in=cut_in)
    return together(stop, lambda _: decided) if decided else None
