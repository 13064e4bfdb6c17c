"""One order to Twilio's REST API and what became of it: our timeout, our retries, failures as values."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
from twilio.base.exceptions import (  # type: ignore[import-untyped]
    TwilioException,
    TwilioRestException,
    TwilioServiceException,
)
from twilio.http.async_http_client import AsyncTwilioHttpClient  # type: ignore[import-untyped]
from twilio.http.response import Response  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

from flowengine.settings import Settings

REQUEST_TIMEOUT = 5.0  # seconds one request may take
CONNECT_TIMEOUT = 2.0
PAUSES = (0.25, 0.5, 1.0)  # seconds before the second, third and fourth try
RETRY_UNTIL = 8.0  # seconds after the first try in which another may begin

_GONE = frozenset({21220, 20404})  # the leg is over (twilio.md 4.1)
_BUSY = 20429


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why an order has no good answer. `status` 0: no answer came; then `unsent` tells that it never went out."""

    status: int
    code: int
    text: str
    unsent: bool = False

    @property
    def gone(self) -> bool:
        return self.code in _GONE or self.status == 404

    @property
    def busy(self) -> bool:
        """Not processed, to be repeated later (twilio.md 4.4)."""
        return self.status == 429 or self.code == _BUSY

    @property
    def refused(self) -> bool:
        return 400 <= self.status < 500 and not self.busy

    @property
    def evidence(self) -> str:
        return f"{self.code or self.status or ''} {self.text}".strip()


def certainly_undone(trouble: Trouble) -> bool:
    """For creates, which have no idempotency key: repeat only what cannot have been done."""
    return trouble.busy or trouble.unsent


def not_refused(trouble: Trouble) -> bool:
    """For updates, which may be done twice without harm: repeat unless the answer is no."""
    return not trouble.refused


async def order(request: Callable[[], Awaitable[Any]], again: Callable[[Trouble], bool]) -> Any | Trouble:
    """The SDK's answer to `request`, tried again while `again` allows, at most four times."""
    loop = asyncio.get_running_loop()
    until = loop.time() + RETRY_UNTIL
    for pause in (*PAUSES, None):
        answer = await _once(request)
        if not isinstance(answer, Trouble) or pause is None or not again(answer) or loop.time() + pause > until:
            return answer
        await asyncio.sleep(pause)
    raise AssertionError("unreachable: the last pause is None")


async def _once(request: Callable[[], Awaitable[Any]]) -> Any | Trouble:
    try:
        async with asyncio.timeout(REQUEST_TIMEOUT):
            return await request()
    except TwilioRestException as error:
        return Trouble(error.status, error.code or 0, error.msg or "")
    except TwilioServiceException as error:
        return Trouble(int(error.status), int(error.code or 0), str(error.title))
    except TwilioException as error:
        return _unlisted(error)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        return Trouble(0, 0, type(error).__name__, unsent=True)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Trouble(0, 0, type(error).__name__)
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # the SDK on a body it did not expect
        return Trouble(0, 0, f"unreadable answer ({type(error).__name__})")


def _unlisted(error: TwilioException) -> Trouble:
    """What the SDK raises for a list that was refused: a sentence and the answer itself."""
    status = next((given.status_code for given in error.args if isinstance(given, Response)), 0)
    return Trouble(status, 0, "no list")


class _Http(AsyncTwilioHttpClient):  # type: ignore[misc]  # the SDK is untyped
    """The SDK's transport with a timeout of ours; repeats nothing.

    The SDK passes no timeout on, logs what is sent, and uses aiohttp's deprecated BasicAuth (twilio.md section 6).
    """

    async def request(
        self,
        method: str,
        url: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # the SDK's signature
        allow_redirects: bool = False,
    ) -> Response:
        session: aiohttp.ClientSession = self.session
        async with session.request(
            method,
            url,
            params=params,  # type: ignore[arg-type]  # the SDK gives strings and numbers
            data=data,
            headers={**(headers or {}), "Authorization": basic_auth(*(auth or ("", "")))},
            timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT, sock_connect=CONNECT_TIMEOUT),
            allow_redirects=False,
        ) as answer:
            return Response(answer.status, await answer.text(), answer.headers)


class Rest:
    """The SDK on one account, opened at the first order: it needs a running loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Client | None = None

    @property
    def api(self) -> Any:
        if self._client is None:
            self._client = _open_client(self._settings)
        return self._client

    async def close(self) -> None:
        """Safe to repeat; an order after it opens anew."""
        client, self._client = self._client, None
        if client is not None:
            await client.http_client.close()


def _open_client(settings: Settings) -> Client:
    """On one address: region and edge would rewrite it (twilio.md 6)."""
    nowhere = {"TWILIO_REGION": "", "TWILIO_EDGE": ""}  # an empty mapping would mean os.environ
    client = Client(settings.twilio_account_sid, settings.twilio_auth_token, http_client=_Http(), environment=nowhere)
    client.api.base_url = settings.twilio_api_url.rstrip("/")
    return client


def basic_auth(account_sid: str, auth_token: str) -> str:
    return "Basic " + base64.b64encode(f"{account_sid}:{auth_token}".encode()).decode()
