"""`doctor`: is this installation ready for calls, and if not, what is to be done."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import click

from flowengine.cli.checkup import LOCAL, REMINDERS, Check, Finding, Patient
from flowengine.cli.checkup_world import WORLD, signed
from flowengine.cli.common import flows_option, settings_of_environment
from flowengine.cli.stored import log_beside_results
from flowengine.flow.diagnostics import FlowInvalid
from flowengine.flow.model import Flow
from flowengine.runtime.flowbook import Flowbook, FlowbookError, read_flows
from flowengine.settings import Settings

FORMAT_VERSION = 1
CHECK_SECONDS = 60.0  # one check, whatever it waits for
_COLOURS = {"ok": "green", "problem": "red", "not checked": "yellow", "reminder": "cyan"}


@click.command(short_help="Check that everything is ready for real calls.")
@flows_option
@click.option("--offline", is_flag=True, help="Ask nobody: look at this machine only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(where: str | None, offline: bool, as_json: bool) -> None:
    """Check that everything is ready for real calls: keys, addresses, numbers, phones, music, database."""
    settings = settings_of_environment()
    with log_beside_results():
        findings = asyncio.run(examine(settings, os.environ, where or settings.flows, offline=offline))
    click.echo(_as_json(findings) if as_json else _in_lines(findings))
    raise SystemExit(1 if any(finding.state == "problem" for finding in findings) else 0)


async def examine(
    settings: Settings, environment: Mapping[str, str], where: str, *, offline: bool = False
) -> list[Finding]:
    """Everything that was found, in the order of the checks; `offline` asks nobody outside this machine."""
    flows, findings = _flows(where, environment)
    patient = Patient(settings, environment, flows)
    for check in (*LOCAL, signed) if offline else (*LOCAL, signed, *WORLD):
        findings += await _looked(check, patient)
    if offline:
        findings.append(Finding("the world", "not checked", "nobody was asked", "run it again without --offline"))
    return [*findings, *(Finding("to confirm", "reminder", said) for said in REMINDERS)]


def _flows(where: str, environment: Mapping[str, str]) -> tuple[tuple[Flow, ...], list[Finding]]:
    """The flows that can serve, each looked at by itself; what stops one, or all together, is a finding."""
    try:
        texts = read_flows(where)
    except FlowbookError as mistake:
        return (), [Finding("flows", "problem", str(mistake), "name a file or a folder with --flows")]
    flows: list[Flow] = []
    findings: list[Finding] = []
    for file, text in texts.items():
        found = _together({file: text}, environment)
        if isinstance(found, Finding):
            findings.append(found)
        else:
            flows += found
    whole = _together(texts, environment) if not findings else ()
    if isinstance(whole, Finding):
        findings.append(whole)
    served = [Finding("flows", "ok", ", ".join(flow.office.name for flow in flows))] if flows else []
    return tuple(flows), [*served, *findings]


def _together(texts: Mapping[str, str], environment: Mapping[str, str]) -> tuple[Flow, ...] | Finding:
    try:
        return tuple(Flowbook(texts, environment).flows.values())
    except FlowbookError as mistake:
        return Finding("flows", "problem", str(mistake), "the other checks pass over this file")
    except FlowInvalid as invalid:
        count = sum(each.severity == "error" for each in invalid.diagnostics)
        files = " ".join(texts)
        return Finding(
            "flows", "problem", f"{files} has {count} mistake{'s' * (count != 1)}", f"see  flowengine validate {files}"
        )


async def _looked(check: Check, patient: Patient) -> list[Finding]:
    """What one check found; one that fails is itself a finding, and the others go on."""
    found: list[Finding] = []
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            async for finding in check(patient):
                found.append(finding)
    except Exception as mistake:
        said = f"the check could not be made ({type(mistake).__name__})"
        found.append(Finding(check.__name__.replace("_", " "), "not checked", said))
    return found


def _as_json(findings: Sequence[Finding]) -> str:
    counts = {state: sum(each.state == state for each in findings) for state in ("problem", "not checked")}
    told = {
        "format_version": FORMAT_VERSION,
        "ready": not counts["problem"],
        "problems": counts["problem"],
        "not_checked": counts["not checked"],
        "findings": [asdict(finding) for finding in findings],
    }
    return json.dumps(told, indent=2)


def _in_lines(findings: Sequence[Finding]) -> str:
    width = max(len(finding.area) for finding in findings)
    lines: list[str] = []
    for finding in findings:
        state = click.style(f"{finding.state:<11}", fg=_COLOURS[finding.state])
        lines.append(f"{state}  {finding.area:<{width}}  {finding.says}")
        if finding.help:
            lines.append(f"{'':<11}  {'':<{width}}  → {finding.help}")
    problems = sum(finding.state == "problem" for finding in findings)
    return "\n".join([*lines, "", f"{problems} to mend" if problems else "ready for calls, as far as could be checked"])
