"""One Media Streams socket, and the caller's line over it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from flowengine.carriers.twilio.protocol import LARGEST_MESSAGE, Encoder, Frame, Start, decode
from flowengine.runtime.ports import CallerListener
from flowengine.runtime.wires import MediaSocket

OPENS_WITHIN = 5.0  # seconds from the connection to `start`
SILENT_SECONDS = 10.0  # without a message, before a connection counts as dead
LOOK_SECONDS = 2.5
KEPT_EARLY = 100  # frames (2 s) kept until somebody listens
PIECE = 800  # bytes: 100 ms a message keeps each far below anybody's limit
TOO_LONG, NOT_ALLOWED = 1009, 1008
_KEYS = frozenset("0123456789*#")


class TwilioStream:
    """Listens from the first message on; frames that come before somebody wants them are kept, at most 2 s."""

    def __init__(self, socket: MediaSocket) -> None:
        self._socket = socket
        self.send = socket.send
        self._start: asyncio.Future[Start | None] = asyncio.get_running_loop().create_future()
        self._over = asyncio.Event()
        self._early: deque[Frame] = deque(maxlen=KEPT_EARLY)
        self._take: Callable[[Frame], None] = self._early.append
        self._too_long = False
        self._heard = 0  # messages so far
        self.ignored = 0  # messages that were no frames, or out of place

    async def pump(self) -> None:
        """Reads the socket until it is over."""
        try:
            await self._socket.run(self._hear)
        finally:
            self.end()

    async def opened(self, within: float = OPENS_WITHIN) -> Start | None:
        """The `start` message; None when it does not come in time."""
        try:
            async with asyncio.timeout(within):
                return await asyncio.shield(self._start)
        except TimeoutError:
            return None

    async def feed(self, take: Callable[[Frame], None]) -> None:
        """Gives every frame to `take` until the stream is over. One on which nothing comes any more is over too, though
        nobody closed it: the carrier sends fifty frames a second, of silence as well (reliability.md F9).
        """
        while self._early:
            take(self._early.popleft())
        self._take = take
        silent = 0.0
        while not self._over.is_set() and silent < SILENT_SECONDS:
            heard = self._heard
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._over.wait()
            silent = 0.0 if self._heard > heard else silent + LOOK_SECONDS
        self.end()

    async def close(self, code: int = 1000) -> None:
        await self._socket.close(TOO_LONG if self._too_long else code)

    def _hear(self, message: str | bytes) -> None:
        self._heard += 1
        frame = decode(message)
        if frame is None:
            self._refuse(message)
        elif frame.event == "start":
            self._begin(frame)
        elif frame.event == "stop":  # Twilio closes next; a broken connection may skip it
            self.end()
        elif self._start.done():
            self._take(frame)
        else:
            self.ignored += frame.event != "connected"

    def _begin(self, frame: Frame) -> None:
        if frame.start is None or self._start.done():
            self.ignored += 1
        else:
            self._start.set_result(frame.start)

    def _refuse(self, message: str | bytes) -> None:
        self.ignored += 1
        if len(message) > LARGEST_MESSAGE:
            self._too_long = True
            self.end()

    def end(self) -> None:
        """Whoever listens has heard the last of it."""
        self._over.set()
        if not self._start.done():
            self._start.set_result(None)


class TwilioLine:
    """`ports.CallerLine` over a bidirectional stream."""

    def __init__(self, stream: TwilioStream, start: Start) -> None:
        self._stream = stream
        self._words = Encoder(start.stream_sid)

    def play(self, audio: bytes) -> None:
        for begin in range(0, len(audio), PIECE):
            self._stream.send(self._words.media(audio[begin : begin + PIECE]), droppable=True)

    def mark(self, name: str) -> None:
        self._stream.send(self._words.mark(name))

    def clear(self) -> None:
        self._stream.send(self._words.clear)

    async def run(self, listener: CallerListener) -> None:
        def take(frame: Frame) -> None:
            if frame.media is not None:
                if frame.event == "media" and frame.media.track == "inbound":
                    listener.caller_audio(frame.media.payload)
            elif frame.event == "mark" and frame.mark is not None:
                listener.caller_mark(frame.mark.name)
            elif frame.event == "dtmf" and frame.dtmf is not None and frame.dtmf.digit in _KEYS:
                listener.caller_key(frame.dtmf.digit)

        await self._stream.feed(take)

    async def close(self) -> None:
        await self._stream.close()


class Ears:
    """Who hears the tracks of one stream, each apart, until it is over or one of them has heard enough."""

    def __init__(self, stream: TwilioStream) -> None:
        self._stream = stream
        self._ears: dict[str, Callable[[bytes], None]] = {}

    async def hear(self, track: str, ear: Callable[[bytes], None]) -> None:
        self._ears[track] = ear
        try:
            await self._stream.feed(self._take)
        finally:
            self._ears.clear()  # at once: the next the caller hears may be us again
            self._stream.end()

    def _take(self, frame: Frame) -> None:
        if frame.event == "media" and frame.media is not None and (ear := self._ears.get(frame.media.track)):
            ear(frame.media.payload)
