"""REST: Conferences and their Participants (twilio.md 4.2)."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from flowengine.sandbox.carrier import shapes
from flowengine.sandbox.carrier.amd import tell_verdict
from flowengine.sandbox.carrier.api_calls import check_numbers, decide_orders
from flowengine.sandbox.carrier.conference import JITTER, Joining, Member, Room
from flowengine.sandbox.carrier.dial import stay_in_room
from flowengine.sandbox.carrier.exchange import Exchange
from flowengine.sandbox.carrier.interpreter import FatalError, Goto, Interpreter
from flowengine.sandbox.carrier.leg import Leg
from flowengine.sandbox.carrier.player import Player
from flowengine.sandbox.carrier.rest import ApiError, Form, created, ok
from flowengine.sandbox.carrier.sids import is_sip
from flowengine.sandbox.carrier.verbs import HANDLERS

__all__ = ["Rooms"]

_PLAYABLE = frozenset({"Play", "Say", "Pause", "Redirect"})
_NOT_FOUND = "The requested resource {} was not found"


class Rooms:
    """The handlers of `/Conferences`."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._holding: dict[Member, asyncio.Task[None]] = {}

    # ---- conferences

    async def list(self, request: web.Request, form: Form) -> web.Response:
        """Without `Status`, those in progress (the default since 2026-09-30)."""
        query = dict(request.query)
        rooms = [r for r in reversed(self.exchange.rooms) if r.status == query.get("Status", "in-progress")]
        if name := query.get("FriendlyName"):
            rooms = [r for r in rooms if r.name == name]
        return ok(shapes.page("conferences", [shapes.conference(r) for r in rooms], request.path, query))

    async def fetch(self, request: web.Request, form: Form) -> web.Response:
        return ok(shapes.conference(self._room(request)))

    async def update(self, request: web.Request, form: Form) -> web.Response:
        room = self._room(request)
        if room.status == "completed":
            raise ApiError(404, 16022, "The conference has completed")
        if form.get("Status") == "completed":
            room.end("conference-ended-via-api")
        if url := form.get("AnnounceUrl"):
            self._announce_to_all(room, Goto(url, form.get("AnnounceMethod", "POST")))
        return ok(shapes.conference(room))

    def _room(self, request: web.Request) -> Room:
        key = request.match_info["conference"]
        room = next((r for r in self.exchange.rooms if r.sid == key), None)
        if room is None:
            raise ApiError(404, 20404, _NOT_FOUND.format(request.path))
        return room

    # ---- participants

    async def list_participants(self, request: web.Request, form: Form) -> web.Response:
        room = self._room(request)
        shown = [shapes.participant(room, m) for m in room.members]
        for name, field in (("Muted", "muted"), ("Hold", "hold"), ("Coaching", "coaching")):
            if name in request.query:
                shown = [p for p in shown if p[field] == (request.query[name] == "true")]
        return ok(shapes.page("participants", shown, request.path, dict(request.query)))

    async def fetch_participant(self, request: web.Request, form: Form) -> web.Response:
        room, member = self._member(request)
        return ok(shapes.participant(room, member))

    async def update_participant(self, request: web.Request, form: Form) -> web.Response:
        room, member = self._member(request)
        if (muted := form.get("Muted")) is not None and member.muted != (muted == "true"):
            member.muted = muted == "true"
            room.tell_about("participant-mute" if member.muted else "participant-unmute", member)
        if (hold := form.get("Hold")) is not None and member.hold != (hold == "true"):
            self._hold(member, hold == "true", form)
        if (ends := form.get("EndConferenceOnExit")) is not None:
            member.end_on_exit = ends == "true"
            room.tell_about("participant-modify", member)
        if (coach := form.get("CallSidToCoach")) is not None or form.get("Coaching") == "false":
            self._coach(room, member, coach or "")
        if url := form.get("AnnounceUrl"):
            self._announce(member, Goto(url, form.get("AnnounceMethod", "POST")))
        return ok(shapes.participant(room, member))

    async def delete_participant(self, request: web.Request, form: Form) -> web.Response:
        """Its call goes on with what follows its `<Dial>` (4.2)."""
        room, member = self._member(request)
        room.exit(member, "participant_updated_via_api", "in-progress", kicked=True)
        member.leave("participant_updated_via_api")
        return web.Response(status=204)

    def _member(self, request: web.Request) -> tuple[Room, Member]:
        room = self._room(request)
        member = room.find(request.match_info["participant"])
        if member is None:
            raise ApiError(404, 20404, _NOT_FOUND.format(request.path))
        return room, member

    def _coach(self, room: Room, member: Member, coached: str) -> None:
        if coached and room.find(coached) is None:
            raise ApiError(400, 13240, "CallSidToCoach is not in the conference")
        member.coach = coached
        room.tell_about("participant-modify", member)

    # ---- hold and announcements

    def _hold(self, member: Member, hold: bool, form: Form) -> None:
        """On hold a member hears HoldUrl (default: music), is not heard, and hears nobody."""
        member.hold = hold
        if (old := self._holding.pop(member, None)) is not None:
            old.cancel()
        if hold and (url := form.get("HoldUrl")):
            player = Player()
            member.held = player
            goto = Goto(url, form.get("HoldMethod", "GET"))
            self._holding[member] = self.exchange.spawn(self._plays(member, player, goto))
        member.room.tell_about("participant-hold" if hold else "participant-unhold", member)

    def _announce(self, member: Member, goto: Goto) -> None:
        self.exchange.spawn(self._announced(member, goto))

    def _announce_to_all(self, room: Room, goto: Goto) -> None:
        """Whether the carrier asks once or for each member is written nowhere, nor what it sends with it."""
        about = (("ConferenceSid", room.sid), ("FriendlyName", room.name))
        goto = Goto(goto.url, goto.method, about)
        if self.exchange.behaviour.announcement_per_member:
            for member in list(room.members):
                self._announce(member, goto)
        elif room.members:
            self.exchange.spawn(self._announced_to_all(room, room.members[0], goto))

    async def _announced_to_all(self, room: Room, asking: Member, goto: Goto) -> None:
        done = await self._played(asking, room.announcement, goto)
        room.tell_about("announcement-end" if done else "announcement-fail", None, ("AnnounceUrl", goto.url))

    async def _announced(self, member: Member, goto: Goto) -> None:
        done = await self._played(member, member.announcement, goto)
        member.room.tell_about("announcement-end" if done else "announcement-fail", member, ("AnnounceUrl", goto.url))

    async def _plays(self, member: Member, player: Player, goto: Goto) -> None:
        await self._played(member, player, goto)

    async def _played(self, member: Member, player: Player, goto: Goto) -> bool:
        """A document for somebody in a room, until it ends or she is gone."""
        on = Interpreter(member.leg, HANDLERS, player, allowed=_PLAYABLE, refusal=13238)
        program = asyncio.ensure_future(on.run(goto))
        try:
            either: list[asyncio.Future[Any]] = [program, member.told_to_leave]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if program.done():
                program.result()
            return program.done()
        except FatalError as trouble:
            self.exchange.warn(trouble.code, member.leg.sid, trouble.text)
            return False
        finally:
            program.cancel()

    # ---- dial out and join

    async def create_participant(self, request: web.Request, form: Form) -> web.Response:
        """By CF SID or friendly name; a new name is a new conference. No document runs on such a leg."""
        exchange = self.exchange
        check_numbers(exchange, form)
        room = self._named(request.match_info["conference"])
        given = self._joining(form)
        if given.label and room.find(given.label):
            raise ApiError(400, 16025, f"The participant label {given.label!r} is taken")
        leg = exchange.new_leg(
            direction="outbound-api",
            from_=form.get("CallerId") or form["From"],
            to=form["To"],
            orders=decide_orders(form),
            sip=is_sip(form["To"]),
        )
        queued = exchange.reserve()
        leg.record.queue_time = round(queued * 1000)
        leg.run(self._life(leg, room.name, form, given, queued))
        return created(shapes.participant_to_be(room, leg, given.label, given.start_on_enter, given.end_on_exit))

    def _named(self, key: str) -> Room:
        if not key.startswith("CF"):
            return self.exchange.room(key)
        room = next((r for r in self.exchange.rooms if r.sid == key), None)
        if room is None or room.status == "completed":
            raise ApiError(404, 20404, f"The requested resource /Conferences/{key} was not found")
        return room

    def _joining(self, form: Form) -> Joining:
        events = tuple(w for value in form.getall("ConferenceStatusCallbackEvent", []) for w in value.split())
        jitter = form.get("JitterBufferSize", "large")
        return Joining(
            muted=form.get("Muted") == "true",
            start_on_enter=form.get("StartConferenceOnEnter", "true") == "true",
            end_on_exit=form.get("EndConferenceOnExit") == "true",
            label=form.get("Label", ""),
            beep=form.get("Beep", "true"),
            jitter=jitter if jitter in JITTER else "large",
            wait=form.get("WaitUrl"),
            coach=form.get("CallSidToCoach", "") if form.get("Coaching") == "true" else "",
            most=int(form.get("MaxParticipants", 250)),
            callback=form.get("ConferenceStatusCallback", ""),
            callback_method=form.get("ConferenceStatusCallbackMethod", "POST"),
            events=events or ("start", "end"),
        )

    async def _life(self, leg: Leg, name: str, form: Form, given: Joining, queued: float) -> None:
        if not await self.exchange.ring(leg, float(form.get("Timeout", 60)), queued):
            return
        if (mode := form.get("MachineDetection")) and (url := form.get("AmdStatusCallback")):
            method = form.get("AmdStatusCallbackMethod", "POST")
            self.exchange.spawn(tell_verdict(leg, mode, url, method))
        await stay_in_room(Interpreter(leg, HANDLERS), name, given, form.get("WaitMethod", "POST"))
        leg.end("completed")
