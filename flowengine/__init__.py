"""flowengine: an office's phone, answered from one YAML file and handed over warm."""

from flowengine.call.journal import replay
from flowengine.call.machine import step
from flowengine.flow.compiler import compile_flow
from flowengine.flow.diagnostics import FlowInvalid
from flowengine.flow.model import Flow

__all__ = ["Flow", "FlowInvalid", "compile_flow", "replay", "step"]
