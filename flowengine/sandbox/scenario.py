"""A scenario: one call written down in the words of `tests:`, and
whether the call that happened is the one expected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, cast, get_args

import yaml

from flowengine.flow.model import Flow
from flowengine.sandbox import carrier as phone
from flowengine.sandbox.carrier.party import Outcome
from flowengine.sandbox.speech import murmur, read_wav

MOST_SILENCE = 3.0  # seconds nobody may be left in (design.md, issue 1 of 4)
LOSE_CARD = "lose_card"  # the office's own system refuses the card
CALLER_STAYS = 240.0  # seconds a caller with nothing left to say stays on the line
OUTCOMES = get_args(Outcome)
ENDS = {
    "connected": "connected",
    "referred": "referred",
    "dialled": "dialled",
    "take_message": "message",
    "callback": "callback",
}


class ScenarioError(Exception):
    """A scenario cannot be read, or does not fit the flow; the message says why."""


@dataclass(frozen=True, slots=True)
class StaffScript:
    """What one person's phone does, and what they say once connected."""

    outcome: Outcome = "accepts"
    says: tuple[str, ...] = ()
    hangs_up: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    about: str
    flow: str  # the key of the flow it was written for
    at: str
    caller: tuple[Mapping[str, Any], ...]
    staff: Mapping[str, StaffScript] = field(default_factory=dict)
    calls_from: str = "+13125550199"
    dialled: str = ""
    receptionist_fails: bool = False
    expect: Mapping[str, Any] = field(default_factory=dict)
    control: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


# ---- reading ---------------------------------------------------------------------------------------------------------


def scenarios() -> dict[str, Scenario]:
    """The scenarios that come with the sandbox, by name, the main job first."""
    folder = resources.files("flowengine.sandbox") / "scenarios"
    files = [f for f in folder.iterdir() if f.name.endswith(".yaml")]
    found = [read_scenario(f.name.removesuffix(".yaml"), f.read_text("utf-8")) for f in files]
    return {s.name: s for s in sorted(found, key=lambda s: (s.name != "crown", s.name))}


def read_scenario(name: str, text: str) -> Scenario:
    """Raises `ScenarioError`."""
    try:
        raw = yaml.load(text, Loader=yaml.BaseLoader)  # BaseLoader makes text only
        return Scenario(
            name=name,
            about=raw["about"],
            flow=raw["flow"],
            at=raw["at"],
            caller=tuple(raw["caller"]),
            staff={who: _staff(what) for who, what in raw.get("staff", {}).items()},
            calls_from=_number(raw.get("calls_from", "+13125550199")),
            dialled=_number(raw.get("dialled", "")),
            receptionist_fails=raw.get("receptionist") == "fails",
            expect=raw.get("expect", {}),
            control=raw.get("control", {}),
        )
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as mistake:
        raise ScenarioError(f"scenario {name}: {mistake!r}") from mistake


def _number(text: str) -> str:
    return "".join(c for c in text if c in "+0123456789") if not text.startswith("sip:") else text


def _staff(what: str | list[Any]) -> StaffScript:
    script: list[Any] = [what] if isinstance(what, str) else what
    outcome, acts = script[0], script[1:]
    says = tuple(act["says"] for act in acts if isinstance(act, dict) and "says" in act)
    return StaffScript(_outcome(outcome), says, any(isinstance(act, dict) and "hangs_up" in act for act in acts))


def _outcome(text: str) -> Outcome:
    if text not in OUTCOMES:
        raise ScenarioError(f"a phone cannot {text!r}; it can: {', '.join(OUTCOMES)}")
    return cast(Outcome, text)


def misfits(scenario: Scenario, flow: Flow) -> list[str]:
    """Why a scenario cannot be played with this flow: it speaks of people or rules the flow does not have."""
    people = {p.name for p in flow.people.values()}
    rules = {r.key for r in flow.rules} | {"person_by_name", "none"}
    missing = [f"no person {name!r}" for name in scenario.staff if name not in people]
    rule = scenario.expect.get("rule")
    return missing + ([f"no rule {rule!r}"] if rule and rule not in rules else [])


# ---- the parties -----------------------------------------------------------------------------------------------------


def caller_party(scenario: Scenario, audio: Path | None = None) -> phone.Party:
    """The caller with her script; `audio` replaces speech nobody can make out by a real recording."""
    recording = read_wav(audio) if audio else None
    acts = [act for n, line in enumerate(scenario.caller) for act in _acts(line, n, recording)]
    return phone.caller(acts, stays=CALLER_STAYS)


def _acts(line: Mapping[str, Any], n: int, recording: bytes | None) -> Iterator[phone.Act]:
    match line:
        case {"says": text}:
            yield phone.Says(text)
        case {"interrupts": text}:
            yield phone.Interrupts(text)
        case {"presses": key}:
            yield phone.Presses(key)
        case {"waits": seconds}:
            yield phone.Waits(float(seconds.removesuffix("s")))
        case {"hears": text}:
            yield phone.Until(text, 90.0)
        case {"unclear": _}:
            yield phone.Plays(recording or murmur(2.5, seed=n))
        case {"hangs_up": _}:
            yield phone.HangsUp()
        case _:
            raise ScenarioError(f"a caller cannot {dict(line)!r}")


