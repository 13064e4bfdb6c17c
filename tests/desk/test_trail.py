"""Accesses are written down in order, whatever the store does; passphrases are kept so that they cannot leak."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from flowengine.desk import keys, trail
from flowengine.desk.trail import Trail
from flowengine.runtime.rows import Access, DeskKey

from .house import Clock

AT = "2026-11-10T16:15:00+00:00"


@dataclass
class Book:
    """The part of a store that is written to; `broken` ones fail, `held` ones wait."""

    written: list[Access] = field(default_factory=list)
    broken: int = 0
    held: asyncio.Event | None = None

    async def note_access(self, access: Access) -> None:
        if self.held is not None:
            await self.held.wait()
        if self.broken:
            self.broken -= 1
            raise OSError("disk full of secrets")
        self.written.append(access)


def access(number: int) -> Access:
    return Access("dental", AT, "Front desk", "page opened", "c1", "c1-h1", str(number))


def numbers(book: Book) -> list[str]:
    return [each.detail for each in book.written]


async def test_a_line_is_written_when_the_page_goes_on() -> None:
    book = Book()
    written = Trail(book, Clock())  # type: ignore[arg-type]  # it only writes accesses
    await written.note(access(1))
    assert numbers(book) == ["1"]
    await written.close()


async def test_a_store_that_fails_is_tried_until_it_takes_them_in_order() -> None:
    book = Book(broken=4)
    written = Trail(book, Clock())  # type: ignore[arg-type]
    for number in range(3):
        written.note_later(access(number))
    await asyncio.sleep(40)
    assert numbers(book) == ["0", "1", "2"]
    await written.close()


async def test_a_slow_store_holds_no_page_up() -> None:
    book, loop = Book(held=asyncio.Event()), asyncio.get_running_loop()
    written = Trail(book, Clock())  # type: ignore[arg-type]
    began = loop.time()
    await written.note(access(1))
    assert loop.time() - began < 5
    assert book.held is not None
    book.held.set()
    await written.close()
    assert numbers(book) == ["1"]


async def test_what_cannot_be_written_at_the_end_is_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    book = Book(broken=10**9)
    written = Trail(book, Clock())  # type: ignore[arg-type]
    written.note_later(access(1))
    await written.close()
    said = capsys.readouterr().out
    assert "access_not_written" in said
    assert "c1-h1" in said
    assert "secrets" not in said


async def test_what_does_not_fit_is_in_the_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trail, "MOST_WAITING", 2)
    book = Book(held=asyncio.Event())
    written = Trail(book, Clock())  # type: ignore[arg-type]
    for number in range(3):
        written.note_later(access(number))
    assert capsys.readouterr().out.count("access_not_written") == 1
    assert book.held is not None
    book.held.set()
    await written.close()
    assert numbers(book) == ["0", "1"]


async def test_many_strangers_are_one_line_more_in_the_next_minute() -> None:
    book, clock = Book(), Clock()
    written = Trail(book, clock)  # type: ignore[arg-type]
    for number in range(trail.STRANGERS + 7):
        await written.note_stranger(access(number))
    assert len(book.written) == trail.STRANGERS
    clock.later += 60
    await written.note_stranger(access(0))
    assert numbers(book)[-2:] == ["7 more within a minute", "0"]
    await written.close()


async def test_a_view_that_reconnects_is_one_view() -> None:
    book, clock = Book(), Clock()
    written = Trail(book, clock)  # type: ignore[arg-type]
    for viewer in ("s1", "s1", "s2"):
        await written.note_view(viewer, access(1))
    assert len(book.written) == 2
    clock.later += trail.VIEW_SECONDS
    await written.note_view("s1", access(1))
    assert len(book.written) == 3
    await written.close()


# ---- passphrases ----------------------------------------------------------------------------------------------------


def desk_key(id_: str, secret: str, *, revoked: bool = False) -> DeskKey:
    return DeskKey(id_, "dental", "Front desk", "staff", (), secret, AT, revoked)


def test_there_are_256_plain_words() -> None:
    assert len(set(keys.words())) == 256
    assert all(word.isascii() and word.isalpha() and word.islower() and 4 <= len(word) <= 8 for word in keys.words())


def test_no_two_passphrases_are_the_same() -> None:
    made = {keys.passphrase() for _ in range(200)}
    assert len(made) == 200
    assert all(len(each.split("-")) == keys.WORDS for each in made)


async def test_a_passphrase_finds_its_key_among_those_of_the_office() -> None:
    one, two = keys.passphrase(), keys.passphrase()
    first = desk_key("k1", keys.secret(one, []))
    second = desk_key("k2", keys.secret(two, [first]))
    assert await keys.matching(two, [first, second]) == second
    assert await keys.matching(one.upper().replace("-", " , "), [first, second]) == first
    assert await keys.matching("wrong", [first, second]) is None
    assert await keys.matching(one, []) is None
    assert await keys.matching(one, [desk_key("k1", first.secret, revoked=True)]) is None


async def test_every_try_costs_one_hash_whoever_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    first = desk_key("k1", keys.secret("one", []))
    office = [first, desk_key("k2", keys.secret("two", [first])), desk_key("k3", keys.secret("three", [first]))]
    hashed: list[bytes] = []
    real = keys._hashed

    def counted(typed: str, salt: bytes) -> bytes:
        hashed.append(salt)
        return real(typed, salt)

    monkeypatch.setattr(keys, "_hashed", counted)
    for known in (office, [], [desk_key("k1", first.secret, revoked=True)]):
        hashed.clear()
        await keys.matching("wrong", known)
        assert len(hashed) == 1


def test_what_is_kept_says_nothing_of_the_passphrase() -> None:
    passphrase = keys.passphrase()
    kept = keys.secret(passphrase, [])
    assert not any(word in kept for word in passphrase.split("-"))
    assert kept != keys.secret(passphrase, [])
