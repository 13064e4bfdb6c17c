"""The carrier and the voice agent of `bench_calls.py`, light enough to feed hundreds of calls from one core.

Every frame carries the moment it was sent in its audio; a frame that comes out at the other side is a sample of the
time the bridge took. Both parties read one clock.
"""

from __future__ import annotations

import asyncio
import binascii
import json
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from xml.etree import ElementTree

import aiohttp
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect, ws_create_server
from twilio.request_validator import RequestValidator

PUBLIC, OFFICE, TOKEN = "https://bench.test", "+13125550100", "token-of-the-benchmark"
TICK = 0.001
CALLER_EVERY, AGENT_EVERY = 20, 40  # ticks between two frames of 20 ms, between two replies of 40 ms
MAGIC = b"\x12\x34\x56"  # before the stamp; three bytes, so that both are whole in base64
MAGIC_TEXT = binascii.b2a_base64(MAGIC, newline=False)
STAMP_TEXT = len(MAGIC_TEXT) + 8
GREETING_FRAMES = 12


def _stamp() -> bytes:
    return binascii.b2a_base64(MAGIC + (time.monotonic_ns() // 1000).to_bytes(6, "big"), newline=False)


def _noise(size: int, seed: int) -> bytes:
    """As loud as speech, and no two calls alike."""
    return binascii.b2a_base64(Random(seed).randbytes(size), newline=False)


@dataclass
class Direction:
    """What went one way since it was last emptied."""

    sent: int = 0
    took: array[float] = field(default_factory=lambda: array("d"))  # seconds, one a frame that arrived

    def empty(self) -> None:
        self.sent, self.took = 0, array("d")

    def arrived(self, message: bytes, key: bytes) -> None:
        """`key` is the name of the field that holds audio."""
        begin = message.find(b'"', message.find(key) + len(key)) + 1
        if message[begin : begin + 4] == MAGIC_TEXT:
            sent = int.from_bytes(binascii.a2b_base64(message[begin + 4 : begin + STAMP_TEXT]), "big")
            self.took.append(time.monotonic() - sent / 1e6)


class Wheel:
    """Calls each party's `speak` in turn, evenly spread, on the beat whatever the loop was busy with."""

    def __init__(self, slots: int) -> None:
        self._slots: list[list[Callable[[], None]]] = [[] for _ in range(slots)]
        self._turn, self._due = 0, time.monotonic()

    def add(self, speak: Callable[[], None], phase: int) -> Callable[[], None]:
        """Returns what takes it off again."""
        slot = self._slots[phase % len(self._slots)]
        slot.append(speak)

        def off() -> None:
            if speak in slot:
                slot.remove(speak)

        return off

    def clear(self) -> None:
        for slot in self._slots:
            slot.clear()

    def advance(self, now: float) -> None:
        while self._due <= now:
            for speak in list(self._slots[self._turn]):
                speak()
            self._turn = (self._turn + 1) % len(self._slots)
            self._due += TICK


class Parties:
    """Both ends of all calls."""

    def __init__(self) -> None:
        self.inward, self.outward = Direction(), Direction()
        self.lost = 0  # calls that a bridge dropped
        self.callers, self.agents = Wheel(CALLER_EVERY), Wheel(AGENT_EVERY)
        self._random = Random(1)
        self.agent_url = ""

    async def start(self) -> None:
        server = await ws_create_server(lambda request: AgentSession(self), "127.0.0.1", 0)
        self.agent_url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/ws"
        self._beat()

    def _beat(self) -> None:
        now = time.monotonic()
        self.callers.advance(now)
        self.agents.advance(now)
        asyncio.get_running_loop().call_later(TICK, self._beat)

    def phase(self) -> int:
        return self._random.randrange(1000)

    def silence(self) -> None:
        """Nobody says anything any more."""
        self.callers.clear()
        self.agents.clear()

    def empty(self) -> None:
        self.inward.empty()
        self.outward.empty()

    async def ring(self, web: aiohttp.ClientSession, port: int, number: int) -> CallerLeg:
        """One call, from the webhook to a stream that has started."""
        sid = f"CA{number:032x}"
        form = {"CallSid": sid, "From": f"+1312{5550200 + number:07d}", "To": OFFICE, "CallStatus": "ringing"}
        signer = RequestValidator(TOKEN)
        headers = {"X-Twilio-Signature": signer.compute_signature(f"{PUBLIC}/twilio/voice", form)}
        async with web.post(f"http://127.0.0.1:{port}/twilio/voice", data=form, headers=headers) as answer:
            document = ElementTree.fromstring(await answer.text())
        given = {each.get("name"): each.get("value") for each in document.iter("Parameter")}
        leg = CallerLeg(self, number, given)
        await ws_connect(
            lambda: leg,
            f"ws://127.0.0.1:{port}/twilio/media",
            extra_headers={"X-Twilio-Signature": signer.compute_signature("wss://bench.test/twilio/media", {})},
        )
        return leg


class CallerLeg(WSListener):
    """Media Streams from the carrier's side (twilio.md 3)."""

    def __init__(self, parties: Parties, number: int, parameters: dict[str | None, str | None]) -> None:
        self._parties, self._parameters, self._sid = parties, parameters, f"MZ{number:032x}"
        self._noise, self._count = _noise(151, number), 0
        self._stop: Callable[[], None] = lambda: None
        self._leaving = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        start = {
            "streamSid": self._sid,
            "accountSid": "AC" + "0" * 32,
            "callSid": "CA" + self._sid[2:],
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": self._parameters,
        }
        self._say({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        self._say({"event": "start", "sequenceNumber": "1", "streamSid": self._sid, "start": start})
        self._stop = self._parties.callers.add(self._speak, self._parties.phase())

    def _say(self, message: object) -> None:
        self._transport.send(WSMsgType.TEXT, json.dumps(message))

    def _speak(self) -> None:
        self._count += 1
        self._parties.inward.sent += 1
        self._transport.send(
            WSMsgType.TEXT,
            b'{"event":"media","sequenceNumber":"%d","media":{"track":"inbound","chunk":"%d","timestamp":"%d",'
            b'"payload":"%b%b"},"streamSid":"%b"}'
            % (self._count + 1, self._count, self._count * 20, _stamp(), self._noise, self._sid.encode()),
        )

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            self._parties.outward.arrived(frame.get_payload_as_bytes(), b'"payload":')
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._stop()
        self._parties.lost += not self._leaving

    def leave(self) -> None:
        self._leaving = True
        self._stop()
        self._say({"event": "stop", "streamSid": self._sid, "stop": {}})
        self._transport.disconnect()


class AgentSession(WSListener):
    """The Voice Agent service: a session with tools is a call and talks without a pause, another says its sentence."""

    def __init__(self, parties: Parties) -> None:
        self._parties = parties
        self._noise = _noise(311, parties.phase())
        self._stop: Callable[[], None] = lambda: None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def _say(self, **message: object) -> None:
        self._transport.send(WSMsgType.TEXT, json.dumps({**message, "timestamp": 1.5}))

    def _speak(self) -> None:
        self._parties.outward.sent += 1
        self._transport.send(
            WSMsgType.TEXT,
            b'{"type":"reply.audio","reply_id":"resp_0123456789abcdef","data":"%b%b","timestamp":1763712000.123456}'
            % (_stamp(), self._noise),
        )

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close()
            transport.disconnect()
            return
        message = frame.get_payload_as_bytes()
        if b'"input.audio"' in message[:40]:
            self._parties.inward.arrived(message, b'"audio":')
        elif b'"session.end"' in message[:40]:
            self._say(type="session.ended", session_duration_seconds=1.0)
        elif frame.msg_type == WSMsgType.TEXT:
            self._begin(json.loads(message))

    def _begin(self, message: dict[str, object]) -> None:
        if message["type"] != "session.update":
            return
        self._say(type="session.ready", session_id="s1", config={}, expires_at=int(time.time()) + 3600)
        self._say(type="reply.started", reply_id="resp_0123456789abcdef", item_id="i1")
        session = message["session"]
        if isinstance(session, dict) and "tools" in session:
            self._stop = self._parties.agents.add(self._speak, self._parties.phase())
            return
        for _ in range(GREETING_FRAMES):
            self._say(type="reply.audio", reply_id="resp_0123456789abcdef", data=(MAGIC_TEXT + self._noise).decode())
        self._say(type="reply.done", reply_id="resp_0123456789abcdef", status="completed")

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._stop()
