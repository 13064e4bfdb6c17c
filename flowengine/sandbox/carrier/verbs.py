"""The verbs that take time with the caller: Gather, Record, Connect, Start, Stop, Refer."""

from __future__ import annotations

import asyncio
from typing import Any

from flowengine.sandbox.carrier.dial import do_dial
from flowengine.sandbox.carrier.interpreter import (
    Handler,
    Interpreter,
    Outcome,
    action_after_hang_up,
    cancelled_by_hang_up,
    do_hangup,
    do_pause,
    do_play,
    do_redirect,
    do_reject,
    do_say,
    requested,
)
from flowengine.sandbox.carrier.leg import Leg
from flowengine.sandbox.carrier.media import MediaStream, StreamInfo
from flowengine.sandbox.carrier.records import Recording, Referral
from flowengine.sandbox.carrier.tones import beep
from flowengine.sandbox.carrier.twiml import Document, Verb
from flowengine.sandbox.speech import FRAME, is_voiced

__all__ = ["HANDLERS", "stream_info"]


# ---- Gather (twilio.md 2.5) ------------------------------------------------------------------------------------------


async def do_gather(on: Interpreter, verb: Verb, document: Document) -> Outcome:
    digits, finished_on = await _digits(on, verb, document)
    if not digits and not verb.flag("actionOnEmptyResult", False):
        return None
    more = [("Digits", digits)]
    if on.exchange.behaviour.gather_extras:
        more += [("FinishedOnKey", finished_on), ("msg", "Gather End")]
    return on.action_or_self(verb, document, *more)


async def _digits(on: Interpreter, verb: Verb, document: Document) -> tuple[str, str]:
    """The keys pressed, without the one that finished; and that one. A key stops the prompt."""
    most, finish = int(verb.number("numDigits", 1000)), verb.get("finishOnKey", "#")
    timeout = 5.0 if verb.get("timeout") == "auto" else verb.number("timeout", 5)
    with on.leg.listening_for_keys() as keys:
        prompt = asyncio.create_task(on.prompts(verb.children, document))
        key = await _key_during(prompt, keys)
        digits = ""
        while True:
            if key is None:
                try:
                    key = await asyncio.wait_for(keys.get(), timeout)
                except TimeoutError:
                    return digits, ""
            if key == finish:
                return digits, key
            digits += key
            if len(digits) >= most:
                return digits, ""
            key = None


async def _key_during(prompt: asyncio.Task[None], keys: asyncio.Queue[str]) -> str | None:
    """The key that stopped the prompt; None when the prompt came to its end."""
    key = asyncio.create_task(keys.get())
    try:
        await asyncio.wait({prompt, key}, return_when=asyncio.FIRST_COMPLETED)
        if not key.done():
            await prompt
            return None
        return key.result()
    finally:
        for task in (prompt, key):
            task.cancel()
        await asyncio.wait({prompt, key})


# ---- Record (2.6) ----------------------------------------------------------------------------------------------------


class _Tape:
    """Takes what the party says until it has been quiet too long, or the tape is full."""

    def __init__(self, quiet: float, most: float) -> None:
        self.audio = bytearray()
        self.full: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._quiet, self._most = round(quiet * 50), round(most * 50)
        self._since_voice = 0

    def take(self, frame: bytes) -> None:
        self.audio += frame
        self._since_voice = 0 if is_voiced(frame) else self._since_voice + 1
        if not self.full.done() and (self._since_voice >= self._quiet or len(self.audio) >= self._most * FRAME):
            self.full.set_result(None)

    def trimmed(self) -> bytes:
        """Without the silence around it."""
        frames = [bytes(self.audio[at : at + FRAME]) for at in range(0, len(self.audio), FRAME)]
        voiced = [n for n, frame in enumerate(frames) if is_voiced(frame)]
        return b"".join(frames[voiced[0] : voiced[-1] + 1]) if voiced else b""


