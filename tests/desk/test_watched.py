"""Whole calls as people at an office see them: `demo` as a process of its own, and two screens in a real browser."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from .browsing import IN_CHROMIUM, playwright, watched

pytestmark = IN_CHROMIUM

FLOWS = Path(__file__).parents[2] / "flows"
PATIENCE = 40_000  # ms for something of the call to show: the machine may be busy
LINK = re.compile(r"(?:live|second screen):\s+(http\S+)")


@asynccontextmanager
async def demo(*arguments: str) -> AsyncIterator[list[str]]:
    """The desk links of a running demo."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "flowengine", "demo", *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    links: list[str] = []
    try:
        async with asyncio.timeout(60):
            while len(links) < 2:
                line = (await process.stdout.readline()).decode()
                assert line, "the demo ended before it told its links"
                links += LINK.findall(line)
        yield links
    finally:
        process.terminate()
        await process.communicate()


async def enter(page: Any, link: str) -> None:
    await page.goto(link)
    await page.get_by_role("button", name="Open the desk").click()


def shows(page: Any, selector: str, text: str) -> Any:
    return playwright.expect(page.locator(selector).filter(has_text=text).first).to_be_visible(timeout=PATIENCE)


async def test_the_seed_call_from_decision_to_wrap_up_on_two_screens(chromium: Any) -> None:
    async with demo("--speed", "6") as links:
        front, back = await chromium.new_page(), await (await chromium.new_context()).new_page()
        complaints = watched(front) + watched(back)
        for page, link in zip((front, back), links, strict=True):
            await enter(page, link)
        for page in (front, back):
            await shows(page, "#talking .item", "(312) 555-0199")
        for page in (front, back):  # the person knows before the phone rings
            await shows(page, "#now .headline", "My crown just fell out")
        await front.locator("#now a").first.click()
        await shows(front, "#lines .line[data-speaker=caller]", "My crown just fell out")
        for page in (front, back):
            await shows(page, "main", "Hygiene desk")
        await shows(front, "#card .state", "Connected with Hygiene desk")
        await shows(back, "#now .state", "Connected with Hygiene desk")
        await shows(front, "#lines .line[data-speaker=staff]", "I can see you lost your crown")
        await back.locator("#now a").first.click()  # opened in the middle: everything so far is there
        await shows(back, "#lines .line[data-speaker=agent]", "How can I help?")
        for page in (front, back):
            await shows(page, "#end", "The call is over.")
        await front.locator("[data-question=resolved]").get_by_role("button", name="Yes").click()
        await front.locator("[data-question=needed_person]").get_by_role("button", name="Yes").click()
        yes = back.locator("[data-question=needed_person]").get_by_role("button", name="Yes")
        await playwright.expect(yes).to_have_attribute("aria-pressed", "true", timeout=PATIENCE)
        texts = [await page.locator("#lines .said").all_inner_texts() for page in (front, back)]
        assert texts[0] == texts[1]
        assert len(texts[0]) == len(set(texts[0])), "a line stands twice"
        assert complaints == []


async def test_a_person_takes_the_call_on_the_page_instead_of_pressing_a_key(chromium: Any, tmp_path: Path) -> None:
    patient = tmp_path / "dental_office.yaml"  # whoever picks up waits for the browser of a busy machine
    text = (FLOWS / "dental_office.yaml").read_text("utf-8").partition("\ntests:")[0]
    patient.write_text(text.replace("accept_within: 8s", "accept_within: 32s"), "utf-8")
    async with demo(str(patient), "--scenario", "no_key_pressed", "--speed", "3") as links:
        page = await chromium.new_page()
        await enter(page, links[0])
        await shows(page, "#now .headline", "billing dispute")
        await page.locator("#now a").first.click()
        await page.get_by_role("button", name="Connect me now").first.click(timeout=PATIENCE)
        await shows(page, "#card .state", "Connected with")
