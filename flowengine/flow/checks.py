"""What a schema cannot say: one generator a rule of the language, listed here.

CHECKS look at the document as read, where broken pieces are None, so that one mistake never hides another. MEANING
looks at the finished flow, WITH_FILES into the files it names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from flowengine.flow import check_alerts as alerts
from flowengine.flow import check_cost as cost
from flowengine.flow import check_emergency as emergency
from flowengine.flow import check_hours as hours
from flowengine.flow import check_lists as lists
from flowengine.flow import check_music as music
from flowengine.flow import check_names as names
from flowengine.flow import check_order as order
from flowengine.flow import check_patterns as patterns
from flowengine.flow import check_phones as phones
from flowengine.flow import check_private as private
from flowengine.flow import check_reach as reach
from flowengine.flow import check_secrets as secrets
from flowengine.flow import check_spoken as spoken
from flowengine.flow import check_tests as tests
from flowengine.flow import check_transfer as transfer
from flowengine.flow import check_unused as unused
from flowengine.flow import check_ways as ways
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.model import Flow

Check = Callable[[Document, date | None], Iterator[Diagnostic]]
Meaning = Callable[[Flow, Document], Iterator[Diagnostic]]
WithFiles = Callable[[Document, music.ReadBytes], Iterator[Diagnostic]]

CHECKS: tuple[Check, ...] = (
    names.known_department,
    names.known_person,
    names.known_field,
    names.known_placeholder,
    names.known_language,
    names.known_condition_values,
    tests.known_number,
    names.said_once,
    names.reserved_name,
    emergency.emergency_first,
    emergency.emergency_says_911,
    hours.weekdays_stated,
    hours.known_timezone,
    hours.date_past,
    phones.rings_itself,
    phones.number_twice,
    phones.unassigned_phone,
    lists.fallback_cycle,
    lists.step_after_end,
    spoken.swallowed_speech,
    spoken.line_too_long,
    spoken.disclosed,
    private.consent_line,
    private.consent_asked,
    private.clinical_answer,
    secrets.inline_secret,
    patterns.own_patterns,
    unused.known_voice,
    cost.second_transcript,
    music.music_address,
)

MEANING: tuple[Meaning, ...] = (
    transfer.refer_needs_sip,
    ways.words_in_vain,
    ways.extensions,
    ways.keys_unheard,
    transfer.card_before_release,
    transfer.reason_for_no_key,
    transfer.ring_possible,
    transfer.wait_covers_ringing,
    emergency.emergency_ends_with_people,
    phones.rings_the_caller,
    hours.exception_changes_nothing,
    reach.way_out,
    order.never_reached,
    order.counts_in_vain,
    spoken.briefing_too_long,
    private.details_in_text_message,
    alerts.alert_never,
    tests.possible_tests,
    unused.unused,
    unused.untested,
)

WITH_FILES: tuple[WithFiles, ...] = (music.music_file,)
