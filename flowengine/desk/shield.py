"""The strict headers of every answer of the desk, and the generic page for everything that goes wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger("flowengine.desk")

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}


class Shield:
    """Pure ASGI around the desk: headers on every answer; a mistake becomes a page of `failed`, never a traceback."""

    def __init__(
        self, app: ASGIApp, plain: Callable[[int], Response], failed: Callable[[Request], Awaitable[Response]]
    ) -> None:
        self._app, self._plain, self._failed = app, plain, failed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def shielded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, shielded)
        except HTTPException as refusal:  # no such file, no such method
            await self._plain(refusal.status_code)(scope, receive, shielded)
        except Exception as mistake:
            log.error("desk_failed", error=type(mistake).__name__)
            if not started:
                await (await self._failed(Request(scope, receive)))(scope, receive, shielded)
