"""The carrier's requests to the application: signed over the public URL, timed, retried, redirected as documented."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urldefrag, urlencode, urljoin, urlsplit, urlunsplit

import aiohttp
from yarl import URL

from flowengine.sandbox.carrier.faults import Faults

__all__ = ["Answer", "Form", "Request", "Router", "Unreachable", "Webhooks", "sign"]

USER_AGENT = "TwilioProxy/1.1"
CEILING = 15.0  # seconds, for everything (twilio.md 1.5)
MOST_REDIRECTS = 10
MOST_BYTES = 64 * 1024

Form = Sequence[tuple[str, str]]


def sign(token: str, url: str, form: Form = ()) -> str:
    """`X-Twilio-Signature` (twilio.md 1.7): names sorted, each followed by its values, unique and sorted."""
    body = url + "".join(name + value for name, value in sorted(set(form)))
    return base64.b64encode(hmac.new(token.encode(), body.encode(), hashlib.sha1).digest()).decode()


@dataclass(frozen=True, slots=True)
class Request:
    """One webhook as it was sent: what a test compares and what `RequestValidator` is shown."""

    at: float
    method: str
    url: str  # public, without a fragment
    form: tuple[tuple[str, str], ...]  # of a POST; a GET carries its values in the URL
    signature: str
    status: int  # of the answer; 0 when there was none

    @property
    def values(self) -> dict[str, str]:
        """All parameters, of a GET as well."""
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True)) | dict(self.form)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content_type: str
    body: bytes  # cut off just past 64 kB
    url: str  # where it came from in the end


class Unreachable(Exception):
    """A request that got no usable answer, as the vendor's error code."""

    def __init__(self, code: int, text: str, url: str) -> None:
        super().__init__(f"{code} {text}: {url}")
        self.code, self.text, self.url = code, text, url


class Router:
    """Where a public address really is: `routes` maps public origins to loopback origins."""

    def __init__(self, routes: Mapping[str, str]) -> None:
        self._routes = {public.rstrip("/"): real.rstrip("/") for public, real in routes.items()}

    def http(self, url: str) -> str | None:
        """The loopback URL of a public one, path and query untouched; None when nobody lives there."""
        parts = urlsplit(url)
        real = self._routes.get(f"{parts.scheme}://{parts.netloc}")
        return None if real is None else real + urlunsplit(("", "", parts.path or "/", parts.query, ""))

    def socket(self, url: str) -> tuple[str, int] | None:
        """Host and port behind a public `wss:` (or `ws:`) URL."""
        parts = urlsplit(url)
        scheme = {"wss": "https", "ws": "http"}.get(parts.scheme, parts.scheme)
        real = self._routes.get(f"{scheme}://{parts.netloc}")
        target = urlsplit(real) if real else None
        return (target.hostname, target.port or 80) if target and target.hostname else None


@dataclass(frozen=True, slots=True)
class _Policy:
    """Connection overrides in the URL's fragment (twilio.md 1.5); seconds."""

    connect: float = 5.0
    read: float = CEILING
    total: float = CEILING
    retries: int = 1
    on: frozenset[str] = frozenset({"ct"})

    @staticmethod
    def of(fragment: str) -> _Policy:
        given = dict(parse_qsl(fragment))
        return _Policy(
            connect=int(given.get("ct", 5000)) / 1000,
            read=int(given.get("rt", 15000)) / 1000,
            total=min(CEILING, int(given.get("tt", 15000)) / 1000),
            retries=min(5, int(given.get("rc", 1))),
            on=frozenset(given.get("rp", "ct").split(",")),
        )

    def retries_on(self, what: str) -> bool:
        return bool({"all", what} & self.on)


