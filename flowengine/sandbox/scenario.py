"""A scenario: one call written down in the words of `tests:`, so that it can be played on the whole engine.

One YAML file each, all values text:

- `about`, `flow` (key of the example it was written for), `at` (office time), `calls_from`, `dialled`,
  `receptionist: fails`.
- `change`: words of the flow that are otherwise here; a mapping laid over the flow's own (lists are replaced).
- `caller`: a list of `says`, `interrupts`, `presses`, `waits`, `hears` (listens until these words), `unclear`,
  `hangs_up`. A line of `says` may name `confidence`.
- `staff`: by a person's name, or by one phone of a person's: an outcome (`accepts`, `no answer`, `busy`, `declined`,
  `voicemail`, `fails`), or a list of the outcome and what the person does: `says`, `hears`, `waits`, `presses`,
  `hangs_up`. What stands above `joined: true` is done before anybody is in the room with them, what stands below it
  after; without that line an `accepts` does everything after and a `declined` everything before. Who is asked for a
  key presses one to accept and two to decline, unless their list has keys of its own, each pressed when one is asked
  for (after `hears` or `waits`: at once); `presses: none` is a person who never does. Also `rings: 1s` (until it is
  picked up), `greets: text` (of a voicemail), `extension: digits` (a menu answers, and the person once it hears them).
- `trouble`: what is wrong with the world in this call; `control`: what is in addition taken away so that the call
  must fail. Both by kind, see `trouble.py`.
- `expect`: see `verdict.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, cast, get_args

import yaml

from flowengine.flow.diagnostics import render_concise
from flowengine.flow.model import Flow
from flowengine.flow.source import parse
from flowengine.sandbox.carrier.party import Outcome
from flowengine.sandbox.carrier.staff import VOICEMAIL
from flowengine.sandbox.trouble import KINDS
from flowengine.sandbox.verdict import EXPECTATIONS

# libyaml's, where it is: five to ten times as fast. A base loader makes text only.
_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

OUTCOMES = get_args(Outcome)
RINGS = 4.0  # seconds until a phone is picked up
KNOWN = frozenset(
    "about flow at calls_from dialled receptionist change caller staff trouble control expect".split()  # noqa: SIM905  # words
)


class ScenarioError(Exception):
    """A scenario cannot be read, or does not fit the flow; the message says why."""


Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StaffScript:
    """What one person's phone does, and what they do `before` and `after` somebody is in the room with them."""

    outcome: Outcome = "accepts"
    before: tuple[Line, ...] = ()
    after: tuple[Line, ...] = ()
    rings: float = RINGS
    greets: str = VOICEMAIL
    extension: str = ""

    @property
    def says(self) -> tuple[str, ...]:
        """What they say to the caller."""
        return tuple(line["says"] for line in self.after if "says" in line)


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    about: str
    flow: str  # the key of the flow it was written for
    at: str
    caller: tuple[Line, ...]
    staff: Mapping[str, StaffScript] = field(default_factory=dict)  # by a person's name or a phone's address
    calls_from: str = "+13125550199"
    dialled: str = ""
    receptionist_fails: bool = False
    change: Mapping[str, Any] = field(default_factory=dict)
    trouble: Mapping[str, Line] = field(default_factory=dict)
    expect: Mapping[str, Any] = field(default_factory=dict)
    control: Mapping[str, Line] = field(default_factory=dict)

    def script(self, name: str, address: str) -> StaffScript:
        """What this phone of this person does."""
        return self.staff.get(address, self.staff.get(name, StaffScript()))


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
        return _scenario(name, yaml.load(text, Loader=_Loader))
    except (ScenarioError, yaml.YAMLError) as mistake:
        raise ScenarioError(f"scenario {name}: {mistake}") from mistake
    except (KeyError, TypeError, AttributeError, ValueError) as mistake:
        raise ScenarioError(f"scenario {name}: {mistake!r}") from mistake


