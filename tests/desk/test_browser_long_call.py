"""A long call in a real Chromium: who opens it midway sees who and why first, and what is said now one tap away."""

from __future__ import annotations

from typing import Any

from .browsing import IN_CHROMIUM, playwright, readable, text
from .house import FLOW, House, Server, card, visit

pytestmark = IN_CHROMIUM


async def test_the_newest_line_is_one_tap_away_and_stays_in_sight(server: tuple[House, Server], chromium: Any) -> None:
    desk, _ = server
    await desk.call()
    for number in range(100):
        await desk.say(("agent", "caller", "staff")[number % 3], f"Line {number}, and a few words more.", number * 5.0)
    await desk.show(card(status="connected", status_text="Connected with Dana"))
    page = await (await chromium.new_context(viewport={"width": 390, "height": 800})).new_page()
    await visit(page, desk.access.handoff_link("c1-h1", FLOW, 600))
    await text(page, "#connection", "Live")
    newest, last = page.locator("#to-newest"), page.locator("#lines > :last-child")
    await playwright.expect(page.locator(".card .headline")).to_be_in_viewport()
    await playwright.expect(last).not_to_be_in_viewport()
    await page.locator("#lines > :first-child").scroll_into_view_if_needed()
    await readable(page, "long-call")
    await newest.click()
    await playwright.expect(last).to_be_in_viewport()
    await playwright.expect(newest).to_be_hidden()
    await desk.hear("caller", "Being said right now", 501.0)
    await playwright.expect(page.locator("#partials .said")).to_be_in_viewport()  # who is there stays there
    await desk.say("caller", "Being said right now, to the end.", 502.0)
    await playwright.expect(last).to_be_in_viewport()
    await page.evaluate("scrollTo(0, 0)")
    await desk.end()
    await text(page, "#end", "The call is over.")
    await playwright.expect(newest).to_be_hidden()
