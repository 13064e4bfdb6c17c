"""Hold music: our own piece, other people's files, and the loop that never ends."""

from __future__ import annotations

import math
import struct
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowengine.flow.wav_header import UnusableSound
from flowengine.runtime import mulaw
from flowengine.runtime.music import (
    MOST_PAUSE,
    Feed,
    Loop,
    MusicError,
    NotMusic,
    built_in_music,
    load_music,
    playable,
    seamless,
)
from flowengine.runtime.wav import read_wav
from flowengine.sandbox import sound
from flowengine.sandbox.speech import find_words, murmur, speak

# ---- mu-law ----------------------------------------------------------------------------------------------------------


def test_samples_are_coded_as_the_standard_says() -> None:
    """Against the emulator's tables, which were written apart from ours."""
    assert list(mulaw.decode(bytes(range(256)))) == list(sound.LINEAR)
    samples = range(-32768, 32768, 7)
    assert mulaw.encode(samples).replace(b"\x7f", b"\xff") == sound.encode(samples)


def test_too_loud_is_clipped() -> None:
    assert mulaw.encode([99_999, -99_999]) == mulaw.encode([32767, -32768])


@given(st.binary(min_size=1, max_size=400))
def test_decoding_and_encoding_changes_nothing(audio: bytes) -> None:
    assert mulaw.encode(mulaw.decode(audio)).replace(b"\x7f", b"\xff") == audio.replace(b"\x7f", b"\xff")


def tone(level: float, seconds: float = 1.0, pitch: float = 440.0, rate: int = 8000) -> list[int]:
    """A sine at `level` dBFS rms."""
    top = 32768 * 10 ** (level / 20) * math.sqrt(2)
    return [round(top * math.sin(math.tau * pitch * n / rate)) for n in range(round(seconds * rate))]


def test_loudness_is_measured_in_dbfs() -> None:
    assert mulaw.loudness(mulaw.encode(tone(-20))) == pytest.approx(-20, abs=0.1)
    assert mulaw.loudness(b"\xff" * 160) == -math.inf
    assert mulaw.loudness(b"") == -math.inf


@pytest.mark.parametrize(("level", "voiced"), [(-20, True), (-38, True), (-42, False), (-60, False)])
def test_the_gate_opens_at_minus_40_dbfs(level: float, voiced: bool) -> None:
    audio = mulaw.encode(tone(level))
    assert {mulaw.is_voiced(audio[at : at + 160]) for at in range(0, 8000, 160)} == {voiced}


def test_a_single_click_is_not_a_voice() -> None:
    assert not mulaw.is_voiced(b"\xff" * 80 + b"\x00" + b"\xff" * 79)
    assert not mulaw.is_voiced(b"\xff" * 160)
    assert not mulaw.is_voiced(b"")


def test_speech_is_voiced() -> None:
    speech = speak("Hello there, my crown just fell out", "caller", 1)
    frames = [speech[at : at + 160] for at in range(0, len(speech), 160)]
    assert sum(map(mulaw.is_voiced, frames)) > 0.95 * len(frames)
    assert [mulaw.is_voiced(frame) for frame in frames] == [sound.is_voiced(frame) for frame in frames]


def test_trimming_leaves_40_ms_and_every_word() -> None:
    speech = speak("Hello there", "agent", 1)
    trimmed = mulaw.trimmed(b"\xff\x7e" * 4000 + speech + b"\xff" * 8000)
    assert [word.text for word in find_words(trimmed)] == ["Hello", "there"]
    assert len(trimmed) <= len(speech) + 640
    assert mulaw.trimmed(speech) == speech
    assert mulaw.trimmed(b"\xff" * 800) == b""
    assert mulaw.trimmed(b"") == b""


# ---- our own piece ---------------------------------------------------------------------------------------------------


def test_our_music_is_twenty_seconds_at_minus_20_dbfs_without_a_pause() -> None:
    music = built_in_music()
    assert len(music) == 20 * 8000
    assert mulaw.loudness(music) == pytest.approx(-20, abs=0.5)
    levels = [mulaw.loudness(music[at : at + 160]) for at in range(0, len(music), 160)]
    assert min(levels) > -30, "a party that hears it never hears silence"
    assert max(map(abs, mulaw.decode(music))) < 32000, "nothing is clipped"


def steps(audio: bytes) -> list[int]:
    """From each sample to the next: a click is a large one."""
    return [abs(after - before) for before, after in pairwise(mulaw.decode(audio))]


def around_seam(audio: bytes, near: int) -> int:
    """The largest step where the end meets the beginning, within so many samples."""
    return max(steps(audio[-near:] + audio[:near]))


def test_our_music_goes_round_without_a_click() -> None:
    assert around_seam(built_in_music(), 5) < max(steps(built_in_music())) / 2


def test_our_music_says_nothing() -> None:
    assert find_words(built_in_music()) == []


