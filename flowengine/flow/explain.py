"""A flow in plain sentences, as one would brief a new colleague."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from flowengine.flow import explain_handoff as handoff
from flowengine.flow import explain_office as of_office
from flowengine.flow import explain_rules as of_rules
from flowengine.flow import spelling
from flowengine.flow.figures import ALERT, FIGURES
from flowengine.flow.model import Flow
from flowengine.flow.needs import private_fields
from flowengine.flow.phrasing import capital, counted, duration, listed, quoted, said, sentence
from flowengine.flow.word_lists import published

WIDTH = 88  # columns
_PLAYS = "The command `flowengine test` plays what is written down."


def explain(flow: Flow) -> str:
    """The whole office: who answers, when somebody takes over, who that is, and what happens if nobody does."""
    parts = (
        ("The office", of_office.office(flow)),
        (f"{flow.receptionist.name} answers", of_office.receptionist(flow)),
        ("When a person takes over", of_rules.told(flow)),
        ("When the office is closed", of_office.closed(flow)),
        ("Who is rung", handoff.departments(flow)),
        ("The people", of_office.people(flow)),
        ("How the call is taken", handoff.taking(flow)),
        ("While the caller waits", handoff.waiting(flow)),
        ("When nobody takes the call", handoff.afterwards(flow)),
        ("What the person sees", handoff.card(flow)),
        ("What is kept", _privacy(flow)),
        ("Who decides", _deciding(flow)),
        ("The tests", _tests(flow)),
        ("The engine's words", _lists()),
    )
    title = f"How {flow.office.name} answers the phone"
    told = [f"{_heading(heading, '-')}\n\n{_paragraphs(sentences)}" for heading, sentences in parts]
    return "\n\n".join([_heading(title, "="), *told])


def word_lists() -> str:
    """The published lists of words, whole: what `explain words` prints."""
    return "\n\n".join(f"{_heading(capital(each.title), '-')}\n\n{_entries(each.entries)}" for each in published())


# ---- what is kept, who decides ---------------------------------------------------------------------------------------


RECORDING = {
    "none": "Calls are not recorded.",
    "with consent": (
        "A call is recorded only after the caller has said yes. Who says no, gives no clear answer, or is handed over "
        "before, is not recorded, nor is anybody while the receptionist does not work. Whoever does not want it any "
        "more says so, and it stops."
    ),
    "always": (
        "A call is recorded as soon as the caller has been told so, and not before. Nobody is kept waiting for that in "
        "an emergency, or told while the receptionist does not work: those calls are not recorded. When the caller "
        "objects, it stops."
    ),
}


def _privacy(flow: Flow) -> Iterator[str]:
    privacy = flow.privacy
    yield RECORDING[privacy.recording]
    if privacy.consent_line is not None and privacy.recording != "none":
        asked = "asked" if privacy.recording == "with consent" else "told"
        yield sentence(f"Callers are {asked}: {said(flow, privacy.consent_line)}")
    own = [f"whatever looks like {quoted(pattern)}" for pattern in privacy.redact_patterns]
    if hidden := [*privacy.redact, *own]:
        yield f"Blacked out in what is kept: {listed(hidden)}."
    yield (
        f"Transcripts are kept for {duration(privacy.keep_transcripts)}, the log of who did what for "
        f"{duration(privacy.keep_audit_log)}."
    )
    if private := [name.replace("_", " ") for name in private_fields(flow)]:
        yield f"Private: {listed(private)}."
    if flow.alert_when:
        limits = listed(
            f"{name.replace('_', ' ')} {FIGURES[name].alert} {spelling.limit(name, limit)}"
            for name, limit in flow.alert_when.items()
        )
        yield f"An alert comes when, over {ALERT}, a figure is beyond its limit: {limits}."


def _deciding(flow: Flow) -> Iterator[str]:
    name = flow.receptionist.name
    yield (
        f"{name} is an AI: it talks, and judges what a caller means. Whom to ring, whether anybody is there, which "
        "number is dialled and which lines are said as written: that the engine decides, the same way every time."
    )
    yield from of_rules.decided(flow)


def _tests(flow: Flow) -> Iterator[str]:
    if not flow.tests:
        yield "No call is written down with how it must turn out."
        return
    if len(flow.tests) == 1:
        yield f"One call is written down with how it must turn out: {quoted(flow.tests[0].name)}. {_PLAYS}"
        return
    yield (
        f"{capital(counted(len(flow.tests), 'call is', 'calls are'))} written down with how they must turn out; the "
        f"first is {quoted(flow.tests[0].name)}. {_PLAYS}"
    )


def _lists() -> Iterator[str]:
    sizes = listed(f"{each.title} ({len(each.entries)})" for each in published())
    yield f"Where the engine decides what words mean it goes by lists: {sizes}. `flowengine explain words` prints them."


# ---- on the page -----------------------------------------------------------------------------------------------------


def _heading(text: str, rule: str) -> str:
    lines = textwrap.wrap(" ".join(text.split()), WIDTH)
    return "\n".join((*lines, rule * max(map(len, lines), default=0)))


def _paragraphs(sentences: Iterable[str]) -> str:
    """A paragraph each; entries of a list stand close together."""
    text, before = "", ""
    for each in sentences:
        close = each.startswith("- ") and before.startswith("- ")
        text += ("\n" if close else "\n\n" if text else "") + _filled(each)
        before = each
    return text


def _filled(text: str) -> str:
    """Wrapped; what follows a number or a dash hangs beside it."""
    first = text.split(" ", 1)[0]
    mark = first == "-" or (first.endswith(".") and first[:-1].isdigit())
    hang = " " * (len(first) + 1) if mark else ""
    return textwrap.fill(" ".join(text.split()), WIDTH, subsequent_indent=hang, break_on_hyphens=False)


def _entries(entries: tuple[str, ...]) -> str:
    """Words one behind the other; forms and phrases a line each."""
    if any(" " in entry for entry in entries):
        filled = (textwrap.fill(entry, WIDTH, subsequent_indent="  ", break_on_hyphens=False) for entry in entries)
        return "\n".join(filled)
    return textwrap.fill(", ".join(entries), WIDTH)
