"""Code lists by their days, and which value of which message is held to which of them (`xsd/codes/README.md`)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase, translate
from typing import Final, Literal

from gateway.errors import ConfigurationError, Finding
from gateway.facts.fact import FactTable
from gateway.model import LANGUAGES, Language

INDEX: Final = "index"
CHECK: Final = "check:"
ADVISE: Final = "advise:"
_COLUMNS: Final = ("code", "name_en", "name_ru", "name_kk", "valid_from", "valid_to", "source")
_INDEX_COLUMNS: Final = ("root", "path", "remark", "list", "join", "also", "note")
_HEADER: Final = re.compile(r"#\s*(title|version|complete):\s*(.*?)[\s,]*")
_DAYS: Final = re.compile(r"#\s*day:")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

Standing = Literal["valid", "unknown", "expired", "not-yet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCode:
    """One row: a code, its names, and the days it holds, both included (None = open). `line` counts from 1."""

    code: str
    names: Mapping[Language, str]
    first: date | None
    last: date | None
    source: str
    line: int

    def holds(self, day: date) -> bool:
        """True when the code may be used on this day."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeBook:
    """A code list as read: `complete` = a code that is not in it does not exist, else the part in use only."""

    name: str
    title: str
    version: str
    complete: bool
    codes: Mapping[str, tuple[ListedCode, ...]]

    def standing(self, code: str, day: date) -> tuple[Standing, ListedCode | None]:
        """How a code stands on a day, with the row that says so: an expired one's last, else the first to come."""
        rows = self.codes.get(code, ())
        if not rows:
            return "unknown", None
        for row in rows:
            if row.holds(day):
                return "valid", row
        past = [row for row in rows if row.last is not None and row.last < day]
        return ("expired", past[-1]) if past else ("not-yet", rows[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One row of the index: values at `path` of documents with `root` are held to `book` or `check`, or to nothing.

    `advice`: what is found is told to who asks, but no message is refused for it.
    """

    root: str
    path: str
    remark: str
    book: str = ""
    check: str = ""
    join: tuple[str, ...] = ()
    also: frozenset[str] = frozenset()
    advice: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLists:
    """All lists by name and the index over them, in its order; `days` are WCO ids of the day a document belongs to."""

    books: Mapping[str, CodeBook]
    bindings: tuple[Binding, ...]
    days: tuple[str, ...] = ()

    def bound(self, facts: FactTable) -> dict[str, Binding]:
        """What each path of a message is held to: the first row that speaks of it, unless it says: not checked."""
        rows = [
            (row.remark, re.compile(translate(row.path)).match, row)
            for row in self.bindings
            if fnmatchcase(facts.root, row.root)
        ]
        found: dict[str, Binding] = {}
        for path, fact in facts.facts.items():
            first = next((row for remark, fits, row in rows if remark in ("*", fact.codes) and fits(path)), None)
            if first and (first.book or first.check):
                found[path] = first
        return found


def read_code_lists(files: Mapping[str, str]) -> CodeLists:
    """All lists and the index from their texts by file name (`iso-4217`, `index`; a `.csv` at the end may stay).

    Raises ConfigurationError with every problem found (`config.value`: file, line, reason).
    """
    problems: list[Finding] = []
    texts = {name.removesuffix(".csv"): text for name, text in files.items()}
    books = {name: _book(name, text, problems) for name, text in texts.items() if name != INDEX}
    bindings = tuple(_bindings(texts.get(INDEX, ""), books, problems))
    if problems:
        raise ConfigurationError(f"{len(problems)} problem(s) in code lists", findings=tuple(problems))
    days = next((line.partition(":")[2].split() for line in texts.get(INDEX, "").splitlines() if _DAYS.match(line)), [])
    return CodeLists(books=books, bindings=bindings, days=tuple(days))


def _rows(name: str, text: str, columns: tuple[str, ...], problems: list[Finding]) -> Iterator[tuple[int, list[str]]]:
    lines = text.removeprefix("\ufeff").splitlines(keepends=True)
    head = next((at for at, line in enumerate(lines) if not line.startswith("#")), len(lines))
    reader = csv.reader(io.StringIO("".join(lines[head:]), newline=""))
    if tuple(next(reader, ())) != columns:
        problems.append(_problem(name, head + 1, f"the columns are {','.join(columns)}"))
        return
    for row in reader:
        if len(row) != len(columns):
            problems.append(_problem(name, head + reader.line_num, f"{len(row)} cells instead of {len(columns)}"))
        else:
            yield head + reader.line_num, [cell.strip() for cell in row]


def _problem(name: str, line: int, reason: str) -> Finding:
    return Finding(rule="config.value", params={"file": f"{name}.csv", "reason": reason}, line=line)


def _book(name: str, text: str, problems: list[Finding]) -> CodeBook:
    found = (_HEADER.fullmatch(line.strip()) for line in text.removeprefix("\ufeff").splitlines())
    headers = {match[1]: match[2] for match in found if match}
    codes: dict[str, list[ListedCode]] = {}
    for line, row in _rows(name, text, _COLUMNS, problems):
        try:
            read = _code(row, line)
        except ValueError as error:
            problems.append(_problem(name, line, str(error)))
            continue
        rows = codes.setdefault(read.code, [])
        if any((row.last is None or read.first is None or read.first <= row.last) for row in rows):
            problems.append(_problem(name, line, f"{read.code} stands twice; former rows first, days must not overlap"))
        rows.append(read)
    return CodeBook(
        name=name,
        title=headers.get("title", name),
        version=headers.get("version", ""),
        complete=headers.get("complete") == "yes",
        codes={code: tuple(rows) for code, rows in codes.items()},
    )


def _code(row: list[str], line: int) -> ListedCode:
    code, *names, first, last, source = row
    if not code or not all(names):
        raise ValueError("code and its three names must not be empty")
    from_day, to_day = _day(first), _day(last)
    if from_day and to_day and to_day < from_day:
        raise ValueError("valid_to is before valid_from")
    spoken = dict(zip(LANGUAGES, names, strict=True))
    return ListedCode(code=code, names=spoken, first=from_day, last=to_day, source=source, line=line)


def _day(text: str) -> date | None:
    if not text:
        return None
    if not _DAY.fullmatch(text):
        raise ValueError(f"not a day (YYYY-MM-DD): {text}")
    return date(int(text[:4]), int(text[5:7]), int(text[8:]))


def _bindings(text: str, books: Mapping[str, CodeBook], problems: list[Finding]) -> Iterator[Binding]:
    if not text:
        return
    for line, (root, path, remark, target, join, also, _note) in _rows(INDEX, text, _INDEX_COLUMNS, problems):
        word = next((word for word in (CHECK, ADVISE) if target.startswith(word)), "")
        check = target.removeprefix(word) if word else ""
        if not root or not path or not remark:
            problems.append(_problem(INDEX, line, "root, path and remark must not be empty; * is anything"))
        if target and not check and target not in books:
            problems.append(_problem(INDEX, line, f"no list {target}"))
        yield Binding(
            root=root,
            path=path,
            remark=remark,
            book="" if check else target,
            check=check,
            join=tuple(filter(None, join.split("/"))),
            also=frozenset(also.split()),
            advice=word == ADVISE,
        )
