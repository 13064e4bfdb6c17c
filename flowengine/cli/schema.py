"""`schema`: the JSON Schema of flow files, for editors; with `--for`, one that knows the names of one file."""

from __future__ import annotations

import json

import click

from flowengine import resources
from flowengine.cli.common import beside, cannot_use, text_of
from flowengine.flow.diagnostics import FlowInvalid
from flowengine.flow.editor import schema_for


@click.command(short_help="Print the JSON Schema of flow files, for editors.")
@click.option(
    "--for",
    "flow",
    metavar="FLOW",
    help="For one file: the editor then knows its departments, people, fields and rules.",
)
def schema(flow: str | None) -> None:
    """Print the JSON Schema of flow files, by which an editor completes and checks them."""
    if flow is None:
        click.echo(resources.schema_text())
        return
    text = text_of(flow)
    try:
        made = schema_for(text, flow, load=beside(flow))
    except FlowInvalid as invalid:
        cannot_use(invalid, text, f"{flow} cannot be read as a flow, so it has no names to complete")
    click.echo(json.dumps(made, indent=2, ensure_ascii=False))
