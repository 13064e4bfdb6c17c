"""What a schema cannot say: one generator a rule of the language, listed here.

CHECKS look at the document as read, where broken pieces are None, so that one mistake never hides another. MEANING
looks at the finished flow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from flowengine.flow import check_names as names
from flowengine.flow import check_sense as sense
from flowengine.flow import check_transfer as transfer
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.model import Flow
from flowengine.flow.not_yet import not_yet

Check = Callable[[Document, date | None], Iterator[Diagnostic]]
Meaning = Callable[[Flow, Document], Iterator[Diagnostic]]

CHECKS: tuple[Check, ...] = (
    names.known_department,
    names.known_person,
    names.known_field,
    names.known_placeholder,
    names.known_language,
    names.known_condition_values,
    names.said_once,
    names.reserved_name,
    sense.emergency_first,
    sense.weekdays_stated,
    sense.known_timezone,
    sense.rings_itself,
    sense.unassigned_phone,
    sense.exception_past,
    sense.fallback_cycle,
    sense.swallowed_speech,
    not_yet,
)

MEANING: tuple[Meaning, ...] = (
    transfer.refer_needs_sip,
    transfer.reason_for_no_key,
    transfer.ring_possible,
    transfer.wait_covers_ringing,
)
