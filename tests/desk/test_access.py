"""Who gets in, with what, for how long, and who does not."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
from starlette.responses import Response

from flowengine.bus.memory import MemoryBus
from flowengine.desk.access import Access, Session

from .house import Clock

HTTPS = "https://desk.example.com"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def access(clock: Clock) -> Access:
    return Access("a secret", clock, MemoryBus(), HTTPS)


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
    entered = await access.enter(token(link), {})
    assert entered is not None
    assert entered.path == "/desk/handoffs/c1-h1"
    assert entered.session.may_see("c1-h1", "dental")
    assert not entered.session.may_see("c2-h1", "dental")
    assert not entered.session.may_see("c1-h1", "billing")
    assert not entered.session.office


async def test_an_office_link_opens_the_list_and_every_handoff_of_that_office(access: Access) -> None:
    entered = await access.enter(token(access.office_link("dental", 600)), {})
    assert entered is not None
    assert entered.path == "/desk/"
    assert entered.session.office
    assert entered.session.may_see("c9-h1", "dental")
    assert not entered.session.may_see("c9-h1", "billing")


async def test_a_link_works_once(access: Access) -> None:
    link = token(access.office_link("dental", 600))
    assert await access.enter(link, {}) is not None
    assert await access.enter(link, {}) is None


async def test_the_browser_that_used_a_link_may_use_it_again(access: Access) -> None:
    link = token(access.handoff_link("c1-h1", "dental", 600))
    entered = await access.enter(link, {})
    assert entered is not None
    again = await access.enter(link, cookies(access, entered.session))
    assert again is not None
    assert again.session.id == entered.session.id


async def test_another_browsers_cookie_does_not_revive_a_used_link(access: Access) -> None:
    link = token(access.handoff_link("c1-h1", "dental", 600))
    assert await access.enter(link, {}) is not None
    stranger = await access.enter(token(access.handoff_link("c2-h1", "dental", 600)), {})
    assert stranger is not None
    assert await access.enter(link, cookies(access, stranger.session)) is None


async def test_a_second_link_adds_to_what_a_browser_may_see(access: Access) -> None:
    first = await access.enter(token(access.handoff_link("c1-h1", "dental", 600)), {})
    assert first is not None
    second = await access.enter(token(access.handoff_link("c2-h1", "dental", 600)), cookies(access, first.session))
    assert second is not None
    assert second.session.may_see("c1-h1", "dental")
    assert second.session.may_see("c2-h1", "dental")
    office = await access.enter(token(access.office_link("dental", 600)), cookies(access, second.session))
    assert office is not None
    assert office.session.office


async def test_another_office_replaces_what_a_browser_may_see(access: Access) -> None:
    first = await access.enter(token(access.office_link("dental", 600)), {})
    assert first is not None
    other = await access.enter(token(access.handoff_link("b1-h1", "billing", 600)), cookies(access, first.session))
    assert other is not None
    assert not other.session.office
    assert not other.session.may_see("c1-h1", "dental")


@pytest.mark.parametrize(("later", "holds"), [(599, True), (655, True), (665, False)])
async def test_a_link_expires_with_a_minutes_slack(access: Access, clock: Clock, later: float, holds: bool) -> None:
    link = token(access.office_link("dental", 600))
    clock.pass_(later)
    assert (await access.enter(link, {}) is not None) is holds


async def test_an_altered_link_is_nothing(access: Access) -> None:
    link = token(access.handoff_link("c1-h1", "dental", 600))
    other = token(access.handoff_link("c2-h1", "dental", 600))
    spliced = other.rpartition(".")[0] + "." + link.rpartition(".")[2]
    for altered in (link[:-1], link + "A", link[1:], spliced, "", ".", "a.b", "\x00", "é" * 10):
        assert await access.enter(altered, {}) is None


async def test_a_link_of_another_installation_is_nothing(access: Access, clock: Clock) -> None:
    elsewhere = Access("another secret", clock, MemoryBus(), HTTPS)
    assert await access.enter(token(elsewhere.office_link("dental", 600)), {}) is None


async def test_a_cookie_is_not_a_link_and_a_link_is_not_a_cookie(access: Access) -> None:
    link = token(access.office_link("dental", 600))
    entered = await access.enter(link, {})
    assert entered is not None
    held = cookies(access, entered.session)
    (name,) = held
    assert await access.enter(held[name], {}) is None
    assert access.session({name: link}) is None
    assert access.session(held) is not None
    assert access.session({}) is None


async def test_a_session_ends_when_unused_and_after_twelve_hours(access: Access, clock: Clock) -> None:
    entered = await access.enter(token(access.office_link("dental", 600)), {})
    assert entered is not None
    held = cookies(access, entered.session)
    clock.pass_(14 * 60)
    assert access.session(held) is not None
    clock.pass_(2 * 60)
    assert access.session(held) is None

    fresh = await access.enter(token(access.office_link("dental", 600)), {})
    assert fresh is not None
    held = cookies(access, fresh.session)
    for _ in range(12 * 6 - 1):
        clock.pass_(600)
        session = access.session(held)
        assert session is not None
        response = Response()
        access.renew(response, session)
        held = {name: morsel.value for name, morsel in SimpleCookie(response.headers["set-cookie"]).items()}
    clock.pass_(601)
    assert access.session(held) is None


async def test_a_session_just_used_is_not_issued_again(access: Access) -> None:
    entered = await access.enter(token(access.office_link("dental", 600)), {})
    assert entered is not None
    response = Response()
    access.renew(response, entered.session)
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
    clock: Clock, address: str, name: str, flags: set[str]
) -> None:
    access = Access("a secret", clock, MemoryBus(), address)
    entered = await access.enter(token(access.office_link("dental", 600)), {})
    assert entered is not None
    response = Response()
    access.grant(response, entered.session)
    header = response.headers["set-cookie"]
    assert header.partition("=")[0] == name
    given = {part.strip().lower() for part in header.split(";")[1:]}
    assert given - {"max-age=43200"} == flags


async def test_a_cookie_stays_small_however_many_links_were_opened(access: Access) -> None:
    held: dict[str, str] = {}
    for number in range(100):
        entered = await access.enter(token(access.handoff_link(f"c{number:016x}-h1", "dental_office", 600)), held)
        assert entered is not None
        held = cookies(access, entered.session)
    assert len(next(iter(held.values()))) < 3000
