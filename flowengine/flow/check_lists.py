"""Checks of fallback lists: they do not run in a circle, and nothing stands behind their end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from flowengine.flow.build_rules import STEPS
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.model import Path

_LISTS = (("departments", "*", "if_no_one_answers"), ("when_to_transfer", "*", "if_no_one_answers"))


def fallback_cycle(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """Departments do not hand on to each other in a circle. Only the last entry of a list goes on with its own list."""
    found = doc.each("departments", "*", "if_no_one_answers")
    lists = {str(path[1]): steps for path, steps in found if isinstance(steps, list) and steps}
    circles = list(_circles({name: steps[-1] for name, steps in lists.items() if isinstance(steps[-1], str)}))
    for circle in circles:
        path: Path = ("departments", circle[0], "if_no_one_answers", len(lists[circle[0]]) - 1)
        said = f"these departments hand on in a circle: {' → '.join((*circle[:10], circle[0]))}"
        help = "end one list with take_message, callback, voicemail or receptionist"
        yield doc.diagnose(path, "fallback-cycle", said, help)
    for name, steps in lists.items():
        if name in steps and [name] not in circles:
            path = ("departments", name, "if_no_one_answers", steps.index(name))
            yield doc.diagnose(path, "fallback-cycle", f"{name} hands on to itself", "leave it out")


def _circles(on_to: Mapping[str, str]) -> Iterator[list[str]]:
    """The circles of names that each lead to at most one other name, in one pass."""
    done: set[str] = set()
    for start in on_to:
        walked: dict[str, None] = {}  # in order
        name = start
        while name in on_to and name not in done:
            done.add(name)
            walked[name] = None
            name = on_to[name]
        if name in walked:
            order = list(walked)
            yield order[order.index(name) :]


def step_after_end(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """A message, a callback, voicemail, the receptionist and hanging up end a list; what stands behind never comes."""
    departments = doc.get("departments") or {}
    for place in _LISTS:
        for path, steps in doc.each(*place):
            if not isinstance(steps, list):
                continue
            end = next((i for i, step in enumerate(steps) if _ends(step, departments)), len(steps))
            if end < len(steps) - 1:
                said = f"nothing behind {_name(steps[end])} is ever done: it ends the list"
                help = f"put {_name(steps[end])} last, or leave out what stands behind it"
                yield doc.diagnose((*path, end + 1), "step-after-end", said, help, severity="warning")


def _ends(step: object, departments: Mapping[str, object]) -> bool:
    """Whether a step is known to end a list; a misspelt one is told elsewhere."""
    return isinstance(step, dict) or (isinstance(step, str) and step in STEPS and step not in departments)


def _name(step: object) -> str:
    return step if isinstance(step, str) else "hang_up"
