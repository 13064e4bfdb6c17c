"""The graph of an office: what leads where, as valid Mermaid text, and as a picture in which nothing overlaps."""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree as xml

import pytest
from click.testing import CliRunner

from flowengine.cli import main
from flowengine.flow.drawing import svg
from flowengine.flow.graph import Edge, Kind, Way, graph
from flowengine.flow.layout import INSET, PAGE, Box, layout
from flowengine.flow.mermaid import mermaid
from flowengine.flow.model import Flow
from flowengine.flow.text_width import ELLIPSIS, width, wrapped
from tests.flow.office import FLOWS, HERE, billing, dental, small
from tests.flow.test_explain import GOLDEN, GOOD, compiled

SVG = "{http://www.w3.org/2000/svg}"


def crowded() -> Flow:
    """Ten departments that lend one another people, names that do not fit, and signs that mean something elsewhere."""
    departments = "".join(
        f"  team_{i}:\n    say_as: 'team {i} <b>&\"#` with a name that does not fit on one line at all'\n"
        f"    people: [dana, luis]\n    if_no_one_answers: [team_{i + 1}, take_message]\n"
        for i in range(9)
    )
    rules = "".join(
        f"  - {{rule: rule_{i}, caller_says: ['{'verylongword' * 9} {i}'], to: team_{i}, to_when_closed: voicemail}}\n"
        for i in range(9)
    )
    return small(
        ("departments:\n", f"departments:\n{departments}  team_9:\n    people: [luis]\n"),
        ("when_to_transfer:\n", f"when_to_transfer:\n{rules}"),
    )


@pytest.fixture(params=[*GOOD, None], ids=lambda file: file.stem if file else "crowded")
def flow(request: pytest.FixtureRequest) -> Flow:
    return compiled(request.param) if request.param else crowded()


# ---- what leads where ------------------------------------------------------------------------------------------------


def ways(flow: Flow) -> set[tuple[str, Way, int, str]]:
    """The edges by the names of what they join."""
    found = graph(flow)
    names = {node.id: node.title for node in found.nodes}
    return {(names[e.start], e.way, e.order, names[e.end]) for e in found.edges}


def test_rules_lead_to_departments_and_elsewhere_when_closed() -> None:
    found = ways(dental())
    assert ("Clinical question", Way.OPEN, 0, "Our clinical team") in found
    assert ("Clinical question", Way.CLOSED, 0, "The dentist on call") in found
    assert ("Pressed zero", Way.ALWAYS, 0, "Our front desk") in found
    assert ("Claim question", Way.CLOSED, 0, "Take a message") in ways(billing())


def test_departments_lead_along_their_lists_in_order() -> None:
    assert ("Our clinical team", Way.UNANSWERED, 1, "Our front desk") in ways(dental())
    assert ("Our clinical team", Way.UNANSWERED, 2, "Take a message") in ways(dental())
    assert ("The dentist on call", Way.UNANSWERED, 0, "Promise a call back") in ways(dental())
    assert ("Our claims team", Way.UNCONFIRMED, 0, "Promise a call back") in ways(billing())


def test_a_person_asked_for_by_name_and_a_rules_own_list_are_drawn() -> None:
    own = small(("    to: front_desk", "    to: front_desk\n    if_no_one_answers: voicemail"))
    assert ("Asked for a person", Way.OWN, 0, "Voicemail") in ways(own)
    assert ("Somebody by name", Way.ALWAYS, 0, "Front desk") in ways(own)
    nobody = small(
        ("{name: Dana, ", "{name: Dana, callers_may_ask_for: false, "),
        ("{name: Luis, ", "{name: Luis, callers_may_ask_for: false, "),
    )
    assert not any(start == "Somebody by name" for start, *_ in ways(nobody))


def test_two_goodbyes_are_two_ends() -> None:
    found = graph(compiled(HERE / "good" / "every_word.yaml"))
    assert [n.about for n in found.of_kind(Kind.END) if n.title == "Say goodbye"] == [
        ("“Nobody is there. Goodbye.”",),
        ("“Please call again.”",),
    ]


