"""The emulated carrier: numbers, phones, legs and rooms, ticking together every 20 ms."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from flowengine.sandbox.carrier0.behaviour import Behaviour, Fault, LoseCallback, LoseFrame, LoseKey, LoseMark
from flowengine.sandbox.carrier0.conference import Room
from flowengine.sandbox.carrier0.leg import CallRecord, Leg
from flowengine.sandbox.carrier0.media import Stream, Track
from flowengine.sandbox.carrier0.party import Party, without_a_frame
from flowengine.sandbox.carrier0.program import Program
from flowengine.sandbox.carrier0.rest import RestServer
from flowengine.sandbox.carrier0.twiml import Document, Verb
from flowengine.sandbox.carrier0.webhooks import Form, Reply, Webhooks
from flowengine.sandbox.speech import FRAME, SILENCE, is_voiced

TICK = 0.02
STATUS_EVENTS = {"initiated": "initiated", "ringing": "ringing", "in-progress": "answered"}
SIP_CODES = {"busy": "486", "no-answer": "487", "failed": "404", "canceled": "487", "completed": "200"}


@dataclass(frozen=True, slots=True)
class Warning:
    """An error or warning of the carrier's debugger. `at` is loop seconds."""

    code: int
    call_sid: str
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Number:
    """One of the customer's numbers."""

    voice_url: str
    fallback_url: str
    status_callback: str
    method: str


@dataclass(frozen=True, slots=True)
class Recording:
    sid: str
    call_sid: str
    audio: bytes


