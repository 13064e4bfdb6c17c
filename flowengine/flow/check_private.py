"""Checks of privacy and care: who is recorded knows it, and what is about health stays with people and out of texts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from functools import cache

from flowengine.flow.check_places import spoken
from flowengine.flow.consent_words import understands
from flowengine.flow.data_lists import entries
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.fill import names_in
from flowengine.flow.model import CallerSays, CallerWants, Delivery, Flow, Path, Topic
from flowengine.flow.needs import private_fields
from flowengine.flow.phrases import stems_of

_CONDITIONS = ("topic", "caller_wants")
_NOT = "not "  # begins an entry of the list that looks clinical and is not


def consent_line(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """Whoever records says so first."""
    kept = doc.get("privacy", "recording")
    if kept in ("with consent", "always") and "consent_line" not in doc.get("privacy"):
        said = f"recording: {kept}  needs a sentence that tells callers so"
        asks = "May we record this call?" if kept == "with consent" else "This call is recorded."
        yield doc.diagnose(("privacy", "recording"), "consent-line-missing", said, f"consent_line: {asks}")


def consent_asked(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """Who may be recorded only with consent is asked for it, in a language in which the answer is understood."""
    if doc.get("privacy", "recording") != "with consent":
        return
    for path, text in spoken(doc, (("privacy", "consent_line"),)):
        if not _asks(text):
            said = "callers are not asked by this line, and without a yes nobody is recorded"
            yield doc.diagnose(
                path, "consent-not-asked", said, "end it with a question: May we record this call?", severity="warning"
            )
    language = doc.get("receptionist", "languages", 0)
    if isinstance(language, str) and not understands(language):
        said = f"an answer in {language} is not understood, so nobody who calls in it is recorded"
        help = "the languages in which a yes is understood are listed in consent_words.txt"
        yield doc.diagnose(("receptionist", "languages", 0), "consent-not-understood", said, help, severity="warning")


def _asks(text: str) -> bool:
    """Whether a line closes with a question: in any script, and before closing quotes."""
    return text.rstrip(" \"'”’»").endswith(("?", "？", "؟"))  # noqa: RUF001


# ---- clinical matters ----------------------------------------------------------------------------------------------


def clinical_answer(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """A rule about pain, medication and the like keeps the receptionist from answering; she is not said to help."""
    for path, rule in doc.each("when_to_transfer", "*"):
        if rule.get("emergency") is True or rule.get("receptionist_may_answer", True) is not True:
            continue
        found = next((f for word in _CONDITIONS for f in _clinical_entries(doc, (*path, word, "*"))), None)
        if found is not None:
            where, text = found
            said = f"{text!r} is a clinical matter, and this rule lets the receptionist answer it"
            help = "add  receptionist_may_answer: false  to the rule; the engine then sees to it"
            yield doc.diagnose(where, "clinical-answer", said, help, severity="warning")
    for where, text in _clinical_entries(doc, ("receptionist", "may_help_with", "*")):
        said = f"{text!r} is a clinical matter, which the receptionist should leave to people"
        help = "leave it out here and make it the topic of a rule with  receptionist_may_answer: false"
        yield doc.diagnose(where, "clinical-answer", said, help, severity="warning")


def _clinical_entries(doc: Document, place: Sequence[str | int]) -> Iterator[tuple[Path, str]]:
    return ((path, text) for path, text in doc.each(*place) if isinstance(text, str) and is_clinical(text))


def is_clinical(text: str) -> bool:
    """Whether a phrase speaks of symptoms, treatment or medication: by `data/clinical_words.txt`."""
    clinical, innocent = _lists()
    found = _parts(text)
    return not clinical.isdisjoint(found) and innocent.isdisjoint(found)


@cache
def _lists() -> tuple[frozenset[tuple[str, ...]], frozenset[tuple[str, ...]]]:
    every = entries("clinical_words")
    innocent = frozenset(stems_of(entry.removeprefix(_NOT)) for entry in every if entry.startswith(_NOT))
    return frozenset(stems_of(entry) for entry in every if not entry.startswith(_NOT)), innocent


def _parts(text: str) -> frozenset[tuple[str, ...]]:
    """Every run of up to four stems of a text."""
    said = stems_of(text)
    return frozenset(said[start : start + size] for size in range(1, 5) for start in range(len(said) - size + 1))


# ---- text messages -------------------------------------------------------------------------------------------------


def details_in_text_message(flow: Flow, doc: Document) -> Iterator[Diagnostic]:
    """A text message lies open on a phone: its link leads to no private field and, where matters of health are spoken
    of, to no reason for the call."""
    if not _text_messages((*flow.take_message.send_to, *flow.card.show_on)):
        return
    private = {*private_fields(flow), *(("reason",) if _about_health(flow) else ())}
    sent = (
        (("take_message", "send_to"), flow.take_message.send_to, flow.take_message.collect, "leave it out of collect"),
        (("handoff_card", "show_on"), flow.card.show_on, names_in(flow.card.headline), "leave it out of the headline"),
    )
    for path, deliveries, fields, help in sent:
        told = [name for name in fields if name in private]
        for i in _text_messages(deliveries) if told else ():
            said = (
                f"the link in this text message leads to {' and '.join(told)}, and whoever sees the phone can open it"
            )
            yield doc.diagnose(
                (*path, i, "sms"),
                "private-in-text-message",
                said,
                f"{help}, or send it to the staff screen",
                severity="warning",
            )


def _text_messages(deliveries: Collection[Delivery]) -> list[int]:
    return [i for i, delivery in enumerate(deliveries) if delivery.kind == "sms"]


def _about_health(flow: Flow) -> bool:
    """Whether any rule of the office speaks of clinical matters."""
    for rule in flow.rules:
        match rule.condition:
            case Topic(texts) | CallerWants(texts) | CallerSays(texts):
                if any(is_clinical(text) for text in texts):
                    return True
    return False