def _scenario(name: str, raw: Mapping[str, Any]) -> Scenario:
    _known(raw, KNOWN, "a scenario")
    _known(raw.get("expect", {}), EXPECTATIONS, "an expectation")
    for kinds in (raw.get("trouble", {}), raw.get("control", {})):
        _known(kinds, KINDS, "trouble")
    return Scenario(
        name=name,
        about=raw["about"],
        flow=raw["flow"],
        at=raw["at"],
        caller=tuple(raw["caller"]),
        staff={_who(who): _staff(what) for who, what in raw.get("staff", {}).items()},
        calls_from=address(raw.get("calls_from", "+13125550199")),
        dialled=address(raw.get("dialled", "")),
        receptionist_fails=raw.get("receptionist") == "fails",
        change=raw.get("change", {}),
        trouble=raw.get("trouble", {}),
        expect=raw.get("expect", {}),
        control=raw.get("control", {}),
    )


def _known(given: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    if unknown := set(given) - known:
        raise ScenarioError(f"{what} has no {', '.join(sorted(unknown))}; it has: {', '.join(sorted(known))}")


def address(text: str) -> str:
    """A number without its punctuation; a SIP address as it is."""
    return text if text.startswith("sip:") else "".join(c for c in text if c in "+0123456789")


def _who(name: str) -> str:
    """A person's name, or the address of one phone."""
    return address(name) if name.startswith(("+", "sip:")) else name


def _staff(what: str | list[Any]) -> StaffScript:
    script: list[Any] = [what] if isinstance(what, str) else what
    outcome, lines = _outcome(script[0]), script[1:]
    given = {word: line[word] for line in lines for word in ("rings", "greets", "extension") if word in line}
    before, after = _parted([line for line in lines if not set(line) & set(given)], outcome)
    return StaffScript(
        outcome,
        tuple(before),
        tuple(after),
        seconds(given.get("rings", f"{RINGS}s")),
        given.get("greets", VOICEMAIL),
        given.get("extension", ""),
    )


def _parted(lines: Sequence[Line], outcome: Outcome) -> tuple[Sequence[Line], Sequence[Line]]:
    """What is done before and after they are in the room."""
    at = next((n for n, line in enumerate(lines) if "joined" in line), None)
    if at is None:
        return (lines, ()) if outcome == "declined" else ((), lines)
    return lines[:at], lines[at + 1 :]


def _outcome(text: str) -> Outcome:
    if text not in OUTCOMES:
        raise ScenarioError(f"a phone cannot {text!r}; it can: {', '.join(OUTCOMES)}")
    return cast(Outcome, text)


def seconds(text: str) -> float:
    """`4s`, `0.5s`, `2min`. Raises `ValueError`."""
    return float(text.removesuffix("min")) * 60 if text.endswith("min") else float(text.removesuffix("s"))


def misfits(scenario: Scenario, flow: Flow) -> list[str]:
    """Why a scenario cannot be played with this flow: it speaks of people or rules the flow does not have."""
    people = {p.name for p in flow.people.values()} | {a for p in flow.people.values() for a in p.phones}
    rules = {r.key for r in flow.rules} | {"person_by_name", "none"}
    missing = [f"no person {name!r}" for name in scenario.staff if name not in people]
    expected = [scenario.expect["rule"]] if "rule" in scenario.expect else scenario.expect.get("rules", [])
    return missing + [f"no rule {rule!r}" for rule in expected if rule not in rules]


# ---- the flow as the scenario wants it -------------------------------------------------------------------------------


class _Plain(_Dumper):  # type: ignore[misc]
    """Writes text as it is: what is a number or a truth is for the flow language to say."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # the library's own attribute


# the flow's values are text that knows its place, which libyaml does not take for text
_Plain.add_multi_representer(str, lambda dumper, text: dumper.represent_str(str(text)))


def changed(text: str, change: Mapping[str, Any]) -> str:
    """The flow's text with `change` laid over it, values still as they were written. Raises `ScenarioError`."""
    if not change:
        return text
    document, found = parse(text, "the flow")
    if document is None:
        raise ScenarioError("\n".join(["the flow cannot be read", *map(render_concise, found)]))
    given = document.value
    return yaml.dump(_laid_over(given, change), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=1000)


def _laid_over(under: Any, over: Any) -> Any:
    if not isinstance(under, dict) or not isinstance(over, Mapping):
        return over
    return under | {key: _laid_over(under.get(key), value) for key, value in over.items()}
