"""What must hold of a call whatever happens, checked after every event and every moment that passes in `world`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowengine.call import commands as c
from flowengine.call import documents
from flowengine.call import events as e
from flowengine.call.bridging import BRIDGE_SECONDS
from flowengine.call.leaving import OUT_OF_SIGHT
from flowengine.call.legs import MOST_ENDED_AGAIN
from flowengine.call.state import Attempt, Call, Phase, handoffs, open_attempts
from flowengine.flow.consent_words import answer
from flowengine.flow.model import Accept

if TYPE_CHECKING:
    from tests.call.world import Due, World

LET_GO_WITHIN = 2.0  # seconds from an outcome to the order that ends the leg
SLACK = 14.0  # seconds by which the carrier's word and ours may be late together
ABOUT_A_LEG = (c.CancelLeg, c.MoveStaff, c.StartConsult, c.EndConsult, c.AnswerConsultTool)
MOST_ALONE = 60.0  # seconds of a person in a room without a caller
FOR_THE_CALLER = (c.MoveCaller, c.PlayLine, c.PlayMusic, c.AskAgent, c.StartAgent, c.RingStaff, c.StartTimer)
WAITS = {  # the timers of which one runs as long as a call is in a phase
    Phase.ASKING: {"fields"},
    Phase.CONFIRMING: {"confirm"},
    Phase.RINGING: {"hold"},
    Phase.BRIDGING: {"bridge", "met"},
}
BRINGS_OUT = (documents.HangUp, documents.AskWhy, documents.AwaitTone)


class Laws:
    """Knows what the core was told and what it ordered; compares with what the world knows to be true."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.outcomes: dict[str, str] = {}
        self.decided: dict[str, float] = {}  # leg → when its outcome was first known
        self.named: dict[str, float] = {}  # leg → when the core learnt the carrier's name of it
        self.told_over: set[str] = set()  # legs of which the core knows that they ended
        self.released: set[str] = set()  # legs that were told to leave, or are on their way out
        self.joined: dict[str, str] = {}  # leg → the room it was told to enter
        self.asked_by: dict[str, str] = {}  # request → staff leg
        self.ends: list[str] = []
        self.alone_since: float | None = None
        self.staff_alone_since: float | None = None
        self.objected = False  # the caller gave no yes, or took it back
        self.started = self.stopped = self.not_taken = 0  # orders to record, to stop, and those the carrier refused

    # ---- after an event ----------------------------------------------------------------------------------------------

    def stepped(self, before: Call, event: e.Event, commands: tuple[c.Command, ...]) -> None:
        self._learn(event)
        self._questions(event, commands)
        self.not_taken += isinstance(event, e.RecordingGoesOn)
        for command in commands:
            self._command(before, command)
            self._recording(before, event, command)
        self._outcomes(before, event)
        self._end(before, commands)

    def _learn(self, event: e.Event) -> None:
        match event:
            case e.LegEnded(_, leg):
                self.told_over.add(leg)
                self.joined.pop(leg, None)
            case e.LegCreated(_, leg) | e.LegRinging(_, leg) | e.LegAnswered(_, leg):
                self.named.setdefault(leg, self.world.at)
            case e.CallerLeftRoom(_, _, room):  # it ended with the person who left it
                self.joined = {leg: where for leg, where in self.joined.items() if where != room}

    def _questions(self, event: e.Event, commands: tuple[c.Command, ...]) -> None:
        request = getattr(event, "request", "")
        answers = [command.request for command in commands if isinstance(command, c.Answer)]
        assert answers == ([request] if request else []), f"{event} has the answers {answers}"
        if isinstance(event, e.ToolCalled | e.ConsultToolCalled):
            results = [x.tool_call for x in commands if isinstance(x, c.AnswerTool)]
            results += [x.answer.tool_call for x in commands if isinstance(x, c.AnswerConsultTool)]
            wanted = [] if self.world.call.phase == Phase.ENDED and not results else [event.tool_call]
            assert results == wanted, f"{event} has the results {results}"
        if leg := getattr(event, "leg", ""):
            self._answered(leg, commands)

    def _answered(self, leg: str, commands: tuple[c.Command, ...]) -> None:
        for command in commands:
            if isinstance(command, c.Answer):
                self._document(leg, command.document)

    def _document(self, leg: str, document: documents.Document) -> None:
        if isinstance(document, documents.JoinStaff):
            assert document.leg == leg, f"{leg} is given the document of {document.leg}"
            self.joined[leg] = document.room
            self.released.discard(leg)
        else:
            self.joined.pop(leg, None)
        if isinstance(document, BRINGS_OUT):
            self.released.add(leg)
        elif not isinstance(document, documents.JoinStaff):
            self.released.discard(leg)

    def _command(self, before: Call, command: c.Command) -> None:
        world = self.world
        if isinstance(command, ABOUT_A_LEG):
            assert command.leg in world.staff, f"{command} names a leg that was never rung"
            idle = isinstance(command, c.CancelLeg | c.EndConsult | c.AnswerConsultTool)
            assert idle or command.leg not in self.told_over, f"{command} after that leg ended"
        match command:
            case c.RingStaff(leg):
                assert leg not in world.staff, f"{leg} is rung twice"
                assert len(world.staff) < world.flow.most_phones_rung, "more phones ring than may"
            case c.CancelLeg(leg, ref):
                self.joined.pop(leg, None)
                if ref:
                    self.released.add(leg)
            case c.MoveStaff(leg, ref, document):
                assert ref, f"{command} for a leg without a name"
                self._document(leg, document)
            case c.EndCall(outcome):
                self.ends.append(outcome)
        lets_go = isinstance(command, c.StartTimer) and command.timer.startswith("released:")
        ended = before.phase == Phase.ENDED and isinstance(command, FOR_THE_CALLER)
        assert not ended or lets_go, f"{command} after the call was over"

    def _recording(self, before: Call, event: e.Event, command: c.Command) -> None:
        """Nobody is recorded who was not told, gave no yes where one was asked for, or objected; and it is stopped
        once."""
        world = self.world
        match command:
            case c.NoteConsent("no" | "none" | "withdrawn"):
                self.objected = True
            case c.StartRecording():
                self.started += 1
                assert before.phase != Phase.ENDED, "recorded after the call was over"
                assert not self.objected, "recorded against the caller's will"
                assert world.call.consent.heard_at is not None, "recorded before the line was heard"
                again = isinstance(event, e.RecordingEnded) and event.url != ""
                assert again or world.flow.privacy.recording == "always" or _says_yes(event), f"{event} is no yes"
            case c.StopRecording():
                self.stopped += 1
                assert before.phase != Phase.ENDED, "stopped after the call was over"
                assert self.started, "stopped without being started"
                assert self.stopped <= 1 + self.not_taken, "stopped once too often"

    def _outcomes(self, before: Call, event: e.Event) -> None:
        """An outcome stands, except where a later word is more exact."""
        now = {a.leg: a for h in handoffs(self.world.call) for a in h.attempts}
        for leg, was in self.outcomes.items():
            assert leg in now, f"the attempt on {leg} is forgotten"
            is_now = now[leg].outcome
            assert is_now == was or self._more_exact(before, now[leg], was), f"{leg} was {was} and is now {is_now}"
        for leg, attempt in now.items():
            if attempt.outcome is not None:
                if self.outcomes.get(leg) != attempt.outcome:
                    self.decided[leg] = self.world.at
                self.outcomes[leg] = attempt.outcome
        accepted = [a.leg for h in handoffs(self.world.call) for a in h.attempts if a.outcome == "accepted"]
        running = [a.leg for a in (self.world.call.handoff.attempts if self.world.call.handoff else ())]
        assert len([leg for leg in accepted if leg in running]) <= 1, f"{accepted} all have the call"

    def _more_exact(self, before: Call, attempt: Attempt, was: str) -> bool:
        match was, attempt.outcome:
            case "declined", "voicemail":
                return attempt.machine
            case "accepted", "voicemail":
                return attempt.machine and self._keyless(attempt)
            case "accepted", "failed" | "declined" | "caller_gone":
                return before.phase == Phase.BRIDGING
        return False

    def _keyless(self, attempt: Attempt) -> bool:
        return self.world.flow.departments[attempt.target.department].transfer.accept is Accept.NONE

    def _end(self, before: Call, commands: tuple[c.Command, ...]) -> None:
        call = self.world.call
        assert len(self.ends) <= 1, f"the call ended {len(self.ends)} times"
        assert (call.phase == Phase.ENDED) == bool(self.ends), "a call that ended says so"
        if before.phase == Phase.ENDED:
            assert call.outcome == before.outcome, f"the outcome was {before.outcome} and is now {call.outcome}"
        if self.ends:
            assert call.outcome == self.ends[0], "one outcome"
            assert all(h.outcome is not None for h in handoffs(call)), "each hand-off has its outcome"
            left = [a.leg for h in handoffs(call) for a in h.attempts if a.outcome is None]
            assert not left, f"{left} have none"

    def over(self) -> None:
        """Everything has come to rest: one outcome, and nobody is on the line, unless the carrier loses every order."""
        world = self.world
        assert world.caller.state == "over", f"the caller is still {world.caller.state}"
        left = [leg.name for leg in world.staff.values() if leg.state != "over" and leg.lost <= MOST_ENDED_AGAIN]
        assert not left, f"{left} are still on the line"

    # ---- at every moment ---------------------------------------------------------------------------------------------

    def hold(self) -> None:
        self._one_joined()
        self._nobody_left_behind()
        self._not_alone()
        self._nobody_waits_for_the_gone()
        self._each_wait_has_an_end()

    def _one_joined(self) -> None:
        assert len(self.joined) <= 1, f"{sorted(self.joined)} were all told to join the caller"

    def _nobody_left_behind(self) -> None:
        world = self.world
        for name, leg in world.staff.items():
            if leg.state in ("over", "ordered") or name in self.released or name not in self.named:
                continue
            outcome = self.outcomes.get(name)
            if outcome is None or (outcome == "accepted" and world.call.phase != Phase.ENDED):
                continue
            late = world.at - max(self.decided[name], self.named[name])
            assert late <= LET_GO_WITHIN, f"{name} is {leg.state} {late:.1f} s after it was {outcome}"

    def _not_alone(self) -> None:
        """From the moment the caller is alone until the core orders a way out."""
        world = self.world
        alone = world.caller.state == "room" and len(world.rooms.people(world.caller.room)) == 1
        if not alone or self._under_way("order: move caller"):
            self.alone_since = None
            return
        self.alone_since = world.at if self.alone_since is None else self.alone_since
        parked = isinstance(world.caller.document, documents.ParkCaller)
        longest = max(d.transfer.longest_wait for d in world.flow.departments.values()) if parked else 0.0
        assert world.at - self.alone_since <= longest + BRIDGE_SECONDS + SLACK, (
            f"the caller has been alone for {world.at - self.alone_since:.1f} s"
        )

    def _nobody_waits_for_the_gone(self) -> None:
        """A person alone in a room whose caller has gone (reliability.md section 3: 60 s)."""
        world = self.world
        gone = world.caller.state == "over"
        alone = [leg.name for leg in world.staff.values() if leg.room and gone and leg.lost < 3]
        if not alone:
            self.staff_alone_since = None
            return
        self.staff_alone_since = world.at if self.staff_alone_since is None else self.staff_alone_since
        assert world.at - self.staff_alone_since <= MOST_ALONE, f"{alone} wait for a caller who has gone"

    def _under_way(self, what: str) -> bool:
        return any(due.what.startswith(what) for due in self.world.queue)

    def _each_wait_has_an_end(self) -> None:
        call, timers = self.world.call, set(self.world.timers)
        wanted = WAITS.get(call.phase)
        assert wanted is None or wanted & timers or self._lost(), f"{call.phase} without a timer"
        if call.phase == Phase.RINGING:
            for attempt in open_attempts(call):
                names = {f"{kind}:{attempt.leg}" for kind in ("ring", "key", "consult")}
                assert names & timers, f"nobody waits for the end of {attempt.leg}"
        assert call.phase not in OUT_OF_SIGHT or "watch" in timers, f"nobody looks after a caller in {call.phase}"
        if wanted is None and call.phase != Phase.ENDED:
            gone = self.world.caller.state == "over" and "watch" in timers
            assert gone or self._caller_is_attended(call), f"nothing will happen to a caller in {call.phase}"

    def _lost(self) -> bool:
        """The caller's line is broken, or they do not come where they were sent: that has a timer of its own."""
        call, timers = self.world.call, self.world.timers
        if call.caller_at == "lost":
            return "back" in timers
        sent = call.caller_at in ("arriving", "moving") and isinstance(call.heading, documents.ConnectCaller)
        return "move" in timers or (sent and "arrive" in timers)

    def _caller_is_attended(self, call: Call) -> bool:
        world = self.world
        if self._lost() or any(self._is_about_the_caller(due) for due in world.queue):
            return True
        match call.phase:
            case Phase.TALKING:
                return world.voice.state != "none" and world.caller.state == "stream"
            case Phase.MESSAGE:
                return "message" in world.timers
            case Phase.CONNECTED:
                return "goodbye" in world.timers or self._meet()
        return False

    def _is_about_the_caller(self, due: Due) -> bool:
        waits_only = due.what.endswith("has heard the music")
        return due.kind != "timer" and not due.echo and due.about == "c1-caller" and not waits_only

    def _meet(self) -> bool:
        """The two are in one room, or there is news of one of them."""
        world, legs = self.world, set(self.joined)
        met = world.caller.room and len(world.rooms.people(world.caller.room)) > 1
        return bool(met) or any(due.about in legs for due in world.queue)


def _says_yes(event: e.Event) -> bool:
    return isinstance(event, e.CallerSaid) and answer(event.text, "English") == "yes"
