"""What tests of pages in a real Chromium share; the fixtures `chromium` and `server` are in conftest.py."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed (extra e2e)")
axe = pytest.importorskip("axe_playwright_python.async_playwright", reason="axe is not installed (extra e2e)")

PATIENCE = 120_000  # ms; a busy machine is not a broken page
playwright.expect.set_options(timeout=PATIENCE)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
IN_CHROMIUM = [pytest.mark.browser, pytest.mark.wall]
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",  # which containers have little of
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True, slots=True)
class Browser:
    """Chromium; whatever is done in its pages may take as long as a busy machine needs."""

    _browser: Any

    async def new_context(self, **options: Any) -> Any:
        context = await self._browser.new_context(**options)
        context.set_default_timeout(PATIENCE)
        return context

    async def new_page(self, **options: Any) -> Any:
        return await (await self.new_context(**options)).new_page()


@asynccontextmanager
async def started() -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed here")
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=QUIET, timeout=PATIENCE)
        try:
            yield Browser(browser)
        finally:
            await browser.close()


async def stands_still(context: Any) -> None:
    """The clock of its pages goes only when told (`page.clock.run_for`): no timer of theirs is a matter of speed."""
    await context.clock.install(time=0)
    await context.clock.pause_at(1)


async def text(page: Any, selector: str, expected: str) -> None:
    """Waits until the element shows it."""
    await playwright.expect(page.locator(selector)).to_have_text(expected)


def watched(page: Any) -> list[str]:
    """What the page complains about: errors, refused scripts and styles, dialogs."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
    return complaints


async def readable(page: Any, name: str = "", *, narrow: int = 320) -> None:
    """axe finds nothing serious, and on the narrowest phone (or at 400 % zoom) nothing is cut off sideways.

    With the name of a folder in DESK_SHOTS each state is kept there as a picture, to be looked at.
    """
    results = await axe.Axe().run(page)
    bad = [found for found in results.response["violations"] if found["impact"] in ("serious", "critical")]
    assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in bad] == [], name
    folder, size = os.environ.get("DESK_SHOTS"), page.viewport_size
    if folder and name:
        await page.screenshot(path=f"{folder}/{name}.png", full_page=size["width"] < 500)
    await page.set_viewport_size({"width": narrow, "height": 640})
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is wider than {narrow}"
    await page.set_viewport_size(size)
