"""An emulated mail server: what a sender says to it is held against RFC 5321, and what it takes is kept to be read."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hmac
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

LONGEST_LINE = 1000  # bytes with its end (RFC 5321 4.5.3.1.6)
MOST_MESSAGE = 256 * 1024
FAREWELL = 2.0  # seconds the last words get
PATIENCE = 300.0  # seconds until the next command (4.5.3.2.7)

_PATH = re.compile(rb"(FROM|TO):<([^<>\s]*)>(?: .*)?", re.IGNORECASE).fullmatch


@dataclass(frozen=True, slots=True)
class Mail:
    """What was taken in one transaction. `encrypted` and `user`: how its sender came in."""

    sender: str
    recipients: tuple[str, ...]
    raw: bytes
    encrypted: bool
    user: str

    @property
    def message(self) -> EmailMessage:
        parsed = message_from_bytes(self.raw, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed


@dataclass(slots=True)
class Mailbox:
    """`users` (name → password) must log in when there are any. `refusals` answer a command word ("RCPT", "DATA",
    "MAIL", "EHLO" or "." for the end of the data) with a code and a text instead of taking it, or with "" by saying
    nothing more. `silent`: it is connected to and says nothing. `tls` offers STARTTLS, `tls_at_once` speaks TLS from
    the first byte.
    """

    users: Mapping[str, str] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)
    silent: bool = False
    tls: ssl.SSLContext | None = None
    tls_at_once: bool = False
    mails: list[Mail] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None
    _connections: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        at_once = self.tls if self.tls_at_once else None
        self._server = await asyncio.start_server(self._connected, host, port, ssl=at_once, limit=LONGEST_LINE)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await _Conversation(self, reader, writer).run()
        except (ConnectionError, TimeoutError, asyncio.IncompleteReadError, ValueError, asyncio.CancelledError):
            pass  # a sender that breaks off, dawdles or sends a line too long; or we are stopping
        finally:
            self._connections.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
                async with asyncio.timeout(FAREWELL):
                    await writer.wait_closed()
            writer.transport.abort()  # a peer that broke off in a handshake never closes


class _Conversation:
    """One connection: commands in the order RFC 5321 4.1.4 allows, one transaction after another."""

    def __init__(self, box: Mailbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._box, self._reader, self._writer = box, reader, writer
        self._encrypted, self._user, self._greeted = box.tls_at_once, "", False
        self._sender: str | None = None
        self._recipients: list[str] = []

    async def run(self) -> None:
        if self._box.silent:
            await asyncio.sleep(PATIENCE)
        await self._say("220 mailbox.test ESMTP")
        while (line := await self._line()) is not None:
            word, _, rest = line.partition(b" ")
            command = word.upper().decode("ascii", "replace")
            if (refusal := self._box.refusals.get(command)) is not None:
                await self._refuse(refusal)
                continue
            if command == "QUIT":
                await self._say("221 bye")
                return
            await self._do(command, rest.strip())

    async def _do(self, command: str, rest: bytes) -> None:
        match command:
            case "EHLO" | "HELO" if rest:
                self._greeted = True
                self._forget()
                await self._greet(command)
            case "NOOP":
                await self._say("250 ok")
            case "RSET":
                self._forget()
                await self._say("250 ok")
            case "STARTTLS" if self._box.tls and not self._encrypted:
                await self._encrypt(self._box.tls)
            case "AUTH" if self._greeted and self._box.users and not self._user:
                await self._log_in(rest)
            case "MAIL" if self._greeted and self._sender is None and (self._user or not self._box.users):
                await self._from(rest)
            case "RCPT" if self._sender is not None:
                await self._to(rest)
            case "DATA" if self._recipients:
                await self._data()
            case "MAIL" if self._greeted and self._box.users:
                await self._say("530 5.7.0 Authentication required")
            case "MAIL" | "RCPT" | "DATA" | "AUTH" | "STARTTLS":
                await self._say("503 5.5.1 Bad sequence of commands")
            case _:
                await self._say("500 5.5.2 Syntax error")

    async def _greet(self, command: str) -> None:
        if command == "HELO":
            return await self._say("250 mailbox.test")
        offers = ["mailbox.test", f"SIZE {MOST_MESSAGE}", "8BITMIME"]
        offers += ["STARTTLS"] if self._box.tls and not self._encrypted else []
        offers += ["AUTH PLAIN LOGIN"] if self._box.users else []
        for number, offer in enumerate(offers, 1):
            await self._say(f"250{' ' if number == len(offers) else '-'}{offer}")

    async def _encrypt(self, tls: ssl.SSLContext) -> None:
        """Everything said before counts no more (RFC 3207 4.2)."""
        await self._say("220 Ready to start TLS")
        await self._writer.start_tls(tls)
        self._encrypted, self._greeted = True, False
        self._forget()

    async def _log_in(self, rest: bytes) -> None:
        method, _, first = rest.partition(b" ")
        try:
            match method.upper():
                case b"PLAIN":
                    _, user, password = base64.b64decode(first or await self._asked(""), validate=True).split(b"\0")
                case b"LOGIN":
                    user = base64.b64decode(first or await self._asked("VXNlcm5hbWU6"), validate=True)
                    password = base64.b64decode(await self._asked("UGFzc3dvcmQ6"), validate=True)
                case _:
                    return await self._say("504 5.5.4 Unrecognized authentication type")
        except (binascii.Error, ValueError):
            return await self._say("501 5.5.2 Cannot decode")
        wanted = self._box.users.get(user.decode("utf-8", "replace"))
        if wanted is None or not hmac.compare_digest(wanted.encode(), password):
            return await self._say("535 5.7.8 Authentication credentials invalid")
        self._user = user.decode()
        await self._say("235 2.7.0 Authentication successful")

    async def _asked(self, question: str) -> bytes:
        await self._say(f"334 {question}")
        return await self._line() or b""

    async def _from(self, rest: bytes) -> None:
        if not (found := _PATH(rest)) or found[1].upper() != b"FROM":
            return await self._say("501 5.5.4 Syntax: MAIL FROM:<address>")
        self._sender = found[2].decode("ascii", "replace")
        await self._say("250 ok")

    async def _to(self, rest: bytes) -> None:
        found = _PATH(rest)
        if not found or found[1].upper() != b"TO" or found[2].count(b"@") != 1:
            return await self._say("501 5.5.4 Syntax: RCPT TO:<address>")
        self._recipients.append(found[2].decode("ascii", "replace"))
        await self._say("250 ok")

    async def _data(self) -> None:
        await self._say("354 go ahead")
        raw = bytearray()
        while (line := await self._line()) != b".":
            if line is None:
                return
            raw += line.removeprefix(b".") + b"\r\n"  # a leading dot was doubled (4.5.2)
            if len(raw) > MOST_MESSAGE:
                raise ValueError("more than we said we take")
        if (refusal := self._box.refusals.get(".")) is not None:
            self._forget()
            return await self._refuse(refusal)
        self._box.mails.append(
            Mail(self._sender or "", tuple(self._recipients), bytes(raw), self._encrypted, self._user)
        )
        self._forget()
        await self._say("250 2.0.0 taken")

    async def _refuse(self, refusal: str) -> None:
        if refusal:
            await self._say(refusal)
        else:
            await asyncio.sleep(PATIENCE)

    def _forget(self) -> None:
        self._sender, self._recipients = None, []

    async def _line(self) -> bytes | None:
        """The next one without its end, which must be CR LF; None at the end of the connection."""
        async with asyncio.timeout(PATIENCE):
            line = await self._reader.readline()
        if not line:
            return None
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            raise ValueError("a line that does not end in CR LF")
        return line[:-2]

    async def _say(self, text: str) -> None:
        self._writer.write(text.encode() + b"\r\n")
        async with asyncio.timeout(10):
            await self._writer.drain()
