"""The catalogue: each code has its story, its bad example is found as just that, and its good example is clean."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path

import pytest

from flowengine.flow.codes import Code, all_codes
from flowengine.flow.compiler import check_flow
from flowengine.flow.stories import findings, story
from flowengine.resources import schema_text
from tests.flow.office import HERE

FLOW = Path(check_flow.__code__.co_filename).parent
CODES = all_codes()
SAID = [code for code in CODES.values() if code.bad]


@pytest.mark.parametrize("code", SAID, ids=lambda code: str(code.name))
def test_the_bad_example_is_found_as_that_code(code: Code) -> None:
    severities = {d.severity for d in findings(code, code.bad) if d.code == code.name}
    assert severities == {code.severity}


@pytest.mark.parametrize("code", CODES.values(), ids=lambda code: str(code.name))
def test_the_good_example_is_put_right(code: Code) -> None:
    found = findings(code, code.good)
    assert [d for d in found if d.severity == "error" or d.code == code.name] == []


def test_each_code_that_is_found_anywhere_has_its_story_with_its_severity() -> None:
    severities: dict[str, set[str]] = defaultdict(set)
    for file in (HERE / "bad").glob("*.txt"):
        for mark, name in re.findall(
            r":\d+: (?:(warning|info): )?[^\n]*\[([a-z0-9-]+)\]$", file.read_text("utf-8"), re.M
        ):
            severities[name].add(mark or "error")
    assert {name: {CODES[name].severity} if name in CODES else set() for name in severities} == severities


# what is written like a code in the source and is none
NO_CODES = {
    "built-in", "mon-fri", "mon-sun", "sat-sun", "utf-8", "x-code", "x-expected", "x-list", "x-names", "x-reads",
    "x-wants", "stroke-dasharray", "text-anchor", "font-size", "font-family", "font-weight",
}  # fmt: skip
SAYERS = {"diagnose": 1, "at": 1, "say": 1, "refuse": 1, "give_up": 1, "Diagnostic": 1, "_say": 2, "_refusal": 3}
SAYERS |= {"Accident": 0, "Words": 0, "Unreadable": 0, "_quote": 2}  # a function, and which argument is the code


def said_in(source: str) -> Iterator[tuple[str, str]]:
    """Every code a source text can say, with its severity where the call tells it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and re.fullmatch(r"[a-z]+(-[a-z0-9]+)+", str(node.value)):
            yield str(node.value), ""
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            at = SAYERS.get(called)
            code = node.args[at] if at is not None and len(node.args) > at else None
            if isinstance(code, ast.Constant) and isinstance(code.value, str) and code.value:
                stated = next((k.value for k in node.keywords if k.arg == "severity"), None)
                usual = "error" if called in ("diagnose", "at") else ""
                yield code.value, str(stated.value) if isinstance(stated, ast.Constant) else usual
            if called == "unknown" and len(node.args) > 2 and isinstance(node.args[2], ast.Constant):
                yield f"unknown-{node.args[2].value!s}".replace(" ", "-"), "error"


def test_each_code_that_a_source_line_says_has_its_story_with_that_severity() -> None:
    files = (file for file in FLOW.glob("*.py") if not file.name.startswith("newcomer"))  # `new` shows no codes
    said = {pair for file in files for pair in said_in(file.read_text("utf-8"))}
    said |= {(code, "error") for code in re.findall(r'"x-code": "([a-z-]+)"', schema_text())}
    assert len(said) > 100
    assert {code for code, _ in said} - set(CODES) - NO_CODES == set()
    wrong = {(code, severity) for code, severity in said if code in CODES and severity}
    assert {pair for pair in wrong if CODES[pair[0]].severity != pair[1]} == set()


def test_a_code_without_a_story_would_be_noticed() -> None:
    source = 'doc.diagnose(path, "newcode", "m", severity="info"); unknown(doc, path, "choice field", n, known); "a-b"'
    assert {*said_in(source)} == {("newcode", "info"), ("unknown-choice-field", "error"), ("a-b", "")}


@pytest.mark.parametrize("code", SAID, ids=lambda code: str(code.name))
def test_a_story_prints_its_finding_at_a_line_of_the_example(code: Code) -> None:
    told = story(code)
    line = re.search(rf"^    [a-z]+\.yaml:(\d+):\d+: .*\[{code.name}\]$", told, re.MULTILINE)
    assert line, told
    assert int(line[1]) <= max(map(str.count, (code.bad, *code.shared.values()), repeat("\n")))
    assert told.index("Not so:") < line.start() < told.index("But so:")


def test_no_story_is_told_of_a_code_that_nothing_says() -> None:
    source = "\n".join(file.read_text("utf-8") for file in FLOW.glob("*.py"))
    assert [name for name in CODES if f'"{name}"' not in source and not name.startswith("unknown-")] == []


def test_codes_without_an_example_are_those_no_page_can_show() -> None:
    assert {code.name for code in CODES.values() if not code.bad} == {"not-utf8", "too-big"}


def test_a_story_is_told_in_whole_sentences() -> None:
    ends: Callable[[str], bool] = lambda text: text.rstrip().endswith((".", "?", ")", "’"))  # noqa: E731, RUF001
    assert [code.name for code in CODES.values() if not ends(code.why)] == []
