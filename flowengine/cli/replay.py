"""`replay`: a journal run again."""

from __future__ import annotations

import json
from pathlib import Path

import click

from flowengine.call.journal import BadJournal, decode, encode_commands, replay
from flowengine.call.report import report
from flowengine.call.story import tell
from flowengine.cli.common import cannot, settings_of_environment
from flowengine.cli.stored import with_store
from flowengine.flow.compiler import compile_flow
from flowengine.flow.diagnostics import FlowInvalid
from flowengine.runtime.ports import CallRow, Entry
from flowengine.settings import Settings
from flowengine.store import SqlStore


@click.command(name="replay", short_help="Run the journal of a call again.")
@click.argument("call")
@click.option(
    "--flow",
    "flow_file",
    type=click.Path(exists=True, dir_okay=False),
    help="Run with this flow instead of the call's own.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report object.")
def replay_command(call: str, flow_file: str | None, as_json: bool) -> None:
    """Run a journal again: a call's id, or a file of JSON lines. Exit 1 where today's commands differ."""
    settings = settings_of_environment()
    row, entries = _journal_of(call, settings)
    text = Path(flow_file).read_text("utf-8") if flow_file else row.flow_source
    try:
        flow = compile_flow(text, flow_file or row.flow)
        events = [decode(e.kind, e.body) for e in entries if e.kind != "Commands"]
    except (FlowInvalid, BadJournal) as mistake:
        cannot(f"cannot replay {call}: {mistake}")
    steps = list(replay(flow, events, [e.body for e in entries if e.kind == "Commands"]))
    differing = [s for s in steps if s.differs_from is not None]
    if as_json:
        click.echo(json.dumps(report(flow, events), ensure_ascii=False))
    else:
        for step in steps:
            for line in tell(flow, step):
                click.echo(line)
    for step in differing:
        where = f"differs at {step.event.at:.1f} s, {type(step.event).__name__}:"
        now = encode_commands(step.commands)
        click.echo("\n".join((where, f"  then {step.differs_from}", f"  now  {now}")), err=True)
    click.echo(f"{len(steps)} events, {len(differing) or 'no'} difference{'s' * (len(differing) != 1)}", err=True)
    raise SystemExit(1 if differing else 0)


def _journal_of(call: str, settings: Settings) -> tuple[CallRow, list[Entry]]:
    if Path(call).is_file():
        return _journal_file(Path(call))
    return with_store(settings, lambda store: _stored(store, call))


async def _stored(store: SqlStore, call: str) -> tuple[CallRow, list[Entry]]:
    row = await store.call(call)
    if row is None:
        cannot(f"no call {call!r} in the database, and no file of that name")
    return row, list(await store.journal(call))


def _journal_file(path: Path) -> tuple[CallRow, list[Entry]]:
    """A journal as JSON lines: the first describes the call, each further one is an entry."""
    try:
        first, *rest = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
        return CallRow(**first), [Entry(**line) for line in rest]
    except (ValueError, TypeError) as mistake:
        cannot(f"{path} is not a journal: {mistake}")
