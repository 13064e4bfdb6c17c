"""How the emulated receptionist reads: stems, the lines of her prompt, her tools. Her own way, not the engine's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Brief", "Choice", "Tool", "brief", "choices", "facts", "sentences", "stems", "wants_person"]

_STOP = frozenset(
    """a about above after again all am an and any are as at be because been before being below both but by can caller
    callers could did do does doing down during each few for from further get got had has have having he her here hers
    him his how i if in into is it its just let like me more most my no nor not now of off on once only or other our
    out over own please really same she should so some such than that the their them then there these they this those
    through to too under until up very was we were what when where which while who whom why will with would you your
    today tomorrow thing need want know tell say help one okay yes yeah hi hello hey um uh well thank thanks""".split()  # noqa: SIM905 - a page of words is read more easily than a list of strings
)
_IRREGULAR = {
    "fell": "fall", "fallen": "fall", "broke": "break", "broken": "break", "hurting": "hurt", "bled": "bleed",
    "bleeding": "bleed", "swollen": "swell", "teeth": "tooth", "paid": "pay", "billing": "bill", "lost": "lose",
    "losing": "lose", "children": "child", "coverage": "cover", "painful": "pain", "refunded": "refund",
    "medicine": "medic", "medication": "medic", "meds": "medic", "aching": "ache", "aches": "ache",
}  # fmt: skip
_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_PERSON = (
    r"(?:person|human|people|somebody|someone|anyone|anybody|staff|agent|representative|manager|receptionist|operator)"
)
_ASKING = r"(?:speak|talk|connect|transfer|put me|get me|let me|can i have|want|need|give me|through to|reach)"
_WANTS_PERSON = re.compile(
    rf"\b{_ASKING}\b.*\b{_PERSON}\b|\b(?:operator|representative|real person)\b"
    r"|\bhablar con (?:una persona|alguien)\b",
    re.S,
)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as declared: its schema's properties by name, and which of them are required."""

    name: str
    description: str
    properties: Mapping[str, Mapping[str, Any]]
    required: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Brief:
    """All she was told: the prompt and the tools."""

    prompt: str
    tools: tuple[Tool, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of an enumeration and the topics and example phrases that some line says belong to it."""

    value: str
    text: str
    topics: tuple[frozenset[str], ...]
    examples: tuple[frozenset[str], ...]


def brief(config: Mapping[str, Any]) -> Brief:
    """What the configuration of the session tells her."""
    return Brief(config.get("system_prompt") or "", tuple(_tool(tool) for tool in config.get("tools") or ()))


def _tool(declared: Mapping[str, Any]) -> Tool:
    schema = declared.get("parameters") or {}
    properties = {name: part for name, part in (schema.get("properties") or {}).items() if isinstance(part, dict)}
    required = tuple(name for name in schema.get("required") or () if name in properties)
    return Tool(str(declared.get("name")), str(declared.get("description") or ""), properties, required)


def stems(text: str) -> frozenset[str]:
    """The content of a text: what is left of its words without endings and without the words that mean nothing."""
    words = (word.split("'")[0] for word in _WORD.findall(_plain(text)))
    return frozenset(_stem(word) for word in words if word not in _STOP and len(word) > 1)


def _plain(text: str) -> str:
    return text.casefold().replace("\u2019", "'").replace("_", " ")


def _stem(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    for ending, rest in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("s", "")):
        if word.endswith(ending) and not word.endswith("ss") and len(word) - len(ending) >= 3:
            word = word[: -len(ending)] + rest
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


def wants_person(text: str) -> bool:
    """Whether somebody asks for a human being."""
    return bool(_WANTS_PERSON.search(_plain(text)))


def sentences(text: str) -> list[str]:
    """A text in sentences; a list under a line that ends with a colon belongs to that line."""
    joined = re.sub(r"[:,]?\s*\n\s*[-*\u2022]\s*(?=\S)", ", ", text)
    return [part.strip() for part in re.split(r"(?<=[.!?])\s+|\n+", joined) if part.strip()]


def choices(tool: Tool, parameter: str, prompt: str) -> list[Choice]:
    """What the lines of the descriptions and of the prompt say about each value of an enumeration."""
    schema = tool.properties[parameter]
    values = [value for value in schema.get("enum") or () if isinstance(value, str)]
    lines = [*tool.description.splitlines(), *str(schema.get("description") or "").splitlines(), *prompt.splitlines()]
    return [_choice(value, " ; ".join(_about(value, lines))) for value in values]


def _about(value: str, lines: Iterable[str]) -> Iterator[str]:
    """What follows the value and a colon, in any line; indented lines without a bullet go on with it."""
    follows = re.compile(rf"(?<!\w){re.escape(value)}(?!\w)[^:]*:\s*(.*)", re.I)
    found = False
    for line in lines:
        if match := follows.search(line):
            found = True
            yield match[1]
        elif found and line[:1].isspace() and not re.match(r"\s*[-*\u2022]|\s*\w+:", line):
            yield line.strip()
        else:
            found = False


def _choice(value: str, text: str) -> Choice:
    """A line such as `words, words or words; for example: phrase; phrase`, read liberally."""
    pieces = re.split(r"(?:for example|for instance|examples?|such as|e\.g\.)[:,]?", text, flags=re.I)
    topics = re.split(r"[,;/.]|\bor\b", pieces[0])
    examples = [phrase for piece in pieces[1:] for phrase in re.split(r'[;"\u201c\u201d]', piece)]
    return Choice(value, text, _contents(topics), _contents(examples))


def _contents(texts: Iterable[str]) -> tuple[frozenset[str], ...]:
    return tuple(content for text in texts if (content := stems(text)))


def facts(prompt: str) -> dict[str, str]:
    """The `key: value` lines under a heading that speaks of facts."""
    found: dict[str, str] = {}
    inside = False
    for line in prompt.splitlines():
        plain = line.strip()
        match = re.match(r"[-*\u2022]?\s*\**([\w' ]{2,40}?)\**\s*:\s*(\S.*)", plain)
        if plain and "facts" in plain.casefold() and not (inside and match):
            inside = True
        elif plain.startswith("#") or (plain.endswith(":") and not match):
            inside = False
        elif inside and match:
            found[match[1].strip().replace("_", " ")] = match[2].strip()
    return found
