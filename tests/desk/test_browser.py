"""The pages in a real Chromium: live without reloading, back after a break, readable by everybody, harmless."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from .house import FLOW, House, Server, card, eventually, house
from .test_pages import NASTY

playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed (extra e2e)")
axe = pytest.importorskip("axe_playwright_python.async_playwright", reason="axe is not installed (extra e2e)")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.wall,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed here"),
]
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest_asyncio.fixture
async def chromium() -> AsyncIterator[Any]:
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        await browser.close()


@pytest_asyncio.fixture
async def server(tmp_path: Path, port: int) -> AsyncIterator[tuple[House, Server]]:
    async with house(tmp_path, f"http://127.0.0.1:{port}") as built:
        running = Server(built.app, port)
        await running.start()
        yield built, running
        await running.stop()


async def text(page: Any, selector: str, expected: str) -> None:
    """Waits until the element shows it."""
    await playwright.expect(page.locator(selector)).to_have_text(expected, timeout=10_000)


def watched(page: Any) -> list[str]:
    """What the page complains about: errors, refused scripts and styles, dialogs."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
    return complaints


async def test_a_handoff_appears_before_the_phone_rings_and_moves_on(
    server: tuple[House, Server], chromium: Any
) -> None:
    desk, _ = server
    page = await chromium.new_page()
    complaints = watched(page)
    await page.goto(desk.access.office_link(FLOW, 600))
    await text(page, "#connection", "Live")
    await playwright.expect(page.locator(".now .empty")).to_be_visible()
    await desk.call()
    await playwright.expect(page.locator("#talking .item")).to_have_count(1)
    await desk.show(card())
    await text(page, "#now .item .state", "About to ring")
    await text(page, "#now .item .headline", "Maria Lopez: crown fell out, flying tomorrow morning")
    await playwright.expect(page.locator("#talking .item")).to_have_count(0)
    await playwright.expect(page.locator(".now .empty")).to_be_hidden()
    await desk.show(card(status="ringing", status_text="Ringing Hygiene desk"))
    await text(page, "#now .item .state", "Ringing Hygiene desk")
    await text(page, "#announcement", "Ringing Hygiene desk: Maria Lopez: crown fell out, flying tomorrow morning")
    await desk.work("c1-w1", "callback", reason="crown", callback_number="+13125550199")
    await playwright.expect(page.locator("#work .item a")).to_have_attribute("href", "tel:+13125550199")
    await desk.end()
    await playwright.expect(page.locator("#past .item")).to_have_count(1)
    await playwright.expect(page.locator("#now .item")).to_have_count(0)
    await page.locator("#past .item a").click()
    await text(page, "h1", "Maria Lopez: crown fell out, flying tomorrow morning")
    assert complaints == []


async def test_a_partial_is_replaced_by_its_final_without_reload(server: tuple[House, Server], chromium: Any) -> None:
    desk, _ = server
    await desk.call()
    await desk.say("agent", "How can I help?", 3.0)
    await desk.show(card())
    page = await chromium.new_page()
    complaints = watched(page)
    await page.goto(desk.access.handoff_link("c1-h1", FLOW, 600))
    await text(page, "#connection", "Live")
    await page.evaluate("window.notReloaded = true")
    await desk.hear("caller", "My cr", 5.0, turn="t1")
    await text(page, "#partials .said", "My cr")
    await desk.hear("caller", "My crown fell", 5.0, turn="t1")
    await text(page, "#partials .said", "My crown fell")
    await desk.say("caller", "My crown fell out.", 5.0, turn="t1")
    await playwright.expect(page.locator("#partials li")).to_have_count(0)
    assert await page.locator("#lines .said").all_text_contents() == ["How can I help?", "My crown fell out."]
    await desk.gap("c1-caller", 7.0, True)
    await text(page, "#lines .gap", "Transcript of the caller's side interrupted")
    people = [{"person": "Hygiene desk", "outcome": "accepted"}]
    await desk.show(
        card(status="connected", status_text="Connected with Hygiene desk", people=people, summary="Flies at seven.")
    )
    await text(page, "#card .state", "Connected with Hygiene desk")
    await text(page, "#card .summary", "Flies at seven.")
    await text(page, "#card .people li", "Hygiene desk took the call")
    await desk.say("staff", "Hi Maria.", 9.0)
    await text(page, '#lines [data-speaker="staff"] .speaker', "Hygiene desk 0:09")
    await desk.end()
    await playwright.expect(page.locator("#end")).to_be_visible()
    await text(page, "#card .state", "Talked with Hygiene desk")
    assert await page.evaluate("window.notReloaded")
    assert complaints == []


async def test_after_a_break_the_page_catches_up_by_itself(server: tuple[House, Server], chromium: Any) -> None:
    desk, running = server
    await desk.call()
    await desk.show(card())
    await desk.say("caller", "one", 5.0)
    page = await chromium.new_page()
    await page.goto(desk.access.handoff_link("c1-h1", FLOW, 600))
    await text(page, "#connection", "Live")
    await desk.say("caller", "two", 6.0)
    await playwright.expect(page.locator("#lines .line")).to_have_count(2)
    await desk.hear("caller", "thr", 7.0)
    await running.stop()
    await text(page, "#connection", "Reconnecting…")
    await desk.say("caller", "three", 7.0)
    await desk.show(card(status="ringing", status_text="Ringing Dana"))
    await running.start()
    await text(page, "#connection", "Live")
    await text(page, "#card .state", "Ringing Dana")
    await playwright.expect(page.locator("#partials li")).to_have_count(0)
    assert await page.locator("#lines .said").all_text_contents() == ["one", "two", "three"]


