"""Sends letters as e-mail, over a mail server of the operator's: encrypted on the way, one message a connection."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import ssl
from dataclasses import dataclass
from datetime import UTC
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

import aiosmtplib

from flowengine.runtime.ports import Clock
from flowengine.runtime.senders import Failed, Letter, Taken, causes
from flowengine.settings import SettingsError

STEP_SECONDS = 10.0  # one command may take
TOTAL_SECONDS = 30.0
_LIKE = "FLOWENGINE_SMTP_URL must be like smtp://user:password@mail.example.com:587"
_PORTS = {"smtp": 587, "smtps": 465}
_PLAIN = re.compile(r"([\w!#$%&'*+/=?^`{|}~.-]+)@((?:[a-z0-9-]+\.)+[a-z0-9-]+)", re.ASCII | re.IGNORECASE).fullmatch
_MOST_ADDRESS = 254  # characters of an address that a server must take (RFC 5321 4.5.3.1)


@dataclass(frozen=True, slots=True)
class _Server:
    host: str
    port: int
    user: str | None
    password: str | None
    tls: bool  # from the first byte
    starttls: bool | None  # None: where it is offered


class Mail:
    """`senders.Postman` by SMTP."""

    def __init__(self, url: str, sender: str, clock: Clock) -> None:
        """`url` is `smtp://user:password@host:587` (STARTTLS) or `smtps://…`; `sender` is the address in From.

        Both may be "": then no letter leaves, and each says why. Raises `SettingsError` for a URL that is none.
        """
        self._server = _server(url) if url else None
        self._sender, self._clock = sender, clock

    async def deliver(self, letter: Letter) -> Taken | Failed:
        if self._server is None or not self._sender:
            return Failed("no mail server is set (FLOWENGINE_SMTP_URL and FLOWENGINE_MAIL_FROM)", final=True)
        try:
            to, sender = _address(letter.to), _address(self._sender)
        except ValueError:
            return Failed("that is no e-mail address", final=True)
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                return await _sent(self._server, self._written(letter, sender, to), sender, to)
        except (OSError, TimeoutError, ValueError, aiosmtplib.SMTPException) as mistake:
            return _explained(mistake)

    async def trouble(self) -> str:
        """Why the mail server does not let us in; "" when it does. No letter is sent."""
        if self._server is None or not self._sender:
            return "no mail server is set (FLOWENGINE_SMTP_URL and FLOWENGINE_MAIL_FROM)"
        try:
            sender = _address(self._sender)
        except ValueError:
            return "FLOWENGINE_MAIL_FROM is no e-mail address"
        try:
            async with asyncio.timeout(TOTAL_SECONDS), _connection(self._server, sender):
                return ""
        except (OSError, TimeoutError, ValueError, aiosmtplib.SMTPException) as mistake:
            return _explained(mistake).why

    def _written(self, letter: Letter, sender: Address, to: Address) -> EmailMessage:
        """The id is the same for every try: a mailbox that has the letter may know it again."""
        mail = EmailMessage()
        mail["From"], mail["To"] = sender, to
        mail["Subject"] = " ".join(letter.subject.split())
        mail["Date"] = format_datetime(self._clock.now().astimezone(UTC))
        mail["Message-ID"] = f"<{letter.id}@{sender.domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # no out-of-office notes, please (RFC 3834)
        mail.set_content(letter.text)
        return mail

    async def close(self) -> None:
        """Nothing stays open between letters."""


async def _sent(server: _Server, mail: EmailMessage, sender: Address, to: Address) -> Taken:
    async with _connection(server, sender) as smtp:
        await smtp.send_message(mail, sender=sender.addr_spec, recipients=[to.addr_spec])
    return Taken()


def _connection(server: _Server, sender: Address) -> aiosmtplib.SMTP:
    """Connects, encrypts and signs in when it is entered."""
    return aiosmtplib.SMTP(
        hostname=server.host,
        port=server.port,
        username=server.user,
        password=server.password,
        use_tls=server.tls,
        start_tls=server.starttls,
        local_hostname=sender.domain,  # not this machine's name, which would have to be looked up
        timeout=STEP_SECONDS,
    )


def _server(url: str) -> _Server:
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (KeyError, ValueError):
        raise SettingsError(_LIKE) from None  # whose own words would show the password
    if not parts.hostname:
        raise SettingsError(_LIKE)
    tls = parts.scheme == "smtps"
    # A link to a card and a password do not travel in the clear, except inside this machine.
    starttls = False if tls else None if _is_here(parts.hostname) else True
    user, password = (unquote(part) if part else None for part in (parts.username, parts.password))
    return _Server(parts.hostname, port, user, password, tls, starttls)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _address(text: str) -> Address:
    """One plain address. Raises `ValueError` for anything that could be read as more than that."""
    found = _PLAIN(text)
    if not found or len(text) > _MOST_ADDRESS:
        raise ValueError("not an address")
    return Address(username=found[1], domain=found[2])


def _explained(mistake: Exception) -> Failed:
    """In words for the desk. What is wrong with the letter is final; what is wrong with the server may be repaired."""
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes(mistake)):
        return Failed("the mail server's certificate is not trusted")
    match mistake:
        case aiosmtplib.SMTPRecipientsRefused(recipients=[refused, *_]):
            return _refused("the mail server does not take mail for this address", refused.code)
        case aiosmtplib.SMTPDataError():
            return _refused("the mail server does not take the message", mistake.code)
        case aiosmtplib.SMTPAuthenticationError():
            return Failed(f"the mail server refuses our password ({mistake.code})")
        case aiosmtplib.SMTPSenderRefused():
            return Failed(f"the mail server refuses our sender's address ({mistake.code})")
        case aiosmtplib.SMTPResponseException(code=code) if code < 0:
            return Failed("what answers there is no mail server")
        case aiosmtplib.SMTPResponseException():
            return Failed(f"the mail server answered {mistake.code}")
        case aiosmtplib.SMTPTimeoutError() | TimeoutError():
            return Failed("the mail server did not answer in time")
        case aiosmtplib.SMTPServerDisconnected():
            return Failed("the mail server broke the connection")
        case aiosmtplib.SMTPConnectError() | OSError():
            return Failed("the mail server could not be reached")
        case _:
            return Failed("the mail server offers no encryption, or no way to log in")


def _refused(why: str, code: int) -> Failed:
    """5yz: the same again would be answered the same (RFC 5321 4.2.1)."""
    return Failed(f"{why} ({code})", final=code >= 500)
