"""Where the boxes and lines of a drawn flow stand: in three columns, each box beside what leads to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from flowengine.flow.graph import Edge, Graph, Kind, Node, Way, one_line
from flowengine.flow.text_width import wrapped

# pixels
MARGIN, INSET, NUMBER, LINE = 36.0, 12.0, 26.0, 16.5
GUTTER = 150.0
HEAD = 128.0  # where the columns begin
FOOT = 46.0
COLUMNS: Mapping[Kind, tuple[float, float]] = {  # left edge and width
    Kind.RULE: (MARGIN, 330.0),
    Kind.DEPARTMENT: (MARGIN + 330.0 + GUTTER, 270.0),
    Kind.END: (MARGIN + 330.0 + GUTTER + 270.0 + GUTTER, 220.0),
}
PAGE = COLUMNS[Kind.END][0] + COLUMNS[Kind.END][1] + MARGIN
_APART = {Kind.RULE: 9.0, Kind.DEPARTMENT: 30.0, Kind.END: 30.0}
_PASSAGE = 10.0  # the height of a way that leads between departments
_TITLE, _BODY = 13.0, 12.0
_MARK = 84.0  # what the word EMERGENCY takes
_PORT = 20.0  # between lines that leave a box
_LANE, _LANES, _MOST_LANES = 34.0, 11.0, 9  # the first line around departments, between two, and how many
_TIP = 7.0
_ROUND = 9.0


@dataclass(frozen=True, slots=True)
class Box:
    """A node and its place; `lines` are what is written, each with its style."""

    node: Node
    x: float
    y: float
    width: float
    height: float
    lines: tuple[tuple[str, str], ...] = ()

    @property
    def middle(self) -> float:
        """The y at which lines arrive."""
        return self.y + self.height / 2

    @property
    def right(self) -> float:
        """The x of the right edge."""
        return self.x + self.width


@dataclass(frozen=True, slots=True)
class Link:
    """An edge and its line: an SVG path, where it leaves, and its tip (x, y, and -1 or 1 for where it comes from; None
    where it joins others)."""

    edge: Edge
    path: str
    start: tuple[float, float]
    tip: tuple[float, float, int] | None


@dataclass(frozen=True, slots=True)
class Layout:
    """`height` is the whole page's, in pixels."""

    boxes: tuple[Box, ...]
    links: tuple[Link, ...]
    height: float

    def of_kind(self, kind: Kind) -> tuple[Box, ...]:
        """The boxes of one column, from the top."""
        return tuple(box for box in self.boxes if box.node.kind == kind)


def layout(found: Graph) -> Layout:
    """The places of everything; a rule's way to an end leads between the departments."""
    starts = {node.id: node.kind for node in found.nodes}
    ends = {node.id for node in found.of_kind(Kind.END)}
    through = dict.fromkeys(e.end for e in found.edges if starts[e.start] == Kind.RULE and e.end in ends)
    passages = [Node(f"to {end}", Kind.DEPARTMENT, "") for end in through]
    rules = _stacked(found.of_kind(Kind.RULE))
    middles = {box.node.id: box.middle for box in rules}
    between = _beside((*found.of_kind(Kind.DEPARTMENT), *passages), _wanted(_first_halves(found, through), middles))
    middles |= {box.node.id: box.middle for box in between}
    last = _beside(found.of_kind(Kind.END), _wanted(_second_halves(found, through, starts), middles))
    places = {box.node.id: box for box in (*rules, *between, *last)}
    links = tuple(_links(found, places))
    bottom = max((box.y + box.height for box in places.values()), default=HEAD)
    boxes = tuple(box for box in places.values() if box.node.title)
    return Layout(boxes, links, bottom + FOOT + MARGIN)


Pairs = Iterator[tuple[str, str]]


def _first_halves(found: Graph, through: Mapping[str, None]) -> Pairs:
    """What leads to the middle column, from rules."""
    rules = {node.id for node in found.of_kind(Kind.RULE)}
    return ((e.start, f"to {e.end}" if e.end in through else e.end) for e in found.edges if e.start in rules)


def _second_halves(found: Graph, through: Mapping[str, None], starts: Mapping[str, Kind]) -> Pairs:
    """What leads to the last column, from departments and passages."""
    yield from ((f"to {end}", end) for end in through)
    yield from ((e.start, e.end) for e in found.edges if starts[e.start] == Kind.DEPARTMENT)


# ---- boxes -----------------------------------------------------------------------------------------------------------


def _stacked(nodes: Sequence[Node]) -> list[Box]:
    boxes: list[Box] = []
    y = HEAD
    for node in nodes:
        boxes.append(_sized(node, y))
        y += boxes[-1].height + _APART[node.kind]
    return boxes


def _wanted(pairs: Pairs, middles: Mapping[str, float]) -> Mapping[str, float]:
    """For each box the mean of the middles of what leads to it."""
    coming: dict[str, list[float]] = {}
    for start, end in pairs:
        if start in middles:
            coming.setdefault(end, []).append(middles[start])
    return {end: sum(ys) / len(ys) for end, ys in coming.items()}


