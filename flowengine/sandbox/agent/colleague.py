"""The emulated agent on the phone with somebody who works here: she tells what she was told and does what they say.

She knows which tool is which by its description, and the story by the `key: value` lines of her prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from flowengine.sandbox.agent.reading import Brief, Tool, stems

__all__ = ["Colleague", "colleague", "does_for", "tells"]

_MACHINE_TOOL = re.compile(r"\b(?:machine|voicemail)\b", re.I)
_NO_TOOL = re.compile(r"\bdeclin\w*|\brefus\w*|\b(?:not|cannot|n't)\b.*\btake\b", re.I)
_YES_TOOL = re.compile(r"\b(?:put|connect|join|transfer)\b.*\b(?:caller|call|through)\b", re.I)

_GREETING = re.compile(
    r"\b(?:voice ?mail|mailbox|answering machine|after the (?:tone|beep)|leave (?:a|your|me a) (?:message|name)"
    r"|extension of|(?:press|dial) \w+ (?:for|to)|for [\w ]{2,30}, press|you have reached)\b",
    re.I,
)
_THROUGH = re.compile(
    r"\b(?:put (?:them|him|her|the caller|it) (?:through|on)|connect (?:us|me|them|him|her)|i'll take|i will take"
    r"|pass (?:them|it|the call) on)\b",
    re.I,
)
_HARMLESS = re.compile(r"\b(?:no problem|not a problem|no worries|why not|don't mind|no trouble)\b", re.I)
_NO = re.compile(
    r"\b(?:no|nope|not|can't|cannot|won't|don't|unable|busy|later|(?:some|any)(?:body|one) else|another time"
    r"|in a meeting|with a patient)\b",
    re.I,
)
_YES = re.compile(r"\b(?:yes|yeah|yep|sure|okay|ok|of course|certainly|go ahead|please do|happy to|fine)\b", re.I)
_HELLO = re.compile(r"^\W*(?:(?:hello|hi|hey|good (?:morning|afternoon|evening)|yes|who's there)\b[^?]*)\?*\W*$", re.I)
_NO_FIRST = re.compile(r"^\W*(?:(?:no|nope|sorry|i'm sorry|thanks|thank you)\b[\s,.;]*)+", re.I)
_LINE = re.compile(r"^\s*[-*\u2022]?\s*([\w' ]{2,40}?)[ \t]*:[ \t]+(\S.*)$", re.M)
_ABOUT = (  # what a question asks for, and the words of the keys that answer it
    (r"\bwho\b|\bname\b", "name caller"),
    (r"\bnumber\b|\bcall (?:them|him|her) back\b", "number phone callback"),
    (r"\bbefore\b|\bnew\b|\bknow (?:them|him|her)\b", "before patient new"),
    (r"\bwhat\b|\bwhy\b|\babout\b|\breason\b|\burgent\b", "reason about why short"),
)
SHALL_I = "Shall I put them through?"
UNKNOWN = "I'm sorry, I don't know that. Shall I put them through?"


@dataclass(frozen=True, slots=True)
class Colleague:
    """The tools for somebody who may take the call."""

    connect: Tool
    decline: Tool
    machine: Tool | None


def colleague(told: Brief) -> Colleague | None:
    """What she can do for somebody who works here; None when she talks with a caller."""
    machine = _first(told, _MACHINE_TOOL)
    decline = _first(told, _NO_TOOL, machine)
    connect = _first(told, _YES_TOOL, machine, decline)
    if connect is None or decline is None or any("enum" in p for p in connect.properties.values()):
        return None
    return Colleague(connect, decline, machine)


def _first(told: Brief, described: re.Pattern[str], *others: Tool | None) -> Tool | None:
    return next((tool for tool in told.tools if tool not in others and described.search(tool.description)), None)


def does_for(tools: Colleague, text: str) -> tuple[str, dict[str, str]] | None:
    """The tool that a turn of theirs asks for, and its arguments; None when they only talk."""
    if tools.machine is not None and _GREETING.search(text):
        return tools.machine.name, {}
    if text.rstrip().endswith("?") and not _THROUGH.search(text):
        return None
    plain = _HARMLESS.sub(" ", text)
    if _NO.search(plain):
        return tools.decline.name, _because(tools.decline, text)
    if _THROUGH.search(plain) or _YES.search(plain):
        return tools.connect.name, {}
    return None


def _because(tool: Tool, text: str) -> dict[str, str]:
    reason = _NO_FIRST.sub("", text).strip(" .!,")
    free = [name for name, schema in tool.properties.items() if schema.get("type") == "string"]
    return {free[0]: reason} if free and reason else {}


def tells(prompt: str, text: str) -> str:
    """What she answers to what is neither yes nor no."""
    if _HELLO.match(text):
        return f"Hello, there is a caller for you. {SHALL_I}"
    if "?" not in text:
        return SHALL_I
    found = max(_scored(prompt, text), key=lambda line: line[0], default=(0.0, ""))
    return found[1] if found[0] > 0 else UNKNOWN


def _scored(prompt: str, text: str) -> Iterator[tuple[float, str]]:
    """Each line of what she knows, by how much it has to do with the question."""
    asked = stems(text)
    keys = {word for pattern, words in _ABOUT if re.search(pattern, text, re.I) for word in words.split()}
    for key, value in _LINE.findall(prompt):
        about = len(keys & set(key.casefold().split())) + len(asked & stems(key))
        yield 2.0 * about + len(asked & stems(value)), f"{value.rstrip('.')}."
