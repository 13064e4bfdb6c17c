"""`schema`: the JSON Schema of flow files, for editors."""

from __future__ import annotations

import click

from flowengine import resources


@click.command()
def schema() -> None:
    """Print the JSON Schema of flow files."""
    click.echo(resources.schema_text())
