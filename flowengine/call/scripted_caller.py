"""The caller of a rehearsed call: hears what is said, waits for a turn, and does what the test says next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count

from flowengine.call import documents, prompt
from flowengine.call import events as e
from flowengine.call.scene import THINKING, Due, Heard, Scene, drop, spoken_seconds
from flowengine.call.scripted_staff import ScriptedStaff
from flowengine.call.state import Phase
from flowengine.flow import words
from flowengine.flow.model import Line

OWN_WORDS = 3.0  # seconds an answer of the receptionist's own takes, after THINKING
UNCLEAR = 4.5  # after speech nobody could make out, until that is known
LEAVES_MESSAGE = 5.0  # how long a message after the tone is
SPOKE_COLD = 60.0  # how long a caller who was dialled through talks


class ScriptedCaller:
    """The caller's ear, mouth and keys."""

    def __init__(self, scene: Scene, staff: ScriptedStaff) -> None:
        self.scene, self.staff = scene, staff
        self.script = list(scene.test.caller)
        self.stream = 0
        self.room = ""  # where the caller waits alone
        self._speech: Due | None = None  # the end of what is being said
        self._begin: Due | None = None  # and its beginning
        self._speech_from = self._speech_until = 0.0
        self._greeting = ""
        self._tools = count(1)
        self._replies = count(1)
        self._speaks_another = bool(scene.test.language)

    # ---- the ear ----------------------------------------------------------------------------------------------------

    def greeted(self, text: str) -> None:
        """The receptionist's first words; how much of them was heard becomes known when they end."""
        self._greeting = text
        reply = self._reply_begins(self.scene.at)

        def over() -> None:
            self._greeting = ""
            self.scene.send(e.AgentSaid(self.scene.at, text))
            self.scene.send(e.ReplyHeard(self.scene.at, reply))

        self.told(text, over)

    def _reply_begins(self, at: float) -> str:
        """One reply of the receptionist, and that it has begun by then."""
        reply = f"r{next(self._replies)}"
        self._begin = self.scene.later(at - self.scene.at, lambda: self.scene.send(e.ReplyStarted(at, reply)))
        return reply

    def told(self, text: str, then: Callable[[], None], *, queued: bool = False) -> None:
        """A sentence as written; `then` follows its end. A queued one waits for what is being said."""
        begins = max(self.scene.at, self._speech_until) if queued else self.scene.at
        self.scene.hears(begins, spoken_seconds(text), "agent", text)
        self._spoken(begins, spoken_seconds(text), then)

    def answered(self, instructions: str) -> None:
        """The receptionist speaks in words only a model knows."""
        if self.scene.call.agent == "failed" or self.stream == 0:
            return
        begins = max(self.scene.at, self._speech_until) + THINKING
        self.scene.hears(begins, OWN_WORDS, "own words", instructions)
        reply = self._reply_begins(begins)
        self._spoken(begins, OWN_WORDS, lambda: self.scene.send(e.ReplyHeard(self.scene.at, reply)))

    def _spoken(self, begins: float, seconds: float, then: Callable[[], None]) -> None:
        self._speech_from, self._speech_until = begins, begins + seconds
        self._speech = self.scene.later(begins + seconds - self.scene.at, then)

    def hushed(self) -> None:
        """What has not been heard yet never will be."""
        drop(self._speech)
        drop(self._begin)
        if self._greeting:
            text, self._greeting = self._greeting, ""
            self.scene.later(0.0, lambda: self.scene.send(e.AgentSaid(self.scene.at, text, interrupted=True)))
        at = self.scene.at
        self._speech_until = min(self._speech_until, at)
        self.scene.heard[:] = [_until(h, at) for h in self.scene.heard if h.who or h.at < at or h.what == "music"]

    # ---- where the carrier sends the caller -------------------------------------------------------------------------

    def gets(self, document: documents.Document) -> None:
        """The caller's leg is told what comes next."""
        scene = self.scene
        if isinstance(document, documents.Wait):
            return self._waits(document.say, document.music, document.seconds)
        if not isinstance(document, documents.ConnectCaller) or document.stream != self.stream:
            self.hushed()
        match document:
            case documents.ConnectCaller(stream, say):
                self._notice(say, 0.5, lambda: self._connected(stream))
            case documents.JoinCaller(room):
                self.room = ""
                scene.later(0.8, lambda: scene.send(e.JoinedRoom(scene.at, scene.call.caller_leg, room)))
            case documents.ParkCaller(room):
                self.room = room
                scene.later(0.8, lambda: self._parked(room))
            case documents.RecordCaller(say):
                self._notice(
                    say, 5.0, lambda: scene.send(e.MessageRecorded(scene.at, scene.asks(""), "recording:1", 5))
                )
            case documents.ReferCaller(address):
                scene.later(3.0, lambda: self._referred(self.staff.outcome_at(address)))
            case documents.DialNumber(address, seconds):
                self._dials(self.staff.outcome_at(address), seconds)
            case documents.HangUp(say):
                self._notice(say, 0.2, lambda: scene.send(e.CallerHungUp(scene.at)))

    def _parked(self, room: str) -> None:
        """Alone in the room."""
        self.scene.send(e.JoinedRoom(self.scene.at, self.scene.call.caller_leg, room))
        self._wonders(room)

    def _wonders(self, room: str) -> None:
        """The carrier asks what there is to hear, as long as nobody has come in."""
        if self.room == room and self.scene.call.phase in (Phase.RINGING, Phase.BRIDGING):
            self.scene.send(e.WaitAsked(self.scene.at, self.scene.asks(""), room))

    def _waits(self, say: str, music: str, seconds: float) -> None:
        room, spoken = self.room, spoken_seconds(say) if say else 0.0
        if say:
            self.scene.hears(self.scene.at, spoken, "notice", say)
        self.scene.hears(self.scene.at + spoken, 0.0, "music", music)
        self.scene.later(spoken + seconds, lambda: self._wonders(room))

    def _recorded(self) -> None:
        self.scene.send(e.MessageRecorded(self.scene.at, self.scene.asks(""), "recording:1", LEAVES_MESSAGE))

    def _notice(self, text: str, after: float, then: Callable[[], None]) -> None:
        """The carrier's own voice says something, then something follows."""
        seconds = spoken_seconds(text) if text else 0.0
        if text:
            self.scene.hears(self.scene.at, seconds, "notice", text)
        self._speech_from, self._speech_until = self.scene.at, self.scene.at + seconds
        self.scene.later(seconds + after, then)

    def _connected(self, stream: int) -> None:
        self.stream, self.room = stream, ""
        self.scene.send(e.MediaStarted(self.scene.at, stream))

    def _referred(self, outcome: str) -> None:
        accepted, scene = outcome == "accepts", self.scene
        scene.send(e.ReferAnswered(scene.at, scene.asks(""), accepted, f"the test says: {outcome}"))

    def _dials(self, outcome: str, seconds: float) -> None:
        """A cold dial: whoever or whatever picks up has the caller, a machine too."""
        match outcome:
            case "accepts" | "voicemail":
                self.scene.later(SPOKE_COLD, lambda: self._dial_ended("completed", bridged=True))
            case "no answer":
                self.scene.later(seconds, lambda: self._dial_ended("no_answer"))
            case "busy" | "declined":
                self.scene.later(2.0, lambda: self._dial_ended("busy"))
            case _:
                self.scene.later(1.0, lambda: self._dial_ended("failed"))

    def _dial_ended(self, outcome: e.LegOutcome, *, bridged: bool = False) -> None:
        self.scene.send(e.DialEnded(self.scene.at, self.scene.asks(""), outcome, bridged))

    # ---- the mouth and the keys -------------------------------------------------------------------------------------

    def turn(self) -> None:
        """The caller does what the script says next, once it is their turn."""
        if not self.script or self.scene.over:
            return
        wait = self._until_turn(self.script[0])
        if not wait and self._speaks_another:
            self._speaks_another, wait = False, 0.5
            self._noted(prompt.SWITCH_LANGUAGE, language=self.scene.test.language)
        self.scene.later(wait or self._acts(self.script.pop(0)), self.turn)

    def _until_turn(self, line: Line) -> float:
        """Seconds after which to ask again whether it is the caller's turn; 0 when it is."""
        at, call = self.scene.at, self.scene.call
        if call.caller_at in ("arriving", "moving", "lost") or call.agent == "starting":
            return 0.5
        if _belongs_on_hold(line) and call.phase in (Phase.ASKING, Phase.ANNOUNCING):
            return 0.5
        if line.interrupts and self._speech_until > at:
            return max(0.0, round(self._speech_from + THINKING - at, 3))
        return max(0.0, round(self._speech_until + THINKING - at, 3))

    def _acts(self, line: Line) -> float:
        """One act; seconds until the next may follow."""
        scene = self.scene
        if line.mood or line.unsolved or line.answers or line.says or line.interrupts:
            self._speaks(line)
        if line.presses:
            scene.send(e.KeyPressed(scene.at, line.presses))
        if line.unclear:
            scene.send(e.SpeechStarted(scene.at))
            scene.send(e.SpeechEnded(scene.at))
            return UNCLEAR
        if line.hangs_up:
            self.script.clear()
            scene.send(e.CallerHungUp(scene.at))
        return line.waits or THINKING

    def _speaks(self, line: Line) -> None:
        scene, text = self.scene, line.says or line.interrupts
        if line.interrupts and scene.call.line is None:
            self.hushed()
        open_question = self._open_question()
        swings = bool(line.mood and scene.call.mood and line.mood != scene.call.mood)
        if swings:  # heard in the voice before the words are final
            self._noted(prompt.NOTE_MOOD, mood=line.mood)
        if text:
            scene.send(e.SpeechStarted(scene.at))
            if line.confidence is not None:
                scene.send(e.SpeechGauged(scene.at, line.confidence / 100))
            scene.send(e.CallerSaid(scene.at, text))
        answers = dict(line.answers)
        if text and not answers and open_question and open_question == self._open_question():
            answers = {open_question: text}
        for field, value in answers.items():
            self._noted(prompt.NOTE_ANSWER, field=field, value=value)
        if line.mood and not swings:
            self._noted(prompt.NOTE_MOOD, mood=line.mood)
        if line.unsolved:
            self._noted(prompt.NOTE_UNSOLVED)
        if text and scene.call.phase == Phase.TALKING and not scene.call.handoff:
            self.answered("Answer the caller")

    def _open_question(self) -> str:
        """The field that the receptionist is asking for."""
        call = self.scene.call
        match call.phase:
            case Phase.TALKING if call.held:
                return call.held.field
            case Phase.ASKING:
                return next((name for name in call.asked if not call.fields.get(name)), "")
            case Phase.MESSAGE if call.collecting:
                return call.collecting[0]
        return ""

    def _noted(self, tool: str, **arguments: object) -> None:
        """What a model would note of the caller's words; the script says it instead."""
        scene = self.scene
        if not scene.over and scene.call.agent == "ready":
            scene.send(e.ToolCalled(scene.at, f"t{next(self._tools)}", tool, arguments))


def _belongs_on_hold(line: Line) -> bool:
    """Words and keys that mean something on hold are kept for it; they are no answer to a question."""
    return line.presses in ("*", "1") or (bool(line.says) and words.hold_word(line.says) is not None)


def _until(heard: Heard, at: float) -> Heard:
    """The part of something that was heard before it was cut off."""
    if heard.who or heard.at + heard.seconds <= at:
        return heard
    return replace(heard, seconds=round(at - heard.at, 3))
