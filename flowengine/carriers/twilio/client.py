"""Orders to Twilio: carrier commands become REST requests, and what became of them becomes events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_never

import structlog
from twilio.rest.api.v2010.account.call import CallInstance  # type: ignore[import-untyped]

from flowengine.call.commands import (
    Answer,
    CancelLeg,
    CarrierCommand,
    CheckCaller,
    Document,
    MoveCaller,
    MoveStaff,
    RingStaff,
)
from flowengine.call.events import CallerHungUp, CallerMoved, CallerMoveFailed, LegCreated, LegEnded, LegUnknown
from flowengine.carriers.twilio.links import Links
from flowengine.carriers.twilio.protocol import ENDED
from flowengine.carriers.twilio.rest import Trouble, certainly_undone, not_refused, open_client, order
from flowengine.carriers.twilio.tokens import StreamTokens
from flowengine.carriers.twilio.twiml import INLINE_LIMIT, render, ring_timeout
from flowengine.runtime.ports import Clock, Post
from flowengine.settings import Settings

log = structlog.get_logger("flowengine.twilio")

Now = Callable[[], float]


class TwilioCarrier:
    """`ports.Carrier` over the REST API. It orders and reports; it never decides."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._tokens = StreamTokens(settings.secret_key, clock)
        self._client: Any = None

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
            case CheckCaller(ref):
                await self._check(call_id, ref, post, now)
            case _:
                assert_never(command)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.http_client.close()

    async def _ring(self, call_id: str, ring: RingStaff, post: Post, now: Now) -> None:
        """Never repeated unless it certainly was not done: creates have no idempotency key (twilio.md 4.4)."""
        links = self._links(call_id)
        answer = await order(lambda: self._api.calls.create_async(**_new_leg(ring, links)), certainly_undone)
        note(call_id, "ring staff", answer)
        match answer:
            case Trouble(refused=True) | Trouble(busy=True) | Trouble(unsent=True):
                post(LegEnded(now(), ring.leg, "failed", answer.evidence))
            case Trouble() | CallInstance(sid=None):  # done perhaps, but nameless: its callbacks will tell
                post(LegUnknown(now(), ring.leg))
            case _:
                post(LegCreated(now(), ring.leg, str(answer.sid)))

    async def _cancel(self, call_id: str, leg: str, ref: str) -> None:
        """`canceled` does nothing to a leg that was just answered, so `completed` follows (twilio.md 4.1)."""
        if not ref:
            return
        answer = await order(lambda: self._api.calls(ref).update_async(status="canceled"), not_refused)
        if (isinstance(answer, Trouble) and answer.status == 404) or getattr(answer, "status", None) in ENDED:
            return
        answer = await order(lambda: self._api.calls(ref).update_async(status="completed"), not_refused)
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
            return self._api.calls(ref).update_async(**given)

        return await order(redirect, not_refused)

    async def _check(self, call_id: str, ref: str, post: Post, now: Now) -> None:
        answer = await order(lambda: self._api.calls(ref).fetch_async(), not_refused)
        gone = answer.gone if isinstance(answer, Trouble) else answer.status in ENDED
        note(call_id, "check caller", answer)
        if gone:
            post(CallerHungUp(now()))

    def _links(self, call_id: str) -> Links:
        return Links(self._settings.public_url, call_id, self._tokens)

    @property
    def _api(self) -> Any:
        if self._client is None:
            given = self._settings
            self._client = open_client(given.twilio_account_sid, given.twilio_auth_token, given.twilio_api_url)
        return self._client


def _new_leg(ring: RingStaff, links: Links) -> dict[str, Any]:
    """A leg whose document is fetched on answer, told about in all four states; machine detection in the background."""
    return {
        "to": ring.address,
        "from_": ring.caller_id,
        "url": links.of_leg(ring.leg, "answer"),
        "method": "POST",
        "status_callback": links.of_leg(ring.leg, "status"),
        "status_callback_event": ["initiated", "ringing", "answered", "completed"],
        "status_callback_method": "POST",
        "timeout": ring_timeout(ring.ring_seconds),
        "time_limit": int(ring.most_seconds),
        "machine_detection": "Enable",
        "async_amd": "true",
        "async_amd_status_callback": links.of_leg(ring.leg, "machine"),
        "async_amd_status_callback_method": "POST",
    }


def note(call_id: str, what: str, answer: object) -> None:
    """Codes only: the vendor's sentences may hold numbers."""
    if isinstance(answer, Trouble):
        log.warning("order failed", call=call_id, order=what, status=answer.status, code=answer.code)
