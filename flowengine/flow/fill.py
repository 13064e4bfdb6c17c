"""Words filled in: `{name}` becomes a value, once, short, and never expanded again (language.md section 6)."""

from __future__ import annotations

import re
from collections.abc import Mapping

LONGEST_VALUE = 80  # characters
LONGEST_ON_CARD = 60  # of one value in a headline, which is read in two seconds

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SENTENCE_END = re.compile(r"(?<=[.!?])(?<!\bDr\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bMrs\.)(?<!\bSt\.)\s+")
_MISSING_ON_CARD = {"caller_name": "the caller", "reason": "no reason given"}


def tidy(value: str) -> str:
    """A value as it may be filled in: one line, printable, at most 80 characters."""
    line = "".join(c if c.isprintable() else " " for c in value[: LONGEST_VALUE * 10])
    return " ".join(line.split())[:LONGEST_VALUE].rstrip()


def at_a_glance(value: str) -> str:
    """A value as a headline has it: at most 60 characters, ended between two words, and one sees that it went on."""
    line = tidy(value)
    if len(line) <= LONGEST_ON_CARD:
        return line
    whole_words = line[:LONGEST_ON_CARD].rpartition(" ")[0]
    kept = whole_words if len(whole_words) > LONGEST_ON_CARD // 2 else line[: LONGEST_ON_CARD - 1]
    return kept.rstrip(" .,;:") + "…"


def names_in(text: str) -> tuple[str, ...]:
    """The placeholders of a text, in order, each once."""
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(text)))


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its placeholders filled; a sentence with an empty or unknown value is dropped."""
    known = {name: tidy(values.get(name, "")) for name in names_in(text)}
    kept = (s for s in _SENTENCE_END.split(text.strip()) if all(known[name] for name in names_in(s)))
    return " ".join(_filled(sentence, known) for sentence in kept)


def fill_card(text: str, values: Mapping[str, str]) -> str:
    """The text with its placeholders filled, to be read at a glance; what is missing is said to be missing."""
    known = {
        name: at_a_glance(values.get(name, "")) or _MISSING_ON_CARD.get(name, "not given") for name in names_in(text)
    }
    return _filled(text, known)


def _filled(text: str, known: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: known[match[1]], text)
