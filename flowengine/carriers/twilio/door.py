"""The door to the carrier's routes: who may come in, and what they brought."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from prometheus_client import Counter
from starlette.datastructures import FormData, ImmutableMultiDict
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.websockets import WebSocket

from flowengine.carriers.twilio.protocol import LARGEST_MESSAGE, Form, said_once
from flowengine.carriers.twilio.signature import HEADER, is_signed

ANSWERS_WITHIN = 12.0  # seconds; Twilio gives up after 15 (twilio.md 1.5)
BODY_WITHIN = 5.0  # seconds a body may take to arrive
MOST_FIELDS = 500

REFUSED = Counter("flowengine_twilio_refused", "Requests to Twilio's routes that were turned away", ["why"])
IGNORED = Counter("flowengine_twilio_ignored", "Signed requests and stream messages that said nothing usable", ["what"])


class Refused(Exception):
    """The request is turned away with this HTTP status and no explanation."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        REFUSED.labels(why).inc()


class Door:
    """Checks signatures over the configured public address, never over a Host header (twilio.md 1.7)."""

    def __init__(self, public_url: str, auth_token: str) -> None:
        self._public_url = public_url
        self._auth_token = auth_token

    async def form(self, request: Request) -> Form:
        """The parameters of a signed webhook, those of its address too; raises `Refused`."""
        posted = _fields(await _body(request)) if request.method == "POST" else FormData()
        if not self._signed(request, self._public_url, posted):
            raise Refused(403, "signature")
        return {**_texts(request.query_params), **_texts(posted)}

    def upgrade_is_signed(self, websocket: WebSocket) -> bool:
        """The signed address of an upgrade has scheme wss, whatever the server sees."""
        public = "wss://" + self._public_url.partition("://")[2]
        signed = self._signed(websocket, public, {})
        if not signed:
            REFUSED.labels("signature").inc()
        return signed

    def again(self, request: Request, form: Form) -> str:
        """The public address that was asked, with what only this request says."""
        place = self._public_url + _raw_target(request).partition("?")[0]
        more = urlencode({**_texts(request.query_params), **said_once(form)})
        return f"{place}?{more}" if more else place

    def _signed(self, connection: HTTPConnection, base: str, parameters: Any) -> bool:
        signature = connection.headers.get(HEADER)
        return is_signed(self._auth_token, base + _raw_target(connection), parameters, signature)


def _texts(values: ImmutableMultiDict[str, Any]) -> dict[str, str]:
    """The first value of each parameter; signatures are checked over all of them."""
    return {name: str(value) for name, value in reversed(values.multi_items())}


def _raw_target(connection: HTTPConnection) -> str:
    """Path and query exactly as sent, percent-encoding and all."""
    raw: bytes | None = connection.scope.get("raw_path")
    path = raw.decode("latin-1").partition("?")[0] if raw else quote(connection.scope["path"])
    query = connection.scope.get("query_string", b"").decode("latin-1")
    return path + (f"?{query}" if query else "")


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN):
            async for piece in request.stream():
                body += piece
                if len(body) > LARGEST_MESSAGE:
                    raise Refused(413, "too large")
    except TimeoutError:
        raise Refused(408, "too slow") from None
    except ClientDisconnect:
        raise Refused(400, "gone") from None
    return bytes(body)


def _fields(body: bytes) -> FormData:
    try:
        return FormData([*parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)])
    except ValueError:  # not UTF-8, or too many fields
        raise Refused(400, "malformed") from None
