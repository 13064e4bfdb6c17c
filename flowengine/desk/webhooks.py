"""Posts parcels to other people's systems: signed, in bounded time, and never to an address inside our own network."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import ssl
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
from standardwebhooks import Webhook

from flowengine.runtime.addresses import PrivateAddress, open_socket, public_socket
from flowengine.runtime.rows import Parcel
from flowengine.runtime.senders import Failed, Taken, causes
from flowengine.settings import Settings, SettingsError

CONNECT_SECONDS = 2.0
TOTAL_SECONDS = 5.0
MOST_ANSWER = 256 * 1024  # bytes that are read
MOST_SAID = 2000  # characters of an answer that are passed on
SECRET_BYTES = range(24, 65)  # a key of Standard Webhooks has 192 to 512 bits

_WORDS = ("application/json", "text/")  # content types whose body is something to read
_INNER = "the address leads into a private network; FLOWENGINE_PRIVATE_WEBHOOKS=yes would allow it"


class Webhooks:
    """`senders.Sender` by Standard Webhooks: `webhook-id` is the parcel's id, the timestamp that of each try."""

    def __init__(
        self,
        secrets: Sequence[str],
        *,
        link: Callable[[Parcel], str],
        allow_private: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """All `secrets` sign, the first one first. `link` is an address to look at, for parcels about a hand-off. `now`
        is the receivers' time, whatever day it is in a sandbox: they refuse what is older than minutes.
        """
        self._webhooks = [Webhook(secret) for secret in secrets]
        self._link, self._allow_private, self._now = link, allow_private, now
        self._session: aiohttp.ClientSession | None = None

    async def send(self, parcel: Parcel) -> Taken | Failed:
        if not parcel.address.lower().startswith(("https://", "http://") if self._allow_private else "https://"):
            return Failed("the address does not begin with https://", final=True)
        body = self._body(parcel)
        headers = self._headers(parcel.id, body)
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                return await self._post(parcel.address, body, headers)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as mistake:
            return _explained(mistake)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _body(self, parcel: Parcel) -> str:
        data = dict(parcel.data)
        if parcel.event.startswith("handoff."):
            data["link"] = self._link(parcel)
        message = {"type": parcel.event, "timestamp": parcel.made, "data": data}
        return json.dumps(message, separators=(",", ":"))

    def _headers(self, message: str, body: str) -> dict[str, str]:
        now = self._now().astimezone(UTC)
        return {
            "content-type": "application/json",
            "user-agent": "flowengine",
            "webhook-id": message,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(webhook.sign(message, now, body) for webhook in self._webhooks),
        }

    async def _post(self, address: str, body: str, headers: Mapping[str, str]) -> Taken | Failed:
        async with self._open().post(address, data=body.encode(), headers=headers, allow_redirects=False) as response:
            read = bytearray()
            async for piece in response.content.iter_any():
                read += piece
                if len(read) > MOST_ANSWER:
                    response.close()
                    return Failed("the answer was larger than 256 KiB")
            return self._judged(response, bytes(read))

    def _judged(self, response: aiohttp.ClientResponse, body: bytes) -> Taken | Failed:
        """As Standard Webhooks advises: 2xx is success and anything else a failure to be repeated, with `Retry-After`
        in mind; redirects are not followed. 410 says that nothing more is wanted. Other 4xx are repeated as well: a
        receiver that is being deployed answers 404, one with the old secret 400 or 401, and a person repairs that.
        """
        if 200 <= response.status < 300:
            return Taken(_said(response, body))
        why = f"answered {response.status}"
        if 300 <= response.status < 400:
            why += ", a redirect, which is not followed"
        return Failed(why, final=response.status == 410, after=self._asked_to_wait(response))

    def _asked_to_wait(self, response: aiohttp.ClientResponse) -> float:
        """`Retry-After` in seconds, whether it was given so or as a date; 0 when it says nothing usable."""
        given = response.headers.get("Retry-After", "").strip()
        if given.isascii() and given.isdigit():
            return float(given[:9])
        try:
            until = parsedate_to_datetime(given)
        except (ValueError, OverflowError):
            return 0.0
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        return max(0.0, (until - self._now()).total_seconds())

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


def webhook_secrets(settings: Settings) -> tuple[str, ...]:
    """What parcels are signed with: the `whsec_…` of the settings, two during a rotation; else one of our own.

    Raises `SettingsError`, which does not show the secret.
    """
    given = tuple(settings.webhook_secrets.replace(",", " ").split())
    if not all(map(_is_secret, given)):
        raise SettingsError(
            "FLOWENGINE_WEBHOOK_SECRETS must hold secrets like whsec_… (24 to 64 bytes in base64), with spaces between"
        )
    return given or (webhook_secret(settings.secret_key),)


def webhook_secret(secret_key: str) -> str:
    """A `whsec_…` grown from the secret key, where none was given: outside the sandbox no receiver knows it."""
    grown = hmac.new(secret_key.encode(), b"flowengine.webhook", hashlib.sha256).digest()
    return "whsec_" + base64.b64encode(grown).decode()


def _is_secret(text: str) -> bool:
    prefix, encoded = text[:6], text[6:]
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        return False
    return prefix == "whsec_" and len(key) in SECRET_BYTES


def _said(response: aiohttp.ClientResponse, body: bytes) -> str:
    """An answer's words: JSON or text, without control characters; anything else says nothing."""
    if response.headers.get("Content-Encoding") or not response.content_type.startswith(_WORDS):
        return ""
    text = body.decode("utf-8", "replace")
    return "".join(c for c in text if c.isprintable() or c in "\n\t")[:MOST_SAID].strip()


def _explained(mistake: BaseException) -> Failed:
    """What went wrong in words for the desk, which hold nothing of the address."""
    reasons = list(causes(mistake))
    if any(isinstance(reason, PrivateAddress) for reason in reasons):
        return Failed(_INNER, final=True)
    if any(isinstance(reason, ssl.SSLCertVerificationError) for reason in reasons):
        return Failed("its certificate is not trusted")
    match mistake:
        case aiohttp.InvalidURL() | ValueError():
            return Failed("that is no address", final=True)
        case aiohttp.ClientConnectorDNSError():
            return Failed("its name is not known")
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return Failed("it could not be reached")
        case TimeoutError():
            return Failed(f"no answer within {TOTAL_SECONDS:g} s")
        case _:
            return Failed("the connection broke")
