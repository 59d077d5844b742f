"""Reads JSON that can mean only one thing, or says by JSON pointer (RFC 6901) why it does not (threat row J5).

No name twice in one object, no number that a reader could round, no NaN, no byte order mark, no depth beyond a limit:
the rules of I-JSON (RFC 7493) without its freedom of numbers.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NoReturn

from gateway.errors import EnvelopeMalformed, Finding

DEEPEST: Final = 50
MOST_FINDINGS: Final = 100
_EXACT_DIGITS: Final = 15
"""Whole numbers up to this length are the same in every reader (IEEE 754 double)."""
_CUT: Final = 200
_MOST_VALUES: Final = 200_000
"""More than any document has elements and attributes; beyond it nothing is worked out any more."""
_MARKS: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.S)
_OPENING: Final = frozenset("[{")
_CLOSING: Final = frozenset("]}")


@dataclass(frozen=True, slots=True)
class Number:
    """A number, as written."""

    text: str


@dataclass(frozen=True, slots=True)
class Members:
    """An object as written: its members in order, a name as often as it came."""

    pairs: tuple[tuple[str, Value], ...]


Value = str | Number | Members | list["Value"] | bool | None
"""What `read_json` gives; of the three words that are no JSON (NaN, Infinity, -Infinity) none gets through."""


def read_json(octets: bytes) -> Value:
    """The one value of a JSON text in UTF-8. Raises EnvelopeMalformed with a finding per place (`json.*`, J5)."""
    text = _text(octets)
    if _depth(text) > DEEPEST:
        _refuse(Finding(rule="json.depth", params={"most": str(DEEPEST)}))
    try:
        value: Value = json.loads(
            text, object_pairs_hook=_members, parse_float=Number, parse_int=Number, parse_constant=Number
        )
    except json.JSONDecodeError as error:
        reason = error.msg[0].lower() + error.msg[1:]
        _refuse(Finding(rule="json.malformed", params={"reason": reason}, line=error.lineno, column=error.colno))
    findings = tuple(finding for finding, _ in zip(_ambiguous(value, ""), range(MOST_FINDINGS), strict=False))
    if findings:
        _refuse(*findings)
    return value


def pointer(above: str, step: str | int) -> str:
    """The pointer of a member or item below another pointer; names are shown as `shown` shows them."""
    return f"{above}/{shown(str(step)).replace('~', '~0').replace('/', '~1')}"


def shown(text: str) -> str:
    """A text of a stranger as a finding can carry it: 200 characters at most, half surrogate pairs as `\\ud800`."""
    return text[:_CUT].encode("utf-8", "backslashreplace").decode()


def _text(octets: bytes) -> str:
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(Finding(rule="json.malformed", params={"reason": f"not UTF-8 at octet {error.start + 1}"}))
    if text.startswith("\ufeff"):
        _refuse(Finding(rule="json.malformed", params={"reason": "a byte order mark is not JSON"}, line=1, column=1))
    return text


def _refuse(*findings: Finding) -> NoReturn:
    raise EnvelopeMalformed(f"JSON: {findings[0].rule} at {findings[0].path or '/'}", findings=findings, threat="J5")


def _depth(text: str) -> int:
    """How deep brackets nest outside strings; counted before the parser recurses.

    Raises EnvelopeMalformed (X5) for too many values: before each stands a bracket or a comma, save the outermost.
    """
    deepest = here = values = 0
    for mark in _MARKS.finditer(text):
        if mark[0] in _OPENING:
            here += 1
            values += 1
            deepest = max(deepest, here)
        elif mark[0] in _CLOSING:
            here -= 1
        elif mark[0] == ",":
            values += 1
            if values > _MOST_VALUES:
                raise EnvelopeMalformed("JSON: too many values", threat="X5")
    return deepest


def _members(pairs: list[tuple[str, Value]]) -> Members:
    return Members(tuple(pairs))


def _ambiguous(value: Value, at: str) -> Iterator[Finding]:
    """Everything that two readers could take differently."""
    if isinstance(value, Members):
        seen: set[str] = set()
        for name, member in value.pairs:
            here = pointer(at, name)
            if name in seen:
                yield Finding(rule="json.duplicate", params={"member": shown(name)}, path=here)
            seen.add(name)
            yield from _ambiguous(member, here)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _ambiguous(item, pointer(at, number))
    elif isinstance(value, Number) and _inexact(value.text):
        yield Finding(rule="json.number", params={"value": value.text[:_CUT]}, path=at, value=value.text[:_CUT])


def _inexact(number: str) -> bool:
    """NaN and infinities too: the library reads them as numbers."""
    if number.lstrip("-").isdigit():
        return len(number.lstrip("-")) > _EXACT_DIGITS
    return not math.isfinite(float(number))
