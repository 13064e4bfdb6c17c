"""Parcels posted to other people's systems: signed, in bounded time, to public addresses only."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from flowengine.desk.webhooks import Webhooks, webhook_secret, webhook_secrets
from flowengine.runtime.rows import Parcel
from flowengine.runtime.senders import Failed, Taken
from flowengine.sandbox.receiver import HANGS, Reply, redirects
from flowengine.settings import Settings, SettingsError
from tests.certificates import self_signed

from .parcels import parcel, receiving
from .test_addresses import SPELLINGS

OLD, NEW = ("whsec_" + base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
LINK = "https://desk.example.com/desk/enter/a-token"
DATA = {"headline": "crown fell out", "fields": [{"name": "reason", "value": "crown — “fell” out 🦷"}]}


@asynccontextmanager
async def webhooks(
    *secrets: str, allow_private: bool = True, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> AsyncIterator[Webhooks]:
    made = Webhooks(secrets or (NEW,), link=lambda parcel: LINK, allow_private=allow_private, now=now)
    try:
        yield made
    finally:
        await made.close()


def addressed(url: str, **changes: Any) -> Parcel:
    given = {"data": DATA, "made": "2026-11-10T16:15:00+00:00", **changes}
    return parcel("c1f0-d1", address=url, **given)


async def replied(reply: Reply, **changes: Any) -> Taken | Failed:
    async with receiving(reply=reply) as receiver, webhooks() as sender:
        return await sender.send(addressed(receiver.url, **changes))


# ---- what a receiver gets --------------------------------------------------------------------------------------------


async def test_the_receiver_verifies_with_the_vendors_library() -> None:
    async with receiving(secrets=(NEW,)) as receiver, webhooks() as sender:
        assert await sender.send(addressed(receiver.url)) == Taken()
    (post,) = receiver.posts
    assert (post.id, post.trouble) == ("c1f0-d1", "")
    assert Webhook(NEW).verify(post.body, dict(post.headers)) == {
        "type": "handoff.decided",
        "timestamp": "2026-11-10T16:15:00+00:00",
        "data": {**DATA, "link": LINK},
    }
    with pytest.raises(WebhookVerificationError):
        Webhook(OLD).verify(post.body, dict(post.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(post.body.replace("crown", "tooth"), dict(post.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(post.body, {**post.headers, "webhook-id": "c1f0-d2"})
    assert "cookie" not in post.headers


async def test_only_what_is_about_a_hand_off_carries_a_link() -> None:
    async with receiving() as receiver, webhooks() as sender:
        for event in ("handoff.ringing", "message.taken", "tool.called", "call.completed"):
            assert isinstance(await sender.send(addressed(receiver.url, event=event)), Taken)
    linked = {json.loads(post.body)["type"]: "link" in json.loads(post.body)["data"] for post in receiver.posts}
    assert linked == {"handoff.ringing": True, "message.taken": False, "tool.called": False, "call.completed": False}


async def test_while_secrets_are_changed_both_sign() -> None:
    async with receiving() as receiver, webhooks(NEW, OLD) as sender:
        assert isinstance(await sender.send(addressed(receiver.url)), Taken)
    (post,) = receiver.posts
    assert len(post.headers["webhook-signature"].split(" ")) == 2
    for secret in (NEW, OLD):
        assert Webhook(secret).verify(post.body, dict(post.headers))["type"] == "handoff.decided"


async def test_each_try_has_the_same_id_and_its_own_time() -> None:
    moment = datetime(2026, 11, 10, 16, 15, tzinfo=UTC)
    async with receiving() as receiver, webhooks(now=lambda: moment) as sender:
        await sender.send(addressed(receiver.url))
        moment += timedelta(hours=6)
        await sender.send(addressed(receiver.url))
    first, second = receiver.posts
    assert (first.id, json.loads(first.body)) == (second.id, json.loads(second.body))
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 6 * 3600


async def test_a_wall_clock_elsewhere_signs_the_same_moment() -> None:
    """The vendor's library takes the digits of a local time for UTC."""
    chicago = ZoneInfo("America/Chicago")
    async with receiving(secrets=(NEW,)) as receiver, webhooks(now=lambda: datetime.now(chicago)) as sender:
        assert isinstance(await sender.send(addressed(receiver.url)), Taken)
    assert receiver.posts[0].trouble == ""


# ---- secrets ---------------------------------------------------------------------------------------------------------


