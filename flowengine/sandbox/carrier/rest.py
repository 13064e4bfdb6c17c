"""The REST API's front door: who may come in, errors as the vendor words them, and how long an answer takes."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web
from multidict import MultiMapping

from flowengine.sandbox.carrier.exchange import Exchange

__all__ = ["ApiError", "Form", "api", "created", "ok"]

_UNANSWERED = 3600.0  # seconds a silent answer stays away: longer than any client waits

Form = MultiMapping[str]
Handler = Callable[[web.Request, Form], Awaitable[web.Response]]


class ApiError(Exception):
    """An error with the vendor's code."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def response(self) -> web.Response:
        body = {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }
        return _json(body, self.status)


def ok(body: Mapping[str, Any]) -> web.Response:
    return _json(body, 200)


def created(body: Mapping[str, Any]) -> web.Response:
    return _json(body, 201)


def _json(body: Mapping[str, Any], status: int) -> web.Response:
    return web.Response(text=json.dumps(body), status=status, content_type="application/json", charset="utf-8")


def api(exchange: Exchange, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """`handler` behind authentication, the run's faults, and the time the API takes."""

    async def answer(request: web.Request) -> web.StreamResponse:
        began = exchange.loop.time()
        form = await request.post() if request.method == "POST" else request.query
        try:
            _authenticate(exchange, request)
            if fault := exchange.faults.rest_error(request.method, request.path):
                raise ApiError(fault.status, fault.code, "an error made for a test")
            response = await handler(request, form)  # type: ignore[arg-type]  # a form of text; no files are sent here
            if exchange.faults.rest_silent(request.method, request.path):
                await asyncio.sleep(_UNANSWERED)
        except ApiError as error:
            response = error.response()
        await asyncio.sleep(max(0.0, exchange.behaviour.rest_seconds - (exchange.loop.time() - began)))
        response.headers["Twilio-Request-Id"] = exchange.sids.new("RQ")
        response.headers["Twilio-Request-Duration"] = f"{exchange.loop.time() - began:.3f}"
        response.headers["Twilio-Concurrent-Requests"] = "1"
        return response

    return answer


def _authenticate(exchange: Exchange, request: web.Request) -> None:
    wanted = base64.b64encode(f"{exchange.account_sid}:{exchange.token}".encode()).decode()
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode(), f"Basic {wanted}".encode()):
        raise ApiError(401, 20003, "Authenticate")
    if request.match_info.get("account", exchange.account_sid) != exchange.account_sid:
        raise ApiError(404, 20404, f"The requested resource {request.path} was not found")
