"""For every test: skips by name what this machine cannot run, and lets neither chance nor a slow machine decide."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.register_profile(
    "search", settings.get_profile("house"), derandomize=False
)  # --hypothesis-profile search: new ones
settings.load_profile("house")  # `pytest --hypothesis-profile search` looks for examples nobody has tried

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser") and not any(map(shutil.which, BROWSERS)):
        pytest.skip("needs Chromium: apt-get install chromium")
