"""Every snippet of the tutorial runs, in order, in one folder, and says what the page says.

A ```console block holds commands (`$ …`) and what they print; a line `…` stands for any lines, `…` in a line for any
words. A ```yaml block under a comment `<!-- file: F -->` takes the place of the block of that name in F; with
`<!-- file: F; instead of 3 lines: TEXT -->` it takes the place of the one line that holds TEXT and the two behind it,
with `; above: TEXT` it is put before that line, with `; at the end` behind everything.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowengine.flow import source

PAGE = Path(__file__).parents[1] / "docs" / "tutorial.md"
BIN = Path(sys.executable).parent
QUIET = {k: v for k, v in os.environ.items() if not k.startswith(("FLOWENGINE_", "GITHUB_", "TWILIO_", "ASSEMBLYAI_"))}
BLOCK = re.compile(r"(?:<!-- (?P<note>.*?) -->\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.M | re.S)


def test_every_snippet_of_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    run, edited = 0, 0
    for block in BLOCK.finditer(PAGE.read_text("utf-8")):
        match block["kind"]:
            case "console":
                for command, wanted in commands(block["text"]):
                    said = run_in(tmp_path, command)
                    assert agrees(said, wanted), f"$ {command}\n{said}\n--- the page says:\n{wanted}"
                    run += 1
            case "yaml":
                edit(tmp_path, block["note"] or "", block["text"])
                edited += 1
            case kind:
                pytest.fail(f"a block of kind {kind!r} is tested by nothing")
    assert run >= 10
    assert edited >= 4


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Each command of a console block with what the page says it prints."""
    for piece in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, _, printed = piece.replace("\\\n", "").partition("\n")
        yield re.sub(r" +", " ", command), printed


def run_in(folder: Path, command: str) -> str:
    """What a command prints, on both streams, as a terminal shows it."""
    env = {**QUIET, "PATH": f"{BIN}{os.pathsep}{QUIET['PATH']}", "NO_COLOR": "1"}
    done = subprocess.run(
        ["bash", "-c", f"{{ {command}\n}} 2>&1"],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stdout, done.stdout
    return done.stdout


def agrees(said: str, wanted: str) -> bool:
    lines = [re.escape(line).replace("…", ".*") + "\n" for line in wanted.splitlines()]
    pattern = "".join("(?:.*\n)*?" if line == ".*\n" else line for line in lines)
    return re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in said.splitlines())) is not None


def edit(folder: Path, note: str, text: str) -> None:
    """The change of a flow file that a yaml block stands for."""
    file, _, how = note.removeprefix("file: ").partition("; ")
    path = folder / file
    before = path.read_text("utf-8")
    if not how:
        name = text.partition(":")[0]
        pattern = re.compile(rf"^{name}:.*?\n(?=\w|\Z)", re.M | re.S)
        assert len(pattern.findall(before)) == 1, name
        after = pattern.sub(lambda _: f"{text}\n", before)
    else:
        where, _, mark = how.partition(": ")
        lines = before.splitlines(keepends=True)
        (at,) = [i for i, line in enumerate(lines) if mark in line] if mark else [len(lines)]
        count = re.search(r"\d+", where)
        after = "".join([*lines[:at], text, *lines[at + int(count.group() if count else 0) :]])
    assert after != before
    doc, _ = source.parse(after, file)
    assert doc is not None, after
    path.write_text(after, "utf-8")


# ---- the test of the tutorial can fail -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "wanted", "fine"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\nb\n", "a\nc\n", False),
        ("a\nb\nc\n", "a\n…\nc\n", True),
        ("a\nc\n", "a\n…\nc\n", True),
        ("a\nb\n", "a\n", False),
        ("it took 3 s\n", "it took … s\n", True),
        ("it took 3 s \n", "it took 3 s\n", True),
        ("", "", True),
        ("x\n", "", False),
    ],
)
def test_what_is_printed_is_compared(said: str, wanted: str, fine: bool) -> None:
    assert agrees(said, wanted) == fine


def test_commands_may_be_broken_over_lines() -> None:
    text = "$ flowengine new \\\n    --yes\nWrote it.\n$ ls\n"
    assert list(commands(text)) == [("flowengine new --yes", "Wrote it.\n"), ("ls", "")]
