"""Cards on their way out: signed, without what is private, in bounded time, to public addresses only."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from flowengine.desk.outbox import WebhookCourier, webhook_secret
from flowengine.runtime.addresses import is_public
from flowengine.settings import Settings

from .house import FLOW, card

SETTINGS = Settings(secret_key="a secret of the test")
CARD = card(
    fields=[
        {"name": "reason", "label": "Reason", "value": "crown fell out", "private": False},
        {"name": "member_id", "label": "Member id", "value": "MEMBER-4711", "private": True},
    ]
)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def receiver(handler: Handler) -> AsyncIterator[str]:
    """Somebody's system on loopback; gives its address."""
    app = web.Application()
    app.router.add_post("/{rest:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}/cards"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def courier(*, allow_private: bool = True, secret: str = "") -> AsyncIterator[WebhookCourier]:
    made = WebhookCourier(SETTINGS, allow_private, secret=secret)
    try:
        yield made
    finally:
        await made.close()


async def sent_to(handler: Handler) -> bool:
    async with receiver(handler) as address, courier() as sender:
        return await sender.send_card(address, FLOW, "c1-h1", CARD)


async def test_the_receiver_verifies_with_the_vendors_library_and_sees_nothing_private() -> None:
    received: list[dict[str, Any]] = []

    async def handler(request: web.Request) -> web.Response:
        body = await request.text()
        received.append(Webhook(webhook_secret(SETTINGS.secret_key)).verify(body, dict(request.headers)))
        assert "4711" not in body + str(request.headers) + str(request.url)
        assert request.headers["webhook-id"] == "msg_c1-h1_decided"
        return web.json_response({"ok": True})

    assert await sent_to(handler)
    (payload,) = received
    assert payload["type"] == "handoff.decided"
    assert abs((datetime.now(UTC) - datetime.fromisoformat(payload["timestamp"])).total_seconds()) < 60
    assert payload["data"]["headline"] == CARD["headline"]
    assert [field["name"] for field in payload["data"]["fields"]] == ["reason"]


async def test_a_given_secret_is_used() -> None:
    secret = "whsec_" + "QUJD" * 8

    async def handler(request: web.Request) -> web.Response:
        body, headers = await request.text(), dict(request.headers)
        Webhook(secret).verify(body, headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(webhook_secret(SETTINGS.secret_key)).verify(body, headers)
        return web.Response(status=204)

    async with receiver(handler) as address, courier(secret=secret) as sender:
        assert await sender.send_card(address, FLOW, "c1-h1", CARD)


@pytest.mark.parametrize(
    ("status", "taken"), [(200, True), (204, True), (299, True), (302, False), (404, False), (500, False)]
)
async def test_only_2xx_counts(status: int, taken: bool) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=status)

    assert await sent_to(handler) is taken


async def test_a_redirect_is_not_followed() -> None:
    visited: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        visited.append(request.path)
        return web.Response(status=307, headers={"Location": "/inner"})

    assert not await sent_to(handler)
    assert visited == ["/cards"]


async def test_a_receiver_that_hangs_costs_five_seconds() -> None:
    async def handler(request: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    async def trickle(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for _ in range(60):
            await answer.write(b".")
            await asyncio.sleep(1)
        return answer

    loop = asyncio.get_running_loop()
    for slow in (handler, trickle):
        async with receiver(slow) as address, courier() as sender:
            began = loop.time()
            assert not await sender.send_card(address, FLOW, "c1-h1", CARD)
            assert 4.5 < loop.time() - began < 6


async def test_an_answer_is_read_up_to_a_limit() -> None:
    def answer(size: int) -> Handler:
        async def handler(request: web.Request) -> web.Response:
            return web.Response(body=b"x" * size)

        return handler

    assert await sent_to(answer(256 * 1024))
    assert not await sent_to(answer(256 * 1024 + 1))


async def test_nobody_there() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response()

    async with receiver(handler) as address:
        gone = address
    async with courier() as sender:
        assert not await sender.send_card(gone, FLOW, "c1-h1", CARD)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0.0.0.0", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::]"],
)
async def test_an_inner_address_is_refused_however_it_is_spelled(host: str) -> None:
    connected: list[bool] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(True)
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with courier(allow_private=False) as sender:
            assert not await sender.send_card(f"https://{host}:{port}/", FLOW, "c1-h1", CARD)
            assert not await sender.send_card(f"http://{host}:{port}/", FLOW, "c1-h1", CARD)
        await asyncio.sleep(0.5)
        assert connected == []
        async with courier(allow_private=True) as sender:  # it could have been reached
            assert not await sender.send_card(f"https://127.0.0.1:{port}/", FLOW, "c1-h1", CARD)
        assert len(connected) >= 1


async def test_the_check_stands_at_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the name meant a moment ago does not count: the address that is connected to does."""
    from flowengine.runtime import addresses

    asked: list[str] = []
    real = addresses.is_public

    def watched(address: addresses.IPAddress) -> bool:
        asked.append(str(address))
        return real(address)

    monkeypatch.setattr(addresses, "is_public", watched)
    async with courier(allow_private=False) as sender:
        assert not await sender.send_card("https://127.0.0.1:9/", FLOW, "c1-h1", CARD)
    assert asked == ["127.0.0.1"]


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1", "172.16.0.1", "192.168.1.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:10.0.0.1", "2002:a00:1::1",
        "64:ff9b::a00:1", "2001:0:a00:1::",
    ],
)  # fmt: skip
def test_inner_addresses(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101"])
def test_outer_addresses(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["", "nonsense", "ftp://example.com", "https://", "https://[", "https://a b/"])
async def test_an_address_that_is_none_fails_quietly(address: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for allowed in (True, False):
            async with courier(allow_private=allowed) as sender:
                assert not await sender.send_card(address, FLOW, "c1-h1", CARD)


async def test_nothing_of_the_card_is_logged(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=500)

    with caplog.at_level(logging.DEBUG):
        assert not await sent_to(handler)
    printed = capsys.readouterr()
    assert "Maria" not in caplog.text + printed.out + printed.err
