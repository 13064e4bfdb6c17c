"""The people of a scenario on the emulated telephone: the caller and the staff, as they were written down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from flowengine.sandbox import carrier as phone
from flowengine.sandbox.scenario import Line, Scenario, ScenarioError, StaffScript, seconds
from flowengine.sandbox.speech import murmur, read_wav

CALLER_STAYS = 150.0  # seconds a caller with nothing left to say stays on the line
STAFF_STAYS = 120.0
LISTENS = 90.0  # seconds somebody listens for words at most
NEVER = "none"  # the key of who presses none


def caller_party(scenario: Scenario, audio: Path | None = None) -> phone.Party:
    """The caller with her script; `audio` replaces speech nobody can make out by a real recording."""
    recording = read_wav(audio) if audio else None
    acts = [act for n, line in enumerate(scenario.caller) for act in _acts(line, n, recording)]
    return phone.caller(acts, stays=CALLER_STAYS)


def staff_party(script: StaffScript) -> phone.Party:
    """One person's phone."""
    own_keys = any("presses" in line for line in script.before)
    return phone.staff(
        script.outcome,
        after=script.rings,
        before=_before(script.before),
        acts=[act for n, line in enumerate(script.after) for act in _acts(line, n)],
        key="" if own_keys else None,
        stays=STAFF_STAYS,
        greeting=script.greets,
        extension=script.extension,
    )


def _before(lines: Sequence[Line]) -> list[phone.Act]:
    """What is done on the phone with us: a key is pressed when one is asked for, unless it waits for something else."""
    acts: list[phone.Act] = []
    for n, line in enumerate(lines):
        key = line.get("presses")
        if key is None:
            acts += _acts(line, n)
        elif key != NEVER:
            acts.append(phone.Presses(key) if acts and _is_cue(acts[-1]) else phone.PressesAsked(key))
    return acts


def _is_cue(act: phone.Act) -> bool:
    return isinstance(act, phone.Until | phone.Waits)


def _acts(line: Line, n: int, recording: bytes | None = None) -> Iterator[phone.Act]:
    match line:
        case {"says": text}:
            yield phone.Says(text)
        case {"interrupts": text}:
            yield phone.Interrupts(text)
        case {"presses": key}:
            yield phone.Presses(key)
        case {"waits": how_long}:
            yield phone.Waits(seconds(how_long))
        case {"hears": text}:
            yield phone.Until(text, LISTENS)
        case {"unclear": _}:
            yield phone.Plays(recording or murmur(2.5, seed=n))
        case {"hangs_up": _}:
            yield phone.HangsUp()
        case _:
            raise ScenarioError(f"nobody on a phone can {dict(line)!r}")


def doubts(scenario: Scenario) -> dict[str, float]:
    """How sure a transcript is of lines with a `confidence`, 0 to 1."""
    said = [(line.get("says") or line.get("interrupts"), line.get("confidence")) for line in scenario.caller]
    return {" ".join(text.split()): float(sure.removesuffix("%")) / 100 for text, sure in said if text and sure}
