"""A staff leg in `world`: a phone that rings, who or what picks it up, and the agent that briefs them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from flowengine.call import commands as c
from flowengine.call import documents
from flowengine.call import events as e
from tests.call.world_legs import SPOKEN, Act, Leg, Voice

if TYPE_CHECKING:
    from tests.call.world import World

LATE_NO_ANSWER = 5.0  # seconds the carrier adds to a ring time (twilio.md 4.1)


class StaffLeg(Leg):
    is_staff = True

    def __init__(self, world: World, name: str, ring: c.RingStaff) -> None:
        super().__init__(world, name, "ordered")
        self.ring = ring
        self.machine = False
        self.voice = Voice()
        self.lost = 0  # orders to let it go that never came
        world.order(
            self,
            f"ring {name}",
            self._created,
            ("is refused", self._refused),
            ("is done and never answered", lambda: self._unanswered(True)),
            ("is never answered", lambda: self._unanswered(False)),
        )

    # ---- orders ----------------------------------------------------------------------------------------------------

    def _created(self) -> None:
        self._rings()
        self.world.result(lambda at: e.LegCreated(at, self.name, self.ref), self.name)

    def _refused(self) -> None:
        self.begin(None, "over")
        self.world.result(lambda at: e.LegEnded(at, self.name, "failed", "400"), self.name)

    def _unanswered(self, done: bool) -> None:
        """Nobody knows whether the phone rings."""
        if done:
            self._rings()
        else:
            self.begin(None, "over")
        self.world.result(lambda at: e.LegUnknown(at, self.name), self.name)

    def _rings(self) -> None:
        self.ref = f"REF-{self.name}"
        self.state = "ringing"
        self.world.news(lambda at: e.LegCreated(at, self.name, self.ref), self, loses=True)
        self.world.news(lambda at: e.LegRinging(at, self.name, self.ref), self, 1.0, loses=True)
        self.planned(self.ring.ring_seconds + LATE_NO_ANSWER, "is not answered", lambda: self.ends("no_answer"))

    def cancelled(self, ref: str) -> None:
        def does() -> None:
            if ref and self.state not in ("over", "ordered"):
                self.ends("cancelled" if self.state == "ringing" else "completed")

        self.world.order(self, f"cancel {self.name} ({ref or 'unnamed'})", does, ("is lost", self._lost_order))

    def moved(self, document: documents.Document) -> None:
        def does() -> None:
            if self.state not in ("over", "ordered", "ringing"):
                self.gets(document)

        self.world.order(self, f"move {self.name} to {document}", does, ("is lost", self._lost_order))

    def _lost_order(self) -> None:
        """The core hears nothing of it."""
        self.lost += 1

    # ---- documents -------------------------------------------------------------------------------------------------

    def gets(self, document: documents.Document) -> None:
        self.leaves()
        self.begin(document, "hearing")
        match document:
            case documents.BriefStaff(accept_within=within):
                self.state = "briefing"
                self.planned(SPOKEN + within, "presses nothing", lambda: self.presses(""))
            case documents.AskWhy(seconds=seconds):
                self.state = "why"
                self.planned(SPOKEN + seconds, "says no reason", lambda: self.says_why(""))
            case documents.AwaitTone(seconds=seconds):
                self.state = "tone"
                self.planned(seconds, "is let go", lambda: self.ends("completed"))
            case documents.BriefByAgent():
                self.planned(0.3, "is heard", self._heard)
            case documents.JoinStaff(_, room):
                self.planned(0.3, f"enters {room}", lambda: self.enters(room))
            case documents.HangUp(say):
                self.planned(0.2 + SPOKEN * bool(say), "is hung up on", lambda: self.ends("completed"))
            case _:
                raise AssertionError(f"{document} is nothing for staff")

    def _heard(self) -> None:
        if not self.world.wanted_consult(self.name):
            self._returns()
            return
        self.state = "talking"
        self.world.take(e.StaffMediaStarted(self.world.at, self.name))

    def _returns(self) -> None:
        self.begin(self.document, "asking")
        self.world.ask(lambda at, q: e.StaffReturned(at, self.name, q), self)

    def room_is_over(self, room: str) -> None:
        self.world.ask(lambda at, q: e.StaffLeftRoom(at, self.name, q), self)

    # ---- what people and machines do ---------------------------------------------------------------------------------

    def picks_up(self) -> None:
        self.begin(None, "asking")
        self.world.ask(lambda at, q: e.LegAnswered(at, self.name, self.ref, q), self)

    def presses(self, key: str) -> None:
        if self.state == "talking":
            self.world.take(e.StaffPressed(self.world.at, self.name, key, ""))
            return
        self.begin(self.document, "asking")
        self.world.ask(lambda at, q: e.StaffPressed(at, self.name, key, q), self)

    def taps(self, accepts: bool) -> None:
        """On the page, which shows whatever hand-off goes on."""
        call = self.world.call
        if call.handoff is not None:
            person = next((a.target.person for a in call.handoff.attempts if a.leg == self.name), "")
            name = self.world.flow.people[person].name if person else "somebody else"
            self.world.take(e.StaffDecided(self.world.at, call.handoff.id, name, accepts, "busy", "Front desk"))

    def says_why(self, key: str) -> None:
        self.begin(self.document, "asking")
        self.world.ask(lambda at, q: e.StaffSaidWhy(at, self.name, key, q), self)

    def hangs_up(self) -> None:
        self.ends("completed")

    def ends(self, outcome: e.LegOutcome) -> None:
        """Who was in a room is missed there too, if the carrier's word on the leg is lost."""
        self.leaves(loses=False)
        self.begin(None, "over")
        self.voice.state = "none"
        self.world.news(lambda at: e.LegEnded(at, self.name, outcome, ""), self, loses=True)

    def is_machine(self, finished: bool) -> None:
        self.machine = True
        self.world.news(lambda at: e.MachineDetected(at, self.name, finished), self, loses=True)

    def acts(self) -> list[Act]:
        """What may be done on the leg now, by whoever is there and by the agent that briefs them."""
        acts: list[Act] = [(f"{self.name} {what}", partial(act, self)) for what, act in ACTS.get(self.state, ())]
        if self.state in ("room", "talking"):
            acts.append((f"{self.name} says hello", self.says_hello))
        if self.state in ("ringing", "asking", "briefing", "talking"):
            acts.append((f"{self.name} takes the call on the page", partial(self.taps, True)))
            acts.append((f"{self.name} declines on the page", partial(self.taps, False)))
        if self.voice.state == "ready":
            acts += [(f"{self.name}, the agent: {tool}", partial(self.agent_says, tool)) for tool in AGENT_SAYS]
        if self.voice.state != "none":
            acts.append((f"{self.name}, the agent fails", self.consult_fails))
        return acts

    # ---- the agent that briefs ---------------------------------------------------------------------------------------

    def consulted(self) -> None:
        if self.state != "talking" or self.voice.state != "none" or self.voice.session:
            return
        self.voice.state, self.voice.session = "opening", 1

        def ready() -> None:
            self.voice.state = "ready"
            self.world.take(e.ConsultReady(self.world.at, self.name))

        lane = f"consult:{self.name}"
        self.world.later(
            0.5,
            f"{self.name} ConsultReady",
            ready,
            "service",
            about=self.name,
            lane=lane,
            otherwise=(("fails", self.consult_fails),),
        )

    def consult_fails(self) -> None:
        self.voice.state = "none"
        self.world.take(e.ConsultFailed(self.world.at, self.name, "dropped"))

    def consult_over(self) -> None:
        self.voice.state, self.voice.session = "none", 1
        self.world.drop_lane(f"consult:{self.name}")

    def agent_says(self, name: str) -> None:
        tool_call = f"t{self.world.next_number()}"
        self.voice.tools.add(tool_call)
        self.world.take(e.ConsultToolCalled(self.world.at, self.name, tool_call, name, {"reason": "busy"}))

    def says_hello(self) -> None:
        """To the agent that briefs, or in the room."""
        at, briefed = self.world.at, self.state == "talking"
        self.world.take(e.ConsultSaid(at, self.name, "staff", "Hello?") if briefed else e.StaffSaid(at, "Hello?"))

    def stream_breaks(self) -> None:
        self.voice.state = "none"
        self._returns()

    def process_died(self) -> None:
        self.voice = Voice()
        if self.state == "talking":
            self._returns()


