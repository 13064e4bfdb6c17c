"""`schema`: the JSON Schema of flow files, for editors; with `--for`, one that knows the names of one file."""

from __future__ import annotations

import json

import click

from flowengine import resources
from flowengine.cli.common import beside, cannot, text_of
from flowengine.flow.diagnostics import FlowInvalid, render_full
from flowengine.flow.editor import schema_for


@click.command()
@click.option(
    "--for", "flow", metavar="FLOW", help="With the departments, people, fields and rules of this file, to complete."
)
def schema(flow: str | None) -> None:
    """Print the JSON Schema of flow files."""
    if flow is None:
        click.echo(resources.schema_text())
        return
    text = text_of(flow)
    try:
        made = schema_for(text, flow, load=beside(flow))
    except FlowInvalid as invalid:
        for diagnostic in invalid.diagnostics:
            click.echo(render_full(diagnostic, text.splitlines()), err=True)
        cannot(f"{flow} cannot be read as a flow, so it has no names to complete")
    click.echo(json.dumps(made, indent=2, ensure_ascii=False))
