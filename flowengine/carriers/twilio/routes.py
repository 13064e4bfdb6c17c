"""The addresses Twilio calls: check who asks, translate, hand to the call, and answer in TwiML whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from flowengine.call.documents import Document, HangUp
from flowengine.call.events import (
    CallerHungUp,
    CallerLeftRoom,
    CallerReturned,
    JoinedRoom,
    LeftRoom,
    LegAnswered,
    StaffLeftRoom,
    StaffPressed,
    StaffReturned,
    StaffSaidWhy,
)
from flowengine.carriers.twilio import protocol, recording
from flowengine.carriers.twilio.book import Book
from flowengine.carriers.twilio.client import TwilioCarrier
from flowengine.carriers.twilio.door import ANSWERS_WITHIN, IGNORED, REFUSED, Door, Refused
from flowengine.carriers.twilio.links import STATUS, VOICE, Links, call_of, caller_leg, subject
from flowengine.carriers.twilio.media import NOT_ALLOWED, Ears, TwilioLine, TwilioStream
from flowengine.carriers.twilio.music import MusicRoute, whole
from flowengine.carriers.twilio.protocol import Form, News, Question, Start
from flowengine.carriers.twilio.tokens import StreamTokens
from flowengine.carriers.twilio.twiml import ask_again, render
from flowengine.carriers.twilio.waiting import NO_NEWS, NOTHING, SORRY, Rooms
from flowengine.runtime.ports import Bus, Calls, Clock, HandedOver, NoSuchCall
from flowengine.runtime.sockets import accept
from flowengine.settings import Settings

APOLOGY = HangUp(SORRY)
WENT_WELL, WENT_WRONG = 1000, 1011

log = structlog.get_logger("flowengine.twilio")

Path = Mapping[str, str]
Asked = Callable[[Form, Path], Awaitable[tuple[str, Document]]]  # (call id, what the leg gets)
Told = Callable[[Form, Path], None]
Use = Callable[[TwilioStream, Start, str, str], Awaitable[None]]
Endpoint = Callable[[Request], Awaitable[Response]]


def twilio_routes(settings: Settings, calls: Calls, bus: Bus, clock: Clock, client: TwilioCarrier) -> list[BaseRoute]:
    """Everything under /twilio/. `settings` needs the public URL, the auth token and the secret key."""
    door = Door(settings.public_url, settings.twilio_auth_token)
    tokens, legs = StreamTokens(settings.secret_key, clock), Book()
    web = _Webhooks(calls, legs, client.caller_tokens)
    rooms = Rooms(calls, legs, client)
    streams = _Streams(door, tokens, calls, bus)

    def links(call_id: str, path: Path) -> Links:
        return Links(settings.public_url, call_id, tokens, path.get("room", ""), whole(path.get("heard")))

    def asks(path: str, asked: Asked, otherwise: Document = APOLOGY) -> Route:
        return Route(path, _question(asked, door, links, otherwise), methods=["GET", "POST"])

    def tells(path: str, told: Told) -> Route:
        return Route(path, _notice(told, door), methods=["GET", "POST"])

    return [
        asks(VOICE, web.voice),
        asks("/twilio/calls/{call}/recovery", web.recovery),
        asks("/twilio/calls/{call}/room/{room}", web.room),
        asks("/twilio/calls/{call}/wait/{room}", rooms.wait, NO_NEWS),
        asks("/twilio/calls/{call}/announce/{room}", rooms.announce, NOTHING),
        Route("/twilio/calls/{call}/music/{seconds:int}.wav", MusicRoute(calls).serve),
        asks("/twilio/calls/{call}/recorded", web.with_news(protocol.recorded)),
        asks("/twilio/calls/{call}/refer", web.with_news(protocol.refer_answered)),
        asks("/twilio/calls/{call}/dial", web.with_news(protocol.dial_ended)),
        asks("/twilio/legs/{leg}/answer", web.leg_answer),
        asks("/twilio/legs/{leg}/key", web.leg_key),
        asks("/twilio/legs/{leg}/why", web.leg_why),
        asks("/twilio/legs/{leg}/returned", web.leg_returned),
        asks("/twilio/legs/{leg}/room", web.leg_room),
        tells("/twilio/calls/{call}/conference", web.conference),
        tells("/twilio/recording/{call}", web.recording),
        tells("/twilio/legs/{leg}/status", web.leg_status),
        tells("/twilio/legs/{leg}/machine", web.leg_machine),
        tells(STATUS, web.number_status),
        WebSocketRoute("/twilio/media", streams.media),
        WebSocketRoute("/twilio/transcript", streams.transcript),
        WebSocketRoute("/twilio/consult", streams.consult),
    ]


# ---- answering -------------------------------------------------------------------------------------------------------


def _question(asked: Asked, door: Door, links: Callable[[str, Path], Links], otherwise: Document) -> Endpoint:
    """An address that answers in TwiML: a signed request always gets a document, because an error is not heard."""

    async def endpoint(request: Request) -> Response:
        try:
            form = await door.form(request)
        except Refused as refused:
            return PlainTextResponse("refused", refused.status)
        path = {**request.query_params, **request.path_params}
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                call_id, document = await asked(form, path)
            return _twiml(render(document, links(call_id, path)))
        except HandedOver:
            return _twiml(ask_again(door.again(request, form)))
        except Exception as error:  # a mistake anywhere behind this address must still reach the caller as words
            note = log.warning if isinstance(error, NoSuchCall) else log.error
            note("no document", path=request.url.path, error=type(error).__name__)
            return _twiml(render(otherwise, links(path.get("call", ""), path)))

    return endpoint


def _notice(told: Told, door: Door) -> Endpoint:
    """An address whose answer Twilio ignores."""

    async def endpoint(request: Request) -> Response:
        try:
            told(await door.form(request), request.path_params)
        except Refused as refused:
            return PlainTextResponse("refused", refused.status)
        return Response(status_code=204)

    return endpoint


def _twiml(text: str) -> Response:
    return Response(text, media_type="text/xml")


class _Webhooks:
    """What each address means to a call."""

    def __init__(self, calls: Calls, book: Book, caller_tokens: Book) -> None:
        self._calls = calls
        self._book = book
        self._caller_tokens = caller_tokens

    # -- the caller's leg

    async def voice(self, form: Form, path: Path) -> tuple[str, Document]:
        call_id, document = await self._calls.arrive(
            ref=form["CallSid"],
            caller=protocol.caller_number(form),
            dialled=protocol.dialled_number(form),
            arrives_by=protocol.arrives_by(form),
        )
        self._book.learn(form["CallSid"], caller_leg(call_id))
        self._caller_tokens.learn(call_id, form.get("CallToken", ""))
        return call_id, document

    async def recovery(self, form: Form, path: Path) -> tuple[str, Document]:
        stream = whole(path.get("stream"))
        return await self._whats_next(path["call"], form, lambda at, request: CallerReturned(at, request, stream))

    async def room(self, form: Form, path: Path) -> tuple[str, Document]:
        return await self._whats_next(path["call"], form, lambda at, request: CallerLeftRoom(at, request, path["room"]))

    def with_news(self, read: Callable[[Form], Question]) -> Asked:
        """The request brings a result, so it is put to the call even when the caller has gone meanwhile."""

        async def asked(form: Form, path: Path) -> tuple[str, Document]:
            self._book.learn(form.get("CallSid", ""), caller_leg(path["call"]))
            document = await self._calls.ask(path["call"], read(form))
            if protocol.leg_is_over(form):
                self._calls.tell(path["call"], CallerHungUp)
            return path["call"], document

        return asked

    async def _whats_next(self, call_id: str, form: Form, question: Question) -> tuple[str, Document]:
        """A caller who has hung up asks for nothing: that is the news."""
        self._book.learn(form.get("CallSid", ""), caller_leg(call_id))
        if protocol.leg_is_over(form):
            self._calls.tell(call_id, CallerHungUp)
            return call_id, HangUp()
        return call_id, await self._calls.ask(call_id, question)

    def number_status(self, form: Form, path: Path) -> None:
        """The number's own status callback: it comes at the end of a caller's leg only (twilio.md 1.3)."""
        leg = self._book.find(form.get("CallSid", ""))
        if leg is None or not leg.endswith("-caller") or not protocol.leg_is_over(form):
            IGNORED.labels("status").inc()
        else:
            self._calls.tell(call_of(leg), CallerHungUp)

    def recording(self, form: Form, path: Path) -> None:
        """It comes after the end of a call too."""
        if (news := recording.news(form)) is None:
            IGNORED.labels("recording").inc()
        else:
            self._calls.tell(path["call"], news)

    # -- staff legs

    async def leg_answer(self, form: Form, path: Path) -> tuple[str, Document]:
        leg, ref = path["leg"], form.get("CallSid", "")
        self._book.learn(ref, leg)
        return await self._ask_of(leg, lambda at, request: LegAnswered(at, leg, ref, request))

    async def leg_key(self, form: Form, path: Path) -> tuple[str, Document]:
        leg, key = path["leg"], form.get("Digits", "")[:1]
        self._book.learn(form.get("CallSid", ""), leg)
        return await self._ask_of(leg, lambda at, request: StaffPressed(at, leg, key, request))

    async def leg_why(self, form: Form, path: Path) -> tuple[str, Document]:
        leg, key = path["leg"], form.get("Digits", "")[:1]
        self._book.learn(form.get("CallSid", ""), leg)
        return await self._ask_of(leg, lambda at, request: StaffSaidWhy(at, leg, key, request))

    async def leg_returned(self, form: Form, path: Path) -> tuple[str, Document]:
        """Who has hung up wants nothing more: the leg's status tells that."""
        leg = path["leg"]
        self._book.learn(form.get("CallSid", ""), leg)
        if protocol.leg_is_over(form):
            return call_of(leg), HangUp()
        return await self._ask_of(leg, lambda at, request: StaffReturned(at, leg, request))

    async def leg_room(self, form: Form, path: Path) -> tuple[str, Document]:
        leg = path["leg"]
        self._book.learn(form.get("CallSid", ""), leg)
        return await self._ask_of(leg, lambda at, request: StaffLeftRoom(at, leg, request))

    def leg_status(self, form: Form, path: Path) -> None:
        self._book.learn(form.get("CallSid", ""), path["leg"])
        self._tell(path["leg"], protocol.leg_news(path["leg"], form))

    def leg_machine(self, form: Form, path: Path) -> None:
        self._book.learn(form.get("CallSid", ""), path["leg"])
        self._tell(path["leg"], protocol.machine_news(path["leg"], form))

    def _tell(self, leg: str, news: News | None) -> None:
        if news is not None:
            self._calls.tell(call_of(leg), news)

    async def _ask_of(self, leg: str, question: Question) -> tuple[str, Document]:
        return call_of(leg), await self._calls.ask(call_of(leg), question)

    # -- the room

    def conference(self, form: Form, path: Path) -> None:
        """Joining and leaving. Who joins first fixes the address for all, so legs bear the carrier's id only."""
        call_id, news = path["call"], protocol.room_news(form)
        if news is None:
            return
        leg = self._book.find(news.ref) or ("" if news.is_staff else caller_leg(call_id))
        if not leg or call_of(leg) != call_id:
            IGNORED.labels("conference").inc()
            return
        event = JoinedRoom if news.joined else LeftRoom
        self._calls.tell(call_id, lambda at: event(at, leg, news.room))


