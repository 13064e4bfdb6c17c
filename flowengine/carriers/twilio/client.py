"""Orders to Twilio: carrier commands become REST requests, and what became of them becomes events."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, assert_never

import structlog
from twilio.rest.api.v2010.account.call import CallInstance  # type: ignore[import-untyped]

from flowengine.call.commands import (
    Announce,
    Answer,
    CancelLeg,
    CarrierCommand,
    CheckCaller,
    CheckRoom,
    MoveCaller,
    MoveStaff,
    RingStaff,
    StartRecording,
    StopRecording,
)
from flowengine.call.documents import Document
from flowengine.call.events import (
    CallerHungUp,
    CallerMoved,
    CallerMoveFailed,
    LegCreated,
    LegEnded,
    LegUnknown,
    RoomSeen,
)
from flowengine.carriers.twilio import recording
from flowengine.carriers.twilio.book import Book
from flowengine.carriers.twilio.links import Links
from flowengine.carriers.twilio.protocol import ENDED
from flowengine.carriers.twilio.rest import Rest, Trouble, certainly_undone, not_refused, order
from flowengine.carriers.twilio.tokens import StreamTokens
from flowengine.carriers.twilio.twiml import INLINE_LIMIT, render, ring_timeout
from flowengine.runtime.ports import Clock, Post
from flowengine.settings import Settings

log = structlog.get_logger("flowengine.twilio")

Now = Callable[[], float]

SEND_LIMIT = 32  # keys sent to a phone that was picked up (twilio.md 4.1)
_NOT_TO_BE_SHOWN = frozenset({21210, 21212})  # the number we asked to show (twilio.md 4.5)
_NOT_KEYS = re.compile("[^0-9*#wW]")


class TwilioCarrier:
    """`ports.Carrier` over the REST API. It orders and reports; it never decides.

    `caller_tokens` holds the `CallToken` of each call's own leg (twilio.md 1.1), which allows its number to be shown.
    It is in memory only: after a restart staff see the office's number.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.caller_tokens = Book()
        self._settings = settings
        self._tokens = StreamTokens(settings.secret_key, clock)
        self._rest = Rest(settings)

    async def perform(self, call_id: str, command: CarrierCommand, post: Post, now: Now) -> None:
        match command:
            case Answer():
                pass  # the waiting webhook takes it
            case RingStaff():
                await self._ring(call_id, command, post, now)
            case CancelLeg(leg, ref):
                await self._cancel(call_id, leg, ref)
            case MoveCaller(ref, document):
                await self._move_caller(call_id, ref, document, post, now)
            case MoveStaff(leg, ref, document):
                links = self._links(call_id)
                note(call_id, "move staff", await self._move(ref, document, links, links.of_leg(leg, "room")))
            case Announce(room):
                await self._announce(call_id, room)
            case CheckRoom(room):
                await self._check_room(call_id, room, post, now)
            case CheckCaller(ref):
                await self._check(call_id, ref, post, now)
            case StartRecording(ref):
                await self._record(call_id, ref, post, now)
            case StopRecording(ref, name):
                await self._stop_recording(call_id, ref, name, post, now)
            case _:
                assert_never(command)

    async def delete_recording(self, url: str) -> bool:
        """Whether the recording at this address is gone for good; never raises for the world's mistakes."""
        return await recording.delete(self._rest.api, url)

    async def close(self) -> None:
        await self._rest.close()

    async def _ring(self, call_id: str, ring: RingStaff, post: Post, now: Now) -> None:
        """Never repeated unless it certainly was not done: creates have no idempotency key (twilio.md 4.4)."""
        links = self._links(call_id)
        token = self.caller_tokens.find(call_id) if ring.show_caller else None
        answer = await self._create(call_id, _new_leg(ring, links, _shows_caller(ring, token)))
        if token and isinstance(answer, Trouble) and answer.status == 400 and answer.code in _NOT_TO_BE_SHOWN:
            answer = await self._create(call_id, _new_leg(ring, links, _shows_office(ring)))
        match answer:
            case Trouble(refused=True) | Trouble(busy=True) | Trouble(unsent=True):
                post(LegEnded(now(), ring.leg, "failed", answer.evidence))
            case Trouble() | CallInstance(sid=None):  # done perhaps, but nameless: its callbacks will tell
                post(LegUnknown(now(), ring.leg))
            case _:
                post(LegCreated(now(), ring.leg, str(answer.sid)))

    async def _create(self, call_id: str, leg: dict[str, Any]) -> Any:
        answer = await order(lambda: self._rest.api.calls.create_async(**leg), certainly_undone)
        note(call_id, "ring staff", answer)
        return answer

    async def _cancel(self, call_id: str, leg: str, ref: str) -> None:
        """`canceled` does nothing to a leg that was just answered, so `completed` follows (twilio.md 4.1)."""
        if not ref:
            return
        answer = await order(lambda: self._rest.api.calls(ref).update_async(status="canceled"), not_refused)
        if (isinstance(answer, Trouble) and answer.status == 404) or getattr(answer, "status", None) in ENDED:
            return
        answer = await order(lambda: self._rest.api.calls(ref).update_async(status="completed"), not_refused)
        if not (isinstance(answer, Trouble) and answer.gone):
            note(call_id, "cancel leg", answer)

    async def _move_caller(self, call_id: str, ref: str, document: Document, post: Post, now: Now) -> None:
        links = self._links(call_id)
        answer = await self._move(ref, document, links, links.recovery)
        note(call_id, "move caller", answer)
        if isinstance(answer, Trouble):
            post(CallerMoveFailed(now(), answer.gone, answer.evidence))
        else:
            post(CallerMoved(now()))

    async def _move(self, ref: str, document: Document, links: Links, otherwise: str) -> Any:
        """Inline where it fits, else by the address that asks what this leg gets. Each try has new stream tokens."""

        def redirect() -> Any:
            twiml = render(document, links)
            given = {"twiml": twiml} if len(twiml) <= INLINE_LIMIT else {"url": otherwise, "method": "POST"}
            return self._rest.api.calls(ref).update_async(**given)

        return await order(redirect, not_refused)

    async def _announce(self, call_id: str, room: str) -> None:
        """What is not announced is not missed, and what may have been is not repeated: nobody should hear it twice."""
        found: Any = await order(lambda: self._conference(room), lambda trouble: not trouble.refused or trouble.gone)
        if not isinstance(found, Trouble):
            given = {"announce_url": self._links(call_id).of_call("announce", room), "announce_method": "POST"}
            found = await order(lambda: self._rest.api.conferences(found.sid).update_async(**given), certainly_undone)
        note(call_id, "announce", found)

    async def _check_room(self, call_id: str, room: str, post: Post, now: Now) -> None:
        found: Any = await order(lambda: self._conference(room), lambda trouble: not trouble.refused)
        if not isinstance(found, Trouble):
            found = await order(
                lambda: self._rest.api.conferences(found.sid).participants.list_async(limit=10), not_refused
            )
        note(call_id, "check room", found)
        if not isinstance(found, Trouble):
            post(RoomSeen(now(), room, tuple(str(participant.call_sid) for participant in found)))

    async def _conference(self, room: str) -> Any:
        """The conference of that name; lists are a moment behind, so that one not yet there may be asked for again."""
        rooms = await self._rest.api.conferences.list_async(friendly_name=room, status="in-progress", limit=1)
        return rooms[0] if rooms else Trouble(404, 0, "no such room")

    async def _check(self, call_id: str, ref: str, post: Post, now: Now) -> None:
        answer = await order(lambda: self._rest.api.calls(ref).fetch_async(), not_refused)
        gone = answer.gone if isinstance(answer, Trouble) else answer.status in ENDED
        note(call_id, "check caller", answer)
        if gone:
            post(CallerHungUp(now()))

    async def _record(self, call_id: str, ref: str, post: Post, now: Now) -> None:
        answer = await recording.start(self._rest.api, ref, self._links(call_id))
        note(call_id, "start recording", answer)
        if (news := recording.started(now(), answer)) is not None:
            post(news)

    async def _stop_recording(self, call_id: str, ref: str, name: str, post: Post, now: Now) -> None:
        answer = await recording.stop(self._rest.api, ref, name)
        note(call_id, "stop recording", answer)
        if (news := recording.stopped(now(), name, answer)) is not None:
            post(news)

    def _links(self, call_id: str) -> Links:
        return Links(self._settings.public_url, call_id, self._tokens)


