"""Rooms: who is in them, what each hears of the others, and what the customer is told about it (twilio.md 1.4 and 2.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from flowengine.sandbox.carrier0.leg import Leg
from flowengine.sandbox.speech import mix


@dataclass(slots=True)
class Seat:
    """One leg's place in a room."""

    leg: Leg
    starts: bool = True
    ends: bool = False
    muted: bool = False
    hold: bool = False
    label: str = ""
    beep: bool = True
    wait: Callable[[], bytes | None] | None = None  # what is heard until the room starts


Tell = Callable[["Room", str, dict[str, str]], None]


@dataclass(slots=True)
class Room:
    """A conference. The first to join fixes where and about what the customer is called back."""

    sid: str
    name: str
    tell: Tell
    status_callback: str = ""
    status_method: str = "POST"
    events: frozenset[str] = frozenset()
    seats: dict[str, Seat] = field(default_factory=dict)
    started: bool = False
    status: str = "init"
    sequence: int = 0
    ending: str = ""
    reason: str = ""
    on_empty: Callable[[], None] = lambda: None

    def join(self, seat: Seat) -> None:
        self.seats[seat.leg.sid] = seat
        self.tell(self, "participant-join", self._of(seat))
        if not self.started and len(self.seats) >= 2 and any(s.starts for s in self.seats.values()):
            self.started, self.status = True, "in-progress"
            self.tell(self, "conference-start", {})

    def leave(self, leg: Leg, why: str) -> list[Leg]:
        """Who has to leave with this leg (it ended the room), after telling about it."""
        seat = self.seats.pop(leg.sid, None)
        if seat is None:
            return []
        more = {"ParticipantCallStatus": leg.record.status if leg.over else "in-progress", "ReasonParticipantLeft": why}
        self.tell(self, "participant-leave", {**self._of(seat), **more})
        others = [s.leg for s in self.seats.values()] if seat.ends else []
        if (seat.ends or not self.seats) and self.status != "completed":
            self._end(
                leg, seat, "participant-with-end-conference-on-exit-left" if seat.ends else "last-participant-left"
            )
        return others

    def _end(self, leg: Leg, seat: Seat, reason: str) -> None:
        self.status, self.ending, self.reason = "completed", leg.sid, reason
        ended = {
            "CallSidEndingConference": leg.sid,
            "ParticipantLabelEndingConference": seat.label,
            "ReasonConferenceEnded": reason,
            "Reason": reason,
        }
        self.tell(self, "conference-end", ended)
        self.on_empty()

    def _of(self, seat: Seat) -> dict[str, str]:
        flags = {
            "Muted": seat.muted,
            "Hold": seat.hold,
            "Coaching": False,
            "EndConferenceOnExit": seat.ends,
            "StartConferenceOnEnter": seat.starts,
        }
        label = {"ParticipantLabel": seat.label} if seat.label else {}
        return {"CallSid": seat.leg.sid, **{k: str(v).lower() for k, v in flags.items()}, **label}

    def mixed(self, leg: Leg) -> bytes | None:
        """The sum of the others; None before the room starts, when the wait sound is heard."""
        if not self.started:
            return None
        seat = self.seats[leg.sid]
        if seat.hold:
            return None
        return mix([s.leg.said for s in self.seats.values() if s is not seat and not s.muted and not s.hold])
