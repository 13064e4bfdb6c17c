"""The graph of a flow as Mermaid text, which GitHub and most wikis draw."""

from __future__ import annotations

from collections.abc import Iterator

from flowengine.flow.graph import Edge, Graph, Kind, Node, Way, graph, one_line
from flowengine.flow.model import Flow

_GROUPS = {Kind.RULE: "When a person takes over", Kind.DEPARTMENT: "Who is rung", Kind.END: "If nobody takes the call"}
_SHAPES = {Kind.RULE: ("[", "]"), Kind.DEPARTMENT: ("[[", "]]"), Kind.END: ("([", "])")}
_ARROWS = {Way.CLOSED: "-.->", Way.UNCONFIRMED: "-.->", Way.OWN: "-.->"}
_PLAIN = frozenset(
    " ,:;!?'\u2019\u201c\u201d\u2026\u00b7-+%/()=@$"
)  # beside letters and digits; anything else may mean something to Mermaid


def mermaid(flow: Flow) -> str:
    """The graph as a Mermaid flowchart: a line a node, a line an edge."""
    return "\n".join(_mermaid(graph(flow))) + "\n"


def _mermaid(found: Graph) -> Iterator[str]:
    yield "flowchart LR"
    yield f"  accTitle: {_escaped(found.title)}"
    yield f"  accDescr: {_escaped(found.about)}"
    for kind, title in _GROUPS.items():
        if nodes := found.of_kind(kind):
            yield f'  subgraph {kind}s["{_escaped(title)}"]'
            yield "    direction TB"
            yield from (f"    {_node(node)}" for node in nodes)
            yield "  end"
    yield from (f"  {_edge(edge)}" for edge in found.edges)
    urgent = ",".join(node.id for node in found.nodes if node.emergency)
    if urgent:
        yield "  classDef emergency stroke:#c0392b,stroke-width:3px"
        yield f"  class {urgent} emergency"


def _node(node: Node) -> str:
    opening, closing = _SHAPES[node.kind]
    number = f"{node.number}) " if node.number else ""
    urgent = "Emergency: " if node.emergency else ""
    label = "<br/>".join((f"<b>{number}{urgent}{_escaped(node.title)}</b>", *map(_escaped, node.about)))
    return f'{node.id}{opening}"{label}"{closing}'


def _edge(edge: Edge) -> str:
    said = f'|"{_said(edge)}"|' if _said(edge) else ""
    return f"{edge.start} {_ARROWS.get(edge.way, '-->')}{said} {edge.end}"


def _said(edge: Edge) -> str:
    """Why a caller goes this way, in words; "" where nothing needs to be said."""
    first = {0: "if nobody answers", 1: "if nobody answers, first"}.get(edge.order, "then")
    return {
        Way.ALWAYS: "",
        Way.OPEN: "when open",
        Way.CLOSED: "when closed",
        Way.UNANSWERED: first,
        Way.OWN: first,
        Way.UNCONFIRMED: "card not confirmed",
    }[edge.way]


def _escaped(text: str) -> str:
    """The text as a label: on one line, and with an entity for every sign that could end it or mean something."""
    return "".join(c if c.isalnum() or c in _PLAIN else f"#{ord(c)};" for c in one_line(text))
