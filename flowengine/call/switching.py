"""The caller speaks another language: a new session of the receptionist goes on in it, knowing the story so far."""

from __future__ import annotations

import json
from dataclasses import replace

from flowengine.call import handoff
from flowengine.call.commands import (
    AnswerTool,
    AskAgent,
    Command,
    LetAgentHear,
    LetAgentSpeak,
    PrepareLine,
    StartTimer,
)
from flowengine.call.conditions import spoken_language
from flowengine.call.prompt import ON_HOLD, SAY_NOTHING, TAKING_MESSAGE, opening
from flowengine.call.saying import Step, transfer
from flowengine.call.state import Call, Phase, with_handoff
from flowengine.call.wording import worded
from flowengine.flow.model import Flow

RENEW_AGAIN = 5.0  # seconds until the next try to open another session
TALKS = (Phase.TALKING, Phase.ASKING, Phase.MESSAGE)  # where she has something to say at once


def switch(flow: Flow, call: Call, tool_call: str, language: str) -> Step:
    """The model says which of the receptionist's languages it is to be."""
    spoken = next((name for name in flow.receptionist.languages if name.casefold() == language.casefold()), None)
    if spoken is None:
        known = {"status": "refused", "why": "not a language of this office", "languages": flow.receptionist.languages}
        return call, (AnswerTool(tool_call, json.dumps(known), is_error=True),)
    if spoken == spoken_language(flow, call):
        return call, (AnswerTool(tool_call, json.dumps({"status": f"you speak {spoken} already, go on"})),)
    if call.phase not in (*TALKS, Phase.RINGING) or call.agent != "ready" or call.line is not None:
        return call, (AnswerTool(tool_call, '{"status": "refused", "why": "not now"}', is_error=True),)
    call = _in(flow, replace(call, language=spoken))
    now = {Phase.RINGING: ON_HOLD, Phase.MESSAGE: TAKING_MESSAGE}.get(call.phase, "")
    call = replace(call, late=True)
    story = " ".join(filter(None, (f"the caller wants to speak {spoken}.", now)))
    begin = (AnswerTool(tool_call, SAY_NOTHING), opening(flow, call, "", story=story), LetAgentHear(True))
    return replace(call, agent="starting"), (*begin, *_goes_on(flow, call, spoken), *_prepared(flow, call))


def renewed(flow: Flow, call: Call) -> Step:
    """The session will be cut soon: another one goes on, knowing the story, at a moment when nothing is lost by it."""
    if call.agent != "ready":
        return call, ()
    if call.phase not in (*TALKS, Phase.RINGING) or call.line is not None or call.caller_at != "stream":
        return call, (StartTimer("session", RENEW_AGAIN),)
    now = {Phase.RINGING: ON_HOLD, Phase.MESSAGE: TAKING_MESSAGE}.get(call.phase, "you have been talking for long")
    call = replace(call, agent="starting", late=True)
    return call, (opening(flow, call, "", story=now), LetAgentHear(True))


def _in(flow: Flow, call: Call) -> Call:
    """The call with the sentence of a running hand-off in its new language."""
    rule = next((r for r in flow.rules if call.handoff and r.key == call.handoff.rule), None)
    return with_handoff(call, say=worded(rule.say, call.language)) if rule and rule.say else call


def _goes_on(flow: Flow, call: Call, language: str) -> tuple[Command, ...]:
    """What she says first in it: the question that is open, or an answer to what she was asked."""
    open_fields = {
        Phase.ASKING: [name for name in call.asked if not call.fields.get(name)],
        Phase.MESSAGE: list(call.collecting),
        Phase.TALKING: [call.held.field] if call.held else [],
    }.get(call.phase, [])
    if open_fields:
        return LetAgentSpeak(True), handoff.question(flow, call, open_fields[0])
    if call.phase in TALKS:
        return LetAgentSpeak(True), AskAgent(f"Go on in {language}: answer what the caller said last. Do not greet.")
    return ()


def _prepared(flow: Flow, call: Call) -> tuple[Command, ...]:
    """The line that follows the open question, so that it is ready in the new language."""
    if call.handoff is None or call.handoff.announced:
        return ()
    line = call.handoff.say or worded(transfer(flow, call.handoff.department).say_before, call.language)
    return (PrepareLine(line),) if "{" not in line else ()
