"""Where a fallback list ends, at whatever hour, and where in the file that end is said."""

from __future__ import annotations

from collections.abc import Sequence

from flowengine.flow.model import Flow, Path, ReceptionistStep, Rule, Step, ToDepartment

End = tuple[Step, Path]


class ListEnds:
    """The ends of a flow's lists; each department's list is followed once, so a long chain costs its length."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._of_department: dict[str, End] = {}

    def of_rule(self, rule: Rule, path: Path) -> list[End]:
        """The ends a rule may come to: by its `to`, by its `to_when_closed`."""
        ends = [self._of_step(rule.to, (*path, "to"), rule.if_no_one_answers, path)]
        if rule.to_when_closed is not None:
            ends.append(self._of_step(rule.to_when_closed, (*path, "to_when_closed"), None, path))
        return ends

    def _of_step(self, step: Step, said: Path, own: Sequence[Step] | None, rule: Path) -> End:
        if not isinstance(step, ToDepartment):
            return step, said
        if own is None:
            return self.of_department(step.department)
        i, last = _last(own)
        return self.of_department(last.department) if isinstance(last, ToDepartment) else (last, _entry(rule, i))

    def of_department(self, department: str) -> End:
        """The end of a department's list, which may go on with another's; a circle leads to the receptionist."""
        chain: dict[str, None] = {}  # in order
        end: End | None = None
        while end is None:
            chain[department] = None
            i, last = _last(self._flow.departments[department].if_no_one_answers)
            path: Path = ("departments", department)
            if not isinstance(last, ToDepartment):
                end = last, _entry(path, i)
            elif last.department in chain:
                end = ReceptionistStep(), _entry(path, i)
            else:
                department = last.department
                end = self._of_department.get(department)
        self._of_department.update(dict.fromkeys(chain, end))
        return end


def _last(steps: Sequence[Step]) -> tuple[int, Step]:
    """The step that ends a list, and its position: the first that is no department, else the last."""
    last = next((i for i, step in enumerate(steps) if not isinstance(step, ToDepartment)), len(steps) - 1)
    return (last, steps[last]) if steps else (0, ReceptionistStep())


def _entry(path: Path, i: int) -> Path:
    return (*path, "if_no_one_answers", i)
