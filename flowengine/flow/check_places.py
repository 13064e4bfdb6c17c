"""Where things stand in a flow file, for the checks: steps, spoken lines, hours, and what may be filled into a line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace

from flowengine.flow.build import USUAL_FIELDS
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document, Extent
from flowengine.flow.likeness import certain, nearest
from flowengine.flow.model import Path

MOST_LISTED = 12
Places = tuple[tuple[str, ...], ...]

STEP_PLACES: Places = (
    ("when_to_transfer", "*", "to"),
    ("when_to_transfer", "*", "to_when_closed"),
    ("when_to_transfer", "*", "if_no_one_answers", "*"),
    ("departments", "*", "if_no_one_answers", "*"),
    ("departments", "*", "if_card_not_confirmed"),
    ("transfer", "if_card_not_confirmed"),
)
SPOKEN_PLACES: Places = (
    ("when_to_transfer", "*", "say"),
    *((*place, "hang_up") for place in STEP_PLACES),
    ("departments", "*", "say_before"),
    ("transfer", "say_before"),
    ("hold", "update_says"),
    ("hold", "says", "*"),
    ("take_message", "say"),
    ("take_message", "say_when_closed"),
    ("callback", "say"),
    ("voicemail", "say"),
    ("privacy", "consent_line"),
)
GREETING_PLACES: Places = (("receptionist", "greeting"), ("receptionist", "greeting_when_closed"))
HOURS_PLACES: Places = (
    ("hours",),
    ("departments", "*", "hours"),
    ("people", "*", "hours"),
    ("departments", "*", "people", "*", "hours"),
)
GREETING_KNOWS = ("office", "receptionist", "next_opening", "closed_because")
LINES_KNOW = (*GREETING_KNOWS, "department", "person", "callback_time", "waited", "not_answered")
CARD_KNOWS = ("rule", "already_offered", "suggested_next_step")


def unknown(
    doc: Document, path: Path, what: str, name: str, known: Collection[str], *, key: bool = False
) -> Diagnostic:
    """`no department 'frontdesk'; this flow has front_desk, clinical`, with the nearest name as the help."""
    near = nearest(name, list(known))
    listed = [*known][:MOST_LISTED] + ["…"] * (len(known) > MOST_LISTED)
    said = f"no {what} {name[:60]!r}; this flow has {', '.join(listed) or 'none'}"
    help = f"did you mean {near!r}?" if near else ""
    return doc.diagnose(
        path, f"unknown-{what.replace(' ', '-')}", said, help, key=key, fix=mended(doc, path, name, known, key=key)
    )


def mended(doc: Document, path: Path, name: str, known: Collection[str], *, key: bool = False) -> str | None:
    """What the name at a path becomes, where only one known name can be meant and it can stand there as it is."""
    meant = certain(name, known)
    stands = doc.extent(path, key=key) == (doc.keys if key else doc.values).get(path)
    return meant if stands and re.fullmatch(r"[^\W\d][\w.'-]*( [\w.'-]+)*", meant) else None


def piece(doc: Document, path: Path, text: str) -> Extent | None:
    """Where a piece of a value stands in its line; None when it is not there as it is, or there more than once."""
    source = doc.source(path)
    if source.count(text) != 1:
        return None
    whole = doc.values[path]
    start = whole.column + source.index(text)
    return replace(whole, column=start, end_column=start + len(text))


def fields(doc: Document) -> list[str]:
    usual = [field.name for field in USUAL_FIELDS]
    return list(dict.fromkeys([*(name for _, name in doc.each("receptionist", "find_out", "*", "field")), *usual]))


def spoken(doc: Document, places: Collection[tuple[str, ...]]) -> Iterator[tuple[Path, str]]:
    """Every wording of every spoken line."""
    for place in places:
        for path, value in doc.each(*place):
            if isinstance(value, str):
                yield path, value
            else:
                yield from (((*path, name), text) for name, text in value.items() if text is not None)
