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

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from flowengine.sandbox.agent import behaviour as odd
from flowengine.sandbox.agent.behaviour import AgentBehaviour, Misbehaviour, scripted
from flowengine.sandbox.agent.config import Config, Refused, first
from flowengine.sandbox.agent.session import Session, World, error_event, parse
from flowengine.sandbox.outbox import Outbox

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
        options: dict[str, Any] = {"compression": None, "ping_interval": None, "max_size": 2**22}
        self._server = await serve(self._serve, host, port, process_request=self._request, **options)
        self.url = f"ws://{host}:{next(iter(self._server.sockets)).getsockname()[1]}/v1/ws"

    async def stop(self) -> None:
        """Close all sockets and end all sessions. Idempotent."""
        if self._server:
            self._server.close()
            await self._server.wait_closed()
            self._server = None
        await asyncio.gather(*(session.stop() for session in self.sessions))

    # --- HTTP -------------------------------------------------------------------------------------------------------

    def _request(self, socket: ServerConnection, request: Request) -> Response | None:
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

    async def _serve(self, socket: ServerConnection) -> None:
        outbox = Outbox(socket)
        session: Session | None = None
        try:
            if not self._knows(socket.request):
                refused = Refused("unauthorized", "invalid API key", None, 1008)
                self._refuse(outbox, refused)
                return
            async for message in socket:
                if outbox.closing:
                    break
                if session is not None:
                    session.receive(message)
                else:
                    session = self._first_message(message, outbox)
        except ConnectionClosed:
            pass
        finally:
            if session is not None:
                session.detach(outbox)
            await outbox.finish()

    def _knows(self, request: Request | None) -> bool:
        """Key with or without Bearer, a temporary token, or a resume token. The upgrade has succeeded anyway (1.1)."""
        assert request is not None
        offered = _bare(request.headers.get("Authorization", ""))
        tokens = parse_qs(urlsplit(request.path).query).get("token", [])
        resumable = {session.resume_token for session in self.sessions if session.resume_token}
        return offered == self._key or offered in resumable or any(token in self._tokens for token in tokens)

    def _first_message(self, message: str | bytes, outbox: Outbox) -> Session | None:
        """session.update or session.resume begins a session; audio is thrown away; anything else is an error."""
        try:
            match parse(message):
                case {"type": "input.audio"}:
                    return None
                case {"type": "session.update", "session": update} as event:
                    return self._begin(first(update), event, outbox)
                case {"type": "session.resume", "session_id": str(session_id)} as event:
                    return self._resume(session_id, event, outbox)
                case _:
                    raise Refused("invalid_format", "the first message is session.update or session.resume")
        except Refused as refused:
            self._refuse(outbox, refused)
            return None

    def _begin(self, config: Config, event: dict[str, Any], outbox: Outbox) -> Session:
        if agent_id := config.get("agent_id"):
            if agent_id not in self._agents:
                raise Refused("agent_not_found", f"no agent {agent_id}", "agent_id", 1008)
            config = dict(self._agents[agent_id])
        session = Session(len(self.sessions) + 1, config, self._world, outbox)
        session.received.append(event)
        self.sessions.append(session)
        session.begin()
        return session

    def _resume(self, session_id: str, event: dict[str, Any], outbox: Outbox) -> Session:
        session = next((one for one in self.sessions if one.id == session_id), None)
        if session is None:
            raise Refused("session_not_found", f"no session {session_id}", "session_id", 1008)
        if session.closed is not None:
            raise Refused("session_expired", f"session {session_id} is over", "session_id", 1008)
        session.received.append(event)
        session.resume(outbox)
        return session

    def _refuse(self, outbox: Outbox, refused: Refused) -> None:
        event = error_event(refused, self._world.behaviour, None)
        outbox.send(event | {"timestamp": self._world.now().timestamp()})
        if refused.close is not None:
            outbox.close(refused.close, refused.message)


def _bare(key: str) -> str:
    return key.removeprefix("Bearer ").strip()


def _answer(status: int, body: dict[str, Any]) -> Response:
    data = json.dumps(body).encode()
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(data)), "Connection": "close"})
    return Response(status, HTTPStatus(status).phrase, headers, data)
