"""Which flow answers which number: the compiled files of one installation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import structlog

from flowengine.flow.compiler import compile_flow
from flowengine.flow.diagnostics import FlowInvalid
from flowengine.flow.model import Flow
from flowengine.flow.needs import filled, unset_names

log = structlog.get_logger("flowengine.flowbook")

SUFFIXES = (".yaml", ".yml")


class FlowbookError(Exception):
    """The flow files cannot serve together; the message says which and why."""


class Flowbook:
    """Flows by dialled number, `${NAME}` filled from the environment.

    Raises `FlowInvalid` for a broken file, `FlowbookError` for two that clash or a name that is not set.
    """

    def __init__(self, texts: Mapping[str, str], environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.flows: dict[str, Flow] = {}
        self._by_number: dict[str, tuple[Flow, str]] = {}
        self._texts: dict[str, str] = {}
        for file, text in texts.items():
            self._add(file, text)

    def _add(self, file: str, text: str) -> None:
        flow = self._compile(text, file)
        if flow.key in self.flows:
            raise FlowbookError(f"{file}: the flow {flow.key!r} is already in {self.flows[flow.key].file}")
        for number in flow.office.phone_numbers:
            if number in self._by_number:
                raise FlowbookError(f"{file}: {number} already belongs to {self._by_number[number][0].file}")
            self._by_number[number] = (flow, text)
        self.flows[flow.key], self._texts[flow.key] = flow, text

    def _compile(self, text: str, file: str) -> Flow:
        flow = compile_flow(text, file, load=lambda name: (Path(file).parent / name).read_text("utf-8"))
        if unset := unset_names(flow, self._environment):
            raise FlowbookError(f"{file}: not set in the environment: {', '.join(unset)}")
        return filled(flow, self._environment)

    def by_number(self, number: str) -> tuple[Flow, str] | None:
        """The flow that answers a dialled number (E.164), and its source text."""
        return self._by_number.get(number)

    def again(self, key: str, text: str) -> Flow:
        """The flow a call was begun with, from the text kept with it: running calls keep theirs. Where that cannot be
        had any more, because of what it shares or takes from the environment, it is the flow as it is served now.
        Raises like `Flowbook` when there is none."""
        now = self.flows.get(key)
        if now is not None and self._texts[key] == text:
            return now
        try:
            return self._compile(text, now.file if now else f"{key}.yaml")
        except (FlowInvalid, FlowbookError) as mistake:
            if now is None:
                raise
            log.error("flow_not_as_begun", flow=key, error=type(mistake).__name__)
            return now


def flow_files(where: Path) -> list[Path]:
    """The file itself, or every `.yaml` or `.yml` in a folder."""
    return sorted(file for file in where.iterdir() if file.suffix in SUFFIXES) if where.is_dir() else [where]


def read_flows(where: str) -> dict[str, str]:
    """File name → text of one file or of every `.yaml` or `.yml` in a folder. Raises `FlowbookError`."""
    try:
        files = flow_files(Path(where))
        if not files:
            raise FlowbookError(f"no .yaml file in {where}")
        return {str(file): file.read_text("utf-8") for file in files}
    except (OSError, UnicodeDecodeError) as mistake:
        why = mistake.strerror if isinstance(mistake, OSError) else "it is not UTF-8"
        raise FlowbookError(f"cannot read {where}: {why}") from mistake
