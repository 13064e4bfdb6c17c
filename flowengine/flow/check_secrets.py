"""A check of the text as it stands: a key or password in a flow file is read by everybody who reads the file.

The finding never shows the secret, in its message or in its excerpt.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date

from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document, Extent

LEAST_BITS = 3.0  # of entropy a character: random letters and digits have more, words have less
_LETTERS = r"[A-Za-z0-9_\-]"

# what it looks like · its shape; the group is the secret itself
_SHAPES: tuple[tuple[str, str], ...] = (
    ("an API key", rf"\b((?:sk|rk|pk)[-_](?={_LETTERS}*[0-9]){_LETTERS}{{16,}})"),
    ("a Twilio account or key", r"\b((?:AC|SK)[0-9a-f]{32})\b"),
    ("an AWS key", r"\b((?:AKIA|ASIA)[0-9A-Z]{16})\b"),
    ("a GitHub token", rf"\b((?:gh[pousr]|github_pat)_{_LETTERS}{{20,}})"),
    ("a Slack token", rf"\b(xox[abprs]-{_LETTERS}{{10,}})"),
    ("a Google key", rf"\b(AIza{_LETTERS}{{35}})"),
    ("a signing secret", r"\b(whsec_[A-Za-z0-9+/=]{16,})"),
    ("a signed token", rf"\b(eyJ{_LETTERS}{{8,}}\.eyJ{_LETTERS}{{8,}}(?:\.{_LETTERS}*)?)"),
    ("a private key", r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)"),
    ("a bearer token", r"(?i:\bBearer)\s+([A-Za-z0-9._~+/\-]{16,}=*)"),
    ("a password in an address", r"https?://[^\s/:@\"']*:([^\s/@\"'$]+)@"),
    (
        "a secret in an address",
        r"[?&](?i:token|key|secret|api_?key|access_token|auth|sig|signature|password|pwd)=([^\s&\"'#$]{6,})",
    ),
)
_LIKELY: tuple[tuple[str, str], ...] = (  # secret only if they look random
    (
        "a secret",
        r"(?i:token|secret|api[_ ]?key|auth[_ ]?key|password|passphrase)[\"']?\s*:\s*[\"']?([^\s\"'{}$,]{16,})",
    ),
    (
        "a secret in an address",
        r"(?:webhook|post)[\"']?\s*:\s*[\"']?https://[^\s\"'?#]*/([A-Za-z0-9_\-]{20,})(?=[/\s\"'?#]|$)",
    ),
)
_SURE = [(what, re.compile(shape)) for what, shape in _SHAPES]
_MAYBE = [(what, re.compile(shape)) for what, shape in _LIKELY]
# one of these stands in every line with a secret of a shape above; most files have few of them, and looking is quick
_MARKS = (
    *("sk_", "sk-", "rk_", "rk-", "pk_", "pk-", "akia", "asia", "gh", "xox", "aiza", "whsec_", "eyj", "-----begin"),
    *("bearer", "://", "token", "secret", "key", "password", "passphrase"),
)
_LONG_HEX = re.compile(r"(?<=[ck])[0-9a-f]{32}")


def inline_secret(doc: Document, _today: date | None) -> Iterator[Diagnostic]:
    """Keys, tokens and passwords stand in the environment; the file says `${NAME}`. Comments are read too."""
    for file, lines in doc.lines.items():
        lowered = [line.lower() for line in lines]
        text = "\n".join(lowered)
        marks = [mark for mark in _MARKS if mark in text]
        for number, line in enumerate(lowered, 1):
            if any(mark in line for mark in marks) or _LONG_HEX.search(line):
                yield from _in_line(doc, file, number, lines[number - 1])


def hide_secrets(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The findings, with the secrets of a line hidden in whatever else is said about that line."""
    every = list(found)
    hidden = {(d.file, d.line): d.excerpt for d in every if d.code == "inline-secret"}
    return [replace(d, excerpt=hidden[d.file, d.line]) if (d.file, d.line) in hidden else d for d in every]


def _in_line(doc: Document, file: str, number: int, line: str) -> Iterator[Diagnostic]:
    found = {start: (what, end) for what, start, end in reversed(list(_secrets(line)))}
    covered = 0
    for start, (what, end) in sorted(found.items()):
        if start < covered:
            continue
        covered = end
        where = Extent(file, number, start + 1, number, end + 1)
        said = f"this looks like {what}; everybody who reads the file could use it"
        help = "take it back where it was made, put a new one in the environment, and write ${NAME} here"
        yield replace(doc.at(where, "inline-secret", said, help), excerpt=_hidden(line, found))


def _hidden(line: str, found: Mapping[int, tuple[str, int]]) -> str:
    """The line with stars for every secret in it."""
    for start, (_, end) in found.items():
        line = line[:start] + "*" * (end - start) + line[end:]
    return line


def _secrets(line: str) -> Iterator[tuple[str, int, int]]:
    for what, shape in _SURE:
        yield from ((what, *match.span(1)) for match in shape.finditer(line))
    for what, shape in _MAYBE:
        yield from ((what, *match.span(1)) for match in shape.finditer(line) if _random(match[1]))


def _random(text: str) -> bool:
    """Whether a text looks made by a machine: letters and digits mixed, none much more often."""
    counts = Counter(text)
    bits = -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())
    changes = len(re.findall(r"(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])", text))
    return bits >= LEAST_BITS and changes >= 3


def hidden(word: str, text: str) -> str:
    """The text with stars for every secret in it, as it would be found behind this word of a file."""
    line = f"{word}: {text}"
    found = {start: (what, end) for what, start, end in reversed(list(_secrets(line)))}
    return _hidden(line, found)[len(word) + 2 :]
