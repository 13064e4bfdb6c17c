"""The fast side of the media seam: picows calls back for each frame, and what can go out goes out at once."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Mapping

from picows import WSError, WSFrame, WSHandshakeError, WSListener, WSMsgType, WSTransport, ws_connect

from flowengine.runtime.backlog import PATIENCE, Backlog
from flowengine.runtime.wires import SILENT, ConnectFailed, tls_of

# What the transport may hold before more waits in the backlog, where it can still be dropped: 2 s of audio, with base64
# and its envelope some 13 KB a second.
MOST_UNSENT = 26_000  # bytes
READ_BUFFER = 4096  # bytes at first; it grows with what comes
# Bytes of a frame that picows copies before it writes. A server's longer one goes to the transport as it is, behind a
# header in memory that the next message overwrites, and past the bound in Python 3.12.0 to .8 and 3.13.0 and .1.
LONGEST_COPIED = 8192
NORMAL, BROKEN, NO_TEXT, TOO_LONG, FAILED = 1000, 1002, 1007, 1009, 1011
_NO_CODE, _GONE = 1005, 1006  # what a peer that says no code, or nothing at all, has closed with
_TEXT, _BINARY, _MORE = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION


class FastSocket(WSListener):
    """`wires.MediaSocket` on a picows transport. Between `on_ws_connected` and `on_ws_disconnected` everything happens
    in callbacks; only `run` and `close` wait.

    picows writes whatever it is told to, so the bound is here: while the transport holds more than `MOST_UNSENT`,
    messages wait in the backlog, and a transport from which nothing goes out for 2 s is given up.
    """

    def __init__(self, max_size: int, most_at_once: int = sys.maxsize) -> None:
        """`max_size` is the longest message that is heard; longer ones than `most_at_once` are sent in several frames
        (both in bytes)."""
        self._loop = asyncio.get_running_loop()
        self._most_at_once = most_at_once
        self._surely_at_once = most_at_once // 4  # characters, of up to four bytes
        self._max_size = max_size
        self._transport: WSTransport | None = None
        self._backlog = Backlog()
        self._full = False
        self._unsent = 0  # bytes the full transport held when we last looked
        self._watch: asyncio.TimerHandle | None = None  # over a full transport
        self._deadline: asyncio.TimerHandle | None = None  # of a farewell
        self._pieces: bytearray | None = None  # of a message in several frames
        self._is_text = False
        self._early: deque[str | bytes] = deque()  # what came before `run`; no more than one read of the socket
        self._listener: Callable[[str | bytes], None] = self._early.append
        self._deaf = False  # from when we end it; what the peer said before its own end is heard
        self._mistake: Exception | None = None
        self._closing: int | None = None
        self._parting = False
        self.over: asyncio.Future[None] = self._loop.create_future()
        self.close_code: int | None = None

    @property
    def dropped(self) -> int:
        return self._backlog.dropped

    @property
    def connected(self) -> bool:
        return self._transport is not None

    # ---- wires.MediaSocket -------------------------------------------------------------------------------------------

    def send(self, message: str | bytes, *, droppable: bool = False) -> None:
        if self._closing is not None or self._transport is None:
            return
        if not self._full:
            self._write(message)
        elif not self._backlog.add(message, droppable):
            self._give_up()

    async def run(self, on_message: Callable[[str | bytes], None]) -> None:
        self._listener = on_message
        try:
            while self._early:
                self._hear(self._early.popleft())
            self._read_on()
            await asyncio.wait({self.over})
        finally:
            await self.close()
            self._listener = self._early.append  # whoever listened may go; full collections are rare
        if self._mistake is not None:
            raise self._mistake

    async def close(self, code: int = NORMAL) -> None:
        """Sends what waits, at most 2 s long, then closes. Safe to repeat."""
        self.end(code)
        await asyncio.wait({self.over})

    # ---- what picows calls -------------------------------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        if self._closing is not None:  # nobody waits for it any more
            transport.disconnect(graceful=False)
            return
        self._transport = transport
        transport.underlying_transport.set_write_buffer_limits(high=MOST_UNSENT)
        transport.underlying_transport.pause_reading()  # until somebody listens

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        if kind is _TEXT and frame.fin and self._pieces is None and not frame.rsv1:
            try:
                self._hear(frame.get_payload_as_utf8_text())
            except UnicodeDecodeError:  # of this text: what a listener raises does not get here
                self.end(NO_TEXT)
        elif kind is WSMsgType.CLOSE:
            self._peer_closes(transport, frame)
        elif kind is WSMsgType.PING:
            if not self._full:  # whoever asks without reading gets no answers to pile up
                transport.send_pong(frame.get_payload_as_bytes())
        elif kind is not WSMsgType.PONG:
            self._piece(kind, frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        for timer in (self._watch, self._deadline):
            if timer is not None:
                timer.cancel()
        self._transport = None
        self._backlog.clear()
        if self.close_code is None:
            self.close_code = _GONE
        if self._closing is None:
            self._closing = NORMAL
        if not self.over.done():
            self.over.set_result(None)

    def pause_writing(self) -> None:
        self._full, self._unsent = True, self._held()
        self._watch = self._loop.call_later(PATIENCE, self._look_again)

    def resume_writing(self) -> None:
        self._full = False
        if self._watch is not None:
            self._watch.cancel()
        self._flush()

    # ---- reading -----------------------------------------------------------------------------------------------------

    def _piece(self, kind: WSMsgType, frame: WSFrame) -> None:
        """A binary message, or a piece of any; what fits nothing, or is compressed, breaks the protocol."""
        if (kind is _MORE) is (self._pieces is None) or frame.rsv1:
            self.end(BROKEN)
            return
        if self._pieces is None:
            self._pieces, self._is_text = bytearray(), kind is _TEXT
        self._pieces += frame.get_payload_as_bytes()
        if len(self._pieces) > self._max_size:
            self.end(TOO_LONG)
        elif frame.fin:
            whole, self._pieces = bytes(self._pieces), None
            self._whole(whole)

    def _whole(self, message: bytes) -> None:
        try:
            self._hear(message.decode() if self._is_text else message)
        except UnicodeDecodeError:
            self.end(NO_TEXT)

    def _hear(self, message: str | bytes) -> None:
        if self._deaf:
            return
        try:
            self._listener(message)
        except Exception as mistake:  # `run` raises it
            self._mistake = mistake
            self.end(NORMAL)

    def _read_on(self) -> None:
        if self._transport is not None:
            self._transport.underlying_transport.resume_reading()

    def _peer_closes(self, transport: WSTransport, frame: WSFrame) -> None:
        self.close_code = int.from_bytes(frame.get_payload_as_bytes()[:2], "big") or _NO_CODE
        if self._closing is None:
            self._closing = NORMAL if self.close_code == _NO_CODE else self.close_code
            self._backlog.clear()
        self._say_goodbye()
        transport.disconnect()

    # ---- writing -----------------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        while not self._full and self._transport is not None and (message := self._backlog.take()) is not None:
            self._write(message)
        if self._closing is not None and not self._backlog:
            self._say_goodbye()

    def _write(self, message: str | bytes) -> None:
        assert self._transport is not None
        kind = _TEXT if isinstance(message, str) else _BINARY
        if len(message) <= self._surely_at_once:
            self._transport.send(kind, message)
            return
        whole = message.encode() if isinstance(message, str) else message
        for begin in range(0, len(whole), self._most_at_once):
            end = begin + self._most_at_once
            self._transport.send(kind if begin == 0 else _MORE, whole[begin:end], end >= len(whole))

    def _held(self) -> int:
        """Bytes the transport has not got rid of."""
        return self._transport.underlying_transport.get_write_buffer_size() if self._transport is not None else 0

    def _look_again(self) -> None:
        """A full transport from which nothing has gone out since we last looked is that of a peer who is stuck."""
        before, self._unsent = self._unsent, self._held()
        if self._unsent >= before:
            self._give_up()
        else:
            self._watch = self._loop.call_later(PATIENCE, self._look_again)

    def _give_up(self) -> None:
        self._backlog.clear()
        self.end(FAILED)

    # ---- parting -----------------------------------------------------------------------------------------------------

    def end(self, code: int = NORMAL) -> None:
        """Begins to close and waits for nothing. A socket that is still connecting ends as soon as it has."""
        self._deaf = True
        if self._closing is not None:
            return
        self._closing = code
        if self._transport is None:
            self.over.set_result(None)
            return
        self._read_on()  # for the peer's answer
        self._deadline = self._loop.call_later(PATIENCE, self._say_goodbye)
        self._flush()

    def _say_goodbye(self) -> None:
        """Once; a peer that does not answer in 2 s is left without."""
        if self._transport is None or self._parting:
            return
        self._parting = True
        if self._deadline is not None:
            self._deadline.cancel()
        if not self._transport.is_close_frame_sent:  # by picows itself, which leaves those who break the protocol
            assert self._closing is not None
            self._transport.send_close(self._closing)  # type: ignore[arg-type]  # any number will do
        self._deadline = self._loop.call_later(PATIENCE, self._transport.disconnect, False)


async def connect(url: str, headers: Mapping[str, str], open_timeout: float, max_size: int) -> FastSocket:
    if not all(value.isascii() and value.isprintable() for value in headers.values()):  # picows would send anything
        raise ValueError("a header that cannot be one")
    socket = FastSocket(max_size)
    try:
        async with asyncio.timeout(open_timeout):
            await ws_connect(
                lambda: socket,
                url,
                ssl_context=tls_of(url),
                websocket_handshake_timeout=open_timeout,
                logger_name=SILENT,
                enable_auto_pong=False,
                max_frame_size=max_size,
                extra_headers=headers,
                max_redirects=0,  # what is in the headers is for nobody else
                read_buffer_init_size=READ_BUFFER,
                use_aiofastnet=False,  # it would be taken wherever it is installed; the loop's own is enough
            )
    except BaseException as failure:
        socket.end()  # a handshake that still succeeds is nobody's
        raise _refusal(failure) from None
    return socket


def _refusal(failure: BaseException) -> BaseException:
    match failure:
        case WSHandshakeError(response=response):
            return ConnectFailed("refused", int(response.status) if response is not None else None)
        case OSError() | TimeoutError() | WSError():
            return ConnectFailed(type(failure).__name__)
        case _:
            return failure
