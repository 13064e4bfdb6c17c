"""The catalogue of findings: for each code how serious it is, its story, and an example put right.

One file a code in the folder `codes`; `flowengine explain CODE`, the page docs/codes.md and SARIF read it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib import resources

import yaml

from flowengine.flow.diagnostics import Severity


@dataclass(frozen=True, slots=True)
class Code:
    """One entry. `bad` and `good` are pieces of a file whose top-level groups stand in place of those of a small
    office (`example`), or whole files; `shared` are files they name."""

    name: str
    severity: Severity
    says: str
    why: str
    bad: str
    good: str
    whole: bool = False
    needs: str = ""  # what else must be so for `bad` to be found: environment | files
    today: date | None = None
    shared: Mapping[str, str] = field(default_factory=dict)


@cache
def all_codes() -> Mapping[str, Code]:
    """Every code by its name, in alphabetical order."""
    files = sorted(_folder("codes").iterdir(), key=lambda file: file.name)
    return {file.name.removesuffix(".yaml"): _read(file.name, file.read_text("utf-8")) for file in files}


def _folder(*names: str) -> resources.abc.Traversable:
    return resources.files("flowengine.flow").joinpath(*names)


def _read(name: str, text: str) -> Code:
    return Code(name=name.removesuffix(".yaml"), **yaml.safe_load(text))


@cache
def small_office() -> str:
    """The office that examples change one thing of."""
    return _folder("data", "small_office.yaml").read_text("utf-8")


def example(code: Code, piece: str) -> str:
    """The whole file of an example: the small office with the piece's top-level groups in place of its own."""
    if code.whole and piece is code.bad:
        return piece
    mine = _groups(piece)
    kept = {name: text for name, text in _groups(small_office()).items() if name not in mine}
    return "".join(kept.values()) + piece


def _groups(text: str) -> dict[str, str]:
    """The top-level groups of a file's text, by name."""
    pieces = re.split(r"^(?=[a-z_]+:)", text, flags=re.MULTILINE)
    return {piece.partition(":")[0]: piece for piece in pieces if re.match(r"[a-z_]+:", piece)}
