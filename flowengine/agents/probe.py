"""Whether the Voice Agent service takes our key: a session that is opened and ended at once."""

from __future__ import annotations

from flowengine.agents import protocol as p
from flowengine.agents.link import Link, LinkFailed
from flowengine.call.commands import StartAgent
from flowengine.settings import Settings


async def agent_opens(settings: Settings, voice: str) -> str:
    """Why no session with this voice came about, in a word or a code of the service; "" when one did."""
    link = Link(settings, p.begin(StartAgent("Say nothing.", "", voice, ())), lambda message: None)
    try:
        await link.open()
    except LinkFailed as failure:
        return failure.reason
    finally:
        await link.close()
    return ""
