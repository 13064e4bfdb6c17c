"""The reference of the language, made from the schema and the word lists: it cannot disagree with the compiler."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from flowengine.flow import words
from flowengine.flow.abilities import LIMITS
from flowengine.flow.check_places import GREETING_KNOWS, LINES_KNOW
from flowengine.flow.schema import schema

Part = Mapping[str, Any]
LONGEST_EXAMPLE = 14  # lines of a block that are shown
_MOST_LISTED = 80  # characters of a cell's example

# What may stand at a place, by the name of its definition in the schema.
TAKES: Mapping[str, str] = {
    "argument": "`text`, `phone`, `date`, `yes or no`, or a list of choices",
    "count": "[a count](#counts)",
    "dates": "[dates](#dates)",
    "day_hours": "[hours of a day](#hours-of-a-day)",
    "deliveries": "[where to send](#where-something-is-sent), or a list",
    "delivery": "[where to send](#where-something-is-sent)",
    "duration": "[a length of time](#lengths-of-time)",
    "exceptions": "a list of [special days](#hours-special-days)",
    "expect": "[what is expected](#tests-what-is-expected)",
    "extension": "keys: digits, `*` and `#`; `w` waits half a second, `,` one second",
    "hours_map": "days and [hours](#hours-of-a-day)",
    "key": "a key: `zero` … `nine`, `star`, `pound`",
    "keys": "a key or a list: `zero` … `nine`, `star`, `pound`",
    "lines": "a sentence, or a list of [lines](#tests-a-line-of-the-caller)",
    "members": "a list of [entries](#departments-an-entry-of-people)",
    "moment": "[a moment](#moments)",
    "name": "[a short name](#short-names)",
    "names": "a name or a list",
    "opening": "`office hours`, `when the office is closed`, `always`, or days and [hours](#hours-of-a-day)",
    "percent": "a percentage: `40%`",
    "phone": "[a phone number](#phone-numbers)",
    "phones": "[a phone number](#phone-numbers) or a list",
    "sips": "a SIP address or a list: `sip:name@host`",
    "spoken": "[a spoken line](#spoken-lines)",
    "step": "[a step](#steps)",
    "steps": "[a step](#steps) or a list",
    "text": "text",
    "texts": "text or a list",
    "true_only": "`true`",
    "truth": "`true` or `false`",
    "url": "an https address, or `${NAME}`",
}
# Lists and groups that have a table of their own.
_TABLE_OF: Mapping[str, str] = {
    "absence": "people: away",
    "field": "receptionist: something to find out",
    "tool": "tools",
    "rule": "when_to_transfer: conditions",
    "test": "tests",
    "calls": "tools: calls",
    "says": "hold: says",
    "office_hours": "hours",
}
# The tables in their order: heading, the words' place in the schema, the block of the example that shows them.
TABLES: tuple[tuple[str, str, str], ...] = (
    ("The whole file", "", ""),
    ("office", "office", "office"),
    ("hours", "$office_hours", "hours"),
    ("hours: special days", "$exception", ""),
    ("people", "$person", "people"),
    ("people: away", "$absence", ""),
    ("receptionist", "$receptionist", "receptionist"),
    ("receptionist: something to find out", "$field", ""),
    ("tools", "$tool", "tools"),
    ("tools: calls", "$tool/calls", ""),
    ("departments", "$department", "departments"),
    ("departments: an entry of people", "$member", ""),
    ("when_to_transfer: conditions", "$rule", "when_to_transfer"),
    ("when_to_transfer: the other words of a rule", "$rule", ""),
    ("transfer", "$transfer", "transfer"),
    ("hold", "hold", "hold"),
    ("hold: says", "hold/says", ""),
    ("take_message", "take_message", "take_message"),
    ("callback", "callback", "callback"),
    ("voicemail", "voicemail", ""),
    ("handoff_card", "handoff_card", "handoff_card"),
    ("privacy", "privacy", "privacy"),
    ("alert_when", "alert_when", ""),
    ("tests", "$test", "tests"),
    ("tests: a line of the caller", "$line", ""),
    ("tests: what is expected", "$expect", ""),
    ("A shared file", "$shared_file", ""),
)
FILLED: Mapping[str, str] = {
    "office": "the name of the office",
    "receptionist": "the name of the receptionist",
    "department": "the department being rung, as callers hear it (`say_as`)",
    "person": "the person being rung",
    "next_opening": 'when the office opens next: "today at 1 pm", "tomorrow at 8 am", "Monday at 8 am"',
    "callback_time": 'by when somebody calls back: "by 11:15 am", "later today", or the next opening',
    "closed_because": 'why the office is closed on a special day: "Thanksgiving"',
    "waited": "how long the caller has been waiting",
    "not_answered": "who was rung in this hand-off and did not take the call",
}


# ---- docs/language.md ------------------------------------------------------------------------------------------------


def language_page(example: str) -> str:
    """The reference of the language, as Markdown. `example` is the text of a flow whose blocks are shown."""
    pieces = {
        "contents": "\n".join(f"- [{title}](#{anchor(title)})" for title, _, _ in TABLES),
        "words": "\n".join(line for title, place, block in TABLES for line in _section(title, place, block, example)),
        "filled": "\n".join(_filled()),
        "lists": "\n".join(_lists()),
        "ways": "\n".join(_ways()),
    }
    frame = (files("flowengine.flow") / "data" / "language_page.md").read_text("utf-8")
    return re.sub(r"<!-- (\w+) -->", lambda mark: pieces[mark[1]], frame)


def anchor(title: str) -> str:
    """The name under which GitHub finds a heading."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def _section(title: str, place: str, block: str, example: str) -> Iterator[str]:
    part = part_at(place)
    yield f"### {title}\n"
    if about := _about(title, part):
        yield f"{about}\n"
    if shown := _block(block, example):
        yield f"```yaml\n{shown}\n```\n"
    yield "| word | takes | without it | meaning |\n|---|---|---|---|"
    chosen = _words(title, part)
    needed = dict.fromkeys(part.get("required", ()), "**needed**")
    if not place:
        needed |= dict.fromkeys(part["then"]["required"], "**needed**, here or in a shared file")
    yield from (_row(name, each, needed.get(name, "")) for name, each in chosen)
    yield ""


