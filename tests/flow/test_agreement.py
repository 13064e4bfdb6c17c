"""The published schema, as any editor applies it, and `validate` agree on every fault of shape."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from flowengine.flow.document import Document
from flowengine.flow.foreign import refuse
from flowengine.flow.source import decode, parse
from flowengine.resources import schema_text
from tests.flow.editor_view import editor_flags, engine_flags
from tests.flow.mutations import FILES, SEED, mutations
from tests.flow.office import HERE

BAD = sorted((HERE / "bad").glob("*.yaml"))
MUTATED = 500


@cache
def documents() -> list[tuple[str, str, Document]]:
    """Every file of the corpus that is YAML and a flow: its name, its text and its values."""
    texts = [(file.name, decode(file.read_bytes(), file.name)) for file in (*FILES, *BAD)]
    texts += [(f"{m.file.stem}_{m.how}_{m.lines[0]}.yaml", m.text) for m in mutations(MUTATED, SEED + 77)]
    read = [(name, text, *parse(text, name)) for name, text in texts]
    # of a slip that is told already, or a key said twice, an editor's parser makes something of its own
    return [(name, text, doc) for name, text, doc, found in read if doc and not found and not list(refuse(doc))]


def test_the_schema_flags_what_validate_flags_and_nothing_else() -> None:
    flagged = 0
    for name, _, doc in documents():
        editor, engine = editor_flags(doc), engine_flags(doc)
        assert bool(editor) == bool(engine), (name, editor, engine)
        flagged += bool(engine)
    assert flagged > 100


@pytest.mark.skipif(find_spec("check_jsonschema") is None, reason="check-jsonschema is not installed")
def test_check_jsonschema_is_of_the_same_opinion(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text(schema_text(), encoding="utf-8")
    expected: dict[str, bool] = {}
    for name, text, doc in documents()[::3]:
        (tmp_path / name).write_text(text, encoding="utf-8")
        expected[name] = not engine_flags(doc)
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", "schema.json", "-o", "json", *sorted(expected)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    said = json.loads(run.stdout)
    unread = {error["filename"] for error in said.get("parse_errors", ())}
    wrong = {error["filename"] for error in said.get("errors", ())}
    assert len(unread) < len(expected) / 20
    assert {name for name, fine in expected.items() if not fine} - unread == wrong - unread
