"""`new`: a first flow file from a few questions, or from flags."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar

import click

from flowengine.cli.common import cannot
from flowengine.flow import newcomer
from flowengine.flow.build import VOICE
from flowengine.flow.compiler import check_flow
from flowengine.flow.diagnostics import render_full
from flowengine.flow.editor import schema_for
from flowengine.flow.model import Flow
from flowengine.flow.newcomer import Answers, Person
from flowengine.flow.newcomer_hours import Week, week_of
from flowengine.flow.read import Unreadable

T = TypeVar("T")

SCHEMA = Path("schemas") / "flow.schema.json"
_KINDS = ", ".join(newcomer.kinds())


@click.command(short_help="Write the flow file of a new office.")
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--name", help="What the office is called.")
@click.option("--kind", help=f"What it does: {_KINDS}.")
@click.option("--timezone", help="Its time zone, as Region/City.")
@click.option("--number", help="Its phone number, with the country code.")
@click.option("--hours", help="When it is open: 'mon-thu 8am - 5pm, fri 8am - 12pm'.")
@click.option("--person", "people", multiple=True, metavar="NAME=NUMBER", help="Somebody who can be rung; repeatable.")
@click.option(
    "--receptionist", default=newcomer.RECEPTIONIST, show_default=True, help="What the receptionist is called."
)
@click.option("--voice", default=VOICE, show_default=True, help="Which voice speaks.")
@click.option("--yes", is_flag=True, help="Ask nothing; what is missing takes its usual value.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def new(
    file: Path | None,
    name: str | None,
    kind: str | None,
    timezone: str | None,
    number: str | None,
    hours: str | None,
    people: tuple[str, ...],
    receptionist: str,
    voice: str,
    yes: bool,
    force: bool,
) -> None:
    """Write the flow file of a new office, with its own tests (default: flows/ and the office's name)."""
    ask = _Asker(quiet=yes)
    called = ask.one("--name", name, "What is the office called?", newcomer.name_of)
    key = newcomer.key_of(file.stem if file else called)
    path = file or Path("flows") / f"{key}.yaml"
    if path.exists() and not force:
        cannot(f"{path} is there already; choose another file, or write over it with --force")
    office = ask.one("--number", number, "Its phone number?", newcomer.number_of, "such as +1 312-555-0100")
    answers = Answers(
        name=called,
        number=office,
        kind=ask.one("--kind", kind, "What does it do?", newcomer.kind_of, _KINDS, "plain"),
        timezone=ask.one("--timezone", timezone, "Its time zone?", newcomer.timezone_of, "such as America/Chicago"),
        hours=ask.one("--hours", hours, "When is it open?", week_of, "days and times", newcomer.USUAL_HOURS),
        people=_people(ask, people, office),
        receptionist=_read("--receptionist", receptionist, newcomer.name_of),
        voice=_read("--voice", voice, newcomer.voice_of),
    )
    own_schema = f".{path.stem}.schema.json"
    text = newcomer.flow_text(answers, key, path.as_posix(), _modeline(path, own_schema))
    flow = _checked(text, path)
    _write(path, text)
    if not _schema_beside(path):
        _write(path.parent / own_schema, json.dumps(schema_for(text, str(path)), indent=1, ensure_ascii=False) + "\n")
    _tell(path, flow, answers.hours)


# ---- asking ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Asker:
    """Asks for what no flag says, until it can be read; `quiet` takes the usual value instead."""

    quiet: bool

    def one(
        self, flag: str, given: str | None, question: str, reader: Callable[[str], T], hint: str = "", usual: str = ""
    ) -> T:
        if given is not None:
            return _read(flag, given, reader)
        if self.quiet:
            return _read(flag, usual, reader) if usual else cannot(f"{flag} is missing: {question}")
        return self.until_read(f"{question} ({hint})" if hint else question, reader, usual)

    def until_read(self, question: str, reader: Callable[[str], T], usual: str = "") -> T:
        while True:
            try:
                return reader(_prompt(question, usual))
            except Unreadable as mistake:
                click.echo(f"  {_sentence(mistake)}", err=True)


def _prompt(question: str, usual: str) -> str:
    try:
        said: str = click.prompt(question, default=usual, show_default=bool(usual), prompt_suffix=" ", err=True)
    except click.Abort:
        cannot("\nnothing was written")
    return said


def _people(ask: _Asker, given: tuple[str, ...], office: str) -> tuple[Person, ...]:
    """Everybody who can be rung, at least one person."""
    people: list[Person] = []
    for text in given:
        people.append(_read("--person", text, lambda said: newcomer.person_of(said, office, people)))
    if not people and ask.quiet:
        cannot("--person is missing: who can be rung? --person 'Dana=+1 312-555-0111'")
    while not given:
        question = "Who else?" if people else "Who picks up? Name = number, such as Dana = +1 312-555-0111:"
        hint = " (Enter: that is all)" if people else ""
        person = ask.until_read(f"{question}{hint}", lambda said: _another(said, office, people))
        if person is None:
            break
        people.append(person)
    return tuple(people)


def _another(said: str, office: str, people: list[Person]) -> Person | None:
    """One more person; None when nothing is said and there is somebody already."""
    return None if people and not said.strip() else newcomer.person_of(said, office, people)


def _read(flag: str, text: str, reader: Callable[[str], T]) -> T:
    try:
        return reader(text)
    except Unreadable as mistake:
        cannot(f"{flag}: {_sentence(mistake)}")


def _sentence(mistake: Unreadable) -> str:
    return f"{mistake.message}; {mistake.help}"


# ---- writing ---------------------------------------------------------------------------------------------------------


def _schema_beside(path: Path) -> Path | None:
    """The schema of a checkout around the flow's folder, seen from that folder."""
    folder = path.absolute().parent
    found = next((above / SCHEMA for above in (folder, *folder.parents) if (above / SCHEMA).is_file()), None)
    return Path(os.path.relpath(found, folder)) if found else None


def _modeline(path: Path, own: str) -> str:
    """With which an editor finds the schema: that of the checkout, or one of the file's own beside it."""
    found = _schema_beside(path)
    if found:
        return f"# yaml-language-server: $schema={found.as_posix()}"
    renew = f"flowengine schema --for {path.as_posix()} > {(path.parent / own).as_posix()}"
    return f"# yaml-language-server: $schema={own}\n# Your editor learns new names of this file by:\n#   {renew}"


def _checked(text: str, path: Path) -> Flow:
    """The flow, once nothing is wrong with it; what an answer got past its reader is said here."""
    flow, found = check_flow(text, path.as_posix(), today=date.today())
    wrong = [d for d in found if d.severity != "info"]
    for diagnostic in wrong:
        click.echo(render_full(diagnostic, text.splitlines()), err=True)
    if flow is None or wrong:
        cannot("nothing was written")
    return flow


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as mistake:
        cannot(f"cannot write {path}: {mistake.strerror}")


def _tell(path: Path, flow: Flow, hours: Week) -> None:
    click.echo(f"Wrote {path}: {flow.office.name}, {_counts(flow)}.")
    click.echo(f"Open {'; '.join(f'{days} {spans}' for days, spans in hours.lines)}.\n")
    click.echo("Next:")
    for command, what in (
        ("validate", "is anything wrong?"),
        ("test", "play its tests"),
        ("explain", "read it in sentences"),
    ):
        click.echo(f"  flowengine {command} {path}".ljust(50) + f"  {what}")


def _counts(flow: Flow) -> str:
    counted = (
        (len(flow.people), "person", "people"),
        (len(flow.rules), "rule", "rules"),
        (len(flow.tests), "test", "tests"),
    )
    return ", ".join(f"{n} {one if n == 1 else many}" for n, one, many in counted)