def _beside(nodes: Sequence[Node], wanted: Mapping[str, float]) -> list[Box]:
    """Boxes in the order of what leads to them, apart from one another, as near as that leaves room for; what nothing
    leads to stands last."""
    below = max(wanted.values(), default=HEAD)
    ordered = sorted(nodes, key=lambda node: wanted.get(node.id, below + 1))
    boxes: list[Box] = []
    y = HEAD
    for node in ordered:
        box = _sized(node, 0)
        y = max(y, wanted.get(node.id, y) - box.height / 2)
        boxes.append(replace(box, y=y))
        y += box.height + _APART[node.kind]
    return _raised(boxes, wanted)


def _raised(boxes: Sequence[Box], wanted: Mapping[str, float]) -> list[Box]:
    """The same with runs that were pushed down moved up again, as far as there is room above."""
    runs: list[list[Box]] = []
    for box in boxes:
        if runs and box.y <= _below(runs[-1][-1]) + 0.5:
            runs[-1].append(box)
        else:
            runs.append([box])
    placed: list[Box] = []
    for run in runs:
        off = [box.middle - wanted[box.node.id] for box in run if box.node.id in wanted]
        top = _below(placed[-1]) if placed else HEAD
        up = min(max(0.0, sum(off) / len(off)), run[0].y - top) if off else 0.0
        placed += [replace(box, y=box.y - up) for box in run]
    return placed


def _below(box: Box) -> float:
    return box.y + box.height + _APART[box.node.kind]


def _sized(node: Node, y: float) -> Box:
    x, width = COLUMNS[node.kind]
    if not node.title:
        return Box(node, x, y, width, _PASSAGE)
    lines = tuple(_written(node, width))
    return Box(node, x, y, width, len(lines) * LINE + 2 * INSET - 3, lines)


def _written(node: Node, width: float) -> Iterator[tuple[str, str]]:
    room = width - 2 * INSET - (NUMBER if node.kind == Kind.RULE else 6.0)
    title = wrapped(one_line(node.title), _TITLE, room - (_MARK if node.emergency else 0), 2, bold=True)
    yield from (("title", line) for line in title)
    for i, about in enumerate(node.about):
        name = "" if node.kind == Kind.DEPARTMENT and i > 1 else "quiet"
        yield from ((name, line) for line in wrapped(one_line(about), _BODY, room, 3))


# ---- lines -----------------------------------------------------------------------------------------------------------


def _links(found: Graph, places: Mapping[str, Box]) -> Iterator[Link]:
    leaving: dict[str, list[Edge]] = {}
    joined: dict[str, list[Edge]] = {}
    for edge in found.edges:
        leaving.setdefault(edge.start, []).append(edge)
    lane = 0
    for start, edges in leaving.items():
        box = places[start]
        for i, edge in enumerate(edges):
            port = (box.right, box.middle + (i - (len(edges) - 1) / 2) * _spread(box, edges))
            end, passage = places[edge.end], places.get(f"to {edge.end}")
            if box.node.kind == end.node.kind:
                yield _around(edge, port, end, _LANE + lane % _MOST_LANES * _LANES)
                lane += 1
            elif passage is not None and box.node.kind == Kind.RULE:
                joined.setdefault(edge.end, []).append(edge)
                path = _curve(*port, passage.x, passage.middle)
                yield Link(edge, path, port, None)
            else:
                yield _across(edge, port, end)
    yield from (_passage(edges, places[f"to {end}"], places[end]) for end, edges in joined.items())


def _spread(box: Box, edges: Sequence[Edge]) -> float:
    room = (box.height - 2 * _ROUND) / max(1, len(edges) - 1)
    return min(room, _PORT if any(edge.order for edge in edges) else 10.0)


def _across(edge: Edge, port: tuple[float, float], end: Box) -> Link:
    """A curve to the next column."""
    return Link(edge, _curve(*port, end.x - _TIP, end.middle), port, (end.x, end.middle, -1))


def _passage(edges: Sequence[Edge], passage: Box, end: Box) -> Link:
    """The rest of the way of several edges between the departments, drawn once; broken only if they are alike."""
    way = edges[0].way if len({edge.way for edge in edges}) == 1 else Way.ALWAYS
    port = (passage.right, passage.middle)
    path = f"M{passage.x:.1f} {passage.middle:.1f}H{passage.right:.1f}"
    curve = _curve(*port, end.x - _TIP, end.middle).partition("C")[2]
    return Link(replace(edges[0], way=way, order=0), f"{path}C{curve}", port, (end.x, end.middle, -1))


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    bend = (to_x - x) / 2
    return f"M{x:.1f} {y:.1f}C{x + bend:.1f} {y:.1f} {to_x - bend:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"


def _around(edge: Edge, port: tuple[float, float], end: Box, out: float) -> Link:
    """Around the right side, to another box of the same column."""
    x, y = port
    to_y = end.y + end.height - 2 * _ROUND if y > end.middle else end.y + 2 * _ROUND
    bend = max(-_ROUND, min(_ROUND, (to_y - y) / 2))
    r = abs(bend)
    path = (
        f"M{x:.1f} {y:.1f}H{x + out - r:.1f}q{r:.1f} 0 {r:.1f} {bend:.1f}V{to_y - bend:.1f}"
        f"q0 {bend:.1f} {-r:.1f} {bend:.1f}H{end.right + _TIP:.1f}"
    )
    return Link(edge, path, port, (end.right, to_y, 1))
