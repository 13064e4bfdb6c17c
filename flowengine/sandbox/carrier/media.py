"""Media Streams: the carrier's end of the WebSocket, exactly as `twilio.md` 3 has it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from websockets.exceptions import InvalidHandshake, InvalidStatus

from flowengine.sandbox.carrier.behaviour import Behaviour
from flowengine.sandbox.carrier.faults import Faults
from flowengine.sandbox.sockets import Socket, connect
from flowengine.sandbox.speech import FRAME, SILENCE, Ear, Word

__all__ = ["MediaStream", "Playback", "StreamInfo", "Upgrade"]

USER_AGENT = "Twilio.TmeWs/1.0"  # captured (twilio.md 1.7)
FRAME_MS = 20
_MOST_UNSENT = 150_000  # bytes a slow reader may be behind before media is discarded (31931): 10 s
Report = Callable[[int, str], None]


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a `<Stream>` asked for."""

    sid: str
    account_sid: str
    call_sid: str
    url: str
    name: str
    track: Literal["inbound_track", "outbound_track", "both_tracks"]
    parameters: Mapping[str, str]
    two_way: bool

    @property
    def tracks(self) -> list[str]:
        both = ["inbound", "outbound"]
        return both if self.track == "both_tracks" else [self.track.removesuffix("_track")]


@dataclass(frozen=True, slots=True)
class Upgrade:
    """One WebSocket request as it was sent, for tests of the signature."""

    url: str
    headers: Mapping[str, str]


class Playback:
    """The audio our server sent, waiting to be played at 50 frames a second, and the marks between it."""

    def __init__(self, echo: Callable[[str], None], faults: Faults, leg: str) -> None:
        self._echo, self._faults, self._leg = echo, faults, leg
        self._buffer = bytearray()
        self._taken = 0  # bytes taken out of the buffer since the stream began
        self._played = 0  # of those, the bytes that have been heard in full
        self._marks: deque[tuple[int, str]] = deque()
        self._ear = Ear()
        self._words: list[Word] = []

    @property
    def pending(self) -> float:
        """Seconds not played yet."""
        return len(self._buffer) / FRAME * FRAME_MS / 1000

    def add(self, audio: bytes) -> None:
        self._buffer += audio
        if losses := self._faults.frames_to_lose(self._leg, "out"):
            self._words += self._ear.feed(audio)
            for fault in losses:
                self._faults.lose_frame(fault, self._buffer, self._words, self._taken)

    def mark(self, name: str) -> None:
        """Echoed when everything before it was played: at once if nothing is waiting."""
        self._marks.append((self._taken + len(self._buffer), name))
        self._echo_played()

    def clear(self) -> None:
        """Nothing more is played; every mark that is waiting is echoed at once."""
        self._taken += len(self._buffer)
        self._buffer.clear()
        self._played = self._taken
        self._echo_played()

    def frame(self) -> bytes:
        """The next 20 ms to play. What was taken before has been heard by now, so its marks go out first."""
        self._played = self._taken
        self._echo_played()
        if not self._buffer:
            return SILENCE
        frame = bytes(self._buffer[:FRAME])
        del self._buffer[:FRAME]
        self._taken += len(frame)
        return frame.ljust(FRAME, b"\xff")

    def _echo_played(self) -> None:
        while self._marks and self._marks[0][0] <= self._played:
            self._echo(self._marks.popleft()[1])


