"""Where a run of numbers is a card's or a social security number, whole or only begun."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from flowengine.call.numerals import Number, Run

CARD, SOCIAL = "[card number]", "[social security number]"
LEAST_GROWN = 7  # digits before it is worth hiding: a card's first six tell whose it is, not which

Span = tuple[int, int, str]  # from, to before, and what stands for it

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
_DASHES = re.compile("[\u2010-\u2015\u2212]|dash|hyphen|gui[oó]n")


# ---- cards ---------------------------------------------------------------------------------------------------------


def cards(text: str, run: Run) -> Iterator[Span]:
    at = 0
    while at < len(run):
        phones = _two_phones(run, at)
        dialled = phones or text[max(0, run[at].start - 1) : run[at].start] == "+"
        size = 0 if dialled else _card_at(run, at)
        if size:
            yield run[at].start, run[at + size - 1].end, CARD
        at += phones or size or 1


def _two_phones(run: Run, at: int) -> int:
    """How many numbers of the run, from this one on, are two telephone numbers in groups alike, 0 for none. Callers say
    theirs twice, and the first 13 or 16 digits of two of them are right for a card once in ten times."""
    first = _ten_digits(run, at)
    return 2 * len(first) if first and _ten_digits(run, at + len(first)) == first else 0


def _ten_digits(run: Run, at: int) -> tuple[int, ...]:
    """The groups of a telephone number that begins here (3, 3 and 4 digits, or 3 and 7), empty for none."""
    sizes = tuple(len(number.digits) for number in run[at : at + 3])
    return next((groups for groups in ((3, 3, 4), (3, 7)) if sizes[: len(groups)] == groups), ())


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


def begins_card(digits: str) -> bool:
    """Whether more digits may make it a card's number."""
    return len(digits) >= LEAST_GROWN and any(
        int(digits[:first]) in prefixes and len(digits) < lengths[-1] for prefixes, first, lengths in _ISSUERS
    )


def is_card(digits: str) -> bool:
    """Whether an issuer has such numbers and the check digit is right."""
    issued = any(len(digits) in lengths and int(digits[:first]) in prefixes for prefixes, first, lengths in _ISSUERS)
    return issued and _luhn(digits)


def _luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    doubled = (int(digit) * 2 for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(value - 9 if value > 9 else value for value in doubled)) % 10 == 0


# ---- social security numbers -------------------------------------------------------------------------------------


def socials(text: str, run: Run, told: bool) -> Iterator[Span]:
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


def begins_social(run: Run, told: bool) -> bool:
    """Whether more digits may make it one: some of nine where one is spoken of, else three and two set apart."""
    digits = sum(len(number.digits) for number in run)
    groups = [len(group.digits) for group in _groups(run)]
    return digits < 9 and ((told and digits > 3) or groups[:2] == [3, 2])


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