def doubts(scenario: Scenario) -> dict[str, float]:
    """How sure a transcript is of lines with a `confidence`, 0 to 1."""
    said = [(line.get("says") or line.get("interrupts"), line.get("confidence")) for line in scenario.caller]
    return {" ".join(text.split()): float(sure.removesuffix("%")) / 100 for text, sure in said if text and sure}


def staff_party(script: StaffScript) -> phone.Party:
    """One person's phone; `accepts` picks up after 4 s."""
    acts: list[phone.Act] = [phone.Says(text) for text in script.says]
    return phone.staff(script.outcome, acts=[*acts, *([phone.HangsUp()] if script.hangs_up else [])])


def faults(control: Mapping[str, Mapping[str, str]]) -> list[phone.Fault]:
    """What a negative control takes away at the carrier (`lose_card` is the receiver's, see `world`)."""
    return [_fault(kind, given) for kind, given in control.items() if kind != LOSE_CARD]


def _fault(kind: str, given: Mapping[str, Any]) -> phone.Fault:
    match kind:
        case "lose_frame":
            return phone.LoseFrame(given["leg"], given["direction"], given["saying"])
        case "lose_key":
            return phone.LoseKey(given["digit"])
        case "lose_callback":
            return phone.LoseCallback(given["path"])
        case _:
            raise ScenarioError(f"no fault {kind!r}")


# ---- the verdict -----------------------------------------------------------------------------------------------------


def judge(expect: Mapping[str, Any], report: Mapping[str, Any]) -> list[str]:
    """What of the expectation did not hold, a sentence each; nothing is the verdict "held"."""
    handoff = report["handoffs"][0] if report["handoffs"] else {}
    longest = float(str(expect.get("no_silence_over", MOST_SILENCE)).removesuffix("s"))
    return [*_decided(expect, report, handoff), *_heard(expect, report), *_always(report, longest)]


def _decided(expect: Mapping[str, Any], report: Mapping[str, Any], handoff: Mapping[str, Any]) -> Iterator[str]:
    attempts = [a for h in report["handoffs"] for a in h["attempts"]]
    found = {
        "rule": handoff.get("rule", "none"),
        "department": handoff.get("department"),
        "method": handoff.get("method"),
        "tried": [a["person"] for a in attempts],
        "outcomes": [a["outcome"] for a in attempts],
        "connected_to": next((a["person"] for a in attempts if a["outcome"] == "accepted"), None),
    }
    for word, was in found.items():
        if word in expect and expect[word] != was:
            yield f"{word}: expected {_say(expect[word])}, but it was {_say(was)}"
    if "ends_with" in expect and ENDS.get(expect["ends_with"], expect["ends_with"]) != report["outcome"]:
        yield f"ends_with: expected {expect['ends_with']}, but it was {report['outcome']}"
    if after := expect.get("said_after_connecting"):
        connected = handoff.get("connected_at")
        spoke = {t["speaker"] for t in report["transcript"] if connected is not None and t["at"] > connected}
        yield from (f"nothing of the {who} was transcribed after connecting" for who in after if who not in spoke)


def _heard(expect: Mapping[str, Any], report: Mapping[str, Any]) -> Iterator[str]:
    caller, staff = (_words(report[side]) for side in ("caller_heard", "staff_heard"))
    yield from (
        f"the caller did not hear {text!r}" for text in expect.get("caller_hears", ()) if _plain(text) not in caller
    )
    yield from (
        f"the caller heard {text!r}" for text in expect.get("caller_does_not_hear", ()) if _plain(text) in caller
    )
    yield from (f"staff did not hear {text!r}" for text in expect.get("staff_hears", ()) if _plain(text) not in staff)


def _always(report: Mapping[str, Any], longest: float) -> Iterator[str]:
    """What holds in every scenario: the card before the ring, and no long silence."""
    for handoff in report["handoffs"]:
        card, ring = handoff["card_at"], handoff["first_ring_at"]
        if ring is not None and (card is None or card >= ring):
            yield f"the card was there at {_say(card)}, the first phone rang at {_say(ring)}"
    for segment in report["caller_heard"] or ():
        if segment["what"] == "silence" and segment["seconds"] > longest:
            yield f"{segment['seconds']:.1f} s of silence at {segment['at']:.1f} s"


def _words(segments: Sequence[Mapping[str, Any]] | None) -> str:
    return _plain(" ".join(s["text"] for s in segments or () if s["text"] and s["what"] != "self"))


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _say(value: object) -> str:
    return ", ".join(map(str, value)) or "nobody" if isinstance(value, list) else str(value)