async def test_a_session_that_ended_says_so(server: tuple[House, Server], chromium: Any) -> None:
    desk, running = server
    page = await chromium.new_page()
    await page.goto(desk.access.office_link(FLOW, 600))
    await text(page, "#connection", "Live")
    await running.stop()
    desk.clock.pass_(13 * 3600)
    await running.start()
    await text(page, "#connection", "Signed out: open a new link")


async def test_a_callers_words_stay_words_in_live_updates(server: tuple[House, Server], chromium: Any) -> None:
    desk, _ = server
    await desk.call()
    await desk.show(card())
    page, listing = await chromium.new_page(), await chromium.new_page()
    complaints = watched(page) + watched(listing)
    await listing.goto(desk.access.office_link(FLOW, 600))
    await page.goto(desk.access.handoff_link("c1-h1", FLOW, 600))
    for each in (page, listing):
        await text(each, "#connection", "Live")
    fields = [{"name": "reason", "label": NASTY, "value": NASTY, "private": False}]
    people = [{"person": NASTY, "outcome": "accepted"}]
    await desk.show(card(headline=NASTY, summary=NASTY, status_text=NASTY, fields=fields, people=people))
    await desk.hear("staff", NASTY, 5.0)
    await desk.say("caller", NASTY, 6.0)
    await desk.work("c1-w1", "message", reason=NASTY, callback_number="javascript:alert(1)")
    await text(page, "h1", NASTY)
    await text(page, "#lines .said", NASTY)
    await text(page, "#partials .said", NASTY)
    await text(listing, "#now .headline", NASTY)
    await playwright.expect(listing.locator("#work .item")).to_have_count(1)
    for each in (page, listing):
        assert await each.locator("img, main script, [onerror], [onload]").count() == 0
        assert await each.locator('a[href^="javascript"]').count() == 0
    assert complaints == []


async def test_without_javascript_everything_so_far_is_there(server: tuple[House, Server], chromium: Any) -> None:
    desk, _ = server
    await desk.call()
    await desk.say("caller", "My crown fell out.", 5.0)
    await desk.show(card())
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(desk.access.office_link(FLOW, 600))
    await text(page, "#connection", "Reload to update")
    await page.locator("#now a").click()
    await text(page, "#lines .said", "My crown fell out.")
    await context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_everybody_can_read_it(server: tuple[House, Server], chromium: Any, scheme: str) -> None:
    """axe finds nothing serious; at 200% zoom on a small screen nothing is cut off sideways."""
    desk, _ = server
    states = ["announcing", "ringing", "connected", "message", "failed", "ended"]
    for number, status in enumerate(states):
        await desk.call(f"c{number}")
        await desk.show(
            card(
                f"c{number}",
                status=status,
                status_text=f"State {status}",
                people=[{"person": "Dana", "outcome": "accepted"}],
            )
        )
    await desk.call("c8")
    await desk.work("c9-w1", "message", caller_name="Maria Lopez", callback_number="+13125550142", reason="x" * 200)
    for speaker in ("agent", "caller", "staff"):
        await desk.say(speaker, "Words that somebody said.", 5.0, call="c2")
    await desk.gap("c2-caller", 6.0, True, call="c2")
    context = await chromium.new_context(
        color_scheme=scheme, reduced_motion="reduce", viewport={"width": 1280, "height": 800}
    )
    page = await context.new_page()
    await page.goto(desk.access.office_link(FLOW, 600))
    for path in ("/desk/", "/desk/handoffs/c1-h1", "/desk/handoffs/c2-h1", "/desk/handoffs/none"):
        await page.set_viewport_size({"width": 1280, "height": 800})
        await page.goto(desk.url + path)
        if path == "/desk/handoffs/c2-h1":
            await text(page, "#connection", "Live")
            await desk.hear("caller", "being said", 7.0, call="c2")
            await playwright.expect(page.locator("#partials li")).to_have_count(1)
        results = await axe.Axe().run(page)
        found = results.response["violations"]
        bad = [violation for violation in found if violation["impact"] in ("serious", "critical")]
        assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in bad] == []
        await page.set_viewport_size({"width": 320, "height": 600})
        assert await page.evaluate("document.documentElement.scrollWidth <= 320"), path
    await context.close()


async def test_the_keyboard_reaches_every_handoff(server: tuple[House, Server], chromium: Any) -> None:
    desk, _ = server
    await desk.call()
    await desk.show(card())
    page = await chromium.new_page()
    await page.goto(desk.access.office_link(FLOW, 600))
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.getAttribute('href')") == "/desk/handoffs/c1-h1"
    await page.keyboard.press("Enter")
    await text(page, "h1", "Maria Lopez: crown fell out, flying tomorrow morning")
    await eventually(lambda: desk.calls.told)
