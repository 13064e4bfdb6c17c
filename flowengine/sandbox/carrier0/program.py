"""A leg's program: the documents it is given, executed verb by verb until one hands control elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from flowengine.sandbox.carrier0.behaviour import CutStream, LoseMark
from flowengine.sandbox.carrier0.conference import Seat
from flowengine.sandbox.carrier0.leg import Leg, Sound
from flowengine.sandbox.carrier0.media import Stream, StreamRefused, Track
from flowengine.sandbox.carrier0.twiml import BadDocument, Document, Verb, parse
from flowengine.sandbox.carrier0.webhooks import Form, Reply
from flowengine.sandbox.speech import SILENCE, speak

if TYPE_CHECKING:
    from flowengine.sandbox.carrier0.exchange import Carrier

SORRY = "We are sorry, an application error has occurred. Goodbye."
MOST_SAID = 4096


class _Elsewhere(Exception):
    """Control goes to another document."""

    def __init__(self, url: str, method: str, form: Form) -> None:
        self.url, self.method, self.form = url, method, form


class _HangUp(Exception):
    pass


class Program:
    """Runs documents for one leg. `carrier` is the exchange it belongs to."""

    def __init__(self, carrier: Carrier, leg: Leg) -> None:
        self._carrier, self._leg = carrier, leg

    async def fetch(self, url: str, method: str, form: Form = (), *, fallback: str = "") -> None:
        """Asks for a document and runs it, and whatever it leads to; then the leg is hung up."""
        while True:
            try:
                await self._run(await self._ask(url, method, form, fallback))
                break
            except _Elsewhere as there:
                url, method, form = there.url, there.method, there.form
            except _HangUp:
                break
            except BadDocument as bad:
                self._carrier.warn(bad.code, self._leg.sid, str(bad))
                await self._apologise()
                break
        self._carrier.end(self._leg, "completed", why="document over")

    async def run_inline(self, twiml: str) -> None:
        """A document given by REST: it has no address of its own."""
        try:
            document, ignored = parse(twiml, "text/xml", "")
            self._ignored(ignored)
            await self._run(document)
        except _Elsewhere as there:
            await self.fetch(there.url, there.method, there.form)
            return
        except _HangUp:
            pass
        except BadDocument as bad:
            self._carrier.warn(bad.code, self._leg.sid, str(bad))
            await self._apologise()
        self._carrier.end(self._leg, "completed", why="document over")

    async def _ask(self, url: str, method: str, form: Form, fallback: str) -> Document:
        reply = await self._carrier.ask(self._leg, url, method, form)
        if reply.error and fallback:
            more = [("ErrorCode", str(reply.error)), ("ErrorUrl", url)]
            reply, url = await self._carrier.ask(self._leg, fallback, "POST", [*form, *more]), fallback
        if reply.error:
            raise BadDocument(reply.error, f"{url}: HTTP {reply.status}")
        document, ignored = parse(reply.body, reply.content_type, url)
        self._ignored(ignored)
        return document

    def _ignored(self, ignored: list[str]) -> None:
        for what in ignored:
            self._carrier.warn(12200, self._leg.sid, f"unknown and ignored: {what}")

    async def _apologise(self) -> None:
        await self._play(speak(SORRY, "notice", self._carrier.next_utterance()))

    async def _run(self, document: Document) -> None:
        for verb in document.verbs:
            await self._verb(document, verb)

    async def _verb(self, document: Document, verb: Verb) -> None:
        match verb.name:
            case "Say":
                await self._say(verb)
            case "Play":
                await self._play_file(document, verb)
            case "Pause":
                await asyncio.sleep(float(verb.get("length", "1")))
            case "Gather":
                await self._gather(document, verb)
            case "Record":
                await self._record(document, verb)
            case "Connect":
                await self._connect(document, verb)
            case "Start":
                for stream in verb.children:
                    await self._fork(document, stream)
            case "Stop":
                for stream in verb.children:
                    await self._carrier.stop_fork(self._leg, stream.get("name"))
            case "Dial":
                await self._dial(document, verb)
            case "Refer":
                await self._refer(document, verb)
            case "Redirect":
                raise _Elsewhere(document.absolute(verb.text), verb.get("method", "POST"), ())
            case "Reject":
                self._carrier.end(self._leg, "busy" if verb.get("reason") == "busy" else "failed", why="rejected")
                raise _HangUp
            case "Hangup":
                raise _HangUp

    # ---- sound -----------------------------------------------------------------------------------------------------

    async def _say(self, verb: Verb) -> None:
        if not verb.text:
            self._carrier.warn(13520, self._leg.sid, "empty Say")
            return
        await self._play(speak(verb.text[:MOST_SAID], "notice", self._carrier.next_utterance()))

    async def _play(self, audio: bytes) -> None:
        sound = Sound(audio)
        self._leg.source = sound.next
        try:
            await sound.over.wait()
        finally:
            self._leg.source = None

    async def _play_file(self, document: Document, verb: Verb) -> None:
        if verb.get("digits"):
            await asyncio.sleep(0.5 * len(verb.get("digits")))
            return
        audio = await self._carrier.sound_file(document.absolute(verb.text))
        await self._play(audio)

    async def _gather(self, document: Document, verb: Verb) -> None:
        """Keys stop the nested prompt; with none in time the next verb runs (twilio.md 2.5)."""
        self._leg.digits = asyncio.Queue()
        prompt = asyncio.create_task(self._prompt(document, verb))
        try:
            digits = await self._digits(verb, prompt)
        finally:
            prompt.cancel()
            self._leg.source = None
            self._leg.digits = None
        if digits or verb.flag("actionOnEmptyResult", False):
            form = [("Digits", digits), ("msg", "Gather End")]
            raise _Elsewhere(document.absolute(verb.get("action", document.base)), verb.get("method", "POST"), form)

    async def _prompt(self, document: Document, verb: Verb) -> None:
        for child in verb.children:
            await self._verb(document, child)

    async def _digits(self, verb: Verb, prompt: asyncio.Task[None]) -> str:
        assert self._leg.digits is not None
        wanted, end = int(verb.get("numDigits", "1000")), verb.get("finishOnKey", "#")
        digits = ""
        get: asyncio.Task[str] | None = asyncio.create_task(self._leg.digits.get())
        try:
            await asyncio.wait([get, prompt], return_when=asyncio.FIRST_COMPLETED)  # type: ignore[list-item]
            while len(digits) < wanted:
                assert get is not None
                done, _ = await asyncio.wait([get], timeout=float(verb.get("timeout", "5")))
                if not done:
                    return digits
                key = get.result()
                prompt.cancel()
                self._leg.source = None
                if key == end and end:
                    return digits
                digits += key
                get = asyncio.create_task(self._leg.digits.get())
            return digits
        finally:
            if get is not None:
                get.cancel()

    async def _record(self, document: Document, verb: Verb) -> None:
        """The caller's voice until a key, silence, or the maximum; the action is told (twilio.md 2.6)."""
        self._leg.digits = asyncio.Queue()
        if verb.flag("playBeep", True):
            await self._play(self._carrier.beep)
        began = len(self._leg.record.spoken_audio)
        pressed = await self._recorded(verb)
        audio = bytes(self._leg.record.spoken_audio[began:])
        self._leg.digits = None
        sid = self._carrier.keep_recording(self._leg, audio)
        form = [
            (
                "RecordingUrl",
                f"{self._carrier.api_url}/2010-04-01/Accounts/{self._carrier.account_sid}/Recordings/{sid}",
            ),
            ("RecordingSid", sid),
            ("RecordingDuration", str(round(len(audio) / 8000))),
            ("Digits", pressed),
        ]
        raise _Elsewhere(document.absolute(verb.get("action", document.base)), verb.get("method", "POST"), form)

    async def _recorded(self, verb: Verb) -> str:
        silence, longest = float(verb.get("timeout", "5")), float(verb.get("maxLength", "3600"))
        assert self._leg.digits is not None
        loop = asyncio.get_running_loop()
        ends, quiet_since = loop.time() + longest, loop.time()
        while loop.time() < ends and loop.time() - quiet_since < silence:
            try:
                async with asyncio.timeout(0.1):
                    return await self._leg.digits.get()
            except TimeoutError:
                quiet_since = quiet_since if self._leg.said == SILENCE else loop.time()
        return ""

    # ---- streams ---------------------------------------------------------------------------------------------------

    async def _connect(self, document: Document, verb: Verb) -> None:
        """Two-way audio until the server closes; then the action, or the next verb."""
        for noun in verb.children:
            stream = self._stream(noun, two_way=True)
            if stream is not None and await self._opened(document, stream, noun):
                await self._while_connected(stream)
        if verb.get("action"):
            raise _Elsewhere(document.absolute(verb.get("action")), verb.get("method", "POST"), ())

    async def _while_connected(self, stream: Stream) -> None:
        leg = self._leg
        leg.two_way, leg.source = stream, stream.next_frame
        self._apply_faults(stream)
        try:
            await stream.closed.wait()
        finally:
            leg.two_way, leg.source = None, None
            await asyncio.shield(asyncio.create_task(stream.stop()))

    def _apply_faults(self, stream: Stream) -> None:
        carrier, leg = self._carrier, self._leg
        if saying := carrier.takes_out(leg):
            stream.on_added = lambda audio: carrier.damaged(audio, saying)
        stream.lose_mark = lambda: carrier.loses(LoseMark)
        for fault in carrier.faults:
            if isinstance(fault, CutStream) and carrier.nth_stream(leg) == fault.nth:
                leg.timers.append(asyncio.create_task(self._cut_later(stream, fault.seconds)))

    async def _cut_later(self, stream: Stream, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await stream.cut()

    async def _fork(self, document: Document, noun: Verb) -> None:
        """A one-way copy that runs beside everything else until the leg ends."""
        stream = self._stream(noun, two_way=False)
        if stream is not None and await self._opened(document, stream, noun):
            self._leg.forks[stream.name] = stream

    def _stream(self, noun: Verb, *, two_way: bool) -> Stream | None:
        track = noun.get("track", "inbound_track")
        if two_way and track != "inbound_track":
            self._carrier.warn(31941, self._leg.sid, f"Connect cannot stream {track}")
            return None
        return self._carrier.new_stream(self._leg, noun.get("name"), _track(track), two_way=two_way)

    async def _opened(self, document: Document, stream: Stream, noun: Verb) -> bool:
        parameters = {p.get("name"): p.get("value") for p in noun.children}
        callback = noun.get("statusCallback")
        for name, value in parameters.items():
            if len(name) + len(value) >= 500:
                self._carrier.warn(12200, self._leg.sid, f"parameter {name} is too long")
        try:
            url = noun.get("url") if "://" in noun.get("url") else document.absolute(noun.get("url"))
            await stream.open(url, parameters, self._carrier.auth_token, self._carrier.routes)
        except StreamRefused as refused:
            self._carrier.warn(refused.code, self._leg.sid, str(refused))
            self._carrier.tell_stream(self._leg, stream, callback, "stream-error", str(refused))
            return False
        self._carrier.tell_stream(self._leg, stream, callback, "stream-started")
        return True

    # ---- dialling --------------------------------------------------------------------------------------------------

    async def _dial(self, document: Document, verb: Verb) -> None:
        noun = verb.children[0] if verb.children else Verb("Number", {}, (), verb.text)
        if noun.name == "Conference":
            form = await self._in_room(document, noun)
        else:
            form = await self._to_number(document, verb, noun)
        if verb.get("action"):
            raise _Elsewhere(document.absolute(verb.get("action")), verb.get("method", "POST"), form)

    async def _in_room(self, document: Document, noun: Verb) -> Form:
        room = self._carrier.room(noun.text)
        if label := noun.get("participantLabel"):
            if any(s.label == label for s in room.seats.values()):
                self._carrier.warn(16025, self._leg.sid, f"label {label!r} is taken")
                return [("DialCallStatus", "failed"), ("DialBridged", "false")]
        self._carrier.set_callbacks(room, noun, document)
        left = asyncio.Event()
        seat = Seat(
            self._leg,
            starts=noun.flag("startConferenceOnEnter", True),
            ends=noun.flag("endConferenceOnExit", False),
            muted=noun.flag("muted", False),
            label=label,
        )
        waiting = self._wait_sound(document, noun, seat)
        self._leg.room, self._leg.source = room, lambda: seat.wait() if seat.wait else SILENCE
        self._leg.update = left.set
        room.join(seat)
        if noun.get("beep", "true") in ("true", "onEnter"):
            self._carrier.beep_in(room)
        try:
            await left.wait()
        finally:
            waiting.cancel()
            self._leg.room, self._leg.source = None, None
            self._carrier.leave(
                room, self._leg, "participant_hung_up" if self._leg.over else "participant_updated_via_api"
            )
        return [("DialCallStatus", "answered")]

    def _wait_sound(self, document: Document, noun: Verb, seat: Seat) -> asyncio.Task[None]:
        url = noun.attributes.get("waitUrl")
        if url is None:
            seat.wait = self._carrier.wait_music()
            return asyncio.create_task(asyncio.sleep(0))
        if url == "":
            return asyncio.create_task(asyncio.sleep(0))
        return asyncio.create_task(self._wait_document(document.absolute(url), noun.get("waitMethod", "POST"), seat))

    async def _wait_document(self, url: str, method: str, seat: Seat) -> None:
        """Play, Say, Pause and Redirect only (13238)."""
        while True:
            reply: Reply = await self._carrier.ask(self._leg, url, method, ())
            if reply.error:
                return
            document, _ = parse(reply.body, reply.content_type, url)
            for verb in document.verbs:
                if verb.name == "Redirect":
                    url, method = document.absolute(verb.text or url), verb.get("method", "POST")
                    break
                if verb.name not in ("Say", "Play", "Pause"):
                    self._carrier.warn(13238, self._leg.sid, f"{verb.name} in a wait document")
                    return
                await self._wait_verb(document, verb, seat)
            else:
                seat.wait = None
                return

    async def _wait_verb(self, document: Document, verb: Verb, seat: Seat) -> None:
        if verb.name == "Pause":
            seat.wait = None
            await asyncio.sleep(float(verb.get("length", "1")))
            return
        audio = (
            speak(verb.text, "notice", self._carrier.next_utterance())
            if verb.name == "Say"
            else await self._carrier.sound_file(document.absolute(verb.text))
        )
        sound = Sound(audio)
        seat.wait = sound.next
        await sound.over.wait()

    async def _to_number(self, document: Document, verb: Verb, noun: Verb) -> Form:
        """Another leg, bridged when it is answered."""
        child = self._carrier.child(
            self._leg, noun.text, verb.get("callerId") or self._leg.record.from_, sip=noun.name == "Sip"
        )
        ended = await self._carrier.ring_child(child, float(verb.get("timeout", "30")))
        if not ended:
            await self._bridge(child, float(verb.get("timeLimit", "14400")))
        status = {"canceled": "no-answer"}.get(child.record.status, child.record.status)
        bridged = child.record.answered_at is not None
        duration = round((child.record.ended_at or 0) - (child.record.answered_at or 0)) if bridged else 0
        return [
            ("DialCallStatus", "completed" if bridged else status),
            ("DialCallSid", child.sid),
            ("DialCallDuration", str(duration)),
            ("DialBridged", str(bridged).lower()),
        ]

    async def _bridge(self, child: Leg, limit: float) -> None:
        room = self._carrier.private_room()
        ended: Callable[[], None] = lambda: None
        for leg in (self._leg, child):
            leg.room = room
            room.join(Seat(leg, ends=True))
        self._leg.update = ended
        try:
            async with asyncio.timeout(limit):
                await child.ended.wait()
        except TimeoutError:
            self._carrier.end(child, "completed", why="time limit")
        finally:
            self._leg.room = None
            room.leave(self._leg, "participant_updated_via_api")
            if not child.over:
                self._carrier.end(child, "completed", why="parent left")

    async def _refer(self, document: Document, verb: Verb) -> None:
        """Only SIP legs can be referred (13801)."""
        if not self._leg.sip:
            self._carrier.warn(13801, self._leg.sid, "REFER on a phone leg")
            form: list[tuple[str, str]] = [("ReferCallStatus", "failed")]
        else:
            form = await self._carrier.refer(self._leg, verb.children[0].text if verb.children else "")
        if verb.get("action"):
            raise _Elsewhere(document.absolute(verb.get("action")), verb.get("method", "POST"), form)


def _track(text: str) -> Track:
    if text == "outbound_track":
        return "outbound_track"
    return "both_tracks" if text == "both_tracks" else "inbound_track"
