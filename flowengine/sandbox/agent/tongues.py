"""The languages the emulated receptionist knows a little of: enough to notice one, and to ask in it."""

from __future__ import annotations

import re

__all__ = ["spoken_in", "told_to_speak", "worded"]

_SOUNDS: dict[str, re.Pattern[str]] = {
    "English": re.compile(r"\b(?:the|please|hello|english|you|my|and|is)\b", re.I),
    "Spanish": re.compile(
        r"\b(?:espa\u00f1ol|hola|buenas|buenos|gracias|por favor|quiero|necesito|una|mi|hablar)\b", re.I
    ),
}
_SPEAK = re.compile(r"^Speak (\w+)\.", re.M)
_SPANISH = {
    "May I have your name, please?": "\u00bfMe puede decir su nombre, por favor?",
    "What number can we reach you on?": "\u00bfA qu\u00e9 n\u00famero podemos llamarle?",
    "What is the call about?": "\u00bfDe qu\u00e9 se trata?",
    "Are you still there? How can I help?": "\u00bfSigue ah\u00ed? \u00bfEn qu\u00e9 puedo ayudarle?",
    "How can I help you now?": "\u00bfEn qu\u00e9 puedo ayudarle?",
}


def told_to_speak(prompt: str) -> str:
    """The language she is to speak."""
    told = _SPEAK.search(prompt)
    return told[1] if told else "English"


def spoken_in(text: str, languages: tuple[str, ...]) -> str | None:
    """Which of the languages a turn is in; None when she cannot tell."""
    found = {name: len(_SOUNDS[name].findall(text)) for name in languages if name in _SOUNDS}
    best = max(found, key=lambda name: found[name], default=None)
    return best if best and found[best] >= 2 else None


def worded(sentence: str, language: str) -> str:
    """One of her sentences in a language, in English when she does not know better."""
    return _SPANISH.get(sentence, "\u00bfEn qu\u00e9 puedo ayudarle?") if language == "Spanish" else sentence
