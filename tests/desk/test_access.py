"""Who gets in, with what, for how long, and who does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
import pytest_asyncio
from starlette.responses import Response

from flowengine.bus.memory import MemoryBus
from flowengine.desk.access import KNOWN_SECONDS, SAME_SECONDS, Access, Entered, Session
from flowengine.desk.links import Link, Refused, revocation
from flowengine.runtime.rows import DeskKey
from flowengine.store import SqlStore
from tests.stored import stored

from .house import Clock

HTTPS = "https://desk.example.com"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    async with stored(tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture
async def access(clock: Clock, store: SqlStore) -> AsyncIterator[Access]:
    made = Access("a secret", clock, MemoryBus(), HTTPS, store)
    yield made
    await made.close()


async def entered(access: Access, token: str, held: dict[str, str] | None = None) -> Entered:
    """What a link that holds is swapped for."""
    found = await access.enter(token, held or {})
    assert isinstance(found, Entered), found
    return found


async def refused(access: Access, token: str, held: dict[str, str] | None = None) -> str:
    """Why a link does not hold."""
    found = await access.enter(token, held or {})
    assert isinstance(found, Refused)
    return found.why


def token(link: str) -> str:
    return link.rpartition("/")[2]


def cookies(access: Access, session: Session) -> dict[str, str]:
    """What a browser holds after the session was granted."""
    response = Response()
    access.grant(response, session)
    jar = SimpleCookie(response.headers["set-cookie"])
    return {name: morsel.value for name, morsel in jar.items()}


async def test_a_link_leads_to_its_page_and_opens_nothing_else(access: Access) -> None:
    link = access.handoff_link("c1-h1", "dental", 600)
    assert link.startswith("https://desk.example.com/desk/enter/")
    by_link = await entered(access, token(link))
    assert by_link.path == "/desk/handoffs/c1-h1"
    assert by_link.session.may_see("c1-h1", "dental", "clinical")
    assert not by_link.session.may_see("c2-h1", "dental", "clinical")
    assert not by_link.session.may_see("c1-h1", "billing", "clinical")
    assert not by_link.session.office
    assert not by_link.session.manages
    assert not by_link.session.may_see_department("clinical")
    assert by_link.session.who == "link of c1-h1"


async def test_an_office_link_opens_the_list_and_every_handoff_of_that_office(access: Access) -> None:
    by_link = await entered(access, token(access.office_link("dental", 600)))
    assert by_link.path == "/desk/"
    assert by_link.session.office
    assert by_link.session.manages
    assert by_link.session.may_see("c9-h1", "dental", "clinical")
    assert by_link.session.may_see("c9-h1", "dental", "")
    assert not by_link.session.may_see("c9-h1", "billing", "clinical")


async def test_looking_at_a_link_does_not_use_it_up(access: Access) -> None:
    link = token(access.handoff_link("c1-h1", "dental", 600))
    for _ in range(3):
        assert isinstance(await access.look(link, {}), Link)
    await entered(access, link)
    assert await access.look(link, {}) == Refused("used", (await _link(access, link)))


async def _link(access: Access, token: str) -> Link | None:
    found = await access.look(token, {})
    return found.link if isinstance(found, Refused) else None


async def test_a_link_works_once(access: Access) -> None:
    link = token(access.office_link("dental", 600))
    await entered(access, link)
    assert await refused(access, link) == "used"


async def test_of_two_who_tap_at_once_one_gets_in(access: Access) -> None:
    link = token(access.office_link("dental", 600))
    found = await asyncio.gather(*(access.enter(link, {}) for _ in range(5)))
    assert sum(isinstance(each, Entered) for each in found) == 1


async def test_a_used_link_stays_used_after_a_restart(access: Access, clock: Clock, store: SqlStore) -> None:
    link = token(access.office_link("dental", 600))
    await entered(access, link)
    restarted = Access("a secret", clock, MemoryBus(), HTTPS, store)
    assert await refused(restarted, link) == "used"


async def test_a_link_that_was_taken_back_opens_nothing(access: Access, store: SqlStore) -> None:
    link = token(access.office_link("dental", 600))
    known = await access.look(link, {})
    assert isinstance(known, Link)
    await store.revoke(revocation(known.id), "2099-01-01T00:00:00+00:00")
    assert await refused(access, link) == "revoked"


async def test_taking_a_link_back_ends_what_it_opened(access: Access, clock: Clock, store: SqlStore) -> None:
    link = token(access.handoff_link("c1-h1", "dental", 600))
    session = (await entered(access, link)).session
    assert await access.holds(session)
    await store.revoke(revocation(session.links[0]), "2099-01-01T00:00:00+00:00")
    clock.later += SAME_SECONDS
    assert not await access.holds(session, now=True)
    assert await access.session(cookies(access, session)) is None


async def test_what_was_taken_back_shows_within_seconds_without_asking_each_time(
    access: Access, clock: Clock, store: SqlStore
) -> None:
    session = (await entered(access, token(access.office_link("dental", 600)))).session
    held = cookies(access, session)
    assert await access.session(held) is not None
    await store.revoke(revocation(session.id), "2099-01-01T00:00:00+00:00")
    assert await access.session(held) is not None
    clock.later += KNOWN_SECONDS
    assert await access.session(held) is None


async def test_who_signs_out_is_out_at_once_whoever_copied_the_cookie(access: Access) -> None:
    session = (await entered(access, token(access.office_link("dental", 600)))).session
    held = cookies(access, session)
    assert await access.session(held) is not None
    await access.end(session)
    assert await access.session(held) is None


def desk_key(id_: str = "k1", *departments: str, role: str = "staff") -> DeskKey:
    made = "2026-11-10T16:15:00+00:00"
    return DeskKey(id_, "dental", "Front desk", "manager" if role == "manager" else "staff", departments, "", made)


async def test_a_key_shows_its_departments_and_no_others(access: Access) -> None:
    session = access.admit(desk_key("k1", "front_desk", "clinical"))
    assert session.who == "Front desk"
    assert session.may_see("c1-h1", "dental", "clinical")
    assert not session.may_see("c1-h1", "dental", "billing")
    assert not session.may_see("c1-h1", "dental", "")
    assert not session.may_see("c1-h1", "other", "clinical")
    assert not session.manages
    everything = access.admit(desk_key("k2", role="manager"))
    assert everything.may_see("c1-h1", "dental", "")
    assert everything.manages


async def test_a_link_adds_its_handoff_to_what_a_department_sees(access: Access, store: SqlStore) -> None:
    key = desk_key("k1", "front_desk")
    await store.save_desk_key(key)
    held = cookies(access, access.admit(key))
    session = (await entered(access, token(access.handoff_link("c1-h1", "dental", 600)), held)).session
    assert session.may_see("c1-h1", "dental", "clinical")
    assert session.may_see("c2-h1", "dental", "front_desk")
    assert session.who == "Front desk"


async def test_a_revoked_key_ends_its_sessions(access: Access, clock: Clock, store: SqlStore) -> None:
    await store.save_desk_key(desk_key())
    held = cookies(access, access.admit(desk_key()))
    assert await access.session(held) is not None
    await store.revoke_desk_key("k1")
    clock.later += KNOWN_SECONDS
    assert await access.session(held) is None


async def test_a_key_nobody_kept_opens_nothing(access: Access) -> None:
    assert await access.session(cookies(access, access.admit(desk_key("k9")))) is None


async def test_the_browser_that_used_a_link_may_use_it_again(access: Access) -> None:
    link = token(access.handoff_link("c1-h1", "dental", 600))
    first = await entered(access, link)
    again = await entered(access, link, cookies(access, first.session))
    assert again.session.id == first.session.id


async def test_another_browsers_cookie_does_not_revive_a_used_link(access: Access) -> None:
    link = token(access.handoff_link("c1-h1", "dental", 600))
    await entered(access, link)
    stranger = await entered(access, token(access.handoff_link("c2-h1", "dental", 600)))
    assert await refused(access, link, cookies(access, stranger.session)) == "used"


async def test_a_second_link_adds_to_what_a_browser_may_see(access: Access) -> None:
    first = await entered(access, token(access.handoff_link("c1-h1", "dental", 600)))
    second = await entered(access, token(access.handoff_link("c2-h1", "dental", 600)), cookies(access, first.session))
    assert second.session.may_see("c1-h1", "dental", "")
    assert second.session.may_see("c2-h1", "dental", "")
    office = await entered(access, token(access.office_link("dental", 600)), cookies(access, second.session))
    assert office.session.office


async def test_another_office_replaces_what_a_browser_may_see(access: Access) -> None:
    first = await entered(access, token(access.office_link("dental", 600)))
    other = await entered(access, token(access.handoff_link("b1-h1", "billing", 600)), cookies(access, first.session))
    assert not other.session.office
    assert not other.session.may_see("c1-h1", "dental", "clinical")


@pytest.mark.parametrize(("later", "holds"), [(599, True), (655, True), (665, False)])
async def test_a_link_expires_with_a_minutes_slack(access: Access, clock: Clock, later: float, holds: bool) -> None:
    link = token(access.office_link("dental", 600))
    clock.pass_(later)
    assert isinstance(await access.enter(link, {}), Entered) is holds
    if not holds:
        assert await refused(access, link) == "expired"


async def test_an_altered_link_is_nothing(access: Access) -> None:
    link = token(access.handoff_link("c1-h1", "dental", 600))
    other = token(access.handoff_link("c2-h1", "dental", 600))
    spliced = other.rpartition(".")[0] + "." + link.rpartition(".")[2]
    for altered in (link[:-1], link + "A", link[1:], spliced, "", ".", "a.b", "\x00", "é" * 10):
        assert await access.enter(altered, {}) == Refused("altered")


async def test_a_link_of_another_installation_is_nothing(access: Access, clock: Clock, store: SqlStore) -> None:
    elsewhere = Access("another secret", clock, MemoryBus(), HTTPS, store)
    assert await refused(access, token(elsewhere.office_link("dental", 600))) == "altered"
    await elsewhere.close()


async def test_a_cookie_is_not_a_link_and_neither_is_a_form(access: Access) -> None:
    link = token(access.office_link("dental", 600))
    held = cookies(access, (await entered(access, link)).session)
    (name,) = held
    assert await refused(access, held[name]) == "altered"
    assert await access.session({name: link}) is None
    assert await access.session({name: access.form_token("x")}) is None
    assert await access.session(held) is not None
    assert await access.session({}) is None


async def test_a_form_holds_for_whom_it_was_made(access: Access) -> None:
    form = access.form_token("session one")
    assert access.form_holds(form, "session one")
    assert not access.form_holds(form, "session two")
    assert not access.form_holds(form[:-1], "session one")
    assert not access.form_holds("", "session one")
    assert not access.form_holds(access.form_token(""), "")


async def test_a_session_ends_when_unused_and_after_twelve_hours(access: Access, clock: Clock) -> None:
    held = cookies(access, (await entered(access, token(access.office_link("dental", 600)))).session)
    clock.pass_(14 * 60)
    assert await access.session(held) is not None
    clock.pass_(2 * 60)
    assert await access.session(held) is None

    held = cookies(access, (await entered(access, token(access.office_link("dental", 600)))).session)
    for _ in range(12 * 6 - 1):
        clock.pass_(600)
        session = await access.session(held)
        assert session is not None
        response = Response()
        access.renew(response, session)
        held = {name: morsel.value for name, morsel in SimpleCookie(response.headers["set-cookie"]).items()}
    clock.pass_(601)
    assert await access.session(held) is None


async def test_a_session_just_used_is_not_issued_again(access: Access) -> None:
    response = Response()
    access.renew(response, (await entered(access, token(access.office_link("dental", 600)))).session)
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    ("address", "name", "flags"),
    [
        (HTTPS, "__Host-flowengine", {"secure", "httponly", "samesite=strict", "path=/"}),
        ("http://192.168.1.20:8000", "__Host-flowengine", {"secure", "httponly", "samesite=strict", "path=/"}),
        ("", "__Host-flowengine", {"secure", "httponly", "samesite=strict", "path=/"}),
        ("http://127.0.0.1:8000", "flowengine", {"httponly", "samesite=lax", "path=/"}),
        ("http://localhost:8000", "flowengine", {"httponly", "samesite=lax", "path=/"}),
        ("http://[::1]:8000", "flowengine", {"httponly", "samesite=lax", "path=/"}),
    ],
)
async def test_the_cookie_is_as_strict_as_the_address_allows(
    clock: Clock, store: SqlStore, address: str, name: str, flags: set[str]
) -> None:
    access = Access("a secret", clock, MemoryBus(), address, store)
    response = Response()
    access.grant(response, access.admit(desk_key()))
    header = response.headers["set-cookie"]
    assert header.partition("=")[0] == name
    given = {part.strip().lower() for part in header.split(";")[1:]}
    assert given - {"max-age=43200"} == flags


async def test_a_cookie_stays_small_however_many_links_were_opened(access: Access) -> None:
    held: dict[str, str] = {}
    for number in range(100):
        link = token(access.handoff_link(f"c{number:016x}-h1", "dental_office", 600))
        held = cookies(access, (await entered(access, link, held)).session)
    assert len(next(iter(held.values()))) < 3000


async def test_making_a_link_is_written_down_with_its_id_and_never_its_token(access: Access, store: SqlStore) -> None:
    link = token(access.handoff_link("c1-h1", "dental", 600))
    known = await access.look(link, {})
    assert isinstance(known, Link)
    await access.close()
    (line,) = await store.accesses("dental")
    assert (line.access.what, line.access.call_id, line.access.handoff) == ("link made", "c1", "c1-h1")
    assert known.id in line.access.detail
    assert link not in str(line)
