"""What was said: turns to words, stems and content, and whether they mean a phrase, a topic or a person.

Everything here is published (language.md section 3): the lists lie in `data/`, and `explain` shows them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cache

from flowengine.flow.data_lists import entries, pairs
from flowengine.flow.names import DIGITS

LONGEST_TURN = 5000  # characters of one turn that are looked at
NEGATION_REACH = 3  # words
ASKING_REACH = 6  # words between an asking verb and a person word
NAME_REACH = 3  # words between an asking verb and a name


def _words(name: str) -> frozenset[str]:
    return frozenset(word for line in entries(name) for word in line.split())


IRREGULARS = {form: line.split()[0] for line in entries("irregulars") for form in line.split()}
STOP_WORDS = _words("stop_words")
FILLERS = tuple(tuple(line.split()) for line in entries("fillers"))
PERSON_WORDS = _words("person_words")
OPERATOR_WORDS = tuple(tuple(line.split()) for line in entries("operator_words"))
ASKING_VERBS = _words("asking_verbs")
TITLES = _words("titles")
PROMISES = entries("promises")
DENIALS = entries("denials")
NEGATIONS = _words("negations")
HOLD_WORDS = pairs("hold_words")

_FILLERS_BY_WORD = {first: [f for f in FILLERS if f[0] == first] for first, *_ in FILLERS}
_PLAIN = re.compile(r"[A-Za-z0-9]+")
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2019\u2018\u02bc\u02b9`\u00b4\uff07", "'"))
_DIGITS = {word: digits for digits, word in enumerate((*DIGITS, "ten"))}
_CONTRACTIONS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), expanded)
    for pattern, expanded in (
        (r"\b(can't|cannot)\b", "can not"),
        (r"\bwon't\b", "will not"),
        (r"n't\b", " not"),
        (r"'re\b", " are"),
        (r"'ve\b", " have"),
        (r"'ll\b", " will"),
        (r"'m\b", " am"),
        (r"'[sd]\b", ""),
    )
)


# ---- words ---------------------------------------------------------------------------------------------------------


def normalise(text: str) -> list[str]:
    """The words of a turn: folded, contractions written out, numbers as single digits, fillers dropped."""
    folded = unicodedata.normalize("NFKC", text[:LONGEST_TURN].translate(_APOSTROPHES)).casefold()
    folded = _without_accents(folded).translate(_APOSTROPHES)
    for pattern, expanded in _CONTRACTIONS:
        folded = pattern.sub(expanded, folded)
    return _without_fillers(list(_digits_apart(_split(folded))))


def _without_accents(text: str) -> str:
    if text.isascii():  # as most turns are; it has none
        return text
    apart = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", "".join(c for c in apart if not unicodedata.combining(c)))


def _split(text: str) -> list[str]:
    """Split at anything that is neither letter nor digit; signs that belong to a letter stay with it."""
    if text.isascii():
        return _PLAIN.findall(text)
    return "".join(c if unicodedata.category(c)[0] in "LNM" else " " for c in text).split()


def _digits_apart(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        number = str(_DIGITS[word]) if word in _DIGITS else word
        if number.isdecimal():
            yield from (str(unicodedata.digit(c)) for c in number)
        else:
            yield number


def _without_fillers(words: list[str]) -> list[str]:
    kept: list[str] = []
    i = 0
    while i < len(words):
        filler = next((f for f in _FILLERS_BY_WORD.get(words[i], ()) if tuple(words[i : i + len(f)]) == f), None)
        if filler is None:
            kept.append(words[i])
        i += len(filler) if filler else 1
    return kept


def stems(words: Iterable[str], language: str = "English") -> list[str]:
    """What is left of English words without their endings; other languages compare words as they are."""
    return [stem(word) for word in words] if language.casefold() == "english" else list(words)


def stem(word: str) -> str:
    """The irregular's first form, else the word with its endings taken off while three letters remain."""
    if word in IRREGULARS:
        return IRREGULARS[word]
    word = _without(word, ("ies", "y"), ("es", ""), ("s", ""))
    word = _without(word, ("ing", ""), ("ed", ""))
    word = _without(word, ("e", ""))
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def _without(word: str, *endings: tuple[str, str]) -> str:
    """The word with the first of these endings replaced that leaves three letters."""
    for ending, instead in endings:
        if word.endswith(ending) and len(word) - len(ending) + len(instead) >= 3:
            return word.removesuffix(ending) + instead
    return word


def content(text: str, ignore_negation: bool = False, *, language: str = "English") -> tuple[str, ...]:
    """Stems that carry a topic, each once, in order: no stop words, and nothing in the reach of a negation."""
    words = normalise(text)
    denied = frozenset() if ignore_negation else _denied(words)
    kept = (word for i, word in enumerate(words) if i not in denied and word not in STOP_WORDS)
    return tuple(dict.fromkeys(stems(kept, language)))


def _denied(words: Sequence[str]) -> frozenset[int]:
    """Positions of the words within reach of a negation."""
    return frozenset(
        j for i, word in enumerate(words) if word in NEGATIONS for j in range(i + 1, i + 1 + NEGATION_REACH)
    )


