"""Text in, Flow out: source → schema → leaves → checks → model, with every independent finding of one run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from typing import Any

from flowengine.flow import foreign, ignores, read, schema, source
from flowengine.flow.build import build
from flowengine.flow.check_secrets import hide_secrets
from flowengine.flow.checks import CHECKS, MEANING, WITH_FILES
from flowengine.flow.diagnostics import Diagnostic, FlowInvalid
from flowengine.flow.document import Document
from flowengine.flow.model import Flow
from flowengine.flow.needs import unset_names
from flowengine.flow.partial import sound_part
from flowengine.flow.ranking import ranked
from flowengine.flow.reading import read_leaves
from flowengine.flow.renamed import at_definition
from flowengine.flow.shared import merge_shared


def compile_flow(
    text: str, file: str, *, env: Mapping[str, str] | None = None, load: Callable[[str], str] | None = None
) -> Flow:
    """The flow of a file's text. Raises FlowInvalid with every diagnostic. `load` reads the files named by `shared:`;
    with `env`, a `${NAME}` that it does not fill is an error too."""
    flow, found = check_flow(text, file, load=load)
    if flow is not None and env is not None:
        found = ranked([*found, *_unset(flow, text, env)])
    if flow is None or any(d.severity == "error" for d in found):
        raise FlowInvalid(found)
    return flow


def compile_kept(text: str, key: str) -> Flow | None:
    """The flow of the text that was kept with a call; None when today's compiler refuses it, or it names shared files,
    which are not kept."""
    try:
        return compile_flow(text, key)
    except FlowInvalid:
        return None


def _unset(flow: Flow, text: str, env: Mapping[str, str]) -> Iterator[Diagnostic]:
    lines = text.splitlines()
    for name in unset_names(flow, env):
        number = next((i for i, line in enumerate(lines, 1) if f"${{{name}}}" in line), 1)
        line = lines[number - 1] if lines else ""
        column = line.find(f"${{{name}}}") + 1
        help = f"set {flow.key.upper()}_{name} or {name} in the environment"
        said = f"nothing in the environment fills ${{{name}}}"
        end = column + len(name) + 3
        yield replace(
            Diagnostic("error", "unset-name", said, flow.file, number, max(1, column), number, end, help), excerpt=line
        )


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of a file: the flow, if it has no error; every finding, sorted by place; and its values with their
    places, if it could be read at all."""

    flow: Flow | None
    found: list[Diagnostic]
    document: Document | None = None


def check_flow(
    text: str,
    file: str,
    *,
    today: date | None = None,
    load: Callable[[str], str] | None = None,
    read_bytes: Callable[[str], bytes] | None = None,
) -> tuple[Flow | None, list[Diagnostic]]:
    """The flow, if the file has no error, and every finding sorted by place. `today` switches on findings that depend
    on the date, `read_bytes` those about the files a flow names (music)."""
    checked = check(text, file, today=today, load=load, read_bytes=read_bytes)
    return checked.flow, checked.found


def check(
    text: str,
    file: str,
    *,
    today: date | None = None,
    load: Callable[[str], str] | None = None,
    read_bytes: Callable[[str], bytes] | None = None,
) -> Checked:
    """The same, with the document the findings are about."""
    doc, found = source.parse(text, file)
    if doc is None:
        return Checked(None, ranked(found))
    refused = list(foreign.refuse(doc))
    if refused:
        return Checked(None, ranked(refused))
    wrong, unsound = schema.check(doc)
    if () in unsound:
        return Checked(None, ranked(found + wrong))
    leaves, unreadable = read_leaves(doc, unsound, _region(doc))
    merged, of_shared, complete = merge_shared(leaves, _region(doc), load)
    found += wrong + unreadable + of_shared
    # what a shared file that cannot be read would have added is not unknown
    found += [d for d in _run_checks(merged, today) if complete or not d.code.startswith("unknown-")]
    if read_bytes is not None:
        found += [d for check in WITH_FILES for d in check(merged, read_bytes)]
    flow = None if _errors(found) else build(merged, text)
    found += _meaning(merged, text, flow, _errors(found), complete)
    found = ignores.heeded(merged, at_definition(merged, found), whole=flow is not None, dated=today is not None)
    return Checked(None if _errors(found) else flow, ranked(hide_secrets(found)), merged)


def _errors(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    return [d for d in found if d.severity == "error"]


def _run_checks(doc: Document, today: date | None) -> list[Diagnostic]:
    return [d for check in CHECKS for d in islice(check(doc, today), schema.MOST_FINDINGS)]


def _meaning(
    doc: Document, text: str, flow: Flow | None, errors: Collection[Diagnostic], complete: bool
) -> list[Diagnostic]:
    """What is found in the finished flow; of a file with errors, in as much of it as is sound."""
    if flow is not None:
        return _run_meaning(flow, doc)
    part = sound_part(doc, errors, complete=complete)
    return [d for d in _run_meaning(build(part.document, text), part.document) if part.holds(d)] if part else []


def _run_meaning(flow: Flow, doc: Document) -> list[Diagnostic]:
    return [d for check in MEANING for d in islice(check(flow, doc), schema.MOST_FINDINGS)]


def _region(doc: Document) -> str | None:
    """The country of the office's first number, which numbers without a country code are read in."""
    numbers: Any = doc.get("office", "phone_numbers")
    children = numbers.values() if isinstance(numbers, dict) else numbers if isinstance(numbers, list) else [numbers]
    return next((region for n in children if isinstance(n, str) and (region := read.region_of(n))), None)
