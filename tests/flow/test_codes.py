"""The catalogue: each code has its story, its bad example is found as just that, and its good example is clean."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from flowengine.flow.codes import Code, all_codes, example, small_office
from flowengine.flow.compiler import check_flow, compile_flow
from flowengine.flow.diagnostics import Diagnostic, FlowInvalid
from flowengine.flow.several import across
from flowengine.flow.source import decode
from tests.flow.office import HERE

FLOW = Path(check_flow.__code__.co_filename).parent
CODES = all_codes()
OTHERWISE = {  # the other file, but for what the two claim together
    "number-in-two-flows": ("flow: small", "flow: other"),
    "name-in-two-flows": ("+1 312-555-0100", "+1 312-555-0109"),
}
SAID = [code for code in CODES.values() if code.bad]


def found_in(code: Code, piece: str) -> list[Diagnostic]:
    """What is found in an example, by whatever it is that finds it."""
    text = decode(example(code, piece).encode("utf-8", errors="surrogateescape"), "office.yaml")
    flow, found = check_flow(
        text, "office.yaml", today=code.today, load=lambda name: _shared(code, name), read_bytes=_nowhere
    )
    if code.needs == "files" and flow:
        other = small_office().replace(*OTHERWISE[code.name]) if code.name in OTHERWISE else small_office()
        return [*found, *across([flow, compile_flow(other, "small.yaml")])]
    if code.needs == "environment" and flow:
        return found + _unset(text)
    return found


def _shared(code: Code, name: str) -> str:
    if name not in code.shared:
        raise FileNotFoundError(2, "no such file or directory", name)
    return code.shared[name]


def _nowhere(name: str) -> bytes:
    raise FileNotFoundError(2, "no such file or directory", name)


def _unset(text: str) -> list[Diagnostic]:
    try:
        compile_flow(text, "office.yaml", env={})
    except FlowInvalid as invalid:
        return list(invalid.diagnostics)
    return []


@pytest.mark.parametrize("code", SAID, ids=lambda code: str(code.name))
def test_the_bad_example_is_found_as_that_code(code: Code) -> None:
    severities = {d.severity for d in found_in(code, code.bad) if d.code == code.name}
    assert severities == {code.severity}


@pytest.mark.parametrize("code", CODES.values(), ids=lambda code: str(code.name))
def test_the_good_example_is_put_right(code: Code) -> None:
    found = found_in(code, code.good)
    assert [d for d in found if d.severity == "error" or d.code == code.name] == []


def test_each_code_that_is_found_anywhere_has_its_story_with_its_severity() -> None:
    severities: dict[str, set[str]] = defaultdict(set)
    for file in (HERE / "bad").glob("*.txt"):
        for mark, name in re.findall(
            r":\d+: (?:(warning|info): )?[^\n]*\[([a-z0-9-]+)\]$", file.read_text("utf-8"), re.M
        ):
            severities[name].add(mark or "error")
    assert {name: {CODES[name].severity} if name in CODES else set() for name in severities} == severities


def test_no_story_is_told_of_a_code_that_nothing_says() -> None:
    source = "\n".join(file.read_text("utf-8") for file in FLOW.glob("*.py"))
    assert [name for name in CODES if f'"{name}"' not in source and not name.startswith("unknown-")] == []


def test_codes_without_an_example_are_those_no_page_can_show() -> None:
    assert {code.name for code in CODES.values() if not code.bad} == {"not-utf8", "too-big"}


def test_a_story_is_told_in_whole_sentences() -> None:
    ends: Callable[[str], bool] = lambda text: text.rstrip().endswith((".", "?", ")", "’"))  # noqa: E731, RUF001
    assert [code.name for code in CODES.values() if not ends(code.why)] == []
