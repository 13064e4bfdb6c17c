"""What is spoken is heard exactly, what was damaged is not heard, and nothing else ever is."""

from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowengine.sandbox.sound import LINEAR, encode
from flowengine.sandbox.speech import (
    FRAME,
    RATE,
    SILENCE,
    Ear,
    Word,
    find_words,
    is_voiced,
    mix,
    murmur,
    read_wav,
    speak,
)

CROWN = "My crown just fell out, and I'm flying tomorrow morning."
words = st.lists(st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=12), min_size=1, max_size=5)
sentences = words.map(lambda parts: " ".join(" ".join(parts).split())).filter(bool)


def frames(audio: bytes) -> list[bytes]:
    return [audio[i : i + FRAME] for i in range(0, len(audio), FRAME)]


def said(found: list[Word]) -> str:
    return " ".join(word.text for word in found)


def heard(audio: bytes) -> list[str]:
    return [word.text for word in find_words(audio)]


@given(sentences, st.sampled_from(["caller", "staff", "agent", "notice"]), st.integers(0, 65535))
def test_a_sentence_comes_back_exactly(text: str, speaker: str, utterance: int) -> None:
    audio = speak(text, speaker, utterance)
    found = find_words(audio)
    assert said(found) == text
    assert {(w.speaker, w.utterance, w.count) for w in found} == {(speaker, utterance, len(found))}
    assert [w.index for w in found] == list(range(len(found)))
    assert len(audio) % FRAME == 0
    assert 0x7F not in audio


def test_the_words_tile_the_utterance_at_a_natural_pace() -> None:
    audio = speak(CROWN, "caller", 1)
    found = find_words(audio)
    assert [w.start for w in found] == [0, *(w.end for w in found[:-1])]
    assert found[-1].end == len(audio) - FRAME
    assert audio.endswith(SILENCE)
    assert 2.0 < len(found) / (len(audio) / RATE) < 3.2
    assert all(is_voiced(frame) for frame in frames(audio)[:-1])


def test_speech_is_about_minus_20_dbfs() -> None:
    samples = [LINEAR[b] for b in speak(CROWN, "agent", 1)[:-FRAME]]
    rms = (sum(s * s for s in samples) / len(samples)) ** 0.5
    assert 0.05 < rms / 32768 < 0.15


def test_an_unknown_speaker_is_refused() -> None:
    with pytest.raises(ValueError, match="no speaker 'nurse'"):
        speak("Hello", "nurse", 1)


def test_no_words_are_no_audio() -> None:
    assert speak("  ", "agent", 1) == b""


def test_a_very_long_word_is_cut_between_characters() -> None:
    word = "ä" * 150 + "b" * 150
    found = find_words(speak(word, "caller", 9))
    assert "".join(w.text for w in found) == word
    assert len(found) == 3
    assert all(len(w.text.encode()) <= 200 for w in found)


@given(st.binary(max_size=400), st.integers(0, 40))
def test_a_record_is_found_at_any_byte_offset(before: bytes, quiet: int) -> None:
    audio = before + b"\xff" * quiet + speak("Hello there", "agent", 5) + b"\xff" * quiet
    found = find_words(audio)
    assert said(found) == "Hello there"
    assert found[0].start == len(before) + quiet


@given(st.lists(st.integers(1, 700), min_size=1, max_size=30))
def test_a_stream_in_pieces_of_any_size_is_heard_as_the_whole(sizes: list[int]) -> None:
    audio = murmur(0.3, 3) + speak("Hold on please.", "staff", 2) + SILENCE * 3 + speak("Yes?", "caller", 3)
    ear, found, at = Ear(), [], 0
    while at < len(audio):
        for size in sizes:
            found += ear.feed(audio[at : at + size])
            at += size
    assert found == find_words(audio)
    assert said(found) == "Hold on please. Yes?"


def test_the_ear_forgets_what_it_no_longer_needs() -> None:
    ear = Ear()
    for _ in range(40):
        ear.feed(speak(CROWN, "caller", 1) + murmur(1, 4))
    assert len(ear._audio) < 4 * FRAME


def test_a_whole_utterance_is_reported_with_its_last_byte() -> None:
    assert said(Ear().feed(speak(CROWN, "caller", 1))) == CROWN


# --- damage ---------------------------------------------------------------------------------------------------------

AUDIO = speak(CROWN, "caller", 1)
SPOKEN = frames(AUDIO)[:-1]  # the last frame is the silence after the speech
WORDS = CROWN.split()


def word_at(frame: int) -> int:
    return next(w.index for w in find_words(AUDIO) if w.start <= frame * FRAME < w.end)


