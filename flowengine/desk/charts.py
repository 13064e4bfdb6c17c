"""Small plots as plain SVG: no script, no style, positions in percent so that they fit a phone and a wall.

Colours come from classes. Every plot has a title and a description for those who do not see it, and its numbers stand
in a table beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

HEIGHT, TOP, BOTTOM = 200, 18, 26  # pixels: the plot, room for a number on top, room for labels
ROW, BAR = 46, 14  # pixels a row of a lying plot takes, and its bar
MOST_LABELS, MOST_LETTERS = 6, 34  # below a plot, on a narrow phone
MOST_NUMBERS = 14  # on top of bars


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: `part` of its `value` is drawn in the stronger colour."""

    label: str
    value: int
    part: int = 0


def columns(name: str, title: str, about: str, bars: Sequence[Bar], *, edges: bool = False) -> Markup:
    """Standing bars; `name` is unique on the page. Labels stand below their bars, as many as fit a phone; with `edges`
    each stands where its bar begins, as the numbers of a scale do."""
    return _svg(name, title, about, HEIGHT, _columns(bars, edges))


def rows(name: str, title: str, about: str, bars: Sequence[Bar]) -> Markup:
    """Lying bars, each below its label: for names, which are longer than numbers."""
    return _svg(name, title, about, max(1, len(bars)) * ROW, _rows(bars))


def _svg(name: str, title: str, about: str, height: int, inside: Iterator[Markup]) -> Markup:
    head = Markup(
        '<svg class="plot" role="img" aria-labelledby="{0}-title {0}-about" width="100%" height="{1}">'
        '<title id="{0}-title">{2}</title><desc id="{0}-about">{3}</desc>'
    ).format(name, height, title, about)
    return head + Markup("").join(inside) + Markup("</svg>")


def _columns(bars: Sequence[Bar], edges: bool) -> Iterator[Markup]:
    top = nice(max((bar.value for bar in bars), default=0))
    base, room = HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP
    for line in sorted({0, top // 2 if top % 2 == 0 else 0, top}):
        y = base - room * line / top
        yield _line(y)
        yield _text("0", y - 3, str(line), "plot-scale") if line else Markup("")
    wide, step = 92 / max(1, len(bars)), 1 if edges else _step(bars)
    for i, bar in enumerate(bars):
        x, middle = 8 + wide * i, 8 + wide * (i + 0.5)
        for part, tone in ((bar.value, "plot-bar"), (bar.part, "plot-part")):
            if part:
                high = room * part / top
                yield _rect(f"{x + wide * 0.14:.2f}%", base - high, f"{wide * 0.72:.2f}%", high, tone)
        if bar.value and len(bars) <= MOST_NUMBERS:
            yield _text(f"{middle:.2f}%", base - room * bar.value / top - 5, str(bar.value), "plot-number")
        if i % step == 0:
            yield _text(f"{x if edges else middle:.2f}%", HEIGHT - 8, bar.label, "plot-label")


def _step(bars: Sequence[Bar]) -> int:
    """Every how many bars there is room for a label."""
    longest = max((len(bar.label) for bar in bars), default=1)
    return math.ceil(len(bars) / max(1, min(MOST_LABELS, MOST_LETTERS // longest)))


def _rows(bars: Sequence[Bar]) -> Iterator[Markup]:
    most = max((bar.value for bar in bars), default=0) or 1
    for i, bar in enumerate(bars):
        y = i * ROW
        yield _text("0", y + 16, bar.label, "plot-name")
        yield _text("100%", y + 16, str(bar.value), "plot-count")
        yield _rect("0", y + 24, "100%", BAR, "plot-ground")
        yield _rect("0", y + 24, f"{100 * bar.value / most:.2f}%", BAR, "plot-part")


def nice(most: int) -> int:
    """Where a scale ends: 1, 2, 4, 6, 8 or 10 times a power of ten, not below `most`."""
    if most <= 2:
        return 2
    power = int("1" + "0" * (len(str(most)) - 1))
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= most)


def _rect(x: str, y: float, width: str, height: float, tone: str) -> Markup:
    return Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="2"/>').format(
        tone, x, f"{y:.1f}", width, f"{height:.1f}"
    )


def _line(y: float) -> Markup:
    return Markup('<line class="plot-line" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(f"{y:.1f}")


def _text(x: str, y: float, text: str, tone: str) -> Markup:
    return Markup('<text class="{}" x="{}" y="{}">{}</text>').format(tone, x, f"{y:.1f}", escape(text))