def test_a_department_says_how_its_call_is_taken_where_that_is_not_by_the_key() -> None:
    def about(words: str) -> tuple[str, ...]:
        return graph(small(add=f"transfer: {{{words}}}\n")).of_kind(Kind.DEPARTMENT)[0].about

    assert "told by Ava, who asks whether they take it" in about("briefing: conversation")
    assert "whoever picks up has the call" in about("accept: none, no_key_because: no voicemail")
    assert about("briefing: spoken") == graph(small()).of_kind(Kind.DEPARTMENT)[0].about


# ---- Mermaid ---------------------------------------------------------------------------------------------------------

_LABEL = r'"[^"<>#&`\\]*(?:(?:</?b>|<br/>|#\d+;)[^"<>#&`\\]*)*"'
_ID = r"[a-z_]+\d*"
_LINES = (
    r"flowchart LR",
    r"  acc(?:Title|Descr): [^\n]+",
    rf"  subgraph [a-z]+\[{_LABEL}\]",
    r"    direction TB",
    rf"    {_ID}(?:\[{_LABEL}\]|\[\[{_LABEL}\]\]|\(\[{_LABEL}\]\))",
    r"  end",
    rf"  {_ID} (?:-->|-\.->)(?:\|{_LABEL}\|)? {_ID}",
    r"  classDef emergency stroke:#\w{6},stroke-width:3px",
    rf"  class {_ID}(?:,{_ID})* emergency",
)
MERMAID_LINE = re.compile("|".join(_LINES))


@pytest.mark.parametrize("flow", [dental(), billing()], ids=lambda flow: str(flow.key))
def test_the_chart_is_the_golden_file(flow: Flow) -> None:
    """Written by `flowengine graph FLOW`."""
    assert mermaid(flow) == (GOLDEN / f"{flow.key}.mmd").read_text("utf-8")


def test_every_line_of_a_chart_is_mermaid(flow: Flow) -> None:
    lines = mermaid(flow).splitlines()
    assert [line for line in lines if not MERMAID_LINE.fullmatch(line)] == []
    assert lines.count("  end") == sum(line.startswith("  subgraph") for line in lines)
    nodes = {m[1] for line in lines if (m := re.match(rf"    ({_ID})[\[(]", line))}
    joined = {m[i] for line in lines for i in (1, 2) if (m := re.match(rf"  ({_ID}) -.*?-?>.* ({_ID})$", line))}
    assert joined <= nodes
    assert len(nodes) == len(graph(flow).nodes)


def test_signs_that_mean_something_to_mermaid_are_written_as_numbers() -> None:
    chart = mermaid(small(("name: Small Office", "name: 'A \"B\" <c> #d; `e` [f]'")))
    assert "How A #34;B#34; #60;c#62; #35;d; #96;e#96; #91;f#93; answers the phone" in chart


# ---- the picture -----------------------------------------------------------------------------------------------------


def test_no_two_boxes_touch_and_all_are_on_the_page(flow: Flow) -> None:
    placed = layout(graph(flow))
    for one, other in combinations(placed.boxes, 2):
        apart = (
            one.right < other.x or other.right < one.x or one.y + one.height < other.y or other.y + other.height < one.y
        )
        assert apart, (one.node.title, other.node.title)
    assert all(
        box.x >= 0 and box.right <= PAGE and box.y >= 0 and box.y + box.height <= placed.height for box in placed.boxes
    )


def test_what_is_written_fits_into_its_box(flow: Flow) -> None:
    for box in layout(graph(flow)).boxes:
        sizes = [width(line, 13 if style == "title" else 12, bold=style == "title") for style, line in box.lines]
        assert max(sizes) <= box.width - 2 * INSET
        assert len(box.lines) * 16 <= box.height


def test_every_edge_ends_at_its_box(flow: Flow) -> None:
    placed = layout(graph(flow))
    boxes = {box.node.id: box for box in placed.boxes}
    for link in placed.links:
        if link.tip is not None:
            assert _touches(boxes[link.edge.end], link.tip[0], link.tip[1])
    drawn = {(link.edge.start, link.edge.end) for link in placed.links}
    assert drawn == {(edge.start, edge.end) for edge in graph(flow).edges}


