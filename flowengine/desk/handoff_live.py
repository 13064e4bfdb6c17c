"""A call's news as the events of one hand-off's page: nothing lost between page and stream, no final doubled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flowengine.desk import stream
from flowengine.desk.handoff_view import afterwards_view, handoff_view
from flowengine.desk.views import Office, Transcript, View
from flowengine.runtime.rows import CallRow, Entry, Note, WrapUp

BEATS_AFTERWARDS = 20  # of 15 s without news after the call's end: so long other screens' notes still appear


@dataclass(frozen=True, slots=True)
class Seen:
    """A hand-off that a session may see, with what staff said of it."""

    card: Mapping[str, Any]
    row: CallRow | None
    office: Office
    wrap: WrapUp | None
    notes: Sequence[Note]

    @property
    def handoff(self) -> str:
        return str(self.card["handoff"])

    @property
    def call_id(self) -> str:
        return str(self.card["call_id"])

    @property
    def flow(self) -> str:
        return str(self.card["flow"])

    @property
    def over(self) -> bool:
        return self.row is not None and self.row.outcome is not None

    @property
    def afterwards(self) -> View:
        return afterwards_view(self.wrap, self.notes, self.office)


class Live:
    """Turns news into pieces of the stream. `over`: nothing more will come."""

    def __init__(self, seen: Seen, last: int) -> None:
        """`last` is the number of the last line the page has or gets by `so_far`."""
        self.over = False
        self._seen, self._last, self._ended, self._quiet = seen, last, seen.over, 0
        self._transcript = Transcript.of(seen.card, seen.row, seen.office)

    def so_far(self, entries: Sequence[Entry]) -> Iterator[str]:
        """The card and what was said of it as they are, and the lines the page does not have."""
        yield stream.message(self._card())
        yield stream.message(afterwards(self._seen))
        for line in self._transcript.of_journal(entries):
            yield stream.message(line, line["id"])
        if self._ended:
            yield stream.message({"type": "ended"})

    def pieces(self, item: Mapping[str, Any] | None) -> Iterator[str]:
        """`item` is news, or None for a stretch of silence."""
        if item is None:
            self._quiet += self._ended
            self.over = self._quiet > BEATS_AFTERWARDS
            yield stream.message({"type": "over"}) if self.over else stream.BEAT
        elif item["type"] == "ended":
            self._ended = True
            yield stream.message(self._card())
            yield stream.message({"type": "ended"})
        elif view := self._view(item):
            yield stream.message(view, view.get("id"))

    def _card(self) -> View:
        return {"type": "card", "card": handoff_view(self._transcript.card, self._seen.office, call_over=self._ended)}

    def _view(self, item: Mapping[str, Any]) -> View | None:
        match item:
            case {"type": "card", "card": card} if card["handoff"] == self._seen.handoff:
                self._transcript = replace(self._transcript, card=card)
                return self._card()
            case {"type": "line", "final": False}:
                return self._line(item, None) if self._transcript.live and not self._ended else None
            case {"type": "line", "id": int(number)} if self._is_new(number) and self._transcript.shows(item["at"]):
                return self._line(item, number)
            case {"type": "gap", "id": int(number)} if self._is_new(number) and self._transcript.live:
                return self._transcript.gap(item["open"], item["leg"], number)
            case {"type": "reload"}:
                return stream.RELOAD
        return None

    def _line(self, item: Mapping[str, Any], number: int | None) -> View:
        said = (item["speaker"], item["text"], item["at"])
        return self._transcript.line(*said, id=number, turn=item["turn"], final=number is not None)

    def _is_new(self, number: int) -> bool:
        """False for what the replay has shown already."""
        new, self._last = number > self._last, max(self._last, number)
        return new


def afterwards(seen: Seen) -> View:
    """All of it each time, so that a page that missed some has everything."""
    return {"type": "afterwards", "afterwards": seen.afterwards}
