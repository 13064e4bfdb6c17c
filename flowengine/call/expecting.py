"""What a test expects of a rehearsed call, and where the call left the expected path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from flowengine.call.rehearsal import Rehearsal
from flowengine.call.scene import Heard
from flowengine.call.state import Attempt, Handoff, handoffs
from flowengine.call.story import tell
from flowengine.flow.model import CallerWants, Expectation, Flow, Mood, Topic

NONE = "none"


@dataclass(frozen=True, slots=True)
class Missed:
    """An expectation that did not hold: in words, and the call second at which the call went another way."""

    at: float
    says: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A rehearsed call in the words of `expect`. Names of people are those callers know."""

    rule: str
    matched: str
    department: str
    method: str
    tried: tuple[str, ...]
    connected_to: str
    ends_with: str


def outcome(flow: Flow, rehearsal: Rehearsal) -> Outcome:
    """What happened. When several hand-offs followed each other the last one's rule, department and method count;
    `tried` holds everybody rung in the whole call, in order."""
    happened = handoffs(rehearsal.call)
    last = happened[-1] if happened else None
    tried = dict.fromkeys(_name(flow, a) for h in happened for a in h.attempts)
    return Outcome(
        rule=last.rule if last else NONE,
        matched=last.matched if last else "",
        department=_first_rung(last) if last else "",
        method=last.method if last and last.attempts else "",
        tried=tuple(tried),
        connected_to=next((_name(flow, a) for h in happened for a in h.attempts if a.outcome == "accepted"), ""),
        ends_with=rehearsal.ends_with,
    )


def _first_rung(handoff: Handoff) -> str:
    return handoff.attempts[0].target.department if handoff.attempts else handoff.department


def _name(flow: Flow, attempt: Attempt) -> str:
    return flow.people[attempt.target.person].name


def is_judged(flow: Flow, rehearsal: Rehearsal) -> bool:
    """Whether a rule fired that the model judges on a live call, so that it may judge otherwise."""
    judged = {r.key for r in flow.rules if isinstance(r.condition, Topic | CallerWants | Mood)}
    return any(h.rule in judged for h in handoffs(rehearsal.call))


# ---- what was missed -----------------------------------------------------------------------------------------------


def missed(flow: Flow, expect: Expectation, rehearsal: Rehearsal) -> tuple[Missed, ...]:
    """Every expectation that did not hold, in order of time."""
    found = [m for check in (_decisions, _people, _words) for m in check(flow, expect, rehearsal)]
    return tuple(sorted(found, key=lambda m: m.at))


def _decisions(flow: Flow, expect: Expectation, rehearsal: Rehearsal) -> Iterator[Missed]:
    got = outcome(flow, rehearsal)
    happened = handoffs(rehearsal.call)
    decided = happened[-1].decided if happened else rehearsal.call.at
    if expect.rule is not None and expect.rule != got.rule:
        fired = "no rule fired" if got.rule == NONE else f"{got.rule} fired ({got.matched})"
        wanted = "no rule to fire" if expect.rule == NONE else f"the rule {expect.rule}"
        yield Missed(decided, f"expected {wanted}; {fired}")
    if expect.department is not None and expect.department != got.department:
        yield Missed(decided, f"expected {expect.department} to be rung first; {got.department or 'nobody'} was")
    if expect.method is not None and expect.method != got.method:
        yield Missed(decided, f"expected the method {expect.method}; it was {got.method or 'no hand-off'}")


def _people(flow: Flow, expect: Expectation, rehearsal: Rehearsal) -> Iterator[Missed]:
    got = outcome(flow, rehearsal)
    if expect.tried is not None and expect.tried != got.tried:
        wanted, were = (", ".join(names) or "nobody" for names in (expect.tried, got.tried))
        yield Missed(
            _parted(flow, expect.tried, rehearsal), f"expected these people to be tried: {wanted}; it was {were}"
        )
    if expect.connected_to is not None and expect.connected_to != got.connected_to:
        said = f"expected the caller to be connected to {expect.connected_to}; it was {got.connected_to or 'nobody'}"
        yield Missed(rehearsal.call.at, said)
    if expect.ends_with is not None and expect.ends_with != got.ends_with:
        yield Missed(
            rehearsal.call.at, f"expected the call to end with {expect.ends_with}; it ended with {got.ends_with}"
        )


def _parted(flow: Flow, wanted: tuple[str, ...], rehearsal: Rehearsal) -> float:
    """When the first phone rang that should not have, or the end when one is missing."""
    rung: dict[str, float] = {}
    for attempt in (a for h in handoffs(rehearsal.call) for a in h.attempts):
        rung.setdefault(_name(flow, attempt), attempt.started)
    others = (at for i, (name, at) in enumerate(rung.items()) if i >= len(wanted) or wanted[i] != name)
    return next(others, rehearsal.call.at)


def _words(flow: Flow, expect: Expectation, rehearsal: Rehearsal) -> Iterator[Missed]:
    lines = rehearsal.lines_heard
    for text in expect.caller_hears:
        if not _heard(text, lines):
            yield Missed(rehearsal.call.at, f"expected the caller to hear “{text}”{_nearest(text, lines)}")
    for text in expect.caller_does_not_hear:
        if said := _heard(text, lines):
            yield Missed(said.at, f"expected the caller not to hear “{text}”")
    for text in expect.staff_hears:
        if not _heard(text, rehearsal.staff_heard):
            said_to_staff = _nearest(text, rehearsal.staff_heard)
            yield Missed(rehearsal.call.at, f"expected staff to hear “{text}”{said_to_staff}")


def _heard(text: str, lines: tuple[Heard, ...]) -> Heard | None:
    wanted = _plain(text)
    return next((line for line in lines if wanted in _plain(line.text)), None)


def _plain(text: str) -> str:
    return " ".join(text.replace("\u2019", "'").casefold().split())


def _nearest(text: str, lines: tuple[Heard, ...]) -> str:
    near = get_close_matches(text, [line.text for line in lines], n=1, cutoff=0.3)
    return f"; nearest was “{near[0]}”" if near else ""


# ---- the story -----------------------------------------------------------------------------------------------------


def story(flow: Flow, rehearsal: Rehearsal, off: tuple[Missed, ...] = ()) -> Iterator[str]:
    """The call with its times; an arrow under the moment at which it left the expected path."""
    waiting = list(off)
    for i, replayed in enumerate(rehearsal.steps):
        yield from tell(flow, replayed, rehearsed=True)
        following = rehearsal.steps[i + 1].event.at if i + 1 < len(rehearsal.steps) else float("inf")
        while waiting and waiting[0].at < following:
            yield f"   ------>  {waiting.pop(0).says}"
