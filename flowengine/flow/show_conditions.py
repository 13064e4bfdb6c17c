"""A rule's condition in the words of the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from flowengine.flow import spelling
from flowengine.flow.model import (
    CallerSays,
    CallerWants,
    CallLongerThan,
    Condition,
    ConfidenceBelow,
    KeyPressedIs,
    KnownCaller,
    Mood,
    NotSolvedAfter,
    NotUnderstood,
    QuietFor,
    ReceptionistFails,
    SameQuestionAgain,
    Topic,
    TurnsMoreThan,
)

Word = tuple[str, str | bool | tuple[str, ...]]


def condition_words(condition: Condition) -> Iterator[Word]:
    """The words of a condition and their values, `for_example` and `for` among them."""
    match condition:
        case CallerSays(phrases):
            yield "caller_says", phrases
        case Topic(topics, examples):
            yield "topic", topics
            yield from _examples(examples)
        case CallerWants(wants, examples):
            yield "caller_wants", wants
            yield from _examples(examples)
        case Mood(moods, turns):
            yield "mood", moods
            yield "for", _count(turns, "turn", "turns")
        case NotSolvedAfter(tries):
            yield "not_solved_after", _count(tries, "try", "tries")
        case SameQuestionAgain(times):
            yield "same_question_again", _count(times, "time", "times")
        case NotUnderstood(turns):
            yield "not_understood", _count(turns, "turn", "turns")
        case ConfidenceBelow(percent):
            yield "confidence_below", f"{percent}%"
        case CallLongerThan(seconds):
            yield "call_longer_than", spelling.duration(seconds)
        case TurnsMoreThan(turns):
            yield "turns_more_than", _count(turns, "turn", "turns")
        case QuietFor(seconds):
            yield "quiet_for", spelling.duration(seconds)
        case KeyPressedIs(keys):
            yield "key_pressed", tuple(map(spelling.key, keys))
        case KnownCaller(groups):
            yield "known_caller", groups
        case ReceptionistFails():
            yield "receptionist_fails", True
        case _:
            assert_never(condition)


def _examples(examples: tuple[str, ...]) -> Iterator[Word]:
    if examples:
        yield "for_example", examples


def _count(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"
