"""Checks of an office's own patterns for what is blacked out: they can be read, cost little, and leave the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.model import Path
from flowengine.flow.patterns import MOST_STEPS, BadPattern, endless, nullable, read, steps

# What must stay readable: a receptionist that hears only blanks can help nobody.
_ORDINARY = (
    "I'd like to make an appointment for my daughter on Thursday, please.",
    "My crown just fell out and it hurts a lot.",
    "Hello, this is Maria Lopez, could I speak with somebody about my bill?",
    "No, thank you, that is all. Goodbye!",
)
_TOO_MUCH = 0.5  # of ordinary sentences
_PHONES = ("312-555-0199", "+13125550199", "(312) 555-0199", "312 555 0199", "3125550199")


def own_patterns(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """Every pattern under `redact`."""
    for place in (("privacy", "redact", "*", "pattern"), ("privacy", "redact", "pattern")):
        for path, pattern in doc.each(*place):
            if isinstance(pattern, str):
                yield from _one(doc, path, str(pattern))


def _one(doc: Document, path: Path, pattern: str) -> Iterator[Diagnostic]:
    try:
        node = read(pattern)
        compiled = re.compile(pattern)
    except (BadPattern, re.error) as mistake:
        said = f"this pattern cannot be used: {mistake}"
        help = "letters, digits, [A-Z], \\d, \\b, groups, | and {2,6} are enough for most: [A-Z]{2}[0-9]{6}"
        yield doc.diagnose(path, "bad-pattern", said, help)
        return
    if endless(node):
        said = "this pattern repeats something without end and goes on after it, which can take very long"
        yield doc.diagnose(path, "slow-pattern", said, "say how often at most: {1,20} in place of +, {0,20} of *")
    elif steps(node) > MOST_STEPS:
        said = "this pattern fits the same text in very many ways, which can take very long"
        help = "repeat single characters rather than groups, and less often; one way to fit a text is enough"
        yield doc.diagnose(path, "slow-pattern", said, help)
    elif nullable(node):
        said = "this pattern fits the nothing between two letters as well"
        yield doc.diagnose(path, "wide-pattern", said, "say what must be there: [0-9]{6} in place of [0-9]{0,6}")
    elif _share(compiled) > _TOO_MUCH:
        said = "this pattern blacks out ordinary speech, so nobody could help the caller"
        yield doc.diagnose(path, "wide-pattern", said, "say what your numbers look like: MRN-[0-9]{6}")
    elif phone := next((phone for phone in _PHONES if any(m.group() for m in compiled.finditer(phone))), ""):
        said = f"this pattern blacks out telephone numbers as well, such as {phone}; nobody could be called back"
        help = "say what comes before the digits, or how many there are: \\b[0-9]{7}\\b"
        yield doc.diagnose(path, "pattern-takes-phones", said, help, severity="warning")


def _share(pattern: re.Pattern[str]) -> float:
    """How much of ordinary sentences it takes, from 0 to 1."""
    taken = sum(len(match.group()) for sentence in _ORDINARY for match in pattern.finditer(sentence))
    return taken / sum(map(len, _ORDINARY))