def test_secrets_of_the_settings() -> None:
    assert webhook_secrets(Settings(secret_key="k")) == (webhook_secret("k"),)
    assert webhook_secrets(Settings(webhook_secrets=f"{NEW}, {OLD}")) == (NEW, OLD)
    assert webhook_secrets(Settings(webhook_secrets=f"{NEW} {OLD}")) == (NEW, OLD)
    assert len(base64.b64decode(webhook_secret("k").removeprefix("whsec_"))) == 32


@pytest.mark.parametrize("given", ["hunter2", "whsec_hunter2", "whsec_", f"{NEW};{OLD}", "whsec_" + "QUJD" * 40])
def test_a_secret_that_is_none_is_refused_and_not_shown(given: str) -> None:
    with pytest.raises(SettingsError) as refused:
        webhook_secrets(Settings(webhook_secrets=given))
    assert "FLOWENGINE_WEBHOOK_SECRETS" in str(refused.value)
    assert given == "whsec_" or given not in str(refused.value)


# ---- what counts as taken --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 204, 299])
async def test_2xx_is_taken(status: int) -> None:
    assert isinstance(await replied(Reply(status)), Taken)


@pytest.mark.parametrize(
    ("status", "final"),
    [(300, False), (400, False), (401, False), (404, False), (410, True), (429, False), (503, False)],
)
async def test_anything_else_is_not_and_only_gone_is_final(status: int, final: bool) -> None:
    failed = await replied(Reply(status, body="a stack trace with Maria in it"))
    assert isinstance(failed, Failed)
    assert failed.final is final
    assert failed.why.startswith(f"answered {status}")
    assert "Maria" not in failed.why


OVER = "Thu, 31 Dec 2026 23:59:59 +" + "9" * 20


async def test_retry_after_as_seconds_and_as_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=300))
    for given, waits in (
        ("120", 120.0),
        (later, 300.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("9" * 40, 999_999_999.0),
        (OVER, 0.0),
    ):
        failed = await replied(Reply(503, headers={"Retry-After": given}))
        assert isinstance(failed, Failed)
        assert failed.after == pytest.approx(waits, abs=20 if given == later else 0)


async def test_a_redirect_to_an_inner_host_is_not_followed() -> None:
    async with receiving() as inner, receiving(reply=redirects("/elsewhere")) as outer, webhooks() as sender:
        for target in (inner.url, "/elsewhere", "http://169.254.169.254/latest/meta-data/"):
            outer.reply = redirects(target)
            failed = await sender.send(addressed(outer.url))
            assert failed == Failed("answered 307, a redirect, which is not followed")
    assert inner.posts == []
    assert {post.path for post in outer.posts} == {"/hooks"}


@pytest.mark.parametrize("reply", [HANGS, Reply(200, body="x" * 60, trickles=True)])
async def test_a_receiver_that_dawdles_costs_five_seconds(reply: Reply) -> None:
    loop = asyncio.get_running_loop()
    async with receiving(reply=reply) as receiver, webhooks() as sender:
        began = loop.time()
        assert await sender.send(addressed(receiver.url)) == Failed("no answer within 5 s")
        assert 4.5 < loop.time() - began < 6


async def test_an_answer_is_read_up_to_a_limit() -> None:
    assert isinstance(await replied(Reply(200, body="x" * 256 * 1024)), Taken)
    assert await replied(Reply(200, body="x" * (256 * 1024 + 1))) == Failed("the answer was larger than 256 KiB")


async def test_the_words_of_an_answer() -> None:
    assert await replied(Reply(200, body='{"free": "9:00"}')) == Taken('{"free": "9:00"}')
    assert await replied(Reply(200, body=" free at nine\x00\x1b[31m \n", content_type="text/plain")) == Taken(
        "free at nine[31m"
    )
    assert await replied(Reply(200, body="x" * 5000, content_type="text/plain")) == Taken("x" * 2000)
    assert await replied(Reply(200, body="PNG", content_type="image/png")) == Taken("")
    assert await replied(Reply(200, body="abc", headers={"Content-Encoding": "gzip"})) == Taken("")


async def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*_: object, **__: object) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    async with receiving() as receiver:
        gone = receiver.url
    async with webhooks() as sender:
        assert await sender.send(addressed(gone)) == Failed("it could not be reached")
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
        assert await sender.send(addressed("https://nobody.invalid/")) == Failed("its name is not known")


@pytest.mark.parametrize(
    "address", ["", "nonsense", "ftp://example.com", "https://", "https://[", "https://example.com:99999/"]
)
async def test_an_address_that_is_none_is_dead_at_once(address: str) -> None:
    for allowed in (True, False):
        async with webhooks(allow_private=allowed) as sender:
            failed = await sender.send(addressed(address))
            assert isinstance(failed, Failed)
            assert failed.final


