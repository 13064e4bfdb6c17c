"""The figures in words and as JSON: one wording for the command line, the manager's page and the alerts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flowengine.call.metrics import WAIT_BINS, Summary, Value
from flowengine.flow import spelling
from flowengine.flow.figures import AGAIN, ALERT, FIGURES

FORMAT_VERSION = 1
NOT_ENOUGH = "not enough data"


def seconds(value: float) -> str:
    """`8.4 s`, `34 s`, `1 min 5 s`, `1 h 2 min`."""
    if value < 9.95:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def value(found: Value) -> str:
    """The figure itself: `12%`, `34 s`, `1.4`, or that there is not enough data."""
    if found.value is None:
        return NOT_ENOUGH
    kind = FIGURES[found.figure].kind
    if kind == "percent":
        return f"{_percent(found.value)}%"
    return seconds(found.value) if kind == "duration" else f"{found.value:.1f}"


def _percent(share: float) -> str:
    """Whole, but never 0 or 100 when it is not quite."""
    per_cent = share * 100
    return f"{per_cent:.1f}" if 0 < per_cent < 1 or 99 < per_cent < 100 else f"{per_cent:.0f}"


def basis(found: Value) -> str:
    """What it was computed from: `6 of 48`, `half of 3 took no longer, nine in ten at most 52 s`; what is missing."""
    left = f"{found.left_out} not known" if found.left_out else ""
    return "; ".join(filter(None, (_basis(found) if found.of else "", left)))


def _basis(found: Value) -> str:
    if found.p90 is None:
        return f"{found.over:.0f} {'for' if FIGURES[found.figure].kind == 'count' else 'of'} {found.of}"
    if found.of == 1:
        return "only one"
    return f"half of {found.of} took no longer, nine in ten at most {seconds(found.p90)}"


def measured(found: Summary) -> str:
    """How much of the period the figures speak of."""
    if found.measured == found.calls:
        return f"{counted(found.calls, 'call')}, {counted(found.handovers, 'hand-over')}"
    return (
        f"{counted(found.calls, 'call')}; {found.measured} of them could be measured, "
        f"with {counted(found.handovers, 'hand-over')}"
    )


def remarks(found: Summary) -> Iterator[str]:
    """What a reader must know before trusting a figure."""
    if found.connected:
        met = counted(found.connected, "connected hand-over")
        yield f"Staff said of {found.judged} of {met} whether a person was needed."
    if found.measured < found.calls:
        yield "The journals of the other calls are emptied by retention, or were written by another version."
    yield f"First-call resolution is that of the same length of time {AGAIN} earlier: only then it is known."


def alert(found: Value, limit: float) -> str:
    """A limit that is passed, in one sentence."""
    figure = FIGURES[found.figure]
    said = f"half of them take {value(found)} or more" if found.p90 is not None else f"{value(found)} ({basis(found)})"
    when = (
        f"in the {ALERT} before the last {AGAIN}" if found.figure == "first_call_resolved" else f"in the last {ALERT}"
    )
    return f"{figure.label}: {said} {when}; the limit is {limit_words(found.figure, limit)}."


def limit_words(figure: str, limit: float) -> str:
    """`5%`, `1 min`, `3`: a limit of `alert_when` as the figures are told."""
    return seconds(limit) if FIGURES[figure].kind == "duration" else spelling.limit(figure, limit)


def counted(number: int, noun: str) -> str:
    """`1 call`, `2 calls`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def bins() -> tuple[str, ...]:
    """The names of the bars of the waits: `0-10 s`, …, `120 s or more`."""
    ends = WAIT_BINS[1:]
    return (*(f"{a}-{b} s" for a, b in zip(WAIT_BINS, ends, strict=False)), f"{WAIT_BINS[-1]} s or more")


# ---- JSON ------------------------------------------------------------------------------------------------------------


def as_json(found: Summary, raised: Mapping[str, bool]) -> dict[str, object]:
    """The report of one flow as plain values; shares from 0 to 1, times in seconds, null is not enough data."""
    return {
        "format_version": FORMAT_VERSION,
        "flow": found.flow,
        "since": found.since.isoformat(),
        "until": found.until.isoformat(),
        "calls": found.calls,
        "measured": found.measured,
        "handovers": found.handovers,
        "connected": found.connected,
        "judged": found.judged,
        "figures": {name: _figure(each) for name, each in found.figures.items()},
        "alerts": dict(raised),
        "days": [
            {
                "day": d.day.isoformat(),
                "calls": d.calls,
                "handovers": d.handovers,
                "connected": d.connected,
                "abandoned": d.abandoned,
            }
            for d in found.days
        ],
        "time_to_answer": dict(zip(bins(), found.waits, strict=True)),
        "rules": dict(found.rules),
        "outcomes": dict(found.outcomes),
    }


def _figure(found: Value) -> dict[str, object]:
    figure = FIGURES[found.figure]
    shown: dict[str, object] = {
        "label": figure.label,
        "kind": figure.kind,
        "value": found.value,
        "numerator": found.over,
        "denominator": found.of,
        "left_out": found.left_out,
    }
    return {**shown, "p90": found.p90} if figure.kind == "duration" else shown
