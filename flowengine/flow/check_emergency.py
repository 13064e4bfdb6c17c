"""Checks of emergencies: they come first, the caller hears 911, and their list does not end at a machine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from flowengine.flow.check_places import spoken
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.list_ends import ListEnds
from flowengine.flow.model import Flow, HangUpStep, Path, VoicemailStep

LINE_911 = "If this is life-threatening, hang up and dial 911. I'm getting someone for you now."


def emergency_first(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """Nothing comes before an emergency."""
    ordinary = ""
    for path, rule in doc.each("when_to_transfer", "*"):
        if rule.get("emergency") is not True:
            ordinary = ordinary or str(rule.get("rule"))
        elif ordinary:
            yield doc.diagnose(
                (*path, "emergency"),
                "emergency-not-first",
                f"an emergency stands below the rule {ordinary!r}",
                "move emergencies to the top of the list",
            )


def emergency_says_911(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """The caller is told to dial 911, in every language."""
    for path, rule in doc.each("when_to_transfer", "*"):
        if rule.get("emergency") is not True or rule.get("say", "") is None:
            continue
        wordings = [text for _, text in spoken(doc, ((*path, "say"),))]  # type: ignore[arg-type]
        if not (wordings and all("911" in text for text in wordings)):
            yield doc.diagnose(
                (*path, "say") if "say" in rule else (*path, "emergency"),
                "emergency-without-911",
                "an emergency rule tells the caller to dial 911",
                f"say: {LINE_911}",
            )


def emergency_ends_with_people(flow: Flow, doc: Document) -> Iterator[Diagnostic]:
    """The last step of an emergency is no recording that somebody may hear tomorrow, and no hanging up."""
    ends = ListEnds(flow)
    told: set[Path] = set()
    for i, rule in enumerate(flow.rules):
        for step, path in ends.of_rule(rule, ("when_to_transfer", i)) if rule.emergency else ():
            if isinstance(step, VoicemailStep | HangUpStep) and path not in told:
                told.add(path)
                what = "voicemail" if isinstance(step, VoicemailStep) else "hang_up"
                said = f"a caller of the emergency rule {rule.key!r} whom nobody takes ends here, in {what}"
                yield doc.diagnose(
                    path, "emergency-ends-alone", said, "end the list with callback or take_message", key=False
                )
