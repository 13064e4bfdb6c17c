"""YAML text → plain values that keep their source text, and the line and column of each.

Works on the parser's events: what PyYAML would build from them turns `8:00` into 480 and drops repeated keys, and its C
composer dies on deep nesting (reliability.md, findings 4 and 5).
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from flowengine.flow import foreign
from flowengine.flow.composer import Composer
from flowengine.flow.diagnostics import Diagnostic, FlowInvalid
from flowengine.flow.document import Document
from flowengine.flow.shape import words
from flowengine.flow.yaml_errors import explain

MOST_BYTES = 1024 * 1024
_SHOWN = 160  # characters of a refused file that an excerpt shows behind the place

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BLANK_WITH_TAB = re.compile(r"^[ \t]*\t[ \t]*$", re.MULTILINE)  # a line that says nothing, yet stops the parser


def decode(data: bytes, file: str) -> str:
    """The text of a file's bytes. Raises FlowInvalid when it is not UTF-8."""
    text = data.decode("utf-8", errors="surrogateescape")
    refused = _refused_text(text, file)
    if refused and refused.code == "not-utf8":
        raise FlowInvalid([refused])
    return text


def parse(text: str, file: str) -> tuple[Document | None, list[Diagnostic]]:
    """Values and places of one YAML document, or None with what is wrong. Repeated keys and slips within one value do
    not stop the reading; a file of another program is refused in one sentence."""
    text = text.removeprefix("\ufeff")
    refused = _refused_text(text, file)
    if refused:
        return None, [refused]
    composer = Composer(file, text.splitlines())
    try:
        for event in yaml.parse(_BLANK_WITH_TAB.sub("", text), Loader=_Loader):
            composer.take(event)
            if composer.hopeless:
                break
    except yaml.YAMLError as error:
        composer.fatal(explain(error, file, composer.lines))
    document, found = composer.result()
    if found and _is_foreign(document, text, composer.root):
        return None, [foreign.not_a_flow(composer.document())]
    return document, found


def _is_foreign(document: Document | None, text: str, root: Any) -> bool:
    """Whether a file with findings is none of ours, so that these findings are beside the point."""
    known = isinstance(root, dict) and bool(root.keys() & words())
    return bool(foreign.recognised(text, root)) or (document is not None and not known)


def _refused_text(text: str, file: str) -> Diagnostic | None:
    """What cannot be a flow file at all. Bytes that were no UTF-8 arrive here as lone surrogates (surrogateescape)."""
    if text.startswith(("\udcff\udcfe", "\udcfe\udcff")):
        return _refusal(text, file, 0, "not-utf8", "this file is saved as UTF-16")
    if len(text) > MOST_BYTES or len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        said = f"this file is larger than {MOST_BYTES // 1024} KiB"
        return _refusal(text, file, 0, "too-big", said, "a flow describes one office; split it")
    bad = _UNPRINTABLE.search(text)
    if bad is None:
        return None
    if "\udc80" <= bad.group() <= "\udcff":
        code, said = "not-utf8", "this file is not UTF-8 text"
    else:
        code, said = "bad-character", f"no text should hold this character (code {ord(bad.group()):#06x})"
    return _refusal(text, file, bad.start(), code, said)


_SAVE = "save it again with the encoding UTF-8"


def _refusal(text: str, file: str, position: int, code: str, message: str, help: str = _SAVE) -> Diagnostic:
    """A finding about a file that is not read on; its excerpt holds nothing a terminal or a JSON reader chokes on."""
    before = text[:position].splitlines(keepends=True) or [""]
    if before[-1].endswith(("\n", "\r")):
        before.append("")
    line, column = len(before), len(before[-1]) + 1
    following = text[position : position + _SHOWN].splitlines() or [""]
    excerpt = _UNPRINTABLE.sub("\ufffd", before[-1] + following[0])
    return Diagnostic("error", code, message, file, line, column, line, column + 1, help, excerpt)
