"""`audit`: is what is kept of calls whole and unaltered, and what is it: for the office's auditor."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from flowengine.cli.audit_file import BadExport, Checked, check_file, lines_of
from flowengine.cli.audit_page import page
from flowengine.cli.common import cannot, settings_of_environment, text_of
from flowengine.cli.stored import with_store
from flowengine.flow.compiler import compile_flow
from flowengine.flow.diagnostics import FlowInvalid
from flowengine.flow.model import Flow
from flowengine.runtime.ports import Access, Verdict
from flowengine.store import SqlStore
from flowengine.store.records import Record, Trail

WHO = "command line"
LOST = "lines of it are kept, but the call itself is not"


@click.group()
def audit() -> None:
    """Whether what is kept of calls is whole and unaltered; and what it is, for an auditor."""


# ---- verify ----------------------------------------------------------------------------------------------------------


@audit.command()
@click.argument("calls", metavar="[CALL…]", nargs=-1)
@click.option("--flow", help="All calls of this flow, and the trail of who looked at them.")
@click.option("--file", help="An export (JSON lines) instead of the store; `-` reads stdin.")
@click.option("--json", "as_json", is_flag=True, help="One object, with every chain that was checked.")
def verify(calls: Sequence[str], flow: str | None, file: str | None, as_json: bool) -> None:
    """Check the hash chains: of the calls named, of a flow, or of everything. Exit 1 when one is broken."""
    if file and (calls or flow):
        cannot("--file checks a file alone; leave out calls and --flow")
    checked = _check_file(file) if file else with_store(settings_of_environment(), lambda s: _check(s, calls, flow))
    broken = [one for one in checked if one.verdict.broken]
    if as_json:
        shown = [{"of": one.of, "name": one.name, **asdict(one.verdict)} for one in checked]
        click.echo(json.dumps({"whole": not broken, "checked": shown}, ensure_ascii=False))
    else:
        for one in checked if calls or file else broken:
            click.echo(f"{_named(one)}: {verdict_words(one.verdict)}")
        click.echo(_summary(checked, len(broken)), err=True)
    raise SystemExit(1 if broken else 0)


def _check_file(file: str) -> list[Checked]:
    try:
        return check_file(text_of(file))
    except BadExport as mistake:
        cannot(f"{file}: {mistake}")


async def _check(store: SqlStore, calls: Sequence[str], flow: str | None) -> list[Checked]:
    """Nothing is noted of a check that could not be made."""
    flows = [] if calls and flow is None else await _flows(store, flow)
    wanted = calls or await store.call_ids(flow)
    checked = [await _check_call(store, call_id) for call_id in wanted]
    trails = [Checked("accesses", key, await store.verify_accesses(key)) for key in flows]
    if calls:
        for one in checked:
            await _note(store, "verified", await _flow_of_call(store, one.name), one.name, verdict_words(one.verdict))
    broken = sum(bool(one.verdict.broken) for one in checked)
    for key in flows:
        await _note(store, "verified", key, "", f"{len(checked)} calls, {broken} of them broken")
    return [*checked, *trails]


async def _check_call(store: SqlStore, call_id: str) -> Checked:
    verdict = await store.verify(call_id)
    if await store.call(call_id) is None:
        if not verdict.lines:
            cannot(f"there is no call {call_id!r}")
        verdict = verdict if verdict.broken else Verdict(verdict.lines, 1, verdict.blanked, LOST)
    return Checked("call", call_id, verdict)


async def _flows(store: SqlStore, flow: str | None) -> Sequence[str]:
    known = await store.flows()
    if flow is not None and flow not in known:
        cannot(f"there is no call of a flow {flow!r}; there are calls of {', '.join(filter(None, known)) or 'none'}")
    return known if flow is None else [flow]


def _named(one: Checked) -> str:
    return f"call {one.name}" if one.of == "call" else f"accesses to {one.name or 'calls of no flow'}"


def verdict_words(verdict: Verdict) -> str:
    """A verdict in words: `whole, 42 lines`."""
    if verdict.broken:
        return f"broken: {verdict.why}"
    emptied = f", {verdict.blanked} of them emptied by retention" if verdict.blanked else ""
    return f"whole, {verdict.lines} line{'s' * (verdict.lines != 1)}{emptied}"


def _summary(checked: Sequence[Checked], broken: int) -> str:
    calls = sum(one.of == "call" for one in checked)
    trails, lines = len(checked) - calls, sum(one.verdict.lines for one in checked)
    what = f"{calls} call{'s' * (calls != 1)}, {trails} trail{'s' * (trails != 1)} of accesses, {lines} lines"
    return f"{what}: {f'{broken} broken' if broken else 'all whole'}"


# ---- export ----------------------------------------------------------------------------------------------------------


@audit.command()
@click.argument("call", required=False)
@click.option("--flow", help="All calls of this flow, and its whole trail of accesses.")
@click.option("--since", help="Calls that began on this day or later (2026-11-01).")
@click.option("--html", "as_html", is_flag=True, help="The record of one call, to be read and printed.")
@click.option("--jsonl", is_flag=True, help="JSON lines, to be kept and checked (the default).")
@click.option("-o", "--output", type=click.Path(dir_okay=False, writable=True), help="Write to a file.")
def export(
    call: str | None, flow: str | None, since: str | None, as_html: bool, jsonl: bool, output: str | None
) -> None:
    """Everything that is kept of a call, or of many. Exit 1 when a chain in it is broken."""
    if bool(call) == bool(flow or since):
        cannot("name a call, or choose --flow or --since")
    if as_html and (jsonl or not call):
        cannot("--html is the record of one call; leave out --jsonl, --flow and --since")
    day = _day(since)
    text, whole = with_store(settings_of_environment(), lambda store: _export(store, call, flow, day, as_html))
    if output:
        _write_private(Path(output), text)
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
    return text, not any(verdict.broken for verdict in verdicts)


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
    flow = _flow_of(record)
    zone: tzinfo = ZoneInfo(flow.office.timezone) if flow else UTC
    journal = await store.verify(record.call_id)
    accesses = await store.verify_accesses(record.call.flow if record.call else "")
    verdicts = [f"Journal: {verdict_words(journal)}", f"Who looked, in the whole office: {verdict_words(accesses)}"]
    return page(record, flow, verdicts, whole=not (journal.broken or accesses.broken), zone=zone, made=now)


def _flow_of(record: Record) -> Flow | None:
    """The flow as it was in that call; None when the text kept with it cannot be read alone."""
    if record.call is None or not record.call.flow_source:
        return None
    try:
        return compile_flow(record.call.flow_source, record.call.flow)
    except FlowInvalid:
        return None


async def _note_export(
    store: SqlStore, records: Sequence[Record], trails: Sequence[Trail], form: str, text: str
) -> None:
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    for record in records:
        flow = record.call.flow if record.call else ""
        await _note(store, "exported", flow, record.call_id, f"{form}, sha256 {digest}")
    for trail in trails:
        await _note(store, "exported", trail.flow, "", f"trail of accesses, {form}, sha256 {digest}")


async def _note(store: SqlStore, what: str, flow: str, call_id: str, detail: str) -> None:
    at = datetime.now(UTC).isoformat()
    await store.note_access(Access(flow, at, WHO, what, call_id, detail=detail))


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


def _write_private(path: Path, text: str) -> None:
    """For its owner alone: it holds what callers said."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(text.encode("utf-8", "replace"))
    except OSError as mistake:
        cannot(f"cannot write {path}: {mistake.strerror}")
