"""`diff`: what a change of a flow file does to callers and to the office, in sentences."""

from __future__ import annotations

import click

from flowengine.call.differences import SAME, difference
from flowengine.cli.common import compiled_with_text
from flowengine.cli.test import JUDGED


@click.command(short_help="Say what a change does to callers.")
@click.argument("old")
@click.argument("new")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 1 when callers will notice something.")
def diff(old: str, new: str, detailed_exitcode: bool) -> None:
    """Say what changes for callers from one version of a flow file to another."""
    found = difference(compiled_with_text(old)[0], compiled_with_text(new)[0])
    if not found.callers:
        click.echo(SAME)
    for sentence in found.callers:
        click.echo(f"{sentence}\n")
    if found.office:
        click.echo(f"{'' if found.callers else chr(10)}Only the office will notice:\n")
        click.echo("\n\n".join(found.office))
    if found.callers:
        click.echo(f"\n{JUDGED}")
    raise SystemExit(1 if detailed_exitcode and found.callers else 0)
