"""What the carrier records of the caller's leg in `world`: begun late, refused, ended of itself, told twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowengine.call import events as e
from tests.call.world_legs import Act

if TYPE_CHECKING:
    from tests.call.world import World


class Tape:
    """One recording at a time. `running` is its name at the carrier, "" when there is none."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.running = ""
        self.made = 0

    # ---- orders ----------------------------------------------------------------------------------------------------

    def ordered(self) -> None:
        self.world.order(
            self.world.caller,
            "start recording",
            lambda: self._begins(answered=True),
            ("is refused", self._refused),
            ("is never answered", lambda: self._begins(answered=False)),
        )

    def _begins(self, *, answered: bool) -> None:
        if self.world.caller.state == "over":
            self._refused()
            return
        assert not self.running, "recorded twice at once"
        self.made += 1
        self.running = ref = f"RE{self.made}"
        if answered:
            self.world.result(lambda at: e.RecordingStarted(at, ref), self.world.caller.name)
        self.world.news(lambda at: e.RecordingStarted(at, ref), self.world.caller, loses=answered)

    def _refused(self) -> None:
        self.world.result(lambda at: e.RecordingEnded(at, "", ""), self.world.caller.name)

    def stopped(self, ref: str) -> None:
        self.world.order(
            self.world.caller, f"stop recording {ref}", lambda: self._stops(ref), ("fails", lambda: self._goes_on(ref))
        )

    def _stops(self, ref: str) -> None:
        if self.running and ref in ("", self.running):
            self.ends()
        elif not ref:
            self._goes_on(ref)  # there is none: it may not have begun yet

    def _goes_on(self, ref: str) -> None:
        self.world.result(lambda at: e.RecordingGoesOn(at, ref, "500"), self.world.caller.name)

    # ---- what becomes of it ----------------------------------------------------------------------------------------

    def ends(self) -> None:
        ref, self.running = self.running, ""
        if ref:
            address = f"https://example.com/{ref}"
            self.world.news(lambda at: e.RecordingEnded(at, ref, address, 5.0), self.world.caller, 2.0, loses=True)

    def acts(self) -> list[Act]:
        return [("the carrier ends the recording", self.ends)] if self.running else []
