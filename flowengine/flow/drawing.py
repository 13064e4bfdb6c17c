"""The graph of a flow as a picture: rules, departments and ends in three columns, laid out here and drawn as SVG."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from xml.sax.saxutils import escape

from flowengine.flow.graph import Edge, Graph, Kind, Node, Way, graph, one_line
from flowengine.flow.layout import (
    COLUMNS,
    HEAD,
    INSET,
    LINE,
    MARGIN,
    NUMBER,
    PAGE,
    Box,
    Layout,
    Link,
    layout,
)
from flowengine.flow.model import Flow
from flowengine.flow.text_width import width, wrapped

ROUND = 9.0  # pixels, of corners
_COLOURS = (  # of departments, in turn: on a light page, on a dark one
    ("#2f6fb2", "#7fb0e6"),
    ("#1b8272", "#62c6b4"),
    ("#7a57b4", "#b79ce8"),
    ("#a4660f", "#dfab58"),
    ("#b0456b", "#e78fb0"),
    ("#4a7a2a", "#9acb74"),
)
_THEME = (  # selector · property · on a light page · on a dark one
    (".page", "fill", "#fbfbf9", "#14181d"),
    (".box", "fill", "#ffffff", "#1c2229"),
    (".box", "stroke", "#d9dcd8", "#333c46"),
    (".end .box", "fill", "#f1f2ef", "#252c34"),
    ("text", "fill", "#20262c", "#e7ebef"),
    (".quiet", "fill", "#5f6a74", "#9aa7b3"),
    (".mark", "fill", "#b3261e", "#f2857c"),
    (".bar", "fill", "#b3261e", "#f2857c"),
    (".badge", "fill", "#fbfbf9", "#14181d"),
    (".way", "stroke", "#8a949d", "#76828e"),
    (".tip", "fill", "#8a949d", "#76828e"),
    *(
        rule
        for i, (light, dark) in enumerate(_COLOURS)
        for rule in (
            (f".c{i} .way,.c{i}.box,.c{i} .badge", "stroke", light, dark),
            (f".c{i} .tip,.c{i}.bar", "fill", light, dark),
        )
    ),
)
_FIXED = """
text{font:12px Helvetica,Arial,"Liberation Sans",sans-serif}
.head{font-size:21px;font-weight:bold}.over{font-size:11px;font-weight:bold;letter-spacing:.06em}
.title{font-size:13px;font-weight:bold}.mark{font-size:10px;font-weight:bold;letter-spacing:.06em}
.way{fill:none;stroke-width:1.5}.closed{stroke-dasharray:6 4}.unconfirmed{stroke-dasharray:1.5 4;stroke-linecap:round}
.own{stroke-dasharray:9 3 2 3}
.badge{stroke-width:1.2}.count{font-size:10px;font-weight:bold}
"""
_OVER = {Kind.RULE: "WHEN A PERSON TAKES OVER", Kind.DEPARTMENT: "WHO IS RUNG", Kind.END: "IF NOBODY TAKES THE CALL"}


def svg(flow: Flow) -> str:
    """A picture that stands alone, for light and dark pages, with a title and a description for screen readers."""
    return draw(graph(flow))


def draw(found: Graph) -> str:
    """The picture of a graph."""
    placed = layout(found)
    colours = {box.node.id: i % len(_COLOURS) for i, box in enumerate(placed.of_kind(Kind.DEPARTMENT))}
    return "\n".join(_picture(found, placed, colours)) + "\n"


def _picture(found: Graph, placed: Layout, colours: dict[str, int]) -> Iterator[str]:
    size = f'viewBox="0 0 {PAGE:.0f} {placed.height:.0f}" width="{PAGE:.0f}" height="{placed.height:.0f}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="flow-title flow-about">'
    yield f'<title id="flow-title">{_xml(found.title)}</title>'
    yield f'<desc id="flow-about">{_xml(" ".join(_told(found)))}</desc>'
    yield f"<style>{_style()}</style>"
    yield f'<rect class="page" width="{PAGE:.0f}" height="{placed.height:.0f}"/>'
    yield from _headings(found, placed)
    yield from (_link(link, colours) for link in placed.links)
    yield from (_box(box, colours) for box in placed.boxes)
    yield from _legend(found, placed.height - MARGIN)
    yield "</svg>"


def _style() -> str:
    light = "".join(f"{selector}{{{name}:{value}}}" for selector, name, value, _ in _THEME)
    dark = "".join(f"{selector}{{{name}:{value}}}" for selector, name, _, value in _THEME)
    return f"{_FIXED}{light}\n@media (prefers-color-scheme:dark){{{dark}}}\n"


def _headings(found: Graph, placed: Layout) -> Iterator[str]:
    title = wrapped(one_line(found.title), 21, PAGE - 2 * MARGIN, 1, bold=True)
    about = wrapped(one_line(found.about), 12, PAGE - 2 * MARGIN, 1)
    yield _text("head", MARGIN, MARGIN + 14, "".join(title))
    yield _text("quiet", MARGIN, MARGIN + 36, "".join(about))
    for kind, said in _OVER.items():
        if placed.of_kind(kind):
            yield _text("over quiet", COLUMNS[kind][0], HEAD - 14, said)


# ---- boxes -----------------------------------------------------------------------------------------------------------


def _box(box: Box, colours: dict[str, int]) -> str:
    node = box.node
    radius = min(ROUND * 1.8, box.height / 2) if node.kind == Kind.END else ROUND
    parts = [
        f"<title>{_xml(' · '.join((node.title, *node.about)))}</title>",
        f'<rect class="box" x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" '
        f'rx="{radius:.1f}"/>',
        *_accent(box, colours),
        *_writing(box),
    ]
    return f'<g class="{node.kind}">{"".join(parts)}</g>'


def _accent(box: Box, colours: dict[str, int]) -> Iterator[str]:
    """A coloured bar at the left: a department's colour, or red for an emergency, which is also written."""
    name = f"bar c{colours[box.node.id]}" if box.node.id in colours else "bar"
    if box.node.emergency or box.node.id in colours:
        yield (
            f'<rect class="{name}" x="{box.x + 6:.1f}" y="{box.y + 9:.1f}" width="3" height="{box.height - 18:.1f}" '
            'rx="1.5"/>'
        )
    if box.node.emergency:
        right = box.x + box.width - INSET
        yield _text("mark", right, box.y + INSET + 10, "EMERGENCY", anchor="end")


