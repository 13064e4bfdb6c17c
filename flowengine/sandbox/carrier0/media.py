"""Media Streams: one WebSocket a stream, 20 ms a message, marks echoed when what came before has been played (twilio.md 3)."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from flowengine.sandbox.carrier0.webhooks import routed, signature
from flowengine.sandbox.speech import FRAME

CONNECT_SECONDS = 5.0
Track = Literal["inbound_track", "outbound_track", "both_tracks"]
_SENT = {
    "media": {"event", "streamSid", "media"},
    "mark": {"event", "streamSid", "mark"},
    "clear": {"event", "streamSid"},
}


class StreamRefused(Exception):
    """The stream could not be opened; `code` is the carrier's error code."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


@dataclass(slots=True)
class Playback:
    """What is yet to be played to the party, in order: audio and marks."""

    items: deque[bytearray | str] = field(default_factory=deque)

    def add(self, audio: bytes) -> None:
        if self.items and isinstance(self.items[-1], bytearray):
            self.items[-1] += audio
        else:
            self.items.append(bytearray(audio))

    def mark(self, name: str) -> None:
        self.items.append(name)

    def clear(self) -> list[str]:
        """Forgets the audio; the marks are to be echoed at once."""
        marks = [item for item in self.items if isinstance(item, str)]
        self.items.clear()
        return marks

    def next(self) -> tuple[bytes, list[str]]:
        """20 ms, and the marks reached by the end of them."""
        frame, marks = bytearray(), []
        while self.items:
            head = self.items[0]
            if isinstance(head, str):
                marks.append(head)
                self.items.popleft()
            elif len(frame) == FRAME:
                break
            else:
                need = FRAME - len(frame)
                frame += head[:need]
                del head[:need]
                if not head:
                    self.items.popleft()
        return bytes(frame).ljust(FRAME, b"\xff"), marks


