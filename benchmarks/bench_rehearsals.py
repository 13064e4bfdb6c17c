"""How long 200 of a flow's own tests take, from file to verdict, as `flowengine test` runs them."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

from flowengine.call.expecting import missed
from flowengine.call.rehearsal import rehearse
from flowengine.call.routes import matrix
from flowengine.flow.compiler import compile_flow

FLOWS = Path(__file__).parents[1] / "flows"
TESTS = 200


def main() -> None:
    """Print seconds for reading the flow, for 200 tests of it, and for the whole route matrix."""
    for file in sorted(FLOWS.glob("*.yaml")):
        begin = time.perf_counter()
        flow = compile_flow(file.read_text("utf-8"), str(file))
        read = time.perf_counter()
        tests = [replace(test, name=f"{test.name} {i}") for i, test in enumerate(islice(cycle(flow.tests), TESTS))]
        failed = sum(bool(missed(flow, test.expect, rehearse(flow, test))) for test in tests)
        tested = time.perf_counter()
        lines = len(list(matrix(flow)))
        routed = time.perf_counter()
        print(
            f"{file.name}: compiled in {read - begin:.2f} s, {TESTS} tests in {tested - read:.2f} s ({failed} failed), "
            f"route matrix of {lines} lines in {routed - tested:.2f} s"
        )


if __name__ == "__main__":
    main()
