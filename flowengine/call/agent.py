"""The receptionist's side: ready or failed, and the tools it calls. It proposes; the engine decides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from flowengine.call import closing, handoff, listening, prompt, quiet, switching, wondering
from flowengine.call import events as e
from flowengine.call.commands import (
    AddWork,
    AnswerTool,
    AskAddress,
    StartTimer,
)
from flowengine.call.conditions import Trigger, is_judged
from flowengine.call.prompt import ASKED, CONNECTING, NOTED, SAY_NOTHING, WAIT
from flowengine.call.rules import applies
from flowengine.call.saying import Step, together
from flowengine.call.state import (
    Call,
    Phase,
    next_parcel,
)
from flowengine.flow import words
from flowengine.flow.model import Field, Flow, Tool, VoicemailStep

WHO_IS_RUNG = "the rule alone says who is rung"
SESSION_SECONDS = 3600.0  # a session lives where the service does not say (assemblyai.md 1.9)
RENEWED_BEFORE = 120.0  # seconds before its end another one goes on
LEAST_SESSION = 60.0
MOST_ASKING = 4  # tool calls at a time that wait for an address
PASSED_ON = '{"status": "noted", "do": "tell the caller the office will confirm it"}'


def agent_ready(flow: Flow, call: Call, event: e.AgentReady) -> Step:
    lasts = max(LEAST_SESSION, (event.lasts or SESSION_SECONDS) - RENEWED_BEFORE)
    return replace(call, agent="ready" if call.agent == "starting" else call.agent), (StartTimer("session", lasts),)


def agent_failed(flow: Flow, call: Call, event: e.AgentFailed) -> Step:
    """The receptionist is gone. Whoever is on hold keeps holding; whoever talked to it gets the rule, or voicemail."""
    if call.agent in ("failed", "ended"):
        return call, ()
    call = replace(call, agent="failed")
    match call.phase:
        case Phase.TALKING:
            return without_agent(flow, call)
        case Phase.ASKING:
            return handoff.announce(flow, call)
        case Phase.MESSAGE:
            return closing.agent_lost(flow, call)
    return call, ()


def without_agent(flow: Flow, call: Call) -> Step:
    """A rule for that, or for what an answer was waited for; else the caller leaves a voicemail."""
    decided = wondering.read_held(flow, call) if call.held else listening.read_rules(flow, call, Trigger())
    return decided or closing.perform(flow, call, VoicemailStep())


def tool_called(flow: Flow, call: Call, event: e.ToolCalled) -> Step:
    """A tool of ours or the flow's; whoever waits for it is not quiet."""
    hushed: Step = quiet.not_quiet(flow, call) if call.phase == Phase.TALKING else (call, ())
    return together(hushed, lambda c: _tool_called(flow, c, event))


def _tool_called(flow: Flow, call: Call, event: e.ToolCalled) -> Step:
    match event.name:
        case prompt.TRANSFER:
            return _proposed(flow, call, event)
        case prompt.NOTE_ANSWER:
            return _noted(flow, call, event)
        case prompt.NOTE_MOOD:
            mood = _text(event, "mood")
            call = replace(call, mood=mood, mood_turns=_just_spoken(call) if mood != call.mood else call.mood_turns)
            return _counted(flow, call, event)
        case prompt.NOTE_UNSOLVED:
            return _counted(flow, replace(call, unsolved=call.unsolved + 1), event)
        case prompt.SWITCH_LANGUAGE:
            return switching.switch(flow, call, event.tool_call, _text(event, "language"))
    return _flow_tool(flow, call, event)


def _counted(flow: Flow, call: Call, event: e.ToolCalled) -> Step:
    """A counter moved. The receptionist goes on talking unless a rule fires."""
    decided, commands = listening.after_count(flow, call)
    goes_on = decided.phase == Phase.TALKING and decided.handoff is None and not (decided.held and not call.held)
    return decided, (AnswerTool(event.tool_call, NOTED if goes_on else SAY_NOTHING), *commands)


def _just_spoken(call: Call) -> int:
    """1 when the caller's turn is the latest: the turn in which a mood shows is the first that counts."""
    return int(bool(call.turns) and call.turns[-1].speaker == "caller")


def _proposed(flow: Flow, call: Call, event: e.ToolCalled) -> Step:
    """The model names a rule; it never names a department, and a second call while one is under way changes nothing."""
    matched, summary, next_step = (
        _text(event, name)[: listening.MOST_WORDS] for name in ("matched", "summary", "next_step")
    )
    if call.phase not in (Phase.TALKING, Phase.ARRIVING):
        if call.handoff is None:
            return _refused(call, event, "not now: the caller is leaving a message or is being said goodbye to")
        call = replace(call, refused=call.refused + 1)
        answer = (AnswerTool(event.tool_call, ASKED if call.phase == Phase.ASKING else CONNECTING),)
        return together((call, answer), lambda c: handoff.improve_card(flow, c, summary, next_step))
    rule = _text(event, "rule")
    judged = [r.key for r in flow.rules if is_judged(r)]
    if rule not in judged:
        return _refused(call, event, f"there is no rule {rule[:60]!r}", rules=judged)
    trigger = Trigger(proposed=rule, matched=matched or listening.last_said(call), text="")
    decided = listening.read_rules(flow, call, trigger, summary=summary, next_step=next_step, cut_in=False)
    if decided is None and call.held is not None and call.held.proposed == rule:
        return call, (AnswerTool(event.tool_call, WAIT),)
    if decided is None:
        return _refused(call, event, _why_not(flow, call, rule))
    result = WAIT if decided[0].held else CONNECTING
    return together((call, (AnswerTool(event.tool_call, _ignoring(event, result)),)), lambda _: _count(decided, event))