def is_damaged(audio: bytes, *touched: int) -> bool:
    """At least one word is missing, only words that were there are heard, each at most once and in order."""
    indices = [w.index for w in find_words(audio)]
    texts = heard(audio)
    in_order = indices == sorted(set(indices)) and texts == [WORDS[i] for i in indices]
    return in_order and bool(set(touched) - set(indices))


@pytest.mark.parametrize("at", range(len(SPOKEN)))
def test_losing_any_frame_loses_its_word(at: int) -> None:
    lost = b"".join(SPOKEN[:at] + SPOKEN[at + 1 :]) + SILENCE
    assert heard(lost) == WORDS[: word_at(at)] + WORDS[word_at(at) + 1 :]


@pytest.mark.parametrize("at", range(len(SPOKEN)))
def test_playing_any_frame_twice_is_heard(at: int) -> None:
    doubled = b"".join(SPOKEN[: at + 1] + SPOKEN[at:]) + SILENCE
    assert heard(doubled) == WORDS[: word_at(at)] + WORDS[word_at(at) + 1 :]


@given(st.integers(0, len(SPOKEN) - 1), st.integers(0, len(SPOKEN) - 1))
def test_swapping_two_frames_loses_both_words(one: int, other: int) -> None:
    if one == other:
        return
    swapped = list(SPOKEN)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    assert is_damaged(b"".join(swapped) + SILENCE, word_at(one))
    assert is_damaged(b"".join(swapped) + SILENCE, word_at(other))


@given(st.integers(0, len(SPOKEN) - 1), st.sampled_from([SILENCE, murmur(0.02, 8), speak("No", "staff", 7)[:FRAME]]))
def test_a_frame_covered_by_anything_else_loses_its_word(at: int, cover: bytes) -> None:
    assert is_damaged(b"".join([*SPOKEN[:at], cover, *SPOKEN[at + 1 :]]) + SILENCE, word_at(at))


@given(st.integers(0, len(SPOKEN) - 1))
def test_a_clipped_frame_loses_its_word(at: int) -> None:
    clipped = encode([max(-1500, min(1500, LINEAR[b])) for b in SPOKEN[at]])
    if clipped != SPOKEN[at]:
        assert is_damaged(b"".join([*SPOKEN[:at], clipped, *SPOKEN[at + 1 :]]) + SILENCE, word_at(at))


@given(st.integers(1, FRAME - 1), st.integers(0, len(SPOKEN) - 2), st.sampled_from(["lost", "twice"]))
def test_frames_that_do_not_begin_where_words_do_are_missed_as_well(shift: int, at: int, how: str) -> None:
    pieces = frames(murmur(0.04, 1) + SILENCE[:shift] + AUDIO + SILENCE)
    at += 3  # the first frame that is speech throughout is the fourth
    played = pieces[:at] + pieces[at + 1 :] if how == "lost" else pieces[: at + 1] + pieces[at:]
    found = find_words(b"".join(played))
    assert len(found) < len(WORDS)
    assert [w.text for w in found] == [WORDS[w.index] for w in found]
    assert len({w.index for w in found}) == len(found)


@settings(max_examples=30)
@given(st.binary(min_size=2000, max_size=6000))
def test_noise_is_not_speech(noise: bytes) -> None:
    assert find_words(noise) == []


# --- together -------------------------------------------------------------------------------------------------------


def test_sentences_between_silence_and_murmur_are_all_heard() -> None:
    spoken = [speak("One.", "agent", 1), SILENCE * 5, speak("Two.", "caller", 2), speak("Three.", "agent", 3)]
    parts = [murmur(0.5, 1), *spoken]
    assert heard(b"".join([*parts, murmur(0.5, 2)])) == ["One.", "Two.", "Three."]
    trimmed = b"".join(part.removesuffix(SILENCE) for part in parts)
    assert heard(trimmed + murmur(0.5, 2)) == ["One.", "Two.", "Three."]


def test_mixing_with_silence_changes_no_byte() -> None:
    for frame in SPOKEN:
        assert mix([SILENCE, frame, SILENCE]) == frame
    assert mix([]) == mix([SILENCE, SILENCE]) == SILENCE


def test_a_voice_that_starts_inside_a_frame_keeps_the_records_it_does_not_touch() -> None:
    late = frames(b"\xff" * 77 + AUDIO + b"\xff" * 83)
    early = frames(speak("Okay.", "staff", 6))
    early += [SILENCE] * (len(late) - len(early))
    mixed = b"".join(mix([one, other, SILENCE]) for one, other in zip(late, early, strict=True))
    assert heard(mixed) == WORDS[-len(heard(mixed)) :] != []
    assert "Okay." not in heard(mixed)


def test_two_voices_at_once_damage_each_other() -> None:
    other = frames(speak("And then we went to the seaside for the whole long weekend together", "staff", 2))
    mixed = b"".join(mix([mine, theirs]) for mine, theirs in zip(SPOKEN, other, strict=False))
    assert heard(mixed) == []


