"""The hold music of every flow, in memory before the first call: a call must neither wait for it nor fail for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import structlog

from flowengine.flow.model import Flow
from flowengine.runtime.addresses import PrivateAddress, open_socket, public_socket
from flowengine.runtime.music import MOST_BYTES, MusicError, NotMusic, built_in_music, load_music, playable

log = structlog.get_logger("flowengine.music")

FETCH_SECONDS = 10.0
BUILT_IN = "built-in"


class MusicBox:
    """Music by where it is from. What cannot be had is the built-in piece, and said once in the log."""

    def __init__(self, *, allow_private: bool = False) -> None:
        """`allow_private`: addresses inside a private network, and without TLS, may be fetched from too."""
        self._allow_private = allow_private
        self._music: dict[str, bytes] = {}

    async def fill(self, flows: Iterable[Flow]) -> None:
        """Makes, reads and fetches what these flows play. Never raises for the world's mistakes."""
        await asyncio.to_thread(built_in_music)
        wanted = {_place(flow, flow.hold.music): flow.key for flow in flows}
        await asyncio.gather(*(self._have(place, flow) for place, flow in wanted.items() if place not in self._music))

    def music(self, flow: Flow, music: str) -> bytes:
        """What `hold.music` of a flow names, as mu-law; the built-in piece while an address has not answered yet."""
        place = _place(flow, music)
        if place not in self._music and not _is_address(place) and place != BUILT_IN:
            self._keep(place, flow.key, _read(place))
        return self._music.get(place) or built_in_music()

    async def trouble(self, flow: Flow) -> str:
        """Why the music of a flow cannot be played; "" when it can."""
        found = await self._found(_place(flow, flow.hold.music))
        return str(found) if isinstance(found, MusicError) else ""

    async def _have(self, place: str, flow: str) -> None:
        if place != BUILT_IN:
            self._keep(place, flow, await self._found(place))

    async def _found(self, place: str) -> bytes | MusicError:
        if place == BUILT_IN:
            return built_in_music()
        return await self._fetched(place) if _is_address(place) else await asyncio.to_thread(_read, place)

    def _keep(self, place: str, flow: str, found: bytes | MusicError) -> None:
        if isinstance(found, MusicError):
            log.warning("hold_music_missing", flow=flow, why=str(found), plays=BUILT_IN)
        self._music[place] = built_in_music() if isinstance(found, MusicError) else found

    async def _fetched(self, address: str) -> bytes | MusicError:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                content = await self._get(address)
            return await asyncio.to_thread(playable, content)
        except NotMusic as problem:
            why = str(problem)
        except TimeoutError:
            why = f"it did not come within {FETCH_SECONDS:.0f} seconds"
        except aiohttp.ClientConnectorError as mistake:
            inside = isinstance(mistake.os_error, PrivateAddress)
            why = "its address is inside a private network" if inside else "nobody answers at its address"
        except (aiohttp.ClientError, OSError, ValueError) as mistake:
            why = f"it could not be fetched ({type(mistake).__name__})"
        return MusicError(f"The music from {_host(address)} cannot be played: {why}.")

    async def _get(self, address: str) -> bytes:
        if not (self._allow_private or address.lower().startswith("https://")):
            raise NotMusic("its address does not begin with https://")
        connector = aiohttp.TCPConnector(socket_factory=open_socket if self._allow_private else public_socket)
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # a small answer must stay small
                trust_env=False,
                headers={"Accept-Encoding": "identity"},
            ) as session,
            session.get(address, allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise NotMusic(f"its address answers {response.status}")
            return await _content(response)


async def _content(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for piece in response.content.iter_any():
        content += piece
        if len(content) > MOST_BYTES:
            response.close()
            raise NotMusic("it is too long: at most ten minutes, please")
    return bytes(content)


def _read(place: str) -> bytes | MusicError:
    try:
        return load_music(Path(place))
    except MusicError as problem:
        return problem


def _place(flow: Flow, music: str) -> str:
    return music if music == BUILT_IN or _is_address(music) else str(Path(flow.file).parent / music)


def _is_address(music: str) -> bool:
    return "://" in music


def _host(address: str) -> str:
    """The rest of an address may hold a secret, and this goes to the log."""
    try:
        return urlsplit(address).hostname or "an address"
    except ValueError:
        return "an address"
