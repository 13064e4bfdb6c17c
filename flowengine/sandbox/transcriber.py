"""The emulated AssemblyAI Streaming v3: sockets, keys and scripted faults (assemblyai.md section 2)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from flowengine.sandbox.sockets import Server, Socket, serve
from flowengine.sandbox.streaming import Failed, Settings, StreamingBehaviour, StreamingSession, parse_query

__all__ = [
    "DropsStream",
    "ErrorsEvery",
    "RefusesStreams",
    "StreamFault",
    "StreamingBehaviour",
    "StreamingService",
    "StreamingSession",
]

_CLOSED = "See Error message for details"  # the reason of every close after an Error (2.6, measured)


@dataclass(frozen=True, slots=True)
class RefusesStreams:
    """The upgrade is refused with `status`, the first `times` times (0 is each)."""

    times: int = 0
    status: int = 503


@dataclass(frozen=True, slots=True)
class DropsStream:
    """The socket is cut `seconds` after it opened, the first `times` times (0 is each)."""

    seconds: float
    times: int = 0


@dataclass(frozen=True, slots=True)
class ErrorsEvery:
    """Each session ends with an Error `seconds` after it opened."""

    seconds: float = 30.0
    code: int = 3005


StreamFault = RefusesStreams | DropsStream | ErrorsEvery


class StreamingService:
    """The service. `url` is its WebSocket address once started; `sessions` are all that began, oldest first."""

    def __init__(
        self,
        *,
        api_key: str,
        now: Callable[[], datetime],
        behaviour: StreamingBehaviour | None = None,
        script: Sequence[StreamFault] = (),
    ) -> None:
        self.url = ""
        self.sessions: list[StreamingSession] = []
        self.connections = 0  # upgrades asked for, refused ones included
        self._key, self._now, self._script = api_key, now, tuple(script)
        self._behaviour = behaviour or StreamingBehaviour()
        self._tokens: dict[str, float] = {}  # temporary tokens and their cap on a session in seconds
        self._server: Server | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._server = await serve(self._request, self._connected, host, port, 128 * 1024)
        self.url = f"ws://{host}:{self._server.port}/v3/ws"

    async def stop(self) -> None:
        """Close all sockets. Idempotent."""
        if self._server:
            await self._server.stop()
            self._server = None

    # --- HTTP -------------------------------------------------------------------------------------------------------

    def _request(self, request: Request) -> Response | None:
        path = urlsplit(request.path).path
        if path == "/v3/token":
            return self._give_token(request)
        if path != "/v3/ws":
            return _answer(404, {"detail": "Not Found"})
        self.connections += 1
        for fault in self._script:
            if isinstance(fault, RefusesStreams) and (not fault.times or self.connections <= fault.times):
                return _answer(fault.status, {"detail": "no capacity"})
        return None

    def _give_token(self, request: Request) -> Response:
        """A temporary token; raw key or Bearer (2.1)."""
        query = dict(parse_qsl(urlsplit(request.path).query))
        seconds, cap = query.get("expires_in_seconds", ""), query.get("max_session_duration_seconds", "10800")
        fits = seconds.isdigit() and 1 <= int(seconds) <= 600 and cap.isdigit() and 60 <= int(cap) <= 10800
        if request.headers.get("Authorization", "").removeprefix("Bearer ") != self._key:
            return _answer(401, {"error": "Invalid API key"})
        if not fits:
            return _answer(422, {"detail": [{"loc": ["query", "expires_in_seconds"], "msg": "out of range"}]})
        token = f"temporary-{len(self._tokens)}"
        self._tokens[token] = float(cap)
        return _answer(200, {"token": token, "expires_in_seconds": int(seconds)})

    # --- one socket -------------------------------------------------------------------------------------------------

    def _connected(self, socket: Socket) -> None:
        try:
            session = self._open(socket)
        except Failed as failed:
            self._fail(socket, failed, None)
            return
        self._plan_faults(session, socket)

        def take(message: str | bytes) -> None:
            try:
                session.receive(message)
            except Failed as failed:
                self._fail(socket, failed, session)

        def gone() -> None:
            session.stop()
            session.closed = session.closed or socket.close_code

        socket.listen(take, gone)

    def _open(self, socket: Socket) -> StreamingSession:
        request = socket.request
        assert request is not None
        query = parse_qs(urlsplit(request.path).query)
        settings: Settings = parse_query({key: values[-1] for key, values in query.items()})
        cap = self._cap(request, query.get("token", [""])[-1])

        def fail(failed: Failed) -> None:
            self._fail(socket, failed, session)

        session = StreamingSession(settings, cap, self._behaviour, self._now, socket, fail)
        self.sessions.append(session)
        return session

    def _cap(self, request: Request, token: str) -> float:
        """How long the session may last. A wrong key fails here, after the upgrade; Bearer is one (2.1, measured)."""
        offered = request.headers.get("Authorization", "")
        for candidate in (token, offered):  # the SDK sends tokens in the header
            if candidate in self._tokens:
                return self._tokens[candidate]
        if offered != self._key:
            raise Failed(1008, "Invalid API key")
        return 10800.0

    def _plan_faults(self, session: StreamingSession, socket: Socket) -> None:
        for fault in self._script:
            if isinstance(fault, ErrorsEvery):
                session.later(fault.seconds, session.fail, Failed(fault.code, "Server error"))
            elif isinstance(fault, DropsStream) and (not fault.times or len(self.sessions) <= fault.times):
                session.later(fault.seconds, socket.cut)

    def _fail(self, socket: Socket, failed: Failed, session: StreamingSession | None) -> None:
        """The Error frame, then a close with the same code and always the same reason."""
        socket.send({"type": "Error", "error_code": failed.code, "error": failed.text})
        socket.close(failed.code, _CLOSED)
        if session is not None:
            session.closed = failed.code
            session.stop()


def _answer(status: int, body: dict[str, Any]) -> Response:
    data = json.dumps(body).encode()
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(data)), "Connection": "close"})
    return Response(status, HTTPStatus(status).phrase, headers, data)
