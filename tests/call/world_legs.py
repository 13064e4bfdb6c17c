"""The carrier's side of `world`: what all legs have in common, and the rooms in which they meet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from flowengine.call import documents
from flowengine.call import events as e

if TYPE_CHECKING:
    from tests.call.world import Due, World

Act = tuple[str, Callable[[], None]]  # something that may be done now, and what it is
SPOKEN = 3.0  # seconds a sentence takes


@dataclass(slots=True)
class Voice:
    """An agent's session."""

    state: Literal["none", "opening", "ready"] = "none"
    session: int = 0
    hears: bool = True
    tools: set[str] = field(default_factory=set)  # calls that await their result


class Leg:
    """One party's connection. `epoch` counts its documents: what belongs to an older one happens no more."""

    is_staff = False

    def __init__(self, world: World, name: str, state: str) -> None:
        self.world, self.name, self.state = world, name, state
        self.ref = ""
        self.epoch = 0
        self.room = ""
        self.document: documents.Document | None = None
        self._plan: list[Due] = []

    def gets(self, document: documents.Document) -> None:
        raise NotImplementedError

    def room_is_over(self, room: str) -> None:
        """The last thing its document had to say was to be in that room."""
        raise NotImplementedError

    def planned(self, seconds: float, what: str, does: Callable[[], None]) -> None:
        """Happens unless the leg gets another document first."""
        self._plan.append(self.world.later(seconds, f"{self.name} {what}", does, "carrier", about=self.name))

    def begin(self, document: documents.Document | None, state: str) -> None:
        """Whatever went on is over."""
        self.epoch += 1
        for due in self._plan:
            self.world.drop(due)
        self._plan.clear()
        self.document, self.state = document, state

    def enters(self, room: str) -> None:
        self.state, self.room = "room", room
        self.world.rooms.entered(self, room)

    def leaves(self, *, loses: bool = True) -> None:
        if self.room:
            room, self.room = self.room, ""
            self.world.rooms.left(self, room, loses=loses)


class Rooms:
    """Who is in which room. A room ends when a staff member leaves it."""

    def __init__(self, world: World) -> None:
        self.world = world

    def people(self, room: str) -> list[Leg]:
        legs: list[Leg] = [self.world.caller, *self.world.staff.values()]
        return [leg for leg in legs if leg.room == room]

    def entered(self, leg: Leg, room: str) -> None:
        self.world.news(lambda at: e.JoinedRoom(at, leg.name, room), leg, loses=True)

    def left(self, leg: Leg, room: str, *, loses: bool) -> None:
        self._tells_that_left(leg, room, loses)
        if leg.is_staff:
            for other in self.people(room):
                other.room = ""
                self._tells_that_left(other, room, loses=True)
                other.begin(other.document, "asking")
                other.room_is_over(room)

    def _tells_that_left(self, leg: Leg, room: str, loses: bool) -> None:
        self.world.news(lambda at: e.LeftRoom(at, leg.name, room), leg, loses=loses)

    def checked(self, room: str) -> None:
        """The carrier is asked who is there."""

        def does() -> None:
            refs = tuple(leg.ref for leg in self.people(room))
            self.world.result(lambda at: e.RoomSeen(at, room, refs), "c1-caller")

        self.world.order(self.world.caller, f"check {room}", does, ("fails", lambda: None))

    def announced(self, room: str) -> None:
        listening = _Listening(self.world, "the room", "asking")
        self.world.order(
            self.world.caller,
            f"announce in {room}",
            lambda: self.world.ask(lambda at, q: e.AnnouncementAsked(at, q, room), listening),
        )


class _Listening(Leg):
    """Who is in a room hears what is said to all; nobody goes anywhere for it."""

    def gets(self, document: documents.Document) -> None:
        assert isinstance(document, documents.SayToRoom | documents.HangUp)


class Ghost(Leg):
    """A question that the carrier asks although it has another document already: the answer goes nowhere."""

    def gets(self, document: documents.Document) -> None:
        pass
