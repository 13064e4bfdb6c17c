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

from flowengine.runtime import mulaw
from flowengine.runtime.music import Loop, MusicError, built_in_music, load_music
from flowengine.runtime.wav import BadWav, read_wav
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


def test_our_music_goes_round_without_a_click() -> None:
    twice = mulaw.decode(built_in_music() * 2)
    steps = [abs(after - before) for before, after in pairwise(twice)]
    seam = len(twice) // 2
    assert max(steps[seam - 5 : seam + 5]) < max(steps[: seam - 10]) / 2


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
    with pytest.raises(BadWav, match=why):
        read_wav(content)


@given(st.binary(max_size=80))
def test_no_file_can_hurt(rest: bytes) -> None:
    for content in (rest, b"RIFF\0\0\0\0WAVE" + rest, wav(pcm([1, 2, 3]))[: 12 + len(rest)] + rest):
        with suppress(BadWav):
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
    with pytest.raises(MusicError, match=r"^The music file .*song\.mp3 cannot be played: it is not a WAV file\.$"):
        load_music(tmp_path / "song.mp3")
    (tmp_path / "short.wav").write_bytes(wav(pcm([5]), rate=48000))
    with pytest.raises(MusicError, match="no sound"):
        load_music(tmp_path / "short.wav")
    (tmp_path / "long.wav").write_bytes(wav(bytes(8000 * 601), tag=7, bits=8))
    with pytest.raises(MusicError, match="ten minutes"):
        load_music(tmp_path / "long.wav")
