"""Texts as every database takes them, and moments as every query compares them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime


def clean(text: str) -> str:
    """No NUL, no lone surrogate: both can come out of a peer's JSON."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def to_json(value: Mapping[str, object] | Sequence[object]) -> str:
    return clean(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def moment(text: str) -> str:
    """An ISO time (or date) in UTC, as our clocks write it: such texts compare like moments. Others are left alone."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
