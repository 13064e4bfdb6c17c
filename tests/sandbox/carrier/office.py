"""An application for the emulated carrier to talk to: documents by path, sockets by path, everything it was asked."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import WSMsgType, web
from multidict import MultiDict

from flowengine.sandbox.carrier import Behaviour, CallRecord, Carrier, Fault
from flowengine.sandbox.speech import speak

PUBLIC = "https://demo.test"
ACCOUNT, TOKEN = "AC" + "0a" * 16, "a-token-of-the-sandbox"
OFFICE, CALLER, DANA, LUIS = "+13125550100", "+13125550199", "+13125550111", "+13125550112"
ROOT = f"/2010-04-01/Accounts/{ACCOUNT}"
START = datetime(2026, 11, 10, 16, 15, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived."""

    at: float
    method: str
    path: str
    query: str
    form: MultiDict[str]
    signature: str
    headers: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.form[name]

    def get(self, name: str) -> str | None:
        return self.form.get(name)


Reply = str | web.Response
Document = Reply | Callable[[Asked], Reply | Awaitable[Reply]]


class Socket:
    """The application's end of one media stream."""

    def __init__(self, ws: web.WebSocketResponse, headers: dict[str, str], path: str) -> None:
        self.ws, self.headers, self.path = ws, headers, path
        self.messages: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.pongs = 0
        self.ended = asyncio.Event()
        self._changed = asyncio.Event()

    @property
    def sid(self) -> str:
        return str(self.of("start")[0]["streamSid"])

    def of(self, event: str) -> list[dict[str, Any]]:
        return [m for m in self.messages if m["event"] == event]

    def audio(self, track: str = "inbound") -> bytes:
        return b"".join(
            base64.b64decode(m["media"]["payload"]) for m in self.of("media") if m["media"]["track"] == track
        )

    def marks(self) -> list[str]:
        return [m["mark"]["name"] for m in self.of("mark")]

    async def until(self, met: Callable[[], object], seconds: float = 60) -> None:
        async with asyncio.timeout(seconds):
            while not met():
                self._changed.clear()
                await self._changed.wait()

    async def send(self, event: str, **body: Any) -> None:
        await self.ws.send_str(json.dumps({"event": event, "streamSid": self.sid, **body}))

    async def play(self, audio: bytes, size: int = 0) -> None:
        """In messages of `size` bytes; 0 is all at once."""
        for at in range(0, len(audio), size or len(audio)):
            piece = audio[at : at + (size or len(audio))]
            await self.send("media", media={"payload": base64.b64encode(piece).decode()})

    async def mark(self, name: str) -> None:
        await self.send("mark", mark={"name": name})

    async def listen(self) -> None:
        async for message in self.ws:
            if message.type is WSMsgType.TEXT:
                self.messages.append(json.loads(message.data))
                self.times.append(asyncio.get_running_loop().time())
                self._changed.set()
            elif message.type is WSMsgType.PONG:
                self.pongs += 1
        self.ended.set()
        self._changed.set()


Talk = Callable[[Socket], Awaitable[None]]


@dataclass
class Office:
    """`documents` by path; a callable is given what was asked. `talks` by path: what happens on a socket."""

    documents: dict[str, Document] = field(default_factory=dict)
    talks: dict[str, Talk] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    sockets: list[Socket] = field(default_factory=list)
    refuses_sockets: bool = False

    def to(self, path: str) -> list[Asked]:
        return [a for a in self.asked if a.path == path]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request)
        form: MultiDict[str] = MultiDict()
        for name, value in (await request.post() if request.method == "POST" else request.query).items():
            form.add(name, str(value))
        asked = Asked(
            asyncio.get_running_loop().time(), request.method, request.path, request.raw_path.partition("?")[2], form,
            request.headers.get("X-Twilio-Signature", ""), dict(request.headers),
        )  # fmt: skip
        self.asked.append(asked)
        document = self.documents.get(request.path, web.Response(status=204))
        reply = document(asked) if callable(document) else document
        if isinstance(reply, Awaitable):
            reply = await reply
        return reply if isinstance(reply, web.StreamResponse) else xml(reply)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if self.refuses_sockets:
            return web.Response(status=403)
        ws = web.WebSocketResponse(compress=False, autoping=False)
        await ws.prepare(request)
        socket = Socket(ws, dict(request.headers), request.path)
        self.sockets.append(socket)
        ear = asyncio.ensure_future(socket.listen())
        try:
            if talk := self.talks.get(request.path):
                await socket.until(lambda: socket.of("start"))
                await talk(socket)
            await ear
        finally:
            ear.cancel()
        return ws


def xml(body: str) -> web.Response:
    if not body.startswith("<?xml"):
        body = f'<?xml version="1.0" encoding="UTF-8"?><Response>{body}</Response>'
    return web.Response(text=body, content_type="text/xml")


@dataclass
class World:
    carrier: Carrier
    office: Office

    async def ring(self, caller: Any, **given: Any) -> CallRecord:
        async with asyncio.timeout(600):
            return await self.carrier.ring_in(caller, from_=given.pop("from_", CALLER), to=OFFICE, **given)


@asynccontextmanager
async def world(
    office: Office | None = None,
    *,
    behaviour: Behaviour | None = None,
    faults: Sequence[Fault] = (),
    method: str = "POST",
    fallback: str = "",
    status: str = "",
    elsewhere: Mapping[str, str] | None = None,
) -> AsyncIterator[World]:
    """An office behind `https://demo.test`, reached by the carrier, its number leading to /voice."""
    office = office or Office()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", office.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, handle_signals=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    loop = asyncio.get_running_loop()
    began = loop.time()
    carrier = Carrier(
        account_sid=ACCOUNT,
        auth_token=TOKEN,
        now=lambda: START + timedelta(seconds=loop.time() - began),
        routes={PUBLIC: f"http://127.0.0.1:{runner.addresses[0][1]}", **(elsewhere or {})},
        behaviour=behaviour,
        faults=faults,
    )
    await carrier.start()
    carrier.add_number(
        OFFICE,
        f"{PUBLIC}/voice",
        method=method,
        fallback_url=f"{PUBLIC}{fallback}" if fallback else "",
        status_callback=f"{PUBLIC}{status}" if status else "",
    )
    try:
        yield World(carrier, office)
    finally:
        await carrier.stop()
        await runner.cleanup()


def said(text: str, utterance: int = 7) -> bytes:
    """The receptionist saying something."""
    return speak(text, "agent", utterance)


CONNECT = '<Connect><Stream url="wss://demo.test/media"><Parameter name="call" value="c1"/></Stream></Connect>'
