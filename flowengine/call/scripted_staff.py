"""Staff of a rehearsed call: each phone does what the test says of its owner."""

from __future__ import annotations

from collections.abc import Callable

from flowengine.call import documents
from flowengine.call import events as e
from flowengine.call.scene import THINKING, Due, Scene, drop, spoken_seconds
from flowengine.call.state import attempt_on

PICKS_UP = 4.0  # seconds after which somebody who accepts picks up
VOICEMAIL_PICKS_UP = 16.0
GREETING = 8.0  # how long a machine talks before its tone
ACCEPTS = "accepts"


class ScriptedStaff:
    """Everybody's phones. What a phone will do is dropped when it is told otherwise."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.legs: dict[str, list[Due]] = {}
        self.heard_out: set[str] = set()

    # ---- what the test says -----------------------------------------------------------------------------------------

    def outcome_of(self, person: str) -> str:
        """What a person does when their phone rings."""
        return self.scene.test.staff.get(self.scene.flow.people[person].name, ACCEPTS)

    def outcome_at(self, address: str) -> str:
        """The same by number or SIP address."""
        people = self.scene.flow.people.values()
        owner = next((person.key for person in people if address in person.phones), "")
        return self.outcome_of(owner) if owner else ACCEPTS

    def first_accepts(self) -> bool:
        """Whether whoever is to be rung next takes calls, and so opens the card's page too."""
        handoff = self.scene.call.handoff
        return bool(handoff and handoff.stages) and self._next_outcome() == ACCEPTS

    def _next_outcome(self) -> str:
        handoff = self.scene.call.handoff
        assert handoff is not None
        return self.outcome_of(handoff.stages[0].targets[0].person)

    def _person(self, leg: str) -> str:
        attempt = attempt_on(self.scene.call, leg)
        return attempt.target.person if attempt else ""

    # ---- phones -----------------------------------------------------------------------------------------------------

    def rings(self, leg: str, seconds: float, *, hears_out: bool = False) -> None:
        """A phone is rung for at most so long. `hears_out`: of a machine is told at the end of its greeting."""
        self.legs[leg] = []
        if hears_out:
            self.heard_out.add(leg)
        ref = f"ref-{leg}"
        self._does(leg, 0.3, lambda: self.scene.send(e.LegCreated(self.scene.at, leg, ref)))
        match self.outcome_of(self._person(leg)):
            case "no answer":
                self._ends(leg, "no_answer", seconds)
            case "busy":
                self._ends(leg, "busy", 2.0)
            case "fails":
                self._ends(leg, "failed", 1.0)
            case "voicemail":
                self._does(leg, min(VOICEMAIL_PICKS_UP, seconds - 1), lambda: self._picks_up(leg, ref))
            case _:
                self._does(leg, min(PICKS_UP, seconds - 1), lambda: self._picks_up(leg, ref))

    def gets(self, leg: str, document: documents.Document) -> None:
        """A leg is told what it hears."""
        if leg not in self.legs:
            return
        person = self._person(leg)
        who = self.scene.flow.people[person].name if person else "staff"
        match document:
            case documents.BriefStaff(_, briefing, accept_within):
                self.scene.hears(self.scene.at, spoken_seconds(briefing), "notice", briefing, who)
                self._decides(leg, spoken_seconds(briefing), accept_within)
            case documents.BriefByAgent():
                self._does(leg, 0.4, lambda: self.scene.send(e.StaffMediaStarted(self.scene.at, leg)))
            case documents.AskWhy(_, say):
                self.scene.hears(self.scene.at, spoken_seconds(say), "notice", say, who)
                self._ends(leg, "completed", spoken_seconds(say) + THINKING)
            case documents.AwaitTone():
                self._machine_noticed(leg)
            case documents.JoinStaff(_, room):
                self._does(leg, 0.6, lambda: self.scene.send(e.JoinedRoom(self.scene.at, leg, room)))
                if self.outcome_of(person) == "voicemail":
                    self._machine_noticed(leg)
                if self.outcome_of(person) == "declined":
                    self._ends(leg, "completed", THINKING)
            case documents.HangUp(say):
                if say:
                    self.scene.hears(self.scene.at, spoken_seconds(say), "notice", say, who)
                self.cancelled(leg, "completed", spoken_seconds(say) if say else 0.2)

    def consulted(self, leg: str, greeting: str) -> None:
        """An agent briefs whoever picked up, who says yes or no."""
        if leg not in self.legs:
            return
        person = self._person(leg)
        name, seconds = self.scene.flow.people[person].name if person else "staff", spoken_seconds(greeting)
        self._does(leg, 0.4, lambda: self.scene.send(e.ConsultReady(self.scene.at, leg)))
        self.scene.hears(self.scene.at + 0.4, seconds, "agent", greeting, name)
        tool, given = {
            "declined": ("decline", {"reason": "busy"}),
            "voicemail": ("reached_machine", {}),
        }.get(self.outcome_of(person), ("connect_caller", {}))
        arguments: dict[str, object] = dict(given)
        self._does(
            leg,
            seconds + 2 * THINKING,
            lambda: self.scene.send(e.ConsultToolCalled(self.scene.at, leg, f"{leg}-t", tool, arguments)),
        )

    def _machine_noticed(self, leg: str) -> None:
        out = leg in self.heard_out
        self._does(leg, GREETING if out else 3.0, lambda: self.scene.send(e.MachineDetected(self.scene.at, leg, out)))

    def cancelled(self, leg: str, outcome: e.LegOutcome = "cancelled", after: float = 0.2) -> None:
        """A leg is ended from our side, whatever it was about to do."""
        for due in self.legs.get(leg, ()):
            drop(due)
        if leg in self.legs:
            self._ends(leg, outcome, after)

    def _picks_up(self, leg: str, ref: str) -> None:
        self.scene.send(e.LegAnswered(self.scene.at, leg, ref, self.scene.asks(leg)))

    def _decides(self, leg: str, briefing: float, accept_within: float) -> None:
        """Who picked up hears the briefing, then presses a key or does not."""
        match self.outcome_of(self._person(leg)):
            case "voicemail":
                self._machine_noticed(leg)
                self._does(leg, briefing + accept_within, lambda: self._presses(leg, ""))
            case "declined":
                self._does(leg, briefing + THINKING, lambda: self._presses(leg, "2"))
            case _:
                self._does(leg, briefing + THINKING, lambda: self._presses(leg, "1"))

    def _presses(self, leg: str, key: str) -> None:
        self.scene.send(e.StaffPressed(self.scene.at, leg, key, self.scene.asks(leg)))

    def _does(self, leg: str, seconds: float, happen: Callable[[], None]) -> None:
        self.legs[leg].append(self.scene.later(seconds, happen))

    def _ends(self, leg: str, outcome: e.LegOutcome, after: float) -> None:
        def over() -> None:
            self.legs.pop(leg, None)
            self.scene.send(e.LegEnded(self.scene.at, leg, outcome))

        self._does(leg, after, over)