# What may be done on a leg, by what it is in the middle of.
ACTS: dict[str, tuple[tuple[str, Callable[[StaffLeg], None]], ...]] = {
    "ringing": (
        ("picks up", lambda leg: leg.picks_up()),
        ("is busy", lambda leg: leg.ends("busy")),
        ("rejects", lambda leg: leg.ends("declined")),
        ("cannot be reached", lambda leg: leg.ends("failed")),
    ),
    "asking": (
        ("hangs up", lambda leg: leg.hangs_up()),
        ("is a machine", lambda leg: leg.is_machine(False)),
    ),
    "briefing": (
        ("presses 1", lambda leg: leg.presses("1")),
        ("presses 2", lambda leg: leg.presses("2")),
        ("presses 7", lambda leg: leg.presses("7")),
        ("presses nothing", lambda leg: leg.presses("")),
        ("hangs up", lambda leg: leg.hangs_up()),
        ("is a machine", lambda leg: leg.is_machine(False)),
        ("is a machine that has spoken", lambda leg: leg.is_machine(True)),
    ),
    "why": (
        ("says why", lambda leg: leg.says_why("1")),
        ("says something else", lambda leg: leg.says_why("9")),
        ("hangs up", lambda leg: leg.hangs_up()),
    ),
    "tone": (
        ("is a machine", lambda leg: leg.is_machine(False)),
        ("is a machine that has spoken", lambda leg: leg.is_machine(True)),
        ("hangs up", lambda leg: leg.hangs_up()),
    ),
    "talking": (
        ("presses 1", lambda leg: leg.presses("1")),
        ("presses 2", lambda leg: leg.presses("2")),
        ("presses 7", lambda leg: leg.presses("7")),
        ("hangs up", lambda leg: leg.hangs_up()),
        ("has a broken line", lambda leg: leg.stream_breaks()),
        ("is a machine", lambda leg: leg.is_machine(False)),
        ("is a machine that has spoken", lambda leg: leg.is_machine(True)),
    ),
    "room": (
        ("hangs up", lambda leg: leg.hangs_up()),
        ("is a machine", lambda leg: leg.is_machine(False)),
        ("is a machine that has spoken", lambda leg: leg.is_machine(True)),
    ),
    "hearing": (
        ("hangs up", lambda leg: leg.hangs_up()),
        ("is a machine", lambda leg: leg.is_machine(True)),
    ),
}
AGENT_SAYS = ("connect_caller", "decline", "reached_machine", "call_the_police")
