"""Checks of what is spoken: short enough to listen to, whole, and honest about who is speaking."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date

from flowengine.flow.abilities import briefing_for
from flowengine.flow.check_places import GREETING_PLACES, SPOKEN_PLACES, spoken
from flowengine.flow.data_lists import pairs
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.model import Briefing, Flow, Path
from flowengine.flow.words import normalise, stands

WORDS_A_SECOND = 2.6  # of a calm voice on the telephone
LONGEST_LINE = 12  # whole seconds a caller listens before wanting to speak
LONGEST_BRIEFING = 6  # whole seconds a person with a ringing phone in hand listens
WORDS_OF_A_NAME, WORDS_OF_A_REASON = 2, 8  # what is usual
_FILLED = {
    "next_opening": 4,
    "callback_time": 4,
    "department": 3,
    "waited": 3,
    "not_answered": 2,
    "reason": WORDS_OF_A_REASON,
}
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def line_too_long(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """A sentence as written is not broken off for a caller who knows enough, so it is short."""
    names = {
        "office": len(str(doc.get("office", "name") or "").split()),
        "receptionist": len(str(doc.get("receptionist", "name") or "").split()),
    }
    for path, text in spoken(doc, (*SPOKEN_PLACES, *GREETING_PLACES)):
        seconds = round(_words(text, names) / WORDS_A_SECOND)
        if seconds > LONGEST_LINE:
            most = int(LONGEST_LINE * WORDS_A_SECOND)
            said = f"saying this takes about {seconds} s; callers listen for about {LONGEST_LINE} s"
            help = f"say it in {most} words or fewer"
            yield doc.diagnose(path, "line-too-long", said, help, severity="warning")


def _words(text: str, names: Mapping[str, int]) -> int:
    """The words of a line once it is filled in."""
    filled = sum(names.get(name, _FILLED.get(name, WORDS_OF_A_NAME)) for name in _PLACEHOLDER.findall(text))
    return filled + len(re.findall(r"[^\W_]+(?:['\u2019.:-][^\W_]+)*", _PLACEHOLDER.sub(" ", text)))


def briefing_too_long(flow: Flow, doc: Document) -> Iterator[Diagnostic]:
    """The office's name, the caller's and the reason are heard before the key can be pressed."""
    seconds = round((len(flow.office.name.split()) + WORDS_OF_A_NAME + WORDS_OF_A_REASON) / WORDS_A_SECOND)
    spoken_by = [d for d in flow.departments.values() if briefing_for(d.transfer) is Briefing.SPOKEN]
    if seconds > LONGEST_BRIEFING and spoken_by:
        said = (
            f"this name makes the spoken briefing about {seconds} s long, "
            f"and whoever picks up can take the call only after it; {LONGEST_BRIEFING} s is enough"
        )
        help = "use a shorter name here, or  briefing: card only  in transfer"
        yield doc.diagnose(("office", "name"), "briefing-too-long", said, help, severity="warning")


# ---- who is speaking -----------------------------------------------------------------------------------------------


def disclosed(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """Callers hear at once that they talk to a machine. Languages without a list of such words are not judged."""
    known = {language: [normalise(word) for word in words.split(",")] for language, words in pairs("automated_words")}
    first = str(doc.get("receptionist", "languages", 0) or "English")
    office = str(doc.get("office", "name") or "")
    for path, text in spoken(doc, GREETING_PLACES):
        tells = known.get(str(path[2]) if len(path) > 2 else first)
        said = normalise(re.sub(rf"(?<!\w){re.escape(office)}(?!\w)", " ", text) if office else text)
        if tells and not any(stands(word, said) for word in tells):
            yield doc.diagnose(
                path,
                "not-disclosed",
                "this greeting does not tell callers that they talk to a machine",
                "name it: I'm {receptionist}, the automated receptionist.",
                severity="warning",
            )


# ---- whole ---------------------------------------------------------------------------------------------------------


SAID_IN_PASSING = (("office", "facts", "*"), ("office", "name"), ("departments", "*", "say_as"))


def swallowed_speech(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """A spoken line that stops at a ` #`: YAML takes the rest for a comment."""
    for path, text in spoken(doc, (*SPOKEN_PLACES, *GREETING_PLACES, *SAID_IN_PASSING)):
        rest = _rest_of_line(doc, path)
        quoted = doc.source(path)[:1] in ("", '"', "'", "|", ">")
        number = re.match(r"\s+#\s?\d", rest) is not None  # "210 Oak Street #4"
        ends = path[:1] in (("office",), ("departments",)) or re.search(r"[.?!]$", text)
        if re.match(r"\s+#", rest) and not quoted and (number or not ends):
            yield doc.diagnose(
                path,
                "comment-in-speech",
                f"the caller would hear only {text[-40:]!r}: everything behind the # is a comment",
                "put the whole text in quotes",
                severity="warning",
            )


def _rest_of_line(doc: Document, path: Path) -> str:
    extent = doc.extent(path)
    lines = doc.lines.get(extent.file, [])
    return lines[extent.end_line - 1][extent.end_column - 1 :] if extent.end_line <= len(lines) else ""
