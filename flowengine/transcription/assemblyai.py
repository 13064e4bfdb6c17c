"""The running transcript of one leg by AssemblyAI Streaming; whatever befalls it, the call does not notice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import structlog

from flowengine.runtime.mulaw import SILENCE, is_quiet
from flowengine.runtime.ports import Clock, Heard
from flowengine.runtime.sockets import ConnectFailed, connect
from flowengine.runtime.wires import MediaSocket
from flowengine.settings import Settings
from flowengine.transcription import protocol as p

log = structlog.get_logger("flowengine.transcription")

BATCH = 800  # bytes, 100 ms; below 50 ms the service closes with 3007 (assemblyai.md 2.6)
TICK = 0.1  # seconds between two batches: never faster than real time, or it closes as well
MOST_WAITING = 16_000  # bytes, 2 s
STALLED = 1.2  # seconds without a frame, before silence stands in for them: a network that pauses must not tear a word
BEHIND = 2400  # bytes waiting from which on silence is left out to catch up
BEGIN_SECONDS = 5.0
FAREWELL_SECONDS = 3.0
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # before a new try (reliability F16)
STEADY = 10.0  # seconds a connection lives before the pauses start anew
HOPELESS = frozenset({1008, 3006, 3007})  # credentials, parameters, chunks: trying again changes nothing (2.6)
DROPPED = 1006


class AssemblyTranscriber:
    """Implements `ports.Transcriber`."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings

    async def open(
        self, heard: Callable[[Heard], None], gap: Callable[[bool], None], *, language: str = "English"
    ) -> Transcript:
        return Transcript(self._settings, heard, gap, language)


class Transcript:
    """Implements `ports.TranscriptSession`: one turn numbering over as many connections as it takes.

    `counts`: `dropped` bytes that were late, `other` messages of no use, and codes of errors.
    """

    def __init__(
        self, settings: Settings, heard: Callable[[Heard], None], gap: Callable[[bool], None], language: str
    ) -> None:
        self._address = p.address(settings.streaming_url, settings.streaming_model, language)
        self._key = settings.assemblyai_api_key
        self._heard, self._gap = heard, gap
        self._loop = asyncio.get_running_loop()
        self._audio = bytearray()
        self._heard_at = self._loop.time()  # when audio last came
        self._broken = False
        self._closing = False
        self._begun = asyncio.Event()
        self._terminated = asyncio.Event()
        self._error = 0
        self._offset, self._next_turn = 0, 0
        self._partial: Heard | None = None
        self.counts: Counter[str] = Counter()
        self._life = asyncio.create_task(self._live())

    def hear(self, audio: bytes) -> None:
        self._heard_at = self._loop.time()
        self._audio += audio
        if (late := len(self._audio) - MOST_WAITING) > 0:
            del self._audio[:late]
            self.counts["dropped"] += late

    async def close(self) -> None:
        """Sends what is left and waits for the last sentence, at most some 5 s. Safe to repeat."""
        self._closing = True
        if self._begun.is_set():
            await asyncio.wait({self._life}, timeout=MOST_WAITING / BATCH * TICK + FAREWELL_SECONDS)
        self._life.cancel()
        await asyncio.wait({self._life})
        self._break()

    # ---- the life of the transcript ----------------------------------------------------------------------------------

    async def _live(self) -> None:
        """One connection after another. Never raises."""
        pause = FIRST_PAUSE
        while True:
            began = self._loop.time()
            code = await self._connection()
            self._break()
            if self._closing:
                return
            log.warning("transcript_broken", code=code)
            if code in HOPELESS:
                return
            pause = FIRST_PAUSE if self._loop.time() - began > STEADY else pause
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _connection(self) -> int:
        """Until it is over; the code it ended with."""
        try:
            socket = await connect(self._address, {"Authorization": self._key})  # not Bearer (2.1)
        except ConnectFailed as refusal:
            return 1008 if refusal.status in (401, 403) else DROPPED
        except ValueError:  # the library's word for an address that cannot be one
            return 3006
        self._error = 0
        self._terminated.clear()
        feeder = asyncio.create_task(self._feed(socket))
        try:
            await socket.run(self._take)
        finally:
            feeder.cancel()
            await asyncio.wait({feeder})
        return self._error or socket.close_code or DROPPED

    def _break(self) -> None:
        """The connection is over. Turns of the next are new ones; the open turn gets no other final (2.6)."""
        self._begun.clear()
        self._offset = self._next_turn
        if self._partial is not None:
            self._turn(Heard(self._partial.turn, self._partial.text, True))
        if not self._broken and not self._closing:
            self._broken = True
            self._gap(True)

    # ---- audio -------------------------------------------------------------------------------------------------------

    async def _feed(self, socket: MediaSocket) -> None:
        """A batch every 100 ms, of silence when nothing comes any more: only audio makes a sentence final (2.4)."""
        try:
            async with asyncio.timeout(BEGIN_SECONDS):
                await self._begun.wait()
        except TimeoutError:
            await socket.close()
            return
        due = self._loop.time()
        while not (self._closing and not self._audio):
            if batch := self._batch():
                socket.send(batch, droppable=True)
            due = max(due + TICK, self._loop.time())
            await asyncio.sleep(due - self._loop.time())
        await self._farewell(socket)

    def _batch(self) -> bytes:
        """The next 100 ms; nothing while frames may still come in for it."""
        while len(self._audio) >= BEHIND and is_quiet(bytes(self._audio[:BATCH])):
            del self._audio[:BATCH]
        if len(self._audio) < BATCH and not self._closing and self._loop.time() - self._heard_at < STALLED:
            return b""
        batch = bytes(self._audio[:BATCH])
        del self._audio[:BATCH]
        return batch.ljust(BATCH, bytes([SILENCE]))

    async def _farewell(self, socket: MediaSocket) -> None:
        socket.send(p.TERMINATE)
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                await self._terminated.wait()
        except TimeoutError:
            self.counts["no farewell"] += 1
        await socket.close()

    # ---- what the service says ---------------------------------------------------------------------------------------

    def _take(self, raw: str | bytes) -> None:
        match p.decode(raw):
            case p.Turn(order, text, final, confidence):
                self._turn(Heard(self._offset + order, text, final, confidence))
            case p.Begin():
                self._begun.set()
                if self._broken:
                    self._broken = False
                    self._gap(False)
            case p.Refused(code):
                self._error = code
                self.counts[str(code)] += 1
            case p.Terminated():
                self._terminated.set()
            case p.Other():
                self.counts["other"] += 1

    def _turn(self, heard: Heard) -> None:
        self._next_turn = max(self._next_turn, heard.turn + 1)
        if self._partial is not None and self._partial.turn == heard.turn:
            self._partial = None
        if not heard.text.strip():
            return  # some models end with an empty final (2.4)
        if not heard.final:
            self._partial = heard
        try:
            self._heard(heard)
        except Exception as mistake:  # of ours, beyond this transcript; it goes on
            log.error("listener_failed", error=type(mistake).__name__)
