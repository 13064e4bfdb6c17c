"""The pre-commit hooks and the GitHub Action do what their files say: their commands run here, as they stand."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from flowengine.cli import COMMANDS
from flowengine.flow.reference import anchor
from flowengine.flow.schema import schema

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
HOOKS: Any = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
ACTION: Any = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
QUIET = {k: v for k, v in os.environ.items() if not k.startswith(("FLOWENGINE_", "GITHUB_", "TWILIO_", "ASSEMBLYAI_"))}


@pytest.fixture
def office(tmp_path: Path) -> Path:
    """A repository with two offices."""
    shutil.copytree(ROOT / "flows", tmp_path / "flows", ignore=shutil.ignore_patterns("examples"))
    return tmp_path


def spoil(office: Path, old: str, new: str) -> None:
    file = office / "flows" / "dental_office.yaml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


# ---- pre-commit ------------------------------------------------------------------------------------------------------


def test_the_hooks_are_those_that_are_promised() -> None:
    assert [hook["id"] for hook in HOOKS] == ["flowengine-validate", "flowengine-test"]
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    for hook in HOOKS:
        program, command = shlex.split(hook["entry"])
        assert program in scripts
        assert command in COMMANDS
        assert hook["language"] == "python"
        assert hook["name"]


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_is_for_flow_files_and_no_others(hook: dict[str, str]) -> None:
    def chosen(path: str) -> bool:
        return bool(re.search(hook["files"], path)) and not re.search(hook["exclude"], path)

    assert all(map(chosen, ("flows/dental_office.yaml", "flows/north/office.yml")))
    assert not any(map(chosen, ("docker-compose.yaml", "src/flows/x.yaml", "flows/x.txt", "flows/shared/on_call.yaml")))


def run_hook(hook: dict[str, str], office: Path) -> subprocess.CompletedProcess[str]:
    files = sorted(str(file.relative_to(office)) for file in (office / "flows").glob("*.yaml"))
    command: list[str | Path] = [BIN / shlex.split(hook["entry"])[0], *shlex.split(hook["entry"])[1:], *files]
    return subprocess.run(command, cwd=office, env=QUIET, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_passes_good_flows_and_stops_bad_ones(hook: dict[str, str], office: Path) -> None:
    done = run_hook(hook, office)
    assert done.returncode == 0, done.stdout + done.stderr
    spoil(office, "rule: clinical_question, department: clinical,", "rule: clinical_question, department: clinicol,")
    done = run_hook(hook, office)
    assert done.returncode in (1, 2)
    assert "clinicol" in done.stdout + done.stderr


# ---- the GitHub Action -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Runner:
    """As much of GitHub's runner as the action needs: inputs, step outputs, `if` on an input, bash."""

    office: Path
    inputs: dict[str, str]
    outputs: dict[str, str]
    said: str = ""

    def play(self) -> int:
        """The exit code of the first step that fails, else 0."""
        for step in ACTION["runs"]["steps"]:
            if "uses" in step or "pip install" in step["run"] or not self.wanted(step):
                continue  # here flowengine is installed already
            code = self.step(step)
            if code:
                return code
        return 0

    def wanted(self, step: dict[str, Any]) -> bool:
        condition = re.fullmatch(r"inputs\.(\w+) (==|!=) '(\w*)'", step["if"]) if "if" in step else None
        assert condition or "if" not in step
        return not condition or (self.inputs[condition[1]] == condition[3]) == (condition[2] == "==")

    def step(self, step: dict[str, Any]) -> int:
        written = self.office / "output"
        written.write_text("", "utf-8")
        given = {name: re.sub(r"\$\{\{ (.*?) \}\}", self.value, text) for name, text in step.get("env", {}).items()}
        path = f"{BIN}{os.pathsep}{QUIET['PATH']}"
        env = {**QUIET, **given, "PATH": path, "GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(written)}
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]  # as GitHub calls it
        done = subprocess.run(
            command, cwd=self.office, env=env, capture_output=True, text=True, timeout=60, check=False
        )
        self.said += done.stdout + done.stderr
        for name, mark, value in re.findall(r"^(\w+)<<(\S+)\n(.*?)\n\2$", written.read_text("utf-8"), re.M | re.S):
            self.outputs[f"steps.{step['id']}.outputs.{name}"] = value
            assert mark not in value
        return done.returncode

    def value(self, expression: re.Match[str]) -> str:
        return {**{f"inputs.{k}": v for k, v in self.inputs.items()}, **self.outputs}[expression[1]]


