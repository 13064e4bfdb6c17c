"""Answering machine detection: who answered, told in the background or before the leg's first document."""

from __future__ import annotations

import asyncio

from flowengine.sandbox.carrier.leg import Leg

__all__ = ["detect", "tell_verdict"]

_HUMAN, _MACHINE, _GREETING_OVER = 2.6, 3.4, 6.0  # seconds until the verdict (twilio.md 1.6: speech and 1.2 s)


async def detect(leg: Leg, mode: str) -> tuple[str, int]:
    """`AnsweredBy` and how long it took, in ms. `mode` is Enable or DetectMessageEnd."""
    machine = leg.party.pickup.machine
    to_end = machine and mode == "DetectMessageEnd"
    seconds = _GREETING_OVER if to_end else _MACHINE if machine else _HUMAN
    await asyncio.sleep(seconds)
    by = "machine_end_beep" if to_end else "machine_start" if machine else "human"
    leg.record.answered_by = by
    return by, round(seconds * 1000)


async def tell_verdict(leg: Leg, mode: str, url: str, method: str) -> None:
    """Asynchronous detection; a leg that is over by then is not told about."""
    by, took = await detect(leg, mode)
    if leg.record.over:
        return
    pairs = [
        ("AccountSid", leg.exchange.account_sid),
        ("CallSid", leg.sid),
        ("AnsweredBy", by),
        ("MachineDetectionDuration", str(took)),
    ]
    leg.exchange.callbacks.send(f"{leg.sid} amd", method, url, pairs, leg.sid)
