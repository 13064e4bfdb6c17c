"""The page that defines the figures, made from their table: the report, the desk and the schema say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files

from flowengine.flow.figures import ALERT, ALERT_LEAST, FIGURES, Figure
from flowengine.flow.reference import anchor

_KINDS = {"percent": "a percentage", "duration": "a length of time", "count": "a number"}


def figures_page() -> str:
    """Every figure with its formula and its limits, as Markdown."""
    pieces = {
        "figures": "\n".join(_table()),
        "stories": "\n".join(line for figure in FIGURES.values() for line in _story(figure)),
        "window": ALERT,
        "least": str(ALERT_LEAST),
    }
    frame = (files("flowengine.flow") / "data" / "figures_page.md").read_text("utf-8")
    return re.sub(r"<!-- (\w+) -->", lambda mark: pieces[mark[1]], frame)


def _table() -> Iterator[str]:
    yield "| figure | name in `alert_when` | its limit | what it tells |\n|---|---|---|---|"
    for figure in FIGURES.values():
        yield f"| [{figure.label}](#{anchor(figure.label)}) | `{figure.key}` | {_KINDS[figure.kind]} | {figure.says} |"


def formula(figure: Figure) -> str:
    """How a figure is computed, in one sentence."""
    if figure.kind == "duration":
        return (
            f"Of {figure.of}: {figure.over}. The median (half lie below it), and the time that nine of ten stay within."
        )
    return f"{figure.over[0].upper()}{figure.over[1:]}, divided by {figure.of}."


def _story(figure: Figure) -> Iterator[str]:
    yield f"### {figure.label}\n"
    yield f"{figure.says}\n"
    yield f"**Formula.** {formula(figure)}\n"
    yield f"**Limits.** {figure.limits}\n"
    yield f"**Alert.** `{figure.key}` raises an alert {figure.alert} its limit.\n"
