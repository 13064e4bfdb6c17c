"""The running calls of this process: new ones begun, lost ones revived from their journal, questions passed on."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Literal
from weakref import WeakValueDictionary

import structlog

from flowengine.call import events as e
from flowengine.call.commands import Answer, Command, MoveCaller
from flowengine.call.documents import AskAgain, Document, HangUp
from flowengine.call.journal import BadJournal, decode, encode, replay
from flowengine.call.machine import step
from flowengine.call.parking import waits_alone
from flowengine.call.state import Call, Phase
from flowengine.flow.model import Flow
from flowengine.runtime.flowbook import Flowbook
from flowengine.runtime.handles import most_calls
from flowengine.runtime.music import built_in_music
from flowengine.runtime.overflow import TOO_MANY, straight_to_a_person
from flowengine.runtime.ports import CallerLine, HandedOver, LegAudio, NoSuchCall
from flowengine.runtime.rows import CallRow, Entry
from flowengine.runtime.session import Ports, Session

log = structlog.get_logger("flowengine.live")

UNKNOWN_NUMBER = "We are sorry. This number is not in service. Goodbye."
MOST_REVIVING = 256  # calls taken up from their journal at the same time because of news
LATE = "late"
CALLED_BEFORE_SECONDS = 0.5
KNOWN_SECONDS = 2.0
ARRIVES_SECONDS = 15.0  # nobody waits longer for the answer to a new call
OUTAGE_SECONDS = 600.0  # for news that nobody waits for, such as that of a recording
LETS_GO_SECONDS = 5.0  # for sockets to close and orders under way to be given, when the process ends before its calls
ASKS_SECONDS = 1.5  # until the carrier has asked what follows a stream that ended


class LiveCalls:
    """Implements `ports.Calls`."""

    def __init__(self, ports: Ports, flows: Flowbook, *, most: int | None = None) -> None:
        self._ports, self._flows = ports, flows
        self._most = most_calls() if most is None else most
        self._sessions: dict[str, Session] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._arriving: dict[str, asyncio.Task[tuple[str, Document]]] = {}
        self._reviving: set[asyncio.Future[None]] = set()
        self._late: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.ignored = 0  # news for calls that are over or unknown
        self.draining = False  # no new calls: the process is about to stop
        self.leaving = False  # no calls at all any more: what still ran goes on elsewhere

    @property
    def sessions(self) -> Mapping[str, Session]:
        return self._sessions

    async def arrive(
        self, *, ref: str, caller: str, dialled: str, arrives_by: Literal["phone", "sip"]
    ) -> tuple[str, Document]:
        if (under_way := self._arriving.get(ref)) is None:  # else the carrier asks twice at the same moment
            now = self._ports.clock.now().isoformat()
            arrived = e.CallArrived(0.0, "", "", ref, caller, dialled, arrives_by, now)
            under_way = self._arriving[ref] = asyncio.create_task(
                asyncio.wait_for(self._received(arrived), ARRIVES_SECONDS)
            )
            under_way.add_done_callback(lambda _: self._arriving.pop(ref, None))
        return await asyncio.shield(under_way)

    async def _received(self, arrived: e.CallArrived) -> tuple[str, Document]:
        if known_id := await self._known(arrived.ref):
            return known_id, await self.ask(known_id, _question(arrived, known_id))
        arrived = replace(arrived, call_id=_new_id())
        found = self._flows.by_number(arrived.dialled)
        if found is None or self.draining or len(self._sessions) >= self._most:
            return await self._refuse(arrived)
        flow, source = found
        await self._open(arrived, flow, source)
        clock = self._ports.clock
        began, arrived = clock.monotonic(), replace(arrived, now=clock.now().isoformat())
        before = await self._called_before(flow, arrived.caller, arrived.call_id)
        session = self._begin(arrived.call_id, Session(flow, self._ports, began=began))
        full = self._ports.store.backlog() >= 1.0
        await self._ports.bus.publish(f"office:{flow.key}", _talking(arrived))
        document = await session.ask(_question(replace(arrived, called_before=before), arrived.call_id))
        if full:  # what is said could not be kept: a person takes the call (reliability.md F27, F28)
            log.error("nothing_can_be_kept", call=arrived.call_id)
            session.post(e.AgentFailed(session.seconds(), "nothing can be kept"))
        return arrived.call_id, document

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

    async def _open(self, arrived: e.CallArrived, flow: Flow, source: str) -> None:
        row = CallRow(arrived.call_id, arrived.ref, flow.key, flow.version, source, arrived.now, None)
        try:
            async with asyncio.timeout(KNOWN_SECONDS):
                await self._ports.store.open_call(row, caller=arrived.caller)
        except Exception as mistake:
            log.error("open_call_failed", call=arrived.call_id, error=type(mistake).__name__)

    async def _refuse(self, arrived: e.CallArrived) -> tuple[str, Document]:
        """No flow answers this number, or no line is free: journalled, and the caller gets something else."""
        row = CallRow(arrived.call_id, arrived.ref, "", "", "", arrived.now, None)
        try:
            async with asyncio.timeout(KNOWN_SECONDS):
                await self._ports.store.open_call(row, caller=arrived.caller)
                await self._ports.store.append(arrived.call_id, [Entry(1, *encode(arrived))])
                await self._ports.store.close_call(arrived.call_id, "failed")
        except Exception as mistake:  # the caller hears it all the same
            log.error("refused_call_not_kept", call=arrived.call_id, error=type(mistake).__name__)
        return arrived.call_id, self._instead(arrived)

    def _instead(self, asked: e.Event) -> Document:
        """What a caller gets whom no flow of ours talks to: also when the carrier asks again, and at last a word."""
        match asked:
            case e.CallArrived(_, _, call_id, _, caller, dialled):
                if (found := self._flows.by_number(dialled)) is None:
                    return HangUp(UNKNOWN_NUMBER)
                return straight_to_a_person(found[0], call_id, caller, dialled, self._ports.clock.now())
            case e.DialEnded(bridged=False):
                return HangUp(TOO_MANY)
            case _:
                return HangUp()

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
        self._stays()
        session = self._sessions.get(call_id) or await self._revive(call_id)
        document = await session.ask(question) if session else await self._too_late(call_id, question)
        self._stays()
        return document

    def _stays(self) -> None:
        """What a call says as it is let go counts no more."""
        if self.leaving:
            raise HandedOver

    async def _too_late(self, call_id: str, question: Callable[[float, str], e.Event]) -> Document:
        """What the core says to a question about a call that is over; nothing of it is kept."""
        row = await self._ports.store.call(call_id)
        if row is None or not row.flow:
            return self._instead(question(0.0, LATE))
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
        if row.outcome is not None or not row.flow:
            return None
        flow = self._flows.again(row.flow, row.flow_source)
        call, sequence, begun = _folded(flow, await self._ports.store.journal(call_id))
        if call_id in self._sessions:  # somebody was faster
            return self._sessions[call_id]
        self._stays()  # the process may have begun to leave meanwhile
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
        elif len(self._reviving) < MOST_REVIVING and not self.leaving:
            task = asyncio.ensure_future(self._tell_lost(call_id, news))
            self._reviving.add(task)
            task.add_done_callback(self._reviving.discard)
        else:
            self.ignored += 1

    async def _tell_lost(self, call_id: str, news: Callable[[float], e.Event]) -> None:
        """News of a call that is not live here: it is taken up from its journal, unless it is over or unknown."""
        lock = self._late.setdefault(call_id, asyncio.Lock())  # two at once would write the same line
        try:
            async with asyncio.timeout(2 * OUTAGE_SECONDS):  # a database may not even say that it is gone
                session = await self._revive(call_id, OUTAGE_SECONDS)
                async with lock:
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

    async def transcribe(self, call_id: str, leg: str, audio: LegAudio) -> None:
        if session := self._sessions.get(call_id):
            await session.transcribe(leg, audio)

    async def ended(self, seconds: float) -> None:
        """Waits for the running calls, and for those taken up meanwhile, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while tasks := list(self._tasks.values()):
                    await asyncio.wait(tasks)

    async def hand_over(self) -> None:
        """Lets go of the calls that still run, each as its journal tells it, and gives the carrier time to ask what
        follows the streams that end with them (reliability.md F5): whoever asks is told to ask again (`HandedOver`).
        A caller in a room has no stream that ends, and would ask when nobody is there: she is told so now.
        """
        self.leaving = True
        sessions = list(self._sessions.values())
        told = [asyncio.ensure_future(self._told(session)) for session in sessions if waits_alone(session.call)]
        lines = [asyncio.ensure_future(session.audio.close()) for session in sessions]
        running = list(self._tasks.values())
        for task in (*running, *self._reviving):
            task.cancel()
        if running:
            await asyncio.wait([*told, *lines, *running], timeout=LETS_GO_SECONDS)
            await asyncio.sleep(ASKS_SECONDS)

    async def _told(self, session: Session) -> None:
        call = session.call
        again = MoveCaller(call.ref, AskAgain(call.handoff.room if call.handoff else ""))
        await self._ports.carrier.perform(call.call_id, again, lambda event: None, session.seconds)

    async def close(self, seconds: float = 5.0) -> None:
        """Waits for running calls, then ends their tasks."""
        for reviving in list(self._reviving):
            reviving.cancel()
        for arriving in list(self._arriving.values()):
            arriving.cancel()
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


def _question(arrived: e.CallArrived, call_id: str) -> Callable[[float, str], e.Event]:
    return lambda at, request: replace(arrived, at=at, request=request, call_id=call_id)


def _talking(arrived: e.CallArrived) -> Mapping[str, object]:
    """What the office's page is told of a new call."""
    now = {"state": "talking", "caller": arrived.caller, "since": arrived.now}
    return {"type": "call", "call_id": arrived.call_id, **now}


def _new_id() -> str:
    return f"c{secrets.token_hex(8)}"
