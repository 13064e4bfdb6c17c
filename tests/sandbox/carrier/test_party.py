"""People on the phone: when they speak, what they wait for, what they press."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from flowengine.sandbox.carrier import (
    Act,
    HangsUp,
    Interrupts,
    Party,
    Plays,
    Presses,
    PressesAsked,
    Says,
    Turn,
    Until,
    Waits,
    caller,
    staff,
)
from flowengine.sandbox.carrier.party import CEILING, Outcome
from flowengine.sandbox.speech import FRAME, SILENCE, find_words, murmur, speak

Heard = list[tuple[float, bytes]]  # when somebody else begins to say what


class Stage:
    """Runs one person against what others say, without a carrier."""

    def __init__(self, party: Party, heard: Heard, joined_at: float = 0.0) -> None:
        self._line = party.pick_up(1, bytes)
        self._other = bytearray()
        for at, audio in heard:
            self._other += SILENCE * (round(at * 50) - len(self._other) // FRAME) + audio
        self._joined_at = joined_at
        self.said = bytearray()
        self.keys: list[tuple[float, str]] = []
        self.hung_up_at: float | None = None

    def run(self, seconds: float) -> Stage:
        for n in range(round(seconds * 50)):
            frame = bytes(self._other[n * FRAME : (n + 1) * FRAME]).ljust(FRAME, b"\xff")
            turn: Turn = self._line.turn(frame, n / 50 >= self._joined_at)
            self.said += turn.audio
            self.keys += [(n / 50, key) for key in turn.keys]
            if turn.hangs_up:
                self.hung_up_at = n / 50
                break
        return self

    def words(self) -> list[tuple[float, str]]:
        return [(w.start / 8000, w.text) for w in find_words(self.said)]

    def began(self) -> float:
        return self.words()[0][0]


def greeting(text: str = "Hello there, how can I help?") -> bytes:
    return speak(text, "agent", 3)


def play(acts: Sequence[Act], heard: Heard, seconds: float = 30.0) -> Stage:
    return Stage(caller(acts), heard).run(seconds)


def test_she_waits_for_the_greeting_and_a_free_line() -> None:
    audio = greeting()
    stage = play([Says("My crown fell out.")], [(2.0, audio)])
    assert stage.began() == pytest.approx(2.0 + len(audio) / 8000 + 0.7, abs=0.1)
    assert [text for _, text in stage.words()] == ["My", "crown", "fell", "out."]


def test_she_lets_two_sentences_pass_as_one() -> None:
    first, second = greeting(), speak("Please tell me.", "agent", 4)
    at = 1.0 + len(first) / 8000 + 0.4
    stage = play([Says("Yes.")], [(1.0, first), (at, second)])
    assert stage.began() > at + len(second) / 8000


def test_music_is_nobody_speaking() -> None:
    audio = greeting()
    stage = play([Says("Are you there?")], [(1.0, audio), (1.2 + len(audio) / 8000, murmur(20, 1))])
    assert stage.began() == pytest.approx(1.0 + len(audio) / 8000 + 1.3, abs=0.2)


def test_she_speaks_after_a_while_though_nobody_does() -> None:
    assert play([Says("Hello?")], []).began() == pytest.approx(CEILING, abs=0.1)


def test_between_two_sentences_she_waits_for_an_answer() -> None:
    answer = speak("What is your name?", "agent", 4)
    stage = play([Says("I need help."), Says("Maria Lopez.")], [(0.5, greeting()), (9.0, answer)])
    maria = next(at for at, text in stage.words() if text == "Maria")
    assert maria == pytest.approx(9.0 + len(answer) / 8000 + 0.7, abs=0.1)


def test_she_interrupts() -> None:
    stage = play([Interrupts("Wait.", after=1.0)], [(2.0, greeting())])
    assert stage.began() == pytest.approx(3.0, abs=0.1)


def test_she_listens_for_words_and_presses_keys_at_once() -> None:
    audio = greeting("Press nine for teeth.")
    stage = play([Until("NINE for"), Presses("9"), Waits(1.0), HangsUp(after=0.5)], [(1.0, audio)])
    ((pressed, key),) = stage.keys
    assert key == "9"
    assert 1.0 < pressed < 1.0 + len(audio) / 8000
    assert stage.hung_up_at == pytest.approx(pressed + 1.5, abs=0.1)


def test_until_gives_up_and_does_not_count_what_was_heard_before_her_last_act() -> None:
    stage = play([Says("One."), Until("hello", within=5.0), Presses("1")], [(1.0, greeting())])
    ((pressed, _),) = stage.keys
    assert pressed > stage.began() + 5.0


def test_she_plays_a_recording_and_stays_on_the_line() -> None:
    recording = murmur(1.0, 2)
    stage = Stage(caller([Plays(recording)], stays=5.0), [(0.5, greeting())]).run(60)
    assert recording in bytes(stage.said)
    assert stage.hung_up_at is not None
    assert stage.hung_up_at == pytest.approx(stage.said.find(recording) / 8000 + 6.0, abs=0.2)


PROMPT = speak("Call from Maria Lopez. Press one to accept.", "notice", 9)


def test_who_accepts_presses_one_after_the_prompt_and_speaks_in_the_room() -> None:
    stage = Stage(staff(acts=[Says("Hi Maria.")], hello=False), [(1.0, PROMPT)], joined_at=10.0).run(20)
    ((pressed, key),) = stage.keys
    assert key == "1"
    assert pressed == pytest.approx(1.0 + len(PROMPT) / 8000 + 0.4, abs=0.1)
    assert stage.began() == pytest.approx(11.0, abs=0.1)


def test_who_declines_presses_two_and_a_machine_presses_nothing() -> None:
    assert [k for _, k in Stage(staff("declined"), [(1.0, PROMPT)], joined_at=99).run(20).keys] == ["2"]
    machine = Stage(staff("voicemail"), [(1.0, PROMPT)], joined_at=99).run(20)
    assert machine.keys == []
    assert machine.words()[0][1] == "You"


def test_nobody_presses_a_key_nobody_asked_for() -> None:
    asked_by_a_caller = speak("Press one.", "caller", 9)
    assert Stage(staff(), [(1.0, asked_by_a_caller)], joined_at=99).run(20).keys == []


def test_who_accepts_is_not_left_alone_for_ever() -> None:
    assert Stage(staff(stays=20.0), [(1.0, PROMPT)], joined_at=99).run(60).hung_up_at == pytest.approx(20, abs=0.2)


@pytest.mark.parametrize(
    ("outcome", "pickup", "machine"),
    [
        ("accepts", "answers", False), ("declined", "answers", False), ("voicemail", "answers", True),
        ("no answer", "rings", False), ("busy", "busy", False), ("fails", "fails", False),
    ],
)  # fmt: skip
def test_what_a_phone_does_when_it_rings(outcome: Outcome, pickup: str, machine: bool) -> None:
    phone = staff(outcome, after=3.0).pickup
    assert (phone.outcome, phone.machine) == (pickup, machine)


def test_a_phone_can_be_picked_up_again() -> None:
    party = staff(hello=True)
    first, second = Stage(party, [], 99).run(3), Stage(party, [], 99).run(3)
    assert [t for _, t in first.words()] == [t for _, t in second.words()] == ["Hello?"]


def test_somebody_hangs_up_come_what_may() -> None:
    stage = Stage(staff(hangs_up_after=2.0), [(1.0, PROMPT)], 99).run(20)
    assert stage.hung_up_at == pytest.approx(2.0, abs=0.05)


# ---- what staff do before they are in the room -----------------------------------------------------------------------

AGAIN = speak("Press one to accept, or two if you cannot.", "notice", 10)
PULSE = speak("Pulse uno para atender la llamada.", "notice", 11)


def alone(heard: Heard, seconds: float = 25.0, **given: Any) -> Stage:
    """Somebody at work who never gets into a room."""
    return Stage(staff(**{"hello": False, **given}), heard, joined_at=99).run(seconds)


def test_keys_of_their_own_are_pressed_one_for_each_question() -> None:
    stage = alone([(1.0, PROMPT), (9.0, AGAIN)], before=[PressesAsked("7"), PressesAsked("1")], key="")
    (first, seven), (second, one) = stage.keys
    assert (seven, one) == ("7", "1")
    assert first == pytest.approx(1.0 + len(PROMPT) / 8000 + 0.4, abs=0.1)
    assert second == pytest.approx(9.0 + len(AGAIN) / 8000 + 0.4, abs=0.1)


def test_somebody_may_never_press_a_key_and_somebody_at_once() -> None:
    assert alone([(1.0, PROMPT)], key="").keys == []
    stage = alone([(1.0, PROMPT)], before=[Until("Maria"), Presses("1")], key="")
    assert stage.keys[0][0] < 1.0 + len(PROMPT) / 8000


def test_a_key_is_asked_for_in_spanish_as_well() -> None:
    assert [key for _, key in alone([(1.0, PULSE)]).keys] == ["1"]


def test_who_declines_with_a_key_puts_the_phone_down_and_who_says_why_stays() -> None:
    stage = alone([(1.0, PROMPT), (6.5, AGAIN)], outcome="declined")
    assert [key for _, key in stage.keys] == ["2"]
    assert stage.hung_up_at == pytest.approx(stage.keys[0][0] + 2.5, abs=0.1)
    talks = alone(
        [(1.0, PROMPT), (6.5, AGAIN)], outcome="declined", before=[PressesAsked("2"), PressesAsked("1")], key=""
    )
    assert [key for _, key in talks.keys] == ["2", "1"]
    assert talks.hung_up_at is None


def test_somebody_asks_and_answers_before_they_meet_and_then_talks() -> None:
    answer = speak("A crown fell out.", "agent", 12)
    asks = [Says("What is it about?"), Says("Put them through.")]
    briefing = speak("Maria Lopez. Shall I put them through?", "agent", 9)
    party = staff(before=asks, acts=[Says("Hello Maria.")])
    stage = Stage(party, [(1.5, briefing), (8.0, answer)], joined_at=16.0).run(25)
    said = " ".join(text for _, text in stage.words())
    assert said == "Hello? What is it about? Put them through. Hello Maria."
    assert stage.keys == []
    hello = next(at for at, text in stage.words() if text == "Hello")
    assert hello == pytest.approx(17.0, abs=0.2)


def test_a_machine_is_deaf_while_it_greets_and_its_greeting_may_be_long() -> None:
    greeting = "You have reached Dana. " * 12
    party = staff("voicemail", after=1.0, greeting=greeting)
    line = party.pick_up(1, bytes)
    deaf = [line.turn(SILENCE, False).deaf for _ in range(1500)]
    assert party.pickup.after == 1.0
    assert deaf.index(False) * 0.02 == pytest.approx(party.pickup.greets_for, abs=0.1)
    assert 15 < party.pickup.greets_for < 25
    assert True not in deaf[deaf.index(False) :]
