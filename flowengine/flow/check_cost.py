"""What a flow makes dearer: said once, so that nobody finds it on a bill."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document


def second_transcript(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """`confidence_below` needs a transcript of its own beside the receptionist (language.md section 4)."""
    for path, percent in doc.each("when_to_transfer", "*", "confidence_below"):
        if percent is not None:
            yield doc.diagnose(
                path,
                "second-transcript",
                "this costs extra: a second transcript listens to the caller while the receptionist talks",
                "it is billed by the hour like the transcript after a hand-off; without this rule it is not opened",
                severity="info",
            )
            return
