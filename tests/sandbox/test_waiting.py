"""What a caller hears and can do while phones ring, on the whole world: measured by the carrier, not promised by us."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from flowengine.runtime.mulaw import decode, encode
from flowengine.sandbox.agent.conversation import Conversation
from flowengine.sandbox.scenario import Scenario, read_scenario
from flowengine.sandbox.speech import FRAME, RATE, find_words
from tests.sandbox.ears import (
    NUMBERS,
    caller_of,
    ear,
    ended,
    frame_at,
    heard,
    longest,
    mouth,
    music,
    phone,
    said,
    sentence,
    tried_at,
)
from tests.sandbox.play import FLOWS, Played, played

LINE = "I'm connecting you with our front desk."
FIELDS = [{"field": name} for name in ("caller_name", "callback_number", "been_here_before", "reason")]  # none required
ANSWERS = 0.5  # seconds in which what the caller hears follows what the caller, or the last word, calls for
Line = Mapping[str, Any]


def call(caller: Sequence[Line], staff: Mapping[str, Any], **change: Any) -> Callable[[Scenario], Scenario]:
    """A call about a bill to the dental office by day, with these words of the flow."""
    about: dict[str, Any] = {"about": "it", "flow": "dental_office", "at": "Tue 10 Nov 2026 10:15am"}
    given = {**about, "caller": caller, "staff": staff, "change": {"receptionist": {"find_out": FIELDS}, **change}}
    script = read_scenario("it", json.dumps(given))
    return lambda _: script


def play(caller: Sequence[Line], staff: Mapping[str, Any], folder: Path = FLOWS, **change: Any) -> Played:
    return played("second_person", scenario=call(caller, staff, **change), folder=folder)


REFUND = {"says": "I need a refund for my last visit."}
ON_HOLD = ({"hears": "half a minute"}, {"waits": "4s"})


# ---- a hunt of four phones -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["true", "false"], ids=["receptionist stays", "parked"])
def hunt(request: pytest.FixtureRequest) -> Played:
    """Dana does not answer, Luis is busy, the hygiene desk says no, Dr. Reed comes."""
    return play(
        [REFUND, {"hears": "Reed speaking"}, {"says": "Thank you for taking my call."}, {"hangs_up": "true"}],
        {
            "Dana": "no answer",
            "Luis": "busy",
            "Hygiene desk": "declined",
            "Dr. Reed": ["accepts", {"says": "Hello, this is Dr. Reed speaking."}],
        },
        departments={"front_desk": {"people": ["dana", "luis", "hygiene", "reed"]}},
        transfer={"ring_for": "14s"},
        hold={
            "receptionist_stays": request.param,
            "update_every": "9s",
            "update_says": "I'm still trying {person}. Thank you for waiting.",
        },
    )


def test_four_phones_are_tried_and_the_fourth_answers(hunt: Played) -> None:
    (handoff,) = hunt.report["handoffs"]
    attempts = [(a["person"], a["outcome"]) for a in handoff["attempts"]]
    assert attempts == [("Dana", "no_answer"), ("Luis", "busy"), ("Hygiene desk", "declined"), ("Dr. Reed", "accepted")]
    assert hunt.world.carrier.warnings == []


def test_a_caller_is_never_left_three_seconds_without_a_sound(hunt: Played) -> None:
    quiet = [not (a or b) for a, b in zip(ear(hunt), mouth(hunt), strict=True)]
    since, until = frame_at(hunt, sentence(hunt, LINE).begin), frame_at(hunt, sentence(hunt, "Reed speaking").end)
    assert longest(quiet[since:until]) < 3.0


def test_music_begins_when_the_hand_off_line_is_over(hunt: Played) -> None:
    line = sentence(hunt, LINE)
    assert not line.clipped
    first = next(n for n in range(frame_at(hunt, line.end), len(ear(hunt))) if ear(hunt)[n])
    begins = first * FRAME / RATE + (caller_of(hunt).answered_at or 0.0)
    parked = hunt.world.flow.hold.receptionist_stays is False
    assert begins - line.end < (1.5 if parked else ANSWERS)  # a parked caller is moved into the room first
    assert music(hunt)[0].begin == pytest.approx(begins, abs=0.3)


def test_music_has_stopped_before_the_person_speaks(hunt: Played) -> None:
    person = sentence(hunt, "Hello, this is Dr. Reed speaking.")
    assert not person.clipped
    assert music(hunt)[-1].end <= person.begin
    assert all(s.end <= person.begin for s in heard(hunt) if s.what in ("music", "agent", "notice"))


def test_each_update_names_somebody_who_is_being_rung_at_that_moment(hunt: Played) -> None:
    updates = said(hunt, "still trying")
    named = [next((name for name in NUMBERS if f"trying {name}" in s.text), s.text) for s in updates]
    assert updates
    for update, name in zip(updates, named, strict=True):
        assert tried_at(hunt, name, update.begin - 1.0), f"{name} was not being rung at {update.begin:.1f} s"


def test_no_sentence_is_broken_off_by_the_connection(hunt: Played) -> None:
    assert [s.text for s in heard(hunt) if s.clipped] == []


# ---- a caller who talks while phones ring ----------------------------------------------------------------------------

QUESTION = "Where can I park my car when I come to see you next week?"


@dataclass(frozen=True, slots=True)
class Talk:
    """A played call, and the audio that the receptionist's session was given, with the loop time of each piece."""

    run: Played
    given: Sequence[tuple[float, bytes]]


