"""A conference: who is in it, what each of them hears, and what it tells the application (twilio.md 1.4, 2.3)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from flowengine.sandbox.carrier.player import Looped, Player, Source
from flowengine.sandbox.carrier.tones import beep, wait_music
from flowengine.sandbox.speech import SILENCE, mix

if TYPE_CHECKING:
    from flowengine.sandbox.carrier.leg import Leg

__all__ = ["JITTER", "Joining", "Member", "Room", "RoomRefuses"]

JITTER = {"off": 1, "small": 8, "medium": 14, "large": 20}  # frames of delay towards the others (twilio.md 2.3)
_EVENTS = {  # what is delivered -> what has to be subscribed
    "conference-start": "start",
    "conference-end": "end",
    "participant-join": "join",
    "participant-leave": "leave",
    "participant-mute": "mute",
    "participant-unmute": "mute",
    "participant-hold": "hold",
    "participant-unhold": "hold",
    "participant-modify": "modify",
    "announcement-end": "announcement",
    "announcement-fail": "announcement",
}
Tell = Callable[["Room", list[tuple[str, str]]], None]


class RoomRefuses(Exception):
    """This leg is not let in; `code` is the vendor's."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code, self.text = code, text


@dataclass(frozen=True, slots=True)
class Joining:
    """How a leg enters: the attributes of `<Conference>` that matter after the join."""

    muted: bool = False
    start_on_enter: bool = True
    end_on_exit: bool = False
    label: str = ""
    beep: str = "true"
    jitter: str = "large"
    wait: str | None = None  # None: the carrier's music; "": silence; else an address the interpreter plays
    coach: str = ""
    most: int = 250
    callback: str = ""
    callback_method: str = "POST"
    events: tuple[str, ...] = ("start", "end")


class Member:
    """One leg inside. What the leg hears is `frame`."""

    def __init__(self, room: Room, leg: Leg, given: Joining, now: datetime) -> None:
        self.room, self.leg, self.label, self.since = room, leg, given.label, now
        self.muted, self.hold = given.muted, False
        self.start_on_enter, self.end_on_exit = given.start_on_enter, given.end_on_exit
        self.coach, self.beep = given.coach, given.beep
        self.wait: Source = Looped(wait_music()) if given.wait is None else Player()
        self.held: Source = Looped(wait_music())
        self.announcement = Player()
        self.told_to_leave: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.left = False
        self._late: deque[bytes] = deque([SILENCE] * (JITTER[given.jitter] - 1))
        self.says = SILENCE  # in the room, this tick

    @property
    def joined(self) -> bool:
        return self.room.running and len(self.room.members) > 1 and not self.hold

    def speak(self, frame: bytes) -> None:
        """20 ms enter the room, late by the jitter buffer."""
        silent = self.muted or self.hold or not self.room.running
        self._late.append(SILENCE if silent else frame)
        self.says = self._late.popleft()

    @property
    def drained(self) -> bool:
        return all(frame == SILENCE for frame in self._late)

    def frame(self) -> bytes:
        announced = [self.announcement.frame(), self.room.announced]
        if self.hold:
            return self.held.frame()
        if not self.room.running or self.room.waits_again:
            return mix([self.wait.frame(), *announced])
        return mix([*self.room.voices(self), *announced])

    def leave(self, reason: str) -> None:
        """Ask the leg to go; its document notices."""
        if not self.told_to_leave.done():
            self.told_to_leave.set_result(reason)


