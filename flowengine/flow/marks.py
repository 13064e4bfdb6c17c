"""YAML's own signs for "the same as there" and "of this type": what they are called, and when they are a slip.

A word that begins with `*`, `&` or `!` was probably meant as text. One finding tells of all copies in a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from yaml.events import AliasEvent, NodeEvent

from flowengine.flow.accidents import line_at, quoted
from flowengine.flow.document import Extent

Told = tuple[Extent, str, str, str, str | None]  # where, code, message, help, fix


class Marks:
    """Collects anchors, aliases, merge keys and tags; `told` is what to say of them."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self.anchors: dict[str, Extent] = {}
        self.aliases: list[tuple[str, Extent]] = []
        self.merges: list[Extent] = []
        self.tags: list[tuple[str, Extent]] = []

    def take(self, event: NodeEvent, extent: Extent) -> None:
        name = str(event.anchor)[:60]
        if isinstance(event, AliasEvent):
            self.aliases.append((name, extent))
        elif event.anchor is not None:
            self.anchors.setdefault(name, extent)
        tag = getattr(event, "tag", None)
        if tag is not None:
            self.tags.append((str(tag).replace("tag:yaml.org,2002:", "!!")[:60], extent))

    def merged(self, extent: Extent) -> None:
        self.merges.append(extent)

    def told(self) -> Iterator[Told]:
        used = [(name, extent) for name, extent in self.aliases if name in self.anchors]
        if used:
            yield self._copies(used)
        else:
            yield from self._unused()
        for name, extent in self.aliases:
            if name not in self.anchors:
                said = f"*{name} refers to another place, and there is none of that name"
                text = self._text(extent)
                if text:
                    extent = replace(extent, end_column=extent.column + len(text))
                yield extent, "yaml-alias", said, _in_quotes(text), quoted(text) if text else None
        for tag, extent in self.tags:
            said = f"{tag} is a YAML tag; a flow has no use for tags"
            yield extent, "yaml-tag", said, _in_quotes(self._text(extent)), None

    def _unused(self) -> Iterator[Told]:
        for name, extent in self.anchors.items():
            said = f"&{name} names this value for use elsewhere; a flow does without such names"
            yield extent, "yaml-anchor", said, "delete it, or put the text in quotes if the & belongs to it", None
        for extent in self.merges:
            said = "<< copies another place in here; a flow says what it means where it means it"
            yield extent, "yaml-merge", said, "write the lines out", None

    def _copies(self, used: Sequence[tuple[str, Extent]]) -> Told:
        name = used[0][0]
        first = self.anchors[name]
        lines = sorted({extent.line for _, extent in used})
        where = f"line{'s' * (len(lines) > 1)} {', '.join(map(str, lines[:6]))}{', …' if len(lines) > 6 else ''}"
        said = f"&{name} is copied with * elsewhere ({where}); a flow says what it means where it means it"
        return first, "yaml-anchor", said, "write the value out in each place", None

    def _text(self, extent: Extent) -> str:
        """What stands from a sign to the end of its line, if that can only be one text."""
        rest = line_at(self.lines, extent.line)[extent.column - 1 :].rstrip()
        return rest if not set("#,]}:") & set(rest) else ""


def _in_quotes(text: str) -> str:
    return f"write it as text, in quotes: {quoted(text)[:80]}" if text else "if it is text, put it in quotes"
