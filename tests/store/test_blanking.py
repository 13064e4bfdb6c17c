"""What stays of a journal line: for every event and command there is, so one added tomorrow is asked about too."""

from __future__ import annotations

import json
import types
from dataclasses import fields
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

from flowengine.call.commands import Command
from flowengine.call.events import Event
from flowengine.call.journal import decode, encode, encode_commands
from flowengine.store.blanking import card_that_stays, what_stays

WORDS = "Maria Lopez 3125550199"
# Where somebody's words, numbers or the address of a recording stand.
SPOKEN = {
    "text", "caller", "url", "key", "why", "evidence", "reason", "say", "greeting", "prompt", "instructions", "result",
    "matched", "briefing", "show_caller", "summary", "answer", "keyterms", "close",
}  # fmt: skip


def filled(kind: Any) -> Any:
    """An instance of an event or command with words wherever a text may stand."""
    hints = get_type_hints(kind)
    return kind(**{field.name: _value(hints[field.name]) for field in fields(kind)})


def _value(hint: Any) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return arguments[0]
    if origin in (Union, types.UnionType):
        return _value(arguments[0])
    if origin is tuple:
        return (_value(arguments[0]),)
    if origin is not None:  # a mapping of what somebody said
        return {"caller_name": WORDS, "more": [WORDS], "deeper": {"text": WORDS}}
    simple = {str: WORDS, float: 1.5, int: 3, bool: True}
    return simple[hint] if hint in simple else filled(hint)


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
def test_an_emptied_event_is_still_an_event(kind: type) -> None:
    event = filled(kind)
    name, body = encode(event)
    left = decode(name, what_stays(body))
    assert left.at == event.at
    assert type(left) is kind
    spoken = {field.name: getattr(left, field.name) for field in fields(left) if field.name in SPOKEN}
    assert {name: value for name, value in spoken.items() if WORDS in str(value)} == {}
    assert WORDS not in str(getattr(left, "arguments", ""))


@pytest.mark.parametrize("kind", get_args(Command), ids=lambda kind: kind.__name__)
def test_an_emptied_command_says_what_was_ordered_and_no_word(kind: type) -> None:
    (left,) = json.loads(what_stays(encode_commands([filled(kind)])))
    assert left["command"] == kind.__name__
    spoken = SPOKEN - ({"answer"} if kind.__name__ == "NoteConsent" else set())  # ours: yes, no, …
    assert [path for path, value in _texts(left, "") if path.rpartition(".")[2] in spoken and value] == []
    for whole in ("fields", "data", "arguments", "card"):
        assert WORDS not in str(left.get(whole, "")), whole


def _texts(value: Any, path: str) -> list[tuple[str, str]]:
    match value:
        case dict():
            return [found for name, item in value.items() for found in _texts(item, f"{path}.{name}")]
        case list():
            return [found for item in value for found in _texts(item, path)]
        case str():
            return [(path, value)]
        case _:
            return []


def test_a_field_nobody_has_thought_of_yet_is_emptied() -> None:
    body = json.dumps({"at": 1.0, "new": "Maria Lopez", "more": {"x": ["3125550199"]}, "leg": "c1-staff-1"})
    assert json.loads(what_stays(body)) == {"at": 1.0, "new": "", "more": {"x": [""]}, "leg": "c1-staff-1"}


@pytest.mark.parametrize("body", ["", "My crown fell out", "[1", '"Maria Lopez"', "12"])
def test_what_is_no_line_of_ours_leaves_nothing(body: str) -> None:
    assert "crown" not in what_stays(body)
    assert "Maria" not in what_stays(body)


def test_emptying_twice_changes_nothing() -> None:
    body = encode_commands([filled(kind) for kind in get_args(Command)])
    once = what_stays(body)
    assert what_stays(once) == once


def test_a_card_of_any_shape() -> None:
    assert card_that_stays({"fields": "Maria", "people": None, "identity": {"match": "new", "text": "Maria"}}) == {
        "fields": [], "people": None, "identity": {"match": "", "text": ""}, "blanked": True,
    }  # fmt: skip
    assert card_that_stays({"fields": ["Maria", {"label": "Reason", "value": "x"}]})["fields"] == [
        {"value": ""},
        {"label": "Reason", "value": ""},
    ]
