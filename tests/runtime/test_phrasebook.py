"""Fixed sentences are rendered once, word for word, and only what may be kept is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from flowengine.agents.speaker import AssemblySpeaker
from flowengine.runtime import phrasebook as module
from flowengine.runtime.phrasebook import Phrasebook
from flowengine.runtime.ports import SpeakerFailed
from flowengine.sandbox.agent import VoiceAgent
from flowengine.sandbox.clock import PinnedClock
from flowengine.sandbox.speech import find_words, speak
from flowengine.settings import Settings

LINE = "I'm connecting you with our front desk."
PRIVATE = "Maria Lopez, thank you; we will call you back."


class Voice:
    """A speaker that takes its time; `spoken` is what it was asked for."""

    def __init__(self, seconds: float = 1.0, fails: int = 0) -> None:
        self.spoken: list[str] = []
        self.at_once = self.most_at_once = 0
        self._seconds, self._fails = seconds, fails

    async def render(self, text: str, voice: str) -> bytes:
        self.spoken.append(text)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self._seconds)
        finally:
            self.at_once -= 1
        if len(self.spoken) <= self._fails:
            raise SpeakerFailed("refused")
        return speak(text, "agent", len(self.spoken))


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def words(audio: bytes) -> str:
    return " ".join(word.text for word in find_words(audio))


@asynccontextmanager
async def emulator() -> AsyncIterator[VoiceAgent]:
    now: Callable[[], datetime] = PinnedClock(asyncio.get_running_loop(), datetime(2026, 11, 20, tzinfo=UTC))
    agent = VoiceAgent(api_key="k", now=now)
    await agent.start()
    try:
        yield agent
    finally:
        await agent.stop()


async def test_a_sentence_is_in_the_receptionists_voice_exactly_as_written(tmp_path: Path) -> None:
    async with emulator() as agent:
        settings = Settings(assemblyai_api_key="k", voice_agent_url=agent.url)
        book = Phrasebook(AssemblySpeaker(settings), tmp_path)
        audio = await book.get(LINE, "jane")
        assert words(audio) == LINE
        assert find_words(audio)[0].start <= 320
        assert await Phrasebook(AssemblySpeaker(settings), tmp_path).get(LINE, "jane") == audio
        assert len(agent.sessions) == 1
        await book.close()


async def test_who_asks_at_the_same_time_shares_one_rendering() -> None:
    voice = Voice()
    book = Phrasebook(voice, None)
    book.prepare(LINE, "anna")
    several = await asyncio.gather(*(book.get(LINE, "anna") for _ in range(5)))
    assert voice.spoken == [LINE]
    assert {words(audio) for audio in several} == {LINE}
    assert words(await book.get(LINE, "anna")) == LINE
    assert voice.spoken == [LINE]


async def test_voices_are_not_mixed_up() -> None:
    voice = Voice()
    book = Phrasebook(voice, None)
    await asyncio.gather(book.get(LINE, "anna"), book.get(LINE, "jane"))
    assert voice.spoken == [LINE, LINE]


async def test_who_gives_up_waiting_does_not_spoil_it_for_the_others() -> None:
    voice = Voice(seconds=3.0)
    book = Phrasebook(voice, None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.5):
            await book.get(LINE, "anna")
    assert words(await book.get(LINE, "anna")) == LINE
    assert voice.spoken == [LINE]


async def test_prepared_sentences_are_there_at_once() -> None:
    voice = Voice(seconds=2.0)
    book = Phrasebook(voice, None)
    book.prepare(LINE, "anna")
    book.prepare(PRIVATE, "anna", keep=False)
    book.prepare(PRIVATE, "anna", keep=False)
    await asyncio.sleep(3)
    async with asyncio.timeout(0.1):
        assert words(await book.get(LINE, "anna")) == LINE
        assert words(await book.get(PRIVATE, "anna", keep=False)) == PRIVATE
    assert voice.spoken == [LINE, PRIVATE]


async def test_what_is_not_to_be_kept_is_used_once_and_never_on_disk(tmp_path: Path) -> None:
    voice = Voice()
    book = Phrasebook(voice, tmp_path)
    for _ in range(2):
        assert words(await book.get(PRIVATE, "anna", keep=False)) == PRIVATE
    assert voice.spoken == [PRIVATE, PRIVATE], "forgotten after its use"
    assert files(tmp_path) == []
    assert book._renderings == {}
    assert book._kept == {}


async def test_a_prepared_sentence_nobody_fetched_is_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UNUSED", 5.0)
    book = Phrasebook(Voice(), None)
    book.prepare(PRIVATE, "anna", keep=False)
    await asyncio.sleep(2)
    assert len(book._renderings) == 1
    await asyncio.sleep(5)
    assert book._renderings == {}


async def test_files_have_no_names_that_tell_and_no_leftovers(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"
    with structlog.testing.capture_logs() as logs:
        await Phrasebook(Voice(), folder).get(LINE, "anna")
    (file,) = files(folder)
    assert file.suffix == ".mulaw"
    assert len(file.stem) == 64
    assert logs == []


@pytest.mark.parametrize("spoilt", ["empty", "cut", "odd", "folder", "huge"])
async def test_a_spoilt_file_is_rendered_anew(tmp_path: Path, spoilt: str) -> None:
    await Phrasebook(Voice(), tmp_path).get(LINE, "anna")
    (file,) = files(tmp_path)
    content = file.read_bytes()
    match spoilt:
        case "empty":
            file.write_bytes(b"")
        case "cut":
            file.write_bytes(content[: len(content) // 2])
        case "odd":
            file.write_bytes(b"something else entirely, and long enough to be a file of ours")
        case "huge":
            file.write_bytes(content + bytes(module.LONGEST))
        case "folder":
            file.unlink()
            file.mkdir()
    voice = Voice()
    with structlog.testing.capture_logs():
        assert words(await Phrasebook(voice, tmp_path).get(LINE, "anna")) == LINE
    assert voice.spoken == [LINE]
    if spoilt != "folder":
        assert words(file.read_bytes()) == LINE


async def test_a_disk_that_takes_nothing_costs_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with structlog.testing.capture_logs() as logs:
        assert words(await Phrasebook(Voice(), blocked / "folder").get(LINE, "anna")) == LINE
    assert [entry["event"] for entry in logs] == ["sentence_not_stored"]
    assert "front desk" not in str(logs)


async def test_a_failure_is_told_to_all_who_wait_and_tried_again_later() -> None:
    voice = Voice(fails=1)
    book = Phrasebook(voice, None)
    outcomes = await asyncio.gather(book.get(LINE, "anna"), book.get(LINE, "anna"), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [SpeakerFailed, SpeakerFailed]
    assert words(await book.get(LINE, "anna")) == LINE


async def test_a_mistake_in_the_speaker_is_a_failure_like_any_other() -> None:
    class Broken:
        async def render(self, text: str, voice: str) -> bytes:
            raise LookupError(text)

    with structlog.testing.capture_logs() as logs, pytest.raises(SpeakerFailed):
        await Phrasebook(Broken(), None).get(PRIVATE, "anna", keep=False)
    assert "Maria" not in str(logs)


async def test_a_failure_of_a_prepared_sentence_is_quiet_until_it_is_fetched() -> None:
    voice = Voice(fails=1)
    book = Phrasebook(voice, None)
    book.prepare(LINE, "anna", keep=False)
    await asyncio.sleep(2)
    assert words(await book.get(LINE, "anna", keep=False)) == LINE


class Odd:
    """A speaker whose sound is of an odd length."""

    def __init__(self, length: int) -> None:
        self._length = length

    async def render(self, text: str, voice: str) -> bytes:
        return b"\x10" * self._length


@pytest.mark.parametrize(("length", "fine"), [(0, False), (1, True), (480_000, True), (480_001, False)])
async def test_no_sound_and_endless_sound_are_failures(tmp_path: Path, length: int, fine: bool) -> None:
    book = Phrasebook(Odd(length), tmp_path)
    if fine:
        assert len(await book.get(LINE, "anna")) == length
    else:
        with pytest.raises(SpeakerFailed):
            await book.get(LINE, "anna")
        assert files(tmp_path) == []


async def test_warming_leaves_a_speaker_free_and_survives_failures(tmp_path: Path) -> None:
    voice = Voice(fails=2)
    book = Phrasebook(voice, tmp_path)
    sentences = [(f"Sentence number {n}.", "anna") for n in range(6)]
    with structlog.testing.capture_logs() as logs:
        await book.warm([*sentences, *sentences])
    assert voice.most_at_once == 2
    assert len(voice.spoken) == 6
    assert [entry["event"] for entry in logs] == ["not_warmed", "not_warmed"]
    again = Voice()
    assert words(await Phrasebook(again, tmp_path).get("Sentence number 5.", "anna")) == "Sentence number 5."
    assert again.spoken == []


async def test_memory_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 1000)
    book = Phrasebook(Odd(400), None)
    for text in ("one", "two", "one", "three"):
        await book.get(text, "anna")
    assert len(book._kept) == 2
    assert book._kept_bytes == 800
    assert list(book._kept) == [module._key("one", "anna"), module._key("three", "anna")], "the least used one went"


async def test_renderings_under_way_have_an_end() -> None:
    voice = Voice()
    book = Phrasebook(voice, None)
    with structlog.testing.capture_logs() as logs:
        for n in range(module.MOST_RENDERINGS + 3):
            book.prepare(f"Sentence number {n}.", "anna")
    assert [entry["event"] for entry in logs] == ["too_many_renderings"] * 3
    with pytest.raises(SpeakerFailed):
        await book.get("One too many.", "anna")
    assert words(await book.get("Sentence number 1.", "anna")) == "Sentence number 1."


async def test_closing_ends_what_is_under_way() -> None:
    book = Phrasebook(Voice(seconds=60), None)
    waiting = asyncio.create_task(book.get(LINE, "anna"))
    await asyncio.sleep(0.1)
    await book.close()
    with pytest.raises(SpeakerFailed):
        await waiting
    await book.close()
