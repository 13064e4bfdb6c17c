"""Whether the Streaming service takes our key and model: a session that is opened and ended at once."""

from __future__ import annotations

import asyncio
from typing import Any

from flowengine.runtime.sockets import ConnectFailed, connect
from flowengine.settings import Settings
from flowengine.transcription import protocol as p

BEGIN_SECONDS = 5.0


async def transcript_begins(settings: Settings) -> str:
    """Why no session came about: `refused`, `unauthorized`, `not ready` or a code of the service; "" when one did."""
    address = p.address(settings.streaming_url, settings.streaming_model, "English")
    try:
        socket = await connect(address, {"Authorization": settings.assemblyai_api_key})  # not Bearer (2.1)
    except ConnectFailed as failure:
        return "unauthorized" if failure.status in (401, 403) else "refused"
    except ValueError:  # the library's word for an address that cannot be one
        return "refused"
    began: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def take(raw: str | bytes) -> None:
        match p.decode(raw):
            case p.Begin() if not began.done():
                began.set_result("")
            case p.Refused(code) if not began.done():
                began.set_result(str(code))

    running = asyncio.create_task(socket.run(take))
    try:
        waiting: list[asyncio.Future[Any]] = [running, began]
        await asyncio.wait(waiting, timeout=BEGIN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        socket.send(p.TERMINATE)
        return began.result() if began.done() else str(socket.close_code or "not ready")
    finally:
        await socket.close()
        await asyncio.wait([running])
