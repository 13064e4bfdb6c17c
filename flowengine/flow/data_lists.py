"""Reads the published lists in `data/`: an entry a line, `#` begins a comment."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def entries(name: str) -> tuple[str, ...]:
    """The entries of a list, in order."""
    text = (files("flowengine.flow") / "data" / f"{name}.txt").read_text(encoding="utf-8")
    return tuple(line for raw in text.splitlines() if (line := raw.partition("#")[0].strip()))


def pairs(name: str) -> tuple[tuple[str, str], ...]:
    """The entries of a list whose lines read `this = that`."""
    split = (line.partition("=") for line in entries(name))
    return tuple((left.strip(), right.strip()) for left, _, right in split)
