"""`bad/x.yaml` is refused or warned about exactly as `bad/x.txt` says; everything in `good/` compiles."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from flowengine.flow.compiler import check_flow
from flowengine.flow.source import decode
from tests.flow.office import FLOWS, HERE, findings, load, printed, text

TODAY = date(2026, 11, 10)
GOOD = [*sorted((HERE / "good").glob("*.yaml")), *sorted(FLOWS.glob("*.yaml"))]


@pytest.mark.parametrize("file", sorted((HERE / "bad").glob("*.yaml")), ids=lambda p: p.stem)
def test_bad_files_are_told_what_is_wrong(file: Path) -> None:
    flow, found = check_flow(decode(file.read_bytes(), file.name), file.name, today=TODAY, load=load)
    assert printed(found) == file.with_suffix(".txt").read_text(encoding="utf-8")
    assert (flow is None) == any(d.severity == "error" for d in found)


def test_every_expectation_has_its_file() -> None:
    assert {p.stem for p in (HERE / "bad").glob("*.txt")} == {p.stem for p in (HERE / "bad").glob("*.yaml")}


@pytest.mark.parametrize("file", GOOD, ids=lambda p: p.stem)
def test_good_files_compile(file: Path) -> None:
    flow, found = check_flow(decode(file.read_bytes(), file.name), file.name, today=TODAY, load=load)
    assert flow is not None
    assert {d.code for d in found} <= {"untested", "second-transcript"}


def test_the_dental_office_only_waits_for_what_is_promised() -> None:
    source = (FLOWS / "dental_office.yaml").read_text(encoding="utf-8")
    assert {d.excerpt.split(":")[0].strip() for d in findings(source)} <= {
        "redact",
        "keep_transcripts",
        "keep_audit_log",
    }


def test_three_independent_mistakes_are_named_in_one_run() -> None:
    wrong = text(("to: front_desk", "to: frontdesk"), ("  name: Ava", "  name: Ava\n  nmae: Eve\n  name: Ida"))
    assert [(d.code, d.line) for d in findings(wrong)] == [
        ("unknown-key", 14),
        ("duplicate-key", 15),
        ("unknown-department", 22),
    ]


def test_one_mistake_is_said_once() -> None:
    assert [d.code for d in findings(text(("departments:\n", "departmens:\n")))] == ["unknown-key"]
    assert [d.code for d in findings(text(("people:\n  dana", "peeple:\n  dana")))] == ["unknown-key"]
    assert [d.code for d in findings(text(("caller_wants", "caller_want")))] == ["unknown-key"]
