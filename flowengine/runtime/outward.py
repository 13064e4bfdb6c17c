"""What a call sends into the world: what is told of it, work for a desk, and what a tool asks an address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import assert_never

import structlog

from flowengine.call import commands as c
from flowengine.call import events as e
from flowengine.runtime.lane import Lane, again_and_again
from flowengine.runtime.ports import Clock, Outbox, Post
from flowengine.runtime.rows import Channel, Parcel

log = structlog.get_logger("flowengine.outward")

MOST_ANSWER = 2000  # characters of what an address says to a tool

OutwardCommand = c.Deliver | c.AddWork | c.AskAddress


class Outward:
    """The parcels of one flow's call. Deliveries keep their order; a slow address holds up nothing else."""

    def __init__(
        self,
        flow: str,
        outbox: Outbox,
        clock: Clock,
        lane: Callable[[str], Lane],
        post: Post,
        seconds: Callable[[], float],
    ) -> None:
        self._flow, self._outbox, self._clock = flow, outbox, clock
        self._lane, self._post, self._seconds = lane, post, seconds

    def perform(self, call_id: str, command: OutwardCommand) -> None:
        match command:
            case c.Deliver(parcel, event, channel, address, data, handoff):
                kept = self._parcel(call_id, parcel, event, channel, address, data, handoff)
                self._lane("outbox").put(partial(self._keep, kept))
            case c.AddWork(work, kind, department, fields):
                given = {"kind": kind, "fields": dict(fields)}
                kept = self._parcel(call_id, work, "work.added", "desk", department, given)
                self._lane("desk").put(partial(self._keep, kept))
            case c.AskAddress():
                self._lane(f"tool:{command.tool_call}").put(partial(self._ask, call_id, command))
            case _:
                assert_never(command)

    async def _keep(self, parcel: Parcel) -> None:
        await again_and_again("outbox", lambda: self._outbox.put(parcel))

    async def _ask(self, call_id: str, command: c.AskAddress) -> None:
        fields = dict(command.arguments)
        data = {"call_id": call_id, "flow": self._flow, "tool": command.tool, "fields": fields}
        parcel = self._parcel(call_id, command.parcel, "tool.called", "webhook", command.address, data)
        try:
            answer = await self._outbox.ask(parcel, command.seconds)
        except Exception as mistake:
            log.error("tool_not_asked", call=call_id, error=type(mistake).__name__)
            answer = None
        said = (answer or "")[:MOST_ANSWER]
        self._post(e.ToolAnswered(self._seconds(), command.tool_call, answer is not None, said))

    def _parcel(
        self,
        call_id: str,
        id: str,
        event: str,
        channel: Channel,
        address: str,
        data: Mapping[str, object],
        handoff: str = "",
    ) -> Parcel:
        now = self._clock.now().isoformat()
        return Parcel(id, call_id, self._flow, event, channel, address, data, handoff, made=now, due=now)
