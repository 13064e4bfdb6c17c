"""What nobody should send, in the middle of a call that goes on all the same (reliability.md F41 and its section 4)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import pytest

from flowengine.sandbox.agent.session import Session
from flowengine.sandbox.carrier import LoseStop
from flowengine.sandbox.carrier.media import MediaStream
from flowengine.sandbox.sockets import Message
from flowengine.sandbox.world import Options
from tests.naughty import HUGE
from tests.sandbox.play import SPEED, Played, played
from tests.sandbox.wire import call, caller_of, heard_by, holds, outcomes

DEEP = "[" * 10_000 + "]" * 10_000
EVERY = 5  # messages of the vendor's between two of ours


def frame(size: int) -> str:
    payload = base64.b64encode(b"\xff" * size).decode()
    media = {"track": "inbound", "chunk": "2", "timestamp": "0", "payload": payload}
    return json.dumps({"event": "media", "sequenceNumber": "3", "media": media, "streamSid": "MZ0"})


def of_the_carrier(stream: MediaStream) -> list[Message]:
    """Out of place, of another shape, or no message at all; none of them longer than the carrier's own may be."""
    again = json.dumps(
        {"event": "start", "sequenceNumber": "1", "start": stream._start(), "streamSid": stream.info.sid}
    )
    return [
        again,
        again.replace('"call": "', '"call": "x'),
        frame(0),
        frame(160).replace('"payload": "', '"payload": "&'),
        frame(160).replace('"inbound"', '"outbound"'),
        frame(0).replace('"sequenceNumber": "3"', '"sequenceNumber": {"n": -1}'),
        '{"event": "media"}', '{"event": "media", "media": null}', '{"event": "media", "media": {"payload": 7}}',
        '{"event": "mark", "mark": {}}', '{"event": "mark", "mark": {"name": "7:line:of nobody"}}',
        '{"event": "dtmf", "dtmf": {"digit": "zero"}}', '{"event": "dtmf", "dtmf": {"digit": 0}}',
        '{"event": "connected"}', '{"event": "unheard of", "more": [1, 2]}', '{"event": 7}', "{", "", "null", "[]",
        DEEP, '{"event": ' + DEEP + "}", b"\x00\xff" * 80, "\x00", "\ud7ff\ufeff" * 100,
    ]  # fmt: skip


def of_the_agent() -> list[Any]:
    return [
        {"type": "unheard.of", "more": {"a": [1, None]}}, {"type": None}, {"type": 7}, {},
        {"type": "reply.audio"}, {"type": "reply.audio", "data": 7}, {"type": "reply.audio", "data": "&&&&"},
        {"type": "reply.audio", "data": "A" * 7, "reply_id": {"no": "id"}},
        {"type": "reply.done"}, {"type": "reply.done", "reply_id": None, "status": 5},
        {"type": "transcript.user"}, {"type": "transcript.user", "text": None}, {"type": "transcript.user", "text": {}},
        {"type": "transcript.agent", "text": []}, {"type": "tool.call"}, {"type": "tool.call", "name": "no_such_tool"},
        {"type": "tool.call", "name": "transfer_to_human", "call_id": 5, "arguments": "{"},
        {"type": "tool.call", "name": "note_answer", "call_id": "x", "arguments": {"field": "nobody's", "value": HUGE}},
        {"type": "session.error", "code": "invalid_value", "message": HUGE}, {"type": "session.updated"},
    ]  # fmt: skip


def understood(made: Played) -> None:
    holds(made, most_silence=4.0)
    assert outcomes(made) == [("Dana", "accepted")]
    assert made.report["handoffs"][0]["rule"] == "billing_dispute"
    assert "Thank you for taking my call." in heard_by(made, "+13125550111")
    assert not any(segment.get("clipped") for segment in made.report["caller_heard"])
    written = [turn["text"] for turn in made.report["transcript"] if turn["speaker"] == "caller"]
    assert written == ["I need a refund.", "Thank you for taking my call."]


def test_a_stream_that_tells_things_out_of_place_is_listened_to_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers out of order, a second start, no stop, and a hundred things that are no messages."""
    send, junk, sent = MediaStream._send, dict[str, Iterator[Message]](), dict[str, int]()

    def sends(stream: MediaStream, message: str) -> None:
        assert stream._socket is not None
        sid = stream.info.sid
        sent[sid] = sent.get(sid, 0) + 1
        send(stream, message.replace('"sequenceNumber":"', '"sequenceNumber":"9') if sent[sid] % 2 else message)
        if sent[sid] > 2 and sent[sid] % EVERY == 0:
            stream._socket.send(next(junk.setdefault(sid, cycle(of_the_carrier(stream)))))

    monkeypatch.setattr(MediaStream, "_send", sends)
    made = played("crown", Options(speed=SPEED, faults=(LoseStop(),)), scenario=call())
    understood(made)
    assert all(count > 100 for count in sent.values())
    assert made.times("MediaStarted") == made.times("MediaStarted")[:1]
    assert made.times("KeyPressed") == []


def test_a_message_that_is_too_long_costs_the_caller_her_stream_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is closed with a code, and she is back at once."""
    send, sent = MediaStream._send, list[str]()

    def sends(stream: MediaStream, message: str) -> None:
        sent.append(stream.info.sid)
        send(stream, "x" * (64 * 1024 + 1) if len(sent) == 400 else message)

    monkeypatch.setattr(MediaStream, "_send", sends)
    made = played("crown", Options(speed=SPEED), scenario=call())
    holds(made, most_silence=6.0)
    assert len(made.times("MediaStarted")) == 2
    assert made.report["outcome"] == "connected"
    assert [w.code for w in made.world.carrier.warnings if "1009" in w.text] == [31921]
    assert caller_of(made).hung_up


def test_an_agent_that_talks_nonsense_in_between_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    put, junk, sent = Session._put, cycle(of_the_agent()), list[dict[str, Any]]()

    def puts(session: Session, event: dict[str, Any]) -> None:
        put(session, event)
        if session.ready and session._attached is not None:
            sent.append(next(junk))
            session._attached.send(sent[-1])

    monkeypatch.setattr(Session, "_put", puts)
    made = played("crown", Options(speed=SPEED), scenario=call())
    understood(made)
    assert len(sent) > 2 * len(of_the_agent())
