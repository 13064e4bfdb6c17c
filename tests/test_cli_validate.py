"""`validate` and `explain CODE` as an author, an editor and CI meet them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flowengine.cli import main
from tests.flow.office import SMALL

ROOT = Path(__file__).parents[1]
DENTAL = ROOT / "flows" / "dental_office.yaml"
BILLING = ROOT / "flows" / "billing_support.yaml"


def flowengine(*arguments: str | Path, stdin: str | None = None, **env: str) -> Result:
    clean: dict[str, str | None] = {"GITHUB_ACTIONS": None, "NO_COLOR": None, **env}
    return CliRunner(env=clean).invoke(main, [*map(str, arguments)], prog_name="flowengine", input=stdin)


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    file = tmp_path / "office.yaml"
    file.write_text(SMALL.replace("to: front_desk", "to: front_dest   # who else?"), "utf-8")
    return file


def test_json_has_the_keys_that_others_rely_on(wrong: Path) -> None:
    done = flowengine("validate", wrong, "--format", "json")
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert (said["format_version"], said["valid"], said["error_count"]) == (1, False, 1)
    (error,) = [d for d in said["diagnostics"] if d["severity"] == "error"]
    assert set(error) >= {"severity", "code", "message", "file", "range", "excerpt", "help"}
    assert error["range"]["start"]["line"] == error["range"]["end"]["line"]


def test_annotations_come_by_themselves_on_github(wrong: Path) -> None:
    assert "::error" not in flowengine("validate", wrong).stdout
    on_github = flowengine("validate", wrong, GITHUB_ACTIONS="true")
    assert f"::error file={wrong}" in on_github.stdout
    assert "did you mean 'front_desk'" in on_github.stdout
    only = flowengine("validate", wrong, "--format", "github")
    assert all(line.startswith("::") for line in only.stdout.splitlines())


def test_sarif_is_one_log(wrong: Path) -> None:
    done = flowengine("validate", wrong, "--format", "sarif")
    assert json.loads(done.stdout)["runs"][0]["results"][0]["level"] in ("error", "warning", "note")


def test_warnings_alone_exit_0_and_with_strict_1(tmp_path: Path) -> None:
    file = tmp_path / "office.yaml"
    file.write_text(SMALL + "privacy:\n  keep_transcripts: 30 days\n", "utf-8")
    assert flowengine("validate", file).exit_code == 0
    assert flowengine("validate", file, "--strict").exit_code == 1


def test_stdin_is_a_file_too() -> None:
    done = flowengine("validate", "-", "--format", "concise", stdin=SMALL.replace("name: Ava", "nam: Ava"))
    assert done.exit_code == 1
    assert done.stdout.startswith("<stdin>:")


def test_no_colour_unless_a_terminal(wrong: Path) -> None:
    assert "\x1b[" not in flowengine("validate", wrong).stdout
    coloured = CliRunner(env={"NO_COLOR": None}).invoke(main, ["validate", str(wrong)], color=True)
    assert "\x1b[" in coloured.stdout
    plain = CliRunner(env={"NO_COLOR": "1"}).invoke(main, ["validate", str(wrong)], color=True)
    assert "\x1b[" not in plain.stdout


def test_fix_mends_the_file_and_says_what(wrong: Path) -> None:
    wrong.chmod(0o640)
    done = flowengine("validate", wrong, "--fix")
    assert done.exit_code == 0, done.output
    assert "to: front_desk   # who else?" in wrong.read_text("utf-8")
    assert "mended" in done.stderr
    assert wrong.stat().st_mode & 0o777 == 0o640
    assert [file.name for file in wrong.parent.iterdir()] == ["office.yaml"]


def test_fix_of_stdin_prints_the_mended_text() -> None:
    done = flowengine("validate", "-", "--fix", stdin=SMALL.replace("to: front_desk", "to: front_dest"))
    assert done.stdout == SMALL


def test_a_number_in_two_flows_is_an_error_in_both(tmp_path: Path) -> None:
    one, other = tmp_path / "one.yaml", tmp_path / "other.yaml"
    one.write_text(SMALL, "utf-8")
    other.write_text(SMALL.replace("flow: small", "flow: other"), "utf-8")
    done = flowengine("validate", one, other, "--format", "concise")
    assert done.exit_code == 1
    assert done.stdout.count("[number-in-two-flows]") == 2
    assert flowengine("validate", one, "--format", "concise").exit_code == 0


def test_a_number_in_two_flows_is_found_beside_other_errors_and_once_a_file(tmp_path: Path) -> None:
    one, other = tmp_path / "one.yaml", tmp_path / "other.yaml"
    one.write_text(SMALL, "utf-8")
    other.write_text(SMALL.replace("flow: small", "flow: other").replace("name: Ava", "nam: Ava"), "utf-8")
    again = tmp_path / "." / "one.yaml"
    done = flowengine("validate", one, f"{tmp_path}/./one.yaml", again, other, "--format", "concise")
    assert done.stdout.count("[number-in-two-flows]") == 2
    assert done.stderr.startswith("2 files, 3 errors")


def test_what_is_wrong_in_a_shared_file_is_told_by_a_name_that_can_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "flows" / "shared").mkdir(parents=True)
    (tmp_path / "flows" / "shared" / "team.yaml").write_text("people:\n  eve: {nam: Eve, phone: 312-555-0113}\n")
    for name in ("small", "other"):
        flow = SMALL.replace("flow: small", f"flow: {name}\nshared: shared/team.yaml")
        number = "0100" if name == "small" else "0101"
        (tmp_path / "flows" / f"{name}.yaml").write_text(flow.replace("555-0100", f"555-{number}"))
    monkeypatch.chdir(tmp_path)
    done = flowengine("validate", "flows/small.yaml", "flows/other.yaml", "--format", "concise")
    assert [line.split()[0] for line in done.stdout.splitlines() if "unknown-key" in line] == [
        "flows/shared/team.yaml:2:9:"
    ]


def test_files_are_named_from_where_the_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my flows").mkdir()
    file = tmp_path / "my flows" / "office.yaml"
    file.write_text(SMALL.replace("name: Ava", "nam: Ava"), "utf-8")
    monkeypatch.chdir(tmp_path)
    for name in (str(file), "./my flows/office.yaml"):
        assert "::error file=my flows/office.yaml,line=13," in flowengine("validate", name, "--format", "github").stdout
        log = json.loads(flowengine("validate", name, "--format", "sarif").stdout)
        place = log["runs"][0]["results"][-1]["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "my%20flows/office.yaml"


def test_fix_follows_a_link_and_leaves_it_a_link(wrong: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to(wrong)
    assert flowengine("validate", link, "--fix").exit_code == 0
    assert link.is_symlink()
    assert "front_desk   # who else?" in wrong.read_text("utf-8")


def test_fix_of_stdin_keeps_stdout_for_the_text_and_tells_what_is_left() -> None:
    broken = SMALL.replace("to: front_desk", "to: front_dest") + "hold: {longest_wait: soon}\n"
    done = flowengine("validate", "-", "--fix", "--format", "concise", stdin=broken)
    assert done.exit_code == 1
    assert done.stdout == broken.replace("front_dest", "front_desk")
    assert "mended <stdin>:20:9: front_dest → front_desk [unknown-department]" in done.stderr
    assert "[bad-duration]" in done.stderr


def test_a_file_that_nobody_may_write_is_said_and_left(wrong: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = wrong.read_bytes()

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.replace", refuse)
    done = flowengine("validate", wrong, "--fix")
    assert (done.exit_code, wrong.read_bytes()) == (2, before)
    assert "cannot write" in done.stderr
    assert [file.name for file in wrong.parent.iterdir()] == ["office.yaml"]


@pytest.mark.parametrize("raw", [b"\xff\xfef\x00", b"flow: caf\xe9\n", b"flow: a\0b\n", b""])
@pytest.mark.parametrize("form", ["full", "concise", "json", "github", "sarif"])
def test_bytes_that_are_no_text_are_one_finding_in_every_format(raw: bytes, form: str, tmp_path: Path) -> None:
    file = tmp_path / "office.yaml"
    file.write_bytes(raw)
    done = flowengine("validate", file, "--format", form)
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    again = flowengine("validate", file, "--fix", "--format", form)
    assert (again.exit_code, file.read_bytes()) == (1, raw)


def test_a_terminal_without_the_letters_still_gets_the_findings(wrong: Path) -> None:
    wrong.write_text(wrong.read_text("utf-8").replace("name: Small Office", "nam: “Zoë”"), "utf-8")
    env = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(
        [sys.executable, "-m", "flowengine", "validate", str(wrong)],
        capture_output=True,
        env=env,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert b"nam: \\u201cZo\xeb\\u201d" in done.stdout


def test_a_missing_music_file_is_found(tmp_path: Path) -> None:
    file = tmp_path / "office.yaml"
    file.write_text(SMALL + "hold:\n  music: piano.wav\n", "utf-8")
    assert "music-file" in flowengine("validate", file).stdout


def test_a_file_that_is_not_there_cannot_be_checked(tmp_path: Path) -> None:
    assert flowengine("validate", tmp_path / "nowhere.yaml").exit_code == 2


def test_hundreds_of_findings_are_counted_and_fifty_shown(tmp_path: Path) -> None:
    file = tmp_path / "office.yaml"
    rules = "".join(f"  - rule: r{i}\n    caller_says: [word{i}]\n    to: nowhere{i}\n" for i in range(80))
    file.write_text(SMALL + rules, "utf-8")
    done = flowengine("validate", file, "--format", "concise")
    assert done.stdout.count("[unknown-department]") == 50
    assert f"{file}: and 31 more findings" in done.stdout
    told = json.loads(flowengine("validate", file, "--format", "json").stdout)
    assert (len(told["diagnostics"]), told["error_count"], told["left_out"]) == (50, 80, 31)


# ---- explain CODE ----------------------------------------------------------------------------------------------------


def test_the_story_of_a_code_shows_what_is_found_and_what_would_be_right() -> None:
    done = flowengine("explain", "unknown-department")
    assert done.exit_code == 0
    assert "unknown-department (error): A step names a department" in done.stdout
    assert "no department 'front_dest'" in done.stdout
    assert "to: front_desk" in done.stdout


def test_a_code_that_is_not_there_gets_a_suggestion() -> None:
    done = flowengine("explain", "unknown-departmnt")
    assert done.exit_code == 2
    assert "did you mean 'unknown-department'?" in done.stderr


def test_an_office_is_told_in_sentences() -> None:
    done = flowengine("explain", DENTAL)
    assert done.exit_code == 0
    assert "Bright Smile Dental" in done.stdout
    assert "Dana" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 88


def test_the_lists_of_words_can_be_read() -> None:
    assert "representative" in flowengine("explain", "words").stdout
