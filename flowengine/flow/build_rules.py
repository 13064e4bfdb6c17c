"""Rules and steps of the file → typed conditions and steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flowengine.flow.build_words import Say
from flowengine.flow.model import (
    CallbackStep,
    CallerSays,
    CallerWants,
    CallLongerThan,
    Condition,
    ConfidenceBelow,
    HangUpStep,
    KeyPressedIs,
    KnownCaller,
    Mood,
    NotSolvedAfter,
    NotUnderstood,
    QuietFor,
    ReceptionistFails,
    ReceptionistStep,
    Rule,
    SameQuestionAgain,
    Step,
    TakeMessageStep,
    ToDepartment,
    Topic,
    TurnsMoreThan,
    VoicemailStep,
)

STEPS: Mapping[str, Step] = {
    "take_message": TakeMessageStep(),
    "callback": CallbackStep(),
    "voicemail": VoicemailStep(),
    "receptionist": ReceptionistStep(),
}

_Value = Mapping[str, Any]
CONDITIONS: Mapping[str, Callable[[Any, _Value], Condition]] = {
    "caller_says": lambda phrases, _: CallerSays(tuple(phrases)),
    "topic": lambda topics, v: Topic(tuple(topics), tuple(v.get("for_example", ()))),
    "caller_wants": lambda wants, v: CallerWants(tuple(wants), tuple(v.get("for_example", ()))),
    "mood": lambda moods, v: Mood(tuple(moods), v.get("for", 1)),
    "not_solved_after": lambda tries, _: NotSolvedAfter(tries),
    "same_question_again": lambda times, _: SameQuestionAgain(times),
    "not_understood": lambda turns, _: NotUnderstood(turns),
    "confidence_below": lambda percent, _: ConfidenceBelow(percent),
    "call_longer_than": lambda seconds, _: CallLongerThan(seconds),
    "turns_more_than": lambda turns, _: TurnsMoreThan(turns),
    "quiet_for": lambda seconds, _: QuietFor(seconds),
    "key_pressed": lambda keys, _: KeyPressedIs(tuple(keys)),
    "known_caller": lambda groups, _: KnownCaller(tuple(groups)),
    "receptionist_fails": lambda _t, _: ReceptionistFails(),
}


def step(value: Any, say: Say) -> Step:
    """A department by its key, a named step, or `hang_up` with its sentence."""
    if not isinstance(value, str):
        return HangUpStep(say(value["hang_up"], ""))
    return STEPS.get(value) or ToDepartment(value)


def steps(values: list[Any], say: Say) -> tuple[Step, ...]:
    return tuple(step(value, say) for value in values)


def rule(v: _Value, say: Say) -> Rule:
    name = next(name for name in CONDITIONS if name in v)
    emergency = v.get("emergency", False)
    return Rule(
        key=v["rule"],
        condition=CONDITIONS[name](v[name], v),
        to=step(v["to"], say),
        to_when_closed=step(v["to_when_closed"], say) if "to_when_closed" in v else None,
        if_no_one_answers=steps(v["if_no_one_answers"], say) if "if_no_one_answers" in v else None,
        say=say(v["say"], "") if "say" in v else None,
        emergency=emergency,
        receptionist_may_answer=v.get("receptionist_may_answer", True) and not emergency,
        only_if=dict(v.get("only_if", {})),
    )
