"""`# flowengine: ignore[code] reason` on a line: a warning its author has thought about is not said again."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from flowengine.flow.codes import all_codes
from flowengine.flow.diagnostics import Diagnostic
from flowengine.flow.document import Document, Extent
from flowengine.flow.likeness import certain, nearest

_BEGINS = re.compile(r"(?:^|(?<=\s))#(?=\s*flowengine:\s*ignore\b)")
_COMMENT = re.compile(r"#\s*flowengine:\s*ignore\s*(?P<codes>\[[^\]]*\])?(?P<reason>.*)")
_FORM = "write  # flowengine: ignore[code] and the reason"
_WITH_A_DATE = frozenset({"exception-past"})  # found only when it is said what day today is

_Span = tuple[tuple[int, int], tuple[int, int]]  # from line and column to before line and column

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Ignore:
    """One such comment: where it stands, where each of its codes stands, and why it is there."""

    extent: Extent
    codes: tuple[tuple[str, Extent], ...]
    reason: str


def heeded(doc: Document, found: Iterable[Diagnostic], *, whole: bool, dated: bool) -> list[Diagnostic]:
    """The findings without those that are ignored on their line, and what is wrong with the comments themselves.
    Whether a comment is of use is asked only after a `whole` check, and of dates after a `dated` one."""
    comments = {(ignore.extent.file, ignore.extent.line): ignore for ignore in ignores(doc)}
    if not comments:
        return list(found)
    kept: list[Diagnostic] = []
    used: set[tuple[str, int, str]] = set()
    for d in found:
        ignore = comments.get((d.file, d.line))
        if ignore and ignore.reason and d.severity != "error" and d.code in {code for code, _ in ignore.codes}:
            used.add((d.file, d.line, d.code))
        else:
            kept.append(d)
    told = [d for ignore in comments.values() for d in _wrong(doc, ignore)]
    return [*kept, *told, *(_unused(doc, comments.values(), used, dated) if whole else ())]


def ignores(doc: Document) -> Iterator[Ignore]:
    """Every such comment of a file and of those it shares: real comments, not words in a text."""
    for file, lines in doc.lines.items():
        maybe = [(n, begins.start()) for n, line in enumerate(lines, 1) for begins in _begins(line)]
        texts = list(_texts(lines)) if maybe else []
        read: set[int] = set()
        for number, start in maybe:
            match = _COMMENT.match(lines[number - 1], start)
            if match and not _inside(texts, (number, start + 1)) and number not in read:
                read.add(number)
                whole = Extent(file, number, start + 1, number, len(match.string.rstrip()) + 1)
                yield Ignore(whole, tuple(_codes(match, whole)), match["reason"].strip())


def _inside(texts: Sequence[_Span], place: tuple[int, int]) -> bool:
    i = bisect_right(texts, place, key=lambda span: span[0])
    return i > 0 and place < texts[i - 1][1]


def _begins(line: str) -> Iterator[re.Match[str]]:
    return _BEGINS.finditer(line) if "flowengine:" in line else iter(())


def _codes(match: re.Match[str], whole: Extent) -> Iterator[tuple[str, Extent]]:
    start = match.start("codes")
    for code in re.finditer(r"[^\[\],\s]+", match["codes"] or ""):
        yield code[0], Extent(whole.file, whole.line, start + code.start() + 1, whole.line, start + code.end() + 1)


def _texts(lines: Sequence[str]) -> Iterator[_Span]:
    """Where every key and value begins and ends, in order. A file that cannot be read has been refused before."""
    text = "\n".join(line if line.strip() else "" for line in lines) + "\n"
    try:
        for token in yaml.scan(text, Loader=_Loader):
            if isinstance(token, yaml.ScalarToken):
                start, end = token.start_mark, token.end_mark
                block = token.style in ("|", ">")  # behind that sign a comment may stand
                begin = (start.line + 2, 1) if block else (start.line + 1, start.column + 1)
                yield begin, (end.line + 1, end.column + 1)
    except yaml.YAMLError:
        return


def _wrong(doc: Document, ignore: Ignore) -> Iterator[Diagnostic]:
    """What keeps a comment from being heeded."""
    if not ignore.codes:
        yield _say(doc, ignore.extent, "ignore", "this does not say which finding is ignored", _FORM)
        return
    if not ignore.reason:
        yield _say(doc, ignore.extent, "ignore", "this does not say why", "write the reason behind the bracket")
    known = all_codes()
    for code, where in ignore.codes:
        if code not in known:
            near, meant = nearest(code, known), certain(code, known)
            help = f"did you mean {near!r}?" if near else ""
            yield _say(doc, where, "ignore", f"no finding has the code {code[:60]!r}", help, meant or None)
        elif known[code].severity == "error":
            said = f"{code} is an error, and errors cannot be ignored"
            yield _say(doc, where, "ignore", said, "put right what it is about, and take the comment away")


def _unused(
    doc: Document, comments: Iterable[Ignore], used: set[tuple[str, int, str]], dated: bool
) -> Iterator[Diagnostic]:
    """Codes that nothing on their line is found as. A shared file's comments may be for another flow."""
    known = all_codes()
    for ignore in comments:
        for code, where in ignore.codes if ignore.reason and ignore.extent.file == doc.file else ():
            asked = code in known and known[code].severity != "error" and (dated or code not in _WITH_A_DATE)
            if asked and (where.file, where.line, code) not in used:
                said = f"nothing on this line is found as {code}"
                yield _say(doc, where, "unused-ignore", said, "take the comment away")


def _say(doc: Document, where: Extent, code: str, said: str, help: str, fix: str | None = None) -> Diagnostic:
    return doc.at(where, code, said, help, severity="warning", fix=fix)
