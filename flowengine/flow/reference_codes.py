"""The page of all codes, made from their catalogue: what each says, why, and an example put right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol


class Code(Protocol):
    """An entry of the catalogue of codes."""

    @property
    def severity(self) -> str: ...
    @property
    def says(self) -> str: ...
    @property
    def why(self) -> str: ...
    @property
    def bad(self) -> str: ...
    @property
    def good(self) -> str: ...
    @property
    def shared(self) -> Mapping[str, str]: ...


def codes_page(codes: Mapping[str, Code]) -> str:
    """Every code `validate` knows, with its story and an example, as Markdown."""
    listed = [f"| [`{name}`](#{name}) | {code.severity} | {_cell(code.says)} |" for name, code in sorted(codes.items())]
    told = [line for name, code in sorted(codes.items()) for line in _story(name, code)]
    return "\n".join([_CODES_HEAD, *listed, "", *told]).rstrip() + "\n"


_CODES_HEAD = """\
<!-- Written by tools/docs from flowengine/flow/codes; change it there. -->
# What `validate` finds

Each finding ends with its code in brackets. `flowengine explain CODE` tells the same story on the command line. An
*error* keeps the file from being used; a *warning* does not, unless `--strict` is given; an *info* never does.

| code | severity | what it says |
|---|---|---|"""


# Characters nobody sees are shown by their pictures: a tab is ␉.
_PICTURES = {code: 0x2400 + code for code in range(0x20) if code != 0x0A} | {0x7F: 0x2421}


def _sentence(text: str) -> str:
    return f"{text.strip().rstrip('.')}."


def _cell(text: str) -> str:
    return _sentence(text).replace("|", "\\|")


def _story(name: str, code: Code) -> Iterator[str]:
    yield f"## {name}\n"
    yield f"**{_sentence(code.says)}** ({code.severity})\n"
    yield f"{code.why.strip()}\n"
    shared = [(f"With `{file}`", text) for file, text in code.shared.items()]
    for title, piece in (("Not so", code.bad), *shared, ("But so", code.good)):
        if shown := piece.strip("\n").rstrip().translate(_PICTURES):
            fence = "```" if "```" not in shown else "````"
            yield f"{title}:\n\n{fence}yaml\n{shown}\n{fence}\n"
