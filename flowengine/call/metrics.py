"""The figures over many calls: what they are is told in `flow/figures.py`, how each is computed stands here."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from statistics import median

from flowengine.call.measures import CallMeasures, HandOver
from flowengine.flow.figures import AGAIN_SECONDS, ALERT_LEAST, FIGURES

WAIT_BINS = (0, 10, 20, 30, 45, 60, 90, 120)  # seconds; the last is open
MOST_RULES = 12  # rules named in a report; the rest are summed up


@dataclass(frozen=True, slots=True)
class Value:
    """One figure over some calls. For a share and an average `value` is `over / of`; for a time `over` is the sum of
    seconds, `of` how many there are, `value` their median and `p90` what nine of ten stay within. None is not enough
    data. `left_out` are those that belong here and could not be measured."""

    figure: str
    over: float
    of: int
    value: float | None
    p90: float | None = None
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Day:
    """What happened on one day of the office."""

    day: date
    calls: int = 0
    handovers: int = 0
    connected: int = 0
    abandoned: int = 0


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything a report of one flow says. `calls` are all, `measured` those whose journal could be read, `judged` the
    connected hand-overs of which staff said whether they needed a person."""

    flow: str
    since: datetime
    until: datetime
    calls: int
    measured: int
    handovers: int
    connected: int
    judged: int
    figures: Mapping[str, Value]
    days: tuple[Day, ...]
    waits: tuple[int, ...]  # hand-overs answered within each of WAIT_BINS
    rules: tuple[tuple[str, int], ...]  # hand-overs by the rule that decided them, most first
    outcomes: tuple[tuple[str, int], ...] = field(default=())  # of hand-overs, most first


def summary(flow: str, calls: Iterable[CallMeasures], since: datetime, until: datetime, zone: tzinfo) -> Summary:
    """The report over the calls that began from `since` to before `until` (aware). `calls` may hold more: those of the
    week before are needed for first-call resolution."""
    every = sorted(calls, key=lambda c: (c.started, c.call_id))
    here = [c for c in every if since <= datetime.fromisoformat(c.started) < until]
    measured = [c for c in here if c.known]
    handovers = [h for c in measured for h in c.handovers]
    met = [h for h in handovers if h.connected is not None]
    return Summary(
        flow=flow,
        since=since,
        until=until,
        calls=len(here),
        measured=len(measured),
        handovers=len(handovers),
        connected=len(met),
        judged=sum(h.needed_person is not None for h in met),
        figures=figures(every, since, until),
        days=tuple(_days(measured, since, until, zone)),
        waits=_binned([h.time_to_answer for h in met if h.time_to_answer is not None]),
        rules=_most(h.rule for h in handovers),
        outcomes=_most(h.outcome for h in handovers),
    )


def figures(calls: Iterable[CallMeasures], since: datetime, until: datetime) -> Mapping[str, Value]:
    """Every figure of `flow/figures.py` over the calls that began from `since` to before `until`."""
    every = list(calls)
    here = [c for c in every if since <= datetime.fromisoformat(c.started) < until]
    known = [c for c in here if c.known]
    found = {name: compute(known) for name, compute in _COMPUTED.items()}
    found["first_call_resolved"] = _first_call_resolved(every, since, until)
    return {name: found[name] for name in FIGURES}


def alerts(flow_limits: Mapping[str, float], found: Mapping[str, Value]) -> Mapping[str, bool]:
    """Whether each limit of `alert_when` is passed. A figure over fewer than ten says nothing."""
    return {name: _beyond(found[name], limit) for name, limit in flow_limits.items()}


def _beyond(found: Value, limit: float) -> bool:
    """Compared without dividing, and times to the millisecond: at the limit is within it, whatever binary fractions
    make of it."""
    figure = FIGURES[found.figure]
    if found.value is None or found.of < ALERT_LEAST:
        return False
    if figure.kind == "duration":
        value, bound = round(found.value, 3), limit
    else:
        value, bound = found.over * (100 if figure.kind == "percent" else 1), limit * found.of
    return value > bound if figure.alert == "above" else value < bound


# ---- each figure -----------------------------------------------------------------------------------------------------


def _share(name: str, asked: Sequence[bool | None]) -> Value:
    """The share of True; None belongs here and is not known."""
    of = [answer for answer in asked if answer is not None]
    return Value(name, sum(of), len(of), sum(of) / len(of) if of else None, left_out=len(asked) - len(of))


