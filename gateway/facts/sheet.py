"""Reads a schema table as it is written: header lines, rows, and everything wrong with them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from gateway.errors import ConfigurationError, Finding

COLUMNS = ("path", "min", "max", "type", "wco_id", "wco_name", "tded", "format", "codes", "pattern", "note")
TEXTUAL = frozenset({"text", "code", "id", "token-id", "string", "line", "token"})
DECIMALS = frozenset({"numeric", "amount", "quantity", "measure", "decimal", "integer"})
PLAIN = frozenset({"indicator", "date", "datetime", "time", "boolean", "uri", "base64", "int"})
SIMPLE = TEXTUAL | DECIMALS | PLAIN
NESTED = frozenset({"datetimestring", "nullable"})
CLASSES = frozenset({"class", "mixed"})
GROUPS = frozenset({"choice", "sequence", "any"})
CONTAINERS = CLASSES | GROUPS - {"any"}
ANY = frozenset({"", "##any", "##other"})
STYLES = frozenset({"wco", "wrapper"})
LIKE = "like:"
_HEADERS = ("title", "namespace", "prefix", "root", "version", "status", "children")
_TEXT_FORMAT = re.compile(r"(an|a|n)(\.\.)?([1-9][0-9]*)")
_NUMBER_FORMAT = re.compile(r"n(\.\.)?([1-9][0-9]*)(,[0-9]+)?")
_NAME = re.compile(r"[^\W\d][\w.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a table. `steps` keep prefixes and `?` groups; `namespace` is resolved; `line` counts from 1."""

    line: int
    steps: tuple[str, ...]
    namespace: str
    min: int
    max: int | None
    type: str
    wco_id: str = ""
    wco_name: str = ""
    tded: str = ""
    format: str = ""
    codes: str = ""
    pattern: str = ""
    note: str = ""

    @property
    def name(self) -> str:
        """Local name of the element or attribute."""
        return local(self.steps[-1])

    @property
    def attribute(self) -> bool:
        """True for an attribute row."""
        return self.steps[-1].startswith("@")

    @property
    def group(self) -> bool:
        """True for a choice or sequence, which is no part of the document's path."""
        return self.steps[-1].startswith("?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A schema table as written. `namespaces` maps prefixes; `dates` and `styles` are keyed by namespace.

    `unqualified`: elements below the root have no namespace unless they carry a prefix.
    """

    title: str
    namespace: str
    prefix: str
    root: str
    version: str
    status: str
    unqualified: bool = False
    namespaces: Mapping[str, str] = field(default_factory=dict)
    dates: Mapping[str, str] = field(default_factory=dict)
    styles: Mapping[str, str] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()

    def below(self, steps: tuple[str, ...]) -> tuple[Row, ...]:
        """The rows one step below these steps, in order."""
        depth = len(steps)
        return tuple(row for row in self.rows if len(row.steps) == depth + 1 and row.steps[:depth] == steps)


def local(step: str) -> str:
    """The local name of a path step: without prefix, `@` or `?`."""
    return step.rpartition(":")[2].lstrip("@?")


def read_sheet(text: str, file: str = "") -> Sheet:
    """A schema table, checked row by row.

    Raises ConfigurationError with one finding (`facts.*`, params `file`, `line` and what is wrong) per problem.
    """
    problems: list[Finding] = []
    lines = text.removeprefix("\ufeff").splitlines(keepends=True)
    head = next((index for index, line in enumerate(lines) if not line.startswith("#")), len(lines))
    headers = _headers(lines[:head], problems)
    sheet = _sheet(headers, problems)
    rows = list(_Rows(sheet, problems).read("".join(lines[head:]), head))
    if problems:
        named = tuple(replace(found, params={**found.params, "file": file}) for found in problems)
        raise ConfigurationError(f"{len(named)} problems in the schema table {file}".rstrip(), findings=named)
    return replace(sheet, rows=tuple(rows))


def problem(rule: str, line: int, **params: str) -> Finding:
    """One finding of a table; `line` counts from 1 in the file."""
    return Finding(rule=f"facts.{rule}", params={"line": str(line), **params}, line=line)


def _headers(lines: list[str], problems: list[Finding]) -> dict[tuple[str, str], tuple[str, int]]:
    """(word, "") -> value for `# word: value`; (word, prefix) -> value for `# word prefix=value`."""
    found: dict[tuple[str, str], tuple[str, int]] = {}
    for number, line in enumerate(lines, start=1):
        match = re.fullmatch(r"#\s*(?:([a-z]+):|(ns|dates|style)\s+([^\s=]+)\s*=)\s*([^\r\n]*?)\s*[,\s]*", line)
        if match is None or (match[1] and match[1] not in _HEADERS):
            continue
        key = (match[1] or match[2], match[3] or "")
        if key in found:
            problems.append(problem("header", number, header=" ".join(key).strip(), why="said twice"))
        found[key] = (match[4], number)
    return found


def _sheet(headers: Mapping[tuple[str, str], tuple[str, int]], problems: list[Finding]) -> Sheet:
    plain = {word: headers.get((word, ""), ("", 0))[0] for word in _HEADERS}
    needed = ("title", "root", "version", "status")
    problems += [problem("header", 1, header=word, why="missing") for word in needed if not plain[word]]
    namespaces = {key[1]: value for key, (value, _) in headers.items() if key[0] == "ns"}
    if plain["prefix"]:
        namespaces[plain["prefix"]] = plain["namespace"]
    dates = _by_namespace("dates", headers, namespaces, problems)
    styles = _by_namespace("style", headers, namespaces, problems)
    unknown = sorted(set(styles.values()) - STYLES)
    problems += [problem("header", 1, header="style", why=f"unknown style {style}") for style in unknown]
    if plain["children"] not in ("", "unqualified"):
        problems.append(problem("header", headers["children", ""][1], header="children", why="not unqualified"))
    return Sheet(
        title=plain["title"],
        namespace=plain["namespace"],
        prefix=plain["prefix"],
        root=plain["root"],
        version=plain["version"],
        status=plain["status"],
        unqualified=bool(plain["children"]),
        namespaces=namespaces,
        dates=dates,
        styles=styles,
    )


def _by_namespace(
    word: str,
    headers: Mapping[tuple[str, str], tuple[str, int]],
    namespaces: Mapping[str, str],
    problems: list[Finding],
) -> dict[str, str]:
    found: dict[str, str] = {}
    for (header, prefix), (value, line) in headers.items():
        if header != word:
            continue
        if prefix not in namespaces:
            problems.append(problem("prefix", line, prefix=prefix))
            continue
        found[namespaces[prefix]] = value
    return found


class _Rows:
    """Reads the rows of one table in order, remembering which steps are open."""

    def __init__(self, sheet: Sheet, problems: list[Finding]) -> None:
        self._sheet = sheet
        self._problems = problems
        self._seen: dict[tuple[str, ...], Row] = {}
        self._open: list[Row] = []
        self._line = 0

    def read(self, text: str, offset: int) -> Iterator[Row]:
        reader = csv.reader(io.StringIO(text, newline=""))
        columns = tuple(cell.strip() for cell in next(reader, []))
        if columns != COLUMNS:
            self._say("columns", wanted=",".join(COLUMNS), found=",".join(columns), line=offset + 1)
            return
        for cells in reader:
            self._line = offset + reader.line_num
            if not any(cells) or cells[0].startswith("#"):
                continue
            if len(cells) != len(COLUMNS):
                self._say("columns", wanted=str(len(COLUMNS)), found=str(len(cells)))
                continue
            row = self._row(dict(zip(COLUMNS, (cell.strip() for cell in cells), strict=True)))
            if row is not None:
                yield row

    def _row(self, cells: dict[str, str]) -> Row | None:
        steps = self._steps(cells["path"])
        if steps is None:
            return None
        low, high = self._occurs(cells["min"], cells["max"])
        words = {key: cells[key] for key in COLUMNS if key not in ("path", "min", "max")}
        row = Row(line=self._line, steps=steps, namespace=self._namespace(steps), min=low, max=high, **words)
        self._check(row)
        self._seen[steps] = row
        self._open = [*self._open[: len(steps) - 1], row]
        return row

    def _steps(self, path: str) -> tuple[str, ...] | None:
        """The steps as written, where an open parent may be named without its prefix; None after a finding."""
        steps = tuple(path.split("/"))
        depth = len(steps) - 1
        parents = tuple(row.steps[-1] for row in self._open[:depth])
        full = (*parents, steps[-1])
        wrong = ""
        if not all(_NAME.fullmatch(local(step)) for step in steps):
            wrong = "path"
        elif len(full) != len(steps) or any(s not in (p, local(p)) for s, p in zip(steps, parents, strict=False)):
            wrong = "parent"
        elif depth == 0 and (self._seen or local(path) != self._sheet.root):
            wrong = "root"
        elif full in self._seen:
            wrong = "duplicate"
        if wrong:
            self._say(wrong, path=path)
        return None if wrong else full

    def _namespace(self, steps: tuple[str, ...]) -> str:
        step = steps[-1]
        if step.startswith("@"):
            return ""
        prefix, colon, _ = step.lstrip("?").partition(":")
        if not colon:
            return self._inherited(len(steps))
        if prefix not in self._sheet.namespaces:
            self._say("prefix", prefix=prefix)
        return self._sheet.namespaces.get(prefix, "")

    def _inherited(self, depth: int) -> str:
        if depth == 1:
            return self._sheet.namespace
        return "" if self._sheet.unqualified else self._open[depth - 2].namespace

    def _occurs(self, low: str, high: str) -> tuple[int, int | None]:
        wrong = not re.fullmatch("[0-9]+", low) or not re.fullmatch(r"[0-9]+|\*", high)
        if wrong or (high != "*" and int(high) < max(int(low), 1)):
            self._say("occurs", min=low, max=high)
            return 0, None
        return int(low), None if high == "*" else int(high)

    def _check(self, row: Row) -> None:
        parent = self._open[len(row.steps) - 2] if len(row.steps) > 1 else None
        if not _known(row):
            self._say("type", path="/".join(row.steps), type=row.type)
        if parent is not None and not row.attribute and parent.type not in CONTAINERS:
            self._say("parent", path="/".join(row.steps))
        if row.attribute and row.max != 1:
            self._say("occurs", min=str(row.min), max=str(row.max))
        if row.type == "any" and row.codes not in ANY:
            self._say("type", path="/".join(row.steps), type=row.codes)
        if row.format and row.type in (TEXTUAL | DECIMALS) and not _format_fits(row):
            self._say("format", path="/".join(row.steps), format=row.format)
        self._check_pattern(row)

    def _check_pattern(self, row: Row) -> None:
        if "\\d" in row.pattern:
            self._say("pattern", path="/".join(row.steps), pattern=row.pattern)

    def _say(self, rule: str, *, line: int = 0, **params: str) -> None:
        self._problems.append(problem(rule, line or self._line, **params))


def _known(row: Row) -> bool:
    if row.group:
        return row.type in GROUPS
    if row.attribute:
        return row.type in SIMPLE
    return row.type in CLASSES | SIMPLE | NESTED or row.type.startswith(LIKE)


def _format_fits(row: Row) -> bool:
    shape = _TEXT_FORMAT if row.type in TEXTUAL else _NUMBER_FORMAT
    return shape.fullmatch(row.format) is not None