class Webhooks:
    """The carrier's HTTP client. `sent` keeps every request."""

    def __init__(self, token: str, router: Router, faults: Faults, network_seconds: float) -> None:
        self._token, self._router, self._faults, self._network = token, router, faults, network_seconds
        self._session: aiohttp.ClientSession | None = None
        self.sent: list[Request] = []

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True, timeout=aiohttp.ClientTimeout(total=None)
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def request(self, method: str, url: str, form: Form) -> Answer:
        """One webhook with its retry and redirects. Raises `Unreachable`, also for an answer that is not 2xx."""
        bare, fragment = urldefrag(url)
        policy = _Policy.of(fragment)
        try:
            async with asyncio.timeout(policy.total):
                if self._faults.loses_callback(bare):
                    await asyncio.sleep(self._network)
                    raise Unreachable(11205, "lost on the way", bare)
                return await self._followed(method.upper(), bare, form, policy)
        except TimeoutError:
            self._note(method.upper(), bare, form, 0)
            raise Unreachable(11200, "no answer within the time allowed", bare) from None

    async def download(self, url: str) -> Answer:
        """A media file: a plain GET without the call's parameters. Raises `Unreachable`."""
        assert self._session is not None, "the carrier was not started"
        real = self._router.http(url)
        if real is None:
            raise Unreachable(11210, "no such host", url)
        try:
            async with (
                asyncio.timeout(CEILING),
                self._session.get(URL(real, encoded=True), headers={"Host": urlsplit(url).netloc}) as response,
            ):
                if response.status != 200:
                    raise Unreachable(11200, f"HTTP {response.status}", url)
                kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
                return Answer(200, kind, await response.read(), url)
        except (aiohttp.ClientError, TimeoutError) as trouble:
            raise Unreachable(11200, "cannot download", url) from trouble

    async def _followed(self, method: str, url: str, form: Form, policy: _Policy) -> Answer:
        for _ in range(MOST_REDIRECTS + 1):
            answer, location = await self._tried(method, url, form, policy)
            if location is None:
                return answer
            method, url = ("GET" if answer.status in (301, 302, 303) else method), urljoin(url, location)
        raise Unreachable(11215, "too many redirects", url)

    async def _tried(self, method: str, url: str, form: Form, policy: _Policy) -> tuple[Answer, str | None]:
        for left in range(policy.retries, -1, -1):
            try:
                return await self._once(method, url, form, policy)
            except Unreachable as trouble:
                what = {11205: "ct", 11200: "5xx"}.get(trouble.code, "")
                if not left or not policy.retries_on(what):
                    raise
        raise AssertionError("unreachable: the last try returns or raises")

    async def _once(self, method: str, url: str, form: Form, policy: _Policy) -> tuple[Answer, str | None]:
        if method == "GET" and form:
            url, form = f"{url}{'&' if '?' in url else '?'}{urlencode(list(form))}", ()
        real = self._router.http(url)
        if real is None:
            raise Unreachable(11210, "no such host", url)
        await asyncio.sleep(self._network)
        return await self._exchanged(method, url, real, form, policy)

    async def _exchanged(
        self, method: str, url: str, real: str, form: Form, policy: _Policy
    ) -> tuple[Answer, str | None]:
        """Send and read. A redirect comes back as its target, anything but 2xx as `Unreachable`."""
        assert self._session is not None, "the carrier was not started"
        headers = {
            "Host": urlsplit(url).netloc,
            "User-Agent": USER_AGENT,
            "Accept": "*/*",
            "X-Twilio-Signature": sign(self._token, url, form),
        }
        data = urlencode(list(form)).encode() if method == "POST" else None
        if data is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=policy.connect, sock_read=policy.read)
        try:
            async with self._session.request(
                method, URL(real, encoded=True), data=data, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                body = await _read(response)
                status, kind, location = response.status, response.headers.get("Content-Type", ""), None
                if status in (301, 302, 303, 307, 308):
                    location = response.headers.get("Location")
        except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError) as trouble:
            self._note(method, url, form, 0)
            raise Unreachable(11205, "cannot connect", url) from trouble
        except aiohttp.ClientError as trouble:
            self._note(method, url, form, 0)
            raise Unreachable(11200, "connection broken", url) from trouble
        self._note(method, url, form, status)
        if location is None and not 200 <= status < 300:
            raise Unreachable(11200, f"HTTP {status}", url)
        return Answer(status, kind.partition(";")[0].strip().lower(), body, url), location

    def _note(self, method: str, url: str, form: Form, status: int) -> None:
        signature = sign(self._token, url, form)
        at = asyncio.get_running_loop().time()
        self.sent.append(Request(at, method, url, tuple(form), signature, status))


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MOST_BYTES:
            break
    return bytes(body)
