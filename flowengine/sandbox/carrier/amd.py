"""Answering machine detection: who answered, told in the background or before the leg's first document."""

from __future__ import annotations

import asyncio

from flowengine.sandbox.carrier.leg import Leg
from flowengine.sandbox.carrier.party import Pickup

__all__ = ["detect", "tell_verdict"]

_HUMAN, _MACHINE = 2.6, 3.4  # seconds until the verdict (twilio.md 1.6: speech and 1.2 s)
_WITHIN = 30.0  # seconds detection takes at most, unless the order says otherwise


async def detect(leg: Leg, mode: str, within: float = _WITHIN) -> tuple[str, int]:
    """`AnsweredBy` and how long it took, in ms. `mode` is Enable or DetectMessageEnd; undecided `within` seconds of the
    answer it is `unknown`.
    """
    by, seconds = _verdict(leg.party.pickup, mode)
    if seconds > within:
        by, seconds = "unknown", within
    await asyncio.sleep(seconds)
    leg.record.answered_by = by
    return by, round(seconds * 1000)


def _verdict(pickup: Pickup, mode: str) -> tuple[str, float]:
    """What is found out, and how many seconds after the answer. The beep ends a machine's greeting."""
    if not pickup.machine:
        return "human", _HUMAN
    if mode == "DetectMessageEnd":
        return "machine_end_beep", max(_MACHINE, pickup.greets_for)
    return "machine_start", _MACHINE


async def tell_verdict(leg: Leg, mode: str, url: str, method: str, within: float = _WITHIN) -> None:
    """Asynchronous detection; a leg that is over by then is not told about."""
    by, took = await detect(leg, mode, within)
    if leg.record.over:
        return
    pairs = [
        ("AccountSid", leg.exchange.account_sid),
        ("CallSid", leg.sid),
        ("AnsweredBy", by),
        ("MachineDetectionDuration", str(took)),
    ]
    leg.exchange.callbacks.send(f"{leg.sid} amd", method, url, pairs, leg.sid)
