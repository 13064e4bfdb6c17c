"""`route`: where a caller ends up, without a call."""

from __future__ import annotations

import click

from flowengine.call.probes import says as saying
from flowengine.call.routes import matrix, table
from flowengine.call.routes import route as route_of
from flowengine.cli.common import cannot, compiled_with_text, moment_of
from flowengine.cli.test import JUDGED
from flowengine.flow.model import Flow
from flowengine.flow.schema import nearest

OUTCOMES = ("accepts", "no answer", "busy", "declined", "voicemail", "fails")


@click.command(short_help="Say who is rung when a caller says this.")
@click.argument("flow")
@click.option(
    "--at", metavar="WHEN", help="The moment, in the office's time: 'Fri 4:55pm' or 'Tue 10 Nov 2026 10:15am'."
)
@click.option("--says", help="What the caller says.")
@click.option("--staff", multiple=True, metavar="NAME=OUTCOME", help=f"What a person does: {', '.join(OUTCOMES)}.")
@click.option(
    "--all", "everything", is_flag=True, help="Every rule at every occasion: a table to keep beside the flow."
)
def route(flow: str, at: str | None, says: str | None, staff: tuple[str, ...], everything: bool) -> None:
    """Say which rule fires, who is rung for how long, what each party hears, and where it ends."""
    compiled, _ = compiled_with_text(flow)
    if everything:
        if at or says or staff:
            cannot("--all takes no --at, --says or --staff: it shows every rule at every occasion")
        click.echo("\n".join(matrix(compiled)))
        return
    if not at or not says:
        cannot("say when and what: --at 'Fri 4:55pm' --says 'Can I talk to someone?'; or --all for every rule")
    when, outcomes = (
        moment_of(compiled, at),
        dict(_outcome(compiled, each) for text in staff for each in text.split(",")),
    )
    click.echo("\n".join(table(compiled, says, when, outcomes)))
    if route_of(compiled, saying(compiled, says), when).judged:
        click.echo(f"\n{JUDGED}")


def _outcome(flow: Flow, text: str) -> tuple[str, str]:
    """`Dana=no answer`, checked against the flow's people and the outcomes there are."""
    name, _, outcome = (piece.strip() for piece in text.partition("="))
    names = [person.name for person in flow.people.values()]
    if name not in names:
        cannot(f"no person {name!r} in {flow.file}; there are: {', '.join(names)}")
    if outcome not in OUTCOMES:
        near = nearest(outcome, list(OUTCOMES))
        meant = f"did you mean {near!r}?" if near else f"choose one of: {', '.join(OUTCOMES)}"
        cannot(f"{outcome!r} is nothing a person can do; {meant}")
    return name, outcome
