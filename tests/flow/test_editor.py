"""The schema that knows a file's own names."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from flowengine.flow import source
from flowengine.flow.diagnostics import FlowInvalid
from flowengine.flow.document import Scalar
from flowengine.flow.editor import schema_for
from flowengine.flow.schema import kind
from tests.flow.office import FLOWS, HERE, load, text

GOOD = [
    *sorted(file for file in FLOWS.glob("**/*.yaml") if file.parent.name != "shared"),  # those are pieces of flows
    *sorted((HERE / "good").glob("*.yaml")),
]


def plain(value: Any) -> Any:
    """A file's values as an editor has them, YAML 1.2."""
    if isinstance(value, dict):
        return {key: plain(child) for key, child in value.items()}
    if isinstance(value, list):
        return [plain(child) for child in value]
    assert isinstance(value, Scalar)
    readers: dict[str, Callable[[str], Any]] = {
        "number": float,
        "boolean": lambda s: s == "true",
        "null": lambda _: None,
    }
    return readers.get(kind(value), str)(value)


def complaints(written: str, made: dict[str, Any]) -> list[str]:
    """Where an editor underlines something."""
    doc, found = source.parse(written, "office.yaml")
    assert doc is not None, found
    errors = jsonschema.Draft202012Validator(made).iter_errors(plain(doc.value))
    return ["/".join(map(str, error.absolute_path)) for error in errors]


def shares(file: Path) -> Callable[[str], str]:
    return load if file.parent == HERE / "good" else lambda name: (file.parent / name).read_text("utf-8")


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_a_good_file_is_good_by_its_own_schema(file: Path) -> None:
    written = file.read_text("utf-8")
    made = schema_for(written, str(file), shares(file))
    jsonschema.Draft202012Validator.check_schema(made)
    assert complaints(written, made) == []


def offered(made: dict[str, Any], *path: str) -> list[Any]:
    """What an editor completes at a place of the schema: its values or, for a group, its keys."""
    part: Any = made
    for step in path:
        part = part[step]
    return list(_values(made, part))


def _values(made: dict[str, Any], part: Any) -> list[Any]:
    if "$ref" in part:
        return _values(made, made["$defs"][part["$ref"].rsplit("/", 1)[1]])
    own = [*part.get("enum", ()), *part.get("properties", ()), *part.get("examples", ())]
    return own + [value for one in part.get("anyOf", ()) for value in _values(made, one)]


DENTAL = schema_for((FLOWS / "dental_office.yaml").read_text("utf-8"), "dental_office.yaml")
RULE, EXPECT, TEST = (("$defs", name, "properties") for name in ("rule", "expect", "test"))
DEPARTMENTS = ["front_desk", "clinical", "on_call_dentist"]
STEPS = [*DEPARTMENTS, "take_message", "callback", "voicemail", "receptionist", "hang_up"]
PEOPLE = ["dana", "luis", "hygiene", "reed"]
NAMES = ["Dana", "Luis", "Hygiene desk", "Dr. Reed"]
FOUND_OUT = ["caller_name", "callback_number", "been_here_before", "reason"]


@pytest.mark.parametrize(
    ("place", "names"),
    [
        ((*RULE, "to"), STEPS),
        ((*RULE, "to_when_closed"), STEPS),
        ((*RULE, "if_no_one_answers"), STEPS),
        (("$defs", "department", "properties", "if_no_one_answers"), STEPS),
        (("$defs", "transfer", "properties", "if_card_not_confirmed"), STEPS),
        (("$defs", "tool", "properties", "sends_to"), DEPARTMENTS),
        (
            ("$defs", "members", "items"),
            [*PEOPLE, "person", "hours", "dates", "name", "phone"],
        ),
        (("$defs", "absence", "properties", "replaced_by"), PEOPLE),
        (("properties", "take_message", "properties", "collect"), FOUND_OUT),
        (
            ("properties", "handoff_card", "properties", "fields"),
            [*FOUND_OUT, "rule", "already_offered", "suggested_next_step"],
        ),
        ((*RULE, "known_caller"), ["called before"]),
        ((*EXPECT, "department"), DEPARTMENTS),
        ((*EXPECT, "tried"), NAMES),
        ((*EXPECT, "connected_to"), NAMES),
        ((*TEST, "staff"), NAMES),
        ((*TEST, "language"), ["English"]),
        (("$defs", "line", "properties", "answers"), FOUND_OUT),
    ],
    ids=lambda value: "-".join(value[-3:]) if isinstance(value, tuple) else "",
)
def test_a_place_completes_what_the_file_has(place: tuple[str, ...], names: list[str]) -> None:
    assert offered(DENTAL, *place) == names


