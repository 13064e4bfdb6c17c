"""How wide a text is in a common sans-serif face, so that a picture can be laid out without any font."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

# thousandths of the type size · the characters that are so wide (Helvetica, and what is made to replace it)
_WIDTHS: tuple[tuple[int, str], ...] = (
    (191, "'"),
    (222, "ijl\u2018\u2019"),
    (260, "|"),
    (278, " !,./:;I[]\\ft\u00b7"),
    (333, "()-`r\u201c\u201d"),
    (334, "{}"),
    (355, '"'),
    (389, "*"),
    (469, "^"),
    (500, "Jckszvxy"),
    (556, "#$0123456789?L_abdeghnopqu\u2013"),
    (584, "+<=>~"),
    (611, "FTZ"),
    (667, "&ABEKPSVXY"),
    (722, "CDHNRUw"),
    (778, "GOQ"),
    (833, "Mm"),
    (889, "%"),
    (944, "W"),
    (1000, "\u2014\u2026"),
    (1015, "@"),
)
_WIDTH = {character: width for width, characters in _WIDTHS for character in characters}
_USUAL, _WIDE, _BOLD = 620, 1000, 1.07
ELLIPSIS = "\u2026"


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Pixels that a line of this type size (pixels) takes."""
    return sum(map(_of, text)) * size / 1000 * (_BOLD if bold else 1.0)


def _of(character: str) -> int:
    if character in _WIDTH:
        return _WIDTH[character]
    if unicodedata.combining(character):
        return 0
    plain = unicodedata.normalize("NFD", character)[0]  # an accent adds nothing
    return _WIDTH.get(plain, _WIDE if unicodedata.east_asian_width(character) in "WF" else _USUAL)


def wrapped(text: str, size: float, room: float, most: int, *, bold: bool = False) -> tuple[str, ...]:
    """The text in at most so many lines of `room` pixels; what does not fit is left out, with an ellipsis."""
    lines = list(_lines(_words(text, size, room, bold), size, room, bold))
    if len(lines) <= most:
        return tuple(lines)
    return (*lines[: most - 1], _shortened(" ".join(lines[most - 1 :]), size, room, bold))


def _words(text: str, size: float, room: float, bold: bool) -> Iterator[str]:
    """The words; one that is wider than a line in pieces that fit."""
    for word in text.split():
        piece = ""
        for character in word:
            if piece and width(piece + character, size, bold=bold) > room:
                yield piece
                piece = ""
            piece += character
        yield piece


def _lines(words: Iterable[str], size: float, room: float, bold: bool) -> Iterator[str]:
    line = ""
    for word in words:
        longer = f"{line} {word}" if line else word
        if line and width(longer, size, bold=bold) > room:
            yield line
            longer = word
        line = longer
    if line:
        yield line


def _shortened(text: str, size: float, room: float, bold: bool) -> str:
    kept = ""
    for character in text:
        if width(kept + character + ELLIPSIS, size, bold=bold) > room:
            break
        kept += character
    return kept.rstrip(" ,;") + ELLIPSIS