# ---- the loop --------------------------------------------------------------------------------------------------------


def test_a_loop_goes_on_and_on() -> None:
    loop = Loop(b"abcde")
    assert [loop.next(3), loop.next(3), loop.next(0), loop.next(12)] == [b"abc", b"dea", b"", b"bcdeabcdeabc"]
    with pytest.raises(ValueError, match="sound"):
        Loop(b"")


@given(st.binary(min_size=1, max_size=50), st.lists(st.integers(0, 120), max_size=20))
def test_a_loop_loses_and_doubles_nothing(audio: bytes, lengths: list[int]) -> None:
    loop = Loop(audio)
    got = b"".join(loop.next(length) for length in lengths)
    assert got == (audio * (sum(lengths) // len(audio) + 1))[: sum(lengths)]


@pytest.mark.parametrize("pitch", [110.05, 220.05, 440.05])
def test_a_piece_that_does_not_fit_itself_is_joined_without_a_click(pitch: float) -> None:
    """It ends at the top of a wave and begins in the middle of one."""
    piece = mulaw.encode(tone(-12, seconds=5, pitch=pitch))
    inside = max(steps(piece))
    assert around_seam(piece, 2) > 1.2 * inside, "there is something to mend"
    joined = seamless(piece)
    assert around_seam(joined, 400) <= 1.1 * inside, "a step of the coding more, no click"
    assert len(piece) - len(joined) == 240, "30 ms: the end sounds into the beginning"
    assert mulaw.loudness(joined[:240]) == pytest.approx(-12, abs=3.5)
    assert joined[240:] == piece[240:-240]


def test_a_piece_made_to_be_repeated_stays_as_it_is() -> None:
    piece = mulaw.encode(tone(-12, seconds=5, pitch=440))
    assert seamless(piece) is piece
    assert seamless(built_in_music()) is built_in_music()


@given(st.binary(min_size=1, max_size=700))
def test_any_piece_can_be_joined(audio: bytes) -> None:
    assert 0 < len(seamless(audio)) <= len(audio)


def test_music_is_left_and_taken_up_again_without_a_click() -> None:
    silence, music = b"\xff" * 800, mulaw.encode(tone(-12, pitch=220))
    feed = Feed(music)
    inside = max(steps(music))
    for length in range(3200, 3300, 7):  # wherever in a wave it is left
        assert max(steps(silence + feed.next(length) + feed.fade() + silence)) <= 1.1 * inside
    clicks = [max(steps(silence + Loop(music[at:]).next(800) + silence)) for at in range(0, 100, 7)]
    assert sorted(clicks)[len(clicks) // 2] > 2 * inside, "without that it would click"


def test_nothing_of_the_music_is_lost_or_doubled_by_leaving_it() -> None:
    music = built_in_music()
    feed = Feed(music)
    first = feed.next(800)
    assert (first[160:], feed.fade(), feed.fade()) == (music[160:800], mulaw.ramped(music[800:960], 1, 0), b"")
    assert (feed.next(0), feed.next(800)[160:]) == (b"", music[1120:1760])
    assert feed.next(160) == music[1760:1920], "what goes on is not touched"
    feed.cut()
    assert feed.fade() == b""
    assert feed.next(320) == mulaw.ramped(music[1920:2080], 0, 1) + music[2080:2240]


# ---- files -----------------------------------------------------------------------------------------------------------


def wav(data: bytes, *, tag: int = 1, channels: int = 1, rate: int = 8000, bits: int = 16, more: bytes = b"") -> bytes:
    block = channels * bits // 8
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * block, block, bits) + more
    chunks = b"".join(
        name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
        for name, body in ((b"fmt ", form), (b"LIST", b"odd"), (b"data", data))
    )
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def pcm(samples: list[int]) -> bytes:
    return struct.pack(f"<{len(samples)}h", *samples)


def test_mulaw_at_8000_goes_straight_through() -> None:
    music = murmur(1.0, seed=1)
    assert read_wav(wav(music, tag=7, bits=8)) == music


def test_16_bits_at_8000_are_the_same_samples() -> None:
    samples = tone(-20)
    assert read_wav(wav(pcm(samples))) == mulaw.encode(samples)


@pytest.mark.parametrize("rate", [6000, 8000, 11025, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_rate_keeps_length_level_and_pitch(rate: int, channels: int) -> None:
    samples = [sample for sample in tone(-20, pitch=400, rate=rate) for _ in range(channels)]
    audio = read_wav(wav(pcm(samples), rate=rate, channels=channels))
    assert len(audio) == pytest.approx(8000, abs=2)
    assert mulaw.loudness(audio) == pytest.approx(-20, abs=0.6)
    signs = [sample >= 0 for sample in mulaw.decode(audio)]
    assert sum(a != b for a, b in pairwise(signs)) == pytest.approx(800, abs=4)


def test_what_8000_cannot_carry_is_softened() -> None:
    audio = read_wav(wav(pcm(tone(-20, pitch=15_500, rate=48_000)), rate=48_000))
    assert mulaw.loudness(audio) < -40


def test_8_bits_are_unsigned() -> None:
    samples = tone(-20)
    data = bytes((sample >> 8) + 128 for sample in samples)
    assert mulaw.loudness(read_wav(wav(data, bits=8))) == pytest.approx(-20, abs=0.5)


def test_two_channels_become_one() -> None:
    left, right = tone(-20), [0] * 8000
    samples = [sample for pair in zip(left, right, strict=True) for sample in pair]
    assert mulaw.loudness(read_wav(wav(pcm(samples), channels=2))) == pytest.approx(-26, abs=0.3)


def test_the_extensible_form_is_understood() -> None:
    more = struct.pack("<HHI", 22, 16, 4) + struct.pack("<H", 1) + bytes(14)
    assert read_wav(wav(pcm(tone(-20)), tag=0xFFFE, more=more)) == mulaw.encode(tone(-20))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"ID3 this is an mp3", "not a WAV file"),
        (b"", "not a WAV file"),
        (b"RIFF\0\0\0\0WAVE", "format is missing"),
        (wav(b""), "no sound"),
        (wav(b"\0"), "no sound"),
        (wav(bytes(6), bits=24), "16-bit PCM"),
        (wav(bytes(8), tag=3, bits=32), "16-bit PCM"),
        (wav(bytes(12), channels=6), "6 channels"),
        (wav(bytes(12), channels=0), "0 channels"),
        (wav(bytes(12), rate=12), "12 samples"),
    ],
)
def test_what_cannot_be_read_is_said_plainly(content: bytes, why: str) -> None:
    with pytest.raises(UnusableSound, match=why):
        read_wav(content)


@given(st.binary(max_size=80))
def test_no_file_can_hurt(rest: bytes) -> None:
    for content in (rest, b"RIFF\0\0\0\0WAVE" + rest, wav(pcm([1, 2, 3]))[: 12 + len(rest)] + rest):
        with suppress(UnusableSound):
            read_wav(content)


def test_music_is_loaded_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "hold.wav"
    file.write_bytes(wav(pcm(tone(-20, rate=16000)), rate=16000))
    music = load_music(file)
    assert len(music) == 8000
    assert load_music(file) is music, "a file that has not changed is not read again"
    file.write_bytes(wav(pcm(tone(-20, seconds=2))))
    assert len(load_music(file)) == 16000


def test_music_that_cannot_be_had_is_one_plain_sentence(tmp_path: Path) -> None:
    with pytest.raises(MusicError, match=r"^The music file .*gone\.wav cannot be read: No such file or directory\.$"):
        load_music(tmp_path / "gone.wav")
    (tmp_path / "song.mp3").write_bytes(b"ID3")
    with pytest.raises(MusicError, match=r"^The music file .*song\.mp3 cannot be played: it is MP3, not a WAV file\.$"):
        load_music(tmp_path / "song.mp3")
    (tmp_path / "short.wav").write_bytes(wav(pcm([5]), rate=48000))
    with pytest.raises(MusicError, match="no sound"):
        load_music(tmp_path / "short.wav")
    (tmp_path / "long.wav").write_bytes(wav(bytes(8000 * 601), tag=7, bits=8))
    with pytest.raises(MusicError, match="ten minutes"):
        load_music(tmp_path / "long.wav")
    (tmp_path / "still.wav").write_bytes(wav(pcm(tone(-60)), more=b""))
    with pytest.raises(MusicError, match=r"still\.wav cannot be played: it holds no sound that can be heard\.$"):
        load_music(tmp_path / "still.wav")


def test_what_is_silent_in_a_file_keeps_nobody_waiting() -> None:
    """Three seconds before, between and after would be five without sound, each time it goes round."""
    silence, sound = [0] * 24_000, tone(-20, seconds=4)
    audio = playable(wav(pcm([*silence, *sound, *silence, *sound, *silence])))
    assert len(audio) == pytest.approx(2 * len(sound) + MOST_PAUSE, abs=1500)
    quiet = [mulaw.is_quiet(audio[at : at + 160]) for at in range(0, len(audio), 160)] * 2
    assert max(len(run) for run in "".join(".#"[each] for each in quiet).split(".")) <= 52
    assert max(steps(audio * 2)) <= max(steps(mulaw.encode(sound)))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xff\xfb\x90\x00", "^it is MP3, not a WAV file$"),
        (b"ID3\x04", "^it is MP3, not a WAV file$"),
        (b"<!doctype html>", "not a WAV file"),
        (wav(bytes(6), bits=24), "16-bit PCM"),
        (wav(bytes(16_000)), "no sound that can be heard"),
    ],
)
def test_what_is_no_music_is_said_plainly(content: bytes, why: str) -> None:
    with pytest.raises(NotMusic, match=why):
        playable(content)
