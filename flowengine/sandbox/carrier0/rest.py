"""The REST API the customer drives: calls, conferences, participants, streams, recordings (twilio.md 4)."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from flowengine.sandbox.carrier0.behaviour import RestAnswers, RestSilent
from flowengine.sandbox.carrier0.conference import Room, Seat
from flowengine.sandbox.carrier0.leg import Leg, rfc2822

if TYPE_CHECKING:
    from flowengine.sandbox.carrier0.exchange import Carrier

E164 = re.compile(r"\+[1-9]\d{6,14}")
MOST_TWIML = 4000
LISTS = ("StatusCallbackEvent",)


class RestError(Exception):
    """What the API answers instead: HTTP status, error code, sentence."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


Handler = Callable[[web.Request, dict[str, Any]], Awaitable[web.Response]]


class RestServer:
    """Basic auth, form in, JSON out."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> str:
        app = web.Application()
        root = f"/2010-04-01/Accounts/{self._carrier.account_sid}"
        for method, path, handler in (
            ("POST", "/Calls.json", self._create_call),
            ("GET", "/Calls.json", self._list_calls),
            ("GET", "/Calls/{call}.json", self._fetch_call),
            ("POST", "/Calls/{call}.json", self._update_call),
            ("POST", "/Calls/{call}/Streams.json", self._create_stream),
            ("POST", "/Calls/{call}/Streams/{stream}.json", self._stop_stream),
            ("GET", "/Conferences.json", self._list_rooms),
            ("GET", "/Conferences/{room}.json", self._fetch_room),
            ("POST", "/Conferences/{room}.json", self._update_room),
            ("GET", "/Conferences/{room}/Participants.json", self._list_seats),
            ("GET", "/Conferences/{room}/Participants/{call}.json", self._fetch_seat),
            ("POST", "/Conferences/{room}/Participants/{call}.json", self._update_seat),
            ("DELETE", "/Conferences/{room}/Participants/{call}.json", self._remove_seat),
            ("GET", "/Recordings/{recording}.json", self._fetch_recording),
        ):
            app.router.add_route(method, root + path, self._wrapped(handler))
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        address = self._runner.addresses[0]
        return f"http://{address[0]}:{address[1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    # ---- around every request --------------------------------------------------------------------------------------

    def _wrapped(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            try:
                self._authorised(request)
                silent = self._faults(request)
                form = await self._form(request)
                response = await handler(request, form)
                if silent:
                    await asyncio.sleep(3600)
                if not self._carrier.behaviour.callbacks_before_rest_reply:
                    await asyncio.sleep(self._carrier.behaviour.rest_seconds)
                else:
                    await asyncio.sleep(self._carrier.behaviour.rest_seconds + 1.0)
                return response
            except RestError as error:
                return self._error(error)

        return handle

    def _authorised(self, request: web.Request) -> None:
        expected = base64.b64encode(f"{self._carrier.account_sid}:{self._carrier.auth_token}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {expected}":
            raise RestError(401, 20003, "Authenticate")

    def _faults(self, request: web.Request) -> bool:
        """True when the reply must never come."""
        silent = False
        for fault in self._carrier.faults:
            if (
                isinstance(fault, RestAnswers | RestSilent)
                and fault.method == request.method
                and fault.path in request.path
                and self._carrier._nth(fault, fault.nth)
            ):
                if isinstance(fault, RestAnswers):
                    raise RestError(fault.status, fault.code, "injected")
                silent = True
        return silent

    async def _form(self, request: web.Request) -> dict[str, Any]:
        raw = await request.post() if request.method == "POST" else request.query
        return {name: [str(v) for v in raw.getall(name)] if name in LISTS else str(raw[name]) for name in raw}

    def _error(self, error: RestError) -> web.Response:
        body = {
            "code": error.code,
            "message": str(error),
            "more_info": f"https://www.twilio.com/docs/errors/{error.code}",
            "status": error.status,
        }
        return web.json_response(body, status=error.status)

    # ---- calls -----------------------------------------------------------------------------------------------------

    async def _create_call(self, request: web.Request, form: dict[str, Any]) -> web.Response:
        to, from_ = form.get("To", ""), form.get("From", "")
        if not to:
            raise RestError(400, 21201, "No 'To' number is specified")
        if not from_:
            raise RestError(400, 21213, "No 'From' number is specified")
        if not (E164.fullmatch(to) or to.startswith(("sip:", "client:"))):
            raise RestError(400, 21211, f"The 'To' number {to} is not a valid phone number.")
        if not (form.get("Url") or form.get("Twiml") or form.get("ApplicationSid")):
            raise RestError(400, 21205, "Url parameter is required.")
        self._check_twiml(form)
        leg = self._carrier.place(to=to, from_=from_, options=form)
        return _json(self._call(leg), 201)

    def _check_twiml(self, form: dict[str, Any]) -> None:
        if len(form.get("Twiml", "")) > MOST_TWIML:
            raise RestError(400, 21620, f"Twiml parameter may not be longer than {MOST_TWIML} characters")

    async def _list_calls(self, request: web.Request, form: dict[str, Any]) -> web.Response:
        wanted = {"To": lambda r: r.to, "From": lambda r: r.from_, "Status": lambda r: r.status}
        legs = [
            leg
            for leg in self._carrier.legs.values()
            if all(form.get(k) in (None, get(leg.record)) for k, get in wanted.items())
        ]
        return _json(self._page("calls", [self._call(leg) for leg in reversed(legs)], request))

    async def _fetch_call(self, request: web.Request, form: dict[str, Any]) -> web.Response:
        return _json(self._call(self._leg(request)))

    async def _update_call(self, request: web.Request, form: dict[str, Any]) -> web.Response:
        leg = self._leg(request)
        if leg.over:
            raise RestError(400, 21220, "Call is not in-progress. Cannot redirect.")
        self._check_twiml(form)
        status = form.get("Status")
        if status == "canceled":
            if not leg.live:
                self._carrier.end(leg, "canceled", why="cancelled")
        elif status == "completed":
            if leg.live or self._carrier.behaviour.completed_cancels_ringing:
                self._carrier.end(leg, "completed" if leg.live else "canceled", why="ended by REST")
        elif form.get("Url") or form.get("Twiml"):
            if not leg.live:
                raise RestError(400, 21220, "Call is not in-progress. Cannot redirect.")
            self._carrier.redirect(
                leg, url=form.get("Url", ""), method=form.get("Method", "POST"), twiml=form.get("Twiml", "")
            )
        return _json(self._call(leg))

    def _leg(self, request: web.Request) -> Leg:
        leg = self._carrier.legs.get(request.match_info["call"])
        if leg is None:
            raise RestError(404, 20404, f"The requested resource {request.path} was not found")
        return leg

    def _call(self, leg: Leg) -> dict[str, Any]:
        record, root = leg.record, f"/2010-04-01/Accounts/{self._carrier.account_sid}"
        started = rfc2822(leg.date_created)
        duration = (
            str(round((record.ended_at or 0) - record.answered_at))
            if record.ended_at and record.answered_at is not None
            else None
        )
        subresources = (
            "events",
            "notifications",
            "payments",
            "recordings",
            "siprec",
            "streams",
            "transcriptions",
            "user_defined_messages",
            "user_defined_message_subscriptions",
        )
        uri = f"{root}/Calls/{record.sid}"
        return {
            "sid": record.sid,
            "account_sid": self._carrier.account_sid,
            "parent_call_sid": record.parent_sid,
            "date_created": started,
            "date_updated": started,
            "to": record.to,
            "to_formatted": record.to,
            "from": record.from_,
            "from_formatted": record.from_,
            "phone_number_sid": None,
            "status": "queued" if record.status == "initiated" else record.status,
            "start_time": started if record.answered_at is not None else None,
            "end_time": rfc2822(self._carrier.now()) if leg.over else None,
            "duration": duration,
            "price": None,
            "price_unit": "USD",
            "direction": record.direction,
            "answered_by": None,
            "api_version": "2010-04-01",
            "annotation": None,
            "forwarded_from": None,
            "group_sid": None,
            "caller_name": None,
            "queue_time": "0",
            "trunk_sid": None,
            "uri": f"{uri}.json",
            "subresource_uris": {name: f"{uri}/{name.title().replace('_', '')}.json" for name in subresources},
        }

    def _page(self, name: str, items: list[dict[str, Any]], request: web.Request) -> dict[str, Any]:
        uri = str(request.rel_url)
        return {
            name: items,
            "page": 0,
            "page_size": 50,
            "start": 0,
            "end": max(0, len(items) - 1),
            "uri": uri,
            "first_page_uri": uri,
            "next_page_uri": None,
            "previous_page_uri": None,
        }

    # ---- streams ---------------------------------------------------------------------------------------------------

    async def _create_stream(self, request: web.Request, form: dict[str, Any]) -> web.Response:
        leg = self._leg(request)
        if not leg.live:
            raise RestError(400, 21220, "Call is not in-progress.")
        stream = self._carrier.new_stream(leg, form.get("Name", ""), form.get("Track", "inbound_track"), two_way=False)
        numbers = {key.partition(".")[0] for key in form if key.startswith("Parameter")}
        parameters = {form[f"{n}.Name"]: form.get(f"{n}.Value", "") for n in numbers}
        await stream.open(form.get("Url", ""), parameters, self._carrier.auth_token, self._carrier.routes)
        leg.forks[stream.name] = stream
        return _json(self._stream(leg, stream.sid, stream.name, "in-progress"))

    async def _stop_stream(self, request: web.Request, form: dict[str, Any]) -> web.Response:
        leg, wanted = self._leg(request), request.match_info["stream"]
        found = next((s for s in leg.forks.values() if wanted in (s.sid, s.name)), None)
        if found is None:
            raise RestError(404, 20404, "no such stream")
        await self._carrier.stop_fork(leg, found.name)
        return _json(self._stream(leg, found.sid, found.name, "stopped"))

    def _stream(self, leg: Leg, sid: str, name: str, status: str) -> dict[str, Any]:
        uri = f"/2010-04-01/Accounts/{self._carrier.account_sid}/Calls/{leg.sid}/Streams/{sid}.json"
        return {
            "sid": sid,
            "account_sid": self._carrier.account_sid,
            "call_sid": leg.sid,
            "name": name,
            "status": status,
            "date_updated": rfc2822(self._carrier.now()),
            "uri": uri,
        }

    # ---- rooms -----------------------------------------------------------------------------------------------------

    async def _list_rooms(self, request: web.Request, form: dict[str, Any]) -> web.Response:
        status = form.get("Status", "in-progress")
        rooms = [
            r for r in self._carrier.rooms.values() if r.status == status and form.get("FriendlyName") in (None, r.name)
        ]
        return _json(self._page("conferences", [self._room_json(r) for r in rooms], request))

    def _room(self, request: web.Request) -> Room:
        wanted = request.match_info["room"]
        found = self._carrier.rooms.get(wanted) or next(
            (r for r in self._carrier.rooms.values() if r.name == wanted and r.status != "completed"), None
        )
        if found is None:
            raise RestError(404, 20404, f"The requested resource {request.path} was not found")
        return found

    async def _fetch_room(self, request: web.Request, form: dict[str, Any]) -> web.Response:
        return _json(self._room_json(self._room(request)))

    async def _update_room(self, request: web.Request, form: dict[str, Any]) -> web.Response:
        room = self._room(request)
        if form.get("Status") == "completed":
            for seat in list(room.seats.values()):
                seat.leg.update()
            room.status, room.reason = "completed", "conference-ended-via-api"
        return _json(self._room_json(room))

    def _room_json(self, room: Room) -> dict[str, Any]:
        uri, now = (
            f"/2010-04-01/Accounts/{self._carrier.account_sid}/Conferences/{room.sid}",
            rfc2822(self._carrier.now()),
        )
        return {
            "sid": room.sid,
            "account_sid": self._carrier.account_sid,
            "friendly_name": room.name,
            "status": room.status,
            "region": "us1",
            "reason_conference_ended": room.reason or None,
            "call_sid_ending_conference": room.ending or None,
            "date_created": now,
            "date_updated": now,
            "api_version": "2010-04-01",
            "uri": f"{uri}.json",
            "subresource_uris": {"participants": f"{uri}/Participants.json", "recordings": f"{uri}/Recordings.json"},
        }

    async def _list_seats(self, request: web.Request, form: dict[str, Any]) -> web.Response:
        room = self._room(request)
        return _json(self._page("participants", [self._seat_json(room, s) for s in room.seats.values()], request))

    def _seat(self, request: web.Request) -> tuple[Room, Seat]:
        room, wanted = self._room(request), request.match_info["call"]
        found = next((s for s in room.seats.values() if wanted in (s.leg.sid, s.label)), None)
        if found is None:
            raise RestError(404, 20404, "no such participant")
        return room, found

    async def _fetch_seat(self, request: web.Request, form: dict[str, Any]) -> web.Response:
        return _json(self._seat_json(*self._seat(request)))

    async def _update_seat(self, request: web.Request, form: dict[str, Any]) -> web.Response:
        room, seat = self._seat(request)
        for name, field in (("Muted", "muted"), ("Hold", "hold"), ("EndConferenceOnExit", "ends")):
            if name in form:
                setattr(seat, field, form[name].lower() == "true")
        return _json(self._seat_json(room, seat))

    async def _remove_seat(self, request: web.Request, form: dict[str, Any]) -> web.Response:
        _, seat = self._seat(request)
        seat.leg.update()
        return web.Response(status=204)

    def _seat_json(self, room: Room, seat: Seat) -> dict[str, Any]:
        now = rfc2822(self._carrier.now())
        return {
            "account_sid": self._carrier.account_sid,
            "call_sid": seat.leg.sid,
            "conference_sid": room.sid,
            "label": seat.label or None,
            "call_sid_to_coach": None,
            "coaching": False,
            "muted": seat.muted,
            "hold": seat.hold,
            "start_conference_on_enter": seat.starts,
            "end_conference_on_exit": seat.ends,
            "status": "connected",
            "queue_time": None,
            "date_created": now,
            "date_updated": now,
            "uri": f"/2010-04-01/Accounts/{self._carrier.account_sid}/Conferences/{room.sid}/Participants/{seat.leg.sid}.json",
        }

    async def _fetch_recording(self, request: web.Request, form: dict[str, Any]) -> web.Response:
        found = self._carrier.recordings.get(request.match_info["recording"])
        if found is None:
            raise RestError(404, 20404, "no such recording")
        return _json(
            {
                "sid": found.sid,
                "call_sid": found.call_sid,
                "account_sid": self._carrier.account_sid,
                "status": "completed",
                "duration": str(round(len(found.audio) / 8000)),
                "source": "RecordVerb",
            }
        )


def _json(body: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(text=json.dumps(body), status=status, content_type="application/json")
