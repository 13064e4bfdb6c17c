"""A call rehearsed in virtual time: the real core against a scripted caller, scripted staff and no model at all.

`flowengine test` and `route` are built on it. Nothing here is random, waits, or talks to anybody; durations of speech
are estimated from the words. What the receptionist says in her own words is not known here, only when she would speak.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flowengine.call import commands as c
from flowengine.call import documents
from flowengine.call import events as e
from flowengine.call.journal import Replayed
from flowengine.call.scene import THINKING, Due, Heard, Scene, drop
from flowengine.call.scripted_caller import ScriptedCaller
from flowengine.call.scripted_staff import ScriptedStaff
from flowengine.call.state import Call, Phase
from flowengine.flow.hours import moment
from flowengine.flow.model import Flow, FlowTest

STRANGER = "+12025550143"  # who calls when the test does not say
ENDINGS = {"message": "take_message", "ended": "hang_up", None: "receptionist"}
WHILE_TALKING = ("rule", "quiet", "session", "watch")  # timers that only count how long somebody talks


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of a rehearsed call."""

    steps: tuple[Replayed, ...]
    heard: tuple[Heard, ...]

    @property
    def call(self) -> Call:
        return self.steps[-1].call

    @property
    def ends_with(self) -> str:
        """How the call ended, as `expect: {ends_with: …}` names it."""
        return ENDINGS.get(self.call.outcome, self.call.outcome or "")

    @property
    def lines_heard(self) -> tuple[Heard, ...]:
        """What the caller hears word for word."""
        return tuple(h for h in self.heard if not h.who and h.what in ("agent", "notice"))

    @property
    def staff_heard(self) -> tuple[Heard, ...]:
        return tuple(h for h in self.heard if h.who)


def rehearse(flow: Flow, test: FlowTest) -> Rehearsal:
    """The call of a test, from ring to end. Raises `scene.Circle` for a call that does not end: a defect of ours."""
    return rehearse_at(flow, test, moment(flow, test.at))


def rehearse_at(flow: Flow, test: FlowTest, now: datetime) -> Rehearsal:
    """The same at a moment that is known already (aware)."""
    return _Rehearsal(flow, test, now).run()


class _Rehearsal:
    """The carrier, the receptionist's session and the clock of one call: does what the core asks for."""

    def __init__(self, flow: Flow, test: FlowTest, now: datetime) -> None:
        self.scene = Scene(flow, test, now, self._perform)
        self.staff = ScriptedStaff(self.scene)
        self.caller = ScriptedCaller(self.scene, self.staff)
        self.timers: dict[str, Due] = {}

    def run(self) -> Rehearsal:
        scene = self.scene
        scene.send(self._arrives(scene.flow, scene.test))
        scene.later(THINKING, self.caller.turn)
        while not self._settled() and scene.next():
            pass
        return Rehearsal(tuple(scene.steps), tuple(sorted(scene.heard, key=lambda h: h.at)))

    def _arrives(self, flow: Flow, test: FlowTest) -> e.CallArrived:
        numbers = flow.office.phone_numbers
        named = {name: number for number, name in numbers.items() if name}
        return e.CallArrived(
            at=0.0,
            request=self.scene.asks(""),
            call_id="c1",
            ref="rehearsed",
            caller=test.calls_from or STRANGER,
            dialled=named.get(test.dialled, test.dialled) or next(iter(numbers)),
            arrives_by=flow.office.calls_arrive_by,
            now=self.scene.now.isoformat(),
            rehearsed=True,
            called_before=test.called_before,
        )

    def _settled(self) -> bool:
        """Whether nothing more will come of it: the caller has said everything and talks to somebody."""
        if self.caller.script:
            return False
        phase = self.scene.call.phase
        return phase == Phase.CONNECTED or (phase == Phase.TALKING and self.scene.idle())

    def _perform(self, command: c.Command) -> None:
        scene = self.scene
        match command:
            case c.Answer(request, document):
                self._answered(scene.asking.pop(request, None), document)
            case c.MoveCaller(_, document):
                self.caller.gets(document)
            case c.MoveStaff(leg, _, document):
                self.staff.gets(leg, document)
            case c.RingStaff(leg, _, seconds):
                self.staff.rings(leg, seconds, hears_out=command.hear_machine_out)
            case c.StartConsult(leg, opening):
                self.staff.consulted(leg, opening.greeting)
            case c.CancelLeg(leg):
                self.staff.cancelled(leg)
            case c.PlayLine(line, text):
                self.caller.told(text, lambda: scene.send(e.LinePlayed(scene.at, line)), queued=True)
            case c.ClearAudio():
                self.caller.hushed()
            case c.PlayMusic(music):
                scene.hears(scene.at, 0.0, "music", music)
            case c.StartAgent(_, greeting):
                self._agent_starts(greeting)
            case c.AskAgent(instructions):
                self.caller.answered(instructions)
            case c.ShowCard(handoff):
                scene.later(0.1, lambda: scene.send(e.CardShown(scene.at, handoff)))
            case c.Deliver(event="handoff.decided", channel="webhook"):
                scene.later(0.5, lambda: scene.send(e.CardConfirmed(scene.at, "webhook")))
            case c.StartTimer(timer, seconds):
                self._timer_starts(timer, seconds)
            case c.StopTimer(timer):
                drop(self.timers.pop(timer, None))
            case c.EndCall():
                scene.over = True

    def _answered(self, leg: str | None, document: documents.Document) -> None:
        """The answer to a question of the carrier; a question is answered once."""
        if leg == "":
            self.caller.gets(document)
        elif leg is not None:
            self.staff.gets(leg, document)

    def _agent_starts(self, greeting: str) -> None:
        scene = self.scene
        if scene.test.receptionist_fails:
            scene.later(2.0, lambda: scene.send(e.AgentFailed(scene.at, "the test says so")))
            return
        scene.later(0.4, lambda: scene.send(e.AgentReady(scene.at)))
        if greeting:
            self.caller.greeted(greeting)

    def _timer_starts(self, timer: str, seconds: float) -> None:
        scene = self.scene
        drop(self.timers.pop(timer, None))
        fires = scene.later(
            seconds,
            lambda: scene.send(e.TimerFired(scene.at, timer)),
            keeps_alive=not timer.startswith(WHILE_TALKING),
        )
        self.timers[timer] = fires
        if timer == "confirm" and self.staff.first_accepts():
            scene.later(2.0, lambda: scene.send(e.CardConfirmed(scene.at, "page")))
