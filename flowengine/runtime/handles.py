"""File handles: how many calls and live pages at once there are enough of them for (reliability.md F34, F40)."""

from __future__ import annotations

from contextlib import suppress

MOST_CALLS = 2000
A_CALL = 6  # the caller's socket, the receptionist's, two transcripts, and what comes and goes
KEPT = 64  # for the database, requests and orders
PLENTY = 2**16  # enough for anything one process does


def most_calls(handles: int | None = None) -> int:
    """Calls at once, so that the process never runs out of file handles; `handles` is how many it may have."""
    handles = _handles() if handles is None else handles
    return max(1, min(MOST_CALLS, (handles - KEPT - most_pages(handles)) // A_CALL))


def most_pages(handles: int | None = None) -> int:
    """Live pages at once: no number of tabs takes a call's handles."""
    handles = _handles() if handles is None else handles
    return max(1, (handles - KEPT) // 4)


def ask_for_handles() -> None:
    """As many as this process may have: what it gets unasked is meant for programs that open a few files."""
    try:
        import resource
    except ImportError:  # a system without such limits
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = PLENTY if hard == resource.RLIM_INFINITY else min(PLENTY, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _handles() -> int:
    try:
        import resource
    except ImportError:
        return PLENTY
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else PLENTY
