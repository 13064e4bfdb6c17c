"""`test`, `route` and `diff` as a person or CI meets them: what is printed, and the exit code."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as xml

import pytest
from click.testing import CliRunner, Result

from flowengine.cli import main
from flowengine.cli.test import JUDGED

ROOT = Path(__file__).parents[1]
DENTAL = ROOT / "flows" / "dental_office.yaml"
BILLING = ROOT / "flows" / "billing_support.yaml"


def flowengine(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)], prog_name="flowengine")


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    """The dental office with a test that expects the wrong people."""
    file = tmp_path / "dental_office.yaml"
    text = DENTAL.read_text("utf-8").replace("tried: [Dana, Luis]", "tried: [Luis, Dana]")
    file.write_text(text, "utf-8")
    return file


# ---- test ------------------------------------------------------------------------------------------------------------


def test_the_tests_of_both_example_flows_pass() -> None:
    done = flowengine("test", DENTAL, BILLING)
    assert done.exit_code == 0, done.output
    assert done.stdout.count("ok  ") == 35
    assert "35 tests, none failed" in done.stderr
    assert JUDGED in done.stdout


def test_a_failed_test_is_told_as_a_story_with_its_place(wrong: Path) -> None:
    done = flowengine("test", wrong)
    assert done.exit_code == 1
    line = next(n for n, text in enumerate(wrong.read_text("utf-8").splitlines(), 1) if "Nobody picks up" in text)
    assert f"{wrong}:{line}, at Tue 10 Nov 2026 10:15am" in done.stdout
    assert "expected these people to be tried: Luis, Dana; it was Dana, Luis" in done.stdout
    lines = done.stdout.splitlines()
    arrow = next(i for i, text in enumerate(lines) if "------>" in text)
    assert "Dana at +13125550111, for 20 s" in lines[arrow - 1]
    assert "19 tests, 1 failed" in done.stderr


def test_some_tests_by_name(wrong: Path) -> None:
    assert flowengine("test", wrong, "--run", "crown|night").exit_code == 0
    none = flowengine("test", wrong, "--run", "elephant")
    assert none.exit_code == 2
    assert "A lost crown reaches the clinical team" in none.stderr
    assert flowengine("test", wrong, "--run", "(").exit_code == 2


def test_the_junit_report_names_each_test_and_tells_the_failed_one(wrong: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    flowengine("test", wrong, BILLING, "--junit", report)
    root = xml.parse(report).getroot()
    assert (root.get("tests"), root.get("failures")) == ("35", "1")
    assert [suite.get("name") for suite in root] == [str(wrong), str(BILLING)]
    (failure,) = root.iter("failure")
    assert "it was Dana, Luis" in (failure.get("message") or "")
    assert "Dana at +13125550111" in (failure.text or "")


def test_coverage_names_what_no_test_reaches() -> None:
    whole = flowengine("test", DENTAL, "--coverage")
    assert "24 of 24 rules, departments and fallbacks are reached by a test" in whole.stdout
    done = flowengine("test", DENTAL, "--coverage", "--run", "crown")
    assert "2 of 24 rules, departments and fallbacks are reached by a test" in done.stdout
    assert "no test reaches rule serious_words" in done.stdout
    assert "no test reaches rule clinical_question" not in done.stdout


def test_a_flow_that_is_not_valid_cannot_be_tested(tmp_path: Path) -> None:
    file = tmp_path / "office.yaml"
    file.write_text("flow: x\n", "utf-8")
    done = flowengine("test", file)
    assert done.exit_code == 2
    assert "is not a valid flow" in done.stderr
    assert flowengine("test", tmp_path / "missing.yaml").exit_code == 2


# ---- route -----------------------------------------------------------------------------------------------------------


def test_the_route_of_a_sentence_on_two_days() -> None:
    asked = ("--says", "Can I talk to a person?", "--staff", "Dana=no answer")
    tuesday = flowengine("route", DENTAL, "--at", "Tue 4:55pm", *asked)
    assert tuesday.exit_code == 0
    assert "Luis for 20 s, after 20 s: accepted" in tuesday.stdout
    friday = flowengine("route", DENTAL, "--at", "Fri 4:55pm", *asked)
    assert "We're closed. I'll take a message and we'll call you back Monday at 8 am." in friday.stdout


def test_a_route_says_when_the_model_may_judge_otherwise_and_not_for_exact_words() -> None:
    topic = flowengine("route", DENTAL, "--at", "Tue 10am", "--says", "I want a refund")
    assert JUDGED in topic.stdout
    exact = flowengine("route", DENTAL, "--at", "Tue 10am", "--says", "I will call my lawyer")
    assert JUDGED not in exact.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--at", "Tue 10am"), "--says"),
        (("--at", "someday", "--says", "hi"), "cannot read --at: 'someday' is not a moment; write Fri 4:55pm"),
        (("--at", "Tue 10am", "--says", "hi", "--staff", "Dona=busy"), "there are: Dana, Luis"),
        (("--at", "Tue 10am", "--says", "hi", "--staff", "Dana=bussy"), "did you mean 'busy'"),
        (("--all", "--says", "hi"), "--all takes no"),
    ],
)
def test_what_route_cannot_do_it_says(arguments: tuple[str, ...], said: str) -> None:
    done = flowengine("route", DENTAL, *arguments)
    assert done.exit_code == 2
    assert said in done.stderr


# ---- diff ------------------------------------------------------------------------------------------------------------


def test_a_pure_refactoring_is_noticed_by_no_caller(tmp_path: Path) -> None:
    file = tmp_path / "dental_office.yaml"
    file.write_text(DENTAL.read_text("utf-8").replace("rule: upset", "rule: cross"), "utf-8")
    done = flowengine("diff", DENTAL, file, "--detailed-exitcode")
    assert done.exit_code == 0
    assert done.stdout.startswith("No caller will notice.")


def test_a_difference_is_told_and_is_exit_code_1_only_when_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "dental_office.yaml"
    file.write_text(DENTAL.read_text("utf-8").replace("ring_for: 35s", "ring_for: 30s"), "utf-8")
    assert flowengine("diff", DENTAL, file).exit_code == 0
    done = flowengine("diff", DENTAL, file, "--detailed-exitcode")
    assert done.exit_code == 1
    assert "    before  on_call_dentist: Dr. Reed 35 s, then callback" in done.stdout
    assert "    now     on_call_dentist: Dr. Reed 30 s, then callback" in done.stdout