class MediaStream:
    """One stream of one leg, from the upgrade to the close. `run` is its whole life."""

    def __init__(
        self,
        info: StreamInfo,
        upgrade_headers: Mapping[str, str],
        address: tuple[str, int] | None,
        behaviour: Behaviour,
        faults: Faults,
        report: Report,
        leg: str,
    ) -> None:
        self.info, self.ended_by = info, ""  # "refused", "server", "carrier" or "broken" once it is over
        self.upgrade: Upgrade | None = None
        self.error = ""
        self.started, self.over = asyncio.Event(), asyncio.Event()
        self.playback = Playback(self._echo, faults, leg)
        self.task: asyncio.Task[None] | None = None  # its `run`
        self._headers, self._address = upgrade_headers, address
        self._behaviour, self._faults, self._report = behaviour, faults, report
        self._ended = asyncio.Event()  # by either side
        self._socket: Socket | None = None
        self._stopping = False
        self._sequence = self._chunks = self._ticks = 0
        self._reported: set[int] = set()

    @property
    def stopping(self) -> bool:
        return self._stopping

    # ---- its life

    async def run(self) -> None:
        try:
            if await self._open():
                await self._live()
        finally:
            self.ended_by = self.ended_by or "carrier"
            self.over.set()

    async def _open(self) -> bool:
        """The upgrade. Its failure is a warning and `stream-error`; the call goes on (twilio.md 3.3)."""
        trouble = self._cannot_open()
        if trouble is None:
            try:
                async with asyncio.timeout(self._behaviour.stream_connect_seconds):
                    self._socket = await self._upgrading()
                return True
            except TimeoutError:
                trouble = (31901, "connection timeout")
            except InvalidStatus as refused:
                trouble = (31920, f"handshake answered {refused.response.status_code}")
            except (OSError, InvalidHandshake) as refused:
                trouble = (31902, f"connection failed: {refused}")
        self.ended_by, self.error = "refused", f"{trouble[0]} {trouble[1]}"
        self._report(*trouble)
        return False

    def _cannot_open(self) -> tuple[int, str] | None:
        url = self.info.url
        if url.startswith("ws://"):
            return 31922, "the stream URL must be wss"
        if not url.startswith("wss://"):
            return 11100, "the stream URL is not absolute"
        if "?" in url:
            return 31920, "the stream URL has a query string"
        if self.info.two_way and self.info.track != "inbound_track":
            return 31941, "a bidirectional stream has the inbound track only"
        return None if self._address else (31902, "no such host")

    async def _upgrading(self) -> Socket:
        assert self._address is not None
        headers = {**self._headers, "Accept-Encoding": "gzip", "User-Agent": USER_AGENT}
        url, pongs = self.info.url.replace("wss://", "ws://", 1), self._behaviour.stream_accepts_ping
        socket = await connect(url, self._address, headers, pongs=pongs)
        request = socket.request
        self.upgrade = Upgrade(self.info.url, dict(request.headers.raw_items()) if request else {})
        return socket

    async def _live(self) -> None:
        assert self._socket is not None
        cut = self._faults.cut_after()
        if cut is not None:
            asyncio.get_running_loop().call_later(cut, self._break)
        self._say({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        self._say_numbered("start", start=self._start())
        self.started.set()
        self._socket.listen(self._take, self._gone)
        try:
            await self._ended.wait()
        finally:
            self._socket.close()
        await self._socket.finished()

    def _break(self) -> None:
        if self._socket is not None and not self.over.is_set():
            self.ended_by = "broken"
            self._warn(31903, "broken pipe")
            self._socket.cut()

    # ---- towards our server

    def push(self, inbound: bytes, outbound: bytes) -> None:
        """20 ms of the leg: what its party said, and what was played to it."""
        if not self.started.is_set() or self._stopping:
            return
        self._ticks += 1
        if self._socket is None or self._socket.unsent > _MOST_UNSENT:
            self._warn(31931, "media discarded, the connection is too slow")
            return
        for track in self.info.tracks:
            self._media(track, inbound if track == "inbound" else outbound)

    def _media(self, track: str, frame: bytes) -> None:
        self._sequence += 1
        self._chunks += 1
        per_track = self._behaviour.chunk_per_track
        chunk = -(-self._chunks // len(self.info.tracks)) if per_track else self._chunks
        payload = base64.b64encode(frame).decode()
        at = (self._ticks - 1) * FRAME_MS
        self._send(
            f'{{"event":"media","sequenceNumber":"{self._sequence}","media":{{"track":"{track}","chunk":"{chunk}",'
            f'"timestamp":"{at}","payload":"{payload}"}},"streamSid":"{self.info.sid}"}}'
        )

    def key(self, digit: str) -> None:
        if self.info.two_way and self.started.is_set() and not self._stopping:
            self._say_numbered("dtmf", dtmf={"track": "inbound_track", "digit": digit})

    def stop(self) -> None:
        """The carrier ends the stream: `stop`, then the close; what was not played never will be."""
        if self._stopping or self.over.is_set():
            return
        if self.started.is_set() and not self._faults.loses_stop():
            self._say_numbered("stop", stop={"accountSid": self.info.account_sid, "callSid": self.info.call_sid})
        self._stopping = True
        self._ended.set()
        if self._socket is None and self.task is not None:
            self.task.cancel()  # it had not opened yet

    def _echo(self, name: str) -> None:
        if not self._stopping and not self._faults.loses_mark():
            self._say_numbered("mark", mark={"name": name})

    def _start(self) -> dict[str, Any]:
        return {
            "accountSid": self.info.account_sid,
            "streamSid": self.info.sid,
            "callSid": self.info.call_sid,
            "tracks": self.info.tracks,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": dict(self.info.parameters),
        }

    def _say_numbered(self, event: str, **body: Any) -> None:
        self._sequence += 1
        self._say({"event": event, "sequenceNumber": str(self._sequence), **body, "streamSid": self.info.sid})

    def _say(self, message: Mapping[str, Any]) -> None:
        self._send(json.dumps(message))

    def _send(self, message: str) -> None:
        assert self._socket is not None
        self._socket.send(message)

    # ---- from our server

    def _gone(self) -> None:
        assert self._socket is not None
        if self._stopping:
            return
        if not self.ended_by:
            self.ended_by = "server"
            if not self._socket.closed_well:
                self._warn(31921, f"closed with {self._socket.close_code}")
        self._stopping = True
        self._ended.set()

    def _take(self, message: str | bytes) -> None:
        if self._stopping:
            return
        if not self.info.two_way:
            self._warn(31924, "a one-way stream takes no messages")
        elif isinstance(message, bytes):
            self._warn(31950, "binary message")
        elif not self._obeyed(message):
            self._warn(31951, "invalid message")
            if self._behaviour.bad_message_ends_stream:
                self.ended_by = "broken"
                self.stop()

    def _obeyed(self, text: str) -> bool:
        """Whether the message was exactly one of the three we know, for this stream; then it is done (3.2)."""
        try:
            match json.loads(text):
                case {"event": "clear", "streamSid": self.info.sid, **more} if not more:
                    self.playback.clear()
                case {"event": "mark", "streamSid": self.info.sid, "mark": {"name": str(name), **rest}, **more} if (
                    not more and not rest
                ):
                    self.playback.mark(name)
                case {
                    "event": "media",
                    "streamSid": self.info.sid,
                    "media": {"payload": str(data), **rest},
                    **more,
                } if not more and not rest:
                    self.playback.add(base64.b64decode(data, validate=True))
                case _:
                    return False
        except (json.JSONDecodeError, binascii.Error):
            return False
        return True

    def _warn(self, code: int, text: str) -> None:
        """Each code once a stream."""
        if code not in self._reported:
            self._reported.add(code)
            self._report(code, text)

    # ---- as what a leg hears

    @property
    def joined(self) -> bool:
        return False

    def frame(self) -> bytes:
        return self.playback.frame()