@given(st.lists(st.binary(min_size=FRAME, max_size=FRAME), min_size=1, max_size=4))
def test_mixing_is_the_clipped_linear_sum(parts: list[bytes]) -> None:
    sums = [max(-32768, min(32767, sum(LINEAR[b] for b in at))) for at in zip(*parts, strict=True)]
    mixed = [LINEAR[b] for b in mix(parts)]
    assert all(abs(got - want) <= 40 + abs(want) * 0.04 for got, want in zip(mixed, sums, strict=True))


def test_frames_of_different_length_cannot_be_mixed() -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"):
        mix([SPOKEN[0], SPOKEN[1][:80]])


def test_quiet_and_loud() -> None:
    def tone(level: int) -> bytes:
        return encode([level if i % 20 < 10 else -level for i in range(FRAME)])

    assert not is_voiced(SILENCE)
    assert not is_voiced(b"")
    assert not is_voiced(tone(200))  # -44 dBFS
    assert is_voiced(tone(500))  # -36 dBFS
    assert not is_voiced(encode([30000] + [0] * (FRAME - 1)))  # a click


def test_a_murmur_is_voiced_and_without_words() -> None:
    sound = murmur(2.0, 11)
    assert len(sound) == 2 * RATE
    assert sum(map(is_voiced, frames(sound))) > 95
    assert find_words(sound) == []
    assert sound == murmur(2.0, 11) != murmur(2.0, 12)


# --- recordings -----------------------------------------------------------------------------------------------------


def wav(path: Path, tag: int, channels: int, rate: int, bits: int, data: bytes) -> Path:
    block = channels * bits // 8
    header = struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits)
    if tag == 0xFFFE:
        guid = bytes.fromhex("0100000000001000800000aa00389b71")
        header += struct.pack("<HHI", 22, bits, 3) + guid
    odd = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    chunks = (name + struct.pack("<I", len(part)) + part for name, part in ((b"fmt ", header), (b"data", data)))
    body = b"WAVE" + odd + b"".join(chunks)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def tone(rate: int, seconds: float = 0.5, hz: int = 400) -> list[int]:
    return [12000 if (i * hz * 2 // rate) % 2 else -12000 for i in range(int(seconds * rate))]


def pcm(samples: list[int], bits: int, channels: int = 1) -> bytes:
    two = [struct.pack("<h", s) for s in samples]
    one = {8: [bytes([(s >> 8) + 128]) for s in samples], 16: two, 24: [b"\0" + s for s in two]}
    return b"".join(s * channels for s in one[bits])


@pytest.mark.parametrize("tag", [1, 0xFFFE])
@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100, 48000])
@pytest.mark.parametrize(("bits", "channels"), [(8, 1), (16, 1), (16, 2), (24, 2)])
def test_recordings_of_every_usual_kind_are_read(tmp_path: Path, tag: int, rate: int, bits: int, channels: int) -> None:
    audio = read_wav(wav(tmp_path / "a.wav", tag, channels, rate, bits, pcm(tone(rate), bits, channels)))
    assert abs(len(audio) - RATE // 2) <= FRAME
    assert len(audio) % FRAME == 0
    middle = [LINEAR[b] for b in audio[400:3600]]
    crossings = sum(one < 0 <= other for one, other in pairwise(middle))
    assert 158 <= crossings <= 162  # 400 Hz for 0.4 s
    assert all(map(is_voiced, frames(audio)[1:-1]))


def test_a_tone_too_high_for_the_telephone_is_filtered_out(tmp_path: Path) -> None:
    audio = read_wav(wav(tmp_path / "a.wav", 1, 1, 48000, 16, pcm(tone(48000, hz=12000), 16)))
    assert not any(map(is_voiced, frames(audio)[1:-1]))


def test_a_tape_of_emulated_speech_is_not_understood(tmp_path: Path) -> None:
    audio = read_wav(wav(tmp_path / "a.wav", 7, 1, RATE, 8, AUDIO))
    assert len(audio) == len(AUDIO)
    assert sum(map(is_voiced, frames(audio))) == len(SPOKEN)
    assert find_words(audio) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"ID3 not at all", "not a WAV"),
        (b"RIFF\0\0\0\0WAVE", "without a format"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_wav(path)


@pytest.mark.parametrize(("tag", "channels", "rate", "bits"), [(3, 1, 8000, 32), (1, 6, 48000, 16), (1, 1, 96000, 16)])
def test_other_kinds_of_recording_are_refused(tmp_path: Path, tag: int, channels: int, rate: int, bits: int) -> None:
    with pytest.raises(ValueError, match=r"not read here|are read"):
        read_wav(wav(tmp_path / "a.wav", tag, channels, rate, bits, b"\0" * 64))
