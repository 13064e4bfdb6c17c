"""The running calls of this process: new ones begun, lost ones revived from their journal, questions passed on."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

import structlog

from flowengine.call import events as e
from flowengine.call.commands import Answer, Command, Document, HangUp
from flowengine.call.journal import BadJournal, decode, encode, replay
from flowengine.call.machine import step
from flowengine.call.state import Call, Phase
from flowengine.flow.model import Flow
from flowengine.runtime.flowbook import Flowbook
from flowengine.runtime.music import built_in_music
from flowengine.runtime.overflow import most_calls, straight_to_a_person
from flowengine.runtime.ports import CallerLine, CallRow, Entry, NoSuchCall
from flowengine.runtime.session import Ports, Session

log = structlog.get_logger("flowengine.live")

UNKNOWN_NUMBER = "We are sorry. This number is not in service. Goodbye."
MOST_REVIVING = 256  # calls taken up from their journal at the same time because of news
LATE = "late"
CALLED_BEFORE_SECONDS = 0.5
KNOWN_SECONDS = 2.0
OUTAGE_SECONDS = 600.0  # for news that nobody waits for, such as that of a recording


class LiveCalls:
    """Implements `ports.Calls`."""

    def __init__(self, ports: Ports, flows: Flowbook, *, most: int | None = None) -> None:
        self._ports, self._flows = ports, flows
        self._most = most_calls() if most is None else most
        self._sessions: dict[str, Session] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._arriving: dict[str, asyncio.Future[str]] = {}
        self._reviving: set[asyncio.Future[None]] = set()
        self.ignored = 0  # news for calls that are over or unknown
        self.draining = False  # no new calls: the process is about to stop

    @property
    def sessions(self) -> Mapping[str, Session]:
        return self._sessions

    async def arrive(
        self, *, ref: str, caller: str, dialled: str, arrives_by: Literal["phone", "sip"]
    ) -> tuple[str, Document]:
        if (known := self._arriving.get(ref)) is not None:
            call_id = await known
            return call_id, await self.ask(call_id, self._arrival(ref, call_id, caller, dialled, arrives_by))
        if known_id := await self._known(ref):
            return known_id, await self.ask(known_id, self._arrival(ref, known_id, caller, dialled, arrives_by))
        found = self._flows.by_number(dialled)
        if found is None:
            return await self._refuse(_new_id(), ref, caller, dialled, arrives_by, HangUp(UNKNOWN_NUMBER))
        call_id, (flow, source) = _new_id(), found
        if self.draining or len(self._sessions) >= self._most:
            instead = straight_to_a_person(flow, call_id, caller, dialled, self._ports.clock.now())
            return await self._refuse(call_id, ref, caller, dialled, arrives_by, instead)
        self._arriving[ref] = future = asyncio.get_running_loop().create_future()
        try:
            await self._open(call_id, ref, caller, flow, source)
            began = self._ports.clock.monotonic()
            before = await self._called_before(flow, caller, call_id)
            session = self._begin(call_id, Session(flow, self._ports, began=began))
            full = self._ports.store.backlog() >= 1.0
            future.set_result(call_id)
        finally:
            self._arriving.pop(ref, None)
            if not future.done():
                future.cancel()
        news = {
            "type": "call",
            "call_id": call_id,
            "state": "talking",
            "caller": caller,
            "since": self._ports.clock.now().isoformat(),
        }
        await self._ports.bus.publish(f"office:{flow.key}", news)
        document = await session.ask(self._arrival(ref, call_id, caller, dialled, arrives_by, before))
        if full:  # what is said could not be kept: a person takes the call (reliability.md F27, F28)
            log.error("nothing_can_be_kept", call=call_id)
            session.post(e.AgentFailed(session.seconds(), "nothing can be kept"))
        return call_id, document

    async def _known(self, ref: str) -> str:
        """The id of a call that is here already: the carrier asks again when an answer was late. A store in an outage
        does not stop a new one; "" then, and for a call nobody knows."""
        for call_id, session in self._sessions.items():
            if session.call.ref == ref:
                return call_id
        try:
            async with asyncio.timeout(KNOWN_SECONDS):
                row = await self._ports.store.call_by_ref(ref)
        except Exception as mistake:
            log.error("call_not_looked_up", error=type(mistake).__name__)
            return ""
        return row.call_id if row else ""

    def _arrival(
        self,
        ref: str,
        call_id: str,
        caller: str,
        dialled: str,
        by: Literal["phone", "sip"],
        called_before: bool = False,
    ) -> Callable[[float, str], e.Event]:
        now = self._ports.clock.now().isoformat()
        return lambda at, request: e.CallArrived(
            at, request, call_id, ref, caller, dialled, by, now, called_before=called_before
        )

    async def _called_before(self, flow: Flow, caller: str, call_id: str) -> bool:
        """The caller is not kept waiting for the answer."""
        if not caller:
            return False
        try:
            async with asyncio.timeout(CALLED_BEFORE_SECONDS):
                return await self._ports.store.called_before(flow.key, caller, call_id)
        except Exception as mistake:
            log.warning("called_before_unknown", call=call_id, error=type(mistake).__name__)
            return False

    async def _open(self, call_id: str, ref: str, caller: str, flow: Flow, source: str) -> None:
        started = self._ports.clock.now().isoformat()
        try:
            async with asyncio.timeout(2):
                row = CallRow(call_id, ref, flow.key, flow.version, source, started, None)
                await self._ports.store.open_call(row, caller=caller)
        except Exception as mistake:
            log.error("open_call_failed", call=call_id, error=type(mistake).__name__)

    async def _refuse(
        self, call_id: str, ref: str, caller: str, dialled: str, by: Literal["phone", "sip"], instead: Document
    ) -> tuple[str, Document]:
        """No flow answers this number, or no line is free: journalled, and the caller gets something else."""
        now = self._ports.clock.now().isoformat()
        arrival = e.CallArrived(0.0, "", call_id, ref, caller, dialled, by, now)
        try:
            async with asyncio.timeout(KNOWN_SECONDS):
                await self._ports.store.open_call(CallRow(call_id, ref, "", "", "", now, None), caller=caller)
                await self._ports.store.append(call_id, [Entry(1, *encode(arrival))])
                await self._ports.store.close_call(call_id, "failed")
        except Exception as mistake:  # the caller hears it all the same
            log.error("refused_call_not_kept", call=call_id, error=type(mistake).__name__)
        return call_id, instead

    def _begin(self, call_id: str, session: Session) -> Session:
        self._sessions[call_id] = session
        task = asyncio.create_task(session.run())
        self._tasks[call_id] = task
        task.add_done_callback(lambda _: self._forget(call_id))
        return session

    def _forget(self, call_id: str) -> None:
        self._sessions.pop(call_id, None)
        self._tasks.pop(call_id, None)

    async def ask(self, call_id: str, question: Callable[[float, str], e.Event]) -> Document:
        session = self._sessions.get(call_id) or await self._revive(call_id)
        return await session.ask(question) if session else await self._too_late(call_id, question)

    async def _too_late(self, call_id: str, question: Callable[[float, str], e.Event]) -> Document:
        """What the core says to a question about a call that is over; nothing of it is kept."""
        row = await self._ports.store.call(call_id)
        if row is None or not row.flow:
            return HangUp()
        flow = self._flows.again(row.flow, row.flow_source)
        call, *_ = _folded(flow, await self._ports.store.journal(call_id))
        _, commands = step(flow, call, question(call.at, LATE))
        return next((c.document for c in commands if isinstance(c, Answer) and c.request == LATE), HangUp())

    async def _revive(self, call_id: str, patience: float = KNOWN_SECONDS) -> Session | None:
        """The call taken up from its journal, or None when it is over. Raises `TimeoutError` when lines of it still
        wait for the database: without them it would be taken up as it was a while ago."""
        async with asyncio.timeout(patience):
            await self._ports.store.caught_up(call_id)
        row = await self._ports.store.call(call_id)
        if row is None:
            raise NoSuchCall(call_id)
        if row.outcome is not None:
            return None
        flow = self._flows.again(row.flow, row.flow_source)
        call, sequence, begun = _folded(flow, await self._ports.store.journal(call_id))
        if call_id in self._sessions:  # somebody was faster
            return self._sessions[call_id]
        session = self._going_on(row, flow, call, sequence)
        session.redo(begun)
        if call.phase == Phase.ENDED:  # the process was lost in the last moment: only its row stayed open
            await session.finish(call.outcome or "failed")
            return None
        self._begin(call_id, session)
        session.post(e.EngineRestarted(session.seconds()))
        return session

    def _going_on(self, row: CallRow, flow: Flow, call: Call, sequence: int) -> Session:
        """A session where the journal ends, its seconds counted on from the call's beginning."""
        lived = (self._ports.clock.now() - datetime.fromisoformat(row.started)).total_seconds()
        began = self._ports.clock.monotonic() - max(lived, call.at)
        return Session(flow, self._ports, began=began, call=call, sequence=sequence)

    def tell(self, call_id: str, news: Callable[[float], e.Event]) -> None:
        if session := self._sessions.get(call_id):
            session.post(news(session.seconds()))
        elif len(self._reviving) < MOST_REVIVING:
            task = asyncio.ensure_future(self._tell_lost(call_id, news))
            self._reviving.add(task)
            task.add_done_callback(self._reviving.discard)
        else:
            self.ignored += 1

    async def _tell_lost(self, call_id: str, news: Callable[[float], e.Event]) -> None:
        """News of a call that is not live here: it is taken up from its journal, unless it is over or unknown."""
        try:
            session = await self._revive(call_id, OUTAGE_SECONDS)
            late = session is None and await self._recorded(call_id, news(0.0))
        except Exception as mistake:
            if not isinstance(mistake, NoSuchCall):
                log.error("revive_failed", call=call_id, error=type(mistake).__name__)
            session, late = None, False
        if session is not None:
            session.post(news(session.seconds()))
        elif not late:
            self.ignored += 1

    async def _recorded(self, call_id: str, news: e.Event) -> bool:
        """A recording is ready long after the end of its call; False for any other news, and when nothing is known of
        such a call any more."""
        row = await self._ports.store.call(call_id) if isinstance(news, e.RecordingEnded) else None
        if row is None or not row.flow:
            return False
        flow = self._flows.again(row.flow, row.flow_source)
        call, sequence, _ = _folded(flow, await self._ports.store.journal(call_id))
        if call.call_id != call_id or call.phase != Phase.ENDED:
            return False
        session = self._going_on(row, flow, call, sequence)
        await session.late_news(replace(news, at=session.seconds()))
        return True

    async def attach(self, call_id: str, stream: int, line: CallerLine) -> None:
        if session := self._sessions.get(call_id):
            await session.attach(stream, line)
        else:
            await line.close()

    async def consult(self, call_id: str, leg: str, line: CallerLine) -> None:
        if session := self._sessions.get(call_id):
            await session.consult(leg, line)
        else:
            await line.close()

    def music(self, call_id: str) -> bytes:
        session = self._sessions.get(call_id)
        return self._ports.music(session.flow, session.flow.hold.music) if session else built_in_music()

    async def transcribe(
        self, call_id: str, leg: str, run: Callable[[Callable[[bytes], None]], Awaitable[None]]
    ) -> None:
        if session := self._sessions.get(call_id):
            await session.transcribe(leg, run)

    async def ended(self, seconds: float) -> None:
        """Waits for the running calls, at most so long."""
        if tasks := list(self._tasks.values()):
            await asyncio.wait(tasks, timeout=seconds)

    async def close(self, seconds: float = 5.0) -> None:
        """Waits for running calls, then ends their tasks."""
        for reviving in list(self._reviving):
            reviving.cancel()
        tasks = list(self._tasks.values())
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=seconds)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)


def _folded(flow: Flow, entries: Sequence[Entry]) -> tuple[Call, int, list[Command]]:
    """The call as its journal tells it, the last line's number, and everything it ever asked for."""
    call, last = Call(), 0
    commands: list[Command] = []
    events: list[e.Event] = []
    for entry in entries:
        last = entry.sequence
        if entry.kind != "Commands":
            try:
                events.append(decode(entry.kind, entry.body))
            except BadJournal:
                log.error("journal_line_skipped", kind=entry.kind)
    for replayed in replay(flow, events):
        call = replayed.call
        commands += replayed.commands
    return call, last, commands


def _new_id() -> str:
    return f"c{secrets.token_hex(8)}"
