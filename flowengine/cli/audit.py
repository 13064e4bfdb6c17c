"""`audit`: is what is kept of calls whole and unaltered, and what is it: for the office's auditor."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from flowengine.cli.audit_against import compare, digest_of
from flowengine.cli.audit_file import BadExport, Checked, check_file, lines_of
from flowengine.cli.audit_page import page
from flowengine.cli.common import cannot, settings_of_environment, text_of, write_out
from flowengine.cli.stored import note, with_store
from flowengine.flow.compiler import compile_kept
from flowengine.runtime.rows import Verdict
from flowengine.store import SqlStore
from flowengine.store.records import Record, Trail

LOST = "lines of it are kept, but the call itself is not"
VANISHED = "the trail of accesses says that it ended, and nothing of it is kept"


@click.group(short_help="Check and write out what is kept of calls.")
def audit() -> None:
    """Check that what is kept of calls is whole and unaltered, and write it out for an auditor."""


# ---- verify ----------------------------------------------------------------------------------------------------------


@audit.command(short_help="Check that nothing was altered, cut off or taken out.")
@click.argument("calls", metavar="[CALL…]", nargs=-1)
@click.option("--flow", metavar="KEY", help="All calls of this flow, and the trail of who looked at them.")
@click.option("--file", metavar="FILE", help="An export (JSON lines) instead of the database; `-` reads stdin.")
@click.option(
    "--against",
    metavar="FILE",
    help="An export that was kept elsewhere: is all of it still in the database, unaltered? `-` reads stdin.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with every chain that was checked.")
def verify(calls: Sequence[str], flow: str | None, file: str | None, against: str | None, as_json: bool) -> None:
    """Check that nothing was altered, cut off or taken out: in the calls named, in those of a flow, or in everything.

    Every line holds the hash of the line before, so one that does not fit shows. Exit 1 when one does not.
    """
    if bool(file) + bool(against) + bool(calls or flow) > 1:
        cannot("--file and --against check one file; leave out the other, calls and --flow")
    if file:
        checked = _check_file(file)
    else:
        checked = with_store(settings_of_environment(), lambda s: _check(s, calls, flow, against))
    broken = [one for one in checked if one.verdict.broken]
    if as_json:
        shown = [{"of": one.of, "name": one.name, **asdict(one.verdict)} for one in checked]
        click.echo(json.dumps({"whole": not broken, "checked": shown}, ensure_ascii=False))
    else:
        for one in checked if calls or file or against else broken:
            click.echo(_told(one))
        unsealed = "" if file or against else _unsealed(checked)
        click.echo(_summary(checked, len(broken)) + unsealed, err=True)
    raise SystemExit(1 if broken else 0)


def _check_file(file: str) -> list[Checked]:
    try:
        return check_file(text_of(file))
    except BadExport as mistake:
        cannot(f"{file}: {mistake}")


async def _check(store: SqlStore, calls: Sequence[str], flow: str | None, against: str | None) -> list[Checked]:
    """Nothing is noted of a check that could not be made."""
    if against is not None:
        return await _check_against(store, against)
    flows = [] if calls and flow is None else await _flows(store, flow)
    wanted = calls or [*await store.call_ids(flow), *await store.vanished(flow)]
    checked = [await _check_call(store, call_id) for call_id in wanted]
    trails = [Checked("accesses", key, await store.verify_accesses(key)) for key in flows]
    if calls:
        for one in checked:
            words = verdict_words(one.verdict)
            await note(store, "verified", await _flow_of_call(store, one.name), words, call_id=one.name)
    broken = sum(bool(one.verdict.broken) for one in checked)
    for key in flows:
        await note(store, "verified", key, f"{len(checked)} calls, {broken} of them broken")
    return [*checked, *trails]


async def _check_against(store: SqlStore, file: str) -> list[Checked]:
    text = text_of(file)
    try:
        checked = await compare(store, text)
    except BadExport as mistake:
        cannot(f"{file}: {mistake}")
    broken = sum(bool(one.verdict.broken) for one in checked)
    for flow in {one.name for one in checked if one.of == "accesses"}:
        await note(store, "verified", flow, f"against an export: {broken} broken")
    return checked


async def _check_call(store: SqlStore, call_id: str) -> Checked:
    verdict = await store.verify(call_id)
    if await store.call(call_id) is None:
        if not (verdict.lines or verdict.broken):
            cannot(f"there is no call {call_id!r}")
        verdict = replace(verdict, broken=1, why=LOST if verdict.lines else VANISHED)
    return Checked("call", call_id, verdict)


async def _flows(store: SqlStore, flow: str | None) -> Sequence[str]:
    known = await store.flows()
    if flow is not None and flow not in known:
        cannot(f"there is no call of a flow {flow!r}; there are calls of {', '.join(filter(None, known)) or 'none'}")
    return known if flow is None else [flow]


def _told(one: Checked) -> str:
    if one.of == "file":
        return f"the file: {verdict_words(one.verdict) if one.verdict.broken else 'as it was exported'}"
    name = f"call {one.name}" if one.of == "call" else f"accesses to {one.name or 'calls of no flow'}"
    return f"{name}: {verdict_words(one.verdict)}"


def verdict_words(verdict: Verdict) -> str:
    """A verdict in words: `whole, 42 lines`."""
    if verdict.broken:
        return f"broken: {verdict.why}"
    emptied = f", {verdict.blanked} of them emptied by retention" if verdict.blanked else ""
    sealed = f", sealed from line {verdict.sealed} on" if verdict.sealed else ""
    return f"whole, {verdict.lines} line{'s' * (verdict.lines != 1)}{emptied}{sealed}"


def _summary(checked: Sequence[Checked], broken: int) -> str:
    calls, trails = sum(one.of == "call" for one in checked), sum(one.of == "accesses" for one in checked)
    lines = sum(one.verdict.lines for one in checked)
    what = f"{calls} call{'s' * (calls != 1)}, {trails} trail{'s' * (trails != 1)} of accesses, {lines} lines"
    return f"{what}: {f'{broken} broken' if broken else 'all whole'}"


def _unsealed(checked: Sequence[Checked]) -> str:
    """Chains alone can be computed anew by whoever can write the database: only a key vouches for them."""
    unsealed = sum(one.of == "accesses" and not (one.verdict.sealed or one.verdict.broken) for one in checked)
    return f"; {unsealed} not vouched for by a seal (docs/privacy.md)" if unsealed else ""


# ---- seal ------------------------------------------------------------------------------------------------------------


@audit.command(short_help="Vouch for the trails with today's key, after a change of it.")
@click.option("--flow", metavar="KEY", help="The trail of this flow only.")
def seal(flow: str | None) -> None:
    """Vouch for the trails of accesses with today's key, after a change of FLOWENGINE_SECRET_KEY.

    Lines before this moment are no longer vouched for.
    """
    settings = settings_of_environment()
    if not (settings.lasting_secret or settings.encryption_key):
        cannot("there is no key to seal with: set FLOWENGINE_SECRET_KEY (flowengine key secret prints a new one)")
    with_store(settings, lambda store: _seal(store, flow))


async def _seal(store: SqlStore, flow: str | None) -> None:
    for key in await _flows(store, flow):
        before = await store.verify_accesses(key)
        await store.seal_anew(key)
        await note(store, "sealed anew", key, f"it was {verdict_words(before)}")
        click.echo(f"accesses to {key or 'calls of no flow'}: it was {verdict_words(before)}; sealed from here on")


# ---- export ----------------------------------------------------------------------------------------------------------


@audit.command(short_help="Write out everything that is kept of a call, or of many.")
@click.argument("call", required=False)
@click.option("--flow", metavar="KEY", help="All calls of this flow, and its whole trail of accesses.")
@click.option("--since", metavar="DATE", help="Calls that began on this day or later (2026-11-01).")
@click.option("--html", "as_html", is_flag=True, help="The record of one call, to be read and printed.")
@click.option("--jsonl", is_flag=True, help="JSON lines, to be kept and checked (the default).")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
def export(
    call: str | None, flow: str | None, since: str | None, as_html: bool, jsonl: bool, output: Path | None
) -> None:
    """Write out everything that is kept of a call, or of many. Exit 1 when something in it was altered."""
    if bool(call) == bool(flow or since):
        cannot("name a call, or choose --flow or --since")
    if as_html and (jsonl or not call):
        cannot("--html is the record of one call; leave out --jsonl, --flow and --since")
    day = _day(since)
    text, whole = with_store(settings_of_environment(), lambda store: _export(store, call, flow, day, as_html))
    if output:
        write_out(output, text, mode=0o600)  # for its owner alone: it holds what callers said
    else:
        click.echo(text.encode("utf-8", "replace"), nl=False)
    if not whole:
        click.echo("not all of it is whole: see `flowengine audit verify`", err=True)
    raise SystemExit(0 if whole else 1)


async def _export(store: SqlStore, call: str | None, flow: str | None, since: str, as_html: bool) -> tuple[str, bool]:
    """The text, and whether all of it is whole. It is noted with its digest before anybody has it."""
    if flow is not None:
        await _flows(store, flow)
    wanted = [call] if call else await store.call_ids(flow, since)
    records = [await _record(store, call_id) for call_id in wanted]
    trails = [await store.trail(flow)] if flow is not None and not since else []
    now = datetime.now(UTC)
    text = await _as_page(store, records[0], now) if as_html else _as_lines(records, trails, now)
    await _note_export(store, records, trails, "html" if as_html else "jsonl", text)
    verdicts = [await store.verify(record.call_id) for record in records]
    verdicts += [await store.verify_accesses(trail.flow) for trail in trails]
    gone = await store.vanished(flow) if trails else []
    return text, not (gone or any(verdict.broken for verdict in verdicts))


async def _record(store: SqlStore, call_id: str) -> Record:
    record = await store.record(call_id)
    if record is None:
        cannot(f"there is no call {call_id!r}")
    sealed = [line for line in record.journal.lines if line.problem]
    if sealed and len(sealed) == sum(not line.emptied for line in record.journal.lines):
        cannot(f"call {call_id}: {sealed[0].problem}")
    return record


def _as_lines(records: Sequence[Record], trails: Sequence[Trail], now: datetime) -> str:
    return "".join(f"{line}\n" for line in lines_of(records, trails, now.isoformat()))


async def _as_page(store: SqlStore, record: Record, now: datetime) -> str:
    flow = compile_kept(record.call.flow_source, record.call.flow) if record.call else None
    zone: tzinfo = ZoneInfo(flow.office.timezone) if flow else UTC
    journal = await store.verify(record.call_id)
    accesses = await store.verify_accesses(record.call.flow if record.call else "")
    verdicts = [f"Journal: {verdict_words(journal)}", f"Who looked, in the whole office: {verdict_words(accesses)}"]
    return page(record, flow, verdicts, whole=not (journal.broken or accesses.broken), zone=zone, made=now)


async def _note_export(
    store: SqlStore, records: Sequence[Record], trails: Sequence[Trail], form: str, text: str
) -> None:
    digest = digest_of(text.encode("utf-8", "replace"))
    for record in records:
        flow = record.call.flow if record.call else ""
        await note(store, "exported", flow, f"{form}, sha256 {digest}", call_id=record.call_id)
    for trail in trails:
        await note(store, "exported", trail.flow, f"trail of accesses, {form}, sha256 {digest}")


async def _flow_of_call(store: SqlStore, call_id: str) -> str:
    row = await store.call(call_id)
    return row.flow if row else ""


def _day(since: str | None) -> str:
    if since is None:
        return ""
    try:
        return datetime.fromisoformat(since).isoformat()
    except ValueError:
        cannot(f"cannot read --since {since!r}: write a date such as 2026-11-01")
