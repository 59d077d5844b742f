"""Code lists: which code of ours is which code of theirs, and on which days."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from gateway.errors import ConfigurationError, Finding

ANY_OTHER: Final = "*"
_COLUMNS: Final = frozenset({"from", "to", "valid_from", "valid_to", "source", "note", "factor"})
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FACTOR: Final = re.compile(r"[0-9]{1,30}(\.[0-9]{1,30})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One row: `source` code becomes `target` on the days from `first` to `last`, both included (None = open)."""

    line: int
    source: str
    target: str
    first: date | None = None
    last: date | None = None
    factor: str = ""

    def holds(self, day: date | None) -> bool:
        """True when the row is valid on this day; of an unknown day only a row without dates is."""
        if day is None:
            return self.first is None and self.last is None
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeList:
    """A code list as read. `version` is its own word for it, else the first 12 hex digits of its SHA-256."""

    name: str
    version: str
    codes: tuple[Code, ...]

    @property
    def dated(self) -> bool:
        """True when some row is valid only on some days."""
        return any(code.first or code.last for code in self.codes)

    @property
    def ambiguous(self) -> str:
        """Why the list cannot be read from right to left; empty when it can."""
        seen: dict[str, Code] = {}
        for code in self.codes:
            if code.source == ANY_OTHER:
                return "every other code becomes one code"
            other = seen.setdefault(code.target, code)
            if other.source != code.source:
                return f"{other.source} and {code.source} both become {code.target}"
        return ""

    def on(self, day: date | None, *, back: bool = False) -> dict[str, Code]:
        """The rows that hold on a day by source code; `back`: by target code, for a list that is not `ambiguous`."""
        return {code.target if back else code.source: code for code in self.codes if code.holds(day)}


def read_codes(text: str, name: str) -> CodeList:
    """A code list from csv text. Raises ConfigurationError with every problem found (`mapping.codes`, line)."""
    problems: list[Finding] = []
    body = text.removeprefix("\ufeff")
    lines = body.splitlines(keepends=True)
    head = next((number for number, line in enumerate(lines) if not line.startswith("#")), len(lines))
    version = next((m[1] for m in (re.match(r"#\s*version:\s*(.*?)[\s,]*$", line) for line in lines[:head]) if m), "")
    reader = csv.DictReader(io.StringIO("".join(lines[head:]), newline=""), restval="", restkey="")
    unknown = [column for column in reader.fieldnames or () if column.strip() not in _COLUMNS]
    if unknown or not {"from", "to"} <= set(reader.fieldnames or ()):
        raise ConfigurationError(name, findings=(_problem(name, head + 1, "columns are from,to,valid_from,..."),))
    codes: list[Code] = []
    for row in reader:
        line = head + reader.line_num
        if row["from"].startswith("#"):
            continue
        try:
            codes.append(_code({key: value.strip() for key, value in row.items() if key}, line))
        except ValueError as error:
            problems.append(_problem(name, line, str(error)))
    problems += _overlaps(name, codes)
    if problems:
        raise ConfigurationError(f"{name}: {len(problems)} problems", findings=tuple(problems))
    digest = hashlib.sha256(body.encode()).hexdigest()[:12]
    return CodeList(name=name, version=version or digest, codes=tuple(codes))


def _problem(name: str, line: int, reason: str) -> Finding:
    return Finding(
        rule="mapping.codes", params={"table": name, "line": str(line), "rule": "", "reason": reason}, line=line
    )


def _code(row: dict[str, str], line: int) -> Code:
    factor = row.get("factor", "")
    if not row["from"] or not row["to"]:
        raise ValueError("from and to must not be empty")
    if factor and (not _FACTOR.fullmatch(factor) or not factor.strip("0.")):
        raise ValueError(f"factor is not a positive decimal: {factor}")
    first, last = _day(row.get("valid_from", "")), _day(row.get("valid_to", ""))
    if first and last and last < first:
        raise ValueError("valid_to is before valid_from")
    return Code(line=line, source=row["from"], target=row["to"], first=first, last=last, factor=factor)


def _day(text: str) -> date | None:
    if not text:
        return None
    if not _DAY.fullmatch(text):
        raise ValueError(f"not a day (YYYY-MM-DD): {text}")
    return date(int(text[:4]), int(text[5:7]), int(text[8:]))


def _overlaps(name: str, codes: list[Code]) -> list[Finding]:
    found: list[Finding] = []
    seen: dict[str, list[Code]] = {}
    for code in codes:
        before = seen.setdefault(code.source, [])
        found += [
            _problem(name, code.line, f"{code.source} stands also in line {other.line}")
            for other in before
            if _first(other) <= _last(code) and _first(code) <= _last(other)
        ]
        before.append(code)
    return found


def _first(code: Code) -> date:
    return code.first or date.min


def _last(code: Code) -> date:
    return code.last or date.max