# ---- streams ---------------------------------------------------------------------------------------------------------


class _Streams:
    """The sockets: signature before the upgrade, a one-time token before anything that costs money."""

    def __init__(self, door: Door, tokens: StreamTokens, calls: Calls, bus: Bus) -> None:
        self._door = door
        self._tokens = tokens
        self._calls = calls
        self._bus = bus

    async def media(self, websocket: WebSocket) -> None:
        await self._serve(websocket, "media", "stream", self._attach)

    async def transcript(self, websocket: WebSocket) -> None:
        await self._serve(websocket, "transcript", "leg", self._transcribe)

    async def consult(self, websocket: WebSocket) -> None:
        await self._serve(websocket, "consult", "leg", self._consult)

    async def _serve(self, websocket: WebSocket, socket: str, named: str, use: Use) -> None:
        if not self._door.upgrade_is_signed(websocket):
            await websocket.close(NOT_ALLOWED)  # before accepting: the upgrade is answered 403
            return
        stream = TwilioStream(await accept(websocket))
        pump = asyncio.create_task(stream.pump())
        code = WENT_WRONG
        try:
            code = await self._admitted(stream, socket, named, use)
        except Exception as error:
            log.error("stream failed", stream=socket, error=type(error).__name__)
        finally:
            await stream.close(code)
            await asyncio.gather(pump, return_exceptions=True)
            IGNORED.labels("stream message").inc(stream.ignored)

    async def _admitted(self, stream: TwilioStream, socket: str, named: str, use: Use) -> int:
        """Serves a stream that proves whose it is; returns the code to close with. `named` is the parameter that says
        which of the call's streams it is.
        """
        start = await stream.opened()
        given = start.custom_parameters if start else {}
        call_id, which = given.get("call", ""), given.get(named, "")
        token, wanted = given.get("token", ""), subject(socket, which)
        if start is None or not await self._tokens.redeem(token, call_id, wanted, self._bus):
            REFUSED.labels("token").inc()
            return NOT_ALLOWED
        await use(stream, start, call_id, which)
        return WENT_WELL

    async def _attach(self, stream: TwilioStream, start: Start, call_id: str, which: str) -> None:
        await self._calls.attach(call_id, int(which), TwilioLine(stream, start))

    async def _transcribe(self, stream: TwilioStream, start: Start, call_id: str, leg: str) -> None:
        """What the leg says; on a dialled leg's stream also what it hears, which is the other's words (twilio.md 3.4).
        Each side has a transcript of its own, and with one of them the other ends.
        """
        ears, other = Ears(stream), start.custom_parameters.get("other", "")
        sides = {"inbound": leg, "outbound": other} if other and call_of(other) == call_id else {"inbound": leg}
        await asyncio.gather(
            *(self._calls.transcribe(call_id, who, partial(ears.hear, track)) for track, who in sides.items())
        )

    async def _consult(self, stream: TwilioStream, start: Start, call_id: str, leg: str) -> None:
        await self._calls.consult(call_id, leg, TwilioLine(stream, start))
