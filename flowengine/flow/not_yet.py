"""Words of the language that the runtime does not act on yet: said by `validate`, never silently ignored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document

Pattern = tuple[str | int, ...]

# where the word stands · the values that do work · what does not
NOT_YET: tuple[tuple[Pattern, tuple[Any, ...], str], ...] = (
    (("take_message", "send_to", "*"), ("staff screen",), "sending messages elsewhere than to the staff screen"),
    (("callback", "send_to", "*"), ("staff screen",), "sending callbacks elsewhere than to the staff screen"),
    (("voicemail", "send_to", "*"), ("staff screen",), "sending recordings elsewhere than to the staff screen"),
    (("handoff_card", "show_on", "*"), ("staff screen",), "showing the card elsewhere than on the staff screen"),
    (("privacy", "recording"), ("none",), "recording"),
    (("privacy", "redact"), (), "blacking out in transcripts"),
    (("privacy", "keep_transcripts"), (), "deleting transcripts after a time"),
    (("privacy", "keep_audit_log"), (), "deleting the audit log after a time"),
    (("alert_when",), (), "alarms"),
    (("tools", "*", "calls"), (), "tools that call a web address"),
)


def not_yet(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """A warning for each word that is understood but changes nothing yet."""
    for pattern, works, what in NOT_YET:
        for path, value in doc.each(*pattern):
            if value not in works:
                yield doc.diagnose(
                    path,
                    "not-yet",
                    f"this has no effect yet: {what}",
                    key=isinstance(value, dict | list),
                    severity="warning",
                )
