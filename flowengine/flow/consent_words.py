"""What a caller's words mean to the question whether the call may be recorded: a published list decides, no model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Literal

from flowengine.flow.data_lists import pairs
from flowengine.flow.words import normalise, stands

Answer = Literal["yes", "no", "unclear", "silence", ""]

FILE = "consent_words"


def understands(language: str) -> bool:
    """Whether there is a list for this language; without one nobody ever agrees in it."""
    return bool(_meanings(language.casefold()))


def answer(text: str, language: str) -> Answer:
    """The caller's answer; "" when the words are about something else, `silence` when none carries anything.

    What a turn begins with answers. A no anywhere in that, or as the last word, beats a yes.
    """
    said, known = normalise(text), _meanings(language.casefold())
    if not said:
        return "silence"
    if not known:
        return ""
    opening = list(_opening(said, known))
    meant = {meaning for meaning, _ in opening}
    whole = sum(size for _, size in opening) == len(said)
    if objects(text, language) or "no" in meant or known.get(tuple(said[-1:])) == "no":
        return "no"
    if "greeting" in meant or ("unsure" in meant and ("yes" in meant or whole)):
        return "unclear"
    if "yes" in meant or ("alone" in meant and whole):
        return "yes"
    if not whole:
        return ""
    return "unclear" if "again" in meant else "silence"


def objects(text: str, language: str) -> bool:
    """Whether the caller does not want to be recorded, at whatever moment of the call."""
    said = normalise(text)
    return any(stands(phrase, said) for phrase in _stops(language.casefold()))


def _opening(said: Sequence[str], known: Mapping[tuple[str, ...], str]) -> Iterator[tuple[str, int]]:
    """What the turn begins with, phrase by phrase, the longest first: its meaning and how many words it has."""
    at, longest = 0, max(map(len, known))
    while at < len(said):
        sizes = range(min(longest, len(said) - at), 0, -1)
        size = next((size for size in sizes if tuple(said[at : at + size]) in known), 0)
        if not size:
            return
        yield known[tuple(said[at : at + size])], size
        at += size


def _meanings(language: str) -> Mapping[tuple[str, ...], str]:
    """Phrases of a language as words, and what they mean as an answer."""
    return {phrase: meaning for phrase, meaning in _phrases(language).items() if meaning != "stop"}


def _stops(language: str) -> tuple[tuple[str, ...], ...]:
    return tuple(phrase for phrase, meaning in _phrases(language).items() if meaning == "stop")


@cache
def _phrases(language: str) -> Mapping[tuple[str, ...], str]:
    """Everything listed for a language (casefolded)."""
    found: dict[tuple[str, ...], str] = {}
    for name, phrases in pairs(FILE):
        of, _, meaning = name.partition(" ")
        if of.casefold() == language:
            found |= {words: meaning for phrase in phrases.split(",") if (words := tuple(normalise(phrase)))}
    return found
