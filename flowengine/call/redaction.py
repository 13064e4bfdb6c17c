"""What an office does not want kept is taken out of what people say before anything else sees it: card numbers, social
security numbers, dates of birth, and whatever fits the office's own patterns.

The door of the session uses it: journal, card, pages, webhooks and a replay then agree, because none of them has ever
had the number. What was said before is known redacted only: of a number that is told in two breaths the second part is
taken out, the first has been kept by then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from flowengine.call import events as e
from flowengine.call.birth_dates import BIRTH, birth_dates
from flowengine.call.numerals import Number, Run, runs
from flowengine.call.state import Call
from flowengine.flow.model import Privacy

CARD, SOCIAL, OWN = "[card number]", "[social security number]", "[blacked out]"
PASSES = 4
BEGUN = 120  # characters of what the same person said just before
NO_CALL = Call()
DEEPEST = 32  # levels of a tool's arguments

# The events that hold what people say or write, and where. A test goes through all events: no other holds words.
WORDS: Mapping[type, tuple[str, ...]] = {
    e.CallerSaid: ("text",),
    e.AgentSaid: ("text",),
    e.StaffSaid: ("text",),
    e.ConsultSaid: ("text",),
    e.LinePlayed: ("text",),
    e.ToolCalled: ("arguments",),
    e.ConsultToolCalled: ("arguments",),
    e.ToolAnswered: ("answer",),
    e.StaffDecided: ("why",),
}

# Who issues a card shows in its first digits, and so does how long the number may be (ISO/IEC 7812; the ranges are
# public: Visa, Mastercard, American Express, Discover, JCB, Diners Club, UnionPay, Maestro).
_ISSUERS: tuple[tuple[range, int, tuple[int, ...]], ...] = (
    (range(4, 5), 1, (13, 16, 19)),
    (range(51, 56), 2, (16,)),
    (range(2221, 2721), 4, (16,)),
    (range(34, 35), 2, (15,)),
    (range(37, 38), 2, (15,)),
    (range(6011, 6012), 4, (16, 17, 18, 19)),
    (range(644, 660), 3, (16, 17, 18, 19)),
    (range(3528, 3590), 4, (16, 17, 18, 19)),
    (range(300, 306), 3, (14, 15, 16, 17, 18, 19)),
    (range(36, 37), 2, (14, 15, 16, 17, 18, 19)),
    (range(38, 40), 2, (14, 15, 16, 17, 18, 19)),
    (range(62, 63), 2, (16, 17, 18, 19)),
    (range(50, 51), 2, (13, 14, 15, 16, 17, 18, 19)),
    (range(56, 59), 2, (13, 14, 15, 16, 17, 18, 19)),
    (range(63, 64), 2, (16, 17, 18, 19)),
    (range(67, 68), 2, (16, 17, 18, 19)),
)
_SHORTEST, _USUAL, _LONGEST = 13, 16, 19

# Not within square brackets: there it is what stands for a number that was removed.
_SOCIAL_CUE = re.compile(r"(?<!\[)\b(?:s\.?s\.?n\b|social\b|itin\b|seguro\s+social\b)", re.IGNORECASE)
# What was asked or said just before; a mark in it stands for a number that this turn may repeat.
_SOCIAL_ASKED = re.compile(r"\b(?:s\.?s\.?n\b|social\b|itin\b)", re.IGNORECASE)
_BIRTH_ASKED = re.compile(r"\b(?:d\.?o\.?b\b|born\b|birth|nacid[oa]\b|nacimiento\b|cumplea)", re.IGNORECASE)
_DASHES = re.compile("[\u2010-\u2015\u2212]|dash|hyphen|gui[oó]n")

_SPEAKERS: Mapping[type, str] = {e.CallerSaid: "caller", e.AgentSaid: "agent", e.StaffSaid: "staff"}

Span = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Redactor:
    """Takes numbers out of texts and events. One that has nothing to take out gives back what it is given."""

    kinds: frozenset[str] = frozenset()
    patterns: tuple[re.Pattern[str], ...] = ()

    @classmethod
    def of(cls, privacy: Privacy) -> Redactor:
        """What a flow's `privacy` asks for."""
        return cls(frozenset(privacy.redact), tuple(re.compile(pattern) for pattern in privacy.redact_patterns))

    def text(self, text: str, before: str = "", begun: str = "") -> str:
        """`text` with marks in place of what is taken out. `before` is what somebody else said just before: a question
        for a date of birth makes the answer one. `begun` is what the same person said just before: of a number that
        began there, what stands here is taken out."""
        text = _marked(text, chain(self._own(text), self._numbers(text, before)))
        for _ in range(PASSES):  # what stood beside a number that is gone may now show itself as one
            found = chain(self._numbers(text, before), self._going_on(text, before, begun))
            if (redacted := _marked(text, found)) == text:
                break
            text = redacted
        return text

    def turn(self, call: Call, speaker: str, text: str) -> str:
        """What somebody says now in a call, with what was said before in mind."""
        before = next((turn.text for turn in reversed(call.turns) if turn.speaker != speaker), "")
        last = call.turns[-1] if call.turns else None
        return self.text(text, before, last.text[-BEGUN:] if last and last.speaker == speaker else "")

    def event(self, event: e.Event, call: Call = NO_CALL) -> e.Event:
        """The event with its words redacted; itself when it has none. What the receptionist notes down is looked at by
        itself: an office that asks for a date of birth as a field gets it."""
        names = WORDS.get(type(event), ()) if self.kinds or self.patterns else ()
        changed = {name: self._said(event, getattr(event, name), call) for name in names}
        return replace(event, **changed) if changed else event

    def _said(self, event: e.Event, words: Any, call: Call) -> Any:
        speaker = _SPEAKERS.get(type(event))
        return self.turn(call, speaker, words) if speaker else self._value(words)

    def _value(self, value: Any, depth: int = 0) -> Any:
        """Texts at any depth; a number that is one (a card as JSON's 4111111111111111) becomes a text."""
        match value:
            case str():
                return self.text(value)
            case bool() | None:
                return value
            case int() | float():
                plain = str(value)
                return value if (redacted := self.text(plain)) == plain else redacted
            case _ if depth == DEEPEST:
                return OWN
            case Mapping():
                return {key: self._value(each, depth + 1) for key, each in value.items()}
            case _:  # events hold JSON's values only: a list
                return [self._value(each, depth + 1) for each in value]

    def _own(self, text: str) -> Iterator[Span]:
        for pattern in self.patterns:
            yield from ((*match.span(), OWN) for match in pattern.finditer(text) if match.group())

    def _going_on(self, text: str, before: str, begun: str) -> Iterator[Span]:
        """What of `text` belongs to a number that began in `begun`."""
        if not begun:
            return
        here = len(begun) + 1
        for start, end, mark in self._numbers(f"{begun} {text}", before):
            if end > here:
                yield max(start, here) - here, end - here, mark

    def _numbers(self, text: str, before: str) -> Iterator[Span]:
        if self.kinds & {"card numbers", "social security numbers"}:
            told = bool(_SOCIAL_CUE.search(text) or _SOCIAL_ASKED.search(before))
            for run in runs(text):
                if "card numbers" in self.kinds:
                    yield from _cards(text, run)
                if "social security numbers" in self.kinds:
                    yield from _socials(text, run, told)
        if "dates of birth" in self.kinds:
            yield from ((*span, BIRTH) for span in birth_dates(text, bool(_BIRTH_ASKED.search(before))))


