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


TITLES = {
    "fillers": "Fillers, which are left out",
    "stop_words": "Words without a subject of their own",
    "negations": "Words that say no",
    "irregulars": "Irregular forms and what they are read as",
    "person_words": "Words for a person",
    "operator_words": "Words that ask for one by themselves",
    "asking_verbs": "Verbs of asking",
    "titles": "Titles before a name",
    "hold_words": "What a caller on hold can say",
    "clinical_words": "Clinical words",
    "automated_words": "Words that say it is a machine",
}


def published() -> dict[str, tuple[str, ...]]:
    """The lists that decide what a caller's words mean, and those that checks go by, with their titles."""
    return {title: entries(name) for name, title in TITLES.items()}
