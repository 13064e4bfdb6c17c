"""A screen that comes back has exactly what is so, whatever got lost on the way, and is sent nothing twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flowengine.desk.screens import MOST_SCREENS, Key, Screens, listed

Things = dict[Key, Any]


def now(things: Things) -> dict[str, Any]:
    """As the list's wire has it."""
    told = {kind: [thing for key, thing in things.items() if key[0] == kind] for kind in ("handoffs", "talking")}
    work = [thing for key, thing in things.items() if key[0] == "work"]
    split = {"work": [w for w in work if not w["done"]], "done": [w for w in work if w["done"]]}
    return {"clock": 1.0, "alerts": things.get(("alerts", ""), []), **told, **split}


@dataclass
class Page:
    """What list.js keeps, as values."""

    last: str = ""
    things: Things = field(default_factory=dict)
    received: list[dict[str, Any]] = field(default_factory=list)

    def gets(self, piece: str) -> None:
        id_, data = piece.strip().split("\n")
        self.last, news = id_.removeprefix("id: "), json.loads(data.removeprefix("data: "))
        self.received.append(news)
        match news:
            case {"type": "now"}:
                self.things = listed(news)
            case {"type": "since"}:
                for kind, names in news["gone"].items():
                    for name in names:
                        self.things.pop((kind, name), None)
                self.things |= listed({"alerts": self.things.get(("alerts", "")), "done": [], **news})
            case {"type": "handoff", "handoff": view}:
                self.things["handoffs", view["handoff"]] = view
                if view["live"]:
                    self.things.pop(("talking", view["call_id"]), None)
                elif view["back"]:
                    self.things["talking", view["call_id"]] = {"call_id": view["call_id"], "since": "of the card"}
            case {"type": "gone", "handoff": name}:
                self.things.pop(("handoffs", name), None)
            case {"type": "work", "work": view}:
                self.things["work", view["work"]] = view
            case {"type": "talking", "call": view}:
                self.things["talking", view["call_id"]] = view
            case {"type": "elsewhere" | "ended", "call_id": call}:
                self.things.pop(("talking", call), None)


CALLS = st.sampled_from(["c1", "c2", "c3"])
HANDOFFS = st.builds(
    lambda call, text, state: {"handoff": f"{call}-h1", "call_id": call, "text": text, "waited": text, **state},
    CALLS,
    st.sampled_from("abc"),
    st.sampled_from([{"live": True, "back": False}, {"live": False, "back": True}, {"live": False, "back": False}]),
)
CHANGES = st.one_of(
    HANDOFFS.map(lambda view: {"type": "handoff", "handoff": view}),
    CALLS.map(lambda call: {"type": "gone", "handoff": f"{call}-h1"}),
    st.builds(
        lambda name, done: {"type": "work", "work": {"work": name, "done": done}}, st.sampled_from("vw"), st.booleans()
    ),
    CALLS.map(lambda call: {"type": "talking", "call": {"call_id": call, "since": "of the call"}}),
    st.builds(lambda kind, call: {"type": kind, "call_id": call}, st.sampled_from(["elsewhere", "ended"]), CALLS),
)
STATES = st.lists(CHANGES, max_size=6)


def _so(changes: Sequence[dict[str, Any]]) -> Things:
    """The state of an office after such changes."""
    page = Page(things={("alerts", ""): []})
    for change in changes:
        page.gets(f"id: x.1\ndata: {json.dumps(change)}\n\n")
    return page.things


@given(st.lists(st.tuples(STATES, STATES, st.integers(0, 6)), min_size=1, max_size=4))
def test_whatever_is_lost_a_screen_that_comes_back_shows_what_is_so(
    connections: list[tuple[list[dict[str, Any]], list[dict[str, Any]], int]],
) -> None:
    screens, page = Screens(), Page()
    for before, news, arrive in connections:
        screen, here = screens.opened("s1", page.last)
        assert here == (page.last != "")
        page.gets(screen.since(now(_so(before))) if here else screen.now(now(_so(before))))
        assert page.things == _so(before)
        for number, piece in enumerate([screen.change(change) for change in news]):
            if number < arrive:
                page.gets(piece)


@given(STATES, STATES)
def test_it_is_sent_nothing_that_it_has(before: list[dict[str, Any]], news: list[dict[str, Any]]) -> None:
    """Unless the page drew a conclusion itself, of which it is told again."""
    screens, page = Screens(), Page()
    screen, _ = screens.opened("s1", "")
    page.gets(screen.now(now(_so(before))))
    for change in news:
        page.gets(screen.change(change))
    screen, _ = screens.opened("s1", page.last)
    has = dict(page.things)
    page.gets(screen.since(now(has)))
    last = page.received[-1]
    assert last["handoffs"] == last["work"] == []
    assert "alerts" not in last
    assert all(view["since"] == "of the card" for view in last["talking"])
    assert page.things == has


def test_seconds_that_pass_are_no_news() -> None:
    screens = Screens()
    waiting = {"handoff": "c1-h1", "call_id": "c1", "live": True, "back": False, "waited": "0:09"}
    first, _ = screens.opened("s1", "")
    page = Page()
    page.gets(first.now(now({("handoffs", "c1-h1"): waiting})))
    again, here = screens.opened("s1", page.last)
    assert here
    page.gets(again.since(now({("handoffs", "c1-h1"): {**waiting, "waited": "12:00"}})))
    assert page.received[-1]["handoffs"] == []


def test_who_is_not_known_gets_everything() -> None:
    screens = Screens()
    mine, _ = screens.opened("s1", "")
    mine.now(now({}))
    for owner, last in (
        ("s2", f"{mine.name}.1"),
        ("s1", "1"),
        ("s1", f"{mine.name}.x"),
        ("s1", f"{mine.name}.²"),
        ("s1", "."),
    ):
        assert screens.opened(owner, last)[1] is False
    for _ in range(MOST_SCREENS):
        screens.opened("s1", "")
    assert screens.opened("s1", f"{mine.name}.1")[1] is False


def test_two_pages_that_know_the_same_do_not_mix() -> None:
    """A tab that was doubled says the same as the first."""
    screens = Screens()
    first, _ = screens.opened("s1", "")
    first.now(now({}))
    one, _ = screens.opened("s1", f"{first.name}.1")
    two, _ = screens.opened("s1", f"{first.name}.1")
    assert len({first.name, one.name, two.name}) == 3
    one.change({"type": "work", "work": {"work": "w", "done": False}})
    assert ("work", "w") in one.has
    assert ("work", "w") not in two.has
