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
from flowengine.call.identity_numbers import Span, begins_card, begins_social, cards, socials
from flowengine.call.numerals import runs
from flowengine.call.state import Call, Phase
from flowengine.flow.model import Flow, KeyPressedIs, Privacy

OWN = "[blacked out]"
GROWING = "[number]"  # on a screen, of one that may become one of these while it is being said
PASSES = 4
BEGUN = 120  # characters of what the same person said just before
TURNS = 4  # turns back in which the same person may have begun a number: "go on", says the receptionist in between
NO_CALL = Call()
HOLD_KEYS = frozenset("*1")  # never mind, and a message (listening.py)
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

# Not within square brackets: there it is what stands for a number that was removed.
_SOCIAL_CUE = re.compile(r"(?<!\[)\b(?:s\.?s\.?n\b|social\b|itin\b|seguro\s+social\b)", re.IGNORECASE)
# What was asked or said just before; a mark in it stands for a number that this turn may repeat.
_SOCIAL_ASKED = re.compile(r"\b(?:s\.?s\.?n\b|social\b|itin\b)", re.IGNORECASE)
_BIRTH_ASKED = re.compile(
    r"\b(?:d\.?o\.?b\b|born\b|birth|nacid[oa]\b|nacimiento\b|b-?day\b|cumplea|cumpl[eo]s?\s+a[nñ]os\b)", re.IGNORECASE
)

_IN_RUNS = {"card numbers", "social security numbers"}  # what runs of digits are looked through for
_SPEAKERS: Mapping[type, str] = {e.CallerSaid: "caller", e.AgentSaid: "agent", e.StaffSaid: "staff"}


@dataclass(frozen=True, slots=True)
class Redactor:
    """Takes numbers out of texts and events. One that has nothing to take out gives back what it is given."""

    kinds: frozenset[str] = frozenset()
    patterns: tuple[re.Pattern[str], ...] = ()
    keys: frozenset[str] = frozenset()  # of a telephone that rules wait for; others may be digits of a number

    @classmethod
    def of(cls, privacy: Privacy) -> Redactor:
        """What a flow's `privacy` asks for."""
        return cls(frozenset(privacy.redact), tuple(re.compile(pattern) for pattern in privacy.redact_patterns))

    @classmethod
    def of_flow(cls, flow: Flow) -> Redactor:
        """The same, for a call: what its keys mean is known too."""
        conditions = (rule.condition for rule in flow.rules)
        keys = chain.from_iterable(each.keys for each in conditions if isinstance(each, KeyPressedIs))
        return replace(cls.of(flow.privacy), keys=frozenset(keys))

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
        return self.text(text, _before(call, speaker), _begun(call, speaker))

    def partial(self, call: Call, speaker: str, text: str) -> str:
        """The same of words that still change, for a screen: a number that is being said and may become a card's or a
        social security number is hidden until it is known to be none."""
        text = self.turn(call, speaker, text)
        if not self.kinds & _IN_RUNS:
            return text
        begun = _begun(call, speaker)
        whole = f"{begun} {text}" if begun else text
        start = self._growing(whole, _social_told(whole, _before(call, speaker)))
        return text if start is None else f"{text[: max(0, start - len(whole) + len(text))]}{GROWING}"

    def _growing(self, text: str, told: bool) -> int | None:
        """Where a number begins at the end of a text that further digits may make one to be taken out."""
        *_, run = runs(f"{text} 0")  # the run that one more digit would join
        for at, number in enumerate(run[:-1]):
            digits = "".join(each.digits for each in run[at:-1])
            if "card numbers" in self.kinds and begins_card(digits):
                return number.start
        if "social security numbers" in self.kinds and len(run) > 1 and begins_social(run[:-1], told):
            return run[0].start
        return None

    def event(self, event: e.Event, call: Call = NO_CALL) -> e.Event:
        """The event with its words redacted; itself when it has none. What the receptionist notes down is looked at by
        itself: an office that asks for a date of birth as a field gets it."""
        if not (self.kinds or self.patterns):
            return event
        if isinstance(event, e.KeyPressed):
            means = HOLD_KEYS if call.phase == Phase.RINGING else self.keys
            return event if event.key in means else replace(event, key="")
        names = WORDS.get(type(event), ())
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
        if self.kinds & _IN_RUNS:
            told = _social_told(text, before)
            for run in runs(text):
                if "card numbers" in self.kinds:
                    yield from cards(text, run)
                if "social security numbers" in self.kinds:
                    yield from socials(text, run, told)
        if "dates of birth" in self.kinds:
            yield from ((*span, BIRTH) for span in birth_dates(text, bool(_BIRTH_ASKED.search(before))))


def _begun(call: Call, speaker: str) -> str:
    """What the same person said just before, others' words in between left out."""
    said = " ".join(turn.text for turn in call.turns[-TURNS:] if turn.speaker == speaker)
    return said[-BEGUN:]


def _before(call: Call, speaker: str) -> str:
    """What somebody else said last."""
    return next((turn.text for turn in reversed(call.turns) if turn.speaker != speaker), "")


def _social_told(text: str, before: str) -> bool:
    """Whether a social security number is spoken of."""
    return bool(_SOCIAL_CUE.search(text) or _SOCIAL_ASKED.search(before))


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
