"""What a flow marks private, kept out of what leaves the house: as a field, and wherever its value is said again."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from itertools import accumulate

from flowengine.call.numerals import Run, runs
from flowengine.call.state import Call
from flowengine.flow.model import Flow
from flowengine.flow.needs import private_fields

PRIVATE = "(private)"  # stands for what was said
LEAST_LETTERS = 2  # of a value that is looked for; fewer would be found everywhere
DIGITS = range(4, 33)  # of one that is looked for as a number


def open_fields(flow: Flow, call: Call) -> dict[str, str]:
    """The answers everybody may know, without the private ones in other words."""
    private, secrets = private_fields(flow), secret_values(flow, call)
    return {name: without(value, secrets) for name, value in call.fields.items() if name not in private}


def secret_values(flow: Flow, call: Call) -> tuple[str, ...]:
    """The private answers, the longest first: a shorter one may be a piece of it."""
    known = (call.fields.get(name, "").strip() for name in private_fields(flow))
    return tuple(sorted((value for value in known if len(value) >= LEAST_LETTERS), key=len, reverse=True))


def without(text: str, secrets: Iterable[str]) -> str:
    """`text` with a mark wherever a secret stands: its words, or its digits however they are said."""
    for secret in secrets:
        text = _words_of(secret).sub(PRIVATE, text)
        for start, end in reversed(list(_digits_in(text, secret))):
            text = f"{text[:start]}{PRIVATE}{text[end:]}"
    return text


def _words_of(secret: str) -> re.Pattern[str]:
    words = r"\s+".join(map(re.escape, secret.split()))
    return re.compile(rf"(?<!\w){words}(?!\w)", re.IGNORECASE)


def _digits_in(text: str, secret: str) -> Iterator[tuple[int, int]]:
    """Where a text says the digits of a secret: of a telephone number those without the country's are enough."""
    digits = "".join(number.digits for run in runs(secret) for number in run)
    if len(digits) in DIGITS:
        wanted = {digits, digits.removeprefix("1")} if secret.startswith("+1") else {digits}
        for run in runs(text):
            yield from _said_in(run, wanted)


def _said_in(run: Run, wanted: Collection[str]) -> Iterator[tuple[int, int]]:
    """The numbers of a run that are one of these together."""
    longest, at = max(map(len, wanted)), 0
    while at < len(run):
        said = accumulate(number.digits for number in run[at : at + longest])
        size = next((size for size, digits in enumerate(said, start=1) if digits in wanted), 0)
        if size:
            yield run[at].start, run[at + size - 1].end
        at += size or 1
