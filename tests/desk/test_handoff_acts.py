"""What staff do on a hand-off's page: it reaches the call or the store, other screens see it, and who did it stays."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from flowengine.call.events import CardConfirmed, StaffDecided

from .house import FLOW, SAME, START, House, Visit, card, csrf, enter
from .test_stream import Reader

PAGE = "/desk/handoffs/c1-h1"


def ringing(*people: tuple[str, str | None, str | None], **changes: Any) -> dict[str, Any]:
    """A card while phones ring: who, what became of it, what goes on."""
    tried = [{"person": name, "outcome": outcome, "why": "", "state": state} for name, outcome, state in people]
    return card(status="ringing", status_text="Ringing Dana", people=tried, **changes)


async def at_the_page(desk: House, visitor: Visit, shown: dict[str, Any]) -> tuple[aiohttp.ClientSession, str]:
    """A browser on the hand-off's page, and the proof its forms carry."""
    await desk.call()
    await desk.show(shown)
    browser = await visitor()
    page = await enter(browser, desk.access.handoff_link("c1-h1", FLOW, 600))
    return browser, csrf(page)


async def post(browser: aiohttp.ClientSession, path: str, proof: str, **fields: str) -> int:
    async with browser.post(f"{PAGE}/{path}", data={"csrf": proof, **fields}, headers=SAME) as answer:
        await answer.read()
        return answer.status


def decisions(desk: House) -> list[StaffDecided]:
    return [event for _, event in desk.calls.told if isinstance(event, StaffDecided)]


async def noted(desk: House, what: str) -> list[tuple[str, str]]:
    accesses = [line.access for line in await desk.store.accesses(FLOW, "c1")]
    return [(access.who, access.detail) for access in accesses if access.what == what]


# ---- taking and declining -------------------------------------------------------------------------------------------


async def test_who_has_picked_up_may_be_connected_by_a_tap(desk: House, visitor: Visit) -> None:
    browser, proof = await at_the_page(desk, visitor, ringing(("Dana", None, "answered")))
    async with browser.get(PAGE) as answer:
        page = await answer.text()
    assert "Dana has picked up" in page
    assert "Connect me now" in page.partition("<template")[0]
    assert await post(browser, "decide", proof, person="Dana", accepts="yes", why="ignored") == 200
    assert decisions(desk) == [StaffDecided(9.0, "c1-h1", "Dana", True, "", "link of c1-h1")]
    assert await noted(desk, "accepted") == [("link of c1-h1", "for Dana")]


async def test_who_has_picked_up_stands_first(desk: House, visitor: Visit) -> None:
    people = (("Hygiene desk", None, "ringing"), ("Dr. Reed", None, "answered"), ("Dana", None, "ringing"))
    browser, _ = await at_the_page(desk, visitor, ringing(*people))
    async with browser.get(PAGE) as answer:
        page = (await answer.text()).partition("<template")[0]
    waits = ["Dr. Reed has picked up", "Hygiene desk is ringing", "Dana is ringing"]
    assert sorted(waits, key=page.index) == waits


async def test_whose_phone_still_rings_may_only_decline(desk: House, visitor: Visit) -> None:
    browser, proof = await at_the_page(desk, visitor, ringing(("Dana", None, "ringing")))
    await post(browser, "decide", proof, person="Dana", accepts="yes")
    assert decisions(desk) == []
    await post(browser, "decide", proof, person="Dana", accepts="no", why="busy right now")
    assert decisions(desk) == [StaffDecided(9.0, "c1-h1", "Dana", False, "busy right now", "link of c1-h1")]


@pytest.mark.parametrize(
    ("typed", "kept"), [("  in a\nmeeting ", "in a meeting"), ("x" * 500, "x" * 80), ("", ""), ("<b>&", "<b>&")]
)
async def test_a_reason_in_ones_own_words_is_short_and_one_line(
    desk: House, visitor: Visit, typed: str, kept: str
) -> None:
    browser, proof = await at_the_page(desk, visitor, ringing(("Dana", None, "ringing")))
    await post(browser, "decide", proof, person="Dana", accepts="no", why="", words=typed)
    assert decisions(desk)[0].why == kept


