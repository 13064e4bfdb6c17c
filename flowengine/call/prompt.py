"""Flow → what the voice agent is told and which tools it has. The model chooses among keys; it never names a number."""

from __future__ import annotations

from collections.abc import Iterator

from flowengine.call.commands import AgentTool, StartAgent
from flowengine.call.conditions import is_judged, spoken_language
from flowengine.call.state import Call
from flowengine.flow.hours import closed_because, next_opening_words, office_open, week_words
from flowengine.flow.model import (
    Argument,
    CallerWants,
    Field,
    FieldType,
    Flow,
    Mood,
    Rule,
    Tool,
    Topic,
)

TRANSFER = "transfer_to_human"
NOTE_ANSWER = "note_answer"
NOTE_MOOD = "note_mood"
NOTE_UNSOLVED = "note_unsolved"
SWITCH_LANGUAGE = "switch_language"

NOTED = '{"status": "noted"}'
SAY_NOTHING = '{"status": "noted", "do": "say nothing"}'
ASKED = '{"status": "connecting", "do": "say nothing more, wait for the answer to your question"}'
WAIT = '{"status": "wait", "do": "say nothing more, a question comes first"}'
ON_HOLD = "staff are being rung and the caller is holding. If the caller speaks, answer in one short sentence."
TAKING_MESSAGE = "nobody is free and you are taking a message. Ask only what is needed."
TRANSFER_ARGUMENTS = ("rule", "matched", "summary", "next_step")
TOLD_TURNS = 20  # of the conversation, the latest
CONNECTING = '{"status": "connecting", "do": "say nothing, the caller is being told"}'


def opening(flow: Flow, call: Call, greeting: str, *, story: str = "") -> StartAgent:
    """The agent's session for this call. `story` is what it must know when it comes in late."""
    return StartAgent(
        prompt=prompt(flow, call, story),
        greeting=greeting,
        voice=flow.receptionist.voice,
        tools=(*engine_tools(flow), *(flow_tool(tool) for tool in flow.tools)),
        keyterms=_keyterms(flow),
    )


def prompt(flow: Flow, call: Call, situation: str = "") -> str:
    """Everything the agent is told, the present situation last."""
    return "\n".join(_lines(flow, call, situation))


def _lines(flow: Flow, call: Call, situation: str) -> Iterator[str]:
    who = flow.receptionist
    yield f"You are {who.name}, the automated receptionist of {flow.office.name}, on the telephone."
    yield f"Speak {spoken_language(flow, call)}."
    yield from _other_languages(flow, call)
    if who.manner:
        yield f"Manner: {who.manner}"
    if who.may_help_with:
        yield f"You may help with: {', '.join(who.may_help_with)}. For anything else, offer to take a message."
    for forbidden in who.must_not:
        yield f"Never {forbidden}."
    yield "State no fact about the office that is not listed here."
    yield "Never give out a telephone number or promise a person."
    yield "Facts:"
    yield from (f"{name.replace('_', ' ')}: {fact}" for name, fact in flow.office.facts.items())
    yield f"hours: {week_words(flow.hours)}. {_open_now(flow, call)}"
    yield f"When one of these situations arises, call {TRANSFER} at once and say nothing yourself:"
    yield from _rule_lines(flow)
    if _moods(flow):
        yield f"When the caller's mood changes to or from one of these, call {NOTE_MOOD}: {', '.join(_moods(flow))}."
    yield f"When you tried to help and it did not solve the caller's problem, call {NOTE_UNSOLVED}."
    wanted = ", ".join(f"{f.name} ({_kind(f)})" for f in notable(flow))
    yield f"When the caller tells you one of these, call {NOTE_ANSWER}: {wanted}."
    yield from _recording(flow, call)
    if call.late and (said := story_so_far(call)):
        yield said
    if situation:
        yield f"Now: {situation}"


def _recording(flow: Flow, call: Call) -> Iterator[str]:
    """What the receptionist leaves to the engine, which asks, hears the answer and records or does not."""
    if flow.privacy.recording == "none":
        return
    if flow.privacy.recording == "with consent" and not call.late:
        yield (
            "Callers are asked in your greeting whether the call may be recorded. Never ask that yourself and never "
            "say whether it is recorded. When a caller has only answered that, thank them and ask how you can help."
        )
    yield (
        "When a caller does not want to be recorded, nothing is from then on: say so in one short sentence and go on."
    )


def story_so_far(call: Call) -> str:
    """The conversation for an agent that comes in late."""
    said = " / ".join(f"{t.speaker}: {t.text}" for t in call.turns[-TOLD_TURNS:])
    return f"The conversation so far: {said}" if said else ""


def _other_languages(flow: Flow, call: Call) -> Iterator[str]:
    others = [name for name in flow.receptionist.languages if name != spoken_language(flow, call)]
    if others:
        yield (
            f"When the caller speaks or asks for {' or '.join(others)}, call {SWITCH_LANGUAGE} at once and say nothing "
            "yourself."
        )


