"""What tests of pages in a real Chromium share; the fixtures `chromium` and `server` are in conftest.py."""

from __future__ import annotations

import os
import shutil
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed (extra e2e)")
axe = pytest.importorskip("axe_playwright_python.async_playwright", reason="axe is not installed (extra e2e)")

playwright.expect.set_options(timeout=15_000)  # ms; a busy machine is not a broken page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
IN_CHROMIUM = [
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
