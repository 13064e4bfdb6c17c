"""What people who follow a call's page are told as it happens: each line as it is said, gaps, and briefings."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flowengine.call import events as e

Publish = Callable[[Mapping[str, object]], None]  # to everybody who follows this call; never blocks


class PageNews:
    """The events of one call in the words of the page. A line whose words still change has the number None."""

    def __init__(self, publish: Publish, seconds: Callable[[], float]) -> None:
        self._publish, self._seconds = publish, seconds
        self._saying: dict[str, str] = {}  # speaker → the turn whose words are still changing

    def tell(self, event: e.Event, number: int) -> None:
        """An event with its number in the journal; most are no news for a page."""
        match event:
            case e.CallerSaid(_, text) if text.strip():
                self._final("caller", text, number)
            case e.AgentSaid(_, text, _) | e.LinePlayed(_, _, text) if text.strip():
                self._final("agent", text, number)
            case e.StaffSaid(_, text):
                self._final("staff", text, number)
            case e.TranscriptGap(at, leg, open_):
                self._publish({"type": "gap", "leg": leg, "open": open_, "at": at, "id": number})
            case e.ConsultSaid(at, leg, who, text):
                self._publish({"type": "consult", "leg": leg, "speaker": who, "text": text, "at": at, "id": number})

    def partial(self, speaker: str, text: str, after: int) -> None:
        """Words so far, the journal being as long as `after`; they replace those told before."""
        self._line(speaker, text, self._saying.setdefault(speaker, f"{speaker}-{after}"), None)

    def _final(self, speaker: str, text: str, number: int) -> None:
        self._line(speaker, text, self._saying.pop(speaker, f"{speaker}-{number + 1}"), number)

    def _line(self, speaker: str, text: str, turn: str, number: int | None) -> None:
        self._publish(
            {
                "type": "line",
                "speaker": speaker,
                "text": text,
                "final": number is not None,
                "turn": turn,
                "at": self._seconds(),
                "id": number,
            }
        )