def part_at(place: str) -> Part:
    """A part of the schema: "hold/says" by the words of the file, "$rule" by its definition; "" is the whole file."""
    first, *rest = place.split("/")
    part: Any = schema()
    if first:
        part = part["$defs"][first[1:]] if first.startswith("$") else part["properties"][first]
    for word in rest:
        part = part["properties"][word]
    found: Part = part
    return found


def _words(title: str, part: Part) -> list[tuple[str, Part]]:
    """The words of a table: those of `transfer` are not said again for a department, and the conditions of a rule stand
    in a table of their own."""
    known = {**{_days(p): child for p, child in part.get("patternProperties", {}).items()}, **part["properties"]}
    if title == "departments":
        skipped = set(part_at("$transfer")["properties"])
        return [(name, child) for name, child in known.items() if name not in skipped]
    if title.startswith("when_to_transfer"):
        conditions = _conditions()
        return [(n, child) for n, child in known.items() if (n in conditions) == title.endswith("conditions")]
    return list(known.items())


def _conditions() -> frozenset[str]:
    part = part_at("$rule")
    return frozenset(name for (name,) in (each["required"] for each in part["if"]["not"]["anyOf"]))


def _days(_pattern: str) -> str:
    return "mon … sun, mon-fri"


def _about(title: str, part: Part) -> str:
    """What stands under a heading: what the schema says of the block."""
    more = {
        "departments": "A department may also say every word of [transfer](#transfer) except `most_phones_rung`.",
        "when_to_transfer: conditions": "A rule has exactly one of these.",
        "hours": "Days are `mon` … `sun`, or from one to another: `mon-thu`, `fri-mon`. A single day beats a range.",
    }
    block = schema()["properties"].get(title.split(":")[0], {}) if ":" not in title or "conditions" in title else {}
    return " ".join(filter(None, (block.get("description", ""), more.get(title, ""))))


def _row(name: str, part: Part, needed: str) -> str:
    meaning, _, _ = part["description"].partition(" Default: ")
    return f"| `{name}` | {takes(part, name)} | {needed or _default(part)} | {_cell(meaning)}{_shown(part)} |"


def takes(part: Part, word: str = "") -> str:
    """What may stand behind a word, in plain words (Markdown)."""
    name = part.get("$ref", "").rsplit("/", 1)[-1]
    if name in TAKES:
        return TAKES[name]
    if name in ("people", "departments"):
        return f"names, each with [these words](#{name})"
    if name == "known_callers":
        return f"names, each with {TAKES['phones']}"
    if name:
        return f"[these words](#{anchor(_TABLE_OF.get(name, name))})"
    if "enum" in part:
        return " · ".join(f"`{each}`" for each in part["enum"])
    of_list = part_at("$" + part["else"]["$ref"].rsplit("/", 1)[-1]) if "$ref" in part.get("else", {}) else {}
    if "x-expected" in {**of_list, **part}:
        return str({**of_list, **part}["x-expected"]) + (", or a list" if of_list else "")
    if "items" in part:
        item = part["items"].get("$ref", "").rsplit("/", 1)[-1]
        return f"a list of [these](#{anchor(_TABLE_OF[item])})"
    extra = part.get("additionalProperties")
    if isinstance(extra, Mapping):
        return f"names, each with {takes(extra)}"
    if "properties" in part:
        return f"[these words](#{anchor(_TABLE_OF.get(word, word))})"
    return "a number" if part.get("type") == "integer" else "text"


