"""XML for people: indented and coloured, from bytes that nobody trusts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree
from markupsafe import Markup
from pygments.lexers.html import XmlLexer
from pygments.token import Comment, Literal, Name, _TokenType

from gateway.errors import GatewayError
from gateway.shell.console.plain import visible
from gateway.xml import parse

COLOURED: Final = 200_000
"""Characters up to which a text is coloured; more is shown plain."""
SHOWN: Final = 1_000_000
"""Bytes of which a page shows all; of more it shows the beginning."""
BEGINNING: Final = 100_000
_CLASSES: Final = (
    (Name.Tag, "x-tag"), (Name.Attribute, "x-name"), (Literal.String, "x-value"), (Comment.Preproc, "x-note"),
    (Comment, "x-note"), (Name.Entity, "x-entity"),
)  # fmt: skip
_LINE: Final = Markup('<span class="line">{}\n</span>')
_SPAN: Final = Markup('<span class="{}">{}</span>')


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A text ready to be shown. `cut`: the page holds only its beginning. `pretty`: it is not the signed bytes."""

    lines: Markup
    pretty: bool
    cut: bool


def view(body: bytes, *, pretty: bool) -> View:
    """The bytes as text, indented where that is wanted and they are XML."""
    if len(body) > SHOWN:
        return beginning(body[:BEGINNING])
    text = indented(body) if pretty else None
    shown = text if text is not None else body.decode("utf-8", "replace")
    lines = _coloured(shown) if len(shown) <= COLOURED else _plain(shown)
    return View(lines=lines, pretty=text is not None, cut=False)


def beginning(body: bytes) -> View:
    """The first bytes of what is too long for a page."""
    return View(lines=_plain(body.decode("utf-8", "replace")), pretty=False, cut=True)


def indented(body: bytes) -> str | None:
    """The document with one element a line; None for what is not XML that we would take."""
    try:
        root = parse(body, instructions=True)
    except GatewayError:
        return None
    etree.indent(root, "  ")
    return etree.tostring(root, encoding="unicode")


def _coloured(text: str) -> Markup:
    line, lines = Markup(), []
    for name, value in _pieces(text):
        for number, piece in enumerate(value.split("\n")):
            if number:
                lines.append(_LINE.format(line))
                line = Markup()
            if piece:
                line += _SPAN.format(name, visible(piece)) if name else visible(piece)
    return Markup().join([*lines, _LINE.format(line)] if line else lines)


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    for token, value in XmlLexer(ensurenl=False, stripnl=False).get_tokens(text):
        yield _class_of(token), value


def _class_of(token: _TokenType) -> str:
    return next((name for kind, name in _CLASSES if kind in token.split()), "")


def _plain(text: str) -> Markup:
    return Markup().join(_LINE.format(visible(line)) for line in text.split("\n"))