def runner(office: Path, **inputs: str) -> Runner:
    usual = {name: each["default"] for name, each in ACTION["inputs"].items()}
    assert inputs.keys() <= usual.keys()
    return Runner(office, {**usual, **inputs}, {})


def test_the_action_is_a_composite_of_bash_steps() -> None:
    assert ACTION["runs"]["using"] == "composite"
    steps = ACTION["runs"]["steps"]
    assert [step["uses"].partition("@")[0] for step in steps if "uses" in step] == ["actions/setup-python"]
    for step in steps:
        assert step.get("shell", "bash") == "bash"
        assert "${{" not in step.get("run", "")  # what a stranger writes never becomes part of a command
    (install,) = [step for step in steps if "pip install" in step.get("run", "")]
    assert install["env"]["ACTION_PATH"] == "${{ github.action_path }}"
    assert all(each.get("description") for each in ACTION["inputs"].values())


def test_good_flows_pass(office: Path) -> None:
    played = runner(office, files="flows/dental_office.yaml", junit="report.xml")
    assert played.play() == 0, played.said
    assert "A lost crown reaches the clinical team" in played.said
    assert ElementTree.parse(office / "report.xml").getroot().tag == "testsuites"


def test_a_folder_a_pattern_and_a_list_of_files_are_all_understood(office: Path) -> None:
    (office / "flows" / "second.yml").write_text((office / "flows" / "dental_office.yaml").read_text("utf-8"), "utf-8")
    (office / "flows" / "notes.txt").write_text("not a flow", "utf-8")
    for files, found in (
        ("flows", ["flows/billing_support.yaml", "flows/dental_office.yaml", "flows/second.yml"]),
        ("flows/*.yaml", ["flows/billing_support.yaml", "flows/dental_office.yaml"]),
        ("flows/second.yml flows/dental_office.yaml", ["flows/second.yml", "flows/dental_office.yaml"]),
    ):
        played = runner(office, files=files, test="false")
        played.play()
        assert played.outputs["steps.find.outputs.files"].splitlines() == found


def test_a_mistake_fails_and_is_shown_on_its_line(office: Path) -> None:
    spoil(office, "sends_to: front_desk", "sends_to: front_dest")
    played = runner(office, sarif="found.sarif")
    assert played.play() == 1
    line = (office / "flows" / "dental_office.yaml").read_text("utf-8").splitlines()
    number = next(i for i, text in enumerate(line, 1) if "front_dest" in text)
    assert re.search(rf"^::error .*file=flows/dental_office\.yaml,.*line={number}\b.*::", played.said, re.M), (
        played.said
    )
    (run,) = json.loads((office / "found.sarif").read_text("utf-8"))["runs"]
    assert "unknown-department" in {result["ruleId"] for result in run["results"]}
    assert "A lost crown" not in played.said  # no tests of a flow that cannot be used


def test_a_failed_test_fails(office: Path) -> None:
    spoil(office, "department: clinical, method: conference", "department: front_desk, method: conference")
    assert runner(office).play() == 1
    assert runner(office, test="false").play() == 0


def test_warnings_fail_when_strict(office: Path) -> None:
    spoil(office, "phone: +1 312-555-0111", "phone: +1 312-155-0111")
    assert runner(office, files="flows/dental_office.yaml", test="false").play() == 0
    assert runner(office, files="flows/dental_office.yaml", test="false", strict="true").play() == 1


