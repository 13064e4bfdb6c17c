"""Takes cards to other people's systems: signed, in bounded time, and never to an address inside our own network."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp
import structlog
from standardwebhooks import Webhook

from flowengine.runtime.addresses import open_socket, public_socket
from flowengine.settings import Settings

log = structlog.get_logger("flowengine.outbox")

CONNECT_SECONDS = 2.0
TOTAL_SECONDS = 5.0
MOST_ANSWER = 256 * 1024  # bytes


class WebhookCourier:
    """Implements `ports.Courier` by Standard Webhooks (id, timestamp, signature)."""

    def __init__(
        self,
        settings: Settings,
        allow_private: bool = False,
        *,
        secret: str = "",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`secret` is `whsec_…`; without it one grows from the installation's key. `now` is the receivers' time."""
        self._webhook = Webhook(secret or webhook_secret(settings.secret_key))
        self._allow_private, self._now = allow_private, now
        self._session: aiohttp.ClientSession | None = None

    async def send_card(self, address: str, flow: str, handoff: str, card: Mapping[str, object]) -> bool:
        """True when answered 2xx within 5 s with at most 256 KiB. Never raises for the world's mistakes."""
        if not (self._allow_private or address.lower().startswith("https://")):
            log.warning("webhook_not_https", handoff=handoff)
            return False
        now = self._now()
        body = _body(card, now)
        headers = _headers(self._webhook, f"msg_{handoff}_decided", now, body)
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                return await self._post(address, body, headers)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as mistake:
            log.warning("webhook_failed", handoff=handoff, error=type(mistake).__name__)
            return False

    async def _post(self, address: str, body: str, headers: Mapping[str, str]) -> bool:
        async with self._open().post(address, data=body.encode(), headers=headers, allow_redirects=False) as response:
            read = 0
            async for piece in response.content.iter_any():
                read += len(piece)
                if read > MOST_ANSWER:
                    response.close()
                    return False
            return 200 <= response.status < 300

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(socket_factory=open_socket if self._allow_private else public_socket),
                timeout=aiohttp.ClientTimeout(total=TOTAL_SECONDS, connect=CONNECT_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # a small answer must stay small
                trust_env=False,
            )
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def webhook_secret(secret_key: str) -> str:
    """The `whsec_…` a receiver verifies with, grown from `FLOWENGINE_SECRET_KEY`."""
    grown = hmac.new(secret_key.encode(), b"flowengine.webhook", hashlib.sha256).digest()
    return "whsec_" + base64.b64encode(grown).decode()


def _body(card: Mapping[str, object], now: datetime) -> str:
    data = {**card, "fields": [field for field in _fields(card) if not field.get("private")]}
    return json.dumps({"type": "handoff.decided", "timestamp": now.isoformat(), "data": data}, separators=(",", ":"))


def _fields(card: Mapping[str, object]) -> list[Mapping[str, Any]]:
    fields = card.get("fields")
    return [field for field in fields if isinstance(field, Mapping)] if isinstance(fields, list | tuple) else []


def _headers(webhook: Webhook, message: str, now: datetime, body: str) -> dict[str, str]:
    return {
        "content-type": "application/json",
        "webhook-id": message,  # the same for the same hand-off: a receiver may see it twice
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": webhook.sign(message, now, body),
    }
