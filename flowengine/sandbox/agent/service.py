"""The emulated AssemblyAI Voice Agent on a loopback socket: keys, first messages, resuming (assemblyai.md 1.1, 1.2)."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from flowengine.sandbox.agent import behaviour as odd
from flowengine.sandbox.agent.behaviour import AgentBehaviour, Misbehaviour, scripted
from flowengine.sandbox.agent.config import Config, Refused, first
from flowengine.sandbox.agent.session import Session, World, error_event, parse
from flowengine.sandbox.sockets import Server, Socket, serve

__all__ = ["VoiceAgent"]


class VoiceAgent:
    """The service. `url` is its WebSocket address once started; `sessions` are all there ever were, oldest first."""

    def __init__(
        self,
        *,
        api_key: str,
        now: Callable[[], datetime],
        behaviour: AgentBehaviour | None = None,
        script: Sequence[Misbehaviour] = (),
        agents: Mapping[str, Config] | None = None,
    ) -> None:
        self.url = ""
        self.sessions: list[Session] = []
        self.connections = 0  # upgrades asked for, refused ones included
        self._key = api_key
        self._tokens: set[str] = set()
        self._agents = agents or {}  # stored agents by id, their configuration in the shape of session.update
        self._world = World(behaviour or AgentBehaviour(), tuple(script), now, itertools.count(1))
        self._server: Server | None = None

    def misbehave(self, *more: Misbehaviour) -> None:
        """From now on, in sessions not begun yet, this too."""
        self._world = replace(self._world, script=(*self._world.script, *more))

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._server = await serve(self._request, self._connected, host, port, 2**22)
        self.url = f"ws://{host}:{self._server.port}/v1/ws"

    async def stop(self) -> None:
        """Close all sockets and end all sessions. Idempotent."""
        if self._server:
            await self._server.stop()
            self._server = None
        await asyncio.gather(*(session.stop() for session in self.sessions))

    # --- HTTP -------------------------------------------------------------------------------------------------------

    def _request(self, request: Request) -> Response | None:
        path = urlsplit(request.path).path
        if path == "/v1/token":
            return self._give_token(request)
        if path != "/v1/ws":
            return _answer(404, {"detail": "Not Found"})
        self.connections += 1
        refuses = scripted(self._world.script, odd.RefusesConnections)
        if refuses and (not refuses.times or self.connections <= refuses.times):
            return _answer(refuses.status, {"detail": "no capacity"})
        return None

    def _give_token(self, request: Request) -> Response:
        """The answers of the live service: 422 for what is missing, 404 for a wrong key (1.1)."""
        key = request.headers.get("Authorization")
        query = parse_qs(urlsplit(request.path).query)
        seconds = query.get("expires_in_seconds", [""])[0]
        if key is None or not seconds.isdigit() or not 1 <= int(seconds) <= 600:
            return _answer(422, {"detail": [{"loc": ["query", "expires_in_seconds"], "msg": "Field required"}]})
        if _bare(key) != self._key:
            return _answer(404, {"detail": "Not Found"})
        token = f"temporary-{len(self._tokens)}"
        self._tokens.add(token)
        return _answer(200, {"token": token, "expires_in_seconds": int(seconds)})

    # --- one socket -------------------------------------------------------------------------------------------------

    def _connected(self, socket: Socket) -> None:
        session: Session | None = None

        def take(message: str | bytes) -> None:
            nonlocal session
            if session is not None:
                session.receive(message)
            else:
                session = self._first_message(message, socket)

        def gone() -> None:
            if session is not None:
                session.detach(socket)

        if self._knows(socket.request):
            socket.listen(take, gone)
        else:
            self._refuse(socket, Refused("unauthorized", "invalid API key", None, 1008))

    def _knows(self, request: Request | None) -> bool:
        """Key with or without Bearer, a temporary token, or a resume token. The upgrade has succeeded anyway (1.1)."""
        assert request is not None
        offered = _bare(request.headers.get("Authorization", ""))
        tokens = parse_qs(urlsplit(request.path).query).get("token", [])
        resumable = {session.resume_token for session in self.sessions if session.resume_token}
        return offered == self._key or offered in resumable or any(token in self._tokens for token in tokens)

    def _first_message(self, message: str | bytes, socket: Socket) -> Session | None:
        """session.update or session.resume begins a session; audio is thrown away; anything else is an error."""
        try:
            match parse(message):
                case {"type": "input.audio"}:
                    return None
                case {"type": "session.update", "session": update} as event:
                    return self._begin(first(update), event, socket)
                case {"type": "session.resume", "session_id": str(session_id)} as event:
                    return self._resume(session_id, event, socket)
                case _:
                    raise Refused("invalid_format", "the first message is session.update or session.resume")
        except Refused as refused:
            self._refuse(socket, refused)
            return None

    def _begin(self, config: Config, event: dict[str, Any], socket: Socket) -> Session:
        if agent_id := config.get("agent_id"):
            if agent_id not in self._agents:
                raise Refused("agent_not_found", f"no agent {agent_id}", "agent_id", 1008)
            config = dict(self._agents[agent_id])
        session = Session(len(self.sessions) + 1, config, self._world, socket)
        session.received.append(event)
        self.sessions.append(session)
        session.begin()
        return session

    def _resume(self, session_id: str, event: dict[str, Any], socket: Socket) -> Session:
        session = next((one for one in self.sessions if one.id == session_id), None)
        if session is None:
            raise Refused("session_not_found", f"no session {session_id}", "session_id", 1008)
        if session.closed is not None:
            raise Refused("session_expired", f"session {session_id} is over", "session_id", 1008)
        session.received.append(event)
        session.resume(socket)
        return session

    def _refuse(self, socket: Socket, refused: Refused) -> None:
        event = error_event(refused, self._world.behaviour, None)
        socket.send(event | {"timestamp": self._world.now().timestamp()})
        if refused.close is not None:
            socket.close(refused.close, refused.message)


def _bare(key: str) -> str:
    return key.removeprefix("Bearer ").strip()


def _answer(status: int, body: dict[str, Any]) -> Response:
    data = json.dumps(body).encode()
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(data)), "Connection": "close"})
    return Response(status, HTTPStatus(status).phrase, headers, data)