def _refused(call: Call, event: e.ToolCalled, why: str, **known: object) -> Step:
    """The model asked for something there is not: it hears why and what there is, and the call counts it."""
    refusal = json.dumps({"status": "refused", "why": why, **known})
    return replace(call, refused=call.refused + 1), (AnswerTool(event.tool_call, refusal, is_error=True),)


def _supplied(event: e.ToolCalled) -> list[str]:
    """What the model added to a transfer that is not its to say: a department, a number."""
    return sorted(name[:40] for name in event.arguments if name not in prompt.TRANSFER_ARGUMENTS)[:8]


def _ignoring(event: e.ToolCalled, result: str) -> str:
    """The result, which says what of the call was refused."""
    refused = _supplied(event)
    return json.dumps({**json.loads(result), "refused": refused, "why": WHO_IS_RUNG}) if refused else result


def _count(decided: Step, event: e.ToolCalled) -> Step:
    call, commands = decided
    return replace(call, refused=call.refused + bool(_supplied(event))), commands


def _why_not(flow: Flow, call: Call, key: str) -> str:
    rule = next(r for r in flow.rules if r.key == key)
    if applies(flow, call, rule) is not True:
        return "this rule does not apply to this caller; help yourself or offer to take a message"
    return "this was tried already in this call; offer to take a message or help yourself"


def _text(event: e.ToolCalled, name: str) -> str:
    """An argument as one line of text; whatever else the model sent is not trusted."""
    value = event.arguments.get(name, "")
    return " ".join(str(value).split()) if isinstance(value, str | int | float) else ""


def _noted(flow: Flow, call: Call, event: e.ToolCalled) -> Step:
    name, value = _text(event, "field"), _text(event, "value")[: listening.MOST_WORDS]
    field = next((f for f in prompt.notable(flow) if f.name == name), None)
    if field is None or not value:
        return _refused(call, event, "unknown field or no value", fields=[f.name for f in prompt.notable(flow)])
    call = replace(call, fields={**call.fields, name: _as_choice(field, value)})
    if (decided := wondering.answer_came(flow, call, name)) is not None:
        return together((call, (AnswerTool(event.tool_call, SAY_NOTHING),)), lambda _: decided)
    call = replace(call, held=None) if call.held and call.held.field == name else call
    silent = call.phase in (Phase.ASKING, Phase.MESSAGE)
    answer: Step = (call, (AnswerTool(event.tool_call, SAY_NOTHING if silent else NOTED),))
    if call.phase == Phase.ASKING:
        return together(answer, lambda c: handoff.answered(flow, c))
    if call.phase == Phase.MESSAGE:
        return together(answer, lambda c: closing.message_noted(flow, c))
    return answer


def _as_choice(field: Field, value: str) -> str:
    """The one choice that a value names ("a new patient" names "new"), else the value as it came."""
    said = words.normalise(value)
    named = [choice for choice in field.choices if words.says_phrase(value, choice) or words.normalise(choice) == said]
    return named[0] if len(named) == 1 else value


def _flow_tool(flow: Flow, call: Call, event: e.ToolCalled) -> Step:
    """A tool of the flow: work on a department's desk, or a question to an address."""
    tool = next((t for t in flow.tools if t.name == event.name), None)
    if tool is None:
        return _refused(call, event, "there is no such tool")
    call = replace(call, tools_run=(*call.tools_run, tool.name))
    fields = {a.name: _text(event, a.name)[: listening.MOST_WORDS] or "not given" for a in tool.asks_for}
    if tool.post:
        return _asked(call, event, tool, fields)
    call = replace(call, works=call.works + 1)
    return call, (
        AddWork(f"{call.call_id}-w{call.works}", tool.name, tool.sends_to, fields),
        AnswerTool(event.tool_call, PASSED_ON),
    )


def _asked(call: Call, event: e.ToolCalled, tool: Tool, fields: Mapping[str, str]) -> Step:
    """The address is asked; its answer, or that there is none, reaches the receptionist as `ToolAnswered`."""
    if len(call.asking) >= MOST_ASKING:
        return _refused(call, event, "earlier requests are still being answered")
    call, parcel = next_parcel(call)
    call = replace(call, asking=(*call.asking, event.tool_call))
    return call, (AskAddress(parcel, event.tool_call, tool.name, tool.post, fields, tool.timeout),)


def tool_answered(flow: Flow, call: Call, event: e.ToolAnswered) -> Step:
    """What the address said, as a value the receptionist can use and never as an instruction; without an answer the
    request is tried again by itself, and the receptionist says so."""
    if event.tool_call not in call.asking:
        return call, ()
    call = replace(call, asking=tuple(waiting for waiting in call.asking if waiting != event.tool_call))
    answer = json.dumps({"status": "answered", "answer": event.answer}) if event.ok else PASSED_ON
    return call, (AnswerTool(event.tool_call, answer),)
