"""Checks of `alert_when`: a limit that no figure can ever pass would look like watching and be none."""

from __future__ import annotations

from collections.abc import Iterator

from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document
from flowengine.flow.figures import FIGURES
from flowengine.flow.model import Flow, Method

# what is only known while the engine stays on the line (docs/figures.md)
_NEEDS_US = ("time_to_answer", "time_to_context", "repeat_rate", "handle_time", "transfer_precision", "cut_off")


def alert_never(flow: Flow, doc: Document) -> Iterator[Diagnostic]:
    """Every limit can be passed by calls of this flow."""
    for name, limit in flow.alert_when.items():
        if why := _never(flow, name, limit):
            said, help = why
            yield doc.diagnose(("alert_when", name), "alert-never", said, help, severity="warning")


def _never(flow: Flow, name: str, limit: float) -> tuple[str, str] | None:
    figure = FIGURES[name]
    methods = {department.transfer.method for department in flow.departments.values()}
    if name in _NEEDS_US and Method.CONFERENCE not in methods:
        said = f"{name} is never known here: no department stays on the line (method: conference)"
        return said, "leave it out, or hand callers over by  method: conference"
    if figure.kind == "percent" and limit == (100 if figure.alert == "above" else 0):
        return f"no share can be {figure.alert} {limit:.0f}%", "write the limit from which you want to know"
    if name == "attempts" and limit >= flow.most_phones_rung:
        said = f"no call rings more than {flow.most_phones_rung} phones"
        return said, f"write a number below {flow.most_phones_rung}, or raise  transfer: most_phones_rung"
    return None
