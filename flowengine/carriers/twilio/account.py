"""What an account at Twilio looks like from outside: does the key open it, and where do its numbers lead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from flowengine.carriers.twilio.rest import basic_auth
from flowengine.settings import Settings

SECONDS = 10.0  # one question may take


class NoAccount(Exception):
    """The account did not answer as one should; the message says what it said. `reached` is False when nobody did."""

    def __init__(self, why: str, *, reached: bool = True) -> None:
        super().__init__(why)
        self.reached = reached


@dataclass(frozen=True, slots=True)
class Account:
    status: str  # active, suspended, closed
    trial: bool
    said_at: datetime | None  # the clock of the service as it answered


@dataclass(frozen=True, slots=True)
class OwnNumber:
    """A number of the account. `elsewhere` names what takes its calls before `voice_url` is asked."""

    voice_url: str
    method: str
    elsewhere: str
    status_url: str  # where the end of a caller's leg is told; "" is nowhere


async def account(settings: Settings) -> Account:
    """Raises `NoAccount`."""
    found, date = await _get(settings, ".json", {})
    return Account(str(found.get("status")), found.get("type") == "Trial", _moment(date))


async def own_number(settings: Settings, number: str) -> OwnNumber | None:
    """None when the account does not have it. Raises `NoAccount`."""
    found, _ = await _get(settings, "/IncomingPhoneNumbers.json", {"PhoneNumber": number})
    for each in found.get("incoming_phone_numbers", ()):
        elsewhere = (
            "a TwiML app" if each.get("voice_application_sid") else "a SIP trunk" if each.get("trunk_sid") else ""
        )
        leads, by, tells = (str(each.get(name) or "") for name in ("voice_url", "voice_method", "status_callback"))
        return OwnNumber(leads, by or "POST", elsewhere, tells)
    return None


def _moment(date: str) -> datetime | None:
    """The time in a header; None where it is none, or does not say of which zone."""
    try:
        said = parsedate_to_datetime(date)
    except ValueError:
        return None
    return said if said.tzinfo else None


async def _get(settings: Settings, what: str, query: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """The answer and its `Date`."""
    sid = settings.twilio_account_sid
    address = f"{settings.twilio_api_url.rstrip('/')}/2010-04-01/Accounts/{sid}{what}"
    headers = {"Authorization": basic_auth(sid, settings.twilio_auth_token)}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS), trust_env=False) as session,
            session.get(address, params=query, headers=headers, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                raise NoAccount(f"Twilio answers {answer.status}")
            return dict(await answer.json()), answer.headers.get("Date", "")
    except (aiohttp.ClientConnectorError, TimeoutError):
        raise NoAccount("nobody answers there", reached=False) from None
    except (aiohttp.ClientError, OSError, ValueError, TypeError) as mistake:
        raise NoAccount(f"its answer cannot be read ({type(mistake).__name__})") from None
