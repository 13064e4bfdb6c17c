"""A call rehearsed in virtual time: the real core against a scripted caller, scripted staff and no model at all.

`flowengine test` and `route` are built on it. Nothing here is random, waits, or talks to anybody; durations of speech
are estimated from the words. What the receptionist says in her own words is not known here, only when she would speak.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Literal

from flowengine.call import commands as c
from flowengine.call import events as e
from flowengine.call import prompt
from flowengine.call.journal import Replayed
from flowengine.call.machine import step
from flowengine.call.state import Call, Phase, attempt_on
from flowengine.flow import words
from flowengine.flow.hours import moment
from flowengine.flow.model import Flow, FlowTest, Line

WORDS_PER_SECOND = 2.6
THINKING = 1.0  # seconds of quiet before a party speaks or presses a key
OWN_WORDS = 3.0  # seconds an answer of the receptionist's own takes, after as long again for finding it as THINKING
PICKS_UP = 4.0  # seconds after which somebody who accepts picks up
VOICEMAIL_PICKS_UP = 16.0
MOST_SECONDS = 3 * 3600.0
MOST_EVENTS = 5000  # far more than any real call has; a rehearsal that gets here runs in a circle
STRANGER = "+12025550143"  # who calls when the test does not say
ENDINGS = {"message": "take_message", "ended": "hang_up", None: "receptionist"}

What = Literal["agent", "own words", "music", "notice"]


@dataclass(frozen=True, slots=True)
class Heard:
    """Something a party hears: `at` and `seconds` in call seconds, `text` as spoken (for `own words`, what she was
    asked to say). `who` is "" for the caller and the person's name for staff."""

    at: float
    seconds: float
    what: What
    text: str
    who: str = ""


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


class Circle(Exception):
    """A rehearsal that does not come to an end: a defect of the core, never of a flow."""


def rehearse(flow: Flow, test: FlowTest) -> Rehearsal:
    """The call of a test, from ring to end."""
    return _Rehearsal(flow, test, moment(flow, test.at)).run()


def rehearse_at(flow: Flow, test: FlowTest, now: datetime) -> Rehearsal:
    """The same at a moment that is known already (aware)."""
    return _Rehearsal(flow, test, now).run()


@dataclass(order=True, slots=True)
class _Due:
    """Something that will happen; of two at the same moment, the one planned first."""

    at: float
    number: int
    happen: Callable[[], None]
    keeps_alive: bool = True  # False for timers that only count how long somebody talks
    dropped: bool = False

    def __post_init__(self) -> None:
        self.number = self.number  # compared before `happen`, which has no order


