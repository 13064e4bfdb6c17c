"""What goes over the wire of the Streaming API, both ways."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowengine.sandbox.streaming import parse_query
from flowengine.transcription import protocol as p


def test_the_address_names_model_rate_and_encoding() -> None:
    url = p.address("wss://streaming.assemblyai.com/v3/ws", "universal-3-6-pro", "English")
    assert url == (
        "wss://streaming.assemblyai.com/v3/ws?speech_model=universal-3-6-pro&sample_rate=8000&encoding=pcm_mulaw"
    )
    query = dict(pair.split("=") for pair in url.partition("?")[2].split("&"))
    assert parse_query(query).bytes_per_second == 8000


def test_another_language_is_named() -> None:
    assert p.address("ws://x/v3/ws", "m", "Spanish").endswith("&language_codes=%5B%22es%22%5D")
    assert "language" not in p.address("ws://x/v3/ws", "m", "Klingon")


def turn(**changes: object) -> str:
    full = {"type": "Turn", "turn_order": 3, "end_of_turn": False, "transcript": "My crown", "turn_is_formatted": True}
    return json.dumps({**full, **changes})


def test_only_end_of_turn_makes_a_final() -> None:
    assert p.decode(turn()) == p.Turn(3, "My crown", False)
    assert p.decode(turn(end_of_turn=True, words=[], utterance="My crown")) == p.Turn(3, "My crown", True)


@pytest.mark.parametrize(
    ("words", "confidence"),
    [
        ([{"text": "My", "confidence": 0.5}, {"text": "crown", "confidence": 1}], 0.75),
        ([{"text": "My", "confidence": 0.5}, {"text": "crown"}, "fell", {"confidence": True}], 0.5),
        ([{"confidence": -1}, {"confidence": 1.5}, {"confidence": "0.5"}, {"confidence": None}], None),
        ([], None),
        ({"confidence": 0.5}, None),
        (None, None),
    ],
)
def test_a_final_says_how_sure_it_is_of_its_words(words: object, confidence: float | None) -> None:
    final = p.decode(turn(end_of_turn=True, words=words))
    assert final == p.Turn(3, "My crown", True, confidence)
    assert p.decode(turn(words=words)) == p.Turn(3, "My crown", False)


def test_a_confidence_that_is_no_number_is_none() -> None:
    raw = turn(end_of_turn=True, words=[{"confidence": 0.5}]).replace("0.5", "NaN")
    assert p.decode(raw) == p.Turn(3, "My crown", True)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ('{"type": "Begin", "id": "x", "expires_at": 1}', p.Begin()),
        ('{"type": "Error", "error_code": 3007, "error": "Input duration violation"}', p.Refused(3007)),
        ('{"type": "Error"}', p.Refused(0)),
        ('{"type": "Termination", "audio_duration_seconds": 3}', p.Terminated()),
        ('{"type": "SpeechStarted", "timestamp": 12}', p.Other()),
        ('{"type": "Turn"}', p.Other()),
        ('{"type": "Turn", "turn_order": 1e999, "end_of_turn": true, "transcript": ""}', p.Other()),
        ('{"type": "Error", "error_code": Infinity}', p.Other()),
        ('{"type": "Turn", "turn_order": "x", "end_of_turn": true, "transcript": ""}', p.Other()),
        ("[]", p.Other()),
        ("{", p.Other()),
        (b"\xff\x00", p.Other()),
    ],
)
def test_messages(raw: str | bytes, message: p.Message) -> None:
    assert p.decode(raw) == message


@given(st.text() | st.binary())
def test_nothing_can_hurt(raw: str | bytes) -> None:
    p.decode(raw)
