"""The effective values of a flow, defaults too, each with the place it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from flowengine.flow.check_secrets import hidden
from flowengine.flow.explain_rules import condition
from flowengine.flow.hours import spans_words
from flowengine.flow.model import (
    CallbackStep,
    Delivery,
    Flow,
    HangUpStep,
    OpenRule,
    Path,
    Place,
    ReceptionistStep,
    Spoken,
    Step,
    TakeMessageStep,
    ToDepartment,
    Transfer,
    VoicemailStep,
    WeeklyHours,
)
from flowengine.flow.occasions import range_words
from flowengine.flow.phrasing import duration

BUILT_IN = "built-in"
NOTHING = "-"
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SECONDS = frozenset({"ring_for", "accept_within", "card_confirmed_within", "longest_wait", "update_every", "within",
                      "link_expires", "keep_transcripts", "keep_audit_log"})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shown:
    """One value: its name as a path in the file (`departments.clinical.ring_for`), the value as one reads it, and the
    place that says so, or None when nothing does and the built-in value counts."""

    name: str
    value: str
    origin: Place | None

    @property
    def place(self) -> str:
        return f"{self.origin.file}:{self.origin.line}" if self.origin else BUILT_IN


def show(flow: Flow) -> list[Shown]:
    """Every effective value, in the order of the file. Secrets are stars; a `${NAME}` stays a name."""
    every = (
        Shown(".".join(map(str, path)), _text(str(path[-1]), value), _origin(flow, *places))
        for path, value, places in _values(flow)
    )
    return [shown for shown in every if shown.value != NOTHING or shown.origin]


def as_text(flow: Flow) -> str:
    """A table: name, value, place; names in the order of the file."""
    every = show(flow)
    width = max(len(shown.name) for shown in every)
    return "\n".join(f"{s.name:<{width}}  {s.value}  ({s.place})" for s in every)


def as_json(flow: Flow) -> list[dict[str, object]]:
    """The same for programs."""
    return [
        {"name": s.name, "value": s.value, "file": s.origin.file, "line": s.origin.line}
        if s.origin
        else {"name": s.name, "value": s.value, "file": None, "line": None}
        for s in show(flow)
    ]


Value = tuple[Path, object, tuple[Path, ...]]


def _origin(flow: Flow, *places: Path) -> Place | None:
    """The first of these places that the file has."""
    return next((flow.origins[place] for place in places if place in flow.origins), None)


def _values(flow: Flow) -> Iterator[Value]:
    yield from _group(("office",), flow.office)
    for i, day in enumerate(flow.hours.days):
        yield ("hours", _DAYS[i]), spans_words(day), (("hours",),)
    for i, exception in enumerate(flow.exceptions):
        place: Path = ("hours", "exceptions", i)
        name = exception.name or range_words(exception.dates)
        yield ("hours", "exceptions", name), spans_words(exception.spans), (place, ("hours", "exceptions"))
    for key, person in flow.people.items():
        yield from _group(("people", key), person, skip=("key",))
    for group, numbers in flow.known_callers.items():
        yield ("known_callers", group), numbers, (("known_callers", group),)
    yield from _group(("receptionist",), flow.receptionist, skip=("find_out",))
    for i, field in enumerate(flow.receptionist.find_out):
        yield ("receptionist", "find_out", field.name), _field(field), (("receptionist", "find_out", i),)
    for i, tool in enumerate(flow.tools):
        yield ("tools", tool.name), tool.sends_to or tool.post, (("tools", i),)
    yield from _departments(flow)
    yield from _rules(flow)
    yield ("transfer", "most_phones_rung"), flow.most_phones_rung, (("transfer", "most_phones_rung"),)
    for name in ("hold", "take_message", "callback", "voicemail"):
        yield from _group((name,), getattr(flow, name))
    yield from _group(("handoff_card",), flow.card)
    yield from _group(("privacy",), flow.privacy)
    for metric, limit in flow.alert_when.items():
        yield ("alert_when", metric), limit, (("alert_when", metric),)


def _group(path: Path, value: object, skip: tuple[str, ...] = ()) -> Iterator[Value]:
    """The words of one group, with their places."""
    for each in fields(value):  # type: ignore[arg-type]  # a frozen dataclass of the model
        if each.name not in skip:
            here: Path = (*path, each.name)
            spelt = _SPELT.get(each.name, ())
            yield here, getattr(value, each.name), (here, *((*path, word) for word in spelt))


_SPELT = {"phones": ("phone", "sip"), "redact_patterns": ("redact",)}  # where the model's name is not the file's


def _departments(flow: Flow) -> Iterator[Value]:
    for key, department in flow.departments.items():
        path: Path = ("departments", key)
        names = [flow.people[member.person].name for member in department.people]
        yield (*path, "say_as"), department.say_as, ((*path, "say_as"),)
        yield (*path, "people"), names, ((*path, "people"),)
        yield (*path, "ring"), department.ring, ((*path, "ring"),)
        yield (*path, "hours"), department.hours, ((*path, "hours"),)
        yield (*path, "if_no_one_answers"), department.if_no_one_answers, ((*path, "if_no_one_answers"),)
        for each in fields(Transfer):
            word = each.name
            general: Path = ("hold", word) if word == "longest_wait" else ("transfer", word)
            yield (*path, word), getattr(department.transfer, word), ((*path, word), general)


_RULE_WORDS = (
    *("to", "to_when_closed", "if_no_one_answers", "say"),
    *("emergency", "receptionist_may_answer", "only_if"),
)


def _rules(flow: Flow) -> Iterator[Value]:
    for i, rule in enumerate(flow.rules):
        here: Path = ("when_to_transfer", i)
        path: Path = ("when_to_transfer", rule.key)
        yield (*path, "when"), condition(flow, rule), (here, (*here, "rule"))
        for word in (
            "to",
            "to_when_closed",
            "if_no_one_answers",
            "say",
            "emergency",
            "receptionist_may_answer",
            "only_if",
        ):
            value = getattr(rule, word)
            if value not in (None, {}):
                yield (*path, word), value, ((*here, word),)


def _field(field: object) -> str:
    told = {each.name: getattr(field, each.name) for each in fields(field)}  # type: ignore[arg-type]
    return ", ".join(f"{name}: {_text(name, value)}" for name, value in told.items() if name != "name" and value)


# ---- as one reads it -------------------------------------------------------------------------------------------------


def _text(word: str, value: object) -> str:
    match value:
        case None | "" | () | []:
            return NOTHING
        case bool():
            return "true" if value else "false"
        case float() if word in _SECONDS:
            return duration(value)
        case Spoken(text, by_language):
            return " / ".join([f'"{text}"', *(f'{n}: "{said}"' for n, said in by_language.items() if said != text)])
        case WeeklyHours(days):
            return ", ".join(f"{_DAYS[i]} {spans_words(spans)}" for i, spans in enumerate(days))
        case Delivery(kind, address):
            return f"{kind}: {hidden(kind, address)}" if address else kind
        case ToDepartment() | TakeMessageStep() | CallbackStep() | VoicemailStep() | ReceptionistStep() | HangUpStep():
            return _step(value)
        case OpenRule():
            return str(value)
        case tuple() | list():
            return ", ".join(_text(word, each) for each in value)
        case _ if hasattr(value, "items"):
            return ", ".join(f"{name}: {_text(word, each)}" for name, each in value.items()) or NOTHING
    return hidden(word, str(value))


def _step(step: Step) -> str:
    match step:
        case ToDepartment(department):
            return department
        case HangUpStep(say):
            return f'hang_up: "{say.text}"'
        case TakeMessageStep():
            return "take_message"
        case CallbackStep():
            return "callback"
        case VoicemailStep():
            return "voicemail"
        case ReceptionistStep():
            return "receptionist"
