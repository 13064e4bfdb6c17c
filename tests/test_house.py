"""The house stands: imports point down, pins are whole, a wheel carries its data, no file names a machine."""

from __future__ import annotations

import functools
import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

HOUSE = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


def run(*command: str | Path, cwd: Path = HOUSE, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, timeout=120, check=False
    )


@functools.cache
def project() -> dict[str, Any]:
    return tomllib.loads((HOUSE / "pyproject.toml").read_text("utf-8"))


# ---- who may import whom ---------------------------------------------------------------------------------------------


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    return run(BIN / "lint-imports", "--no-logo", "--no-cache", cwd=folder, PYTHONPATH=str(folder))


def test_import_contracts_hold() -> None:
    answer = lint_imports(HOUSE)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("module", "mistake"),
    [
        ("flow/model.py", "import time"),
        ("call/state.py", "import asyncio"),
        ("call/state.py", "import flowengine.runtime.ports"),
        ("bus/memory.py", "import flowengine.store"),
        ("sandbox/speech.py", "import flowengine.call.state"),
        ("sandbox/scenario.py", "import flowengine.app"),
        ("newcomer.py", "import flowengine.flow.model"),  # a module that no layer names
    ],
)
def test_a_wrong_import_is_caught(module: str, mistake: str, tmp_path: Path) -> None:
    shutil.copy(HOUSE / "pyproject.toml", tmp_path)
    shutil.copytree(HOUSE / "flowengine", tmp_path / "flowengine", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "flowengine" / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{mistake}\n")
    answer = lint_imports(tmp_path)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    assert "1 broken" in answer.stdout


# ---- pins ------------------------------------------------------------------------------------------------------------

PIN = re.compile(r"^([a-z0-9][a-z0-9-]*)==([^ ;]+)", re.MULTILINE)


def name_of(requirement: str) -> str:
    """`SQLAlchemy[asyncio]>=2` is `sqlalchemy`, as the pins spell it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]).lower()


def pins(kind: str) -> dict[str, str]:
    return dict(PIN.findall((HOUSE / "requirements" / f"{kind}.txt").read_text("utf-8")))


def test_every_requirement_is_pinned_with_hashes() -> None:
    wanted = {name_of(each) for each in project()["project"]["dependencies"] + project()["build-system"]["requires"]}
    extras = project()["project"]["optional-dependencies"]
    wanted_by_tests = {name_of(each) for each in extras["dev"] + extras["e2e"]}
    assert wanted <= pins("run").keys()
    assert wanted | wanted_by_tests <= pins("dev").keys()
    for kind in ("run", "dev"):
        entries = re.split(r"\n(?=[a-z0-9])", (HOUSE / "requirements" / f"{kind}.txt").read_text("utf-8"))
        bare = [each.split("\n")[0] for each in entries if PIN.match(each) and "--hash=sha256:" not in each]
        assert not bare


def test_tests_run_with_the_versions_that_answer_calls() -> None:
    assert pins("run").items() <= pins("dev").items()


# ---- the wheel -------------------------------------------------------------------------------------------------------


ASK = """
from flowengine import resources
print(resources.__file__, resources.schema_text()[0], *resources.template_dir("twiml").iterdir())
"""


def test_a_wheel_finds_its_schema_templates_and_flows(tmp_path: Path) -> None:
    built = run(BIN / "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist")
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
        top = {name.split("/")[0] for name in archive.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == {"flowengine"}
    asked = run(sys.executable, "-c", ASK, cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"))
    assert asked.returncode == 0, asked.stderr
    module, brace, *templates = asked.stdout.split()
    assert brace == "{"
    assert Path(module).is_relative_to(tmp_path)
    assert templates
    assert all(Path(each).is_relative_to(tmp_path / "site" / "flowengine" / "_data") for each in templates)
    shipped = tmp_path / "site" / "flowengine" / "_data" / "flows"
    assert {each.name for each in shipped.glob("*.yaml")} == {each.name for each in (HOUSE / "flows").glob("*.yaml")}


# ---- nothing of a machine --------------------------------------------------------------------------------------------

# Put together here, so that this file does not name them either.
HOSTS = re.compile("|".join(map(re.escape, ("py" + "pi.org", "python" + "hosted.org", "artifact" + "ory"))))
FOLDERS = re.compile(r"(?<![\w.}*:/-])/(?:" + "|".join(("ro" + "ot", "ho" + "me", "wo" + "rk", "Us" + "ers")) + r")/\w")
OPTIONS = re.compile(r"^(?:-i|-f|--index-url|--extra-index-url|--find-links|--trusted-host)\b", re.MULTILINE)


def files_of_the_house() -> list[Path]:
    """What a commit would hold: tracked files and new ones that nothing ignores."""
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [HOUSE / name for name in listed.stdout.split("\0") if name and (HOUSE / name).is_file()]


def test_no_file_names_a_registry_or_a_folder_of_a_machine() -> None:
    wrong = []
    for path in files_of_the_house():
        text = path.read_bytes().decode("utf-8", errors="ignore")
        found = HOSTS.search(text) or FOLDERS.search(text)
        if found:
            wrong.append(f"{path.relative_to(HOUSE)}: {found.group()}")
    assert not wrong


def test_pins_choose_no_registry() -> None:
    for path in (HOUSE / "requirements").glob("*.txt"):
        assert not OPTIONS.search(path.read_text("utf-8")), path.name


@pytest.mark.parametrize("text", ["see /~root/x", "--cache=/~home/dana/.cache", "'/~work/main'"])
def test_folders_of_a_machine_are_recognised(text: str) -> None:
    assert FOLDERS.search(text.replace("~", ""))


@pytest.mark.parametrize("text", ["https://example.com/home/page", "calls/work/later", "the home/work number"])
def test_addresses_are_not_taken_for_folders(text: str) -> None:
    assert not FOLDERS.search(text)


# ---- commands --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [".ci/run", "tools/setup", "tools/needs", "tools/lock"])
def test_scripts_can_be_run(script: str) -> None:
    assert (HOUSE / script).stat().st_mode & stat.S_IXUSR
    assert run("bash", "-n", HOUSE / script).returncode == 0


def test_make_lists_the_commands() -> None:
    answer = run("make", "help")
    assert {"demo", "test", "format"} <= {line.split()[1] for line in answer.stdout.splitlines()}


def test_the_changelog_speaks_of_this_version() -> None:
    assert project()["project"]["version"] in (HOUSE / "CHANGELOG.md").read_text("utf-8")