def _default(part: Part) -> str:
    """What holds without the word: its default, or what its description says."""
    default = part.get("default")
    _, marked, said = part["description"].partition(" Default: ")
    if isinstance(default, str) and len(default) > 30:
        return f"“{_cell(default)}”"
    if default is not None and not said.startswith("what "):
        texts = default if isinstance(default, list) else [json.dumps(default).strip('"')]
        return ", ".join(f"`{_cell(each)}`" for each in texts)
    return _cell(said.rstrip(".")) if marked else ""


def _shown(part: Part) -> str:
    """A short example for a table's cell."""
    examples = part.get("examples") or schema()["$defs"].get(part.get("$ref", "").rsplit("/", 1)[-1], {}).get(
        "examples"
    )
    shown = next((inline(each) for each in examples or () if len(inline(each)) <= _MOST_LISTED), "")
    return f" *Example:* `{_cell(shown)}`" if shown else ""


def inline(value: Any, inside: bool = False) -> str:
    """A value as it is written in one line of a flow file."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {inline(child, True)}" for key, child in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(inline(child, True) for child in value) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    ends = _ENDS_INSIDE if inside else ()
    quoted = value[0] in _BEGINS_SOMETHING or any(piece in value for piece in (": ", " #", *ends))
    return json.dumps(value, ensure_ascii=False) if quoted else value


_BEGINS_SOMETHING = frozenset("{}[]&*!|>'\"%@`#,")
_ENDS_INSIDE = ("{", "}", "[", "]", ",")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").strip()


def _block(name: str, example: str) -> str:
    """The beginning of a top-level block of the example, cut where an entry begins."""
    lines = example.splitlines()
    start = next((i for i, line in enumerate(lines) if name and line.startswith(f"{name}:")), None)
    if start is None:
        return ""
    end = next((i for i in range(start + 1, len(lines)) if lines[i][:1].isalpha()), len(lines))
    block = "\n".join(lines[start:end]).rstrip().splitlines()
    if len(block) <= LONGEST_EXAMPLE:
        return "\n".join(block)
    cut = max(i for i in range(2, LONGEST_EXAMPLE) if re.match(r"  \S", block[i]) and not block[i].startswith("  #"))
    return "\n".join([*block[:cut], "  # …"])


def _filled() -> Iterator[str]:
    yield "| in braces | becomes | in greetings |\n|---|---|---|"
    for name in LINES_KNOW:
        yield f"| `{{{name}}}` | {FILLED[name]} | {'yes' if name in GREETING_KNOWS else 'no'} |"
    yield "| a field of `find_out` | what the caller answered | no |"


def _ways() -> Iterator[str]:
    """What cannot be had together."""
    yield "| with | this does nothing | because | finding |\n|---|---|---|---|"
    alike: dict[tuple[str, str, str], list[str]] = {}
    for limit in LIMITS:
        if limit.word == "transcript":  # a fact of the card, which is no finding
            continue
        where = " and ".join(_WHEN[name, value] for name, value in limit.when.items() if value != "conference")
        said = [f"`{limit.word}: {value}`" for value in limit.values] or [f"`{limit.word}`"]
        alike.setdefault((where, limit.why, limit.code), []).extend(said)
    for (where, why, code), said in alike.items():
        yield f"| {where} | {', '.join(said)} | {why} | [`{code}`](codes.md#{code}) |"


_WHEN: Mapping[tuple[str, str | bool], str] = {
    ("method", "refer"): "`method: refer`",
    ("method", "dial"): "`method: dial`",
    ("accept", "none"): "`accept: none`",
    ("line", "phone"): "people who have no `sip` address",
    ("line", "sip"): "people who have no `phone`",
    ("arrives", "phone"): "`calls_arrive_by: phone`",
    ("arrives", "sip"): "`calls_arrive_by: sip`",
    ("extension", True): "people with an `extension`",
}


def _lists() -> Iterator[str]:
    """The word lists the engine decides by, whole."""
    for title, entries in (
        ("Fillers, dropped before anything is compared", [" ".join(each) for each in words.FILLERS]),
        ("Words that carry no content", sorted(words.STOP_WORDS)),
        ("Words that deny what follows", sorted(words.NEGATIONS)),
        ("Words for a person", sorted(words.PERSON_WORDS)),
        ("Words that ask", sorted(words.ASKING_VERBS)),
        ("Words for an operator", [" ".join(each) for each in words.OPERATOR_WORDS]),
        ("On hold", [f"{phrase} → {leads}" for phrase, leads in words.HOLD_WORDS]),
        ("What is wrong when read back", list(words.DENIALS)),
        ("A transfer the receptionist promises", list(words.PROMISES)),
    ):
        yield f"**{title}:** {', '.join(entries)}.\n"
    yield f"**Irregular forms:** {', '.join(_irregulars())}."


@cache
def _irregulars() -> tuple[str, ...]:
    forms: dict[str, list[str]] = {}
    for form, stem in words.IRREGULARS.items():
        if form != stem:
            forms.setdefault(stem, []).append(form)
    return tuple(f"{stem} ({', '.join(each)})" for stem, each in sorted(forms.items()))