async def do_record(on: Interpreter, verb: Verb, document: Document) -> Outcome:
    leg, exchange = on.leg, on.exchange
    if verb.flag("playBeep", True):
        await on.play(beep())
    tape = _Tape(verb.number("timeout", 5), verb.number("maxLength", 3600))
    recording = Recording(exchange.sids.new("RE"), leg.sid, exchange.now())
    exchange.recordings[recording.sid] = recording

    def hung_up() -> None:
        goto = on.action_or_self(verb, document, *_recorded(leg, recording, tape, verb, "hangup"))
        exchange.spawn(requested(leg, goto))

    leg.recorder = tape.take
    try:
        with leg.listening_for_keys() as keys, cancelled_by_hang_up(leg, hung_up):
            key = await _finishing_key(tape, keys, verb.get("finishOnKey", "1234567890*#"))
    finally:
        leg.recorder = None
    fields = _recorded(leg, recording, tape, verb, key)
    if exchange.behaviour.silent_record_goes_on and not recording.audio:
        return None
    return on.action_or_self(verb, document, *fields)


async def _finishing_key(tape: _Tape, keys: asyncio.Queue[str], finish: str) -> str:
    while not tape.full.done():
        key = asyncio.create_task(keys.get())
        try:
            either: list[asyncio.Future[Any]] = [tape.full, key]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if key.done() and key.result() in finish:
                return key.result()
        finally:
            key.cancel()
    return ""


def _recorded(leg: Leg, recording: Recording, tape: _Tape, verb: Verb, key: str) -> list[tuple[str, str]]:
    """Keeps the recording and says what the action is told."""
    exchange = leg.exchange
    recording.audio = tape.trimmed() if verb.get("trim", "trim-silence") == "trim-silence" else bytes(tape.audio)
    recording.status = "completed" if recording.audio else "absent"
    url = f"{exchange.api_url}/2010-04-01/Accounts/{exchange.account_sid}/Recordings/{recording.sid}"
    fields = [("RecordingUrl", url), ("RecordingSid", recording.sid), ("RecordingDuration", str(recording.seconds))]
    if callback := verb.get("recordingStatusCallback"):
        pairs = [
            ("AccountSid", exchange.account_sid), ("CallSid", leg.sid), *fields, ("RecordingStatus", recording.status),
            ("RecordingChannels", "1"), ("RecordingSource", "RecordVerb"),
        ]  # fmt: skip
        exchange.callbacks.send(
            recording.sid, verb.get("recordingStatusCallbackMethod", "POST"), callback, pairs, leg.sid
        )
    return [*fields, *([("Digits", key)] if key else [])]


# ---- Connect, Start, Stop (2.1) --------------------------------------------------------------------------------------


def stream_info(leg: Leg, verb: Verb, document: Document, *, two_way: bool) -> StreamInfo:
    exchange = leg.exchange
    url = verb.get("url")
    if exchange.behaviour.relative_stream_url and not url.startswith(("ws:", "wss:")):
        url = document.resolve(url).replace("https:", "wss:", 1).replace("http:", "ws:", 1)
    parameters = {p.get("name"): p.get("value") for p in verb.named("Parameter")}
    for name in [n for n, v in parameters.items() if len(n) + len(v) >= 500]:
        exchange.warn(12200, leg.sid, f"<Parameter> {name!r} is longer than 500 characters")
        del parameters[name]
    return StreamInfo(
        sid=exchange.sids.new("MZ"),
        account_sid=exchange.account_sid,
        call_sid=leg.sid,
        url=url,
        name=verb.get("name"),
        track=verb.get("track", "inbound_track"),  # type: ignore[arg-type]  # checked by the grammar
        parameters=parameters,
        two_way=two_way,
    )


def _open(leg: Leg, verb: Verb, document: Document, *, two_way: bool) -> MediaStream:
    callback = verb.get("statusCallback"), verb.get("statusCallbackMethod", "POST")
    return leg.exchange.open_stream(leg, stream_info(leg, verb, document, two_way=two_way), callback)


async def do_connect(on: Interpreter, verb: Verb, document: Document) -> Outcome:
    """Two-way: blocks until our server closes the socket, the call ends, or REST moves it on (3.3)."""
    nouns = verb.named("Stream")
    if not nouns:
        return None
    leg, behaviour = on.leg, on.exchange.behaviour
    stream = _open(leg, nouns[0], document, two_way=True)
    try:
        with leg.hearing(stream), action_after_hang_up(on, verb, document):
            await stream.over.wait()
    except asyncio.CancelledError:
        if leg.cause == "redirect" and behaviour.connect_action_after_redirect:
            goto = on.action(verb, document)
            if goto is not None:
                on.exchange.spawn(requested(leg, goto))
        raise
    finally:
        stream.stop()
    if leg.redirect_pending and not behaviour.close_processed_before_redirect:
        await asyncio.Event().wait()  # the redirect that is on its way ends this
    if stream.ended_by == "refused" and not behaviour.connect_action_after_refusal:
        return None
    return on.action(verb, document)


