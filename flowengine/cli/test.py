"""`test`: a flow's own tests, in virtual time, without sockets and without a model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as xml

import click

from flowengine.call.coverage import parts, reached
from flowengine.call.expecting import Missed, is_judged, missed, story
from flowengine.call.rehearsal import Rehearsal, rehearse
from flowengine.cli.common import cannot, compiled_with_text, flow_files, write_out
from flowengine.flow.model import Flow, FlowTest

JUDGED = (
    "Topics, wishes and moods were decided by the engine's own matcher; on a live call the AI model decides them "
    "and may judge otherwise. Phrases, keys, counts, times and hours are exact."
)


@dataclass(frozen=True, slots=True)
class Tested:
    """One test and what came of it."""

    flow: Flow
    place: str
    test: FlowTest
    rehearsal: Rehearsal
    missed: tuple[Missed, ...]


@click.command(name="test", short_help="Play the tests of flow files.")
@click.argument("files", nargs=-1)
@click.option("--run", "pattern", default="", metavar="REGEX", help="Only the tests whose name matches.")
@click.option(
    "--junit",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write a JUnit report; times are call seconds.",
)
@click.option("--coverage", is_flag=True, help="Say which rules, departments and fallbacks no test reaches.")
@click.option("--verbose", "-v", is_flag=True, help="Tell every call, not only those that failed.")
def test_command(files: tuple[str, ...], pattern: str, junit: Path | None, coverage: bool, verbose: bool) -> None:
    """Run the tests of flow files (default: every file in flows/)."""
    flows = [compiled_with_text(file)[0] for file in (files or flow_files())]
    try:
        wanted = re.compile(pattern)
    except re.error as mistake:
        cannot(f"--run {pattern!r} is no regular expression: {mistake}")
    results = [tested for flow in flows for tested in run_tests(flow, wanted)]
    if pattern and not results:
        cannot(f"no test's name matches {pattern!r}; there are: {', '.join(t.name for f in flows for t in f.tests)}")
    for tested in results:
        click.echo("\n".join(_told(tested, verbose)))
    if junit:
        write_out(junit, as_junit(results))
    if coverage:
        click.echo("\n".join(line for flow in flows for line in covered(flow, [t for t in results if t.flow is flow])))
    if any(is_judged(t.flow, t.rehearsal) for t in results):
        click.echo(f"\n{JUDGED}")
    failed = sum(bool(t.missed) for t in results)
    click.echo(f"{len(results)} test{'s' * (len(results) != 1)}, {failed or 'none'} failed", err=True)
    raise SystemExit(1 if failed else 0)


def run_tests(flow: Flow, wanted: re.Pattern[str]) -> Iterator[Tested]:
    """The tests of a flow whose name matches, each rehearsed."""
    for i, test in enumerate(flow.tests):
        if wanted.search(test.name):
            at = flow.origins.get(("tests", i, "name")) or flow.origins.get(("tests", i))
            rehearsal = rehearse(flow, test)
            place = f"{flow.file}:{at.line}" if at else flow.file
            yield Tested(flow, place, test, rehearsal, missed(flow, test.expect, rehearsal))


def _told(tested: Tested, verbose: bool) -> Iterator[str]:
    mark = click.style("FAIL", fg="red", bold=True) if tested.missed else click.style("ok  ", fg="green")
    yield f"{mark}  {tested.test.name}"
    if tested.missed:
        yield f"      {tested.place}, at {tested.test.at}"
        yield from (f"      {miss.says}" for miss in tested.missed)
        yield ""
    if tested.missed or verbose:
        yield from (f"  {line}" for line in story(tested.flow, tested.rehearsal, tested.missed))
        yield ""


def covered(flow: Flow, results: Sequence[Tested]) -> Iterator[str]:
    """How much of a flow its tests reach, and what none does, with its place."""
    there = parts(flow)
    seen = reached(flow, [t.rehearsal for t in results])
    yield f"\n{flow.file}: {len(seen)} of {len(there)} rules, departments and fallbacks are reached by a test"
    for part in there:
        if part not in seen:
            place = flow.origins.get(part.path) or flow.origins.get(part.path[:-1])
            where = f"{place.file}:{place.line}: " if place else ""
            yield f"  {where}no test reaches {part.kind} {part.name}"


def as_junit(results: Sequence[Tested]) -> str:
    """The report in JUnit's XML; `time` is how long the call lasted, in call seconds."""
    failed = str(sum(bool(t.missed) for t in results))
    root = xml.Element("testsuites", tests=str(len(results)), failures=failed)
    for flow in dict.fromkeys(t.flow.file for t in results):
        own = [t for t in results if t.flow.file == flow]
        bad = str(sum(bool(t.missed) for t in own))
        suite = xml.SubElement(root, "testsuite", name=flow, tests=str(len(own)), failures=bad, errors="0")
        for tested in own:
            seconds = f"{tested.rehearsal.call.at:.1f}"
            case = xml.SubElement(suite, "testcase", classname=tested.flow.key, name=tested.test.name, time=seconds)
            case.set("file", tested.place.partition(":")[0])
            if tested.missed:
                failure = xml.SubElement(case, "failure", message="; ".join(m.says for m in tested.missed))
                failure.text = "\n".join(story(tested.flow, tested.rehearsal, tested.missed))
    xml.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + xml.tostring(root, "unicode") + "\n"
