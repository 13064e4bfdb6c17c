"""The carrier's own HTTP requests: signed, form-encoded, with its time limits (twilio.md 1.1, 1.5 and 1.7)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

import aiohttp
from multidict import CIMultiDict

Form = Sequence[tuple[str, str]]
CEILING = 15.0
USER_AGENT = "TwilioProxy/1.1"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; `error` is the carrier's error code when there is none to be had."""

    status: int
    content_type: str
    body: str
    error: int = 0


def signature(token: str, url: str, form: Iterable[tuple[str, str]] = ()) -> str:
    """X-Twilio-Signature: HMAC-SHA1 over the URL and the sorted unique values of each name."""
    signed = url + "".join(name + value for name, value in sorted(set(form)))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def routed(url: str, routes: Mapping[str, str]) -> str:
    """Where a public address is really reached: the loopback origin of its origin. wss follows https."""
    parts = urlsplit(url)
    secure = {"wss": "https", "ws": "http"}.get(parts.scheme, parts.scheme)
    origin = routes.get(f"{secure}://{parts.netloc}")
    if origin is None:
        raise ValueError(f"no route to {parts.scheme}://{parts.netloc}")
    to = urlsplit(origin)
    scheme = {"wss": "ws", "ws": "ws"}.get(parts.scheme, to.scheme)
    return urlunsplit((scheme, to.netloc, parts.path, parts.query, ""))


class Webhooks:
    """Asks the customer's server. Public addresses are signed as they are and reached over their route."""

    def __init__(self, token: str, routes: Mapping[str, str]) -> None:
        self._token, self._routes = token, routes
        self._session: aiohttp.ClientSession | None = None

    async def request(self, url: str, form: Form, method: str = "POST") -> Reply:
        """One request, with one more try when the connection cannot be made."""
        url = url.partition("#")[0]
        if method == "GET" and form:
            url += ("&" if urlsplit(url).query else "?") + urlencode(form)
        for _ in range(2):
            try:
                async with asyncio.timeout(CEILING):
                    return await self._once(url, form, method)
            except aiohttp.ClientConnectorError:
                continue
            except TimeoutError:
                return Reply(0, "", "", 11205)
            except (aiohttp.ClientError, ValueError):
                return Reply(0, "", "", 11200)
        return Reply(0, "", "", 11205)

    async def _once(self, url: str, form: Form, method: str) -> Reply:
        body = form if method == "POST" else ()
        headers = CIMultiDict(
            {
                "X-Twilio-Signature": signature(self._token, url, body),
                "User-Agent": USER_AGENT,
                "Host": urlsplit(url).netloc,
                "Accept": "*/*",
            }
        )
        data = None
        if method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
            data = urlencode(body).encode()
        async with self._client().request(method, routed(url, self._routes), headers=headers, data=data, allow_redirects=False) as response:
            text = await response.text()
            error = 11200 if not 200 <= response.status < 300 else 0
            return Reply(response.status, response.content_type, text, error)

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(auto_decompress=True)
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
