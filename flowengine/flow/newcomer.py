"""A first flow file from a few answers: it runs, it is tested, and its comments say what to change next."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any

import phonenumbers
import yaml

from flowengine.flow import read, source
from flowengine.flow.build import MOST_PHONES_RUNG, VOICE
from flowengine.flow.check_hours import known_timezone
from flowengine.flow.check_transfer import one_phone
from flowengine.flow.check_unused import known_voice
from flowengine.flow.checks import Check
from flowengine.flow.likeness import nearest
from flowengine.flow.model import Transfer
from flowengine.flow.newcomer_hours import Week
from flowengine.flow.read import Unreadable

LONGEST_NAME = 60  # characters
RECEPTIONIST = "Ava"
USUAL_HOURS = "mon-fri 8am - 5pm"
_BARE = re.compile(r"[^\W\d_][\w .'&-]*(?<! )")  # text that YAML leaves alone, in braces too
_NO_TEXT = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can be rung: a name and an E.164 number."""

    name: str
    phone: str


@dataclass(frozen=True, slots=True)
class Answers:
    """What a new office is made of; each read by the functions below."""

    name: str
    timezone: str
    number: str
    hours: Week
    kind: str
    people: tuple[Person, ...]
    receptionist: str = RECEPTIONIST
    voice: str = VOICE


# ---- reading the answers: each raises Unreadable, which says what would be right -------------------------------------


def name_of(text: str) -> str:
    """What somebody or something is called: one line, at most 60 characters, without braces."""
    said = " ".join(text.split())
    if not said or len(said) > LONGEST_NAME or not said.isprintable() or set("{}") & set(said):
        shown = repr(said[:LONGEST_NAME]) if said else "nothing"
        raise Unreadable("bad-name", f"{shown} cannot be a name", f"write up to {LONGEST_NAME} characters, no braces")
    return said


def timezone_of(text: str) -> str:
    """A time zone as Region/City."""
    return _sound(name_of(text), ("office", "timezone"), known_timezone)


def voice_of(text: str) -> str:
    """A voice of the catalogue."""
    return _sound(name_of(text), ("receptionist", "voice"), known_voice)


def _sound(said: str, place: tuple[str, str], check: Check) -> str:
    """What is said, once `validate` would find nothing wrong with it at that place of a file."""
    doc, _ = source.parse(f"{place[0]}: {{{place[1]}: {json.dumps(said, ensure_ascii=False)}}}", "")
    assert doc is not None  # a name is printable, so in quotes it is YAML
    for found in check(doc, None):
        raise Unreadable(found.code, found.message, found.help)
    return said


def number_of(text: str, region: str | None = None) -> str:
    """A phone number as E.164. Without a country code it is read as one of the region."""
    number = read.phone(" ".join(text.split()), region)
    if not read.assigned(number):
        said = f"no phone company has given out {spelled(number)}"
        raise Unreadable("unassigned-phone", said, "check the digits")
    return number


def person_of(text: str, office: str, known: Sequence[Person] = ()) -> Person:
    """`Dana = +1 312-555-0111`: somebody new, on a phone that is not the office's own."""
    said, equals, number = text.partition("=")
    if not equals:
        raise Unreadable(
            "bad-person", f"{text.strip()[:60]!r} has no number", "write Name = number: Dana = +1 312-555-0111"
        )
    person = Person(name_of(said), number_of(number, read.region_of(office)))
    if person.phone == office:
        said = f"{spelled(office)} is the office itself, so the call would come back here"
        raise Unreadable("rings-itself", said, "write the person's own number")
    if person.name.casefold() in [other.name.casefold() for other in known]:
        raise Unreadable("duplicate-name", f"{person.name!r} is there already", "add a last name or a role")
    return person


def kind_of(text: str) -> str:
    """One of the kinds of office."""
    said = text.strip().lower()
    if said in kinds():
        return said
    near = nearest(said, list(kinds()))
    help = f"did you mean {near}?" if near else f"possible: {', '.join(kinds())}"
    raise Unreadable("not-allowed", f"there is no kind {said[:60]!r}", help)


@cache
def kinds() -> Mapping[str, Mapping[str, str]]:
    """The kinds of office there are, with the pieces each begins with."""
    found: Any = yaml.safe_load(_data("new_kinds.yaml"))
    return dict(sorted(found.items(), key=lambda item: item[0] == "plain"))


