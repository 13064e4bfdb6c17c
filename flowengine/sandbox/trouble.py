"""What can be wrong with the world around a call, as a scenario writes it: `trouble`, and for the `control` run.

`lose_frame {leg, direction, saying}`, `lose_key {digit}`, `lose_callback {path, nth}`, `lose_card {}`,
`rest_silent {path, nth}` (an order is carried out and never answered), `rest_error {path, status, code, nth}`,
`refuse_refer {answer, nth}`, `receptionist_fails {after}`, `receptionist_drops {after}`.
`nth` counts from 1; `all` is each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowengine.sandbox import carrier as phone
from flowengine.sandbox.agent import DropsAfter, FailsAfter, Misbehaviour

LOSE_CARD = "lose_card"  # the office's own system refuses the card
KINDS = frozenset({
    "lose_frame", "lose_key", "lose_callback", LOSE_CARD, "rest_silent", "rest_error", "refuse_refer",
    "receptionist_fails", "receptionist_drops",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trouble:
    """Whose trouble it is."""

    carrier: tuple[phone.Fault, ...] = ()
    agent: tuple[Misbehaviour, ...] = ()
    refuses_card: bool = False


def troubles(*given: Mapping[str, Mapping[str, Any]]) -> Trouble:
    """All of them together. Raises `KeyError` or `ValueError` for one that lacks something."""
    every = [(kind, how) for kinds in given for kind, how in kinds.items()]
    made = [_made(kind, how or {}) for kind, how in every if kind != LOSE_CARD]
    return Trouble(
        tuple(t for t in made if not isinstance(t, FailsAfter | DropsAfter)),
        tuple(t for t in made if isinstance(t, FailsAfter | DropsAfter)),
        any(kind == LOSE_CARD for kind, _ in every),
    )


def _made(kind: str, how: Mapping[str, Any]) -> phone.Fault | FailsAfter | DropsAfter:
    match kind:
        case "lose_frame":
            return phone.LoseFrame(how["leg"], how["direction"], how["saying"])
        case "lose_key":
            return phone.LoseKey(how["digit"])
        case "lose_callback":
            return phone.LoseCallback(how["path"], _nth(how.get("nth", "all")))
        case "rest_silent":
            return phone.RestSilent(how["path"], _nth(how.get("nth", "1")))
        case "rest_error":
            return phone.RestAnswers(how["path"], int(how["status"]), int(how["code"]), _nth(how.get("nth", "1")))
        case "refuse_refer":
            return phone.AnswerRefer(int(how.get("answer", "405")), _nth(how.get("nth", "1")))
        case "receptionist_fails":
            return FailsAfter(_seconds(how["after"]))
        case "receptionist_drops":
            return DropsAfter(_seconds(how["after"]))
        case _:
            raise KeyError(f"no trouble {kind!r}; there are {', '.join(sorted(KINDS))}")


def _nth(text: str) -> int | None:
    return None if text == "all" else int(text)


def _seconds(text: str) -> float:
    return float(text.removesuffix("s"))
