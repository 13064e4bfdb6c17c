"""What a party heard, read off the audio."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from flowengine.sandbox.carrier.heard import segments
from flowengine.sandbox.carrier.tones import wait_music
from flowengine.sandbox.speech import FRAME, SILENCE, find_words, mix, murmur, speak

HI, BYE = speak("Hi, how are you?", "agent", 1), speak("Goodbye then.", "staff", 1)
QUIET = SILENCE * 50


def kinds(heard: bytes, spoken: bytes = b"") -> list[tuple[str, str]]:
    return [(s.what, s.text) for s in segments(heard, spoken.ljust(len(heard), b"\xff"))]


def test_words_are_one_segment_an_utterance_and_the_rest_is_silence() -> None:
    again = speak("Hi, how are you?", "agent", 2)
    assert kinds(QUIET + HI + again + QUIET + BYE) == [
        ("silence", ""), ("agent", "Hi, how are you?"), ("agent", "Hi, how are you?"), ("silence", ""),
        ("staff", "Goodbye then."),
    ]  # fmt: skip


def test_unsigned_sound_is_music_in_one_piece() -> None:
    pauses = murmur(1.0, 1) + SILENCE * 20 + murmur(1.0, 2)
    assert kinds(QUIET + pauses + QUIET) == [("silence", ""), ("music", ""), ("silence", "")]
    assert kinds(wait_music() * 4) == [("music", "")]


def test_her_own_voice_is_self_even_over_music_but_not_over_speech() -> None:
    own = speak("Hello?", "caller", 1)
    assert kinds(QUIET * 2, QUIET + own) == [("silence", ""), ("self", ""), ("silence", "")]
    music = murmur(3.0, 1)
    assert kinds(music, QUIET + own) == [("music", ""), ("self", ""), ("music", "")]
    assert kinds(HI, SILENCE * 10 + own) == [("agent", "Hi, how are you?")]


def test_a_damaged_word_is_absent_and_its_sound_still_belongs_to_the_speaker() -> None:
    frames = [HI[at : at + FRAME] for at in range(0, len(HI), FRAME)]
    for lost in (5, len(frames) // 2, len(frames) - 6):
        damaged = b"".join(SILENCE if n == lost else f for n, f in enumerate(frames))
        ((what, text),) = kinds(damaged)
        assert what == "agent"
        assert len(text.split()) == 3


def test_a_sentence_cut_off_ends_where_the_sound_ends() -> None:
    cut = HI[: len(HI) * 2 // 3 // FRAME * FRAME]
    (agent, silence) = segments(cut + QUIET, SILENCE * ((len(cut) + len(QUIET)) // FRAME))
    assert agent.seconds == len(cut) / 8000
    assert silence.what == "silence"


def test_a_sentence_cut_off_by_another_keeps_its_words_apart() -> None:
    cut = HI[: len(HI) // 2 // FRAME * FRAME]
    (agent, staff) = segments(cut + BYE, SILENCE * ((len(cut) + len(BYE)) // FRAME))
    assert (agent.what, agent.seconds) == ("agent", len(cut) / 8000)
    assert (staff.what, staff.text) == ("staff", "Goodbye then.")


def test_nothing_at_all() -> None:
    assert segments(b"", b"") == []


PIECES = {
    "hi": HI,
    "bye": BYE,
    "quiet": QUIET,
    "blip": SILENCE * 3,
    "music": murmur(0.5, 3),
    "more": murmur(1.4, 4),
    "both": mix([HI[: FRAME * 20], BYE[: FRAME * 20]]),
}
names = st.lists(st.sampled_from(sorted(PIECES)), max_size=8)


@settings(max_examples=60)
@given(names, names)
def test_segments_always_tile(heard: list[str], spoken: list[str]) -> None:
    one, other = (b"".join(map(PIECES.__getitem__, n)) for n in (heard, spoken))
    length = max(len(one), len(other))
    at = 0.0
    for segment in segments(one.ljust(length, b"\xff"), other.ljust(length, b"\xff")):
        assert abs(segment.at - at) < 1e-6
        assert segment.seconds > 0
        at += segment.seconds
    assert abs(at - length / 8000) < 1e-6


# ---- what was broken off ---------------------------------------------------------------------------------------------


def clipped(heard: bytes, spoken: bytes = b"", acts: tuple[float, ...] = ()) -> list[str]:
    return [s.what for s in segments(heard, spoken.ljust(len(heard), b"\xff"), acts) if s.clipped]


CUT = HI[: len(HI) * 2 // 3 // FRAME * FRAME]


def test_a_sentence_heard_whole_is_not_clipped_even_when_it_is_said_again() -> None:
    assert clipped(QUIET + HI + HI + QUIET + HI) == []
    assert kinds(HI + HI) == [("agent", "Hi, how are you?")] * 2


def test_a_sentence_without_its_end_its_beginning_or_its_middle_is_clipped() -> None:
    frames = [HI[at : at + FRAME] for at in range(0, len(HI), FRAME)]
    middle = b"".join(SILENCE if n == len(frames) // 2 else f for n, f in enumerate(frames))
    for damaged in (CUT, HI[len(HI) // 2 // FRAME * FRAME :], middle):
        assert clipped(QUIET + damaged + QUIET) == ["agent"]


def test_who_speaks_presses_a_key_or_hangs_up_breaks_it_off_herself() -> None:
    own = speak("Wait.", "caller", 1)
    until = len(QUIET + CUT)
    assert clipped(QUIET + CUT + QUIET * 3, SILENCE * (until // FRAME - 20) + own) == []
    assert clipped(QUIET + CUT + QUIET * 3, SILENCE * (until // FRAME + 60) + own) == ["agent"], "long after it"
    assert clipped(QUIET + CUT + QUIET, acts=(until / 8000 - 0.2,)) == []
    assert clipped(QUIET + CUT + QUIET, acts=(0.1,)) == ["agent"]


def test_a_sentence_that_goes_on_after_another_voice_is_whole() -> None:
    words = find_words(HI)
    at = words[1].end
    assert clipped(HI[:at] + BYE + HI[at:]) == []
    assert clipped(HI[:at] + BYE + HI[words[2].end :]) == ["agent", "agent"]
