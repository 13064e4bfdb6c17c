"""How long `validate` takes: offices of 1,000 to 40,000 values, and hostile files.

    python benchmarks/bench_validate.py

A value is what YAML calls a node: each text, list and group of the file. Best of three runs, processor seconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from flowengine.flow.compiler import check_flow
from flowengine.flow.diagnostics import Diagnostic, FlowInvalid
from flowengine.flow.source import decode, parse
from tests.flow.bombs import BOMBS

SIZES = (1_000, 2_000, 5_000, 10_000, 20_000, 40_000)
GOAL = 1.0  # seconds for 10,000 values, about
QUICK = 0.2  # seconds in which a hostile file is refused
_HEAD = """\
flow: big
office:
  name: Big Office
  timezone: America/Chicago
  phone_numbers: [+1 312-555-0100]
hours:
  mon-fri: 8am - 12pm and 1pm - 5pm
  sat-sun: closed
receptionist:
  name: Ava
"""


def office(departments: int) -> str:
    """An office of so many people, departments and rules, about 18 values a department."""
    count = range(departments)
    people = "".join(f"  p{i}: {{name: Person {i}, phone: +1 312-555-01{i % 99 + 1:02}}}\n" for i in count)
    desks = "".join(
        f"  d{i}:\n    say_as: desk {i}\n    people: [p{i}, p{(i + 1) % departments}]\n"
        "    if_no_one_answers: [take_message]\n"
        for i in count
    )
    rules = "".join(f"  - rule: r{i}\n    topic: [subject{i}, matter{i}]\n    to: d{i}\n" for i in count)
    return f"{_HEAD}people:\n{people}departments:\n{desks}when_to_transfer:\n{rules}"


def seconds(work: Callable[[], object]) -> float:
    def once() -> float:
        began = time.process_time()
        work()
        return time.process_time() - began

    return min(once() for _ in range(3))


def found_in(data: bytes) -> list[Diagnostic]:
    try:
        return check_flow(decode(data, "bomb.yaml"), "bomb.yaml")[1]
    except FlowInvalid as refused:
        return list(refused.diagnostics)


def measure(departments: int, unit: float) -> tuple[int, float, float]:
    """Values, seconds and microseconds a value; `unit` is the first row's, that later ones are compared with."""
    text = office(departments)
    document, _ = parse(text, "big.yaml")
    values = len(document.values) if document else 0
    took = seconds(lambda: check_flow(text, "big.yaml"))
    each = took / values * 1e6
    print(f"{values:>8,} {2 * departments:>22,} {took:>9.3f} {each:>12.1f} {each / (unit or each):>8.2f}")
    return values, took, each


def main() -> None:
    print("  values  departments and rules   seconds  us per value    ratio")
    unit = 0.0
    for size in SIZES:
        _, took, each = measure(size // 16, unit)
        unit = unit or each
        if size == 10_000:
            print(f"{'':>8} goal: about {GOAL} s; {'held' if took <= GOAL * 1.2 else 'MISSED'}")
    slow = {name: took for name, (data, _) in BOMBS.items() if (took := seconds(lambda: found_in(data))) > QUICK}  # noqa: B023
    print(f"{len(BOMBS)} hostile files, each with one finding: {len(BOMBS) - len(slow)} in under {QUICK} s")
    for name, took in slow.items():
        print(f"  {name}: {took:.2f} s")


if __name__ == "__main__":
    main()
