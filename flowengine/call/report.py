"""One call as a report: what was decided, who was tried, what was said,
folded from its journal (design.md section 5).
"""

from __future__ import annotations

from collections.abc import Iterable

from flowengine.call.card import card, said_before
from flowengine.call.commands import AddWork
from flowengine.call.events import Event
from flowengine.call.journal import replay
from flowengine.call.state import Attempt, Call, Handoff
from flowengine.flow.model import Flow


def report(flow: Flow, events: Iterable[Event]) -> dict[str, object]:
    """The report object; `caller_heard`, `staff_heard` and `numbers_shown` (to staff, by person) are null, for only a
    carrier can measure them."""
    steps = list(replay(flow, events))
    call = steps[-1].call if steps else Call()
    handoffs = [*call.past, *((call.handoff,) if call.handoff else ())]
    return {
        "call_id": call.call_id,
        "flow": flow.key,
        "flow_version": flow.version,
        "outcome": call.outcome,
        "handoffs": [_handoff(flow, h) for h in handoffs],
        "refused_tools": call.refused,
        "card": _card(flow, call, handoffs[-1]) if handoffs else None,
        "transcript": [{"at": t.at, "speaker": t.speaker, "text": t.text, "final": True} for t in call.turns],
        "work": [c.kind for s in steps for c in s.commands if isinstance(c, AddWork)],
        "caller_heard": None,
        "staff_heard": None,
        "numbers_shown": None,
        "events": [{"at": s.event.at, "type": type(s.event).__name__} for s in steps],
    }


def _handoff(flow: Flow, handoff: Handoff) -> dict[str, object]:
    return {
        "rule": handoff.rule,
        "department": handoff.department or None,
        "method": handoff.method,
        "matched": handoff.matched,
        "came_close": list(handoff.close),
        "summary": handoff.summary,
        "outcome": handoff.outcome,
        "attempts": [_attempt(flow, a) for a in handoff.attempts],
        "decided_at": handoff.decided,
        "card_at": handoff.card_at,
        "first_ring_at": handoff.first_ring_at,
        "accepted_at": handoff.accepted_at,
        "connected_at": handoff.connected_at,
    }


def _attempt(flow: Flow, attempt: Attempt) -> dict[str, object]:
    until = attempt.answered if attempt.answered is not None else attempt.ended
    rang = round(until - attempt.started, 3) if until is not None else None
    return {
        "person": flow.people[attempt.target.person].name,
        "outcome": attempt.outcome,
        "evidence": attempt.evidence,
        "why": attempt.why,
        "rang_seconds": rang,
    }


def _card(flow: Flow, call: Call, handoff: Handoff) -> dict[str, object]:
    return {**card(flow, call, handoff), "transcript": said_before(call, handoff)}
