"""The media seam: sockets that others open to us and that we open, fast where picows is and plain elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Literal

from starlette.websockets import WebSocket

from flowengine.runtime import plain_sockets
from flowengine.runtime.backlog import PATIENCE
from flowengine.runtime.wires import ConnectFailed, MediaSocket

try:
    from flowengine.runtime import fast_sockets, upgrade
except ImportError:  # no picows here
    FAST = False
else:
    FAST = True

__all__ = ["FAST", "ConnectFailed", "accept", "connect", "upgrades"]


def upgrades() -> type[asyncio.Protocol] | Literal["websockets-sansio"]:
    """What uvicorn is to do upgrades with (its `ws=`), for `accept` to be fast."""
    return upgrade.UpgradeProtocol if FAST else "websockets-sansio"


async def accept(websocket: WebSocket) -> MediaSocket:
    """Answers an upgrade with yes. Raises `WebSocketDisconnect` when whoever asked has gone."""
    if FAST and (socket := upgrade.taken_over(websocket)) is not None:
        return socket
    await websocket.accept()
    return plain_sockets.ServerSocket(websocket)


async def connect(
    url: str, headers: Mapping[str, str] | None = None, *, open_timeout: float = PATIENCE, max_size: int = 2**20
) -> MediaSocket:
    """Opens a ws:// or wss:// address; raises `ConnectFailed`, or `ValueError` for what cannot be an address.
    `max_size` is the largest message in bytes."""
    opened = fast_sockets.connect if FAST else plain_sockets.connect
    return await opened(url, headers or {}, open_timeout, max_size)
