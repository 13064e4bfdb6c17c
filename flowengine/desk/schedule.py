"""When a parcel is tried again and when it is given up: pure, so that a day of failures can be read off in a test."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from flowengine.runtime.rows import Parcel
from flowengine.runtime.senders import Failed, Taken

# Eight tries in a day (reliability.md section 5). The early ones are close together: a card is of use while it rings.
PAUSES = (2.0, 20.0, 180.0, 1200.0, 7200.0, 21600.0, 54000.0)  # seconds after the first, second … try: 23.4 h in all
MOST_TRIES = len(PAUSES) + 1
JITTER = 0.2  # each pause is shorter by up to this share, so that what failed together does not come back together
DAY = timedelta(hours=24)
MOST_AFTER = 3600.0  # seconds a receiver may ask us to wait


def after_try(parcel: Parcel, result: Taken | Failed, now: datetime, chance: float) -> Parcel:
    """The parcel as it is kept after try number `parcel.tries` (from 1). `chance` is 0 to 1.

    One that was retried by hand long after it was made gets one try: a person is looking, and may press again.
    """
    if isinstance(result, Taken):
        return replace(parcel, state="sent", error="")
    if result.final:
        return replace(parcel, state="dead", error=result.why)
    pause = PAUSES[parcel.tries - 1] * (1 - JITTER * chance) if parcel.tries < MOST_TRIES else None
    due = now + timedelta(seconds=max(pause or 0.0, min(result.after, MOST_AFTER)))
    if pause is None or due > moment(parcel.made, now) + DAY:
        tries = "1 try" if parcel.tries == 1 else f"{parcel.tries} tries"
        return replace(parcel, state="dead", error=f"given up after {tries}: {result.why}")
    return replace(parcel, due=due.isoformat(), error=result.why)


def moment(text: str, otherwise: datetime) -> datetime:
    """An ISO time; one without a zone is UTC, one that is none is `otherwise`."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return otherwise
    return at if at.tzinfo else at.replace(tzinfo=UTC)
