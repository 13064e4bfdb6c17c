"""A small office that tests change one thing of at a time."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from flowengine.flow.codes import small_office
from flowengine.flow.compiler import check_flow, compile_flow
from flowengine.flow.diagnostics import Diagnostic, render_full
from flowengine.flow.model import Flow

HERE = Path(__file__).parent
FLOWS = HERE.parent.parent / "flows"
CHICAGO = ZoneInfo("America/Chicago")

# the office of the catalogue's examples, without the end its only list comes to
SMALL = small_office().replace("    if_no_one_answers: take_message\n", "")


def small(*changes: tuple[str, str], add: str = "") -> Flow:
    """The small office with pieces of its text replaced, and more added at the end."""
    return compile_flow(text(*changes, add=add), "small.yaml", load=load)


def text(*changes: tuple[str, str], add: str = "") -> str:
    changed = SMALL
    for old, new in changes:
        assert old in changed, old
        changed = changed.replace(old, new)
    return changed + add


def load(name: str) -> str:
    return (HERE / "shared" / name).read_text(encoding="utf-8")


def findings(source: str, file: str = "small.yaml") -> list[Diagnostic]:
    return check_flow(source, file, load=load)[1]


def codes(source: str) -> list[str]:
    return [d.code for d in findings(source)]


def printed(found: list[Diagnostic]) -> str:
    return "\n\n".join(render_full(d) for d in found) + "\n"


def dental() -> Flow:
    return compile_flow((FLOWS / "dental_office.yaml").read_text(encoding="utf-8"), "dental_office.yaml")


def billing() -> Flow:
    return compile_flow((FLOWS / "billing_support.yaml").read_text(encoding="utf-8"), "billing_support.yaml")


def at(month: int, day: int, hour: int, minute: int = 0, year: int = 2026) -> datetime:
    """A moment in Chicago; 10 November 2026 is a Tuesday."""
    return datetime(year, month, day, hour, minute, tzinfo=CHICAGO)