def _touches(box: Box, x: float, y: float) -> bool:
    return box.y <= y <= box.y + box.height and (abs(x - box.x) < 0.1 or abs(x - box.right) < 0.1)


def test_a_line_to_an_end_passes_between_the_departments(flow: Flow) -> None:
    """Where lines of rules go straight through the middle column no box is in the way."""
    placed = layout(graph(flow))
    levels = [
        float(m[1])
        for link in placed.links
        if (m := re.match(r"M[\d.]+ ([\d.]+)H", link.path)) and not _around(link.edge, flow)
    ]
    for box in placed.of_kind(Kind.DEPARTMENT):
        assert not any(box.y < y < box.y + box.height for y in levels)


def _around(edge: Edge, flow: Flow) -> bool:
    kinds = {node.id: node.kind for node in graph(flow).nodes}
    return kinds[edge.start] == kinds[edge.end]


def test_departments_stand_beside_what_leads_to_them() -> None:
    placed = layout(graph(dental()))
    titles = [box.node.title for box in placed.of_kind(Kind.DEPARTMENT)]
    assert titles == ["Our clinical team", "The dentist on call", "Our front desk"]
    assert all(a.y < b.y for a, b in pairwise(placed.of_kind(Kind.RULE)))


def test_the_picture_is_sound_and_speaks_to_screen_readers(flow: Flow) -> None:
    root = xml.fromstring(svg(flow))
    assert root.tag == f"{SVG}svg"
    title, told = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert told is not None
    assert root.get("aria-labelledby") == f"{title.get('id')} {told.get('id')}"
    assert all(node.title in (told.text or "") for node in graph(flow).of_kind(Kind.END))
    style = root.find(f"{SVG}style")
    assert style is not None
    assert "prefers-color-scheme:dark" in (style.text or "")
    assert "http" not in (style.text or "")


def test_the_description_tells_each_way() -> None:
    told = xml.fromstring(svg(dental())).find(f"{SVG}desc")
    assert told is not None
    assert "Rule 3, Clinical question: when open to Our clinical team, when closed to The dentist on call." in (
        told.text or ""
    )
    assert "Our clinical team: if nobody answers to Our front desk, then to Take a message." in (told.text or "")


def test_an_emergency_is_written_not_only_coloured() -> None:
    assert svg(dental()).count(">EMERGENCY<") == 2
    assert "EMERGENCY" not in svg(billing())


# ---- text ------------------------------------------------------------------------------------------------------------


def test_wide_letters_take_more_room_than_narrow_ones() -> None:
    assert width("WWW", 12) > width("iii", 12) * 3
    assert width("é", 12) == width("e", 12)
    assert width("本", 12) == 12
    assert width("bold", 12, bold=True) > width("bold", 12)


def test_text_is_broken_into_lines_that_fit_and_shortened_at_the_end() -> None:
    text = "one two three four five six seven eight nine ten " * 5
    lines = wrapped(text, 12, 120, 3)
    assert len(lines) == 3
    assert lines[-1].endswith(ELLIPSIS)
    assert max(width(line, 12) for line in lines) <= 120
    assert wrapped("short", 12, 120, 3) == ("short",)
    assert wrapped("", 12, 120, 3) == ()
    assert all(width(line, 12) <= 60 for line in wrapped("w" * 200, 12, 60, 4))


# ---- the command -----------------------------------------------------------------------------------------------------


def test_the_command_writes_what_the_file_is_called(tmp_path: Path) -> None:
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(main, ["graph", str(FLOWS / "dental_office.yaml"), *arguments])
        assert done.exit_code == 0, done.output
        return done.output

    assert run() == mermaid(dental())
    picture, chart = tmp_path / "office.svg", tmp_path / "office.mmd"
    assert run("--output", str(picture)) == ""
    assert picture.read_text("utf-8") == svg(dental())
    run("-o", str(chart))
    assert chart.read_text("utf-8") == mermaid(dental())
    assert run("--format", "svg") == svg(dental())


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "office.svg"
    done = CliRunner().invoke(main, ["graph", str(FLOWS / "dental_office.yaml"), "-o", str(file)])
    assert done.exit_code == 2
    assert "cannot write" in done.output
