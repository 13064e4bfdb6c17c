"""An emulated system of the office's: it takes what the engine posts to the addresses a flow names, verifies it and
keeps it; and it misbehaves on request."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web

MOST_BODY = 256 * 1024
TOLERANCE = 300.0  # seconds a timestamp may be off (Standard Webhooks, "Verifying signatures")


@dataclass(frozen=True, slots=True)
class Post:
    """One request as it came. `trouble` says why it does not verify, "" when it does (or nothing was to be verified);
    `status` is what it was answered, 0 while it was left hanging.
    """

    path: str
    headers: Mapping[str, str]  # names in lower case
    body: str
    trouble: str
    status: int

    @property
    def id(self) -> str:
        return self.headers.get("webhook-id", "")


@dataclass(frozen=True, slots=True)
class Reply:
    """How one post is answered. `after` is in seconds; one longer than any sender waits is a receiver that hangs."""

    status: int = 204
    body: str = ""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    after: float = 0.0
    trickles: bool = False  # the body comes a byte a second


HANGS = Reply(after=3600.0)


def redirects(to: str) -> Reply:
    return Reply(307, headers={"Location": to})


@dataclass(slots=True)
class Receiver:
    """`url` is its address once started. While `refusing`, every post is answered 500; `replies` are for the next
    posts, one each, and `reply` for those after. With `secrets` a post must verify with one of them, else it gets 401.
    """

    refusing: bool = False
    reply: Reply = Reply()
    replies: deque[Reply] = field(default_factory=deque)
    secrets: Sequence[str] = ()
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    url: str = ""
    posts: list[Post] = field(default_factory=list)  # everything
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        app = web.Application(client_max_size=MOST_BODY)
        app.router.add_route("*", "/{tail:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.url = f"http://{host}:{self._runner.addresses[0][1]}/hooks"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def received(self) -> list[tuple[Mapping[str, str], str]]:
        """What was taken: headers and body, as they came."""
        return [(post.headers, post.body) for post in self.posts if 200 <= post.status < 300]

    async def until(self, met: Callable[[list[Post]], object], seconds: float = 60.0) -> None:
        """Waits until the posts are as wanted. Raises `TimeoutError`."""
        async with asyncio.timeout(seconds):
            while not met(self.posts):
                self._changed.clear()
                await self._changed.wait()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.text()
        trouble = self._trouble(headers, body) if self.secrets else ""
        reply = self._next_reply(trouble)
        self.posts.append(Post(request.path, headers, body, trouble, 0 if reply.after >= HANGS.after else reply.status))
        self._changed.set()
        await asyncio.sleep(reply.after)
        if reply.trickles:
            return await _trickled(request, reply)
        return web.Response(
            status=reply.status, text=reply.body or None, content_type=reply.content_type, headers=reply.headers
        )

    def _next_reply(self, trouble: str) -> Reply:
        if trouble:
            return Reply(401)
        if self.refusing:
            return Reply(500)
        return self.replies.popleft() if self.replies else self.reply

    def _trouble(self, headers: Mapping[str, str], body: str) -> str:
        """By the letter of Standard Webhooks: an HMAC over id, timestamp and body; any signature may be the one."""
        id_, at, given = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
        if not (id_ and at.isdigit() and given) or "." in id_:
            return "headers missing"
        if abs(self.now().timestamp() - int(at)) > TOLERANCE:
            return "timestamp too old or too new"
        good = {_signature(secret, f"{id_}.{at}.{body}") for secret in self.secrets}
        return "" if good & set(given.split(" ")) else "no signature matches"


def _signature(secret: str, signed: str) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, signed.encode(), hashlib.sha256).digest()).decode()


async def _trickled(request: web.Request, reply: Reply) -> web.StreamResponse:
    answer = web.StreamResponse(status=reply.status, headers=reply.headers)
    await answer.prepare(request)
    for character in reply.body:
        await answer.write(character.encode())
        await asyncio.sleep(1)
    return answer
