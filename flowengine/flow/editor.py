"""The schema with one file's own names in it, so that an editor completes departments, people and fields while one
writes.

It asks little of the file: a name counts as soon as it stands in its place, whatever else is wrong.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowengine.flow import source
from flowengine.flow.check_places import CARD_KNOWS, fields
from flowengine.flow.diagnostics import Diagnostic, FlowInvalid
from flowengine.flow.document import Document, Scalar
from flowengine.flow.schema import kind, schema

Part = dict[str, Any]
Described = Mapping[str, str]  # a name of the file → what an editor says about it

STEPS: Described = {
    "take_message": "The receptionist takes a message.",
    "callback": "The caller is promised a call back.",
    "voicemail": "The carrier records a message.",
    "receptionist": "The caller goes back to the receptionist.",
}
_RULES_OF_TESTS: Described = {
    "person_by_name": "A caller asked for somebody by name.",
    "none": "No rule fires.",
}
_CARD: Described = dict(
    zip(
        CARD_KNOWS, ("The rule that fired.", "What the receptionist did already.", "What the AI suggests."), strict=True
    )
)
_MOST_BLOCKS = 5  # with mistakes of form that are left out in turn before the file is given up
_LONGEST = 100  # characters of a description


@dataclass(frozen=True, slots=True)
class Names:
    """What a file calls things; each name with what an editor says about it."""

    flow: str
    departments: Described
    people: Described  # by key
    called: Described  # by the name that tests and colleagues use
    fields: Described
    choices: Mapping[str, tuple[str, ...]]  # of the choice fields
    groups: Described
    rules: Described
    dialled: Described
    languages: Described


def schema_for(text: str, file: str, load: Callable[[str], str] | None = None) -> Part:
    """A JSON Schema (draft 2020-12) that knows this file's names. `load` reads the files named by `shared:`. Raises
    FlowInvalid when so little of the file can be read that it has no names."""
    doc = _readable(text, file)
    return specialised(names_of([doc, *_shared(doc, load)]))


def specialised(names: Names) -> Part:
    """The schema in which each place that refers to something of the file lists what there is."""
    made: Part = copy.deepcopy(schema())
    made["title"] = f"flowengine flow, format 1, with the names of {names.flow or 'this file'}"
    for path, part in _places(names):
        _put(made, path, part)
    return made


# ---- the names of a file ---------------------------------------------------------------------------------------------


def names_of(docs: Sequence[Document]) -> Names:
    """The names in a file and in the files it shares; the file itself comes first."""
    own = docs[0]
    return Names(
        flow=str(own.get("flow") or ""),
        departments=_all(_departments(doc) for doc in docs),
        people=_all(_keyed(doc, "people", "name") for doc in docs),
        called=_all(_called(doc) for doc in docs),
        fields={name: "Found out before a hand-off." for name in fields(own) if isinstance(name, str)},
        choices=_choices(own),
        groups=_all(_keyed(doc, "known_callers") for doc in docs),
        rules=dict(_rules(own)),
        dialled={str(path[-1]): _short(number) for path, number in own.each("office", "phone_numbers", "*")}
        if isinstance(own.get("office", "phone_numbers"), dict)
        else {},
        languages=dict.fromkeys(_texts(own.get("receptionist", "languages")), ""),
    )


def _all(found: Iterable[Described]) -> Described:
    return {name: about for each in found for name, about in each.items()}


def _texts(value: Any) -> list[str]:
    """The texts of a value that is one text or a list of them."""
    return [str(one) for one in (value if isinstance(value, list) else [value]) if isinstance(one, str) and one]


def _short(value: Any) -> str:
    said = ", ".join(_texts(value))
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"


def _keyed(doc: Document, block: str, tells: str = "") -> Described:
    return {
        str(path[-1]): _short(value.get(tells) if isinstance(value, dict) else value)
        for path, value in doc.each(block, "*")
        if isinstance(path[-1], str) and path[-1]
    }


def _departments(doc: Document) -> Described:
    """Each department with whom it rings."""
    return {str(path[-1]): _rings(value) for path, value in doc.each("departments", "*") if isinstance(path[-1], str)}


def _rings(department: Any) -> str:
    people = department.get("people") if isinstance(department, dict) else None
    entries = people if isinstance(people, list) else [people]
    said = [e.get("person") or e.get("name") if isinstance(e, dict) else e for e in entries]
    return f"Rings {_short(said)}." if _short(said) else ""


def _called(doc: Document) -> Described:
    """People by the names tests use: those of `people` and those listed in a department only."""
    places = (("people", "*", "name"), ("departments", "*", "people", "*", "name"))
    return {value: f"In `{path[0]}`." for place in places for path, value in doc.each(*place) if isinstance(value, str)}


def _choices(doc: Document) -> dict[str, tuple[str, ...]]:
    return {
        str(field["field"]): tuple(_texts(field["choices"]))
        for _, field in doc.each("receptionist", "find_out", "*")
        if isinstance(field, dict) and isinstance(field.get("field"), str) and _texts(field.get("choices"))
    }


def _rules(doc: Document) -> Iterator[tuple[str, str]]:
    """Each rule with its condition, as far as it has one."""
    words = schema()["$defs"]["rule"]["dependentSchemas"]
    for _, rule in doc.each("when_to_transfer", "*"):
        if isinstance(rule, dict) and isinstance(rule.get("rule"), str):
            condition = next((f"{word}: {_short(rule[word])}" for word in rule if word in words), "")
            yield str(rule["rule"]), condition


# ---- reading what can be read ----------------------------------------------------------------------------------------


def _readable(text: str, file: str) -> Document:
    """The file, without the blocks whose form is broken. Raises FlowInvalid when that leaves nothing."""
    first: list[Diagnostic] = []
    for _ in range(_MOST_BLOCKS):
        doc, found = source.parse(text, file)
        if doc is not None and isinstance(doc.value, dict):
            return doc
        first = first or found
        text = _without_block(text, min((d.line for d in found), default=1))
    raise FlowInvalid(first or [Diagnostic("error", "not-a-flow", "this is not a flow", file, 1, 1, 1, 1)])


def _without_block(text: str, line: int) -> str:
    """The text with the top-level block around a line made empty; the other lines stay where they are."""
    lines = text.splitlines()
    starts = [i for i, each in enumerate(lines) if each[:1].isalpha()] or [0]
    start = max((i for i in starts if i < line), default=0)
    end = min((i for i in starts if i >= line), default=len(lines))
    return "\n".join([*lines[:start], *[""] * (end - start), *lines[end:]])


def _shared(doc: Document, load: Callable[[str], str] | None) -> Iterator[Document]:
    """The shared files that can be read; what is wrong with the others, `validate` says."""
    if load is None:
        return
    for name in _texts(doc.get("shared")):
        try:
            yield _readable(load(name), name)
        except (OSError, ValueError, FlowInvalid):
            continue


# ---- the places of the schema ----------------------------------------------------------------------------------------


def _places(names: Names) -> Iterator[tuple[tuple[str, ...], Part]]:
    """Where in the schema something of the file is named, and what may stand there. A file that has none of a kind yet
    leaves its place as it is."""
    defs = schema()["$defs"]
    steps = {**names.departments, **STEPS}
    step = {word: defs["step"][word] for word in ("x-reads", "x-expected")}
    step["anyOf"] = [_one_of(steps), _without(defs["step"], "minLength", "x-reads", "x-expected", type="object")]
    yield ("$defs", "step"), step
    yield ("$defs", "steps"), _or_list(defs["steps"], {"$ref": "#/$defs/step"})
    yield from _tests(names)
    if names.departments:
        yield ("$defs", "tool", "properties", "sends_to"), _one_of(names.departments)
    if names.people:
        member = _without(defs["member"], "minLength", "x-reads", "x-expected", type="object")
        member["properties"] = {**member["properties"], "person": _one_of(names.people, of=member, key="person")}
        yield ("$defs", "member"), {**_expected(defs["member"]), "anyOf": [_one_of(names.people), member]}
        yield ("$defs", "absence", "properties", "replaced_by"), _one_of(names.people)
    yield ("properties", "take_message", "properties", "collect"), _or_list(defs["texts"], _one_of(names.fields))
    card = {**names.fields, **_CARD}
    yield ("properties", "handoff_card", "properties", "fields"), _or_list(defs["texts"], _one_of(card))
    groups = {**names.groups, "called before": "This number has called before."}
    yield ("$defs", "rule", "properties", "known_caller"), _or_list(defs["texts"], _one_of(groups))
    yield ("$defs", "rule", "properties", "only_if"), _only_if(names)
    if names.languages:
        spoken = {name: {"$ref": "#/$defs/text"} for name in names.languages}
        yield ("$defs", "spoken"), {**defs["spoken"], "properties": spoken, "additionalProperties": False}


def _tests(names: Names) -> Iterator[tuple[tuple[str, ...], Part]]:
    expect = ("$defs", "expect", "properties")
    test = ("$defs", "test", "properties")
    defs = schema()["$defs"]
    yield (*expect, "rule"), _one_of({**names.rules, **_RULES_OF_TESTS})
    answers = {name: {"$ref": "#/$defs/text", "examples": [*names.choices.get(name, ())]} for name in names.fields}
    yield ("$defs", "line", "properties", "answers"), _closed(answers)
    if names.departments:
        yield (*expect, "department"), _one_of(names.departments)
    if names.called:
        yield (*expect, "tried"), _or_list(defs["names"], _one_of(names.called))
        yield (*expect, "connected_to"), _one_of(names.called)
        outcome = defs["test"]["properties"]["staff"]["additionalProperties"]
        yield (*test, "staff"), _closed(dict.fromkeys(names.called, outcome))
    if names.languages:
        yield (*test, "language"), _one_of(names.languages)
    if names.dialled:
        yield (*test, "dialled"), {"$ref": "#/$defs/text", "examples": [*names.dialled]}


def _only_if(names: Names) -> Part:
    dialled: Part = {"$ref": "#/$defs/text", "examples": [*names.dialled]}
    language = _one_of(names.languages) if names.languages else {"$ref": "#/$defs/text"}
    choices = {name: _one_of(dict.fromkeys(values, "")) for name, values in names.choices.items()}
    about = {
        "dialled": {"title": "Dialled", "description": "The number called, or its name.", **dialled},
        "language": {"title": "Language", "description": "The language of the call.", **language},
    }
    return {**_closed({**about, **choices}), "minProperties": 1}


def _put(made: Part, path: tuple[str, ...], part: Part) -> None:
    """The part at its place, under the title and description that stand there."""
    *above, last = path
    for step in above:
        made = made[step]
    kept = {word: made[last][word] for word in ("title", "description", "default") if word in made[last]}
    made[last] = {**kept, **part}


def _one_of(known: Described, of: Part | None = None, key: str = "") -> Part:
    """One of the names; a name that YAML takes for a number may stand without quotes."""
    listed = [spelling for name in known for spelling in _spellings(name)]
    about = [known[name] for name in known for _ in _spellings(name)]
    told = {"enumDescriptions": about} if any(about) else {}
    words = {w: of["properties"][key][w] for w in ("title", "description")} if of else {}
    return {**words, "enum": listed, **told, "x-reads": "text"}


def _spellings(name: str) -> list[str | int | float]:
    if kind(Scalar.of(name, None)) != "number":
        return [name]
    try:
        return [name, int(name) if name.lstrip("+-").isdigit() else float(name)]
    except ValueError:
        return [name]


def _or_list(part: Part, item: Part) -> Part:
    """One of something, or a list of it, as the general part says how long the list must be."""
    least = {"minItems": 1} if part["then"].get("minItems") else {}
    return {**_expected(part), "anyOf": [item, {"type": "array", "items": item, **least}]}


def _expected(part: Part) -> Part:
    return {word: part[word] for word in ("x-list", "x-expected") if word in part}


def _closed(properties: Part) -> Part:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _without(part: Part, *words: str, **more: Any) -> Part:
    return {**{word: value for word, value in part.items() if word not in words}, **more}
