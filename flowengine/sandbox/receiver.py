"""An emulated system of the office's: it takes what the engine posts to the addresses a flow names, and keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web

MOST_BODY = 256 * 1024


@dataclass(slots=True)
class Receiver:
    """`url` is its address once started. While `refusing`, every post is answered 500."""

    refusing: bool = False
    url: str = ""
    received: list[tuple[dict[str, str], str]] = field(default_factory=list)  # headers, body as it came
    _runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        app = web.Application(client_max_size=MOST_BODY)
        app.router.add_post("/{tail:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.url = f"http://{host}:{self._runner.addresses[0][1]}/hooks"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        if self.refusing:
            return web.Response(status=500)
        self.received.append((dict(request.headers), await request.text()))
        return web.Response(status=204)
