"""What a report shows: the figures in words and three plots with their tables, on the desk's page and in a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from markupsafe import Markup

from flowengine.call import figures_told as told
from flowengine.call.metrics import Day, Summary
from flowengine.desk.charts import Bar, columns, rows
from flowengine.flow.figures import ALERT, FIGURES
from flowengine.flow.reference_figures import formula

PARTS = ("connected", "not connected")
LET_GO = ("referred", "dialled")  # whether somebody answered is not known
MOST_DAYS, MOST_WEEKS = 62, 62  # bars; a longer period is shown by weeks, and by months


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot and the same as a table: a head and rows, the first cell of each its name."""

    title: str
    about: str
    svg: Markup
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: bool  # nothing to draw: the sentence says so
    parts: tuple[str, str] | None = None  # what the stronger and the weaker colour of its bars are


def report_view(found: Summary, limits: Mapping[str, float], raised: Mapping[str, bool]) -> dict[str, object]:
    """The values of templates/desk/figures_parts.html. The alerts are those of the flow, over `window`."""
    return {
        "measured": told.measured(found),
        "window": ALERT,
        "remarks": list(told.remarks(found)),
        "figures": [_figure(found, name, limits, raised) for name in FIGURES],
        "plots": list(_plots(found)),
    }


def _figure(found: Summary, name: str, limits: Mapping[str, float], raised: Mapping[str, bool]) -> dict[str, object]:
    figure, value = FIGURES[name], found.figures[name]
    return {
        "key": name,
        "label": figure.label,
        "value": told.value(value),
        "known": value.value is not None,
        "basis": told.basis(value),
        "says": figure.says,
        "formula": formula(figure),
        "limits": figure.limits,
        "limit": told.limit_words(name, limits[name]) if name in limits else "",
        "raised": raised.get(name, False),
    }


def _plots(found: Summary) -> Iterator[Plot]:
    yield _per_day(found)
    yield _waits(found)
    yield _rules(found)


def _per_day(found: Summary) -> Plot:
    unit = "day" if len(found.days) <= MOST_DAYS else "week" if len(found.days) <= 7 * MOST_WEEKS else "month"
    spans = list(_spans(found.days, unit))
    bars = [Bar(label, each.handovers, each.connected) for label, each in spans]
    busiest = max(spans, key=lambda span: span[1].handovers, default=None)
    when = {"day": "on", "week": "in the week from", "month": "in"}[unit]
    most = f" The most, {busiest[1].handovers}, {when} {busiest[0]}." if busiest and busiest[1].handovers else ""
    gone = sum(count for outcome, count in found.outcomes if outcome in LET_GO)
    let_go = f", {gone} let go by refer or dial" if gone else ""
    about = f"{told.counted(found.handovers, 'hand-over')}, {found.connected} of them connected{let_go}.{most}"
    parts = (PARTS[0], f"{PARTS[1]}, or let go") if gone else PARTS
    table = tuple(
        (label, *(str(n) for n in (each.calls, each.handovers, each.connected, each.abandoned)))
        for label, each in reversed(spans)
    )
    title = f"Hand-overs by {unit}"
    head = (unit.capitalize(), "Calls", "Hand-overs", "Connected", "Abandoned")
    return Plot(title, about, columns("by-day", title, about, bars), head, table, not found.handovers, parts)


def _spans(days: Sequence[Day], unit: str) -> Iterator[tuple[str, Day]]:
    """Single days, weeks of seven from the first one on, or the months of the calendar, each with its label."""
    for _, group in groupby(days, lambda each: _span(each.day, days[0].day, unit)):
        span = list(group)
        first = span[0].day
        sums = (sum(getattr(day, name) for day in span) for name in ("calls", "handovers", "connected", "abandoned"))
        yield f"{first:%b %Y}" if unit == "month" else f"{first.day} {first:%b}", Day(first, *sums)


def _span(day: date, first: date, unit: str) -> int:
    match unit:
        case "month":
            return day.year * 12 + day.month
        case "week":
            return (day - first).days // 7
    return day.toordinal()


def _waits(found: Summary) -> Plot:
    names = told.bins()
    edges = [name.partition("-")[0].partition(" ")[0] for name in names]
    bars = [Bar(edge, count, count) for edge, count in zip(edges, found.waits, strict=True)]
    time = found.figures["time_to_answer"]
    about = "Nobody was connected." if time.p90 is None else f"The one who was connected waited {told.value(time)}."
    if time.p90 is not None and time.of > 1:
        about = f"Half of {time.of} waited {told.value(time)} at most, nine in ten {told.seconds(time.p90)}."
    title = "How long callers waited, in seconds"
    table = tuple((name, str(count)) for name, count in zip(names, found.waits, strict=True))
    svg = columns("waits", title, about, bars, edges=True)
    return Plot(title, about, svg, ("Waited", "Hand-overs"), table, not time.of)


def _rules(found: Summary) -> Plot:
    bars = [Bar(rule.replace("_", " "), count) for rule, count in found.rules]
    first = f"The most frequent: {bars[0].label}, {told.counted(bars[0].value, 'time')}." if bars else "No caller was."
    title = "Why callers were handed over"
    table = tuple((bar.label, str(bar.value)) for bar in bars)
    return Plot(title, first, rows("reasons", title, first, bars), ("Reason", "Hand-overs"), table, not bars)


def period_words(found: Summary) -> str:
    """`10 Nov 2026`, `4 Nov to 10 Nov 2026`: the days of a report."""
    first, last = found.days[0].day, found.days[-1].day
    if last - first < timedelta(days=1):
        return f"{last.day} {last:%b %Y}"
    start = f"{first.day} {first:%b}" if first.year == last.year else f"{first.day} {first:%b %Y}"
    return f"{start} to {last.day} {last:%b %Y}"
