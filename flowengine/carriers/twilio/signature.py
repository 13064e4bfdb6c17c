"""How Twilio signs a request, and whether one really comes from there (twilio.md 1.7)."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

HEADER = "X-Twilio-Signature"

# For wss the SDK takes 80, RFC 6455 says 443.
_PORTS = {"https": ("443",), "http": ("80",), "wss": ("443", "80"), "ws": ("80",)}


def is_signed(auth_token: str, url: str, parameters: Any, signature: str | None) -> bool:
    """Whether `signature` is ours for this address. `parameters`: a form with its repeats, or {} (GET, WebSocket)."""
    if not auth_token or not signature:  # without a token anybody could sign
        return False
    given = signature.encode()
    expected = [signature_for(auth_token, each, parameters).encode() for each in spellings(url)]
    return sum(hmac.compare_digest(each, given) for each in expected) > 0  # all compared, so that time says nothing


def signature_for(auth_token: str, url: str, parameters: Any) -> str:
    """What Twilio would sign this request with."""
    return str(RequestValidator(auth_token).compute_signature(url, parameters))


def spellings(url: str) -> Iterator[str]:
    """The address as configured, without its port, and with the default ports: Twilio itself is inconsistent."""
    parts = urlsplit(url)
    yield url
    tail = url.split(parts.netloc, 1)[1]
    user, at, place = parts.netloc.rpartition("@")
    host, colon, port = place.rpartition(":")
    if colon and port.isdigit():
        yield f"{parts.scheme}://{user}{at}{host}{tail}"
        return
    for default in _PORTS.get(parts.scheme, ()):
        yield f"{parts.scheme}://{parts.netloc}:{default}{tail}"
