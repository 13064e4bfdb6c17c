"""One socket to the Voice Agent service, from opening to farewell; conversations and sentences stand on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from flowengine.agents import protocol as p
from flowengine.runtime.sockets import ConnectFailed, connect
from flowengine.runtime.wires import MediaSocket
from flowengine.settings import Settings

log = structlog.get_logger("flowengine.agents")

READY_SECONDS = 2.0  # from the first packet to session.ready (design.md section 2, reliability F10)
FAREWELL_SECONDS = 3.0
ENDED, DROPPED = "ended", "dropped"  # how a link is over, beside the code of a fatal error


class LinkFailed(Exception):
    """No session came about; the reason is one word or an error code of the service."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Link:
    """`receive` gets every message up to the one that ends it. `over` becomes `ENDED`, `DROPPED` or a fatal code."""

    def __init__(self, settings: Settings, first: str, receive: Callable[[p.Message], None]) -> None:
        self._settings, self._first, self._receive = settings, first, receive
        self._socket: MediaSocket | None = None
        self._runner: asyncio.Task[None] | None = None
        self._closer: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()  # the session's id
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def open(self) -> None:
        """Returns when the session is ready (it may be over by then); raises `LinkFailed` after 2 s at the latest."""
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self._connect()
                await self._ready_or_over()
        except (ConnectFailed, ValueError):  # the library's word for an address that cannot be one
            self._finish(DROPPED)
            raise LinkFailed("refused") from None
        except TimeoutError:
            self._hang_up()
            raise LinkFailed("not ready") from None
        except asyncio.CancelledError:
            self._hang_up()
            raise
        if not self._ready.done():
            self._hang_up()
            raise LinkFailed("closed" if self.over.result() == DROPPED else self.over.result())

    async def _connect(self) -> None:
        headers = {"Authorization": f"Bearer {self._settings.assemblyai_api_key}"}
        self._socket = await connect(self._settings.voice_agent_url, headers, open_timeout=READY_SECONDS)
        self._socket.send(self._first)
        self._runner = asyncio.create_task(self._run(self._socket))

    async def _ready_or_over(self) -> None:
        await asyncio.wait((self._ready, self.over), return_when=asyncio.FIRST_COMPLETED)

    async def _run(self, socket: MediaSocket) -> None:
        try:
            await socket.run(self._take)
        except Exception as mistake:  # of ours, in a listener: the session is over as if it had dropped
            log.error("listener_failed", error=type(mistake).__name__)
        finally:
            self._finish(DROPPED)

    def _take(self, raw: str | bytes) -> None:
        if self.over.done():
            return
        message = p.decode(raw)
        match message:
            case p.ReplyAudio():
                pass  # first, because it comes 25 times a second
            case p.Ready(session) if not self._ready.done():
                self._ready.set_result(session)
            case p.Ended():
                self._finish(ENDED)
            case p.Complaint(code) if p.is_fatal(code, first=not self._ready.done()):
                self._finish(code)
                self._hang_up()
        self._receive(message)

    def _finish(self, how: str) -> None:
        if not self.over.done():
            self.over.set_result(how)

    def send(self, message: str, *, droppable: bool = False) -> None:
        """Never waits; towards a link that is over it does nothing."""
        if self._socket is not None and not self.over.done():
            self._socket.send(message, droppable=droppable)

    def _hang_up(self) -> None:
        """Closes the socket without making anybody wait, and says goodbye to a session that lives."""
        if self._socket is None or self._closer is not None:
            return
        self.send(p.END)  # a session that is not ended waits 30 s for its resumption, and is billed (1.9)
        self._finish(DROPPED)
        self._closer = asyncio.create_task(self._socket.close())

    async def close(self) -> None:
        """`session.end`, at most 3 s for the farewell, then the socket."""
        if self._socket is None:
            self._finish(DROPPED)
            return
        if not self.over.done():
            self.send(p.END)
            await asyncio.wait({self.over}, timeout=FAREWELL_SECONDS)
        self._hang_up()
        waiting = [task for task in (self._closer, self._runner) if task is not None]
        await asyncio.wait(waiting)
