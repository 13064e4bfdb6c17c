"""The loader keeps source text and places, and no input brings it down."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from flowengine.flow import source
from flowengine.flow.diagnostics import FlowInvalid
from flowengine.flow.source import decode, parse


def value_of(text: str) -> Any:
    document, found = parse(text, "f.yaml")
    assert document is not None
    assert found == []
    return document.value


def test_scalars_keep_their_source_text() -> None:
    said = value_of("a: 17:00\nb: +15551234567\nc: no\nd: 02134\ne: 8:00\nf: 12:30:45\ng: ~\nh: 'x'\ni: |\n  y\n")
    assert said == {
        "a": "17:00",
        "b": "+15551234567",
        "c": "no",
        "d": "02134",
        "e": "8:00",
        "f": "12:30:45",
        "g": "~",
        "h": "x",
        "i": "y\n",
    }
    assert (said["a"].plain, said["h"].plain, said["i"].block) == (True, False, True)


def test_every_key_and_value_has_its_place() -> None:
    document, _ = parse("a:\n  - b: 1\n    c: two words\n", "f.yaml")
    assert document is not None
    key, value = document.keys["a", 0, "c"], document.values["a", 0, "c"]
    assert (key.line, key.column, key.end_column) == (3, 5, 6)
    assert (value.line, value.column, value.end_column) == (3, 8, 17)
    assert document.extent(("a", 0, "missing")).line == 2


def test_repeated_keys_are_reported_and_the_first_counts() -> None:
    document, found = parse("name: 1\nto: {x: 1}\nname: {y: 2}\n", "f.yaml")
    assert document is not None
    assert document.value == {"name": "1", "to": {"x": "1"}}
    assert [(d.code, d.line, "line 1" in d.message) for d in found] == [("duplicate-key", 3, True)]


def test_line_ends_and_marks_of_other_systems_are_read() -> None:
    assert value_of("\ufeffa: 1\r\nb: 2\r\n") == {"a": "1", "b": "2"}
    assert value_of("%YAML 1.1\n---\na: 1\n...\n") == {"a": "1"}


def test_bytes_that_are_no_text_are_placed() -> None:
    with pytest.raises(FlowInvalid) as refused:
        decode("a: 1\nb: café".encode("latin-1"), "f.yaml")
    assert (refused.value.diagnostics[0].line, refused.value.diagnostics[0].column) == (2, 7)
    assert decode("a: é".encode(), "f.yaml") == "a: é"
    document, found = parse("a: 1\n\0", "f.yaml")
    assert document is None
    assert (found[0].line, found[0].column) == (2, 1)


def test_the_pure_parser_serves_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_Loader", yaml.SafeLoader)
    assert value_of("a: [b, {c: d}]\n") == {"a": ["b", {"c": "d"}]}
    for text in ("[" * 100_000, "{a: " * 5_000, 'a: "open', "a: b: c", "a:\n\tb: 1", "a: {b} c", "@", "- a\nb: c"):
        assert parse(text, "f.yaml")[0] is None


@settings(max_examples=300)
@given(st.text(alphabet="{}[]:,#&*!|>'\"%@`-? \n\tab1~<", max_size=60))
def test_no_text_brings_the_loader_down(text: str) -> None:
    document, found = parse(text, "f.yaml")
    assert (document is None) <= bool(found)
    for d in found:
        assert d.line >= 1
        assert d.column >= 1