def test_tests_complete_the_rules_of_the_file() -> None:
    rules = offered(DENTAL, *EXPECT, "rule")
    assert rules[:2] == ["emergency", "possible_emergency"]
    assert rules[-2:] == ["person_by_name", "none"]


def test_what_is_completed_says_what_it_is() -> None:
    clinical = DENTAL["$defs"]["step"]["anyOf"][0]
    about = dict(zip(clinical["enum"], clinical["enumDescriptions"], strict=True))
    assert about["clinical"] == "Rings hygiene, reed."
    assert about["callback"] == "The caller is promised a call back."
    rule = DENTAL["$defs"]["expect"]["properties"]["rule"]
    assert rule["enumDescriptions"][rule["enum"].index("pressed_zero")] == "key_pressed: zero"
    assert DENTAL["$defs"]["rule"]["properties"]["to"]["description"]  # hover text stays


def test_choices_groups_and_lines_called_come_from_the_file() -> None:
    made = schema_for((FLOWS / "billing_support.yaml").read_text("utf-8"), "billing_support.yaml")
    assert offered(made, *RULE, "known_caller") == ["partner_clinics", "called before"]
    assert offered(made, *RULE, "only_if") == ["dialled", "language", "calling_as"]
    only_if = made["$defs"]["rule"]["properties"]["only_if"]["properties"]
    assert only_if["calling_as"]["enum"] == ["patient", "clinic", "insurer"]
    assert only_if["dialled"]["examples"] == ["patients", "providers"]
    assert offered(made, "$defs", "spoken") == ["English", "Spanish"]


def test_names_of_a_shared_file_are_completed_too() -> None:
    written = (HERE / "good" / "every_word.yaml").read_text("utf-8")
    made = schema_for(written, "every_word.yaml", load)
    assert "on_call" in offered(made, *RULE, "to")
    assert "dana" in offered(made, "$defs", "member")
    alone = schema_for(written, "every_word.yaml")
    assert "on_call" not in offered(alone, *RULE, "to")


def test_a_misspelt_department_is_underlined_where_it_stands() -> None:
    wrong = text(("to: front_desk", "to: frontdesk"))
    assert complaints(wrong, schema_for(wrong, "small.yaml")) == ["when_to_transfer/0/to"]


@pytest.mark.parametrize(
    "change",
    [
        ("mon-fri: 8am - 5pm", "mon-fry: 8am"),  # wrong in meaning
        ("name: Ava", "naem: [Ava"),  # a bracket that is never closed
        ("name: Small Office", 'name: "Small Office'),  # a quote that is never closed
        ("  name: Ava", "\tname: Ava"),  # a tab
    ],
)
def test_a_file_with_mistakes_elsewhere_still_completes(change: tuple[str, str]) -> None:
    made = schema_for(text(change), "small.yaml")
    assert offered(made, *RULE, "to") == ["front_desk", *STEPS[3:]]
    assert offered(made, *EXPECT, "tried") == ["Dana", "Luis"]


@pytest.mark.parametrize("written", ["", "\x00", "just words", "- a list", "a: [\nb: [\nc: [\n"])
def test_what_is_no_flow_at_all_is_said(written: str) -> None:
    with pytest.raises(FlowInvalid) as refused:
        schema_for(written, "office.yaml")
    assert refused.value.diagnostics


@pytest.mark.parametrize(
    "added",
    [
        "departments: [a, b]\n",
        "people: yes\n",
        "known_callers: {2024: [x]}\n",
        "departments: {3: 4, '': {people: 5}}\n",
    ],
)
def test_strange_values_are_no_obstacle(added: str) -> None:
    made = schema_for(f"flow: x\n{added}", "office.yaml")
    jsonschema.Draft202012Validator.check_schema(made)


def test_a_name_that_looks_like_a_number_may_stand_without_quotes() -> None:
    made = schema_for("flow: x\nknown_callers: {2024: +1 312-555-0190}\n", "office.yaml")
    assert offered(made, *RULE, "known_caller") == ["2024", 2024, "called before"]


def test_the_command_prints_it() -> None:
    command = [sys.executable, "-m", "flowengine", "schema", "--for", "-"]
    done = subprocess.run(command, input=text(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == schema_for(text(), "-")
    broken = subprocess.run(command, input="- no\n", capture_output=True, text=True, timeout=60, check=False)
    assert (broken.returncode, broken.stdout) == (2, "")
    assert "no names to complete" in broken.stderr
