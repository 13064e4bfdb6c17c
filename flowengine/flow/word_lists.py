"""The lists of words the engine and its checks go by, under titles a reader understands."""

from __future__ import annotations

from dataclasses import dataclass

from flowengine.flow.data_lists import entries

# title · file · whether a line holds words of their own; else a line is one entry
_LISTS: tuple[tuple[str, str, bool], ...] = (
    ("words that are passed over", "fillers", False),
    ("words that say nothing about a subject", "stop_words", True),
    ("words that say no", "negations", True),
    ("forms that count as one word", "irregulars", False),
    ("words for a person", "person_words", True),
    ("verbs by which people ask for somebody", "asking_verbs", True),
    ("words that alone ask for a person", "operator_words", False),
    ("titles before a name", "titles", True),
    ("what a caller can say on hold, and where it leads", "hold_words", False),
    ("what callers say when something read back is wrong", "denials", False),
    ("what she says when she promises a transfer", "promises", False),
    ("what makes a subject clinical", "clinical_words", False),
    ("what callers answer when they are asked whether they may be recorded", "consent_words", False),
    ("words by which a greeting owns up to a machine", "automated_words", False),
)


@dataclass(frozen=True, slots=True)
class WordList:
    """One list: what it is for, and what is in it."""

    title: str
    entries: tuple[str, ...]


def published() -> tuple[WordList, ...]:
    """Every list, in the order in which a sentence meets them."""
    return tuple(
        WordList(title, tuple(word for line in entries(file) for word in line.split()) if words else entries(file))
        for title, file, words in _LISTS
    )
