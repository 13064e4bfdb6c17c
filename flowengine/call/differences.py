"""What callers and the office will notice of a changed flow: two flows rehearsed with the same callers at the same
occasions, and what is told about the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime
from itertools import groupby

from flowengine.call.probes import Probe, probes
from flowengine.call.rehearsal import rehearse_at
from flowengine.call.routes import OTHERWISE, Route, accepting, chain, nobody, route_of, words_of
from flowengine.call.state import handoffs
from flowengine.flow.hours import spans_words, week_words
from flowengine.flow.model import Expectation, Flow, FlowTest, HoursException, Spoken
from flowengine.flow.occasions import Occasion, occasions, range_words
from flowengine.flow.spelling import limit

MOST_NAMED = 3  # callers named in one sentence; the rest are counted
SAME = "No caller will notice."


@dataclass(frozen=True, slots=True)
class Difference:
    """What callers notice and what only the office does, in sentences; both empty for a pure refactoring."""

    callers: tuple[str, ...]
    office: tuple[str, ...]


def difference(old: Flow, new: Flow) -> Difference:
    """Everything that changes from one version of a flow to another."""
    return Difference((*_said(old, new), *_routed(old, new)), tuple(_office(old, new)))


# ---- what becomes of callers -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class View:
    """What a caller and staff notice of one call; names of rules and departments are not among it."""

    rung: tuple[tuple[tuple[str, ...], float], ...]
    hears: tuple[str, ...]
    staff_hear: tuple[str, ...]
    asked: tuple[str, ...]
    method: str
    ends_with: str
    connected_to: str


Told = tuple[str, ...]


def _routed(old: Flow, new: Flow) -> Iterator[str]:
    """One paragraph for each change: everybody it happens to, and when."""
    found = occasions(old, new)
    words = ["" if len(found) == 1 else words_of(new, found, i, -1) for i in range(len(found))]
    listed = sorted(zip(words, found, strict=True), key=lambda pair: pair[0] == OTHERWISE)
    when: dict[tuple[Told, str], list[str]] = {}
    for probe in _callers(old, new):
        for name, occasion in listed:
            if told := _changed(old, new, probe, occasion):
                when.setdefault((told, probe.about), []).append(name)
    who: dict[tuple[Told, tuple[str, ...]], list[str]] = {}
    for (told, about), times in when.items():
        who.setdefault((told, tuple(times) if len(times) < len(found) else ()), []).append(about)
    for (told, moments), callers in who.items():
        yield "\n".join((_who(callers, moments), *(f"    {line}" for line in told)))


def _who(callers: Sequence[str], moments: Sequence[str]) -> str:
    more = len(callers) - MOST_NAMED
    who = ", or ".join(callers[:MOST_NAMED]) + (f" (and {more} more)" if more > 0 else "")
    when = f", {'; '.join(moments)}" if moments else ""
    return f"A caller who {who}{when}:"


def _callers(old: Flow, new: Flow) -> Iterator[Probe]:
    """Every way into either flow, and the callers of their tests, each once."""
    seen: set[str] = set()
    every = [*probes(new, every_phrase=True), *probes(old, every_phrase=True), *_of_tests(new), *_of_tests(old)]
    for probe in every:
        script = tuple(replace(line, answers={}) for line in probe.test.caller)
        does = repr(replace(probe.test, name="", at="", caller=script, expect=Expectation()))
        if does not in seen:
            seen.add(does)
            yield probe


def _of_tests(flow: Flow) -> Iterator[Probe]:
    for test in flow.tests:
        yield Probe(test.expect.rule or "", f"does as in the test “{test.name}”", replace(test, staff={}))


def _changed(old: Flow, new: Flow, probe: Probe, occasion: Occasion) -> Told:
    """How one caller's call differs: with nobody answering, so that the whole list shows, else with everybody
    accepting. Empty when it does not."""
    for staff in (nobody, accepting):
        was, will = (
            _seen(flow, replace(probe.test, staff=staff(flow)), at)
            for flow, at in zip((old, new), occasion.moments, strict=True)
        )
        if was[0] != will[0]:
            return tuple(_told(old, new, was, will))
    return ()


def _seen(flow: Flow, test: FlowTest, at: datetime) -> tuple[View, Route]:
    rehearsal = rehearse_at(flow, test, at)
    found = route_of(flow, rehearsal)
    decided = next((h.decided for h in handoffs(rehearsal.call)), float("inf"))
    lines = (heard.text for heard in rehearsal.lines_heard if heard.at >= decided)
    groups = [list(group) for _, group in groupby(found.rung, key=lambda rung: rung.at)]
    view = View(
        tuple((tuple(r.person for r in group), group[0].seconds) for group in groups),
        tuple(dict.fromkeys(lines)),
        tuple(heard.text for heard in found.staff_hear),
        found.asked,
        found.got.method,
        found.got.ends_with,
        found.got.connected_to,
    )
    return view, found


def _told(old: Flow, new: Flow, was: tuple[View, Route], will: tuple[View, Route]) -> Iterator[str]:
    """The change in lines. Where another person is rung or the call ends otherwise, other words follow from that."""
    if _way(was[0]) != _way(will[0]):
        yield f"before  {chain(old, was[1])}"
        yield f"now     {chain(new, will[1])}"
        return
    yield from (f"no longer hears “{text}”" for text in was[0].hears if text not in will[0].hears)
    yield from (f"hears “{text}”" for text in will[0].hears if text not in was[0].hears)
    yield from (f"staff no longer hear “{text}”" for text in was[0].staff_hear if text not in will[0].staff_hear)
    yield from (f"staff hear “{text}”" for text in will[0].staff_hear if text not in was[0].staff_hear)
    if was[0].asked != will[0].asked:
        yield f"is asked first for {_list(will[0].asked)} (before: {_list(was[0].asked)})"


def _way(view: View) -> object:
    return view.rung, view.method, view.ends_with, view.connected_to


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "nothing"


# ---- what stands in the file and changes what is said or known -------------------------------------------------------

Said = Callable[[Flow], object]

_SAID: Mapping[str, Said] = {
    "The office's name": lambda f: f.office.name,
    "The office's hours": lambda f: week_words(f.hours),
    "The special days": lambda f: [_exception(e) for e in f.exceptions],
    "The time zone": lambda f: f.office.timezone,
    "The receptionist's name": lambda f: f.receptionist.name,
    "The voice": lambda f: f.receptionist.voice,
    "The languages": lambda f: f.receptionist.languages,
    "The greeting": lambda f: f.receptionist.greeting,
    "The greeting when closed": lambda f: f.receptionist.greeting_when_closed,
    "Her manner": lambda f: f.receptionist.manner,
    "What she may help with": lambda f: f.receptionist.may_help_with,
    "What she must not do": lambda f: f.receptionist.must_not,
    "What she finds out": lambda f: [_plain(x) for x in f.receptionist.find_out],
    "What she can do besides talk": lambda f: {t.name: t.does for t in f.tools},
    "The facts she may state": lambda f: f.office.facts,
    "The music on hold": lambda f: f.hold.music,
    "Recording": lambda f: (f.privacy.recording, f.privacy.consent_line),
}

_KNOWN: Mapping[str, Said] = {
    "The office's numbers": lambda f: f.office.phone_numbers,
    "How calls arrive": lambda f: f.office.calls_arrive_by,
    "People's phones": lambda f: {p.name: p.phones for p in f.people.values()},
    "Known callers": lambda f: f.known_callers,
    "Where tools send what they note": lambda f: {t.name: t.sends_to or t.post for t in f.tools},
    "Where messages go": lambda f: [_plain(d) for d in f.take_message.send_to],
    "Where callbacks go": lambda f: [_plain(d) for d in f.callback.send_to],
    "Where voicemails go": lambda f: [_plain(d) for d in f.voicemail.send_to],
    "The card": lambda f: _plain(f.card),
    "What is kept and blacked out": lambda f: _plain(replace(f.privacy, recording="none", consent_line=None)),
    "Alerts": lambda f: {name: limit(name, each) for name, each in f.alert_when.items()},
    "Names of rules in reports": lambda f: [r.key for r in f.rules],
    "Names of departments in reports": lambda f: list(f.departments),
}


def _said(old: Flow, new: Flow) -> Iterator[str]:
    return _compared(_SAID, old, new)


def _office(old: Flow, new: Flow) -> Iterator[str]:
    return _compared(_KNOWN, old, new)


def _compared(table: Mapping[str, Said], old: Flow, new: Flow) -> Iterator[str]:
    for label, value in table.items():
        was, will = value(old), value(new)
        if was != will:
            yield "\n".join((f"{label}:", *(f"    {line}" for line in _versus(was, will))))


def _versus(was: object, will: object) -> Iterator[str]:
    """Maps and lists entry by entry, anything else whole."""
    if isinstance(was, Mapping) and isinstance(will, Mapping):
        for key in dict.fromkeys((*was, *will)):
            if was.get(key) != will.get(key):
                yield f"{key}: {_text(was.get(key))} → {_text(will.get(key))}"
    elif (
        isinstance(was, list | tuple)
        and isinstance(will, list | tuple)
        and set(map(_text, was)) != set(map(_text, will))
    ):
        yield from (f"no longer {_text(one)}" for one in was if one not in will)
        yield from (f"new: {_text(one)}" for one in will if one not in was)
    else:
        yield f"before  {_text(was)}"
        yield f"now     {_text(will)}"


def _text(value: object) -> str:
    match value:
        case None | "":
            return "nothing"
        case Spoken(text, by_language):
            return " / ".join(
                (f"“{text}”", *(f"{name}: “{said}”" for name, said in by_language.items() if said != text))
            )
        case list() | tuple():
            return ", ".join(map(_text, value)) or "nothing"
        case Mapping():
            return ", ".join(_entry(name, each) for name, each in value.items()) or "nothing"
    return str(value)


def _entry(name: str, value: object) -> str:
    """A word and its value; a switch that is on is its name."""
    return name if value is True else _text(value) if name == "name" else f"{name} {_text(value)}"


def _exception(exception: HoursException) -> str:
    return f"{exception.name or range_words(exception.dates)} {spans_words(exception.spans)}"


def _plain(value: object) -> object:
    """A frozen value as a map of its fields, told entry by entry."""
    assert is_dataclass(value)
    return {
        name.replace("_", " "): got for name, got in ((f.name, getattr(value, f.name)) for f in fields(value)) if got
    }