class _Rehearsal:
    """The world around one call: a queue of what will happen, and parties that act as the test says."""

    def __init__(self, flow: Flow, test: FlowTest, now: datetime) -> None:
        self.flow, self.test, self.now = flow, test, now
        self.at, self.call, self.over = 0.0, Call(), False
        self.steps: list[Replayed] = []
        self.heard: list[Heard] = []
        self.queue: list[_Due] = []
        self.numbers = count()
        self.requests = count(1)
        self.asking: dict[str, str] = {}  # request -> leg, "" for the caller
        self.timers: dict[str, _Due] = {}
        self.legs: dict[str, list[_Due]] = {}  # what a phone that rings or listens will do
        self.script = list(test.caller)
        self.speech_from, self.speech_until = 0.0, 0.0  # of what the caller hears now
        self.speech: _Due | None = None  # its end
        self.greeting = ""
        self.stream = 0
        self.tools = count(1)

    # ---- the loop ----------------------------------------------------------------------------------------------

    def run(self) -> Rehearsal:
        self._send(
            e.CallArrived(
                0.0,
                self._asks(""),
                "c1",
                "rehearsed",
                self.test.calls_from or STRANGER,
                self._dialled(),
                self.flow.office.calls_arrive_by,
                self.now.isoformat(),
                rehearsed=True,
            )
        )
        self._in(THINKING, self._callers_turn)
        while self.queue and not self.over and not self._settled():
            due = heapq.heappop(self.queue)
            if due.dropped:
                continue
            self.at = max(self.at, due.at)
            if self.at > MOST_SECONDS or len(self.steps) > MOST_EVENTS:
                raise Circle(f"{self.flow.key}: the call of test {self.test.name!r} does not end")
            due.happen()
        return Rehearsal(tuple(self.steps), tuple(sorted(self.heard, key=lambda h: h.at)))

    def _settled(self) -> bool:
        """Whether nothing more will come of it: the caller has said everything and talks to somebody."""
        if self.script or self.call.phase not in (Phase.TALKING, Phase.CONNECTED):
            return False
        return self.call.phase == Phase.CONNECTED or not any(d.keeps_alive and not d.dropped for d in self.queue)

    def _in(self, seconds: float, happen: Callable[[], None], *, keeps_alive: bool = True) -> _Due:
        due = _Due(round(self.at + seconds, 3), next(self.numbers), happen, keeps_alive)
        heapq.heappush(self.queue, due)
        return due

    def _send(self, event: e.Event) -> None:
        self.call, commands = step(self.flow, self.call, event)
        self.steps.append(Replayed(event, self.call, commands))
        for command in commands:
            self._perform(command)

    def _asks(self, leg: str) -> str:
        request = f"q{next(self.requests)}"
        self.asking[request] = leg
        return request

    def _dialled(self) -> str:
        numbers = self.flow.office.phone_numbers
        named = {name: number for number, name in numbers.items() if name}
        return named.get(self.test.dialled, self.test.dialled) or next(iter(numbers))

    # ---- what the engine asks for ----------------------------------------------------------------------------

    def _perform(self, command: c.Command) -> None:
        match command:
            case c.Answer(request, document):
                leg = self.asking.pop(request, None)
                if leg is not None:
                    self._leg_gets(leg, document) if leg else self._caller_gets(document)
            case c.MoveCaller(_, document):
                self._caller_gets(document)
            case c.MoveStaff(leg, _, document):
                self._leg_gets(leg, document)
            case c.RingStaff(leg, _, seconds):
                self._rings(leg, seconds)
            case c.CancelLeg(leg):
                self._leg_over(leg, "cancelled", 0.2)
            case c.PlayLine(line, text):
                self._says(text, lambda: self._send(e.LinePlayed(self.at, line)), queued=True)
            case c.ClearAudio():
                self._hush()
            case c.PlayMusic(music):
                self._hears(self.at, 0.0, "music", music)
            case c.StartAgent():
                self._agent_starts(command)
            case c.AskAgent(instructions):
                self._own_words(instructions)
            case c.ShowCard(handoff):
                self._in(0.1, lambda: self._send(e.CardShown(self.at, handoff)))
            case c.SendCard():
                self._in(0.5, lambda: self._send(e.CardConfirmed(self.at, "webhook")))
            case c.StartTimer(timer, seconds):
                self._timer_starts(timer, seconds)
            case c.StopTimer(timer):
                self._drop(self.timers.pop(timer, None))
            case c.EndCall():
                self.over = True

    def _timer_starts(self, timer: str, seconds: float) -> None:
        self._drop(self.timers.pop(timer, None))
        counts = not timer.startswith(("rule", "quiet"))
        self.timers[timer] = self._in(seconds, lambda: self._send(e.TimerFired(self.at, timer)), keeps_alive=counts)
        if timer == "confirm" and self._first_target_accepts():
            self._in(2.0, lambda: self._send(e.CardConfirmed(self.at, "page")))

    @staticmethod
    def _drop(due: _Due | None) -> None:
        if due is not None:
            due.dropped = True

    # ---- the receptionist --------------------------------------------------------------------------------------

    def _agent_starts(self, start: c.StartAgent) -> None:
        if self.test.receptionist_fails:
            self._in(2.0, lambda: self._send(e.AgentFailed(self.at, "the test says so")))
            return
        self._in(0.4, lambda: self._send(e.AgentReady(self.at)))
        if start.greeting:
            self.greeting = start.greeting
            self._says(start.greeting, self._greeted)

    def _greeted(self) -> None:
        text, self.greeting = self.greeting, ""
        self._send(e.AgentSaid(self.at, text))

    def _says(self, text: str, then: Callable[[], None], *, queued: bool = False) -> None:
        """The caller hears a sentence as written; `then` follows its end."""
        begins = max(self.at, self.speech_until) if queued else self.at
        seconds = spoken_seconds(text)
        self._hears(begins, seconds, "agent", text)
        self._speech(begins, begins + seconds, then)

    def _speech(self, begins: float, ends: float, then: Callable[[], None]) -> None:
        self.speech_from, self.speech_until = begins, ends
        self.speech = self._in(ends - self.at, then)

    def _own_words(self, instructions: str) -> None:
        """She answers, in words only a model knows."""
        if self.call.agent == "failed" or self.stream == 0:
            return
        begins = max(self.at, self.speech_until) + THINKING
        self._hears(begins, OWN_WORDS, "own words", instructions)
        self._speech(begins, begins + OWN_WORDS, lambda: None)

    def _hush(self) -> None:
        """What has not been heard yet never will be."""
        self._drop(self.speech)
        if self.greeting:
            text, self.greeting = self.greeting, ""
            self._in(0.0, lambda: self._send(e.AgentSaid(self.at, text, interrupted=True)))
        self.speech_until = min(self.speech_until, self.at)
        self.heard = [self._cut(h) for h in self.heard if h.who or h.at < self.at or h.what == "music"]

    def _cut(self, heard: Heard) -> Heard:
        if heard.who or heard.at + heard.seconds <= self.at:
            return heard
        return replace(heard, seconds=round(self.at - heard.at, 3))

    def _hears(self, at: float, seconds: float, what: What, text: str, who: str = "") -> None:
        self.heard.append(Heard(round(at, 3), round(seconds, 3), what, text, who))

    # ---- the caller ----------------------------------------------------------------------------------------------

    def _callers_turn(self) -> None:
        """The caller does what the script says next, once it is their turn to speak."""
        if not self.script or self.over:
            return
        line = self.script[0]
        wait = self._until_turn(line)
        if wait > 0:
            self._in(wait, self._callers_turn)
            return
        self.script.pop(0)
        self._in(self._acts(line), self._callers_turn)

    def _until_turn(self, line: Line) -> float:
        """Seconds to wait before asking again whether it is the caller's turn; 0 when it is."""
        talks = self.speech_until > self.at
        if self.call.caller_at in ("arriving", "moving", "lost") or self.call.agent == "starting":
            return 0.5
        if self._belongs_on_hold(line) and self.call.phase in (Phase.ASKING, Phase.ANNOUNCING):
            return 0.5
        if line.interrupts and talks:
            return max(0.0, self.speech_from + THINKING - self.at)
        if self.at < self.speech_until + THINKING:
            return round(self.speech_until + THINKING - self.at, 3) or 0.001
        return 0.0

    @staticmethod
    def _belongs_on_hold(line: Line) -> bool:
        """Words and keys that mean something on hold are kept for it; they are no answer to a question."""
        return line.presses in ("*", "1") or (bool(line.says) and words.hold_word(line.says) is not None)

    def _acts(self, line: Line) -> float:
        """One act; seconds until the next may follow."""
        if line.mood or line.unsolved or line.answers or line.says or line.interrupts:
            self._speaks(line)
        if line.presses:
            self._send(e.KeyPressed(self.at, line.presses))
        if line.unclear:
            self._send(e.SpeechStarted(self.at))
            self._send(e.SpeechEnded(self.at))
            return 4.5
        if line.hangs_up:
            self._hangs_up()
        return line.waits or THINKING

    def _speaks(self, line: Line) -> None:
        text = line.says or line.interrupts
        if line.interrupts and self.call.line is None:
            self._hush()
        open_question = self._open_question()
        swings = bool(line.mood and self.call.mood and line.mood != self.call.mood)
        if swings:  # heard in the voice before the words are final
            self._tool(prompt.NOTE_MOOD, mood=line.mood)
        if text:
            self._send(e.SpeechStarted(self.at))
            self._said(text, line)
        answers = dict(line.answers)
        if text and not answers and open_question and open_question == self._open_question():
            answers = {open_question: text}
        for field, value in answers.items():
            self._tool(prompt.NOTE_ANSWER, field=field, value=value)
        if line.mood and not swings:
            self._tool(prompt.NOTE_MOOD, mood=line.mood)
        if line.unsolved:
            self._tool(prompt.NOTE_UNSOLVED)
        if text and self.call.phase == Phase.TALKING and not self.call.handoff:
            self._own_words("answer the caller")

    def _said(self, text: str, line: Line) -> None:
        self._send(e.CallerSaid(self.at, text))

    def _open_question(self) -> str:
        """The field that the receptionist is asking for."""
        match self.call.phase:
            case Phase.ASKING:
                return next((name for name in self.call.asked if not self.call.fields.get(name)), "")
            case Phase.MESSAGE if self.call.collecting:
                return self.call.collecting[0]
        return ""

    def _tool(self, name: str, **arguments: object) -> None:
        """What a model would note of the caller's words; the script says it instead."""
        if not self.over and self.call.agent == "ready":
            self._send(e.ToolCalled(self.at, f"t{next(self.tools)}", name, arguments))

    def _hangs_up(self) -> None:
        self.script.clear()
        self._send(e.CallerHungUp(self.at))

    def _caller_gets(self, document: c.Document) -> None:
        """The caller's leg is told what comes next."""
        if not isinstance(document, c.ConnectCaller) or document.stream != self.stream:
            self._hush()
        match document:
            case c.ConnectCaller(stream, say):
                self._notice(say, 0.5, lambda: self._stream_opens(stream))
            case c.JoinCaller(room):
                leg = self.call.caller_leg
                self._in(0.8, lambda: self._send(e.JoinedRoom(self.at, leg, room)))
            case c.RecordCaller(say):
                self._notice(say, 5.0, lambda: self._send(e.MessageRecorded(self.at, self._asks(""), "recording:1", 5)))
            case c.ReferCaller(address):
                self._in(3.0, lambda: self._referred(address))
            case c.DialNumber(address, seconds):
                self._in(0.1, lambda: self._dials(address, seconds))
            case c.HangUp(say):
                self._notice(say, 0.2, lambda: self._send(e.CallerHungUp(self.at)))

    def _notice(self, text: str, after: float, then: Callable[[], None]) -> None:
        """The carrier's own voice says something, then something follows."""
        seconds = spoken_seconds(text) if text else 0.0
        if text:
            self._hears(self.at, seconds, "notice", text)
        self._speech(self.at, self.at + seconds, lambda: None)
        self._in(seconds + after, then)

    def _stream_opens(self, stream: int) -> None:
        self.stream = stream
        self._send(e.MediaStarted(self.at, stream))

    def _referred(self, address: str) -> None:
        outcome = self._outcome_at(address)
        self._send(e.ReferAnswered(self.at, self._asks(""), outcome == "accepts", f"the test says: {outcome}"))

    def _dials(self, address: str, seconds: float) -> None:
        """A cold dial: whoever or whatever picks up has the caller, a machine too."""
        match self._outcome_at(address):
            case "accepts" | "voicemail":
                self._in(60.0, lambda: self._dial_ends("completed", bridged=True))
            case "no answer":
                self._in(seconds, lambda: self._dial_ends("no_answer"))
            case "busy" | "declined":
                self._in(2.0, lambda: self._dial_ends("busy"))
            case _:
                self._in(1.0, lambda: self._dial_ends("failed"))

    def _dial_ends(self, outcome: e.LegOutcome, *, bridged: bool = False) -> None:
        self._send(e.DialEnded(self.at, self._asks(""), outcome, bridged))

    # ---- staff ---------------------------------------------------------------------------------------------------

    def _outcome_of(self, person: str) -> str:
        return self.test.staff.get(self.flow.people[person].name, "accepts")

    def _outcome_at(self, address: str) -> str:
        owner = next((p.key for p in self.flow.people.values() if address in p.phones), "")
        return self._outcome_of(owner) if owner else "accepts"

    def _first_target_accepts(self) -> bool:
        stages = self.call.handoff.stages if self.call.handoff else ()
        return bool(stages) and self._outcome_of(stages[0].targets[0].person) == "accepts"

    def _person(self, leg: str) -> str:
        attempt = attempt_on(self.call, leg)
        return attempt.target.person if attempt else ""

    def _rings(self, leg: str, seconds: float) -> None:
        self.legs[leg] = []
        ref = f"ref-{leg}"
        self._leg_does(leg, 0.3, lambda: self._send(e.LegCreated(self.at, leg, ref)))
        match self._outcome_of(self._person(leg)):
            case "no answer":
                self._leg_over(leg, "no_answer", seconds, drop=False)
            case "busy":
                self._leg_over(leg, "busy", 2.0, drop=False)
            case "fails":
                self._leg_over(leg, "failed", 1.0, drop=False)
            case "voicemail":
                self._leg_does(leg, min(VOICEMAIL_PICKS_UP, seconds - 1), lambda: self._picks_up(leg, ref))
            case _:
                self._leg_does(leg, min(PICKS_UP, seconds - 1), lambda: self._picks_up(leg, ref))

    def _leg_does(self, leg: str, seconds: float, happen: Callable[[], None]) -> None:
        self.legs[leg].append(self._in(seconds, happen))

    def _picks_up(self, leg: str, ref: str) -> None:
        self._send(e.LegAnswered(self.at, leg, ref, self._asks(leg)))

    def _leg_over(self, leg: str, outcome: e.LegOutcome, after: float, *, drop: bool = True) -> None:
        """A phone stops ringing or listening; what it would have done is dropped."""
        if leg not in self.legs:
            return
        if drop:
            for due in self.legs[leg]:
                self._drop(due)
        self._leg_does(leg, after, lambda: self._leg_ends(leg, outcome))

    def _leg_ends(self, leg: str, outcome: e.LegOutcome) -> None:
        self.legs.pop(leg, None)
        self._send(e.LegEnded(self.at, leg, outcome))

    def _leg_gets(self, leg: str, document: c.Document) -> None:
        """A staff leg is told what it hears."""
        if leg not in self.legs:
            return
        who = self.flow.people[self._person(leg)].name if self._person(leg) else "staff"
        match document:
            case c.BriefStaff(_, briefing, accept_within):
                seconds = spoken_seconds(briefing)
                self._hears(self.at, seconds, "notice", briefing, who)
                self._decides(leg, seconds, accept_within)
            case c.JoinStaff(_, room):
                self._leg_does(leg, 0.6, lambda: self._send(e.JoinedRoom(self.at, leg, room)))
            case c.HangUp(say):
                if say:
                    self._hears(self.at, spoken_seconds(say), "notice", say, who)
                self._leg_over(leg, "completed", spoken_seconds(say) if say else 0.2)

    def _decides(self, leg: str, briefing: float, accept_within: float) -> None:
        """Who picked up has heard the briefing."""
        match self._outcome_of(self._person(leg)):
            case "voicemail":
                self._leg_does(leg, 3.0, lambda: self._send(e.MachineDetected(self.at, leg)))
                self._leg_does(leg, briefing + accept_within, lambda: self._presses(leg, ""))
            case "declined":
                self._leg_does(leg, briefing + THINKING, lambda: self._presses(leg, "2"))
            case _:
                self._leg_does(leg, briefing + THINKING, lambda: self._presses(leg, "1"))

    def _presses(self, leg: str, key: str) -> None:
        self._send(e.StaffPressed(self.at, leg, key, self._asks(leg)))


def spoken_seconds(text: str) -> float:
    """About how long a sentence takes to say."""
    return round(max(0.8, len(text.split()) / WORDS_PER_SECOND), 3)