def test_no_flows_at_all_is_said(office: Path) -> None:
    played = runner(office, files="nowhere/*.yaml")
    assert played.play() == 2
    assert "no flow files in: nowhere/*.yaml" in played.said


# ---- docs/editors.md says what is so ---------------------------------------------------------------------------------

EDITORS = (ROOT / "docs" / "editors.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", EDITORS, re.M | re.S)


def table(heading: str) -> dict[str, list[str]]:
    """The first table below a heading of the page, by its first column."""
    lines = EDITORS.partition(f"{heading}\n")[2].splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("|"))
    rows = list(itertools.takewhile(lambda line: line.startswith("|"), lines[start:]))
    return {cells[0]: cells[1:] for cells in ([c.strip() for c in row.strip("|").split("|")] for row in rows[2:])}


def test_the_page_lists_the_inputs_of_the_action() -> None:
    listed = {name.strip("`"): usual.strip("`") for name, (_, usual) in table("### On GitHub").items()}
    assert listed == {name: each["default"] or "none" for name, each in ACTION["inputs"].items()}


def test_the_page_lists_the_snippets_of_the_schema() -> None:
    listed = {label for (labels,) in table("### Snippets").values() for label in labels.split("; ")}
    parts = [schema(), *schema()["$defs"].values()]
    assert listed == {snippet["label"] for part in parts for snippet in part.get("defaultSnippets", ())}


def test_the_commands_of_the_page_run(office: Path) -> None:
    said = [line.removeprefix("$ ") for kind, text in BLOCKS if kind == "console" for line in text.splitlines()]
    assert len(said) >= 4
    env = {**QUIET, "PATH": f"{BIN}{os.pathsep}{QUIET['PATH']}"}
    for command in said:
        command = command.replace("--strict ", "")  # a warning in an example office is not about this page
        done = subprocess.run(
            ["bash", "-c", command], cwd=office, env=env, capture_output=True, timeout=60, check=False
        )
        assert done.returncode == 0, (command, done.stderr)
    made = json.loads((office / "flows" / ".dental_office.schema.json").read_text("utf-8"))
    assert "dental_office" in made["title"]


def test_the_files_of_the_page_are_ones_their_readers_take(tmp_path: Path) -> None:
    seen = set()
    for kind, text in BLOCKS:
        if kind == "json":
            json.loads(text)
        if kind != "yaml" or text.startswith("#"):
            continue
        (key,) = {"repos", "jobs"} & yaml.safe_load(text).keys()
        seen.add(key)
        (tmp_path / f"{key}.yaml").write_text(text, "utf-8")
        if key == "jobs":
            command: list[str | Path] = [
                BIN / "check-jsonschema",
                "--builtin-schema",
                "vendor.github-workflows",
                tmp_path / f"{key}.yaml",
            ]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, done.stdout
            steps = yaml.safe_load(text)["jobs"]["flows"]["steps"]
            (own,) = [step for step in steps if "flowengine" in step["uses"]]
            assert own["with"].keys() <= ACTION["inputs"].keys()
        else:
            hooks = yaml.safe_load(text)["repos"][0]["hooks"]
            assert [hook["id"] for hook in hooks] == [hook["id"] for hook in HOOKS]
    assert seen == {"repos", "jobs"}


def test_links_between_the_pages_lead_to_headings() -> None:
    for page in ("editors", "tutorial", "language", "codes"):
        text = (ROOT / "docs" / f"{page}.md").read_text("utf-8")
        for target, heading in re.findall(r"\]\(([^)#]*)#([^)]+)\)", text):
            other = (ROOT / "docs" / target).read_text("utf-8") if target else text
            assert heading in {anchor(title) for title in re.findall(r"^#+ (.+)$", other, re.M)}, (
                page,
                target,
                heading,
            )