def _new_leg(ring: RingStaff, links: Links, shown: dict[str, str]) -> dict[str, Any]:
    """A leg whose document is fetched on answer, told about in all four states."""
    return {
        "to": ring.address,
        **shown,
        "url": links.of_leg(ring.leg, "answer"),
        "method": "POST",
        "status_callback": links.of_leg(ring.leg, "status"),
        "status_callback_event": ["initiated", "ringing", "answered", "completed"],
        "status_callback_method": "POST",
        "timeout": ring_timeout(ring.ring_seconds),
        "time_limit": int(ring.most_seconds),
        **(_dials_on(ring.extension) if ring.extension else _notices_machines(ring, links)),
    }


def _shows_office(ring: RingStaff) -> dict[str, str]:
    return {"from_": ring.caller_id}


def _shows_caller(ring: RingStaff, token: str | None) -> dict[str, str]:
    """The caller's number, where we hold what allows it."""
    return {"from_": ring.show_caller, "call_token": token} if token else _shows_office(ring)


def _dials_on(extension: str) -> dict[str, str]:
    """Keys for the far end's menu, a second after it picked up; a comma is a second more. The carrier ignores machine
    detection then (twilio.md 1.6).
    """
    return {"send_digits": ("ww" + _NOT_KEYS.sub("", extension.replace(",", "W")))[:SEND_LIMIT]}


def _notices_machines(ring: RingStaff, links: Links) -> dict[str, str]:
    """In the background: whoever answers hears us at once."""
    return {
        "machine_detection": "DetectMessageEnd" if ring.hear_machine_out else "Enable",
        "async_amd": "true",
        "async_amd_status_callback": links.of_leg(ring.leg, "machine"),
        "async_amd_status_callback_method": "POST",
    }


def note(call_id: str, what: str, answer: object) -> None:
    """Codes only: the vendor's sentences may hold numbers."""
    if isinstance(answer, Trouble):
        log.warning("order failed", call=call_id, order=what, status=answer.status, code=answer.code)
