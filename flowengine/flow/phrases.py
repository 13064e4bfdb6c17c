"""The phrases of a flow file as the matcher reads them; several checks ask for the same ones, so they are kept."""

from __future__ import annotations

from functools import lru_cache

from flowengine.flow import words

MOST_KEPT = 20_000


@lru_cache(maxsize=MOST_KEPT)
def said(phrase: str) -> tuple[str, ...]:
    """The words of a phrase, normalised."""
    return tuple(words.normalise(phrase))


@lru_cache(maxsize=MOST_KEPT)
def stems_of(phrase: str) -> tuple[str, ...]:
    """The stems of a phrase, in order."""
    return tuple(words.stems(said(phrase)))


def meaning(phrase: str) -> frozenset[str]:
    """The stems that carry a topic; a topic that says no is like no other than itself."""
    if words.NEGATIONS.intersection(said(phrase)):
        return frozenset({" ".join(stems_of(phrase))})
    pairs = zip(said(phrase), stems_of(phrase), strict=True)
    return frozenset(stem for word, stem in pairs if word not in words.STOP_WORDS)
