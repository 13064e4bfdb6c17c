"""When a condition of a rule is true: of what was said, pressed, counted, timed, or proposed by the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from flowengine.call.state import Call
from flowengine.flow import words
from flowengine.flow.model import (
    CallerSays,
    CallerWants,
    CallLongerThan,
    ConfidenceBelow,
    Flow,
    KeyPressedIs,
    KnownCaller,
    Mood,
    NotSolvedAfter,
    NotUnderstood,
    QuietFor,
    ReceptionistFails,
    Rule,
    SameQuestionAgain,
    Topic,
    TurnsMoreThan,
)

A_PERSON = "to speak with a person"
CALLED_BEFORE = "called before"
SLACK = 0.05  # seconds by which a timer may come early


@dataclass(frozen=True, slots=True)
class Trigger:
    """What just happened, as the rules see it: words, a key, or the model's proposal."""

    text: str = ""
    key: str = ""
    proposed: str = ""  # the rule the model named
    matched: str = ""  # what the model said it matched
    confidence: float | None = None  # how sure the transcript is of the caller's words, 0 to 1; None is unknown
    arriving: bool = False  # the call begins; nothing has been said


def is_judged(rule: Rule) -> bool:
    """Whether the model may propose this rule."""
    return isinstance(rule.condition, Topic | CallerWants)


def spoken_language(flow: Flow, call: Call) -> str:
    """The language of the call; a journal of earlier days does not say, and it was the first then."""
    return call.language or flow.receptionist.languages[0]


# ---- the list --------------------------------------------------------------------------------------------------------


def matched(flow: Flow, call: Call, rule: Rule, trigger: Trigger) -> str:
    """What makes the rule true, or "" when it is not."""
    if is_judged(rule) and trigger.proposed == rule.key:
        return trigger.matched or trigger.text or rule.key
    language = spoken_language(flow, call)
    match rule.condition:
        case CallerSays(phrases):
            return next((p for p in phrases if words.says_phrase(trigger.text, p, language=language)), "")
        case Topic(topics, examples):
            if rule.receptionist_may_answer and not call.rehearsed:
                return ""  # live, the model names it
            strict = not rule.receptionist_may_answer
            return words.matches_topic(trigger.text, topics, examples, strict, language=language) or ""
        case CallerWants(wants, examples):
            if A_PERSON in wants and trigger.text and words.wants_person(trigger.text):
                return trigger.text
            if not call.rehearsed:
                return ""  # live, the model names the other wishes
            others = (w for w in wants if w != A_PERSON)
            return words.matches_topic(trigger.text, others, examples, language=language) or ""
        case Mood(moods, turns):
            return call.mood if call.mood in moods and call.mood_turns >= turns else ""
        case NotSolvedAfter(tries):
            return _counted(call.unsolved, tries, "tries")
        case SameQuestionAgain(times):
            return _counted(times_asked(call, language), times, "times")
        case NotUnderstood(turns):
            return _counted(call.unclear, turns, "turns not understood")
        case CallLongerThan(seconds):
            talked = call.at - call.talking_since if call.talking_since is not None else 0.0
            return f"{talked:.0f} seconds" if talked >= seconds else ""
        case TurnsMoreThan(turns):
            return f"{call.caller_turns} turns" if call.caller_turns > turns else ""
        case KeyPressedIs(keys):
            return trigger.key if trigger.key in keys else ""
        case ReceptionistFails():
            return "the receptionist failed" if call.agent == "failed" else ""
        case ConfidenceBelow(percent):
            heard = None if trigger.confidence is None else 100 * trigger.confidence
            return f"{heard:.0f} % sure" if heard is not None and heard < percent else ""
        case QuietFor(seconds):
            quiet = quiet_seconds(call)
            return f"{seconds:g} seconds of silence" if quiet + SLACK >= seconds else ""
        case KnownCaller(groups):
            return next((g for g in groups if _belongs(flow, call, g)), "") if trigger.arriving else ""
        case _:
            assert_never(rule.condition)


def _counted(count: int, limit: int, what: str) -> str:
    return f"{count} {what}" if count >= limit else ""


def _belongs(flow: Flow, call: Call, group: str) -> bool:
    """Whether the number that calls is one of a group's; a withheld one belongs to none."""
    if group == CALLED_BEFORE and group not in flow.known_callers:
        return bool(call.caller) and call.called_before
    return bool(call.caller) and call.caller in flow.known_callers.get(group, ())


def times_asked(call: Call, language: str = "English") -> int:
    """How often the caller's latest turn was asked in total (content overlap of at least a half); 0 when it has less
    than two words of content."""
    asked = [frozenset(words.content(t.text, language=language)) for t in call.turns if t.speaker == "caller"]
    if not asked or len(asked[-1]) < 2:
        return 0
    return sum(words.overlap(asked[-1], content) >= 0.5 for content in asked if len(content) >= 2)


def quiet_seconds(call: Call) -> float:
    """How long the caller has been quiet."""
    return call.quiet.counted + (call.at - call.quiet.since if call.quiet.since is not None else 0.0)


def quiet_limits(flow: Flow, call: Call) -> tuple[float, ...]:
    """The seconds of quiet at which rules of the flow may still fire, the shortest first."""
    left = (r.condition for r in flow.rules if r.key not in call.spent)
    return tuple(sorted({c.seconds for c in left if isinstance(c, QuietFor)}))


def gauges_speech(flow: Flow, call: Call) -> bool:
    """Whether a rule that may still fire needs to know how well the caller is understood."""
    return any(isinstance(r.condition, ConfidenceBelow) and r.key not in call.spent for r in flow.rules)
