"""The loader keeps source text and places, and no input brings it down."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from flowengine.flow import source
from flowengine.flow.compiler import check_flow
from flowengine.flow.diagnostics import FlowInvalid
from flowengine.flow.source import decode, parse
from tests.flow.office import SMALL


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
    document, found = parse("a: 1\nb: {x: 1}\na: {y: 2}\n", "f.yaml")
    assert document is not None
    assert document.value == {"a": "1", "b": {"x": "1"}}
    assert [(d.code, d.line, "line 1" in d.message) for d in found] == [("duplicate-key", 3, True)]


def test_line_ends_and_marks_of_other_systems_are_read() -> None:
    assert value_of("\ufeffa: 1\r\nb: 2\r\n") == {"a": "1", "b": "2"}
    assert value_of("%YAML 1.1\n---\na: 1\n...\n") == {"a": "1"}


BOMBS = {
    "brackets": ("[" * 100_000, "too-deep"),
    "braces": ("{a: " * 5_000, "too-deep"),
    "dashes": ("- " * 50_000, "too-deep"),
    "recursive": ("a: &x [*x]\n", "yaml-anchor"),
    "billion": ("a: &a [x]\n" + "".join(f"b{i}: &b{i} [*a, *a]\n" for i in range(50)), "yaml-anchor"),
    "two megabytes": ("a: " + "x" * 2_000_000, "too-big"),
    "many values": ("a: [" + "1," * 250_000 + "1]", "too-big"),
    "python": ("a: !!python/object/apply:os.system [ls]", "yaml-tag"),
    "nul": ("a: \0", "bad-character"),
    "surrogate": ("a: \ud800", "bad-character"),
    "utf-16": ("a: 1".encode("utf-16").decode("utf-8", "surrogateescape"), "not-utf8"),
    "latin-1": ("a: café".encode("latin-1").decode("utf-8", "surrogateescape"), "not-utf8"),
    "empty": ("", "empty-file"),
    "long key": ("? " + "k" * 5000 + "\n: 1\n? [x]\n: 2\n", "bad-key"),
    "alias as key": ("*a : 1\n", "yaml-alias"),
    "complex key": ("{{a: [b]}: c, d: e}: f\n", "bad-key"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_quickly_and_in_one_word(name: str) -> None:
    text, code = BOMBS[name]
    tracemalloc.start()
    began = time.process_time()
    flow, found = check_flow(text, "bomb.yaml")
    took, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert flow is None
    assert found[0].code == code
    assert took < 5
    assert peak < 200_000_000


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


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="{}[]:,#&*!|>'\"%@`-? \n\tab1~<", max_size=60))
def test_no_text_brings_the_loader_down(text: str) -> None:
    document, found = parse(text, "f.yaml")
    assert (document is None) <= bool(found)
    for d in found:
        assert d.line >= 1
        assert d.column >= 1


_WORDS = st.sampled_from(
    [":", " ", "\n", "  ", "- ", "{", "}", "[", "]", "#", "'", '"', "x", "*a", "&a", "dana", "to", "true", "12"]
)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(SMALL)), st.integers(0, 12), st.lists(_WORDS, max_size=3).map("".join))
def test_any_edit_of_a_good_flow_compiles_or_is_explained(place: int, cut: int, put: str) -> None:
    edited = SMALL[:place] + put + SMALL[place + cut :]
    flow, found = check_flow(edited, "edited.yaml")
    assert (flow is None) == any(d.severity == "error" for d in found)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_value_in_any_place_compiles_or_is_explained(data: st.DataObject) -> None:
    text = (source_of_every_word() if data.draw(st.booleans()) else SMALL).splitlines()
    number = data.draw(st.integers(0, len(text) - 1))
    key, colon, _ = text[number].partition(": ")
    put = data.draw(
        st.sampled_from(
            [
                "",
                "true",
                "12",
                "[]",
                "{}",
                "[a, b]",
                "{a: b}",
                "[{a: b}]",
                "~",
                "'x'",
                "[[]]",
                "zero",
                "99s",
                "8am - 5pm",
            ]
        )
    )
    text[number] = f"{key}{colon or ': '}{put}"
    flow, found = check_flow("\n".join(text), "edited.yaml")
    assert (flow is None) == any(d.severity == "error" for d in found)


def source_of_every_word() -> str:
    from tests.flow.office import HERE

    return (HERE / "good" / "every_word.yaml").read_text(encoding="utf-8")
