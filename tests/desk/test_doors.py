"""The ways in: a link that a tap opens, a passphrase, and everything that opens neither; who tried is written down."""

from __future__ import annotations

from dataclasses import dataclass, field

import aiohttp
import pytest

from flowengine.desk import tries
from flowengine.runtime.rows import Access

from .house import FLOW, SAME, House, Visit, card, csrf, enter


async def trail(desk: House, flow: str = FLOW) -> list[Access]:
    return [line.access for line in await desk.store.accesses(flow)]


async def whats(desk: House, flow: str = FLOW) -> list[str]:
    return [access.what for access in await trail(desk, flow)]


async def sign_in(
    browser: aiohttp.ClientSession, passphrase: str, office: str = FLOW, then: str = "", **headers: str
) -> tuple[int, str]:
    """Fills in the form; the status and the page that follows."""
    async with browser.get("/desk/sign-in", params={"office": office, "then": then}) as answer:
        page = await answer.text()
    form = {"csrf": csrf(page), "office": office, "passphrase": passphrase, "then": then}
    async with browser.post("/desk/sign-in", data=form, headers=headers or SAME) as answer:
        return answer.status, await answer.text()


# ---- links ----------------------------------------------------------------------------------------------------------


async def test_a_link_is_used_by_a_tap_and_what_became_of_it_is_written_down(desk: House, visitor: Visit) -> None:
    await desk.call()
    await desk.show(card())
    link, browser = desk.access.handoff_link("c1-h1", FLOW, 600), await visitor()
    page = await enter(browser, link)
    assert "Maria Lopez" in page
    async with (await visitor()).get(link) as answer:
        assert answer.status == 403
        assert "needs a fresh link" in await answer.text()
    made, used, opened, refused = await trail(desk)
    assert [each.what for each in (made, used, opened, refused)] == [
        "link made", "link used", "page opened", "link refused",
    ]  # fmt: skip
    assert {each.call_id for each in (made, used, opened, refused)} == {"c1"}
    assert (made.who, used.who, opened.who, refused.who) == (
        "flowengine", "link of c1-h1", "link of c1-h1", "unknown",
    )  # fmt: skip
    assert refused.detail.startswith("used: link ")
    assert link.rpartition("/")[2] not in str(await trail(desk))


async def test_a_second_visit_of_the_same_browser_needs_no_tap(desk: House, visitor: Visit) -> None:
    await desk.call()
    await desk.show(card())
    browser = await visitor()
    await enter(browser, desk.access.office_link(FLOW, 600))
    async with browser.get(desk.access.handoff_link("c1-h1", FLOW, 600)) as answer:
        assert str(answer.url).endswith("/desk/handoffs/c1-h1")
        assert answer.status == 200


@pytest.mark.parametrize(
    ("headers", "keep_form"),
    [({"Sec-Fetch-Site": "cross-site"}, True), ({"Sec-Fetch-Site": "same-site"}, True), (SAME, False),
     ({"Origin": "https://evil.example"}, True)],
)  # fmt: skip
async def test_another_sites_form_opens_no_link(
    desk: House, visitor: Visit, headers: dict[str, str], keep_form: bool
) -> None:
    link, browser = desk.access.office_link(FLOW, 600), await visitor()
    async with browser.get(link) as answer:
        form = {"csrf": csrf(await answer.text()) if keep_form else "x"}
    async with browser.post(link, data=form, headers=headers) as answer:
        assert answer.status == 403
    await enter(await visitor(), link)  # it was not used up


async def test_an_old_browser_that_says_less_gets_in_by_the_forms_token(desk: House, visitor: Visit) -> None:
    """Without Sec-Fetch-Site (iOS 15), and with the null origin that no-referrer makes of a form's."""
    for headers in ({}, {"Origin": "null"}, {"Origin": desk.url}):
        link, browser = desk.access.office_link(FLOW, 600), await visitor()
        async with browser.get(link) as answer:
            form = {"csrf": csrf(await answer.text())}
        async with browser.post(link, data=form, headers=headers) as answer:
            assert answer.status == 200