@pytest.mark.parametrize(
    "shown",
    [
        ringing(("Dana", "no_answer", None)),
        ringing(("Luis", None, "answered")),
        card(status="connected", people=[{"person": "Dana", "outcome": "accepted", "state": None}]),
        card(status="returned", people=[{"person": "Dana", "outcome": None, "state": "answered"}]),
        card(people=[{"person": "Dana", "outcome": None}]),
    ],
)
async def test_a_tap_that_comes_too_late_asks_for_nothing(desk: House, visitor: Visit, shown: dict[str, Any]) -> None:
    browser, proof = await at_the_page(desk, visitor, shown)
    assert await post(browser, "decide", proof, person="Dana", accepts="yes") == 200
    assert await post(browser, "decide", proof, person="Dana", accepts="no") == 200
    assert decisions(desk) == []


async def test_nobody_is_connected_to_a_call_that_is_over(desk: House, visitor: Visit) -> None:
    browser, proof = await at_the_page(desk, visitor, ringing(("Dana", None, "answered")))
    await desk.end()
    await post(browser, "decide", proof, person="Dana", accepts="yes")
    assert decisions(desk) == []


@pytest.mark.parametrize("path", ["decide", "wrap-up", "notes"])
async def test_nothing_is_done_for_other_sites_strangers_or_other_offices(
    desk: House, visitor: Visit, path: str
) -> None:
    browser, proof = await at_the_page(desk, visitor, ringing(("Dana", None, "answered")))
    fields = {"person": "Dana", "accepts": "yes", "resolved": "yes", "text": "a note"}
    other = await visitor()
    await desk.call("b1", flow="billing")
    await desk.show(card("b1", flow="billing"))
    elsewhere = csrf(await enter(other, desk.access.handoff_link("b1-h1", "billing", 600)))
    for who, token, headers, status in (
        (browser, proof, {"Sec-Fetch-Site": "cross-site"}, 403),
        (browser, "", SAME, 403),
        (browser, elsewhere, SAME, 403),
        (await visitor(), proof, SAME, 403),
        (other, elsewhere, SAME, 404),
    ):
        async with who.post(f"{PAGE}/{path}", data={"csrf": token, **fields}, headers=headers) as answer:
            assert answer.status == status
            assert "Maria" not in await answer.text()
    assert decisions(desk) == []
    assert await desk.store.wrap_ups(["c1-h1"]) == {}
    assert list(await desk.store.notes("c1-h1")) == []
    assert ("link of c1-h1", "a form that was not ours") in [
        (line.access.who, line.access.detail) for line in await desk.store.accesses(FLOW)
    ]


@pytest.mark.parametrize("body", [b"\xff" * 20, b"a=" + b"x" * 70_000, b"&".join(b"a%d=1" % n for n in range(50))])
async def test_a_form_that_is_none_is_refused(desk: House, visitor: Visit, body: bytes) -> None:
    browser, proof = await at_the_page(desk, visitor, ringing(("Dana", None, "answered")))
    for kind in ("application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=x"):
        sent = body + b"&csrf=" + proof.encode()
        async with browser.post(f"{PAGE}/decide", data=sent, headers={**SAME, "Content-Type": kind}) as answer:
            assert answer.status == 403
    assert decisions(desk) == []


# ---- afterwards -----------------------------------------------------------------------------------------------------


async def test_two_taps_say_how_it_went_and_may_be_changed(desk: House, visitor: Visit) -> None:
    browser, proof = await at_the_page(desk, visitor, card(status="connected"))
    await desk.end()
    await post(browser, "wrap-up", proof, resolved="yes")
    await post(browser, "wrap-up", proof, needed_person="no")
    wrap = (await desk.store.wrap_ups(["c1-h1"]))["c1-h1"]
    assert (wrap.resolved, wrap.needed_person, wrap.by) == (True, False, "link of c1-h1")
    await post(browser, "wrap-up", proof, resolved="no")
    wrap = (await desk.store.wrap_ups(["c1-h1"]))["c1-h1"]
    assert (wrap.resolved, wrap.needed_person) == (False, False)
    assert [detail for _, detail in await noted(desk, "wrapped up")] == [
        "resolved: yes", "needed person: no", "resolved: no",
    ]  # fmt: skip
    async with browser.get(PAGE) as answer:
        page = await answer.text()
    assert page.count('aria-pressed="true"') == 2
    assert "Saved: 10:15 AM" in page


