"""How the emulated receptionist puts things: questions, answers in a turn, what she was told in her own words."""

from __future__ import annotations

import re

from flowengine.sandbox.agent.reading import sentences

__all__ = ["ASKS", "QUIET", "answer_in", "question_for", "read_back", "reported", "reworded"]

ASKS = re.compile(r"\b(?:ask\w*|find out|collect|request|need|get|obtain|missing)\b", re.I)
QUIET = re.compile(
    r"\b(?:(?:say|speak) nothing|(?:stay|remain|be|keep) (?:silent|quiet)|(?:do not|don't) (?:say|speak|reply))\b", re.I
)
_LEAD_IN = re.compile(
    r"^(?:(?:um|uh|er|well|sure|okay|ok|hi|hello|oh|so)\b[,.]?\s*)*"
    r"(?:(?:my (?:name|number|phone number|callback number) is|(?:the|that) (?:name|number) is|it is|it's|its|this is"
    r"|that's|i am|i'm|you can (?:call|reach) me (?:at|on)|call me (?:at|on)?|that would be|because)\b[,:]?\s+)?"
    r"(?:about\s+)?",
    re.I,
)


def answer_in(text: str) -> str:
    """The answer in a turn: the caller's words without "my name is", "it's" and the like, and without the last dot."""
    bare = _LEAD_IN.sub("", text.strip()).strip(" .,;!?")
    return bare or text.strip(" .,;!?")


def question_for(name: str) -> str:
    """One natural question for a field."""
    words = name.replace("_", " ")
    for sign, question in (
        ("name", "May I have your name, please?"),
        ("number", "What number can we reach you on?"),
        ("phone", "What number can we reach you on?"),
        ("before", "Have you been here before?"),
        ("reason", "What is the call about?"),
        ("time", "What time of day suits you?"),
        ("day", "Which day would you like?"),
        ("date", "Which date is that?"),
    ):
        if sign in words.split():
            return question
    return f"Could you tell me your {words}?"


_QUOTED = re.compile(r"[\"\u201c]([^\"\u201d]{3,})[\"\u201d]|(?<!\w)'([^']{3,})'(?!\w)")
_TOLD = re.compile(
    r"\b(?:tell (?:the caller|them|her|him)|let (?:the caller|them|her|him) know|say|explain)(?: that)?[:,]?\s+(.+)",
    re.I | re.S,
)
_OUTCOMES = (
    (r"nobody (?:answered|picked)|no one (?:answered|picked)|no answer|didn't (?:answer|pick)|not pick",
     "I'm sorry, nobody answered just now. Can I help you myself or take a message?"),
    (r"still there|gone quiet|been quiet|has not spoken|said nothing", "Are you still there? How can I help?"),
    (r"make out|did not (?:catch|understand)|say it again",
     "I'm sorry, I didn't catch that. Could you say it again, please?"),
    (r"\bgreet|welcome the caller", "Hello, and welcome. How can I help?"),
)  # fmt: skip


def reworded(instructions: str) -> str:
    """What she says when told what to say: the essence in other words."""
    if QUIET.search(instructions):
        return ""
    quoted = _QUOTED.search(instructions)
    if quoted:
        return f"Just so you know: {_lowered(quoted[1] or quoted[2])}. Is there anything else?"
    for pattern, answer in _OUTCOMES:
        if re.search(pattern, instructions, re.I):
            return answer
    if told := _TOLD.search(instructions):
        return f"I wanted to let you know: {_lowered(sentences(told[1])[0])}."
    return "How can I help you now?"


def _lowered(text: str) -> str:
    text = text.strip().rstrip(".!?")
    plain = re.match(r"(?:The|We|We're|A|An|It|Nobody|No|They|You|Your|There|Please|Our|All|Both|That|This)\b", text)
    return text[:1].lower() + text[1:] if plain else text


_READ_BACK = re.compile(r"\bread (?:this|it|them) back\b.*?:\s+((?:[a-z ]+: .+?(?:; |$))+)$", re.I | re.S)


def read_back(instructions: str) -> dict[str, str]:
    """What she is told to read back, by field; empty when the instruction is another."""
    found = _READ_BACK.search(instructions)
    parts = (part.partition(": ") for part in found[1].split("; ")) if found else ()
    return {name.strip().replace(" ", "_"): value.strip() for name, _, value in parts if value.strip()}


_PERSONS = {"i'm": "they are", "i've": "they have", "i'd": "they would", "i'll": "they will", "i": "they", "am": "are",
            "my": "their", "me": "them", "mine": "theirs", "myself": "themselves", "you": "you"}  # fmt: skip


def reported(text: str) -> str:
    """A turn in one sentence about the caller."""
    words = re.sub(r"[A-Za-z']+", lambda m: _PERSONS.get(m[0].casefold(), m[0]), text).strip()
    verb = "asks:" if words.endswith("?") else "says"
    return f"Caller {verb} {words.rstrip('.!?')}{'?' if words.endswith('?') else '.'}"