class Stream:
    """One stream of one leg. `two_way` streams take audio back."""

    def __init__(
        self,
        *,
        sid: str,
        name: str,
        call_sid: str,
        account_sid: str,
        track: Track,
        two_way: bool,
        warn: Callable[[int, str], None],
        chunk_per_track: bool,
    ) -> None:
        self.sid, self.name, self.call_sid, self.account_sid = sid, name or sid, call_sid, account_sid
        self.track, self.two_way = track, two_way
        self.playback = Playback()
        self.closed = asyncio.Event()
        self.on_added: Callable[[bytes], bytes] = lambda audio: audio
        self.lose_mark: Callable[[], bool] = lambda: False
        self._warn, self._warned = warn, set[int]()
        self._socket: ClientConnection | None = None
        self._sequence, self._began = 0, 0.0
        self._chunks = {"inbound": 0, "outbound": 0}
        self._per_track = chunk_per_track
        self._out: asyncio.Queue[str | None] = asyncio.Queue(2000)
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, url: str, parameters: Mapping[str, str], token: str, routes: Mapping[str, str]) -> None:
        """Connects and starts. Raises `StreamRefused`."""
        if not url.startswith("wss://"):
            raise StreamRefused(31922, f"not a wss address: {url}")
        if "?" in url:
            raise StreamRefused(31920, "a stream address takes no query string")
        try:
            self._socket = await self._connect(url, token, routes)
        except (OSError, InvalidHandshake, TimeoutError, ValueError) as mistake:
            raise StreamRefused(31920, str(mistake)) from mistake
        self._began = asyncio.get_running_loop().time()
        self._put({"event": "connected", "protocol": "Call", "version": "1.0.0"}, numbered=False)
        tracks = {"inbound_track": ["inbound"], "outbound_track": ["outbound"]}.get(self.track, ["inbound", "outbound"])
        start = {
            "streamSid": self.sid,
            "accountSid": self.account_sid,
            "callSid": self.call_sid,
            "tracks": tracks,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": dict(parameters),
        }
        self._put({"event": "start", "start": start})
        self._tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._read())]

    async def _connect(self, url: str, token: str, routes: Mapping[str, str]) -> ClientConnection:
        to = routed(url, routes)
        from urllib.parse import urlsplit

        host = urlsplit(to)
        async with asyncio.timeout(CONNECT_SECONDS):
            return await connect(
                f"ws://{urlsplit(url).netloc}{host.path}",
                host=host.hostname,
                port=host.port,
                additional_headers={"X-Twilio-Signature": signature(token, url)},
                user_agent_header="Twilio.TmeWs/1.0",
                compression=None,
                ping_interval=None,
                proxy=None,
                open_timeout=None,
                close_timeout=2,
            )

    # ---- to the server ---------------------------------------------------------------------------------------------

    def send_frames(self, said: bytes | None, heard: bytes) -> None:
        """The 20 ms just passed, for the tracks this stream carries; None is a frame lost on the way."""
        if self.track != "outbound_track" and said is not None:
            self._media("inbound", said)
        if self.track != "inbound_track":
            self._media("outbound", heard)

    def _media(self, track: str, frame: bytes) -> None:
        self._chunks[track] += 1
        chunk = self._chunks[track] if self._per_track else sum(self._chunks.values())
        at = round((asyncio.get_running_loop().time() - self._began) * 1000)
        media = {"track": track, "chunk": str(chunk), "timestamp": str(at), "payload": base64.b64encode(frame).decode()}
        self._put({"event": "media", "media": media})

    def send_digit(self, digit: str) -> None:
        self._put({"event": "dtmf", "dtmf": {"track": "inbound_track", "digit": digit}})

    def echo(self, marks: list[str]) -> None:
        for name in marks:
            if not self.lose_mark():
                self._put({"event": "mark", "mark": {"name": name}})

    def next_frame(self) -> bytes:
        """20 ms of what the server sent, for the party's ear."""
        frame, marks = self.playback.next()
        self.echo(marks)
        return frame

    def _put(self, message: dict[str, Any], *, numbered: bool = True) -> None:
        if self.closed.is_set():
            return
        if numbered:
            self._sequence += 1
            message = {
                "event": message["event"],
                "sequenceNumber": str(self._sequence),
                "streamSid": self.sid,
                **message,
            }
        try:
            self._out.put_nowait(json.dumps(message, separators=(",", ":")))
        except asyncio.QueueFull:
            self.warn(31930, "the server reads too slowly; audio is discarded")

    async def _write(self) -> None:
        assert self._socket is not None
        try:
            while (message := await self._out.get()) is not None:
                await self._socket.send(message)
            await self._socket.close()
        except ConnectionClosed:
            pass
        self.closed.set()

    # ---- from the server -------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        assert self._socket is not None
        try:
            async for message in self._socket:
                self._take(message)
        except ConnectionClosed:
            pass
        if self._socket.close_code not in (1000, 1001, 1005) and not self.closed.is_set():
            self.warn(31921, f"the server closed with {self._socket.close_code}")
        self.closed.set()

    def _take(self, message: str | bytes) -> None:
        if not self.two_way:
            self.warn(31924, "a one-way stream takes no messages")
            return
        if isinstance(message, bytes):
            self.warn(31950, "binary message")
            return
        try:
            parsed = json.loads(message)
            kind = parsed["event"]
            if parsed["streamSid"] != self.sid or set(parsed) != _SENT[kind]:
                raise ValueError(kind)
            self._do(kind, parsed)
        except (ValueError, KeyError, TypeError):
            self.warn(31951, "a message that is not media, mark or clear as documented")

    def _do(self, kind: str, message: dict[str, Any]) -> None:
        match kind:
            case "media":
                if set(message["media"]) != {"payload"}:
                    raise ValueError("media")
                self.playback.add(self.on_added(base64.b64decode(message["media"]["payload"], validate=True)))
            case "mark":
                if set(message["mark"]) != {"name"}:
                    raise ValueError("mark")
                self.playback.mark(str(message["mark"]["name"]))
                if len(self.playback.items) == 1:
                    self.echo(self.playback.clear())
            case "clear":
                self.echo(self.playback.clear())

    def warn(self, code: int, text: str) -> None:
        """Reported once a stream."""
        if code not in self._warned:
            self._warned.add(code)
            self._warn(code, text)

    # ---- the end ---------------------------------------------------------------------------------------------------

    async def stop(self) -> None:
        """`stop`, then the carrier closes the socket."""
        if not self.closed.is_set():
            self._put({"event": "stop", "stop": {"accountSid": self.account_sid, "callSid": self.call_sid}})
            self._out.put_nowait(None)
            try:
                async with asyncio.timeout(3):
                    await self.closed.wait()
            except TimeoutError:
                pass
        await self.cut()

    async def cut(self) -> None:
        """Gone without a farewell."""
        self.closed.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._socket is not None:
            self._socket.transport.abort()
