"""For every test: skips by name what this machine cannot run, and lets no slow machine fail a property."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None)  # a busy machine is not a counterexample
settings.load_profile("house")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser") and not any(map(shutil.which, BROWSERS)):
        pytest.skip("needs Chromium: apt-get install chromium")
