"""A process is killed as it has somebody rung (reliability.md F2, F3), for real: nobody is rung twice, none is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from flowengine.sandbox.carrier import HangsUp, RestAnswers, Says, Until, caller, staff
from flowengine.sandbox.scenario import changed, read_scenario
from tests.sandbox.processes import said
from tests.sandbox.test_faults_handles import always_open
from tests.sandbox.test_serve import OFFICE, House, serving
from tests.sandbox.wire import DANA, LUIS, REFUND

pytestmark = pytest.mark.wall
CHANGE = {**read_scenario("it", REFUND).change, "transfer": {"ring_for": "10s", "say_before": "I'm connecting you."}}


def killed_as_it_rings(house: House, carried_out: bool) -> None:
    """The first process dies as its order to ring a phone reaches the carrier; the second is asked from then on."""
    (first, _), faults = house.processes, house.carrier._exchange.faults
    usual = faults.rest_error

    def order(method: str, path: str) -> Any:
        if (method, path.rpartition("/")[2]) == ("POST", "Calls.json") and first.returncode is None:
            faults.rest_error = usual  # type: ignore[method-assign]
            first.kill()
            return None if carried_out else RestAnswers("", 503, 20503)
        return usual(method, path)

    faults.rest_error = order  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("carried_out", "rung", "meets"),
    [(False, [LUIS], "Luis"), (True, [DANA], "Dana")],
    ids=["before the order", "before the answer"],
)
async def test_a_process_killed_as_it_has_a_phone_rung_rings_nobody_twice(
    carried_out: bool, rung: list[str], meets: str, tmp_path: Path
) -> None:
    flow = always_open(tmp_path)
    flow.write_text(changed(flow.read_text("utf-8"), CHANGE), "utf-8")
    async with serving(tmp_path, flows=flow) as house:
        one = house.address
        await house.started()
        another = house.address
        house.reaches(one)
        for number, name in ((DANA, "Dana"), (LUIS, "Luis")):
            house.carrier.add_phone(number, staff(after=2, acts=[Says(f"{name} speaking.")]))
        killed_as_it_rings(house, carried_out)
        acts = (Until("receptionist", 120), Says("I need a refund."), Until("speaking", 120), HangsUp(0.2))
        ringing = asyncio.create_task(house.carrier.ring_in(caller(acts), from_="+13125550199", to=OFFICE))
        async with asyncio.timeout(150):
            await house.processes[0].wait()
            house.reaches(another)
            record = await ringing
        assert said(record, "staff") == f"{meets} speaking."
        assert [each.to for each in house.carrier.calls.values() if each.direction != "inbound"] == rung