async def do_start(on: Interpreter, verb: Verb, document: Document) -> Outcome:
    for noun in verb.named("Stream"):
        _open(on.leg, noun, document, two_way=False)
    return None


async def do_stop(on: Interpreter, verb: Verb, _: Document) -> Outcome:
    for noun in verb.named("Stream"):
        for stream in on.leg.streams:
            if stream.info.name == noun.get("name") and not stream.info.two_way:
                stream.stop()
    return None


# ---- Refer (2.7) -----------------------------------------------------------------------------------------------------

_NOTIFIED = {"busy": ("busy", 486), "fails": ("failed", 404), "rings": ("no-answer", 487)}
_NO_NOTICE = 5.0  # seconds after which the carrier stops waiting to be told (how long is not documented)


async def do_refer(on: Interpreter, verb: Verb, document: Document) -> Outcome:
    leg, exchange = on.leg, on.exchange
    nouns = verb.named("Sip")
    if not leg.sip or not nouns:
        exchange.warn(13801, leg.sid, "<Refer> is for SIP legs only")
        return None
    target, answer = nouns[0].text, exchange.faults.refer_answer() or exchange.behaviour.refer_answer
    if answer != 202:
        exchange.referrals.append(Referral(leg.sid, target, "failed", answer, None))
        named = [("ReferCallStatus", "failed")] if exchange.behaviour.refer_refusal_named else []
        return on.action(verb, document, *named, ("ReferSipResponseCode", str(answer)))

    def gone() -> None:
        exchange.referrals.append(Referral(leg.sid, target, "canceled", 202, 180))
        fields = [("ReferCallStatus", "canceled"), ("ReferSipResponseCode", "202"), ("NotifySipResponseCode", "180")]
        if goto := on.action(verb, document, *fields):
            exchange.spawn(requested(leg, goto))

    with cancelled_by_hang_up(leg, gone):
        status, code = await _referred(on, target)
        if not exchange.behaviour.refer_notified:
            await asyncio.sleep(_NO_NOTICE)
    exchange.referrals.append(Referral(leg.sid, target, status, 202, code))
    if status == "in-progress":
        leg.away = True
        exchange.loop.call_later(exchange.behaviour.referred_leg_stays, leg.end, "completed")
    return on.action(verb, document, *_notice(on, status, code))


def _notice(on: Interpreter, status: str, code: int) -> list[tuple[str, str]]:
    """What `action` is told of a REFER that was taken."""
    if not on.exchange.behaviour.refer_notified:
        return [("ReferSipResponseCode", "202")]
    told = "failed" if status == "busy" and on.exchange.behaviour.refer_busy_fails else status
    return [("ReferCallStatus", told), ("ReferSipResponseCode", "202"), ("NotifySipResponseCode", str(code))]


async def _referred(on: Interpreter, target: str) -> tuple[str, int]:
    """What the caller's own equipment reports of the call it makes to the target."""
    party = on.exchange.phones.get(target.partition("?")[0])
    await asyncio.sleep(on.exchange.behaviour.dial_seconds)
    if party is None or party.pickup.outcome == "fails":
        return _NOTIFIED["fails"]
    match party.pickup.outcome:
        case "answers":
            await asyncio.sleep(party.pickup.after)
            return "in-progress", 200
        case "rings":
            await asyncio.sleep(60)
    return _NOTIFIED[party.pickup.outcome]


HANDLERS: dict[str, Handler] = {
    "Connect": do_connect,
    "Dial": do_dial,
    "Gather": do_gather,
    "Hangup": do_hangup,
    "Pause": do_pause,
    "Play": do_play,
    "Record": do_record,
    "Redirect": do_redirect,
    "Refer": do_refer,
    "Reject": do_reject,
    "Say": do_say,
    "Start": do_start,
    "Stop": do_stop,
}
