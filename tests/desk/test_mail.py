"""Letters by e-mail: encrypted, one at a time, with nothing in them that could be private or more than one line."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest

from flowengine.desk.mail import Mail
from flowengine.runtime.senders import Failed, Letter, Taken
from flowengine.sandbox.mailbox import Mailbox
from flowengine.settings import SettingsError
from tests.certificates import self_signed

from .parcels import pinned

LINK = "https://desk.example.com/desk/enter/" + "abc-DEF_123." * 15
LETTER = Letter(
    id="c1-d1",
    to="front.desk@example.com",
    number="",
    subject="Bright Smile Dental: a caller has left a message",
    text=f"Bright Smile Dental: a caller has left a message. To read it: {LINK}",
)
SENDER = "phone@brightsmile.example.com"


@asynccontextmanager
async def mailbox(**given: Any) -> AsyncIterator[Mailbox]:
    box = Mailbox(**given)
    await box.start()
    try:
        yield box
    finally:
        await box.stop()


def mail_to(box: Mailbox, scheme: str = "smtp", who: str = "") -> Mail:
    return Mail(f"{scheme}://{who}127.0.0.1:{box.port}", SENDER, pinned())


async def test_a_letter_arrives_as_it_was_written() -> None:
    async with mailbox() as box:
        assert await mail_to(box).deliver(LETTER) == Taken()
    (mail,) = box.mails
    assert (mail.sender, mail.recipients) == (SENDER, ("front.desk@example.com",))
    message = mail.message
    assert (message["From"], message["To"], message["Subject"]) == (SENDER, LETTER.to, LETTER.subject)
    assert message.get_content().strip() == LETTER.text
    assert message["Message-ID"] == "<c1-d1@brightsmile.example.com>"
    assert message["Date"] == "Tue, 10 Nov 2026 16:15:00 +0000"
    assert message["Auto-Submitted"] == "auto-generated"


async def test_an_office_of_any_name() -> None:
    letter = replace(LETTER, subject="Zahnärzte „Müller“ 🦷: a caller", text="Zahnärzte „Müller“ 🦷.\n.\n..dots\nfine")
    async with mailbox() as box:
        assert await mail_to(box).deliver(letter) == Taken()
    assert box.mails[0].message["Subject"] == letter.subject
    assert box.mails[0].message.get_content().splitlines() == letter.text.splitlines()


async def test_two_tries_are_the_same_letter() -> None:
    async with mailbox() as box:
        mail = mail_to(box)
        assert [await mail.deliver(LETTER) for _ in range(2)] == [Taken(), Taken()]
    first, second = (mail.message["Message-ID"] for mail in box.mails)
    assert first == second


# ---- getting in ------------------------------------------------------------------------------------------------------


async def test_a_name_and_a_password_with_signs_in_them() -> None:
    async with mailbox(users={"phone@example.com": "p@ss:w/rd%"}) as box:
        good = mail_to(box, who="phone%40example.com:p%40ss%3Aw%2Frd%25@")
        assert await good.deliver(LETTER) == Taken()
        assert await mail_to(box, who="phone:wrong@").deliver(LETTER) == Failed(
            "the mail server refuses our password (535)"
        )
        assert await mail_to(box).deliver(LETTER) == Failed("the mail server refuses our sender's address (530)")
    assert [mail.user for mail in box.mails] == ["phone@example.com"]


async def test_a_server_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    for at_once, scheme in ((True, "smtps"), (False, "smtp")):
        async with mailbox(tls=self_signed(tmp_path / "server.pem"), tls_at_once=at_once) as box:
            failed = await mail_to(box, scheme).deliver(LETTER)
            assert failed == Failed("the mail server's certificate is not trusted")
        assert box.mails == []


async def test_both_ways_to_encrypt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = self_signed(tmp_path / "server.pem")
    trusted = ssl.create_default_context(cafile=tmp_path / "server.pem")
    monkeypatch.setattr(ssl, "create_default_context", lambda *given, **more: trusted)
    for at_once, scheme in ((True, "smtps"), (False, "smtp")):
        async with mailbox(tls=context, tls_at_once=at_once) as box:
            assert await mail_to(box, scheme).deliver(LETTER) == Taken()
        assert box.mails[0].encrypted


async def test_nothing_leaves_the_machine_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server elsewhere that offers no encryption gets no letter and no password."""
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *more, **given: real("127.0.0.1", *more, **given))
    async with mailbox(users={"phone": "secret"}) as box:
        mail = Mail(f"smtp://phone:secret@mail.example.com:{box.port}", SENDER, pinned())
        assert await mail.deliver(LETTER) == Failed("the mail server offers no encryption, or no way to log in")
    assert box.mails == []


