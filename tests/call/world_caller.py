"""The caller's leg in `world`: on a stream of ours, in a room, recorded, sent away, or gone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from flowengine.call import documents
from flowengine.call import events as e
from tests.call.world_legs import SPOKEN, Act, Ghost, Leg

if TYPE_CHECKING:
    from tests.call.world import World


SAID = (
    "Can I talk to someone?",
    "My crown fell out",
    "never mind",
    "message",
    "he can't breathe",
    "yes",
    "a lawyer",
    "no",
    "what?",
    "stop recording",
)
KEYS = ("0", "1", "*", "5")
HEARD: tuple[Callable[[float], e.Event], ...] = (  # on the caller's line, of the caller and of the receptionist
    e.SpeechStarted,
    e.SpeechEnded,
    lambda at: e.ReplyStarted(at, "r1"),
    lambda at: e.ReplyHeard(at, "r1"),
    lambda at: e.AgentSaid(at, "One moment, I will transfer you to a colleague."),
    lambda at: e.AgentSaid(at, "Thank you for", interrupted=True),
    lambda at: e.SpeechGauged(at, 0.2),
)


class CallerLeg(Leg):
    def __init__(self, world: World) -> None:
        super().__init__(world, "c1-caller", "asking")
        self.ref, self.stream = "REF-c1", 0

    # ---- documents -------------------------------------------------------------------------------------------------

    def gets(self, document: documents.Document) -> None:
        if isinstance(document, documents.Wait):
            assert self.state == "room", f"{document} for a caller who does not wait in a room"
            self.planned(document.seconds, "has heard the music", self._asks_what_there_is)
            return
        self._leave_where_it_is()
        self.begin(document, "opening")
        match document:
            case documents.ConnectCaller(stream, say):
                self.planned(0.3 + SPOKEN * bool(say), f"opens stream {stream}", lambda: self._opens(stream))
            case documents.JoinCaller(room) | documents.ParkCaller(room):
                self.planned(0.2, f"enters {room}", lambda: self._enters(room))
            case documents.RecordCaller():
                self.planned(6.0, "has spoken after the tone", self._records)
            case documents.ReferCaller() | documents.DialNumber():
                self.state = "away"
                self.planned(4.0, "was sent away", self._sent)
            case documents.HangUp(say):
                self.planned(0.2 + SPOKEN * bool(say), "is hung up on", self.hangs_up)
            case _:
                raise AssertionError(f"{document} is nothing for the caller")

    def _leave_where_it_is(self) -> None:
        if self.state == "stream":
            self._stream_ends()
            if self.world.asks_twice:
                self._asks_for_the_end_of(self.stream, Ghost(self.world, self.name, "asking"))
        self.leaves()

    def _stream_ends(self) -> None:
        stream = self.stream
        self.world.drop(self.world.line)
        self.world.result(lambda at: e.MediaEnded(at, stream), self.name)

    def _asks_for_the_end_of(self, stream: int, leg: Leg) -> None:
        self.world.ask(lambda at, q: e.CallerReturned(at, q, stream), leg, after=0.5)

    def _opens(self, stream: int) -> None:
        """A stream that the call does not want is closed at once, and the carrier asks."""
        if stream != self.world.call.stream or self.world.call.phase == "ended":
            self.begin(self.document, "asking")
            self._asks_for_the_end_of(stream, self)
            return
        self.state, self.stream = "stream", stream
        self.world.take(e.MediaStarted(self.world.at, stream))

    def _enters(self, room: str) -> None:
        self.enters(room)
        if isinstance(self.document, documents.ParkCaller):
            self._asks_what_there_is()

    def _asks_what_there_is(self) -> None:
        """Only as long as nobody else is in the room."""
        if len(self.world.rooms.people(self.room)) == 1:
            room = self.room
            self.world.ask(lambda at, q: e.WaitAsked(at, q, room), self, after=0.1)

    def _records(self) -> None:
        self.begin(self.document, "asking")
        if self.world.speaks:
            self.world.ask(lambda at, q: e.MessageRecorded(at, q, "https://example.com/r1", 3.0), self)
        else:
            self.world.ask(lambda at, q: e.CallerReturned(at, q), self)

    def _sent(self) -> None:
        document, found = self.document, self.world.lets_go
        self.begin(document, "asking")
        if isinstance(document, documents.ReferCaller):
            self.world.ask(lambda at, q: e.ReferAnswered(at, q, found, "refer 202" if found else "603"), self)
        else:
            outcome: e.LegOutcome = "completed" if found else "no_answer"
            self.world.ask(lambda at, q: e.DialEnded(at, q, outcome, found), self)

    def room_is_over(self, room: str) -> None:
        self.world.ask(lambda at, q: e.CallerLeftRoom(at, q, room), self)

    # ---- orders ----------------------------------------------------------------------------------------------------

    def moved(self, document: documents.Document) -> None:
        def does() -> None:
            if self.state == "over":
                self.world.result(lambda at: e.CallerMoveFailed(at, True, "21220"), self.name)
            else:
                self.gets(document)
                self.world.result(e.CallerMoved, self.name)

        def fails() -> None:
            gone = self.state == "over"
            self.world.result(lambda at: e.CallerMoveFailed(at, gone, "500"), self.name)

        def unsure() -> None:
            if self.state != "over":
                self.gets(document)
            fails()

        self.world.order(
            self, f"move caller to {document}", does, ("fails", fails), ("is done and not confirmed", unsure)
        )

    def checked(self) -> None:
        def does() -> None:
            if self.state == "over":
                self.world.result(e.CallerHungUp, self.name)

        self.world.order(self, "check caller", does, ("fails", lambda: None))

    # ---- what the caller and the network do --------------------------------------------------------------------------

    def hangs_up(self) -> None:
        """The carrier says so, in up to two ways, and either may be lost. What we hear of the caller ends as well."""
        if self.state == "stream":
            self._stream_ends()
        if self.room:
            self.world.result(e.CallerUnheard, self.name)
        self.leaves()
        self.world.tape.ends()
        self.begin(None, "over")
        self.world.news(e.CallerHungUp, self, loses=True)

    def acts(self) -> list[Act]:
        """What the caller may do now, and what may be heard on their line."""
        if self.state == "over" or not self.world.call.call_id:
            return []
        acts: list[Act] = [("caller hangs up", self.hangs_up)]
        if self.can_be_heard():
            acts += [(f"caller: {text}", partial(self.says, text)) for text in SAID]
        if self.state == "stream":
            acts += [(f"caller presses {key}", partial(self.presses, key)) for key in KEYS]
            acts += [(f"{_kind(make)} on the caller's line", partial(self._is_heard, make)) for make in HEARD]
        return acts

    def _is_heard(self, make: Callable[[float], e.Event]) -> None:
        self.world.take(make(self.world.at))

    def can_be_heard(self) -> bool:
        """By the receptionist, or in a room by the transcript."""
        voice = self.world.voice
        return self.state == "room" or (self.state == "stream" and voice.state == "ready" and voice.hears)

    def says(self, text: str) -> None:
        self.world.take(e.CallerSaid(self.world.at, text))

    def presses(self, key: str) -> None:
        self.world.take(e.KeyPressed(self.world.at, key))

    def stream_breaks(self) -> None:
        self._stream_ends()
        self.begin(self.document, "asking")
        self._asks_for_the_end_of(self.stream, self)

    def process_died(self) -> None:
        if self.state == "stream":
            self.begin(self.document, "asking")
            self._asks_for_the_end_of(self.stream, self)


def _kind(make: Callable[[float], e.Event]) -> str:
    return type(make(0.0)).__name__