def _marked(text: str, spans: Iterable[Span]) -> str:
    for start, end, mark in reversed(_apart(spans)):
        text = f"{text[:start]}{mark}{text[end:]}"
    return text


def _apart(spans: Iterable[Span]) -> list[Span]:
    """In order, those that overlap as one with the mark of the first."""
    apart: list[Span] = []
    for start, end, mark in sorted(spans, key=lambda span: (span[0], -span[1])):
        if apart and start < apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]), apart[-1][2])
        else:
            apart.append((start, end, mark))
    return apart


# ---- cards ---------------------------------------------------------------------------------------------------------


def _cards(text: str, run: Run) -> Iterator[Span]:
    at = 0
    while at < len(run):
        size = _card_at(run, at) if text[max(0, run[at].start - 1) : run[at].start] != "+" else 0
        if size:
            yield run[at].start, run[at + size - 1].end, CARD
        at += size or 1


def _card_at(run: Run, at: int) -> int:
    """How many numbers of the run, from this one on, are a card's, 0 for none. The longest of up to 16 digits, because
    what follows is rather a code or a telephone number; a longer one where no shorter is right."""
    digits, longest = "", 0
    for size, number in enumerate(run[at : at + _LONGEST], start=1):
        digits += number.digits
        if len(digits) > _LONGEST or (longest and len(digits) > _USUAL):
            break
        if len(digits) >= _SHORTEST and is_card(digits):
            longest = size
    return longest


def is_card(digits: str) -> bool:
    """Whether an issuer has such numbers and the check digit is right."""
    issued = any(len(digits) in lengths and int(digits[:first]) in prefixes for prefixes, first, lengths in _ISSUERS)
    return issued and _luhn(digits)


def _luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    doubled = (int(digit) * 2 for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(value - 9 if value > 9 else value for value in doubled)) % 10 == 0


# ---- social security numbers -------------------------------------------------------------------------------------


def _socials(text: str, run: Run, told: bool) -> Iterator[Span]:
    """Three, two and four digits set apart from each other alike; where a text speaks of one, any nine together."""
    groups = list(_groups(run))
    for at, group in enumerate(groups):
        if told and len(group.digits) == 9:
            yield group.start, group.end, SOCIAL
        three = groups[at : at + 3]
        if [len(each.digits) for each in three] == [3, 2, 4] and (told or _alike(text, groups, at)):
            yield three[0].start, three[-1].end, SOCIAL
    if told and sum(len(number.digits) for number in run) == 9:
        yield run[0].start, run[-1].end, SOCIAL


def _groups(run: Run) -> Iterator[Number]:
    """Single digits and number words that only spaces part, as one number."""
    group = run[0]
    for number in run[1:]:
        if not number.gap.strip() and all(each.spoken or len(each.digits) == 1 for each in (group, number)):
            group = replace(group, end=number.end, digits=group.digits + number.digits, spoken=True)
        else:
            yield group
            group = number
    yield group


def _alike(text: str, groups: list[Number], at: int) -> bool:
    """Three groups parted in one way, and from their neighbours in another: no piece of a longer number."""
    first, second, third = groups[at : at + 3]
    inside = _parted(second)
    apart = at + 3 == len(groups) or _parted(groups[at + 3]) != inside
    alone = not at or _parted(first) != inside
    proper = inside in ("-", ".", " ") or (inside == "," and first.spoken and second.spoken)
    return proper and inside == _parted(third) and apart and alone and text[: first.start].rstrip()[-1:] != "+"


def _parted(number: Number) -> str:
    """By what a number is parted from the one before it."""
    return _DASHES.sub("-", number.gap).strip() or " "