def _writing(box: Box) -> Iterator[str]:
    left = box.x + INSET + (NUMBER if box.node.kind == Kind.RULE else 6 if box.node.kind == Kind.DEPARTMENT else 2)
    if box.node.number:
        yield _text("quiet", left - 8, box.y + INSET + 11, str(box.node.number), anchor="end")
    for i, (name, line) in enumerate(box.lines):
        yield _text(name, left, box.y + INSET + 11 + i * LINE, line)


# ---- links -----------------------------------------------------------------------------------------------------------


def _link(link: Link, colours: dict[str, int]) -> str:
    edge = link.edge
    colour = colours.get(edge.start, colours.get(edge.end))
    tip = ""
    if link.tip is not None:
        x, y, side = link.tip
        tip = f'<path class="tip" d="M{x:.1f} {y:.1f}l{side * 8:.0f} -4v8z"/>'
    way = f'<path class="way {edge.way}" d="{link.path}"/>'
    group = "link" if colour is None else f"link c{colour}"
    return f'<g class="{group}">{way}{tip}{_badge(link) if edge.order else ""}</g>'


def _badge(link: Link) -> str:
    x, y = link.start[0] + 15, link.start[1]
    circle = f'<circle class="badge" cx="{x:.1f}" cy="{y:.1f}" r="7.5"/>'
    return circle + _text("count", x, y + 3.6, str(link.edge.order), anchor="middle")


# ---- words -----------------------------------------------------------------------------------------------------------

_SAYS = (
    ((Way.ALWAYS, Way.OPEN), "goes there"),
    ((Way.CLOSED,), "when nobody there can be rung"),
    ((Way.OWN,), "when nobody takes the call of this rule"),
    ((Way.UNCONFIRMED,), "when nobody has seen the card in time"),
)


def _legend(found: Graph, y: float) -> Iterator[str]:
    """What the kinds of lines mean, as far as the picture has them."""
    x, ways = MARGIN, {edge.way for edge in found.edges}
    for kinds, says in () if ways <= {Way.ALWAYS, Way.UNANSWERED} else _SAYS:
        if ways.intersection(kinds):
            yield f'<path class="way {kinds[0]}" d="M{x:.1f} {y - 4:.1f}h30"/>' + _text("quiet", x + 38, y, says)
            x += 38 + width(says, 12) + 28
    if any(edge.order for edge in found.edges):
        circle = f'<circle class="badge way" cx="{x + 8:.1f}" cy="{y - 4:.1f}" r="7.5"/>'
        yield circle + _text("count", x + 8, y - 0.4, "1", anchor="middle")
        yield _text("quiet", x + 24, y, "in this order")


def _told(found: Graph) -> Iterator[str]:
    """The picture in sentences, for those who cannot see it."""
    names = {node.id: node.title for node in found.nodes}
    leaving: dict[str, list[Edge]] = {}
    for edge in found.edges:
        leaving.setdefault(edge.start, []).append(edge)
    for node in found.nodes:
        if node.id in leaving:
            yield f"{_name(node)}: {', '.join(_ways(leaving[node.id], names))}."


def _name(node: Node) -> str:
    return f"Rule {node.number}, {node.title}" if node.number else node.title


def _ways(edges: Sequence[Edge], names: dict[str, str]) -> Iterable[str]:
    said = {
        Way.ALWAYS: "to",
        Way.OPEN: "when open to",
        Way.CLOSED: "when closed to",
        Way.UNANSWERED: "if nobody answers to",
        Way.OWN: "if nobody answers to",
        Way.UNCONFIRMED: "if the card is not confirmed to",
    }
    return (f"{said[edge.way] if edge.order < 2 else 'then to'} {names[edge.end]}" for edge in edges)


def _text(name: str, x: float, y: float, said: str, *, anchor: str = "start") -> str:
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{name}" x="{x:.1f}" y="{y:.1f}"{where}>{_xml(said)}</text>'


def _xml(text: str) -> str:
    return escape(one_line(text), {'"': "&quot;"})
