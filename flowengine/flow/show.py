"""What counts in a flow: every effective value, defaults too, each with the place that says so. Secrets are hidden."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from flowengine.flow.check_secrets import hidden
from flowengine.flow.model import Flow, Path, Place
from flowengine.flow.show_value import Plain, Value
from flowengine.flow.show_values import values

BUILT_IN = "built-in"
STARS = "****"
FORMAT_VERSION = 1
WORD_WIDTH, VALUE_WIDTH = 34, 56  # columns, at most
_USER = re.compile(r"(?<=://)([^\s/@:]*):[^\s/@]+@")
_QUERY = re.compile(r"([?&][^=&#\s]+=)(?!\$\{)[^&#\s]+")


@dataclass(frozen=True, slots=True)
class Shown:
    """One value as it counts, and the place that says so, or None when nothing does and the built-in one counts."""

    path: Path
    value: Plain
    origin: Place | None

    @property
    def name(self) -> str:
        """`departments.clinical.ring_for`."""
        return ".".join(map(str, self.path))

    @property
    def text(self) -> str:
        """The value as one would write it in a file."""
        return _text(self.value)

    @property
    def place(self) -> str:
        """`file:line`, or `built-in`."""
        return f"{self.origin.file}:{self.origin.line}" if self.origin else BUILT_IN


def show(flow: Flow) -> tuple[Shown, ...]:
    """Every effective value, grouped as a file is. Of a `${NAME}` the name is shown; a secret is stars."""
    return tuple(Shown(value.path, _safe(value), _origin(flow, value)) for value in values(flow))


def _origin(flow: Flow, value: Value) -> Place | None:
    return next((flow.origins[place] for place in value.places if place in flow.origins), None)


def _safe(value: Value) -> Plain:
    """The value with stars for what looks like a secret."""
    word = str(value.path[-1])
    match value.value:
        case str(text):
            return mask(word, text)
        case tuple(entries):
            return tuple(mask(word, entry) for entry in entries)
        case other:
            return other


def mask(word: str, text: str) -> str:
    """The text as it may be shown: passwords and query values of an address, and keys and tokens, become stars."""
    text = _QUERY.sub(rf"\1{STARS}", _USER.sub(rf"\1:{STARS}@", text)) if "://" in text else text
    return re.sub(r"\*{4,}", STARS, hidden(word, text))


# ---- for people ------------------------------------------------------------------------------------------------------


def as_text(flow: Flow) -> str:
    """A table: words as deep as in the file, their values, and where each is said."""
    every = show(flow)
    label = min(WORD_WIDTH, max(2 * (len(shown.path) - 1) + len(str(shown.path[-1])) for shown in every) + 2)
    return "\n".join(line for row in _rows(every) for line in _lines(row, label))


def _rows(every: tuple[Shown, ...]) -> Iterator[tuple[int, str, Shown | None]]:
    """Depth and word of each line; a line that only opens a group has no value."""
    before: Path = ()
    for shown in every:
        for depth in range(len(shown.path) - 1):
            if before[: depth + 1] != shown.path[: depth + 1]:
                yield depth, str(shown.path[depth]), None
        yield len(shown.path) - 1, str(shown.path[-1]), shown
        before = shown.path


def _lines(row: tuple[int, str, Shown | None], label: int) -> Iterator[str]:
    depth, word, shown = row
    start = f"{'  ' * depth}{word}"
    if shown is None or len(start) > label - 2:
        yield start
        start = ""
    if shown is None:
        return
    first, *rest = textwrap.wrap(shown.text, VALUE_WIDTH, break_on_hyphens=False) or [""]
    yield f"{start:<{label}}{first:<{VALUE_WIDTH}}  {shown.place}"
    yield from (f"{'':<{label}}{line}" for line in rest)


def _text(value: Plain) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case tuple():
            return f"[{', '.join(value)}]"
        case _:
            return str(value)


# ---- for programs ----------------------------------------------------------------------------------------------------


def as_json(flow: Flow) -> dict[str, object]:
    """The same for programs: `values` is a list of {path, value, origin}; an origin is null or {file, line, column}."""
    return {"format_version": FORMAT_VERSION, "flow": flow.key, "values": [_entry(shown) for shown in show(flow)]}


def _entry(shown: Shown) -> dict[str, object]:
    value = list(shown.value) if isinstance(shown.value, tuple) else shown.value
    at = shown.origin
    origin = {"file": at.file, "line": at.line, "column": at.column} if at else None
    return {"path": list(shown.path), "value": value, "origin": origin}