@pytest.fixture(scope="module")
def talk() -> Iterator[Talk]:
    """Dana's phone rings for a while; meanwhile the caller asks something. An update falls due every few seconds."""
    given: list[tuple[float, bytes]] = []
    hear = Conversation.hear

    def noted(self: Conversation, audio: bytes) -> None:
        if self.config.get("tools"):
            given.append((self._loop.time(), audio))
        hear(self, audio)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Conversation, "hear", noted)
        run = play(
            [REFUND, *ON_HOLD, {"says": QUESTION}, {"hears": "Dana speaking"}, {"waits": "1s"}, {"hangs_up": "true"}],
            {"Dana": ["accepts", {"rings": "28s"}, {"says": "Dana speaking."}]},
            transfer={"ring_for": "40s"},
            hold={"update_every": "6s", "update_says": "I'm still trying {person}."},
        )
        yield Talk(run, given)


def test_a_question_on_hold_is_answered_while_the_phone_rings_on(talk: Talk) -> None:
    answer, dana = sentence(talk.run, "Free lot"), phone(talk.run, "Dana")
    assert answer.what == "agent"
    assert not answer.clipped
    assert dana.started_at < answer.begin < answer.end < (dana.answered_at or 0.0)
    assert [a["outcome"] for a in talk.run.report["handoffs"][0]["attempts"]] == ["accepted"]


