"""The laws that every scenario is held to speak when a journal breaks them: else their silence would mean nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from flowengine.runtime.rows import Entry
from tests.sandbox.invariants import Journals, broken
from tests.sandbox.play import as_it_stands

Commands = list[dict[str, Any]]


def only(name: str, commands: Commands) -> Commands:
    return [command for command in commands if command["command"] == name]


def without(name: str, commands: Commands) -> Commands:
    return [command for command in commands if command["command"] != name]


def ordered(lines: list[Entry], change: Callable[[Commands], Commands]) -> list[Entry]:
    """The journal with other orders in it."""
    return [
        replace(line, body=json.dumps(change(json.loads(line.body)))) if line.kind == "Commands" else line
        for line in lines
    ]


@pytest.fixture(scope="module")
def journals() -> Journals:
    return as_it_stands("crown").journals


@pytest.mark.parametrize(
    ("change", "law"),
    [
        (lambda lines: ordered(lines, lambda orders: [*orders, *only("RingStaff", orders)]), "was rung 2 times"),
        (lambda lines: ordered(lines, lambda orders: without("ShowCard", orders)), "before there was a card"),
        (lambda lines: [line for line in lines if line.kind != "CardShown"], "the card stood there at None"),
        (lambda lines: ordered(lines, lambda orders: without("EndCall", orders)), "the call ended as []"),
        (lambda lines: ordered(lines, lambda orders: without("MoveCaller", orders)), "something else when it is run"),
        (lambda lines: [*lines[:4], *lines[6:]], "the sequence has gaps"),
    ],
)
def test_a_journal_that_breaks_a_law_is_named(
    journals: Journals, change: Callable[[list[Entry]], list[Entry]], law: str
) -> None:
    ((call, lines),) = journals.lines.items()
    assert broken(journals.flow, lines, journals.outcomes[call]) == []
    found = broken(journals.flow, change(lines), journals.outcomes[call])
    assert any(law in each for each in found), found
