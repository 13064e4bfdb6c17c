"""The line between carrier and engine in a test's hands: what passes is seen, and held up or met by something else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flowengine.sandbox.carrier import CallRecord, Request, RestAnswers
from flowengine.sandbox.carrier.leg import Leg
from flowengine.sandbox.carrier.webhooks import Answer, Form
from flowengine.sandbox.scenario import Scenario, read_scenario
from flowengine.sandbox.world import World
from tests.sandbox.play import Played

DANA, LUIS, HYGIENE, REED = "+13125550111", "+13125550112", "+13125550121", "+13125550122"

# Little is said before the hand-off, and phones ring briefly: the tests are about what comes then.
REFUND = """
about: Something about a bill, for the front desk.
flow: dental_office
at: Tue 10 Nov 2026 2:30pm
change:
  receptionist:
    greeting: Bright Smile Dental, the automated receptionist.
    find_out: [{field: caller_name}, {field: callback_number}, {field: been_here_before}, {field: reason}]
  transfer: {ring_for: 10s, say_before: I'm connecting you.}
caller:
  - says: I need a refund.
  - hears: speaking
  - says: Thank you for taking my call.
  - waits: 1s
  - hangs_up: true
staff:
  Dana: [accepts, {rings: 2s}, {says: "Front desk, Dana speaking."}]
  Luis: [accepts, {rings: 2s}, {says: "Front desk, Luis speaking."}]
"""
CROWN = (
    REFUND.replace("I need a refund.", "My crown just fell out.").partition("staff:")[0]
    + """
staff:
  Hygiene desk: [accepts, {says: "Hygiene desk speaking."}]
  Dr. Reed: [accepts, {says: "Dr. Reed speaking."}]
"""
)

ASKS = {"says": "I need a refund."}
GOES = {"hangs_up": "true"}

Change = Callable[[Scenario], Scenario]
Watch = Callable[[World], None]


def call(
    text: str = REFUND,
    *,
    caller: Sequence[Mapping[str, Any]] = (),
    staff: Mapping[str, Any] | None = None,
    change: Mapping[str, Any] | None = None,
) -> Change:
    """The call of `text`, with other lines of the caller, other people on the phones, and other words in the flow."""
    script = read_scenario("it", text)
    spoken = {"about": "", "flow": "", "at": "", "caller": [], "staff": staff or {}, "change": change or {}}
    other = read_scenario("it", json.dumps(spoken))
    made = replace(
        script,
        caller=tuple(caller) or script.caller,
        staff={**script.staff, **other.staff},
        change=_laid_over(script.change, other.change),
    )
    return lambda _: made


def _laid_over(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {k: _laid_over(under[k], v) for k, v in over.items() if isinstance(v, Mapping) and k in under}
    return {**under, **over, **both}


# ---- what the carrier measured ---------------------------------------------------------------------------------------


def caller_of(run: Played) -> CallRecord:
    (leg,) = (r for r in run.world.carrier.calls.values() if r.direction == "inbound")
    return leg


def staff_of(run: Played, number: str) -> CallRecord:
    """The one leg to a phone: it was not rung twice."""
    (leg,) = (r for r in run.world.carrier.calls.values() if r.to == number)
    return leg


def rung(run: Played) -> list[str]:
    """The phones that were rung, in order."""
    return [r.to for r in run.world.carrier.calls.values() if r.direction != "inbound"]


def outcomes(run: Played) -> list[tuple[str, str]]:
    """What became of each attempt, as the report has it."""
    return [(a["person"], a["outcome"]) for h in run.report["handoffs"] for a in h["attempts"]]


def told(run: Played, path: str, **values: str) -> list[Request]:
    """The carrier's requests to addresses that contain `path`, with these parameters."""
    return [r for r in run.world.carrier.requests if path in r.url and values.items() <= r.values.items()]


def heard_by(run: Played, number: str) -> str:
    """What one phone heard, in words."""
    return " ".join(s.text for s in staff_of(run, number).heard if s.text)


def holds(run: Played, most_silence: float = 3.0) -> None:
    """What holds whatever happens: one outcome each, nobody left on a phone, no phone rung twice, no silence."""
    assert run.journals.broken() == []
    assert run.report["outcome"], "the call has no outcome"
    assert all(h["outcome"] for h in run.report["handoffs"])
    assert all(outcome for _, outcome in outcomes(run))
    assert sum(outcome == "accepted" for _, outcome in outcomes(run)) <= 1
    assert len(set(rung(run))) == len(rung(run)), "a phone was rung twice"
    caller = caller_of(run)
    assert caller.ended_at is not None
    for number in rung(run):
        ended = staff_of(run, number).ended_at
        assert ended is not None
        assert ended <= caller.ended_at + 6.0, "somebody was left on the phone"  # a last sentence takes that long
    gaps = [(s.at, s.seconds) for s in caller.heard if s.what == "silence" and s.seconds > most_silence]
    assert gaps == [], "the caller heard nothing"


# ---- interference ----------------------------------------------------------------------------------------------------

Do = Callable[[], object]


@dataclass
class Wire:
    """Between one carrier and the engine, both ways."""

    world: World
    orders: list[tuple[float, str, str]] = field(default_factory=list)  # REST: loop time, method, path
    _refused: list[tuple[str, RestAnswers]] = field(default_factory=list)
    _slow: list[tuple[str, float]] = field(default_factory=list)
    _lies: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    _meets: list[tuple[str, Do]] = field(default_factory=list)

    def __post_init__(self) -> None:
        exchange = self.world.carrier._exchange
        self._request, self._fault = exchange.webhooks.request, exchange.faults.rest_error
        exchange.webhooks.request = self._webhook  # type: ignore[method-assign]
        exchange.faults.rest_error = self._order  # type: ignore[method-assign]

    def refuses(self, who: str, status: int, code: int, *, times: int = 1) -> None:
        """The carrier refuses so many orders about the leg of the caller ("inbound") or of the person with a number."""
        self._refused += [(who, RestAnswers("", status, code))] * times

    def slow(self, path: str, seconds: float) -> None:
        """The first answer from an address that contains `path` takes so long to get back to the carrier."""
        self._slow.append((path, seconds))

    def lies(self, path: str, **values: str) -> None:
        """The carrier says this instead in requests to `path`."""
        self._lies.append((path, values))

    def meets(self, what: str, do: Do) -> None:
        """`do` happens in the moment in which the first request or order whose address contains `what` is sent."""
        self._meets.append((what, do))

    async def _webhook(self, method: str, url: str, form: Form) -> Answer:
        self._met(url)
        said = {k: v for path, values in self._lies if path in url for k, v in values.items()}
        answer = await self._request(method, url, [(k, said.get(k, v)) for k, v in form])
        for held in [held for held in self._slow if held[0] in url]:
            self._slow.remove(held)
            await asyncio.sleep(held[1])
        return answer

    def _order(self, method: str, path: str) -> Any:
        self.orders.append((asyncio.get_running_loop().time(), method, path))
        self._met(path)
        for n, (who, refusal) in enumerate(self._refused):
            if method == "POST" and any(leg.sid in path for leg in legs_of(self.world, who)):
                del self._refused[n]
                return refusal
        return self._fault(method, path)

    def _met(self, address: str) -> None:
        for meeting in [meeting for meeting in self._meets if meeting[0] in address]:
            self._meets.remove(meeting)
            meeting[1]()


def legs_of(world: World, who: str) -> list[Leg]:
    """The legs of the caller ("inbound"), or to a number."""
    return [leg for leg in world.carrier._exchange.legs.values() if who in (leg.record.to, leg.record.direction)]


def leg_of(world: World, who: str) -> Leg:
    (leg,) = legs_of(world, who)
    return leg


def hangs_up(world: World, who: str = "inbound") -> None:
    """The caller, or the person with this number, puts the phone down now."""
    leg = leg_of(world, who)
    leg.record.hung_up = not leg.record.over
    leg.end("completed")


def as_soon_as(world: World, true: Callable[[], bool], do: Do) -> None:
    """`do` happens within 20 ms of call time after something has become true; a run in which it does not has failed."""

    async def waits() -> None:
        while not true():  # noqa: ASYNC110  # nothing of the emulator announces it
            await asyncio.sleep(0.02)
        do()

    world.carrier._exchange.spawn(waits())


def is_rung(world: World, number: str, status: str = "ringing") -> bool:
    """Whether a phone is in this state; `in-progress` is picked up."""
    return any(r.to == number and r.status == status for r in world.carrier.calls.values())
