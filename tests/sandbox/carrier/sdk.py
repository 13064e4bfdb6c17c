"""The vendor's own clients, pointed at the emulated API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from twilio.http.async_http_client import AsyncTwilioHttpClient  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

from tests.sandbox.carrier.office import ACCOUNT, TOKEN


@asynccontextmanager
async def async_client(base_url: str, token: str = TOKEN) -> AsyncIterator[Any]:
    """The asynchronous client; its warnings about `BasicAuth` come from aiohttp 3.14."""
    async with AsyncTwilioHttpClient() as http:
        yield pointed(Client(ACCOUNT, token, http_client=http), base_url)


def sync_client(base_url: str) -> Any:
    return pointed(Client(ACCOUNT, TOKEN), base_url)


def pointed(client: Any, base_url: str) -> Any:
    client.api.base_url = base_url
    return client