def _times(name: str, asked: Sequence[float | None]) -> Value:
    of = sorted(seconds for seconds in asked if seconds is not None)
    nine_of_ten = of[math.ceil(0.9 * len(of)) - 1] if of else None
    middle = median(of) if of else None
    return Value(name, math.fsum(of), len(of), middle, nine_of_ten, left_out=len(asked) - len(of))


def _handovers(calls: Iterable[CallMeasures]) -> list[HandOver]:
    return [handover for call in calls for handover in call.handovers]


def _met(calls: Iterable[CallMeasures]) -> list[HandOver]:
    return [handover for handover in _handovers(calls) if handover.connected is not None]


def _needed(handover: HandOver) -> bool:
    return not handover.short if handover.needed_person is None else handover.needed_person


def _repeated(handover: HandOver) -> bool | None:
    return None if handover.repeated is None else bool(handover.repeated)


def _attempts(calls: Sequence[CallMeasures]) -> Value:
    rung = [len(h.attempts) for h in _handovers(calls) if h.attempts]
    return Value("attempts", sum(rung), len(rung), sum(rung) / len(rung) if rung else None)


_COMPUTED: Mapping[str, Callable[[Sequence[CallMeasures]], Value]] = {
    "transfer_rate": lambda calls: _share("transfer_rate", [bool(c.handovers) for c in calls]),
    "transfer_precision": lambda calls: _share("transfer_precision", [_needed(h) for h in _met(calls)]),
    "abandoned": lambda calls: _share("abandoned", [h.outcome == "abandoned" for h in _handovers(calls)]),
    "time_to_answer": lambda calls: _times("time_to_answer", [h.time_to_answer for h in _met(calls)]),
    "time_to_context": lambda calls: _times("time_to_context", [h.context for h in _met(calls)]),
    "repeat_rate": lambda calls: _share("repeat_rate", [_repeated(h) for h in _met(calls)]),
    "handle_time": lambda calls: _times("handle_time", [h.handle_time for h in _met(calls)]),
    "attempts": _attempts,
    "cut_off": lambda calls: _share("cut_off", [None if h.over is None else h.cut_off for h in _met(calls)]),
}


def _first_call_resolved(every: Sequence[CallMeasures], since: datetime, until: datetime) -> Value:
    """A week earlier than the other figures: only then it is known who has called again."""
    again = timedelta(seconds=AGAIN_SECONDS)
    moments: dict[tuple[str, str], list[datetime]] = {}
    for call in every:
        if call.caller:
            moments.setdefault((call.flow, call.caller), []).append(datetime.fromisoformat(call.started))
    asked: list[bool | None] = []
    for call in every:
        began = datetime.fromisoformat(call.started)
        if call.known and since - again <= began < until - again and call.handovers:
            called = moments.get((call.flow, call.caller), [])
            came_back = any(began < other <= began + again for other in called)
            asked.append(None if call.resolved is None or not call.caller else call.resolved and not came_back)
    return _share("first_call_resolved", asked)


# ---- of which days ---------------------------------------------------------------------------------------------------


def begins(now: datetime, days: int, zone: tzinfo) -> datetime:
    """The first moment of the first of so many calendar days, today being the last."""
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days - 1)


# ---- what the plots show ---------------------------------------------------------------------------------------------


def _days(calls: Iterable[CallMeasures], since: datetime, until: datetime, zone: tzinfo) -> Iterable[Day]:
    """Every day of the period in the office's zone, those without calls too."""
    by_day: dict[date, list[CallMeasures]] = {}
    for call in calls:
        by_day.setdefault(datetime.fromisoformat(call.started).astimezone(zone).date(), []).append(call)
    day, last = since.astimezone(zone).date(), (until - timedelta(microseconds=1)).astimezone(zone).date()
    while day <= last:
        handovers = _handovers(by_day.get(day, ()))
        yield Day(
            day,
            calls=len(by_day.get(day, ())),
            handovers=len(handovers),
            connected=sum(h.connected is not None for h in handovers),
            abandoned=sum(h.outcome == "abandoned" for h in handovers),
        )
        day += timedelta(days=1)


def _binned(seconds: Iterable[float]) -> tuple[int, ...]:
    found = Counter(max(i for i, start in enumerate(WAIT_BINS) if s >= start) for s in seconds)
    return tuple(found[i] for i in range(len(WAIT_BINS)))


def _most(names: Iterable[str]) -> tuple[tuple[str, int], ...]:
    ranked = sorted(Counter(names).items(), key=lambda each: (-each[1], each[0]))
    rest = sum(count for _, count in ranked[MOST_RULES:])
    return (*ranked[:MOST_RULES], *((("others", rest),) if rest else ()))
