"""Skips by name what this machine cannot run: tests marked `browser` or `postgres` where the program is missing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def _chromium() -> bool:
    return any(map(shutil.which, BROWSERS))


def _postgres() -> bool:
    """Debian keeps the server's programs out of PATH."""
    return bool(shutil.which("initdb") or [*Path("/usr/lib/postgresql").glob("*/bin/initdb")])


NEEDS: dict[str, tuple[Callable[[], bool], str]] = {
    "browser": (_chromium, "needs Chromium: apt-get install chromium"),
    "postgres": (_postgres, "needs PostgreSQL's programs: apt-get install postgresql"),
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, (present, how) in NEEDS.items():
        if item.get_closest_marker(marker) and not present():
            pytest.skip(how)