def _open_now(flow: Flow, call: Call) -> str:
    at = call.wall()
    opens, why = next_opening_words(flow, at), closed_because(flow, at)
    return (
        "We are open now."
        if office_open(flow, at)
        else "We are closed now"
        + (f" because of {why}" if why else "")
        + (f" and open again {opens}." if opens else ".")
    )


def _rule_lines(flow: Flow) -> Iterator[str]:
    return (f"- {rule.key}: {_described(rule)}" for rule in flow.rules if is_judged(rule))


def _described(rule: Rule) -> str:
    match rule.condition:
        case Topic(topics, examples):
            said = f"the caller speaks of {', '.join(topics)}"
        case CallerWants(wants, examples):
            said = f"the caller wants {', '.join(wants)}"
        case _:
            return ""
    return said + (f"; for example: {'; '.join(examples)}" if examples else "")


def engine_tools(flow: Flow) -> Iterator[AgentTool]:
    """The engine's own tools; each argument is an enumeration or plain text."""
    judged = [rule.key for rule in flow.rules if is_judged(rule)]
    if judged:
        yield AgentTool(TRANSFER, _transfer_description(flow), _transfer_parameters(judged))
    if notable(flow):
        names = [f.name for f in notable(flow)]
        yield AgentTool(
            NOTE_ANSWER,
            "Note something the caller told you. " + "; ".join(f"{f.name}: {_kind(f)}" for f in notable(flow)),
            _object({"field": {"type": "string", "enum": names}, "value": {"type": "string"}}),
        )
    if moods := _moods(flow):
        yield AgentTool(
            NOTE_MOOD,
            "Note the caller's mood when it changes.",
            _object({"mood": {"type": "string", "enum": [*moods, "calm"]}}),
        )
    if len(flow.receptionist.languages) > 1:
        yield AgentTool(
            SWITCH_LANGUAGE,
            "Go on in the language the caller speaks or asks for.",
            _object({"language": {"type": "string", "enum": list(flow.receptionist.languages)}}),
        )
    yield AgentTool(NOTE_UNSOLVED, "Note that an attempt to help did not solve the caller's problem.", _object({}))


def notable(flow: Flow) -> tuple[Field, ...]:
    """What can be noted of the caller: what is found out, and what a message collects beside."""
    known = {f.name: f for f in flow.receptionist.find_out}
    return (*known.values(), *(Field(name) for name in flow.take_message.collect if name not in known))


def _transfer_description(flow: Flow) -> str:
    return "\n".join(("Hand the caller to a person. Name the rule that applies:", *_rule_lines(flow)))


def _transfer_parameters(rules: list[str]) -> dict[str, object]:
    return _object(
        {
            "rule": {"type": "string", "enum": rules},
            "matched": {"type": "string", "description": "the caller's words that made it apply"},
            "summary": {"type": "string", "description": "one sentence for the person who takes over"},
            "next_step": {"type": "string", "description": "what that person should do first"},
        },
        optional=("next_step",),
    )


def flow_tool(tool: Tool) -> AgentTool:
    return AgentTool(tool.name, tool.does, _object({a.name: _schema(a) for a in tool.asks_for}))


def _schema(argument: Argument) -> dict[str, object]:
    if argument.choices:
        return {"type": "string", "enum": list(argument.choices)}
    said = {FieldType.DATE: "a date", FieldType.PHONE: "a telephone number", FieldType.YES_OR_NO: "yes or no"}.get(
        argument.type
    )
    return {"type": "string", **({"description": said} if said else {})}


def _object(properties: dict[str, object], optional: tuple[str, ...] = ()) -> dict[str, object]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _kind(field: Field) -> str:
    return " or ".join(field.choices) if field.choices else str(field.type)


def _moods(flow: Flow) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(m for rule in flow.rules if isinstance(rule.condition, Mood) for m in rule.condition.moods)
    )


def _keyterms(flow: Flow) -> tuple[str, ...]:
    """Names the recogniser should know; the vendor takes 100 (assemblyai.md 1.5)."""
    names = (flow.office.name, *(p.name for p in flow.people.values() if p.callers_may_ask_for))
    return tuple(dict.fromkeys(names))[:100]


def introduce(flow: Flow) -> str:
    """Instructions for the first words to a caller nobody has greeted."""
    who = flow.receptionist
    return f"Begin with: this is {who.name}, the automated receptionist of {flow.office.name}."


def ask_for(flow: Flow, name: str) -> str:
    """Instructions that make the agent ask for one field."""
    field = next((f for f in flow.receptionist.find_out if f.name == name), Field(name))
    question = f"Ask the caller for {name} ({_kind(field)}) in one short question, nothing else."
    return f"{question} When they answer, call {NOTE_ANSWER} with field {name}."
