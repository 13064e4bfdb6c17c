"""`report`: the figures about hand-overs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from markupsafe import Markup

from flowengine.call import figures_told as told
from flowengine.call.metrics import Summary, begins, summary
from flowengine.cli.common import cannot, compiled_with_text, settings_of_environment, write_out
from flowengine.cli.stored import note, with_store
from flowengine.desk.figures_view import period_words, report_view
from flowengine.desk.frame import templates
from flowengine.flow.compiler import compile_kept
from flowengine.flow.figures import FIGURES
from flowengine.flow.model import Flow
from flowengine.flow.read import Unreadable, duration
from flowengine.resources import template_dir
from flowengine.runtime.measuring import Alerts, measurer
from flowengine.runtime.ports import Store
from flowengine.settings import Settings

USUAL = "30 days"
MOST_DAYS, DAY = 3653, timedelta(days=1)  # ten years
NAMED, SHOWN = 28, 18  # columns of the table
_STYLES = ("desk.css", "figures.css")


@dataclass(frozen=True, slots=True)
class _Report:
    """The report of one flow; `office` names it and `limits` are its own, where the flow can be read."""

    office: str
    found: Summary
    limits: Mapping[str, float]
    alerts: Alerts


@click.command(name="report", short_help="Figures about hand-overs.")
@click.option("--flow", metavar="KEY|FILE", help="This flow only (default: each one there are calls of).")
@click.option(
    "--since",
    default=USUAL,
    show_default=True,
    metavar="WHEN",
    help="From when on: a date (2026-11-01) or 7d, 30 days.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list, with one object for each flow.")
@click.option("--html", "as_html", is_flag=True, help="A page with plots, complete in one file; of one flow.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
def report_command(flow: str | None, since: str, as_json: bool, as_html: bool, output: Path | None) -> None:
    """Figures about hand-overs: how many, how fast, how often for nothing. docs/figures.md defines them."""
    if as_json and as_html:
        cannot("choose --json or --html, not both")
    settings, now = settings_of_environment(), datetime.now(UTC)
    start = _start(since, now)
    served = compiled_with_text(flow)[0] if flow and Path(flow).is_file() else None
    key = served.key if served else flow
    reports = with_store(settings, lambda store: _reports(store, settings, key, served, start, now))
    if not reports:
        cannot(f"no calls of {key!r} in the database" if key else "no calls in the database")
    if as_html and len(reports) > 1:
        cannot(f"--html shows one flow; choose --flow {', '.join(r.found.flow for r in reports)}")
    text = _json(reports) if as_json else _html(reports[0]) if as_html else "\n\n".join(map(_table, reports))
    if output is None:
        click.echo(text)
    else:
        write_out(output, f"{text}\n")


def _start(since: str, now: datetime) -> datetime | int:
    """From when on (without a zone it is the office's), or the last so many days. Exits 2 when it cannot be read, or is
    no past."""
    start = _read_start(since.strip().lower(), now)
    if start is None:
        cannot(f"cannot read --since {since!r}: write a date such as 2026-11-01, or 7d")
    days = start if isinstance(start, int) else (now - _aware(start, UTC)) / DAY
    if not -1 < days <= MOST_DAYS:  # somewhere it is tomorrow already
        cannot(f"--since {since!r} must lie in the past, at most ten years ago")
    return start


def _read_start(since: str, now: datetime) -> datetime | int | None:
    try:
        return datetime.fromisoformat(since)
    except ValueError:
        pass
    spelled = since.removesuffix("d") + " days" if since[:-1].isdecimal() and since.endswith("d") else since
    try:
        seconds = duration(spelled)
    except Unreadable:
        return None
    days = int(seconds // DAY.total_seconds())
    if spelled.rstrip("s").endswith(("day", "year")) or days > MOST_DAYS:  # before every date, a time would be none
        return max(1, days)
    return now - timedelta(seconds=seconds)


# ---- reading ---------------------------------------------------------------------------------------------------------


async def _reports(
    store: Store,
    settings: Settings,
    key: str | None,
    served: Flow | None,
    start: datetime | int,
    now: datetime,
) -> Sequence[_Report]:
    keys = [key] if key else sorted(each for each in await store.flows() if each)
    found = [await _report(store, settings, each, served, start, now) for each in keys]
    reports = [report for report in found if report is not None]
    for report in reports:
        await note(store, "report opened", report.found.flow, f"since {report.found.since.isoformat()}")
    return reports


async def _report(
    store: Store, settings: Settings, key: str, served: Flow | None, start: datetime | int, now: datetime
) -> _Report | None:
    newest = next(iter(await store.calls(key, 1)), None)
    if newest is None:
        return None
    flow = served or compile_kept(newest.flow_source, key)
    zone: tzinfo = ZoneInfo(flow.office.timezone) if flow else UTC
    since = begins(now, start, zone) if isinstance(start, int) else min(now, _aware(start, zone))
    measures = measurer(store, settings.secret_key)
    found = summary(key, await measures.calls(key, since, flow), since, now, zone)
    alerts = await measures.alerts(flow, now, patience=None) if flow else Alerts({}, {})
    return _Report(flow.office.name if flow else key, found, flow.alert_when if flow else {}, alerts)


def _aware(day: datetime, zone: tzinfo) -> datetime:
    return day if day.tzinfo else day.replace(tzinfo=zone)


# ---- showing ---------------------------------------------------------------------------------------------------------


def _table(report: _Report) -> str:
    """The report for a terminal."""
    found = report.found
    lines = [f"{report.office}, {period_words(found)}: {told.measured(found)}", ""]
    for name, figure in FIGURES.items():
        value = found.figures[name]
        lines.append(f"{figure.label:<{NAMED}}{told.value(value):<{SHOWN}}{told.basis(value)}".rstrip())
    lines += ["", *(f"ALERT  {sentence}" for sentence in _sentences(report)), *told.remarks(found)]
    return "\n".join(lines)


def _sentences(report: _Report) -> list[str]:
    return [
        told.alert(report.alerts.figures[name], report.limits[name])
        for name, is_ in report.alerts.raised.items()
        if is_
    ]


def _json(reports: Sequence[_Report]) -> str:
    found = [told.as_json(report.found, report.alerts.raised) for report in reports]
    return json.dumps(found, ensure_ascii=False, indent=2)


def _html(report: _Report) -> str:
    static = template_dir("desk") / "static"
    values = {
        "office": report.office,
        "when": period_words(report.found),
        "alerts": _sentences(report),
        "view": report_view(report.found, report.limits, report.alerts.raised),
        "styles": Markup("\n").join(Markup((static / name).read_text("utf-8")) for name in _STYLES),  # ours
    }
    return templates().get_template("report.html").render(values).strip()
