"""All that is around the core in `test_state_machine`: a clock, a carrier, people, voices that do what real ones may.

Everything that is going to happen lies in one queue with the moment at which it happens when nobody interferes. A test
may let it happen earlier, later, twice or never, may let orders fail, and may let people do what they like.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from flowengine.call import commands as c
from flowengine.call import documents
from flowengine.call import events as e
from flowengine.call.machine import step
from flowengine.call.state import Call, Phase, attempt_on
from flowengine.flow.model import Flow
from tests.call.laws import Laws
from tests.call.story import TUESDAY_MORNING
from tests.call.world_caller import CallerLeg
from tests.call.world_legs import SPOKEN, Act, Leg, Rooms, Voice
from tests.call.world_staff import StaffLeg
from tests.call.world_tape import Tape

Kind = Literal["news", "question", "order", "result", "carrier", "service", "timer"]

LATEST = 10.0  # seconds by which the carrier may be late with anything
AGAIN_KEPT = 12  # webhooks that may still come a second time
RETRY = 2.0  # seconds within which the answer to a question asked again still counts
COUNTS_TALK = ("rule", "quiet", "session", "watch")  # timers that only count how long somebody talks


@dataclass(eq=False, slots=True)
class Due:
    """Something that happens at `at`. Of a `lane` only the first can happen."""

    at: float
    number: int
    what: str
    does: Callable[[], None]
    kind: Kind
    about: str = ""  # the leg
    lane: str = ""
    loses: bool = False  # whether it may never come, and something else tells the same
    otherwise: tuple[tuple[str, Callable[[], None]], ...] = ()  # what else may come of it
    since: float = 0.0
    echo: bool = False  # happened before


class World:
    """One call to one flow. `tell` is given each thing that happens, in words."""

    def __init__(
        self,
        flow: Flow,
        *,
        now: str = TUESDAY_MORNING,
        asks_twice: bool = False,
        speaks: bool = True,
        lets_go: bool = True,
        come: bool = False,
        tell: Callable[[str], None] = lambda told: None,
    ) -> None:
        self.flow, self.tell = flow, tell
        self.asks_twice = asks_twice  # <Connect action> is asked although the caller is being moved
        self.speaks = speaks  # into a voicemail
        self.lets_go = lets_go  # a REFER or dial finds somebody
        self.come = come  # staff take calls when nobody interferes any more
        self.at = 0.0
        self.call = Call()
        self.steps: list[tuple[e.Event, tuple[c.Command, ...]]] = []
        self.queue: list[Due] = []
        self.timers: dict[str, Due] = {}
        self.asking: dict[str, Callable[[documents.Document], None]] = {}
        self.again: list[Callable[[], None]] = []
        self._numbers = 0
        self._requests = 0
        self.voice = Voice()
        self.line: Due | None = None  # the fixed sentence being played
        self.rooms = Rooms(self)
        self.caller = CallerLeg(self)
        self.tape = Tape(self)
        self.staff: dict[str, StaffLeg] = {}
        self.laws = Laws(self)
        dialled, by = next(iter(flow.office.phone_numbers)), flow.office.calls_arrive_by
        self.ask(
            lambda at, request: e.CallArrived(at, request, "c1", "REF-c1", "+13125550199", dialled, by, now),
            self.caller,
            after=0.0,
        )

    # ---- time ------------------------------------------------------------------------------------------------------

    def later(self, seconds: float, what: str, does: Callable[[], None], kind: Kind, **given: Any) -> Due:
        due = Due(round(self.at + seconds, 3), self.next_number(), what, does, kind, since=self.at, **given)
        self.queue.append(due)
        return due

    def next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def drop(self, due: Due | None) -> None:
        if due in self.queue:
            self.queue.remove(due)

    def ready(self) -> list[Due]:
        """What can happen next, soonest first: of each lane only its first."""
        first: dict[str, Due] = {}
        for due in self.queue:
            if due.lane and (due.lane not in first or due.number < first[due.lane].number):
                first[due.lane] = due
        able = [due for due in self.queue if not due.lane or first[due.lane] is due]
        return sorted(able, key=lambda due: (max(due.at, self.at), due.number))

    def happens(self, due: Due) -> None:
        """It happens now, or at its time if that is still to come and it is a timer."""
        self.drop(due)
        self.tell(f"{self.at:8.2f}  {due.what}")
        due.does()
        self.laws.hold()

    def goes_on(self) -> bool:
        """The next thing happens at its time; False when there is none."""
        able = self.ready()
        if not able:
            return False
        self.at = max(self.at, able[0].at)
        self.happens(able[0])
        return True

    def passes(self, seconds: float) -> None:
        until = self.at + seconds
        while (able := self.ready()) and able[0].at <= until:
            self.goes_on()
        self.at = round(max(self.at, until), 3)
        self.laws.hold()

    # ---- the core --------------------------------------------------------------------------------------------------

    def take(self, event: e.Event) -> None:
        before = self.call
        self.call, commands = step(self.flow, before, event)
        self.steps.append((event, commands))
        self.laws.stepped(before, event, commands)
        for command in commands:
            self._perform(command)

    def ask(self, make: Callable[[float, str], e.Event], leg: Leg, after: float = 0.3, echo: bool = False) -> None:
        """A leg asks what comes next. What is answered counts only as long as the leg waits for it."""
        epoch, what = leg.epoch, make(0.0, "?")
        answered: list[tuple[float, int, str]] = []  # when, and as what the leg went on

        def gets(document: documents.Document) -> None:
            retry = (
                echo and answered and self.at - answered[0][0] <= RETRY and (leg.epoch, leg.state) == answered[0][1:]
            )
            if leg.state != "over" and (retry or (leg.epoch == epoch and not answered)):
                leg.gets(document)
                answered.append((self.at, leg.epoch, leg.state))

        def asks() -> None:
            self._requests += 1
            self.asking[f"q{self._requests}"] = gets
            self.take(make(self.at, f"q{self._requests}"))

        def asks_again() -> None:
            nonlocal echo
            echo = True
            asks()

        self._webhook(after, f"{leg.name} asks: {_words(what)}", asks, asks_again, "question", leg)

    def news(self, make: Callable[[float], e.Event], leg: Leg, after: float = 0.3, *, loses: bool = False) -> None:
        """A callback of the carrier; it may come in any order."""

        def comes() -> None:
            self.take(make(self.at))

        self._webhook(after, f"news: {_words(make(0.0))}", comes, comes, "news", leg, loses=loses)

    def _webhook(
        self,
        after: float,
        what: str,
        does: Callable[[], None],
        repeated: Callable[[], None],
        kind: Kind,
        leg: Leg,
        **given: Any,
    ) -> None:
        def comes() -> None:
            self.again = [*self.again, once_more][-AGAIN_KEPT:]
            does()

        def once_more() -> None:
            self.tell(f"{self.at:8.2f}  AGAIN {what}")
            repeated()
            self.laws.hold()

        self.later(after, what, comes, kind, about=leg.name, **given)

    def result(self, make: Callable[[float], e.Event], leg: str, after: float = 0.1, lane: str = "") -> None:
        """What our own process tells the call: once and never lost."""
        self.later(
            after, f"told: {_words(make(0.0))}", lambda: self.take(make(self.at)), "result", about=leg, lane=lane
        )

    def order(self, leg: Leg, what: str, does: Callable[[], None], *otherwise: tuple[str, Callable[[], None]]) -> Due:
        """An order to the carrier about one leg; those about one leg are carried out one after another."""
        lane = f"carrier:{leg.name}"
        return self.later(0.2, f"order: {what}", does, "order", about=leg.name, lane=lane, otherwise=otherwise)

    # ---- what the core asks for --------------------------------------------------------------------------------------

    def _perform(self, command: c.Command) -> None:
        match command:
            case c.Answer(request, document):
                self.asking.pop(request)(document)
            case c.StartTimer(timer, seconds):
                self.drop(self.timers.get(timer))
                self.timers[timer] = self.later(seconds, f"timer {timer}", lambda: self._fires(timer), "timer")
            case c.StopTimer(timer):
                self.drop(self.timers.pop(timer, None))
            case c.RingStaff(leg):
                self.staff[leg] = StaffLeg(self, leg, command)
            case c.CancelLeg(leg, ref):
                self.staff[leg].cancelled(ref)
            case c.MoveStaff(leg, ref, document):
                self.staff[leg].moved(document)
            case c.MoveCaller(_, document):
                self.caller.moved(document)
            case c.CheckCaller():
                self.caller.checked()
            case c.StartRecording():
                self.tape.ordered()
            case c.StopRecording(_, recording):
                self.tape.stopped(recording)
            case c.CheckRoom(room):
                self.rooms.checked(room)
            case c.Announce(room):
                self.rooms.announced(room)
            case c.StartConsult(leg):
                self.staff[leg].consulted()
            case c.EndConsult(leg):
                self.staff[leg].consult_over()
            case c.AnswerConsultTool(leg, answer):
                self.staff[leg].voice.tools.remove(answer.tool_call)
            case c.Deliver(event="handoff.decided", channel="webhook"):
                self.result(lambda at: e.CardConfirmed(at, "webhook"), "")
            case c.ShowCard(handoff):
                self.result(lambda at: e.CardShown(at, handoff), "")
            case _:
                self._speak(command)

    def _speak(self, command: c.Command) -> None:
        match command:
            case c.StartAgent(_, greeting):
                self._agent_opens()
                if greeting and self.flow.privacy.recording != "none":
                    self._greets()
            case c.EndAgent():
                self.voice = Voice("none", self.voice.session)
                self.drop_lane("agent")
            case c.AnswerTool(tool_call):
                self.voice.tools.discard(tool_call)
            case c.LetAgentHear(allowed):
                self.voice.hears = allowed
            case c.PlayLine(line, text):
                self.drop(self.line)
                if self.caller.state == "stream":
                    self.line = self._said(line, text)
            case c.ClearAudio():
                self.drop(self.line)

    def _said(self, line: str, text: str) -> Due:
        """A sentence is heard to its end, or cannot be had."""

        def played() -> None:
            self.take(e.LinePlayed(self.at, line, text))

        def failed() -> None:
            self.take(e.LineFailed(self.at, line))

        otherwise = (("cannot be had", failed),)
        return self.later(SPOKEN, f"said: {text[:60]}", played, "service", about=self.caller.name, otherwise=otherwise)

    def _fires(self, timer: str) -> None:
        del self.timers[timer]
        self.take(e.TimerFired(self.at, timer))

    def _agent_opens(self) -> None:
        """A new session takes the place of an older one, of which nothing is heard any more."""
        self.drop_lane("agent")
        self.voice = Voice("opening", self.voice.session + 1, self.voice.hears)

        def ready() -> None:
            self.voice.state = "ready"
            self.take(e.AgentReady(self.at))

        self.later(
            0.4,
            "AgentReady",
            ready,
            "service",
            about="c1-caller",
            lane="agent",
            otherwise=(("fails", self.agent_fails),),
        )

    def _greets(self) -> None:
        """The greeting is heard to its end, or cut short."""

        def heard() -> None:
            self.take(e.ReplyHeard(self.at, "r1"))

        def cut() -> None:
            self.take(e.AgentSaid(self.at, "Thank you for", interrupted=True))

        begins: Callable[[], None] = lambda: self.take(e.ReplyStarted(self.at, "r1"))  # noqa: E731
        self.later(0.8, "the greeting begins", begins, "service", lane="agent")
        self.later(SPOKEN, "the greeting is over", heard, "service", lane="agent", otherwise=(("is cut short", cut),))

    def agent_fails(self) -> None:
        self.voice = Voice("none", self.voice.session)
        self.drop_lane("agent")
        self.take(e.AgentFailed(self.at, "dropped"))

    def agent_calls(self, name: str, **arguments: object) -> None:
        tool_call = f"t{self.next_number()}"
        self.voice.tools.add(tool_call)
        self.take(e.ToolCalled(self.at, tool_call, name, arguments))

    def drop_lane(self, lane: str) -> None:
        self.queue = [due for due in self.queue if due.lane != lane]

    # ---- the engine itself -------------------------------------------------------------------------------------------

    def restarts(self) -> None:
        """Taken up from the journal: timers, voices and sentences are lost, sockets break. What was ordered is done and
        known before."""
        while begun := [due for due in self.ready() if due.kind in ("order", "result")]:
            self.happens(begun[0])
        if self.call.phase == Phase.ENDED:
            return  # what is over is not taken up again
        self.queue = [due for due in self.queue if due.kind not in ("timer", "service")]
        self.timers.clear()
        self.voice, self.line = Voice("none", self.voice.session), None
        self.caller.process_died()
        for leg in self.staff.values():
            leg.process_died()
        self.take(e.EngineRestarted(self.at))

    def blunders(self) -> None:
        """A step of the core went wrong; `step` is given what the session gives it then."""
        self.take(e.EngineFailed(self.at, "KeyError"))

    def breakable(self) -> list[Act]:
        """What may go wrong on our side now."""
        acts: list[Act] = []
        if self.voice.state != "none":
            acts.append(("the receptionist drops", self.agent_fails))
        acts += self.tape.acts()
        if self.caller.state == "stream":
            acts.append(("the stream breaks", self.caller.stream_breaks))
        if self.call.call_id:
            acts.append(("A MISTAKE OF OURS", self.blunders))
        if self.call.call_id and self.call.phase != Phase.ENDED:
            acts.append(("THE ENGINE RESTARTS", self.restarts))
        return acts

    def wanted_consult(self, leg: str) -> bool:
        """Whether the runtime would take a staff leg's audio."""
        attempt = attempt_on(self.call, leg)
        return attempt is not None and attempt.outcome is None and self.call.phase != Phase.ENDED

    # ---- to the end --------------------------------------------------------------------------------------------------

    def settles(self, most: int = 600) -> None:
        """Nobody interferes any more: people who talk hang up, everything else happens at its time."""
        for _ in range(most):
            if self.come:
                self._somebody_comes()
            if self.call.phase == Phase.ENDED and all(_comes_to_nothing(due) for due in self.queue):
                return
            if not self._only_talk():
                self.goes_on()
            elif not self._somebody_hangs_up() and not self.goes_on():
                break
        raise AssertionError(f"the call does not end: {self.call.phase}, the caller is {self.caller.state}")

    def _somebody_comes(self) -> None:
        for leg in self.staff.values():
            if leg.state == "ringing":
                leg.picks_up()
            elif leg.state in ("briefing", "talking"):
                leg.presses("1")

    def _only_talk(self) -> bool:
        """Nothing is under way but a conversation."""
        pending = [d for d in self.queue if not d.what.removeprefix("timer ").startswith(COUNTS_TALK)]
        return not pending

    def _somebody_hangs_up(self) -> bool:
        """The end of a conversation, where there is one."""
        staff = [leg for leg in self.staff.values() if leg.state == "room"]
        if staff:
            staff[0].hangs_up()
            return True
        if self.call.phase == Phase.TALKING and self.caller.state == "stream" and self.voice.state == "ready":
            self.caller.hangs_up()
            return True
        return False


def _comes_to_nothing(due: Due) -> bool:
    """When the call is over: what its timers were for, but those that end legs."""
    return due.kind == "timer" and not due.what.startswith("timer released")


def _words(event: e.Event) -> str:
    """An event in one short line."""
    values = (getattr(event, name) for name in type(event).__slots__ if name not in ("at", "request"))
    return f"{type(event).__name__}({', '.join(str(v)[:40] for v in values if v != '')})"