async def test_an_expired_link_leads_to_the_sign_in_and_back(desk: House, visitor: Visit) -> None:
    await desk.call()
    await desk.show(card())
    passphrase = await desk.key()
    link = desk.access.handoff_link("c1-h1", FLOW, 600)
    desk.clock.pass_(3600)
    browser = await visitor()
    async with browser.get(link) as answer:
        assert answer.status == 403
        assert "/desk/sign-in?then=%2Fdesk%2Fhandoffs%2Fc1-h1" in await answer.text()
    _, page = await sign_in(browser, passphrase, then="/desk/handoffs/c1-h1")
    assert "Maria Lopez" in page
    assert (await trail(desk))[1].detail.startswith("expired: link ")


async def test_a_hundred_nonsense_links_are_not_a_hundred_lines(desk: House, visitor: Visit) -> None:
    browser = await visitor()
    for number in range(100):
        async with browser.get(f"/desk/enter/nonsense{number}") as answer:
            assert answer.status == 403
    written = await trail(desk, "")
    assert 60 <= len(written) <= 70
    assert {(each.what, each.detail) for each in written[:60]} == {("link refused", "altered")}


# ---- passphrases ----------------------------------------------------------------------------------------------------


async def test_a_passphrase_opens_the_office_however_it_is_typed(desk: House, visitor: Visit) -> None:
    passphrase = await desk.key("Front desk")
    await desk.key("Dana")
    for typed, office in (
        (passphrase, FLOW), (f" {passphrase.upper().replace('-', '  ')}. ", "Dental Office"),
    ):  # fmt: skip
        browser = await visitor()
        status, page = await sign_in(browser, typed, office)
        assert status == 200
        assert "Bright Smile Dental" in page
    signed = [access for access in await trail(desk) if access.what == "signed in"]
    assert {(access.who, access.detail) for access in signed} == {("Front desk", f"key k1-{FLOW}")}
    assert passphrase not in str(await trail(desk))


async def test_a_wrong_passphrase_or_office_opens_nothing_and_says_the_same(desk: House, visitor: Visit) -> None:
    passphrase = await desk.key()
    other = await desk.key("Northline", flow="billing")
    browser, told = await visitor(), set()
    for typed, office in (("wrong", FLOW), (passphrase, "billing"), (other, FLOW), (passphrase, "nobody"), ("", FLOW)):
        status, page = await sign_in(browser, typed, office)
        assert status == 403
        told.add(page.partition('role="alert">')[2].partition("</p>")[0])
    assert len(told) == 1
    async with browser.get("/desk/") as answer:
        assert answer.status == 403
    refused = [access for access in await trail(desk) if access.what == "sign-in refused"]
    assert [access.detail for access in refused] == ["wrong"] * 3
    assert "nobody" not in str(await trail(desk, "")) + str(await trail(desk, "nobody"))


async def test_after_five_wrong_tries_the_right_one_has_to_wait(desk: House, visitor: Visit) -> None:
    passphrase, browser = await desk.key(), await visitor()
    for _ in range(5):
        assert (await sign_in(browser, "wrong"))[0] == 403
    status, page = await sign_in(browser, passphrase)
    assert status == 429
    assert "quarter of an hour" in page
    desk.clock.later += tries.WINDOW
    assert (await sign_in(browser, passphrase))[0] == 200


async def test_right_ones_do_not_count_so_a_whole_office_may_sign_in_at_nine(desk: House, visitor: Visit) -> None:
    passphrase = await desk.key()
    for _ in range(8):
        assert (await sign_in(await visitor(), passphrase))[0] == 200


async def test_a_revoked_key_opens_nothing(desk: House, visitor: Visit) -> None:
    passphrase = await desk.key()
    await desk.store.revoke_desk_key(f"k1-{FLOW}")
    assert (await sign_in(await visitor(), passphrase))[0] == 403