async def test_an_answer_that_is_none_changes_nothing(desk: House, visitor: Visit) -> None:
    browser, proof = await at_the_page(desk, visitor, card(status="connected"))
    for fields in ({}, {"resolved": "maybe"}, {"other": "yes"}):
        assert await post(browser, "wrap-up", proof, **fields) == 200
    assert await desk.store.wrap_ups(["c1-h1"]) == {}
    assert await noted(desk, "wrapped up") == []


async def test_a_note_keeps_its_words_author_and_time(desk: House, visitor: Visit) -> None:
    browser, proof = await at_the_page(desk, visitor, card(status="connected"))
    await post(browser, "notes", proof, text="  Booked for two.\r\nBring <b>X-rays</b>.  ")
    await post(browser, "notes", proof, text=" \n ")
    await post(browser, "notes", proof, text="x" * 5000)
    first, second = await desk.store.notes("c1-h1")
    assert (first.text, first.by) == ("Booked for two.\nBring <b>X-rays</b>.", "link of c1-h1")
    assert first.at == START.isoformat()
    assert len(second.text) == 2000
    async with browser.get(PAGE) as answer:
        page = await answer.text()
    assert "Bring &lt;b&gt;X-rays&lt;/b&gt;." in page
    assert '<p class="soft">10:15 AM</p>' in page
    assert len(await noted(desk, "noted")) == 2
    assert "Booked" not in json.dumps([line.access.detail for line in await desk.store.accesses(FLOW)])


async def test_other_screens_see_what_was_said_afterwards_even_after_the_call(desk: House, visitor: Visit) -> None:
    browser, proof = await at_the_page(desk, visitor, card(status="connected"))
    await desk.end()
    other = await visitor()
    await enter(other, desk.access.office_link(FLOW, 600))
    async with other.get(f"{PAGE}/events") as answer, desk.bus.subscribe(f"office:{FLOW}") as office:
        reader = Reader(answer)
        assert (await reader.until("afterwards"))["afterwards"] == {
            "resolved": "", "needed_person": "", "by": "", "notes": [],
        }  # fmt: skip
        await post(browser, "wrap-up", proof, resolved="yes")
        assert (await reader.until("afterwards"))["afterwards"]["resolved"] == "yes"
        await post(browser, "notes", proof, text="Booked for two.")
        (note,) = (await reader.until("afterwards"))["afterwards"]["notes"]
        assert note == {"text": "Booked for two.", "by": "10:15 AM"}
        async with asyncio.timeout(600):
            news = [await anext(office), await anext(office)]
        assert [item["type"] for item in news] == ["wrap-up", "note"]
        assert "Booked" not in json.dumps(news)


# ---- who looked -----------------------------------------------------------------------------------------------------


async def test_each_look_is_written_down_before_it_is_shown(desk: House, visitor: Visit) -> None:
    browser, _ = await at_the_page(desk, visitor, card())
    async with browser.get(f"{PAGE}/events") as answer:
        await answer.content.readuntil(b"\n\n")
        kinds = [line.access.what for line in await desk.store.accesses(FLOW, "c1")]
    assert kinds == ["link made", "link used", "page opened", "live view"]
    assert desk.calls.told == [("c1", CardConfirmed(9.0, "page", "c1-h1"))]
    assert (await desk.store.verify_accesses(FLOW)).broken == 0


async def test_a_handoff_that_moves_to_another_department_leaves_the_page(desk: House, visitor: Visit) -> None:
    await desk.call()
    await desk.show(card())
    browser, passphrase = await visitor(), await desk.key("Hygiene", "clinical")
    async with browser.get("/desk/sign-in") as answer:
        form = {"csrf": csrf(await answer.text()), "office": FLOW, "passphrase": passphrase}
    async with browser.post("/desk/sign-in", data=form, headers=SAME) as answer:
        assert answer.status == 200
    async with browser.get(f"{PAGE}/events") as answer:
        reader = Reader(answer)
        await reader.until("afterwards")
        await desk.show(card(department_key="front_desk", headline="not for hygiene"))
        async with asyncio.timeout(60):  # long before a stream ends by itself
            assert b"hygiene" not in await answer.content.read()
    async with browser.get(PAGE) as answer:
        assert answer.status == 404


async def test_an_old_card_without_the_newer_keys_is_shown(desk: House, visitor: Visit) -> None:
    old = card(people=[{"person": "Dana", "outcome": None}])
    for key in ("department_key", "fields", "caller", "summary"):
        del old[key]
    browser, _ = await at_the_page(desk, visitor, old)
    async with browser.get(PAGE) as answer:
        assert answer.status == 200
