"""Where hold music comes from: a file, an address on the web, or, when neither can be had, our own piece."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from flowengine.flow.model import Flow
from flowengine.runtime import musicbox
from flowengine.runtime.addresses import is_public, public_socket
from flowengine.runtime.mulaw import encode
from flowengine.runtime.music import built_in_music
from flowengine.runtime.musicbox import MusicBox
from tests.call.story import office
from tests.runtime.test_music import pcm, tone, wav

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PIANO = wav(pcm(tone(-20, seconds=5)))
HEARD = encode(tone(-20, seconds=5))


def flow(music: str, folder: Path = Path()) -> Flow:
    usual = office()
    return replace(usual, file=str(folder / "office.yaml"), hold=replace(usual.hold, music=music))


def playing(box: MusicBox, flow: Flow) -> bytes:
    return box.music(flow, flow.hold.music)


@asynccontextmanager
async def shop(handler: Handler) -> AsyncIterator[str]:
    """Somebody's music on loopback; gives its address."""
    app = web.Application()
    app.router.add_get("/{rest:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/piano.wav?key=SECRET-4711"
    finally:
        await runner.cleanup()


def gives(content: bytes, status: int = 200, **headers: str) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=content, status=status, headers=headers)

    return handler


async def fetched(handler: Handler, *, allow_private: bool = True) -> tuple[bytes, list[str]]:
    """What plays, and why the log says that it is our own piece."""
    box = MusicBox(allow_private=allow_private)
    async with shop(handler) as address:
        with capture_logs() as logged:
            await box.fill([flow(address)])
            await box.fill([flow(address)])
        assert "SECRET" not in str(logged)
        return playing(box, flow(address)), [str(line["why"]) for line in logged]


async def test_music_from_the_web_is_fetched_once_and_kept() -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        return web.Response(body=PIANO)

    assert await fetched(handler) == (HEARD, [])
    assert asked == ["/piano.wav?key=SECRET-4711"]


async def test_until_it_is_there_our_own_piece_plays() -> None:
    assert playing(MusicBox(), flow("https://music.example.com/piano.wav")) == built_in_music()


async def hangs(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


async def trickles(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    for _ in range(60):
        await answer.write(PIANO[:100])
        await asyncio.sleep(1)
    return answer


@pytest.mark.parametrize(
    ("handler", "why"),
    [
        (gives(b"ID3\x04"), "it is MP3, not a WAV file."),
        (gives(b""), "it is something else, not a WAV file."),
        (gives(PIANO, 404), "its address answers 404."),
        (gives(PIANO, 302, Location="/other.wav"), "its address answers 302."),
        (gives(wav(bytes(16_000))), "it holds no sound that can be heard."),
        (hangs, "it did not come within 10 seconds."),
        (trickles, "it did not come within 10 seconds."),
    ],
)
async def test_what_cannot_be_had_is_said_once_and_our_own_piece_plays(handler: Handler, why: str) -> None:
    began = asyncio.get_running_loop().time()
    music, (said,) = await fetched(handler)
    assert music == built_in_music()
    assert said == f"The music from 127.0.0.1 cannot be played: {why}"
    assert asyncio.get_running_loop().time() - began < 11


async def test_too_much_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(musicbox, "MOST_BYTES", len(PIANO))
    assert await fetched(gives(PIANO)) == (HEARD, [])
    music, (said,) = await fetched(gives(PIANO + b"\0"))
    assert music == built_in_music()
    assert said.endswith("it is too long: at most ten minutes, please.")


async def test_nothing_inside_our_own_network_is_asked() -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(body=PIANO)

    music, (said,) = await fetched(handler, allow_private=False)
    assert (music, asked) == (built_in_music(), [])
    assert said == "The music from 127.0.0.1 cannot be played: its address does not begin with https://."
    box = MusicBox()
    with capture_logs() as logged:
        await box.fill([flow("https://localhost/piano.wav"), flow("https://[::ffff:10.0.0.1]/piano.wav")])
    assert len(logged) == 2
    assert all(str(line["why"]).endswith("its address is inside a private network.") for line in logged)


async def test_nobody_there_or_no_address_at_all() -> None:
    async with shop(gives(PIANO)) as address:
        pass
    box = MusicBox(allow_private=True)
    with capture_logs() as logged:
        await box.fill([flow(address), flow("http://[oops/piano.wav"), flow("https://a b/piano.wav")])
    assert [len(logged), playing(box, flow(address))] == [3, built_in_music()]


async def test_a_file_beside_the_flow_plays_and_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "piano.wav").write_bytes(PIANO)
    box = MusicBox()
    await box.fill([flow("piano.wav", tmp_path), flow("built-in", tmp_path)])
    (tmp_path / "piano.wav").unlink()
    assert playing(box, flow("piano.wav", tmp_path)) == HEARD
    assert playing(box, flow("built-in", tmp_path)) == built_in_music()


async def test_a_file_that_is_gone_is_our_own_piece_and_said_once(tmp_path: Path) -> None:
    box, office = MusicBox(), flow("piano.wav", tmp_path)
    with capture_logs() as logged:
        assert [playing(box, office), playing(box, office)] == [built_in_music()] * 2
    (line,) = logged
    assert str(line["why"]).endswith("piano.wav cannot be read: No such file or directory.")


@pytest.mark.parametrize(
    ("address", "public"),
    [("8.8.8.8", True), ("2606:4700::1111", True), ("192.168.1.1", False), ("169.254.169.254", False), ("::1", False)],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    info = (family, socket.SOCK_STREAM, 6, "", (address, 443))
    if public:
        public_socket(info).close()
    else:
        with pytest.raises(OSError, match="private network"):
            public_socket(info)
