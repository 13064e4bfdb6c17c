"""Fixtures shared by all tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

import pytest

from flowengine.sandbox.clock import PacedLoop
from tests.timeless import a_database_costs_no_call_time

a_database_costs_no_call_time()


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Async tests run in paced time (50 call seconds a second); a test marked `wall` runs in wall time."""
    return {"wall": asyncio.new_event_loop} if item.get_closest_marker("wall") else {"paced": partial(PacedLoop, 50)}