@dataclass(slots=True)
class Room:
    """One conference. `tell` delivers a callback; the first one in fixes where to and which."""

    sid: str
    name: str
    account_sid: str
    created: datetime
    tell: Tell
    now: Callable[[], datetime]
    music_resumes: bool = False
    status: str = "init"
    members: list[Member] = field(default_factory=list)
    callback: str = ""
    callback_method: str = "POST"
    events: tuple[str, ...] = ()
    most: int = 250
    reason_ended: str | None = None
    ended_by: str | None = None
    updated: datetime | None = None
    started: asyncio.Event = field(default_factory=asyncio.Event)
    _sequence: int = 0
    _entered: bool = False
    _going: list[Member] = field(default_factory=list)  # left, but their last words are still on the way
    announcement: Player = field(default_factory=Player)  # to everybody at once
    announced: bytes = SILENCE  # of it, this tick
    _beeps: Player = field(default_factory=Player)
    _beep: bytes = SILENCE
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def running(self) -> bool:
        return self.status == "in-progress"

    @property
    def waits_again(self) -> bool:
        return self.music_resumes and len(self.members) == 1

    def find(self, key: str) -> Member | None:
        """By CallSid or label."""
        return next((m for m in self.members if key in (m.leg.sid, m.label)), None)

    # ---- sound

    def advance(self) -> None:
        """20 ms pass: what everybody says now has entered the room."""
        for member in self.members:
            member.speak(member.leg.said)
        for member in self._going:
            member.speak(SILENCE)
        self._going = [m for m in self._going if not m.drained]
        self._beep, self.announced = self._beeps.frame(), self.announcement.frame()

    def voices(self, listener: Member) -> list[bytes]:
        """What the others say to this one."""
        others = [
            m.says
            for m in (*self.members, *self._going)
            if m is not listener and (not m.coach or m.coach == listener.leg.sid)
        ]
        return [*others, self._beep]

    # ---- who is in

    def enter(self, leg: Leg, given: Joining) -> Member:
        """Raises `RoomRefuses`: 16020 full, 16025 label taken, 13240 nobody to coach."""
        self._admit(given)
        if not self._entered:  # the first one in decides (twilio.md 2.3)
            self._entered = True
            self.callback, self.callback_method, self.events = given.callback, given.callback_method, given.events
            self.most = given.most
        member = Member(self, leg, given, self.now())
        self.members.append(member)
        self.tell_about("participant-join", member)
        if not self.running and len(self.members) > 1 and any(m.start_on_enter for m in self.members):
            self.status = "in-progress"
            self.started.set()
            self.tell_about("conference-start")
        if given.beep in ("true", "onEnter"):
            self._sound_beep()
        return member

    def _admit(self, given: Joining) -> None:
        if len(self.members) >= self.most:
            raise RoomRefuses(16020, "the conference is full")
        if given.label and any(m.label == given.label for m in self.members):
            raise RoomRefuses(16025, f"the participant label {given.label!r} is taken")
        if given.coach and self.find(given.coach) is None:
            raise RoomRefuses(13240, "the participant to coach is not in the conference")

    def exit(self, member: Member, reason: str, call_status: str, *, kicked: bool = False) -> None:
        """A member is gone, for `ReasonParticipantLeft`; that may end the conference."""
        if member.left:
            return
        member.left = True
        self.members.remove(member)
        self._going.append(member)
        if member.beep in ("true", "onExit"):
            self._sound_beep()
        self.tell_about(
            "participant-leave", member, ("ParticipantCallStatus", call_status), ("ReasonParticipantLeft", reason)
        )
        how = "kicked" if kicked else "left"
        if self.status == "completed":
            return
        if member.end_on_exit and self.members:
            self.end(f"participant-with-end-conference-on-exit-{how}", member)
        elif not self.members:
            self.end(f"last-participant-{how}", member)

    def end(self, reason: str, by: Member | None = None) -> None:
        """Everybody still inside is told to go."""
        if self.status == "completed":
            return
        self.status, self.reason_ended = "completed", reason
        self.ended_by = by.leg.sid if by else None
        by_api = reason == "conference-ended-via-api"
        for member in list(self.members):
            why = "conference_ended_via_api" if by_api else "moderator_ended_conference"
            self.exit(member, why, "in-progress")
            member.leave(why)
        more = [("ReasonConferenceEnded", reason), ("Reason", reason.replace("-", " "))]
        if by is not None:
            more.append(("CallSidEndingConference", by.leg.sid))
            if by.label:
                more.append(("ParticipantLabelEndingConference", by.label))
        self.tell_about("conference-end", None, *more)

    def _sound_beep(self) -> None:
        if self.running:
            task = asyncio.ensure_future(self._beeps.play(beep()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    # ---- what it tells

    def tell_about(self, event: str, member: Member | None = None, *more: tuple[str, str]) -> None:
        self.updated = self.now()
        self._sequence += 1
        if self.callback and _EVENTS[event] in self.events:
            self.tell(self, [*self._common(event), *(_of(member) if member else ()), *more])

    def _common(self, event: str) -> list[tuple[str, str]]:
        return [
            ("AccountSid", self.account_sid),
            ("ConferenceSid", self.sid),
            ("FriendlyName", self.name),
            ("StatusCallbackEvent", event),
            ("SequenceNumber", str(self._sequence)),
        ]


def _of(member: Member) -> Sequence[tuple[str, str]]:
    label = [("ParticipantLabel", member.label)] if member.label else []
    return [
        ("CallSid", member.leg.sid),
        ("Muted", _word(member.muted)),
        ("Hold", _word(member.hold)),
        ("Coaching", _word(bool(member.coach))),
        ("EndConferenceOnExit", _word(member.end_on_exit)),
        ("StartConferenceOnEnter", _word(member.start_on_enter)),
        *label,
    ]


def _word(flag: bool) -> str:
    return "true" if flag else "false"
