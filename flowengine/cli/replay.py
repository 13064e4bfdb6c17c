"""`replay`: a journal run again."""

from __future__ import annotations

import json
from pathlib import Path

import click

from flowengine.call.journal import BadJournal, decode, encode_commands, replay
from flowengine.call.report import report
from flowengine.call.story import tell
from flowengine.cli.common import cannot, cannot_use, compiled_with_text, settings_of_environment, text_of
from flowengine.cli.stored import note, with_store
from flowengine.flow.compiler import compile_flow
from flowengine.flow.diagnostics import FlowInvalid
from flowengine.flow.model import Flow
from flowengine.runtime.rows import CallRow, Entry
from flowengine.store import SqlStore


@click.command(name="replay", short_help="Run the journal of a call again.")
@click.argument("call")
@click.option(
    "--flow",
    "flow_file",
    metavar="FILE",
    help="Run with this flow instead of the call's own.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, the report of the call.")
def replay_command(call: str, flow_file: str | None, as_json: bool) -> None:
    """Run the journal of a call again: CALL is its id, or a file of JSON lines.

    Tells what happened step by step, and exits 1 where this version, or another flow, would have done otherwise.
    """
    row, entries = _journal_of(call)
    flow = compiled_with_text(flow_file)[0] if flow_file else _flow_of(row)
    try:
        events = [decode(e.kind, e.body) for e in entries if e.kind != "Commands"]
    except BadJournal as mistake:
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


def _flow_of(row: CallRow) -> Flow:
    try:
        return compile_flow(row.flow_source, row.flow)
    except FlowInvalid as invalid:
        why = "the flow kept with it is no flow to this version; name the file with --flow"
        cannot_use(invalid, row.flow_source, f"cannot replay {row.call_id}: {why}")


def _journal_of(call: str) -> tuple[CallRow, list[Entry]]:
    if Path(call).is_file():
        return _journal_file(Path(call))
    return with_store(settings_of_environment(), lambda store: _stored(store, call))


async def _stored(store: SqlStore, call: str) -> tuple[CallRow, list[Entry]]:
    row = await store.call(call)
    if row is None:
        cannot(f"no call {call!r} in the database, and no file of that name")
    entries = list(await store.journal(call))
    await note(store, "replayed", row.flow, f"{len(entries)} lines", call_id=call)
    return row, entries


def _journal_file(path: Path) -> tuple[CallRow, list[Entry]]:
    """A journal as JSON lines: the first describes the call, each further one is an entry."""
    try:
        first, *rest = [json.loads(line) for line in text_of(str(path)).split("\n") if line.strip()]
        return CallRow(**first), [Entry(**line) for line in rest]
    except (ValueError, TypeError):
        cannot(f"{path} is not a journal: its first line must describe a call, and each further one an entry, as JSON")
