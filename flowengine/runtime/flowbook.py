"""Which flow answers which number: the compiled files of one installation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flowengine.flow.compiler import compile_flow, fill_names, unset_names
from flowengine.flow.model import Flow


class FlowbookError(Exception):
    """The flow files cannot serve together; the message says which and why."""


class Flowbook:
    """Flows by dialled number. Raises `FlowInvalid` for a broken file, `FlowbookError` for two that clash."""

    def __init__(self, texts: Mapping[str, str], environment: Mapping[str, str] | None = None) -> None:
        self.flows: dict[str, Flow] = {}
        self._by_number: dict[str, tuple[Flow, str]] = {}
        for file, text in texts.items():
            self._add(file, text, environment)

    def _add(self, file: str, text: str, environment: Mapping[str, str] | None) -> None:
        flow = compile_flow(text, file, load=lambda name: (Path(file).parent / name).read_text("utf-8"))
        if environment is not None:
            flow, text = self._filled(flow, file, text, environment)
        if flow.key in self.flows:
            raise FlowbookError(f"{file}: the flow {flow.key!r} is already in {self.flows[flow.key].file}")
        for number in flow.office.phone_numbers:
            if number in self._by_number:
                raise FlowbookError(f"{file}: {number} already belongs to {self._by_number[number][0].file}")
            self._by_number[number] = (flow, text)
        self.flows[flow.key] = flow

    def _filled(self, flow: Flow, file: str, text: str, environment: Mapping[str, str]) -> tuple[Flow, str]:
        """`${NAME}` from the environment; running calls are revived from the filled text."""
        if unset := unset_names(flow, environment):
            raise FlowbookError(f"{file}: not set in the environment: {', '.join(unset)}")
        filled = fill_names(text, flow.key, environment)
        return compile_flow(filled, file, load=lambda name: (Path(file).parent / name).read_text("utf-8")), filled

    def by_number(self, number: str) -> tuple[Flow, str] | None:
        return self._by_number.get(number)


def read_flows(where: str) -> dict[str, str]:
    """File name → text of one file or of every `.yaml` in a folder. Raises `FlowbookError`."""
    path = Path(where)
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    if not files:
        raise FlowbookError(f"no .yaml file in {where}")
    try:
        return {str(file): file.read_text("utf-8") for file in files}
    except (OSError, UnicodeDecodeError) as mistake:
        raise FlowbookError(f"cannot read {where}: {mistake}") from mistake
