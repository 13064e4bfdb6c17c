"""Which known name was probably meant, and when only one can be."""

from __future__ import annotations

import re
from collections.abc import Collection
from difflib import SequenceMatcher, get_close_matches

MOST_NAMES = 300  # compared to find the nearest
SURE = 0.75  # how alike two names are, from 0 to 1, for one to be meant by the other
APART = 0.1  # and by how much the next name must be less alike


def nearest(name: str, known: Collection[str]) -> str:
    """The known name that was probably meant, or ""."""
    plain = {_plain(k): k for k in list(known)[:MOST_NAMES]}
    close = get_close_matches(_plain(name), list(plain), n=1, cutoff=0.65)
    return plain[close[0]] if close else ""


def certain(name: str, known: Collection[str]) -> str:
    """The one known name that is much like this one, or "" when there is none or a second is nearly as much like it."""
    near = nearest(name, known) if len(known) <= MOST_NAMES else ""
    if not near or _alike(name, near) < SURE:
        return ""
    others = (other for other in known if other != near and abs(len(other) - len(name)) <= len(name))
    return near if all(_alike(name, other) < _alike(name, near) - APART for other in others) else ""


def _alike(a: str, b: str) -> float:
    """From 0 to 1; letters and digits count, capitals do not."""
    return SequenceMatcher(None, _plain(a), _plain(b)).ratio()


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name[:80].lower())