def test_music_pauses_under_the_callers_voice_and_goes_on_after_the_answer(talk: Talk) -> None:
    answer = sentence(talk.run, "Free lot")
    held = range(frame_at(talk.run, music(talk.run)[0].begin), frame_at(talk.run, answer.begin))
    voice, sound = mouth(talk.run), ear(talk.run)
    asked = [n for n in held if voice[n]]
    words = {
        n for w in find_words(bytes(caller_of(talk.run).heard_audio)) for n in range(w.start // FRAME, w.end // FRAME)
    }
    beneath = [sound[n] and n not in words for n in range(asked[0] + round(ANSWERS * RATE / FRAME), asked[-1])]
    assert len(beneath) > 50
    assert not any(beneath)
    assert any(m.begin >= answer.end for m in music(talk.run))


def test_updates_and_answers_do_not_cut_into_each_other(talk: Talk) -> None:
    assert [s.text for s in heard(talk.run) if s.clipped] == []
    assert len(said(talk.run, "still trying Dana.")) >= 2


def test_no_update_talks_over_the_caller(talk: Talk) -> None:
    both = [a and b for a, b in zip(ear(talk.run), mouth(talk.run), strict=True)]
    assert longest(both) < ANSWERS  # of what had begun when the caller began


def test_nothing_of_the_music_reaches_the_receptionists_ear(talk: Talk) -> None:
    """What her session was given while the caller held is what the caller's phone took up, to the last sample."""
    began, over = music(talk.run)[0].begin, phone(talk.run, "Dana").answered_at or 0.0
    audio = b"".join(piece for at, piece in talk.given if began <= at <= over)
    assert len(audio) > 20 * RATE
    assert audio in bytes(caller_of(talk.run).spoken_audio)
    (talked,) = (s for s in talk.run.world.agent.sessions if s.conversation.config.get("tools"))
    assert talked.conversation.heard == [REFUND["says"], QUESTION]


def test_after_the_last_phone_failed_nothing_of_an_old_answer_follows() -> None:
    """Dana's and Luis' phones have rung out while the receptionist is answering a question."""
    run = play(
        [REFUND, *ON_HOLD, {"says": QUESTION}, {"hears": "take a message"}, {"waits": "6s"}, {"hangs_up": "true"}],
        {"Dana": "busy", "Luis": "no answer"},
        transfer={"ring_for": "12s"},
    )
    none_free, answer = sentence(run, "No one is free"), said(run, "Free lot")
    assert answer, "the phones rang out too early for this test"
    assert not none_free.clipped
    assert not [w for w in ("Elm", "Street.") if any(s.begin > none_free.begin for s in said(run, w))]


# ---- changing one's mind ---------------------------------------------------------------------------------------------

WAYS = {
    "never mind": ({"says": "Never mind."}, "receptionist"),
    "star": ({"presses": "*"}, "receptionist"),
    "message": ({"says": "Message."}, "message"),
    "one": ({"presses": "1"}, "message"),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_caller_may_change_their_mind(way: str) -> None:
    act, outcome = WAYS[way]
    asks = (
        [{"says": "Where can I park?"}, {"hears": "Free lot"}] if outcome == "receptionist" else [{"hears": "call you"}]
    )
    run = play([REFUND, *ON_HOLD, act, *asks, {"hangs_up": "true"}], {"Dana": "no answer"})
    (handoff,) = run.report["handoffs"]
    assert handoff["outcome"] == outcome
    assert [(a["person"], a["outcome"]) for a in handoff["attempts"]] == [("Dana", "cancelled")]
    spoke = max(n for n, voice in enumerate(mouth(run)) if voice and n < frame_at(run, ended(phone(run, "Dana"))))
    changed = next((at for at, _ in caller_of(run).keys), (caller_of(run).answered_at or 0.0) + spoke * FRAME / RATE)
    patience = 2.0 if "presses" in act else 3.5  # a word's end is told 0.9 to 3.3 s late
    assert changed <= ended(phone(run, "Dana")) < changed + patience
    assert not [m for m in music(run) if m.begin > ended(phone(run, "Dana")) + 1.0]
    if outcome == "receptionist":
        assert sentence(run, "Free lot").begin > ended(phone(run, "Dana"))
    else:
        assert sentence(run, "I'll take a message").begin - ended(phone(run, "Dana")) < 2.0


# ---- the longest wait ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["true", "false"], ids=["receptionist stays", "parked"])
def endless(request: pytest.FixtureRequest) -> Played:
    """Dana's phone rings for longer than anybody should wait."""
    return play(
        [REFUND, {"hears": "call you back"}, {"waits": "6s"}, {"hangs_up": "true"}],
        {"Dana": "no answer", "Luis": "no answer"},
        departments={"front_desk": {"if_no_one_answers": "callback"}},
        transfer={"ring_for": "50s"},
        hold={
            "longest_wait": "45s",
            "update_every": "10s",
            "update_says": "I'm still trying {person}. Thank you for waiting.",
            "receptionist_stays": request.param,
        },
    )


def test_the_longest_wait_ends_in_the_next_named_step(endless: Played) -> None:
    (handoff,) = endless.report["handoffs"]
    promise, dana = sentence(endless, "call you back"), phone(endless, "Dana")
    assert handoff["outcome"] == "callback"
    assert endless.report["work"] == ["callback"]
    assert [(a["person"], a["outcome"]) for a in handoff["attempts"]] == [("Dana", "timed_out")]
    assert not promise.clipped
    assert promise.begin - dana.started_at == pytest.approx(45.0, abs=2.5)
    assert ended(dana) < promise.begin + 2.0


def test_updates_come_as_often_as_the_flow_says(endless: Played) -> None:
    begins = [s.begin for s in said(endless, "still trying Dana")]
    assert begins[0] - music(endless)[0].begin == pytest.approx(10.0, abs=2.5)
    assert [b - a for a, b in pairwise(begins)] == pytest.approx([10.0] * 3, abs=2.5)


# ---- the office's own music ------------------------------------------------------------------------------------------

PITCH = 410.0
SECONDS = 3.0


def tune(rate: int) -> list[int]:
    """A tone that everybody would know again, at -11 dBFS."""
    return [round(9000 * math.sin(math.tau * PITCH * n / rate)) for n in range(round(rate * SECONDS))]


def wav(data: bytes, *, tag: int, channels: int, rate: int, bits: int) -> bytes:
    align = channels * bits // 8
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, tag, channels, rate, rate * align, align, bits)
    body = head + struct.pack("<4sI", b"data", len(data)) + data
    return struct.pack("<4sI4s", b"RIFF", 4 + len(body), b"WAVE") + body


def pcm(samples: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(samples)}h", *samples)


FILES = {
    "8-bit": wav(bytes((s >> 8) + 128 for s in tune(8000)), tag=1, channels=1, rate=8000, bits=8),
    "16-bit": wav(pcm(tune(16000)), tag=1, channels=1, rate=16000, bits=16),
    "mu-law": wav(encode(tune(8000)), tag=7, channels=1, rate=8000, bits=8),
    "44.1 kHz stereo": wav(pcm([s for s in tune(44100) for _ in "lr"]), tag=1, channels=2, rate=44100, bits=16),
}


PARKED = "44.1 kHz stereo"  # the carrier fetches the music itself there, whatever file it was


@pytest.mark.parametrize(("kind", "stays"), [*((kind, "true") for kind in FILES), (PARKED, "false")])
def test_the_offices_own_music_is_what_the_caller_hears(kind: str, stays: str, tmp_path: Path) -> None:
    (tmp_path / "ours.wav").write_bytes(FILES[kind])
    run = play(
        [{"presses": "0"}, {"hears": "half a minute"}, {"waits": "8s"}, {"hangs_up": "true"}],
        {"Dana": "no answer"},
        tmp_path,
        hold={"music": "ours.wav", "receptionist_stays": stays},
    )
    (played_,) = music(run)
    begin = frame_at(run, played_.begin) * FRAME
    sound = decode(bytes(caller_of(run).heard_audio[begin + FRAME : begin + FRAME + 6 * RATE]))  # two rounds of it
    assert len(sound) == 6 * RATE
    assert level(sound) == pytest.approx(9000 / math.sqrt(2), rel=0.1)
    assert carried(sound, PITCH) > 0.95, "it is another sound"
    assert max(abs(b - a) for a, b in pairwise(sound)) < 4500, "it clicks"


def level(sound: Sequence[int]) -> float:
    return math.sqrt(sum(s * s for s in sound) / len(sound))


def carried(sound: Sequence[int], pitch: float) -> float:
    """How much of the sound's power is at this pitch, looked at a tenth of a second at a time."""
    pieces = [sound[at : at + RATE // 10] for at in range(0, len(sound), RATE // 10)]
    return sum(_at(piece, pitch) for piece in pieces) / sum(s * s for s in sound)


def _at(piece: Sequence[int], pitch: float) -> float:
    turns = [math.tau * pitch * n / RATE for n in range(len(piece))]
    sine = sum(s * math.sin(t) for s, t in zip(piece, turns, strict=True))
    cosine = sum(s * math.cos(t) for s, t in zip(piece, turns, strict=True))
    return 2 * (sine * sine + cosine * cosine) / len(piece)
