"""The mind of the emulated receptionist: rules instead of a model, knowing only what came over her socket."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flowengine.sandbox.agent.colleague import colleague, does_for, tells
from flowengine.sandbox.agent.reading import (
    Brief,
    Choice,
    Tool,
    choices,
    facts,
    sentences,
    stems,
    wants_person,
)
from flowengine.sandbox.agent.tongues import spoken_in, told_to_speak, worded
from flowengine.sandbox.agent.wording import ASKS, QUIET, answer_in, question_for, read_back, reported, reworded

__all__ = ["Action", "Mind", "Say", "UseTool"]


@dataclass(frozen=True, slots=True)
class Say:
    """Speak; an empty text is a silent reply."""

    text: str


@dataclass(frozen=True, slots=True)
class UseTool:
    """Call a tool and go on with its result."""

    name: str
    arguments: Mapping[str, Any]


Action = Say | UseTool

SILENT = Say("")
_ENOUGH = 0.6  # of a choice's best line must be in what the caller said
_ANGRY = re.compile(r"\b(?:angry|furious|ridiculous|unacceptable|outrageous|disgusted|terrible service|livid)\b", re.I)
_FRUSTRATED = re.compile(
    r"\b(?:frustrat\w+|annoy\w+|fed up|sick of|third time|again and again|upset|waste of time|keep asking)\b", re.I
)
_UNSOLVED = re.compile(
    r"\b(?:(?:didn't|doesn't|does not|did not|isn't|not) (?:help|what i|answer|work)\w*|still (?:don't|not|doesn't))",
    re.I,
)
_WISH = re.compile(r"\b(?:i'd like|i would like|i want|i need|(?:can|could|may) (?:i|you)|please)\b", re.I)
_QUESTION = re.compile(r"^\W*(?:what|where|when|how|which|who|do you|are you|is there|does)\b", re.I)
_SYNONYMS = {
    "hours": "open close time hour when",
    "address": "where located location address direction find situated",
    "directions": "where direction find get",
    "parking": "park parking car lot garage",
}
_NO = re.compile(r"^\W*(?:no|nope|wrong|not quite|that's wrong)\b[,.]?\s*", re.I)
_GENERIC = (
    "I'm happy to help. Could you tell me a little more?",
    "Of course. What would you like to know?",
    "I see. Is there anything in particular I can do for you?",
)


@dataclass(slots=True)
class _Form:
    """A tool whose arguments are being asked for, one question a turn."""

    tool: Tool
    arguments: dict[str, str]
    missing: list[str]


@dataclass(slots=True)
class Mind:
    """One conversation. Each method is handed what she is told at that moment and returns what she does."""

    _to_ask: list[str] = field(default_factory=list)  # fields she was told to ask for, the first being asked now
    _form: _Form | None = None
    _read: dict[str, str] = field(default_factory=dict)  # what was read back to the caller, by field
    _turn: str = ""
    _used: set[str] = field(default_factory=set)  # tools already called about this turn
    _turns: int = 0

    def hear(self, told: Brief, text: str) -> Action:
        """The caller has finished a turn."""
        return _in_language(told, self._hear(told, text))

    def _hear(self, told: Brief, text: str) -> Action:
        self._turn, self._used = text, set()
        self._turns += 1
        if switch := _other_language(told, text):
            return switch
        if tools := colleague(told):
            wanted = does_for(tools, text)
            return UseTool(*wanted) if wanted else Say(tells(told.prompt, text))
        if self._to_ask and (noter := _noter(told)):
            return UseTool(noter.name, {"field": self._to_ask[0], "value": answer_in(text)})
        if self._read and (noter := _noter(told)) and _NO.search(text):
            return UseTool(noter.name, {"field": _corrected(self._read, text), "value": answer_in(_NO.sub("", text))})
        return self._consider(told)

    def instruct(self, told: Brief, instructions: str) -> Action:
        """`reply.create`: she puts it in her own words."""
        return _in_language(told, self._instruct(told, instructions))

    def _instruct(self, told: Brief, instructions: str) -> Action:
        self._read = read_back(instructions)
        if self._read:
            self._to_ask = []
            return Say(f"I have {', '.join(self._read.values())}. Is that right?")
        if asked := _fields_to_ask(told, instructions):
            self._to_ask = asked
            return Say(question_for(asked[0]))
        self._to_ask = []
        return Say(reworded(instructions))

    def result(self, told: Brief, tool: str, result: str, failed: bool) -> Action:
        """A tool has answered."""
        return _in_language(told, self._result(told, tool, result, failed))

    def _result(self, told: Brief, tool: str, result: str, failed: bool) -> Action:
        self._used.add(tool)
        notes = (noter := _noter(told)) is not None and noter.name == tool
        if QUIET.search(result):
            self._to_ask = [] if notes else self._to_ask  # a question already asked still stands
            return SILENT
        if notes:
            return self._next_question(told, result)
        if failed:
            return Say("I'm sorry, that did not work just now. Is there something else I can do?")
        if _is_side_note(tool):
            return self._consider(told)
        if any(word in result.casefold() for word in ("nobody", "no one", "unavailable", "not available", "failed")):
            return Say(reworded(result))
        return Say("All right, that's noted. Is there anything else I can help with?")

    def _next_question(self, told: Brief, result: str) -> Action:
        self._to_ask = _fields_to_ask(told, result) or self._to_ask[1:]
        return Say(question_for(self._to_ask[0]) if self._to_ask else "Thank you.")

    def _consider(self, told: Brief) -> Action:
        text = self._turn
        return (
            self._side_note(told, text)
            or self._transfer(told, text)
            or self._fill_form(text)
            or self._other_tool(told, text)
            or Say(_fact(told.prompt, text) or _GENERIC[self._turns % len(_GENERIC)])
        )

    def _side_note(self, told: Brief, text: str) -> UseTool | None:
        for tool in told.tools:
            if tool.name in self._used or not _is_side_note(tool.name):
                continue
            if "mood" in tool.name:
                mood = "angry" if _ANGRY.search(text) else "frustrated" if _FRUSTRATED.search(text) else ""
                allowed = tool.properties.get("mood", {}).get("enum")
                if mood and (allowed is None or mood in allowed):
                    return UseTool(tool.name, {"mood": mood})
            elif _UNSOLVED.search(text):
                return UseTool(tool.name, {})
        return None

    def _transfer(self, told: Brief, text: str) -> UseTool | None:
        tool = _transfer_tool(told)
        if tool is None or tool.name in self._used:
            return None
        scored = [(_score(choice, text), -at, choice) for at, choice in enumerate(choices(tool, "rule", told.prompt))]
        best, _, choice = max(scored, key=lambda entry: entry[:2], default=(0.0, 0, None))
        if choice is None or best < _ENOUGH:
            return None
        self._form = None
        written = {
            "rule": choice.value,
            "matched": text,
            "summary": reported(text),
            "next_step": "Answer their question." if text.rstrip().endswith("?") else "Say what happens next.",
        }
        return UseTool(tool.name, {name: written[name] for name in tool.properties if name in written})

    def _fill_form(self, text: str) -> Action | None:
        form = self._form
        if form is None:
            return None
        asked = form.missing.pop(0)
        form.arguments[asked] = _read_argument(form.tool, asked, text) or answer_in(text)
        form.missing = [name for name in form.missing if not _take(form, name, text)]
        return self._ask_or_call(form)

    def _other_tool(self, told: Brief, text: str) -> Action | None:
        wanted = {tool.name: _tool_score(tool, text) for tool in told.tools if _is_errand(tool, told)}
        name = max(wanted, key=lambda one: wanted[one], default=None)
        if name is None or wanted[name] < 1 or name in self._used:
            return None
        tool = next(tool for tool in told.tools if tool.name == name)
        form = _Form(tool, {}, [])
        form.missing = [one for one in tool.required if not _take(form, one, text)]
        return self._ask_or_call(form)

    def _ask_or_call(self, form: _Form) -> Action:
        self._form = form if form.missing else None
        if form.missing:
            return Say(question_for(form.missing[0]))
        return UseTool(form.tool.name, dict(form.arguments))


# --- which tool is which --------------------------------------------------------------------------------------------


def _corrected(read: Mapping[str, str], text: str) -> str:
    """Which of the things read back a correction is about."""
    signs = (("number", r"[0-9]{3}"), ("name", r"\b(?:name|called|spelled)\b"), ("", ""))
    fits = (
        name for sign, pattern in signs for name in reversed([*read]) if sign in name and re.search(pattern, text, re.I)
    )
    return next(fits)


def _noter(told: Brief) -> Tool | None:
    return next((tool for tool in told.tools if {"field", "value"} <= set(tool.properties)), None)


def _transfer_tool(told: Brief) -> Tool | None:
    return next((tool for tool in told.tools if (tool.properties.get("rule") or {}).get("enum")), None)


def _other_language(told: Brief, text: str) -> UseTool | None:
    """The tool for going on in the language of a turn, if there is one and it is not the language she speaks."""
    for tool in told.tools:
        languages = tuple(tool.properties.get("language", {}).get("enum") or ())
        spoken = spoken_in(text, languages)
        if spoken and spoken != told_to_speak(told.prompt):
            return UseTool(tool.name, {"language": spoken})
    return None


def _in_language(told: Brief, action: Action) -> Action:
    if isinstance(action, Say) and action.text:
        return Say(worded(action.text, told_to_speak(told.prompt)))
    return action


def _is_side_note(name: str) -> bool:
    return "mood" in name or "unsolved" in name


def _is_errand(tool: Tool, told: Brief) -> bool:
    ours = tool in (_noter(told), _transfer_tool(told)) or "language" in tool.properties
    return not ours and not _is_side_note(tool.name)


# --- choosing -------------------------------------------------------------------------------------------------------


def _score(choice: Choice, text: str) -> float:
    """How well a turn fits: 1 when all of one topic or example is in it; more when several are."""
    said = stems(_without_denials(text))
    shares = [len(said & topic) / len(topic) for topic in choice.topics]
    examples = [phrase for phrase in choice.examples if len(said & phrase) >= min(2, len(phrase))]
    shares += [len(said & phrase) / len(phrase) for phrase in examples]
    person = 0.9 if wants_person(text) and wants_person(choice.text) else 0.0
    best = max([*shares, person])
    return best + 0.05 * sum(share >= _ENOUGH for share in shares)


def _without_denials(text: str) -> str:
    """A turn without the two words after "no", "not" or "without": no pain is not about pain."""
    return re.sub(r"\b(?:no|not|never|without|don't have)\s+\w+(?:\s+\w+)?", " ", text, flags=re.I)


def _tool_score(tool: Tool, text: str) -> float:
    shared = len(stems(text) & stems(f"{tool.name} {tool.description}"))
    if _QUESTION.match(text):
        return 0.0
    return shared if _WISH.search(text) else shared / 2


def _take(form: _Form, name: str, text: str) -> bool:
    value = _read_argument(form.tool, name, text)
    if value:
        form.arguments[name] = value
    return bool(value)


_DAY = re.compile(
    r"\b(?:(?:next |this )?(?:mon|tues|wednes|thurs|fri|satur|sun)day|today|tomorrow|"
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december) \d{1,2}"
    r"(?:st|nd|rd|th)?)\b",
    re.I,
)


def _read_argument(tool: Tool, name: str, text: str) -> str | None:
    """A value that can be read off a turn without asking."""
    schema = tool.properties[name]
    for value in schema.get("enum") or ():
        if re.search(rf"\b{re.escape(str(value)).replace('_', '[ _]')}\b", text, re.I):
            return str(value)
    if schema.get("enum"):
        return None
    if "day" in name or "date" in name or schema.get("format") == "date":
        found = _DAY.search(text)
        return found[0] if found else None
    if "name" in name:
        found = re.search(r"\b(?i:my name is|this is)\s+((?:[A-Z][\w'-]*\s*)+)", text)
        return found[1].strip(" .,") if found else None
    return None


def _fields_to_ask(told: Brief, instructions: str) -> list[str]:
    """The fields an instruction says to ask for, in its order."""
    noter = _noter(told)
    names = [str(name) for name in (noter.properties["field"].get("enum") or ())] if noter else []
    asking = " ".join(sentence for sentence in sentences(instructions) if ASKS.search(sentence))
    found = [(match.start(), name) for name in names if (match := re.search(rf"\b{re.escape(name)}\b", asking))]
    return [name for _, name in sorted(found)]


def _fact(prompt: str, text: str) -> str | None:
    """The fact a question is about, if one is."""
    asked, asks = stems(text), frozenset(re.findall(r"\b(?:where|when)\b", text.casefold()))
    best, answer = 0.0, None
    for key, value in facts(prompt).items():
        other = _SYNONYMS.get(key.split()[-1].casefold(), "")
        about = stems(f"{key} {other}")
        score = len(asked & about) + 0.7 * len(asks & set(other.split())) + 0.3 * len(asked & stems(value))
        if score > best and score >= 0.6:
            best, answer = score, value
    return f"{answer.rstrip('.')}." if answer else None