def key_of(text: str, otherwise: str = "office") -> str:
    """The short name of something: "Oak Street Law Office" is oak_street_law_office."""
    plain = unicodedata.normalize("NFKD", text.replace("'", "")).encode("ascii", "ignore").decode().lower()
    key = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    return key if key[:1].isalpha() and key not in _NO_TEXT else f"{otherwise}_{key}".rstrip("_")


def spelled(number: str) -> str:
    """An E.164 number as one writes it: +1 312-555-0100."""
    return phonenumbers.format_number(phonenumbers.parse(number, None), phonenumbers.PhoneNumberFormat.INTERNATIONAL)


# ---- writing the file ------------------------------------------------------------------------------------------------


def flow_text(answers: Answers, key: str, file: str, modeline: str) -> str:
    """The text of the new flow file. `file` is what its comments call it; `modeline` is its first line, with which an
    editor finds the schema."""
    kind = kinds()[answers.kind]
    words = {**_words(answers, kind), "key": key, "file": file, "modeline": modeline}
    pieces = {piece: _filled(kind.get(piece, ""), words).rstrip("\n") for piece in ("rules", "tests")}
    closed = [_CLOSED_TEST, kind.get("closed_tests", "")] if "closed" in words else []
    closed_tests = "".join(_filled(piece, words) for piece in closed)
    return _filled(_data("new_office.yaml"), {**words, **pieces, "closed_tests": closed_tests})


def _filled(text: str, words: Mapping[str, str]) -> str:
    return Template(text).substitute(words)


@cache
def _data(name: str) -> str:
    return (files("flowengine.flow") / "data" / name).read_text("utf-8")


_CLOSED_TEST = """\
  - name: When we are closed a message is taken
    at: $closed
    caller: Can I talk to a person?
    expect: {rule: asked_for_a_person, tried: [], ends_with: take_message}
"""
_GREETING_WHEN_CLOSED = (
    "  greeting_when_closed: Hello, {office} is closed and opens {next_opening}. "
    "I'm {receptionist}, the automated receptionist. I can $offer take a message.\n"
)
_ON_CALL = """\
  on_call:
    say_as: $say_as
    hours: when the office is closed
    people: [$on_call_key]
    ring_for: 35s
    if_no_one_answers: callback
"""


def _words(answers: Answers, kind: Mapping[str, str]) -> dict[str, str]:
    """What fills the templates."""
    people = dict(_keyed(answers.people))
    rung = [_text(person.name) for person in answers.people][:MOST_PHONES_RUNG]
    on_call, closed = [*people][-1], answers.hours.moment(open=False)
    words = {
        "office": answers.name,
        "name": _text(answers.name),
        "timezone": answers.timezone,
        "number": spelled(answers.number),
        "hours": "\n".join(f"  {days}: {spans}" for days, spans in answers.hours.lines),
        "people": "\n".join(f"  {k}: {{name: {_text(p.name)}, phone: {spelled(p.phone)}}}" for k, p in people.items()),
        "receptionist": _text(answers.receptionist),
        "voice": _text(answers.voice),
        "everybody": ", ".join(people),
        "first": rung[0],
        "tried": ", ".join(rung),
        "nobody_answers": ", ".join(f"{_text(person.name)}: no answer" for person in answers.people),
        "longest_wait": f"{max(2, math.ceil(len(rung) * one_phone(Transfer()) / 60))}min",
        "open": answers.hours.moment(open=True),
        "on_call_key": on_call,
        "on_call_name": _text(people[on_call].name),
        "field": kind["find_out"].split()[1].rstrip(","),
        **{piece: kind[piece] for piece in ("may_help_with", "must_not", "find_out")},
    }
    has_on_call = bool(closed) and "on_call" in kind
    words["when_closed"] = "\n    to_when_closed: on_call" if has_on_call else ""
    words["on_call"] = _filled(_ON_CALL, {**words, "say_as": kind["on_call"]}) if has_on_call else ""
    offer = "help with an emergency or " if has_on_call else ""
    words["greeting_when_closed"] = _GREETING_WHEN_CLOSED.replace("$offer ", offer) if closed else ""
    return {**words, "closed": closed} if closed else words


def _keyed(people: Sequence[Person]) -> Iterator[tuple[str, Person]]:
    """Each person under a key of their own."""
    taken: set[str] = set()
    for number, person in enumerate(people, 1):
        key = key_of(person.name, "person")
        if key in taken or key == "person":
            key = f"person_{number}"
        taken.add(key)
        yield key, person


def _text(value: str) -> str:
    """The text as YAML, in quotes where it would be read as something else."""
    return value if _BARE.fullmatch(value) and value.lower() not in _NO_TEXT else json.dumps(value, ensure_ascii=False)