# ---- what cannot be sent ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("url", "sender"), [("", ""), ("", SENDER), ("smtp://127.0.0.1:1", "")])
async def test_without_a_server_each_letter_says_what_is_missing(url: str, sender: str) -> None:
    failed = await Mail(url, sender, pinned()).deliver(LETTER)
    assert failed == Failed("no mail server is set (FLOWENGINE_SMTP_URL and FLOWENGINE_MAIL_FROM)", final=True)


@pytest.mark.parametrize(
    "url", ["mail.example.com", "http://mail.example.com", "smtp://", "smtp://host:no", "smtp://u:secret@host:99999"]
)
async def test_a_server_that_is_none_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(SettingsError, match="FLOWENGINE_SMTP_URL") as refused:
        Mail(url, SENDER, pinned())
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "to",
    [
        "", "front desk@example.com", "front@example.com\r\nBcc: all@example.com", "front@example.com\n",
        "front@example.com,other@example.com",
        "Front Desk <front@example.com>", "front@@example.com", "front@", "@example.com", "front@example", "front",
        "front@example.com\0", "a" * 250 + "@example.com", '"a b"@example.com', "fränt@example.com",
    ],
)  # fmt: skip
async def test_an_address_that_could_be_read_as_more_is_none(to: str) -> None:
    async with mailbox() as box:
        assert await mail_to(box).deliver(replace(LETTER, to=to)) == Failed("that is no e-mail address", final=True)
    assert box.mails == []


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\x0b", "\x85", "\u2028"])
async def test_no_header_can_be_put_in(break_: str) -> None:
    office = f"Bright{break_}Bcc: all@example.com{break_}{break_}Hello"
    async with mailbox() as box:
        assert await mail_to(box).deliver(replace(LETTER, subject=office, text=office)) == Taken()
    message = box.mails[0].message
    assert message["Bcc"] is None
    assert message["Subject"] == "Bright Bcc: all@example.com Hello"
    assert box.mails[0].recipients == (LETTER.to,)


@pytest.mark.parametrize(
    ("refusals", "failed"),
    [
        (
            {"RCPT": "550 5.1.1 no such mailbox"},
            Failed("the mail server does not take mail for this address (550)", True),
        ),
        ({"RCPT": "450 4.2.1 later"}, Failed("the mail server does not take mail for this address (450)")),
        ({"MAIL": "553 not you"}, Failed("the mail server refuses our sender's address (553)")),
        ({".": "554 5.7.1 spam"}, Failed("the mail server does not take the message (554)", True)),
        ({".": "451 later"}, Failed("the mail server does not take the message (451)")),
        ({"DATA": ""}, Failed("the mail server did not answer in time")),
        ({".": ""}, Failed("the mail server did not answer in time")),
        ({"EHLO": "421 too busy", "HELO": "421 too busy"}, Failed("the mail server answered 421")),
    ],
)
async def test_what_a_server_refuses(refusals: dict[str, str], failed: Failed) -> None:
    async with mailbox(refusals=refusals) as box:
        assert await mail_to(box).deliver(LETTER) == failed


async def test_a_server_that_says_nothing_or_is_not_there() -> None:
    async with mailbox(silent=True) as box:
        assert await mail_to(box).deliver(LETTER) == Failed("the mail server did not answer in time")
    assert await mail_to(box).deliver(LETTER) == Failed("the mail server could not be reached")


async def test_something_that_is_no_mail_server() -> None:
    gone = asyncio.Event()

    async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        with suppress(ConnectionError):
            await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        gone.set()

    async with await asyncio.start_server(says, "127.0.0.1", 0) as server:
        mail = Mail(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}", SENDER, pinned())
        assert await mail.deliver(LETTER) == Failed("what answers there is no mail server")
        await gone.wait()


async def test_the_mailbox_is_strict() -> None:
    """What a careless sender would get away with elsewhere."""
    async with mailbox() as box:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=box.port, start_tls=False)
        await client.connect()
        for command, code in ((b"RCPT TO:<a@b.test>", 503), (b"DATA", 503), (b"MAIL FROM:<a@b.test>", 503)):
            assert (await client.execute_command(command)).code == code
        await client.ehlo()
        assert (await client.execute_command(b"MAIL FROM: a@b.test")).code == 501
        assert (await client.execute_command(b"MAIL FROM:<a@b.test>")).code == 250
        assert (await client.execute_command(b"RCPT TO:<nobody>")).code == 501
        assert (await client.execute_command(b"FLY")).code == 500
        await client.quit()
    assert box.mails == []
