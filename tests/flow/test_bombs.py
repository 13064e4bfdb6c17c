"""Files made to hurt a reader: one finding, exit 1, no traceback, little memory."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner

from flowengine.cli import main
from flowengine.flow.compiler import check_flow
from flowengine.flow.diagnostics import Diagnostic, FlowInvalid
from flowengine.flow.source import decode
from tests.flow.bombs import BOMBS

MOST_MEGABYTES = 100  # above what the program itself needs


def found_in(data: bytes) -> list[Diagnostic]:
    try:
        return check_flow(decode(data, "bomb.yaml"), "bomb.yaml")[1]
    except FlowInvalid as refused:
        return list(refused.diagnostics)


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_in_one_finding(name: str) -> None:
    data, code = BOMBS[name]
    found = found_in(data)
    assert [(d.severity, d.code) for d in found] == [("error", code)]
    assert len(found[0].message) < 200
    assert found[0].line >= 1
    assert found[0].column >= 1


@pytest.mark.parametrize("name", ["nested aliases", "brackets", "two megabytes", "nul", "utf-16", "python object"])
def test_the_command_says_so_and_exits_1(name: str, tmp_path: Path) -> None:
    file = tmp_path / "bomb.yaml"
    file.write_bytes(BOMBS[name][0])
    result = CliRunner().invoke(main, ["validate", "--format", "json", str(file)])
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit | None)
    assert [d["code"] for d in json.loads(result.stdout)["diagnostics"]] == [BOMBS[name][1]]


def test_no_bomb_takes_much_memory() -> None:
    """In a process of its own, whose greatest size is the greatest need of all of them."""
    program = textwrap.dedent(
        """
        import resource, sys
        from tests.flow.bombs import BOMBS
        from tests.flow.test_bombs import found_in

        def size():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

        found_in(b"flow: x")
        before = size()
        for name, (data, _) in BOMBS.items():
            found_in(data)
            print(name, round(size() - before), file=sys.stderr)
        print(round(size() - before))
        """
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(run.stdout) < MOST_MEGABYTES, run.stderr
