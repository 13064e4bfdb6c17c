"""The command line: each command parses its arguments, calls one function, prints, and returns the exit code
(0 clean, 1 findings or a failed scenario, 2 could not do the job).

A command's module is imported when the command is used: `validate` does not wait for a web server to be loaded.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module

import click

# command · module:function, in the order in which the help lists them
COMMANDS: dict[str, str] = {
    "demo": "demo:demo",
    "serve": "serve:serve",
    "validate": "validate:validate",
    "test": "test:test_command",
    "route": "route:route",
    "explain": "explain:explain",
    "graph": "graph:graph",
    "diff": "diff:diff",
    "show": "show:show",
    "new": "new:new",
    "schema": "schema:schema",
    "replay": "replay:replay_command",
    "doctor": "doctor:doctor",
    "report": "report:report_command",
    "audit": "audit:audit",
    "desk": "desk:desk",
    "key": "key:key",
}


class LazyGroup(click.Group):
    """A group whose commands are imported one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; None when there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, _, function = COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(f"flowengine.cli.{module}"), function)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is named; a mistyped one is refused with the one that was probably meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            near = get_close_matches(args[0], COMMANDS, n=1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"There is no command {args[0]!r}{meant}", ctx) from None


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 all is well; 1 something was found, or a test failed; 2 it could not be done.",
)
@click.version_option(package_name="flowengine")
def main() -> None:
    """An AI receptionist that hands callers to people, described in one YAML file.

    Begin with `flowengine demo`: a whole call on this computer, without any account.
    """
