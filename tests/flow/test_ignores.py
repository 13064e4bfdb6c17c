"""A warning that was thought about is not said again, where the comment says which and why."""

from __future__ import annotations

from tests.flow.office import findings, text

LONG = " ".join(["word"] * 60)
LINE = f"transfer:\n  say_before: {LONG}."
COMMENT = "  # flowengine: ignore[line-too-long] callers like it"


def codes_of(source: str) -> set[str]:
    return {d.code for d in findings(source)} - {"untested", "end-not-named"}


def test_a_warning_is_not_said_where_it_is_ignored_with_a_reason() -> None:
    assert "line-too-long" in codes_of(text(add=LINE + "\n"))
    assert codes_of(text(add=LINE + COMMENT + "\n")) == set()


def test_a_reason_is_needed_and_a_code_that_there_is() -> None:
    assert codes_of(text(add=f"{LINE}  # flowengine: ignore[line-too-long]\n")) == {"line-too-long", "ignore"}
    assert codes_of(text(add=f"{LINE}  # flowengine: ignore we like it\n")) == {"line-too-long", "ignore"}
    (said,) = [d for d in findings(text(add=f"{LINE}  # flowengine: ignore[line-to-long] so\n")) if d.code == "ignore"]
    assert said.help == "did you mean 'line-too-long'?"


def test_an_error_cannot_be_ignored() -> None:
    wrong = text(("to: front_desk", "to: nowhere  # flowengine: ignore[unknown-department] later"))
    assert {"unknown-department", "ignore"} <= codes_of(wrong)


def test_a_comment_that_ignores_nothing_is_named() -> None:
    (said,) = [d for d in findings(text(("  name: Ava", f"  name: Ava{COMMENT}"))) if d.code == "unused-ignore"]
    assert said.severity == "warning"


def test_several_codes_in_one_comment() -> None:
    both = "  # flowengine: ignore[line-too-long, phone-unassigned] checked"
    assert codes_of(text(add=LINE + both + "\n")) == {"unused-ignore"}


def test_the_same_words_in_quotes_are_text() -> None:
    quoted = text(("  name: Ava", '  name: "Ava # flowengine: ignore[x] y"'))
    assert codes_of(quoted) == set()