class Carrier:
    """See the package's docstring. All times are the running loop's."""

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        now: Callable[[], datetime],
        routes: Mapping[str, str],
        behaviour: Behaviour | None = None,
        faults: Sequence[Fault] = (),
        seed: int = 0,
    ) -> None:
        self.account_sid, self.auth_token, self.now, self.routes = account_sid, auth_token, now, routes
        self.behaviour, self.faults = behaviour or Behaviour(), tuple(faults)
        self.calls: dict[str, CallRecord] = {}
        self.legs: dict[str, Leg] = {}
        self.rooms: dict[str, Room] = {}
        self.recordings: dict[str, Recording] = {}
        self.warnings: list[Warning] = []
        self.beep = bytes([0xFF, 0xA0, 0x99, 0xA0, 0x7E, 0x20, 0x19, 0x20]) * 200
        self._random = random.Random(seed)
        self._numbers: dict[str, Number] = {}
        self._phones: dict[str, Party] = {}
        self._webhooks = Webhooks(auth_token, routes)
        self._rest = RestServer(self)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ticker: asyncio.Task[None] | None = None
        self._pending = 0  # callbacks on their way
        self._counts: dict[object, int] = {}
        self._next_place = 0.0  # when the next call may be placed (calls per second)
        self._utterance = 40_000
        self._streams: dict[str, int] = {}

    # ---- life ------------------------------------------------------------------------------------------------------

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.api_url = await self._rest.start(host, port)
        self._ticker = asyncio.create_task(self._tick_forever())

    async def stop(self) -> None:
        for leg in list(self.legs.values()):
            if not leg.over:
                self.end(leg, "completed", why="carrier stops", quiet=True)
        for task in (*self._tasks, *([self._ticker] if self._ticker else ())):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._webhooks.close()
        await self._rest.stop()

    def add_number(
        self, number: str, voice_url: str, *, fallback_url: str = "", status_callback: str = "", method: str = "POST"
    ) -> None:
        self._numbers[number] = Number(voice_url, fallback_url, status_callback, method)

    def add_phone(self, address: str, party: Party) -> None:
        self._phones[address] = party

    async def ring_in(self, caller: Party, *, from_: str, to: str, sip: bool = False) -> CallRecord:
        """A caller rings one of the customer's numbers; returns when her leg is over."""
        number = self._numbers[to]
        address = f"sip:{to}@demo.sip.test" if sip else to
        leg = self._new_leg(caller, "inbound", from_, address, sip=sip)
        if sip:
            leg.extra = {
                "SipCallId": f"{leg.sid}@demo.sip.test",
                "SipDomain": "demo.sip.test",
                "SipSourceIp": "127.0.0.1",
            }
        leg.extra["CallToken"] = f"token-{leg.sid}"
        leg.status_callback = number.status_callback
        self._lose_in(leg)
        self._set(leg, "in-progress")
        program = Program(self, leg)
        leg.program = self._spawn(program.fetch(number.voice_url, number.method, fallback=number.fallback_url))
        await leg.ended.wait()
        return leg.record

    async def settle(self, timeout: float = 10) -> None:
        """Until no leg is alive and every callback has been delivered."""
        async with asyncio.timeout(timeout):
            while self._pending or any(not leg.over for leg in self.legs.values()):
                await asyncio.sleep(0.05)

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # ---- the tick --------------------------------------------------------------------------------------------------

    async def _tick_forever(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += TICK
            await asyncio.sleep(max(0.0, due - loop.time()))
            self._tick(due)

    def _tick(self, at: float) -> None:
        live = [leg for leg in self.legs.values() if leg.live]
        for leg in live:
            leg.speak(at)
        for leg in live:
            room = leg.room if isinstance(leg.room, Room) else None
            heard = leg.ear(room.mixed(leg) if room and leg.sid in room.seats else None, at)
            for stream in ((leg.two_way,) if leg.two_way else ()) + tuple(leg.forks.values()):
                stream.send_frames(leg.said, heard)
            for key in leg.party.keys():
                self._press(leg, key)
            if leg.party.hung_up():
                self.end(leg, "completed", why="hung up")

    def _press(self, leg: Leg, key: str) -> None:
        if any(isinstance(f, LoseKey) and f.digit == key for f in self.faults):
            return
        if leg.two_way is not None:
            leg.two_way.send_digit(key)
        if leg.digits is not None:
            leg.digits.put_nowait(key)

    # ---- legs ------------------------------------------------------------------------------------------------------

    def sid(self, prefix: str) -> str:
        return prefix + f"{self._random.getrandbits(128):032x}"

    def _new_leg(
        self, party: Party, direction: str, from_: str, to: str, *, sip: bool, parent: str | None = None
    ) -> Leg:
        record = CallRecord(
            self.sid("CA"), parent, direction, from_, to, asyncio.get_running_loop().time(), role=party.role
        )
        leg = Leg(record, party, sip=sip, account_sid=self.account_sid, date_created=self.now())
        self.calls[record.sid], self.legs[record.sid] = record, leg
        return leg

    def _set(self, leg: Leg, status: str) -> None:
        """A new status, and the callback about it for those who subscribed."""
        if leg.over or leg.record.status == status:
            return
        leg.record.status = status
        if status == "in-progress":
            leg.record.answered_at = asyncio.get_running_loop().time()
            leg.answered.set()
        event = STATUS_EVENTS.get(status, "completed")
        if leg.status_callback and event in leg.status_events:
            self._tell_status(leg, status)

    def _tell_status(self, leg: Leg, status: str) -> None:
        number, leg.sequence = leg.sequence, leg.sequence + 1
        form = [
            *self.standard(leg),
            ("Timestamp", format_datetime(self.now())),
            ("CallbackSource", "call-progress-events"),
            ("SequenceNumber", str(number)),
        ]
        if leg.over:
            answered = leg.record.answered_at
            duration = round(asyncio.get_running_loop().time() - answered) if answered is not None else 0
            form += [("CallDuration", str(duration)), ("SipResponseCode", leg.sip_code or SIP_CODES.get(status, "200"))]
        self.callback(leg.status_callback, form, leg.status_method)

    def end(self, leg: Leg, status: str, *, why: str, sip_code: str = "", quiet: bool = False) -> None:
        """The leg is over; its streams, room and program go with it."""
        if leg.over:
            return
        leg.sip_code = sip_code
        if quiet:
            leg.status_callback = ""
        leg.record.ended_at = asyncio.get_running_loop().time()
        self._set(leg, status)
        self._spawn(self._tear_down(leg, why))

    async def _tear_down(self, leg: Leg, why: str) -> None:
        await self._stop_program(leg)
        for timer in leg.timers:
            timer.cancel()
        for stream in list(leg.forks.values()):
            await stream.stop()
        leg.forks.clear()
        leg.ended.set()

    async def _stop_program(self, leg: Leg) -> None:
        program, leg.program = leg.program, None
        if program is not None and program is not asyncio.current_task() and not program.done():
            program.cancel()
            await asyncio.wait([program], timeout=5)

    def redirect(self, leg: Leg, *, url: str = "", method: str = "POST", twiml: str = "") -> None:
        """A live leg gets another document; what it was doing stops (twilio.md 3.3 and 4.1)."""
        self._spawn(self._redirect(leg, url, method, twiml))

    async def _redirect(self, leg: Leg, url: str, method: str, twiml: str) -> None:
        await asyncio.sleep(self.behaviour.redirect_seconds)
        if not leg.live:
            return
        await self._stop_program(leg)
        program = Program(self, leg)
        leg.program = self._spawn(program.run_inline(twiml) if twiml else program.fetch(url, method))

    def place(self, *, to: str, from_: str, options: Mapping[str, Any]) -> Leg:
        """An outgoing leg, queued: one a second is placed."""
        party = self._phones.get(to)
        if party is None:
            from flowengine.sandbox.carrier0.party import staff

            party = staff("no answer")
        leg = self._new_leg(party, "outbound-api", from_, to, sip=to.startswith("sip:"))
        leg.status_callback = options.get("StatusCallback", "")
        leg.status_events = options.get("StatusCallbackEvent") or ("completed",)
        leg.status_method = options.get("StatusCallbackMethod", "POST")
        self._lose_in(leg)
        loop = asyncio.get_running_loop()
        at = max(loop.time(), self._next_place)
        self._next_place = at + 1 / self.behaviour.calls_per_second
        leg.timers.append(self._spawn(self._outgoing(leg, at - loop.time(), options)))
        return leg

    async def _outgoing(self, leg: Leg, wait: float, options: Mapping[str, Any]) -> None:
        await asyncio.sleep(wait)
        if not await self._answered(leg, float(options.get("Timeout", "60")) + 5):
            return
        if options.get("MachineDetection") and str(options.get("AsyncAmd", "")).lower() == "true":
            leg.timers.append(self._spawn(self._detect_machine(leg, options)))
        if limit := options.get("TimeLimit"):
            leg.timers.append(self._spawn(self._limit(leg, float(limit))))
        program = Program(self, leg)
        if url := options.get("Url"):
            leg.program = self._spawn(
                program.fetch(url, options.get("Method", "POST"), fallback=options.get("FallbackUrl", ""))
            )
        else:
            leg.program = self._spawn(program.run_inline(options.get("Twiml", "<Response/>")))

    async def _answered(self, leg: Leg, ring_seconds: float) -> bool:
        """Rings the phone; True when it was picked up, else the leg has ended."""
        self._set(leg, "initiated")
        await asyncio.sleep(0.3)
        what, after = leg.party.ring()
        if what == "fails":
            self.end(leg, "failed", why="unreachable")
            return False
        self._set(leg, "ringing")
        await asyncio.sleep(min(after, ring_seconds) if what != "no answer" else ring_seconds)
        if leg.over:
            return False
        if what == "busy":
            self.end(leg, "busy", why="busy")
        elif what == "no answer" or after >= ring_seconds:
            self.end(leg, "no-answer", why="nobody answered")
        else:
            self._set(leg, "in-progress")
        return leg.live

    async def _detect_machine(self, leg: Leg, options: Mapping[str, Any]) -> None:
        await asyncio.sleep(self.behaviour.machine_detection_seconds)
        if leg.live and (url := options.get("AsyncAmdStatusCallback")):
            answered_by = "machine_start" if leg.party.is_machine() else "human"
            form = [("AccountSid", self.account_sid), ("CallSid", leg.sid), ("AnsweredBy", answered_by)]
            self.callback(
                url,
                [*form, ("MachineDetectionDuration", str(round(self.behaviour.machine_detection_seconds * 1000)))],
                options.get("AsyncAmdStatusCallbackMethod", "POST"),
            )

    async def _limit(self, leg: Leg, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.end(leg, "completed", why="time limit")

    # ---- legs dialled by a document ------------------------------------------------------------------------------------

    def child(self, parent: Leg, to: str, from_: str, *, sip: bool) -> Leg:
        party = self._phones.get(to)
        if party is None:
            from flowengine.sandbox.carrier0.party import staff

            party = staff("no answer")
        leg = self._new_leg(party, "outbound-dial", from_, to, sip=sip, parent=parent.sid)
        self._lose_in(leg)
        return leg

    async def ring_child(self, leg: Leg, timeout: float) -> bool:
        """True when the child ended without an answer."""
        return not await self._answered(leg, timeout + 5)

    def private_room(self) -> Room:
        return Room(self.sid("CF"), "", lambda room, event, more: None)

    async def refer(self, leg: Leg, address: str) -> list[tuple[str, str]]:
        """A SIP party sent elsewhere; how it ended (twilio.md 2.7)."""
        target = address.partition("?")[0]
        party = self._phones.get(target)
        what, after = party.ring() if party else ("fails", 0.5)
        await asyncio.sleep(min(after, 5.0) + 0.3)
        if what == "answers":
            return [
                ("ReferCallStatus", "in-progress"),
                ("ReferSipResponseCode", "202"),
                ("NotifySipResponseCode", "200"),
            ]
        if what == "busy":
            return [("ReferCallStatus", "busy"), ("ReferSipResponseCode", "202"), ("NotifySipResponseCode", "486")]
        return [("ReferCallStatus", "failed"), ("ReferSipResponseCode", "405")]

    # ---- webhooks --------------------------------------------------------------------------------------------------

    def standard(self, leg: Leg) -> list[tuple[str, str]]:
        """The parameters every request about a call carries (twilio.md 1.1)."""
        record = leg.record
        form = {
            "CallSid": record.sid,
            "AccountSid": self.account_sid,
            "From": record.from_,
            "To": record.to,
            "Caller": record.from_,
            "Called": record.to,
            "CallStatus": record.status,
            "ApiVersion": "2010-04-01",
            "Direction": record.direction,
            **leg.extra,
        }
        if record.parent_sid:
            form["ParentCallSid"] = record.parent_sid
        return list(form.items())

    async def ask(self, leg: Leg, url: str, method: str, form: Form) -> Reply:
        """A question about a leg, whose answer is a document."""
        await asyncio.sleep(self.behaviour.webhook_seconds)
        if self._lost(url):
            return Reply(0, "", "", 11205)
        return await self._webhooks.request(url, [*self.standard(leg), *form], method)

    def callback(self, url: str, form: Form, method: str = "POST") -> None:
        """News nobody's answer matters to; late, twice or shuffled if so switched."""
        if not url or self._lost(url):
            return
        how = self.behaviour.callbacks
        delays = {
            "in order": [0.0],
            "late": [self.behaviour.callback_delay],
            "twice": [0.0, self.behaviour.callback_delay],
        }
        for delay in delays.get(how, [self._random.uniform(0, self.behaviour.callback_delay)]):
            self._pending += 1
            self._spawn(self._call_back(url, form, method, delay))

    async def _call_back(self, url: str, form: Form, method: str, delay: float) -> None:
        try:
            await asyncio.sleep(self.behaviour.webhook_seconds + delay)
            reply = await self._webhooks.request(url, form, method)
            if reply.error:
                self.warn(15003, dict(form).get("CallSid", ""), f"callback answered {reply.status}")
        finally:
            self._pending -= 1

    def _lost(self, url: str) -> bool:
        return any(isinstance(f, LoseCallback) and f.path in url and self._nth(f, f.nth) for f in self.faults)

    def _nth(self, key: object, nth: int) -> bool:
        self._counts[key] = self._counts.get(key, 0) + 1
        return nth in (0, self._counts[key])

    # ---- rooms -----------------------------------------------------------------------------------------------------

    def room(self, name: str) -> Room:
        """The room of that name that is not over, or a new one."""
        found = next((r for r in self.rooms.values() if r.name == name and r.status != "completed"), None)
        if found is None:
            found = Room(self.sid("CF"), name, self._tell_room)
            self.rooms[found.sid] = found
        return found

    def set_callbacks(self, room: Room, noun: Verb, document: Document) -> None:
        """The first joiner fixes them; later values are ignored (twilio.md 1.4)."""
        if room.seats or not noun.get("statusCallback"):
            return
        room.status_callback = document.absolute(noun.get("statusCallback"))
        room.status_method = noun.get("statusCallbackMethod", "POST")
        room.events = frozenset(noun.get("statusCallbackEvent").split())

    def _tell_room(self, room: Room, event: str, more: dict[str, str]) -> None:
        kind = event.rpartition("-")[2] if not event.startswith("conference") else event.partition("-")[2]
        if kind not in room.events:
            return
        room.sequence += 1
        form = {
            "ConferenceSid": room.sid,
            "FriendlyName": room.name,
            "AccountSid": self.account_sid,
            "SequenceNumber": str(room.sequence),
            "Timestamp": format_datetime(self.now()),
            "StatusCallbackEvent": event,
            **more,
        }
        self.callback(room.status_callback, list(form.items()), room.status_method)

    def leave(self, room: Room, leg: Leg, why: str) -> None:
        for other in room.leave(leg, why):
            other.update()

    def beep_in(self, room: Room) -> None:
        """A tone everybody hears: untagged sound, so it counts as music."""

    def wait_music(self) -> Callable[[], bytes | None]:
        period = bytes([0xFF, 0xB5, 0xAE, 0xB5, 0x7E, 0x35, 0x2E, 0x35])
        return lambda: (period * (FRAME // 8))[:FRAME]

    # ---- streams ---------------------------------------------------------------------------------------------------

    def new_stream(self, leg: Leg, name: str, track: Track, *, two_way: bool) -> Stream:
        if two_way:
            self._streams[leg.sid] = self._streams.get(leg.sid, 0) + 1
        sid = leg.sid
        return Stream(
            sid=self.sid("MZ"),
            name=name,
            call_sid=sid,
            account_sid=self.account_sid,
            track=track,
            two_way=two_way,
            warn=lambda code, text: self.warn(code, sid, text),
            chunk_per_track=self.behaviour.chunk_per_track,
        )

    def nth_stream(self, leg: Leg) -> int:
        return self._streams.get(leg.sid, 0)

    async def stop_fork(self, leg: Leg, name: str) -> None:
        if stream := leg.forks.pop(name, None):
            await stream.stop()

    def tell_stream(self, leg: Leg, stream: Stream, url: str, event: str, error: str = "") -> None:
        form = [
            ("AccountSid", self.account_sid),
            ("CallSid", leg.sid),
            ("StreamSid", stream.sid),
            ("StreamName", stream.name),
        ]
        form += [
            ("StreamEvent", event),
            ("Timestamp", self.now().isoformat()),
            *([("StreamError", error)] if error else []),
        ]
        self.callback(url, form)

    # ---- faults ----------------------------------------------------------------------------------------------------

    def _lose_in(self, leg: Leg) -> None:
        for fault in self.faults:
            if isinstance(fault, LoseFrame) and fault.direction == "in" and fault.leg == leg.party.role:
                leg.party.lose(fault.saying)

    def takes_out(self, leg: Leg) -> str:
        """What must lose a frame on its way to this party, or ""."""
        return next(
            (
                f.saying
                for f in self.faults
                if isinstance(f, LoseFrame) and f.direction == "out" and f.leg == leg.party.role
            ),
            "",
        )

    def damaged(self, audio: bytes, saying: str) -> bytes:
        cut = without_a_frame(audio, saying)
        return cut if cut is audio or self._nth(("damaged", saying), 1) else audio

    def loses(self, kind: type[LoseMark]) -> bool:
        return any(isinstance(f, kind) and self._nth(f, f.nth) for f in self.faults)

    def warn(self, code: int, call_sid: str, text: str) -> None:
        self.warnings.append(Warning(code, call_sid, text, asyncio.get_running_loop().time()))

    # ---- the rest --------------------------------------------------------------------------------------------------

    def next_utterance(self) -> int:
        self._utterance += 1
        return self._utterance & 0xFFFF

    def keep_recording(self, leg: Leg, audio: bytes) -> str:
        sid = self.sid("RE")
        kept = audio if any(is_voiced(audio[i : i + FRAME]) for i in range(0, len(audio), FRAME)) else b""
        self.recordings[sid] = Recording(sid, leg.sid, kept)
        return sid

    async def sound_file(self, url: str) -> bytes:
        """A WAV behind a public address."""
        import tempfile

        import aiohttp

        from flowengine.sandbox.carrier0.webhooks import routed
        from flowengine.sandbox.speech import read_wav

        async with (
            asyncio.timeout(15),
            aiohttp.ClientSession() as session,
            session.get(routed(url, self.routes)) as response,
        ):
            body = await response.read()
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            file.write(body)
            file.flush()
            return read_wav(file.name) or SILENCE
