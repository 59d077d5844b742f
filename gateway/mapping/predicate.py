"""The `when` language: comparisons of paths with fixed texts, and nothing else.

    any     = all ("or" all)*            all  = one ("and" one)*
    one     = "not" "(" any ")" | "(" any ")" | ("present" | "absent") "(" path ")"
            | path ("=" | "!=") text | path ["not"] "in" "(" text ("," text)* ")"

Values of a message are only ever compared; no expression is built from them (threat row M2).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<sign>!=|=|\(|\)|,)|(?P<word>[^\s'=!(),]+))")
_DEPTH: Final = 20


@dataclass(frozen=True, slots=True)
class Equals:
    """Some occurrence of the path holds one of these texts."""

    path: str
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Present:
    """Some occurrence of the path is there and not blank."""

    path: str


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    item: Condition


@dataclass(frozen=True, slots=True)
class All:
    """Every one holds."""

    items: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one holds."""

    items: tuple[Condition, ...]


Condition = Equals | Present | Not | All | Either


def read_condition(cell: str) -> Condition | None:
    """The condition of a `when` cell, None for an empty one. Raises ValueError for what is not of the language."""
    text = cell.strip()
    return _Reader(text).whole() if text else None


def paths_of(condition: Condition | None) -> Iterator[str]:
    """Every path that a condition reads."""
    if isinstance(condition, Equals | Present):
        yield condition.path
    elif isinstance(condition, Not):
        yield from paths_of(condition.item)
    elif condition is not None:
        for item in condition.items:
            yield from paths_of(item)


class _Reader:
    """Reads one condition from left to right, one token ahead."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._depth = 0

    def whole(self) -> Condition:
        condition = self._any()
        if self._at < len(self._tokens):
            raise ValueError(f"not expected here: {self._peek()}")
        return condition

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        if not token:
            raise ValueError("the condition ends too early")
        self._at += 1
        return token

    def _expect(self, token: str) -> None:
        found = self._take()
        if found != token:
            raise ValueError(f"{token} expected, not {found}")

    def _any(self) -> Condition:
        self._depth += 1
        if self._depth > _DEPTH:
            raise ValueError("nested too deep")
        items = [self._all()]
        while self._peek() == "or":
            self._take()
            items.append(self._all())
        self._depth -= 1
        return items[0] if len(items) == 1 else Either(tuple(items))

    def _all(self) -> Condition:
        items = [self._one()]
        while self._peek() == "and":
            self._take()
            items.append(self._one())
        return items[0] if len(items) == 1 else All(tuple(items))

    def _one(self) -> Condition:
        token = self._take()
        if token == "not":  # noqa: S105
            return Not(self._bracketed())
        if token == "(":  # noqa: S105
            self._at -= 1
            return self._bracketed()
        if token in ("present", "absent") and self._peek() == "(":
            return self._presence(token)
        return self._comparison(_path(token))

    def _bracketed(self) -> Condition:
        self._expect("(")
        inner = self._any()
        self._expect(")")
        return inner

    def _presence(self, word: str) -> Condition:
        self._expect("(")
        present = Present(_path(self._take()))
        self._expect(")")
        return present if word == "present" else Not(present)

    def _comparison(self, path: str) -> Condition:
        sign = self._take()
        if sign in ("=", "!="):
            equals = Equals(path, frozenset((self._text(),)))
            return equals if sign == "=" else Not(equals)
        if sign == "not":
            self._expect("in")
            return Not(Equals(path, self._texts()))
        if sign == "in":
            return Equals(path, self._texts())
        raise ValueError(f"=, != or in expected, not {sign}")

    def _texts(self) -> frozenset[str]:
        self._expect("(")
        values = [self._text()]
        while self._peek() == ",":
            self._take()
            values.append(self._text())
        self._expect(")")
        return frozenset(values)

    def _text(self) -> str:
        token = self._take()
        if not token.startswith("'"):
            raise ValueError(f"a text in quotes expected, not {token}")
        return token[1:-1].replace("''", "'")


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"not understood: {text[at : at + 40]}")
        yield match["text"] or match["sign"] or match["word"]
        at = match.end()


def _path(token: str) -> str:
    if token[0] in "'=!(),":
        raise ValueError(f"a path expected, not {token}")
    return token
