"""Nothing that can be put into a file brings the compiler down: it compiles, or it is explained."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flowengine.flow.compiler import check_flow
from flowengine.flow.diagnostics import FlowInvalid
from flowengine.flow.shape import words
from flowengine.flow.source import decode
from tests.flow.office import HERE, SMALL, load


def compiles_or_is_explained(written: str) -> None:
    flow, found = check_flow(written, "any.yaml", load=load)
    lines = written.splitlines() or [""]
    assert (flow is None) == any(d.severity == "error" for d in found)
    for d in found:
        assert 1 <= d.line <= len(lines) + 1
        assert d.column >= 1
        assert (d.end_line, d.end_column) > (d.line, d.column) or d.fix is None
        assert d.message
        json.dumps([d.message, d.excerpt, d.help]).encode()
        assert d.fix is None or "\0" not in d.fix


_INDENTS = ["\n", "\n  ", "\n    ", "\t", "\u00a0", "\u2028", "\ufeff"]
_MARKS = [
    ": ",
    ":",
    "- ",
    "-",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "# ",
    "'",
    '"',
    "|\n",
    ">\n",
    "&a ",
    "*a",
    "!t ",
    "? ",
    "<<",
    "~",
]
_ODD = ["%", "@", "\\", "---\n", "...\n", "\u201c", "\u201d", "\uff1a", "é", "\U0001f4de"]
_SIGNS = st.sampled_from([*_INDENTS, *_MARKS, *_ODD])
_KEYS = st.sampled_from(sorted(words()))
_WORDS = ["dana", "front_desk", "true", "no", "12", "zero", "choice", "refer", "closed", "America/Chicago"]
_PHRASES = ["+1 312-555-0100", "8am - 5pm", "20s", "2 turns", "25 Dec", "40%", "${NAME}", "https://x.example.com"]
_TEXTS = st.sampled_from([*_WORDS, *_PHRASES, "{office} is closed."])


@settings(max_examples=400)
@given(st.lists(st.one_of(_SIGNS, _KEYS, _TEXTS), max_size=40).map("".join))
def test_random_yaml(written: str) -> None:
    compiles_or_is_explained(written)


@settings(max_examples=200)
@given(st.text(max_size=200))
def test_random_text(written: str) -> None:
    compiles_or_is_explained(written)


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    try:
        written = decode(data, "any.yaml")
    except FlowInvalid:
        return
    compiles_or_is_explained(written)


_LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _TEXTS, st.text(max_size=10))
_NAMES = st.one_of(_KEYS, st.text(max_size=5))
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_NAMES, inner, max_size=5)),
    max_leaves=25,
)


@settings(max_examples=400)
@given(st.dictionaries(_KEYS, _VALUES, max_size=8))
def test_random_documents(value: dict[str, Any]) -> None:
    compiles_or_is_explained(json.dumps({"flow": "any", **value}))


_SOUND = {
    "flow": "any",
    "office": {"name": "Any", "timezone": "America/Chicago", "phone_numbers": ["+1 312-555-0100"]},
    "hours": {"mon-sun": "8am - 5pm"},
    "people": {"dana": {"name": "Dana", "phone": "+1 312-555-0111"}},
    "receptionist": {"name": "Ava"},
    "departments": {"front_desk": {"people": ["dana"]}},
    "when_to_transfer": [{"rule": "r", "caller_says": "help", "to": "front_desk"}],
}


@settings(max_examples=400)
@given(st.data())
def test_any_value_in_any_place_of_a_sound_document(data: st.DataObject) -> None:
    value = json.loads(json.dumps(_SOUND))
    place = value
    while True:
        steps = list(place) if isinstance(place, dict) else list(range(len(place)))
        step = data.draw(st.sampled_from(steps)) if steps else None
        inner = None if step is None else place[step]
        if not isinstance(inner, dict | list) or data.draw(st.booleans()):
            break
        place = inner
    new = data.draw(_VALUES)
    if isinstance(place, dict):
        place[step if step is not None and data.draw(st.booleans()) else data.draw(_KEYS)] = new
    else:
        place.append(new)
    compiles_or_is_explained(json.dumps(value, ensure_ascii=data.draw(st.booleans())))


@settings(max_examples=300)
@given(st.sampled_from(["every_word", "natural_spelling", "small"]), st.data())
def test_any_edit_of_a_good_flow(name: str, data: st.DataObject) -> None:
    good = SMALL if name == "small" else (HERE / "good" / f"{name}.yaml").read_text(encoding="utf-8")
    at = data.draw(st.integers(0, len(good)))
    put = data.draw(st.lists(st.one_of(_SIGNS, _TEXTS), max_size=3).map("".join))
    compiles_or_is_explained(good[:at] + put + good[at + data.draw(st.integers(0, 12)) :])


def test_the_parser_below_survives_what_kills_its_composer() -> None:
    """In a process of its own: libyaml's events, read to their end, for depths that its composer dies of."""
    program = (
        "import yaml\n"
        "loader = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)\n"
        "for text in ('[' * 20_000, '{a: ' * 5_000, '- ' * 20_000, '? ' * 5_000, '[' * 9_000 + ']' * 9_000):\n"
        "    try:\n"
        "        print(sum(1 for _ in yaml.parse(text, Loader=loader)))\n"
        "    except yaml.YAMLError as error:\n"
        "        print('refused')\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.split()) == 5