def overlap(a: Collection[str], b: Collection[str]) -> float:
    """Shared over all: 1 for equal sets, 0 for disjoint or empty ones."""
    first, second = frozenset(a), frozenset(b)
    return len(first & second) / len(first | second) if first | second else 0.0


# ---- conditions ----------------------------------------------------------------------------------------------------


def says_phrase(turn_text: str, phrase: str, *, language: str = "English") -> bool:
    """`caller_says`: the stems of the phrase stand adjacent and in order. Negation is ignored on purpose."""
    return stands(stems(normalise(phrase), language), stems(normalise(turn_text), language))


def stands(phrase: Sequence[str], words: Sequence[str]) -> bool:
    """Whether the words of a phrase stand among others, adjacent and in order; a phrase without words nowhere does."""
    return any(True for _ in _places(phrase, words))


def _places(phrase: Sequence[str], words: Sequence[str]) -> Iterator[int]:
    """Each place at which a phrase begins among words."""
    size, wanted = len(phrase), list(phrase)
    return (i for i in range(len(words) - size + 1) if size and list(words[i : i + size]) == wanted)


def matches_topic(
    turn_text: str,
    topics: Iterable[str],
    for_example: Iterable[str] = (),
    ignore_negation: bool = False,
    *,
    language: str = "English",
) -> str | None:
    """The alternative or the example that this turn speaks of, or None (language.md section 4, `topic`). A topic that
    says no itself ("cannot pay") is met by a turn that says no of the same."""
    said = _signed(turn_text, language)
    if ignore_negation:
        said = frozenset((stem, denied) for stem, _ in said for denied in (True, False))
    for topic in topics:
        for alternative in alternatives(topic):
            wanted = _signed(alternative, language)
            if wanted and said.issuperset(wanted):
                return alternative
    for example in for_example:
        wanted = _signed(example, language)
        if wanted and len(said.intersection(wanted)) >= min(2, len(wanted)):
            return example
    return None


def _signed(text: str, language: str) -> frozenset[tuple[str, bool]]:
    """Content stems, each with whether it stands in the reach of a negation."""
    words = normalise(text)
    denied = _denied(words)
    kept = [(word, i in denied) for i, word in enumerate(words) if word not in STOP_WORDS]
    return frozenset(zip(stems((word for word, _ in kept), language), (no for _, no in kept), strict=True))


def alternatives(topic: str) -> list[str]:
    """`lost crown or filling` is two topics: an entry is split at *or*, comma and slash."""
    return [piece.strip() for piece in re.split(r"\bor\b|[,/]", topic, flags=re.IGNORECASE) if piece.strip()]


def wants_person(turn_text: str) -> bool:
    """Whether the caller asks for a person: an operator word, or a person word with an asking verb near it."""
    words = normalise(turn_text)
    denied = _denied(words)
    if any(at not in denied for phrase in OPERATOR_WORDS for at in _places(phrase, words)):
        return True
    asking = _positions(words, denied, ASKING_VERBS.__contains__)
    people = _positions(words, denied, PERSON_WORDS.__contains__)
    return any(0 < abs(person - verb) <= ASKING_REACH for verb in asking for person in people)


def _positions(words: Sequence[str], denied: Collection[int], wanted: Callable[[str], bool]) -> list[int]:
    return [i for i, word in enumerate(words) if i not in denied and wanted(word)]


def asks_for_person(turn_text: str, name: str) -> bool:
    """Whether somebody is asked for by name, with or without title: after an asking verb, or "is … there"."""
    words, called = normalise(turn_text), [word for word in normalise(name) if word not in TITLES]
    denied = _denied(words)
    return any(_asked_for(words, denied, at, at + len(called)) for at in _places(called, words))


def _asked_for(words: Sequence[str], denied: Collection[int], at: int, end: int) -> bool:
    """Whether the name that stands from `at` to before `end` is asked for."""
    if any(i not in denied and words[i] in ASKING_VERBS for i in range(max(0, at - NAME_REACH), at)):
        return True
    before = [word for word in words[max(0, at - 2) : at] if word not in TITLES]
    return before[-1:] == ["is"] and bool({"there", "in", "around", "available"} & set(words[end : end + 2]))


def hold_word(turn_text: str) -> str | None:
    """Where something said on hold leads: `receptionist`, `take_message`, or None."""
    return next((leads for phrase, leads in HOLD_WORDS if says_phrase(turn_text, phrase)), None)


def promises_transfer(agent_text: str) -> bool:
    """Whether the receptionist tells the caller of a transfer that is about to begin; an offer or question does not."""
    sentences = re.split(r"(?<=[.!?])\s+", agent_text)
    told = (words for s in sentences if not s.endswith("?") and "if" not in (words := normalise(s)))
    return any(stands(promise, sentence) for sentence in map(stems, told) for promise in _stemmed(PROMISES))


def denies(turn_text: str) -> bool:
    """Whether the caller says that something read back is wrong."""
    words = stems(normalise(turn_text))
    return any(stands(phrase, words) for phrase in _stemmed(DENIALS))


@cache
def _stemmed(phrases: tuple[str, ...]) -> tuple[list[str], ...]:
    """The stems of each phrase of a published list."""
    return tuple(stems(normalise(phrase)) for phrase in phrases)
