"""The schema keeps its own rules, and agrees with the engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowengine.flow import read, shape
from flowengine.flow.document import Scalar
from flowengine.flow.schema import kind, schema
from tests.flow.office import findings, text


def subschemas(part: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every schema inside the schema, with its path."""
    if not isinstance(part, dict):
        return
    yield path, part
    for word in ("properties", "patternProperties", "$defs", "dependentSchemas"):
        for name, child in part.get(word, {}).items():
            yield from subschemas(child, (*path, word, name))
    for word in ("if", "then", "else", "items", "additionalProperties", "propertyNames", "not"):
        yield from subschemas(part.get(word), (*path, word))


ALL = list(subschemas(schema()))


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_property_tells_a_manager_what_it_is() -> None:
    for path, part in ALL:
        if len(path) < 2 or path[-2] not in ("properties", "patternProperties"):
            continue
        if part.get("not") == {} or "dependentSchemas" in path or "if" in path:
            continue  # a constraint, not a property
        assert part.get("title"), path
        assert part.get("description", "").endswith((".", "?", ")", "`", '"')), path


def test_objects_are_closed() -> None:
    for path, part in ALL:
        types = part.get("type", ())
        if "object" in ([types] if isinstance(types, str) else types) and "if" not in path:
            known = "additionalProperties" in part or "$ref" in part.get("then", {}) or "items" in part.get("then", {})
            assert known, path


def test_no_keyword_that_destroys_messages() -> None:
    for path, part in ALL:
        assert "oneOf" not in part, path
        assert "anyOf" not in part or path[-1] in ("if", "not"), path
        assert part.get("additionalProperties") is not True, path
        assert not any(value is False for value in part.get("properties", {}).values()), path


def test_every_reader_named_exists() -> None:
    assert {p["x-reads"] for _, p in ALL if "x-reads" in p} <= {*read.READERS, "phone"}


def test_every_message_of_its_own_has_a_code() -> None:
    assert all("x-code" in p for _, p in ALL if p.get("not") == {} and "errorMessage" in p)


def test_leaves_are_taken_for_what_an_editor_takes_them_for() -> None:
    plain = {"": "null", "~": "null", "true": "boolean", "False": "boolean", "12": "number", "-1.5e3": "number"}
    plain |= {
        "no": "string",
        "17:00": "string",
        "+1 312": "string",
        "+1312": "number",
        "0x1F": "number",
        ".inf": "number",
    }
    assert {leaf: kind(Scalar.of(leaf, None)) for leaf in plain} == plain
    assert kind(Scalar.of("true", "'")) == "string"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("name: Ava", "name: 12"), None),
        (("name: Ava", "name: ''"), "nothing-there"),
        (("name: Ava", "name: [Ava]"), "wrong-type"),
        (("name: Ava", "name: {a: b}"), "wrong-type"),
        (("flow: small", "flow: small\nformat: 0"), "not-allowed"),
        (("flow: small", "flow: small\nformat: 1"), None),
        (("flow: small", "flow: small\nformat: [1]"), "wrong-type"),
        (("caller_wants: to speak with a person", "receptionist_fails: true"), None),
        (("caller_wants: to speak with a person", "receptionist_fails: yes"), "wrong-type"),
        (("caller_wants: to speak with a person", "topic: {x: {y: z}}"), "wrong-type"),
        (("phone_numbers: [+1 312-555-0100]", "phone_numbers: []"), "nothing-there"),
        (("hours:\n  mon-fri: 8am - 5pm\n  sat-sun: closed\n", "hours: {}\n"), "nothing-there"),
        (("hours:\n  mon-fri: 8am - 5pm\n  sat-sun: closed\n", "hours: closed\n"), "wrong-type"),
        (("to: front_desk", "to: {hang_up: Bye., say: x}"), "unknown-key"),
        (("to: front_desk", "to: [front_desk]"), "wrong-type"),
        (("to: front_desk", "to: {}"), "missing-key"),
    ],
)
def test_shape(change: tuple[str, str], code: str | None) -> None:
    errors = [d.code for d in findings(text(change)) if d.severity == "error"]
    assert errors == ([code] if code else [])


EDITOR = {
    name: jsonschema.Draft202012Validator({**schema()["$defs"][name]})
    for name in ("duration", "count", "percent", "day_hours")
}
READS = {"duration": read.duration, "count": read.count, "percent": read.percent, "day_hours": read.spans}
_CLOCK = ["8", "12", "0", "00", "13", "25", ":", "30", "60", "am", "pm", "AM", " - ", "-", "\u2013", " to ", " and "]
_UNITS = [
    "s",
    "sec",
    "secs",
    "min",
    "mins",
    "minutes",
    "h",
    "hs",
    "hours",
    "ss",
    "days",
    "years",
    "turns",
    "try",
    "times",
]
_OTHER = ["100", "101", " ", "  ", "closed", "all day", "%", ".5", "+", "e3", "\u0663"]
_PIECES = st.sampled_from([*_CLOCK, *_UNITS, *_OTHER])


@settings(max_examples=1500)
@given(st.sampled_from(sorted(READS)), st.lists(_PIECES, min_size=1, max_size=7).map("".join))
def test_editor_and_engine_agree_on_the_shape_of_leaves(name: str, leaf: str) -> None:
    """What the reader takes, the schema takes; what only the reader refuses is a matter of meaning."""
    try:
        READS[name](leaf)
        fine = True
    except read.Unreadable as error:
        fine = "overlap" in error.message or "midnight" in error.message or "same time" in error.message
    taken = EDITOR[name].is_valid(leaf)
    assert taken == fine, leaf


# ---- our own reading of the schema ---------------------------------------------------------------------------------

ANNOTATIONS = frozenset(
    {"$schema", "$defs", "$id", "$comment", "title", "description", "markdownDescription", "default", "examples",
     "defaultSnippets", "errorMessage", "enumDescriptions", "markdownEnumDescriptions", "deprecationMessage"}
)  # fmt: skip


def test_every_keyword_is_one_we_check() -> None:
    used = {word for _, part in ALL for word in part if not word.startswith("x-")}
    assert used - ANNOTATIONS <= shape.KEYWORDS


def test_what_a_leaf_is_depends_on_its_kind_alone() -> None:
    """shape.Part keeps what applies to a leaf by the leaf's kind."""
    for path, part in ALL:
        if "if" in part and {"string", "number", "boolean"} & set(types(part)):
            assert set(part["if"]) <= {"type", "not"}, path


def types(part: Any) -> list[str]:
    named = part.get("type", [])
    return [named] if isinstance(named, str) else list(named)


def test_references_lead_to_an_end() -> None:
    for name in schema()["$defs"]:
        assert shape.ref(name).applied(Scalar.of("x", None))


def test_all_keys_that_are_missing_are_one_finding() -> None:
    (found,) = findings("flow: lonely\n")
    assert (found.code, found.line) == ("missing-key", 1)
    assert all(word in found.message for word in ("office", "hours", "receptionist", "people", "departments"))


def test_the_nearest_name_is_the_fix_where_it_is_the_only_one() -> None:
    (near,) = [d for d in findings(text(("receptionist:", "receptionst:"))) if d.severity == "error"]
    assert (near.code, near.fix) == ("unknown-key", "receptionist")
    (far,) = [d for d in findings(text(("  name: Ava", "  name: Ava\n  weather: x"))) if d.code == "unknown-key"]
    assert far.fix is None


def test_text_wide_values_are_shown_short() -> None:
    (found,) = [d for d in findings(text(("  name: Ava", f"  name: Ava\n  {'k' * 500}: x"))) if d.severity == "error"]
    assert len(found.message) < 120
