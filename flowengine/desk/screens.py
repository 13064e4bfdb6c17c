"""What each screen of a list has been sent: one that comes back gets what changed meanwhile, and nothing twice."""

from __future__ import annotations

import json
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flowengine.desk import stream
from flowengine.desk.views import View

MOST_SCREENS = 100  # remembered; the one not heard of for longest starts anew, with all that is so
GONE, UNKNOWN = "gone", "unknown"  # what a screen has of a thing; else a digest of it
_COUNTED = ("waited", "late")  # by the page itself, second by second
_NAMES = {"handoffs": "handoff", "work": "work", "talking": "call_id"}  # what is listed, and what names one of it

Key = tuple[str, str]


def listed(now: Mapping[str, Any]) -> dict[Key, Any]:
    """All that a list shows, each thing by itself."""
    things: dict[Key, Any] = {("alerts", ""): now["alerts"]}
    for kind, name in _NAMES.items():
        things |= {(kind, str(view[name])): view for view in now[kind]}
    return things | {("work", str(view["work"])): view for view in now["done"]}


@dataclass(slots=True)
class Screen:
    """One connection. `has`: what was sent last of each thing, and in which event; an event may be lost on its way, so
    what a screen really has is known when it says which one it saw last."""

    owner: str
    name: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    number: int = 0
    has: dict[Key, tuple[str, int]] = field(default_factory=dict)

    def now(self, now: Mapping[str, Any]) -> str:
        """All that is so, for a screen that has nothing yet."""
        self.number += 1
        for key, thing in listed(now).items():
            self._note(key, _digest(thing))
        return self._event({"type": "now", **now})

    def since(self, now: Mapping[str, Any]) -> str:
        """What of it a screen that came back does not have, and what it has that is no more."""
        self.number += 1
        things = listed(now)
        news = {key: thing for key, thing in things.items() if self.has.get(key, ("",))[0] != _digest(thing)}
        gone = [key for key in self.has if key not in things]
        for key, thing in news.items():
            self._note(key, _digest(thing))
        for key in gone:
            self._note(key, GONE)
        changed = {kind: [thing for key, thing in news.items() if key[0] == kind] for kind in _NAMES}
        left = {kind: [name for of, name in gone if of == kind] for kind in _NAMES}
        alerts = {"alerts": now["alerts"]} if ("alerts", "") in news else {}
        return self._event({"type": "since", "clock": now["clock"], **alerts, **changed, "gone": left})

    def change(self, view: View) -> str:
        """One thing that changed."""
        self.number += 1
        match view:
            case {"type": "handoff", "handoff": about}:
                self._note(("handoffs", about["handoff"]), _digest(about))
                if about["live"] or about["back"]:  # the page draws the conclusion itself
                    self._note(("talking", about["call_id"]), GONE if about["live"] else UNKNOWN)
            case {"type": "gone", "handoff": name}:
                self._note(("handoffs", name), GONE)
            case {"type": "work", "work": about}:
                self._note(("work", about["work"]), _digest(about))
            case {"type": "talking", "call": about}:
                self._note(("talking", about["call_id"]), _digest(about))
            case {"type": "elsewhere" | "ended", "call_id": call}:
                self._note(("talking", call), GONE)
        return self._event(view)

    def seen(self, number: int) -> Screen:
        """The same screen on a new connection, after event `number`."""
        after = Screen(self.owner)
        for key, (what, when) in self.has.items():
            if when > number:
                after.has[key] = UNKNOWN, 0
            elif what != GONE:
                after.has[key] = what, 0
        return after

    def _note(self, key: Key, what: str) -> None:
        self.has[key] = what, self.number

    def _event(self, news: Mapping[str, object]) -> str:
        return stream.message(news, f"{self.name}.{self.number}")


class Screens:
    """The latest connections of this process; a screen that is not known here gets everything."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Screen] = OrderedDict()

    def opened(self, owner: str, last: str) -> tuple[Screen, bool]:
        """The screen of a session (`owner`) whose last event was `last`, and whether it was here before."""
        name, _, number = last.rpartition(".")
        before = self._known.get(name)
        here = before is not None and before.owner == owner and number.isascii() and number.isdigit()
        screen = before.seen(int(number[:9])) if before and here else Screen(owner)
        self._known[screen.name] = screen
        while len(self._known) > MOST_SCREENS:
            self._known.popitem(last=False)
        return screen, here


def _digest(thing: Any) -> str:
    shown = {name: value for name, value in thing.items() if name not in _COUNTED} if isinstance(thing, dict) else thing
    return format(hash(json.dumps(shown, sort_keys=True, default=str)), "x")