async def test_a_sign_in_leads_nowhere_else(desk: House, visitor: Visit) -> None:
    passphrase = await desk.key()
    for then in ("https://evil.example/", "//evil.example", "/desk/../x", "/desk/handoffs/a/b", "/desk/\n"):
        browser = await visitor()
        async with browser.get("/desk/sign-in", params={"then": then}) as answer:
            form = {"csrf": csrf(await answer.text()), "office": FLOW, "passphrase": passphrase, "then": then}
        async with browser.post("/desk/sign-in", data=form, headers=SAME, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/desk/")


async def test_another_sites_form_signs_nobody_in(desk: House, visitor: Visit) -> None:
    passphrase, browser = await desk.key(), await visitor()
    status, page = await sign_in(browser, passphrase, **{"Sec-Fetch-Site": "cross-site"})
    assert status == 403
    assert "try again" in page
    async with browser.get("/desk/") as answer:
        assert answer.status == 403


async def test_staff_see_their_departments_and_nothing_of_the_others(desk: House, visitor: Visit) -> None:
    for call, department in (("c1", "clinical"), ("c2", "front_desk"), ("c3", "")):
        await desk.call(call)
        await desk.show(card(call, department_key=department))
    browser = await visitor()
    await sign_in(browser, await desk.key("Hygiene", "clinical"))
    for call, status in (("c1", 200), ("c2", 404), ("c3", 404)):
        for path in (f"/desk/handoffs/{call}-h1", f"/desk/handoffs/{call}-h1/events"):
            async with browser.get(path) as answer:
                assert answer.status == status, path
    refused = [access for access in await trail(desk) if access.what == "refused"]
    assert {(access.who, access.handoff) for access in refused} == {("Hygiene", "c2-h1"), ("Hygiene", "c3-h1")}


async def test_signing_out_ends_it_for_every_copy_of_the_cookie(desk: House, visitor: Visit) -> None:
    browser, thief = await visitor(), await visitor()
    _, page = await sign_in(browser, await desk.key())
    thief.cookie_jar.update_cookies({cookie.key: cookie.value for cookie in browser.cookie_jar})
    async with browser.post("/desk/sign-out", data={"csrf": "x"}, headers=SAME) as answer:
        assert answer.status == 403
    async with browser.post("/desk/sign-out", data={"csrf": csrf(page)}, headers=SAME) as answer:
        assert "You are signed out" in await answer.text()
    for each in (browser, thief):
        async with each.get("/desk/") as answer:
            assert answer.status == 403
    assert "signed out" in await whats(desk)


async def test_revoking_a_key_ends_an_open_live_view(desk: House, visitor: Visit) -> None:
    await desk.call()
    await desk.show(card())
    browser = await visitor()
    await sign_in(browser, await desk.key())
    async with browser.get("/desk/handoffs/c1-h1/events") as answer:
        assert b"Maria" in await answer.content.readuntil(b"\n\n") + await answer.content.readuntil(b"\n\n")
        await desk.store.revoke_desk_key(f"k1-{FLOW}")
        rest = await answer.content.read()
        assert b"beat" not in rest  # long before anything else would have ended it
    async with browser.get("/desk/handoffs/c1-h1") as answer:
        assert answer.status == 403


# ---- what the tries rest on -----------------------------------------------------------------------------------------


@dataclass
class Hours:
    """A clock that only the test moves."""

    at: float = 0.0
    names: list[str] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.at


def test_tries_count_by_place_and_by_office_and_are_forgotten() -> None:
    clock = Hours()
    counted = tries.Tries(clock)  # type: ignore[arg-type]  # it asks for the time only
    one, other = tries.names("192.0.2.1", "dental"), tries.names("192.0.2.2", "dental")
    for _ in range(5):
        assert counted.wait(one) == 0
        counted.wrong(one)
    assert counted.wait(one) == tries.WINDOW
    assert counted.wait(other) == 0
    for number in range(25):
        counted.wrong(tries.names(f"198.51.100.{number}", "dental"))
    assert counted.wait(other) > 0
    clock.at = tries.WINDOW + 1
    assert counted.wait(one) == counted.wait(other) == 0


def test_a_household_is_one_place() -> None:
    assert tries.names("2001:db8::1", "x") == tries.names("2001:db8::ffff:2", "x")
    assert tries.names("2001:db8::1", "x") != tries.names("2001:db8:0:1::1", "x")
    assert tries.names("nonsense", "x") == tries.names("", "x")


def test_tries_of_very_many_places_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "MOST_NAMES", 10)
    counted = tries.Tries(Hours())  # type: ignore[arg-type]
    for number in range(100):
        counted.wrong(tries.names(f"192.0.2.{number}", "x"))
    assert len(counted._wrong) == 10
