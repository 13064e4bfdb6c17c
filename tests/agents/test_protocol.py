"""What goes over the wire of the Voice Agent API, both ways."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowengine.agents import protocol as p
from flowengine.call.commands import AgentTool, StartAgent
from flowengine.sandbox.agent.config import Refused, first

TOOL = AgentTool("note_answer", "Note it.", {"type": "object", "properties": {}})


def session(opening: StartAgent) -> dict[str, Any]:
    message = json.loads(p.begin(opening))
    assert message["type"] == "session.update"
    return dict(message["session"])


def test_the_first_message_says_everything_and_the_service_takes_it() -> None:
    sent = session(StartAgent("Be kind.", "Hello.", "anna", (TOOL,), ("Bright Smile",)))
    assert sent == {
        "system_prompt": "Be kind.",
        "greeting": "Hello.",
        "tools": [
            {
                "type": "function",
                "name": "note_answer",
                "description": "Note it.",
                "parameters": {"type": "object", "properties": {}},
                "execution_mode": "interactive",
                "timeout_seconds": 120,
            }
        ],
        "input": {
            "format": {"encoding": "audio/pcmu"},
            "keyterms": ["Bright Smile"],
            "transcription_mode": "min_latency",
        },
        "output": {"voice": "anna", "format": {"encoding": "audio/pcmu"}},
    }
    assert first(sent)


def test_an_empty_greeting_is_left_out() -> None:
    sent = session(StartAgent("Be kind.", "", "anna", ()))
    assert "greeting" not in sent
    assert "tools" not in sent
    with pytest.raises(Refused):
        first({**sent, "greeting": None})


def test_settings_of_the_flow_win_but_for_the_format() -> None:
    chosen = {"transcription_mode": "balanced", "volume": 40, "format": {"encoding": "audio/pcm"}}
    sent = session(StartAgent("", "", "anna", (), settings=chosen))
    assert sent["input"] == {"transcription_mode": "balanced", "format": {"encoding": "audio/pcmu"}}
    assert sent["output"] == {"volume": 40, "voice": "anna", "format": {"encoding": "audio/pcmu"}}


def test_audio_goes_out_under_audio_and_comes_in_under_data() -> None:
    frame = bytes(range(160))
    sent = json.loads(p.audio_in(frame))
    assert sent == {"type": "input.audio", "audio": base64.b64encode(frame).decode()}
    came = {"type": "reply.audio", "reply_id": "r1", "data": sent["audio"]}
    assert p.decode(json.dumps(came)) == p.ReplyAudio("r1", frame)


@pytest.mark.parametrize(
    ("fields", "read"),
    [
        ({"reply_id": "r1", "data": "/38="}, p.ReplyAudio("r1", b"\xff\x7f")),
        ({"data": "/38="}, p.ReplyAudio("", b"\xff\x7f")),  # the documents' own example
        ({"reply_id": None, "data": "/38="}, p.ReplyAudio("", b"\xff\x7f")),
        ({"reply_id": 7, "data": "/38=", "item_id": {"new": []}}, p.ReplyAudio("", b"\xff\x7f")),
        ({"reply_id": "r1", "data": "/38=\n"}, p.ReplyAudio("r1", b"\xff\x7f")),  # strict base64 has no line ends
        ({"reply_id": "r1", "data": "/"}, p.Unknown()),
        ({"reply_id": "r1", "data": 7}, p.Unknown()),
        ({"reply_id": "r1"}, p.Unknown()),
    ],
)
def test_audio_is_read_in_any_dress(fields: dict[str, object], read: p.Message) -> None:
    for message in ({"type": "reply.audio", **fields}, {**fields, "type": "reply.audio"}):
        assert p.decode(json.dumps(message)) == read
        assert p.decode(json.dumps(message).encode()) == read


@pytest.mark.parametrize(
    ("arguments", "understood"),
    [
        ({"rule": "emergency"}, {"rule": "emergency"}),
        ({}, {}),
        ('{"rule": "emergency"}', {"rule": "emergency"}),
        ('{"rule": "emer', {}),
        ("[1, 2]", {}),
        ("[" * 100_000, {}),
        (None, {}),
        (["emergency"], {}),
    ],
)
def test_tool_arguments_come_in_any_dress(arguments: object, understood: object) -> None:
    call = {"type": "tool.call", "call_id": "c1", "name": "transfer_to_human", "arguments": arguments}
    assert p.decode(json.dumps(call)) == p.ToolWanted("c1", "transfer_to_human", understood)  # type: ignore[arg-type]


def test_a_reply_without_status_was_completed() -> None:
    assert p.decode('{"type": "reply.done", "reply_id": "r1"}') == p.ReplyDone("r1", interrupted=False)
    assert p.decode('{"type": "reply.done", "reply_id": "r1", "status": "interrupted"}') == p.ReplyDone("r1", True)


def test_tools_with_an_address_are_the_services_own() -> None:
    tools = [{"name": "look_up", "http": {"url": "https://example.com"}}, {"name": "note_answer", "http": None}]
    ready = {"type": "session.ready", "session_id": "s1", "expires_at": 17, "config": {"tools": tools}}
    assert p.decode(json.dumps(ready)) == p.Ready("s1", 17, frozenset({"look_up"}))
    assert p.decode('{"type": "session.ready", "session_id": "s1"}') == p.Ready("s1")


def test_codes_are_compared_in_lower_case_and_hold_no_text() -> None:
    assert p.decode('{"type": "session.error", "code": "UNAUTHORIZED"}') == p.Complaint("unauthorized")
    assert p.decode('{"type": "session.error", "code": "bad words: my tooth"}') == p.Complaint("unknown")
    assert p.decode('{"type": "session.error"}') == p.Complaint("unknown")


@pytest.mark.parametrize("code", ["invalid_value", "invalid_config", "invalid_format"])
def test_a_refused_value_is_fatal_only_in_the_first_message(code: str) -> None:
    assert p.is_fatal(code, first=True)
    assert not p.is_fatal(code, first=False)


def test_some_complaints_are_never_fatal() -> None:
    assert not p.is_fatal("immutable_field", first=True)
    assert not p.is_fatal("agent_id_not_first", first=False)
    assert p.is_fatal("session_expired", first=False)


def test_a_delta_of_the_agent_is_of_no_use_to_us() -> None:
    assert p.decode('{"type": "transcript.agent.delta", "delta": "Hel"}') == p.Unknown()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    ["session_id", "config", "expires_at", "code", "reply_id", "data", "status", "text", "call_id", "name", "arguments"]
)


@given(st.sampled_from(sorted(p._READERS)), st.dictionaries(FIELDS, JSON))
def test_no_message_can_hurt(kind: str, fields: dict[str, object]) -> None:
    p.decode(json.dumps({**fields, "type": kind}))


@given(st.text() | st.binary() | JSON.map(json.dumps))
def test_nothing_else_can_hurt_either(raw: str | bytes) -> None:
    p.decode(raw)