async def test_a_certificate_nobody_vouches_for(tmp_path: Path) -> None:
    connected: list[bool] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(True)
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=self_signed(tmp_path / "server.pem"))
    async with server, webhooks() as sender:
        port = server.sockets[0].getsockname()[1]
        assert await sender.send(addressed(f"https://127.0.0.1:{port}/")) == Failed("its certificate is not trusted")
    assert connected == []


# ---- never to an address inside our own network ----------------------------------------------------------------------


@asynccontextmanager
async def inner_server() -> AsyncIterator[tuple[int, list[bool]]]:
    connected: list[bool] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(True)
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], connected


@pytest.mark.parametrize("host", SPELLINGS)
async def test_an_inner_address_is_refused_however_it_is_spelled(host: str) -> None:
    async with inner_server() as (port, connected), webhooks(allow_private=False) as sender:
        for scheme in ("https", "HTTPS", "http"):
            assert isinstance(await sender.send(addressed(f"{scheme}://{host}:{port}/")), Failed)
        await asyncio.sleep(0.5)
        assert connected == []


async def test_the_same_server_is_reached_when_the_operator_allows_it() -> None:
    async with inner_server() as (port, connected), webhooks(allow_private=True) as sender:
        assert isinstance(await sender.send(addressed(f"http://127.0.0.1:{port}/")), Failed)
        assert connected == [True]


async def test_a_private_address_says_what_would_allow_it() -> None:
    async with webhooks(allow_private=False) as sender:
        refused = await sender.send(addressed("https://127.0.0.1:9/"))
        plain = await sender.send(addressed("http://crm.example.com/"))
    assert refused == Failed(
        "the address leads into a private network; FLOWENGINE_PRIVATE_WEBHOOKS=yes would allow it", final=True
    )
    assert plain == Failed("the address does not begin with https://", final=True)


async def test_a_name_that_changes_between_a_check_and_its_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the name meant when somebody looked: the address that is connected to counts, each time."""
    loop, asked = asyncio.get_running_loop(), list[str]()
    public, inner = ("93.184.216.34", 9), ("127.0.0.1", 9)

    async def turning(host: str, port: int, **given: Any) -> list[Any]:
        asked.append(host)
        found = public if len(asked) == 1 else inner
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", found)]

    monkeypatch.setattr(loop, "getaddrinfo", turning)
    assert (await loop.getaddrinfo("rebinding.example.com", 9))[0][4] == public, "what a check would have seen"
    async with webhooks(allow_private=False) as sender:
        refused = await sender.send(addressed("https://rebinding.example.com:9/"))
    assert isinstance(refused, Failed)
    assert "private network" in refused.why
    assert len(asked) == 2


async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as proxy, receiving() as receiver, webhooks() as sender:
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, "")
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert isinstance(await sender.send(addressed(receiver.url)), Taken)
    assert proxy.posts == []


async def test_a_cookie_is_not_kept() -> None:
    reply = Reply(204, headers={"Set-Cookie": "session=1; Path=/"})
    async with receiving(reply=reply) as receiver, webhooks() as sender:
        for _ in range(2):
            address = receiver.url.replace("127.0.0.1", "localhost")  # browsers of cookies take none from an address
            assert isinstance(await sender.send(addressed(address)), Taken)
    assert all("cookie" not in post.headers for post in receiver.posts)


async def test_nothing_of_a_parcel_is_said_when_it_fails(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        for reply in (Reply(500, body="Maria"), HANGS, redirects("https://secret.example.com")):
            failed = await replied(reply, data={"headline": "Maria Lopez"})
            assert isinstance(failed, Failed)
            for private in ("Maria", "127.0.0.1", "secret"):
                assert private not in failed.why
    printed = capsys.readouterr()
    assert "Maria" not in caplog.text + printed.out + printed.err


async def test_what_the_emulated_receiver_refuses() -> None:
    """The receiver of the sandbox is a fair judge: it takes what the vendor's library takes, and nothing else."""
    async with receiving(secrets=(OLD, NEW)) as receiver:
        for given, why in ((NEW, ""), (webhook_secret("another"), "no signature matches")):
            async with webhooks(given) as sender:
                await sender.send(replace(addressed(receiver.url)))
            assert receiver.posts[-1].trouble == why
        async with webhooks(now=lambda: datetime.now(UTC) - timedelta(minutes=6)) as sender:
            await sender.send(addressed(receiver.url))
        assert receiver.posts[-1].trouble == "timestamp too old or too new"
        assert len(receiver.received) == 1
