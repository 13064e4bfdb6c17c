"""What an editor shows over each word: said for a manager, with examples that are right and defaults that are true."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
import yaml

from flowengine.flow.compiler import compile_flow
from flowengine.flow.model import Flow
from flowengine.flow.schema import schema
from tests.flow.office import text

LONGEST = 300  # characters that a hover box shows without scrolling
Words = list[tuple[tuple[str, ...], dict[str, Any]]]


def words() -> Words:
    """Every word of the language with its place in the schema: ("$rule", "to")."""
    roots = [((), schema()), *(((f"${name}",), part) for name, part in schema()["$defs"].items())]
    return [found for path, part in roots for found in _below(path, part)]


def _below(path: tuple[str, ...], part: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    for name, child in {**part.get("properties", {}), **part.get("patternProperties", {})}.items():
        yield (*path, name), child
        yield from _below((*path, name), child)


WORDS = words()
IDS = ["/".join(path) for path, _ in WORDS]


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    return {**schema()["$defs"][part["$ref"].rsplit("/", 1)[1]], **part} if "$ref" in part else part


@pytest.mark.parametrize(("path", "part"), WORDS, ids=IDS)
def test_every_word_is_explained_briefly_and_shown(path: tuple[str, ...], part: dict[str, Any]) -> None:
    about = part["description"]
    assert 15 < len(about) <= LONGEST, len(about)
    assert about[0].isupper() or about[0] == "`", about
    assert "  " not in about
    shown = resolved(part)
    said = "examples" in shown or "enum" in shown or "default" in shown
    assert said or shown.get("type") in ("boolean", "object", "array"), "an example would help"


@pytest.mark.parametrize(("path", "part"), WORDS, ids=IDS)
def test_examples_and_defaults_are_what_the_word_takes(path: tuple[str, ...], part: dict[str, Any]) -> None:
    here = jsonschema.Draft202012Validator({**part, "$defs": schema()["$defs"]})
    for shown in [*part.get("examples", ()), *([part["default"]] if "default" in part else [])]:
        assert here.is_valid(shown), shown


@pytest.mark.parametrize(("path", "part"), [w for w in WORDS if "default" in w[1]])
def test_a_default_is_said_in_the_text(path: tuple[str, ...], part: dict[str, Any]) -> None:
    default = part["default"]
    if isinstance(default, str) and ("{" in default or default.endswith(".")):
        return  # a spoken line, which an editor completes whole
    _, marked, said = part["description"].partition("Default: ")
    assert marked
    shown = str(default[0] if isinstance(default, list) else default)
    assert shown.lower() in said.lower()


# ---- what a default says is what happens without the word ------------------------------------------------------------

BASE: Any = yaml.load(text(), yaml.BaseLoader)
BASE["receptionist"]["find_out"] = [{"field": "reason"}]
BASE["tools"] = [{"name": "book", "does": "Book a visit", "calls": {"post": "${BOOK}"}}]
BASE["tests"] = [{"name": "A call", "at": "Tue 10am", "caller": "hello", "expect": {"rule": "none"}}]
PLACES: dict[str, tuple[Any, ...]] = {
    "$department": ("departments", "front_desk"),
    "$transfer": ("transfer",),
    "$receptionist": ("receptionist",),
    "$person": ("people", "dana"),
    "$field": ("receptionist", "find_out", 0),
    "$rule": ("when_to_transfer", 0),
    "$test": ("tests", 0),
    "$tool": ("tools", 0),
    "$shared_file": (),
}


def built(office: Any) -> Flow:
    flow = compile_flow(yaml.safe_dump(office, sort_keys=False), "office.yaml")
    return replace(flow, version="", origins={})


@pytest.mark.parametrize(("path", "part"), [w for w in WORDS if "default" in w[1]])
def test_saying_a_default_changes_nothing(path: tuple[str, ...], part: dict[str, Any]) -> None:
    first, *rest = path
    office = copy.deepcopy(BASE)
    *above, last = (*PLACES[first], *rest) if first.startswith("$") else path
    here: Any = office
    for step in above:
        here = here.setdefault(step, {}) if isinstance(here, dict) else here[step]
    here[last] = part["default"]
    assert built(office) == built(BASE)


# ---- snippets --------------------------------------------------------------------------------------------------------


def snippets() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for name, part in (("", schema()), *schema()["$defs"].items()):
        for snippet in part.get("defaultSnippets", ()):
            yield name, part, snippet


def typed(body: Any) -> Any:
    """What a snippet leaves when every field is passed over with the Tab key."""
    return json.loads(re.sub(r"\$\{\d+:([^}]*)\}", r"\1", json.dumps(body)))


@pytest.mark.parametrize(("name", "part", "snippet"), [*snippets()], ids=[s["label"] for _, _, s in snippets()])
def test_a_snippet_leaves_something_right(name: str, part: dict[str, Any], snippet: dict[str, Any]) -> None:
    left = typed(snippet["body"])
    assert jsonschema.Draft202012Validator({**part, "$defs": schema()["$defs"]}).is_valid(left), left
    if not name:
        compile_flow(yaml.safe_dump(left, sort_keys=False), "office.yaml")


def test_there_is_a_snippet_for_what_is_added_most() -> None:
    assert {name for name, _, _ in snippets()} >= {"", "rule", "test", "people", "departments", "exception"}
