"""How many calls one process may take, and what a caller gets whom it cannot take: a person, if one is at work."""

from __future__ import annotations

from datetime import datetime

from flowengine.call.commands import DialNumber, Document, HangUp
from flowengine.flow.hours import office_open
from flowengine.flow.model import Flow
from flowengine.flow.routing import ringable

TOO_MANY = "We are sorry. All our lines are busy right now. Please call again in a few minutes. Goodbye."
MOST_CALLS = 2000
HANDLES_A_CALL = 6  # the caller's socket, the receptionist's, two transcripts, and what comes and goes
HANDLES_KEPT = 64  # for the database, pages, requests and orders


def most_calls(handles: int | None = None) -> int:
    """Calls at once, so that the process never runs out of file handles; `handles` is how many it may have."""
    handles = handles if handles is not None else _handles()
    return max(1, min(MOST_CALLS, (handles - HANDLES_KEPT) // HANDLES_A_CALL))


def _handles() -> int:
    try:
        import resource
    except ImportError:  # a system without such limits
        return MOST_CALLS * HANDLES_A_CALL + HANDLES_KEPT
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else MOST_CALLS * HANDLES_A_CALL + HANDLES_KEPT


def straight_to_a_person(flow: Flow, call_id: str, caller: str, dialled: str, at: datetime) -> Document:
    """The first who is at work, dialled without a word of ours (reliability.md F40); never the caller's own number or
    the office's, which would be a loop. Nobody on call at night is woken for it."""
    forbidden = {caller, dialled, *flow.office.phone_numbers}
    for key, department in flow.departments.items() if office_open(flow, at) else ():
        phones = (phone for person in ringable(flow, key, at) for phone in flow.people[person].phones)
        if phone := next((phone for phone in phones if phone not in forbidden), None):
            return DialNumber(phone, department.transfer.ring_for, dialled, f"{call_id}-staff-1")
    return HangUp(TOO_MANY)
