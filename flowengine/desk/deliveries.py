"""What is on its way to other systems, phones and mailboxes: what waits, what did not arrive and why, tried again by
hand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from flowengine.desk import words
from flowengine.desk.frame import LOAD_SECONDS, Frame
from flowengine.desk.views import Office, View
from flowengine.runtime.rows import Parcel, ParcelState

MOST_SHOWN = 100
LATEST_SENT = 20

_EVENTS = {
    "handoff.decided": "A call being handed over",
    "handoff.ringing": "A phone is ringing",
    "handoff.connected": "Caller and person connected",
    "handoff.failed": "A hand-over that failed",
    "call.completed": "A call that ended",
    "message.taken": "A message",
    "callback.requested": "A promised call back",
    "work.added": "Something to do",
    "tool.called": "A question of the receptionist",
}
_CHANNELS = {"webhook": "To", "sms": "Text message to", "email": "E-mail to", "desk": "On the list of"}
_STATES = {"dead": "Did not arrive", "waiting": "On its way", "sent": "Delivered", "arrived": "Delivered"}
_GIVEN = {"sms": "Given to the phone company", "email": "Given to the mail server"}  # which may say later how it ended


def routes(frame: Frame) -> list[BaseRoute]:
    pages = DeliveryPages(frame)
    retry = Route("/deliveries/{parcel}/retry", pages.retry, methods=["POST"])
    return [Route("/deliveries", pages.page, methods=["GET"]), retry]


@dataclass(frozen=True, slots=True)
class DeliveryPages:
    """`/desk/deliveries`, for managers. To everybody else it does not exist."""

    frame: Frame

    async def page(self, request: Request) -> Response:
        session = await self.frame.manager(request, "deliveries")
        if isinstance(session, Response):
            return session
        async with asyncio.timeout(LOAD_SECONDS):
            office = await self.frame.office(session.flow)
            lists: dict[str, object] = {
                name: await self._views(session.flow, states, most, office) for name, states, most in _LISTS
            }
        await self.frame.note(session, "list opened", detail="deliveries")
        return self.frame.page(session, "deliveries.html", {"office": office, **lists, "at": _now(office)})

    async def _views(self, flow: str, states: Sequence[ParcelState], most: int, office: Office) -> list[View]:
        """The newest first."""
        each = [await self.frame.store.parcels(flow, state=state, limit=most) for state in states]
        newest = sorted(chain(*each), key=lambda parcel: parcel.made, reverse=True)
        return [parcel_view(parcel, office) for parcel in newest[:most]]

    async def retry(self, request: Request) -> Response:
        session = await self.frame.manager(request, "deliveries")
        if isinstance(session, Response):
            return session
        if await self.frame.form(request, session) is None:
            return self.frame.plain(403)
        async with asyncio.timeout(LOAD_SECONDS):
            parcel = await self.frame.store.parcel(request.path_params["parcel"])
            if parcel is None or parcel.flow != session.flow or self.frame.outbox is None:
                return self.frame.plain(404)
            if await self.frame.outbox.retry(parcel.id):
                await self.frame.note(session, "parcel retried", parcel.call_id, parcel.handoff, parcel.id)
        return RedirectResponse("/desk/deliveries", status_code=303)


_LISTS: tuple[tuple[str, tuple[ParcelState, ...], int], ...] = (
    ("dead", ("dead",), MOST_SHOWN),
    ("waiting", ("waiting",), MOST_SHOWN),
    ("sent", ("sent", "arrived"), LATEST_SENT),
)


def parcel_view(parcel: Parcel, office: Office) -> View:
    """What, where to, why not. An address may hold a secret or a person's number: only its host or end is shown."""
    tried = (
        "not tried yet" if not parcel.tries else "tried once" if parcel.tries == 1 else f"tried {parcel.tries} times"
    )
    return {
        "parcel": parcel.id,
        "what": _EVENTS.get(parcel.event, words.sentence(parcel.event.replace(".", " "))),
        "where": f"{_CHANNELS.get(parcel.channel, 'To')} {place(parcel.channel, parcel.address, office)}",
        "href": f"/desk/handoffs/{parcel.handoff}" if parcel.handoff else "",
        "made": office.time(parcel.made),
        "next": office.time(parcel.due) if parcel.state == "waiting" else "",
        "state": _GIVEN.get(parcel.channel, _STATES["sent"]) if parcel.state == "sent" else _STATES[parcel.state],
        "tried": tried,
        "why": parcel.error[:1].upper() + parcel.error[1:],
        "tone": {"dead": "bad", "waiting": "soon"}.get(parcel.state, "good"),
    }


def place(channel: str, address: str, office: Office) -> str:
    """Of a web address the host, of a number its end, of a mailbox where it is; a department as the office calls it."""
    match channel:
        case "desk":
            return office.department(address)
        case "sms":
            return f"a phone ending in {address[-4:]}" if len(address) > 6 else "a phone"
        case "email":
            return f"a mailbox at {address.rpartition('@')[2]}" if "@" in address else "a mailbox"
    try:
        return urlsplit(address).hostname or "another system"
    except ValueError:
        return "another system"


def _now(office: Office) -> str:
    return words.clock_words(office.now, office.where, office.now)
