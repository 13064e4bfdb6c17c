"""Text in, Flow out: source → schema → leaves → checks → model, with every independent finding of one run."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import date
from itertools import islice
from typing import Any

from flowengine.flow import read, schema, source
from flowengine.flow.build import build
from flowengine.flow.checks import CHECKS, MEANING
from flowengine.flow.diagnostics import Diagnostic, FlowInvalid, in_order
from flowengine.flow.document import Document
from flowengine.flow.model import Flow, Path
from flowengine.flow.reading import read_leaves
from flowengine.flow.shared import merge_shared

FORMAT = 1
NAME_IN_TEXT = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_OUR_WORDS = frozenset({"flow", "office", "people", "departments", "receptionist", "when_to_transfer"})


def compile_flow(
    text: str, file: str, *, env: Mapping[str, str] | None = None, load: Callable[[str], str] | None = None
) -> Flow:
    """The flow of a file's text. Raises FlowInvalid with every diagnostic. `load` reads the files named by `shared:`;
    with `env`, a `${NAME}` that it does not fill is an error too."""
    flow, found = check_flow(text, file, load=load)
    if flow is not None and env is not None:
        found = in_order([*found, *_unset(flow, text, env)])
    if flow is None or any(d.severity == "error" for d in found):
        raise FlowInvalid(found)
    return flow


def check_flow(
    text: str, file: str, *, today: date | None = None, load: Callable[[str], str] | None = None
) -> tuple[Flow | None, list[Diagnostic]]:
    """The flow, if the file has no error, and every finding sorted by place. `today` switches on findings that depend
    on the date."""
    doc, found = source.parse(text, file)
    if doc is None:
        return None, in_order(found)
    refused = list(_not_ours(doc))
    if refused:
        return None, in_order(found + refused)
    wrong, unsound = schema.check(doc)
    if () in unsound:
        return None, in_order(found + wrong)
    leaves, unreadable = read_leaves(doc, unsound, _region(doc, unsound))
    merged, of_shared, complete = merge_shared(leaves, _region(doc, unsound), load)
    found += wrong + unreadable + of_shared
    # what a shared file that cannot be read would have added is not unknown
    found += [d for d in _run_checks(merged, today) if complete or not d.code.startswith("unknown-")]
    if any(d.severity == "error" for d in found):
        return None, in_order(found)
    flow = build(merged, text)
    found += [d for check in MEANING for d in check(flow, merged)]
    failed = any(d.severity == "error" for d in found)
    return None if failed else flow, in_order(found)


def _run_checks(doc: Document, today: date | None) -> list[Diagnostic]:
    return [d for check in CHECKS for d in islice(check(doc, today), schema.MOST_FINDINGS)]


def _not_ours(doc: Document) -> Iterator[Diagnostic]:
    """A file that is no flow at all, or one of a later format: one finding instead of a hundred."""
    if not isinstance(doc.value, dict):
        said = f"this is {'a list' if isinstance(doc.value, list) else 'text'}, not a flow"
        yield doc.diagnose((), "not-a-flow", said, "a flow begins with  flow: and a name")
    elif not _OUR_WORDS & doc.value.keys():
        looks = next((what for words, what in _FOREIGN if words <= doc.value.keys()), "something else")
        yield doc.diagnose(
            (), "not-a-flow", f"this is not a flow; it looks like {looks}", "a flow begins with  flow: and a name"
        )
    else:
        number = str(doc.value.get("format", "1"))
        if re.fullmatch(r"[0-9]{1,9}", number) and int(number) > FORMAT:
            said = f"this file is written in format {int(number)}, and this version of flowengine reads format {FORMAT}"
            yield doc.diagnose(
                ("format",), "newer-format", said, f"install a version of flowengine that reads format {int(number)}"
            )


_FOREIGN: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"services"}), "a compose file"),
    (frozenset({"on", "jobs"}), "a GitHub workflow"),
    (frozenset({"sections"}), "a SWML document"),
    (frozenset({"apiVersion", "kind"}), "a Kubernetes resource"),
    (frozenset({"openapi"}), "an OpenAPI description"),
    (frozenset({"repos"}), "a pre-commit configuration"),
)


def _region(doc: Document, unsound: Collection[Path]) -> str | None:
    """The country of the office's first number, which numbers without a country code are read in."""
    numbers: Any = doc.get("office", "phone_numbers")
    children = numbers.values() if isinstance(numbers, dict) else numbers if isinstance(numbers, list) else [numbers]
    return next((region for n in children if isinstance(n, str) and (region := read.region_of(n))), None)


# ---- names filled from the environment -----------------------------------------------------------------------------


def _addresses(flow: Flow) -> Iterator[str]:
    """Every text of a flow in which `${NAME}` may stand."""
    yield from (tool.post for tool in flow.tools)
    yield flow.card.crm_webhook
    deliveries = (*flow.take_message.send_to, *flow.callback.send_to, *flow.voicemail.send_to, *flow.card.show_on)
    yield from (delivery.address for delivery in deliveries)


def unset_names(flow: Flow, env: Mapping[str, str]) -> list[str]:
    """The names a flow wants filled that the environment does not fill, in order of appearance."""
    names = (name for address in _addresses(flow) for name in NAME_IN_TEXT.findall(address))
    return list(dict.fromkeys(name for name in names if _value(name, flow.key, env) is None))


def fill_names(text: str, flow_key: str, env: Mapping[str, str]) -> str:
    """The text with `${NAME}` filled: `<FLOW>_NAME` first, then `NAME`; a name nothing fills stays as it is."""
    return NAME_IN_TEXT.sub(lambda match: _value(match[1], flow_key, env) or match[0], text)


def _value(name: str, flow_key: str, env: Mapping[str, str]) -> str | None:
    return env.get(f"{flow_key.upper()}_{name}") or env.get(name) or None


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
