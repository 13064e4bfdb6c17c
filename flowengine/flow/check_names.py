"""Checks of names: whatever a flow file refers to must be there, and a name must mean one thing."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import date

from flowengine.flow.build_rules import STEPS
from flowengine.flow.check_places import (
    CARD_KNOWS,
    GREETING_KNOWS,
    GREETING_PLACES,
    LINES_KNOW,
    SPOKEN_PLACES,
    STEP_PLACES,
    fields,
    mended,
    piece,
    spoken,
    unknown,
)
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.likeness import certain, nearest
from flowengine.flow.model import Path

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def known_department(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """Every step is a department of this flow or one of the named steps."""
    names = doc.get("departments")
    if names is None:
        return  # that is said already
    for place in STEP_PLACES:
        for path, value in doc.each(*place):
            if isinstance(value, str) and value not in names and value not in STEPS:
                yield _unknown_step(doc, path, value, names)
    for place in (("tools", "*", "sends_to"), ("tests", "*", "expect", "department")):
        for path, value in doc.each(*place):
            if value not in names:
                yield unknown(doc, path, "department", value, names)


def _unknown_step(doc: Document, path: Path, value: str, names: Collection[str]) -> Diagnostic:
    if nearest(value, list(names)) or not nearest(value, list(STEPS)):
        return unknown(doc, path, "department", value, names)
    said = f"{value[:60]!r} is neither a department nor a step"
    help = f"did you mean {nearest(value, list(STEPS))!r}?"
    return doc.diagnose(path, "unknown-department", said, help, fix=mended(doc, path, value, [*names, *STEPS]))


def known_person(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """Departments and stand-ins name keys of `people`; tests name people as callers know them."""
    people = doc.get("people")
    if people is None:
        return  # that is said already
    places = (
        ("departments", "*", "people", "*"),
        ("departments", "*", "people", "*", "person"),
        ("people", "*", "away", "*", "replaced_by"),
    )
    for place in places:
        for path, value in doc.each(*place):
            if isinstance(value, str) and value not in people:
                yield unknown(doc, path, "person", value, people)
    names = [
        name
        for pattern in (("people", "*", "name"), ("departments", "*", "people", "*", "name"))
        for _, name in doc.each(*pattern)
    ]
    for place in (("tests", "*", "expect", "tried", "*"), ("tests", "*", "expect", "connected_to")):
        for path, value in doc.each(*place):
            if value not in names:
                yield unknown(doc, path, "person", value, names)
    for path, _ in doc.each("tests", "*", "staff", "*"):
        if path[-1] not in names:
            yield unknown(doc, path, "person", str(path[-1]), names, key=True)


def known_field(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """Messages and cards list what is found out."""
    known = fields(doc)
    for place, more in ((("take_message", "collect", "*"), ()), (("handoff_card", "fields", "*"), CARD_KNOWS)):
        for path, value in doc.each(*place):
            if value not in known and value not in more:
                yield unknown(doc, path, "field", value, [*known, *more])
    for path, _ in doc.each("tests", "*", "caller", "*", "answers", "*"):
        if path[-1] not in known:
            yield unknown(doc, path, "field", str(path[-1]), known, key=True)


def known_placeholder(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """Text in braces is something the engine fills in; greetings are spoken before anything is found out."""
    everywhere = (*LINES_KNOW, *fields(doc))
    for path, text in spoken(doc, GREETING_PLACES):
        yield from _placeholders(doc, path, text, GREETING_KNOWS)
    for path, text in spoken(doc, (*SPOKEN_PLACES, ("handoff_card", "headline"))):
        yield from _placeholders(doc, path, text, everywhere)


def _placeholders(doc: Document, path: Path, text: str, known: Collection[str]) -> Iterator[Diagnostic]:
    for name in dict.fromkeys(_PLACEHOLDER.findall(text)):
        if name not in known:
            near, meant = nearest(name, list(known)), certain(name, known)
            where = piece(doc, path, f"{{{name}}}")
            said = f"nothing fills {{{name}}} here" + (f", did you mean {{{near}}}?" if near else "")
            help = f"known here: {', '.join('{' + k + '}' for k in known)}"
            fix = f"{{{meant}}}" if meant and where else None
            yield doc.at(where or doc.extent(path), "unknown-placeholder", said, help, fix=fix)


def known_language(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """A line in several languages has the first language of the receptionist, and no language she does not speak."""
    spoken = [name for _, name in doc.each("receptionist", "languages", "*")] or ["English"]
    for place in (*SPOKEN_PLACES, *GREETING_PLACES):
        for path, value in doc.each(*place):
            if not isinstance(value, dict):
                continue
            for name in value:
                if name not in spoken:
                    yield unknown(doc, (*path, name), "language", name, spoken, key=True)
            if spoken[0] not in value:
                yield doc.diagnose(
                    path,
                    "missing-language",
                    f"this line has no wording in {spoken[0]}, the language calls begin in",
                    f"add {spoken[0]}:",
                    key=True,
                )
    for place in (("when_to_transfer", "*", "only_if", "language"), ("tests", "*", "language")):
        for path, value in doc.each(*place):
            if value not in spoken:
                yield unknown(doc, path, "language", value, spoken)


def known_condition_values(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """`known_caller` names a group; `only_if` asks about something that can be known."""
    groups = [*(doc.get("known_callers") or {}), "called before"]
    for path, value in doc.each("when_to_transfer", "*", "known_caller", "*"):
        if value not in groups:
            yield unknown(doc, path, "group", value, groups)
    choices = {
        f["field"]: f["choices"]
        for _, f in doc.each("receptionist", "find_out", "*")
        if f.get("field") and f.get("choices")
    }
    for path, value in doc.each("when_to_transfer", "*", "only_if", "*"):
        name = str(path[-1])
        if name in ("dialled", "language"):
            continue
        if name not in choices:
            yield unknown(doc, path, "choice field", name, ["dialled", "language", *choices], key=True)
        elif value not in choices[name]:
            yield doc.diagnose(
                path,
                "not-allowed",
                f"{value!r} is no choice of {name!r}",
                f"possible: {', '.join(c for c in choices[name] if c)}",
            )
    rules = [*(name for _, name in doc.each("when_to_transfer", "*", "rule")), "person_by_name", "none"]
    for path, value in doc.each("tests", "*", "expect", "rule"):
        if value not in rules:
            yield unknown(doc, path, "rule", value, rules)


def said_once(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """Rules, fields, tools and tests have names of their own."""
    for place in (
        ("when_to_transfer", "*", "rule"),
        ("receptionist", "find_out", "*", "field"),
        ("tools", "*", "name"),
        ("tests", "*", "name"),
    ):
        first: dict[str, int] = {}
        for path, name in doc.each(*place):
            if name in first:
                yield doc.diagnose(
                    path,
                    "duplicate-name",
                    f"{name!r} is used already, on line {first[name]}",
                    "give it a name of its own",
                )
            first.setdefault(name, doc.extent(path).line)


def reserved_name(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """Names that mean something to the engine cannot be given to something else."""
    ours: tuple[tuple[Collection[str], str, tuple[str, ...], bool], ...] = (
        (STEPS, "is a step", ("departments", "*"), True),
        (("none", "person_by_name"), "means something in tests", ("when_to_transfer", "*", "rule"), False),
        (
            (*LINES_KNOW, *CARD_KNOWS, "dialled", "language"),
            "is filled in by the engine",
            ("receptionist", "find_out", "*", "field"),
            False,
        ),
        (
            ("transfer_to_human", "note_answer", "note_mood", "note_unsolved", "switch_language"),
            "is a tool of the engine",
            ("tools", "*", "name"),
            False,
        ),
    )
    for taken, why, place, by_key in ours:
        for path, value in doc.each(*place):
            name = path[-1] if by_key else value
            if name in taken:
                yield doc.diagnose(
                    path,
                    "reserved-name",
                    f"{name!r} {why}, so it cannot be used here",
                    "choose another name",
                    key=by_key,
                )
