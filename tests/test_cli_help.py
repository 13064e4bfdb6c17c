"""What the command line tells somebody who asks for help, or mistypes: every command, in words, and nothing cut off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from flowengine.cli import main

DENTAL = Path(__file__).parents[1] / "flows" / "dental_office.yaml"


def flowengine(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


def commands(group: click.Group, *above: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with its name, those of groups too."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*above, name), command
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)


EVERY = [pytest.param(name, command, id=" ".join(name)) for name, command in commands(main)]


@pytest.mark.parametrize(("name", "command"), EVERY)
def test_a_command_and_each_of_its_options_say_what_they_do(name: tuple[str, ...], command: click.Command) -> None:
    shown = flowengine(*name, "--help")
    assert shown.exit_code == 0
    assert command.help
    for option in command.params:
        assert not isinstance(option, click.Option) or option.help, option.name
    for jargon in ("the store", "sandbox", "stdout", "effective"):
        assert jargon not in shown.stdout


@pytest.mark.parametrize("group", [(), ("audit",), ("desk",)])
def test_a_list_of_commands_cuts_no_sentence_off(group: tuple[str, ...]) -> None:
    assert "..." not in flowengine(*group, "--help").stdout.replace("[ARGS]...", "")


def test_a_mistyped_command_is_refused_with_the_one_that_was_meant() -> None:
    done = flowengine("valdate", DENTAL)
    assert (done.exit_code, "did you mean 'validate'?" in done.stderr) == (2, True)
    assert "There is no command 'xyz'\n" in flowengine("xyz").stderr


@pytest.mark.parametrize("text", ["", "[1]\n", '{"a": 1}\n', "\xff"])
def test_a_file_that_is_no_journal_is_told_how_one_looks(tmp_path: Path, text: str) -> None:
    file = tmp_path / "call.jsonl"
    file.write_bytes(text.encode("latin-1"))
    done = flowengine("replay", file)
    assert done.exit_code == 2
    assert done.stderr == (
        f"{file} is not a journal: its first line must describe a call, and each further one an entry, as JSON\n"
    )


@pytest.mark.parametrize("arguments", [("test",), ("desk", "add", "dental_office", "--name", "Front desk")])
def test_where_there_are_no_flows_it_is_said_how_to_name_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLOWENGINE_FLOWS", raising=False)
    done = flowengine(*arguments)
    assert done.exit_code == 2
    assert "name a flow file, or say with FLOWENGINE_FLOWS where the flows are" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_result_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    nowhere = tmp_path / "none" / "here.txt"
    for arguments in (("graph", DENTAL, "-o", nowhere), ("test", DENTAL, "--run", "lost crown", "--junit", nowhere)):
        done = flowengine(*arguments)
        assert done.exit_code == 2
        assert f"cannot write {nowhere}: No such file or directory" in done.stderr
