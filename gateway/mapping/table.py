"""Reads a mapping table: rows of text become rules, and everything wrong with them is said at once."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from gateway.errors import ConfigurationError, Finding
from gateway.mapping.chain import CONST, DROP, EACH, Step, chain_text, read_chain
from gateway.mapping.predicate import Condition, read_condition
from gateway.model import DocumentType

_T = TypeVar("_T")
COLUMNS: Final = ("rule", "source", "target", "convert", "required", "when", "note")
_NEEDED: Final = frozenset({"rule", "source", "target"})
_HEADER: Final = re.compile(r"#\s*([a-z][a-z-]*):\s*(.*?)[\s,]*$")
_RULE_ID: Final = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,39}")
_STEP: Final = re.compile(r"@?[^\W\d][\w.-]*(?::[\w.-]+)?")
_LABELLED: Final = re.compile(r"(.+?)\[([1-9][0-9]?)\]")
_LONGEST_TABLE: Final = 1_000_000
_LONGEST_CELL: Final = 2_000
_MOST_RULES: Final = 3_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row. `sources` are paths or `$context` names, `steps` the chain of converters.

    `each`, `const` and `drop` stand alone in a chain. `target` may number its steps (`Info[2]/Code`). `line` counts
    from 1 in the file.
    """

    id: str
    line: int
    sources: tuple[str, ...]
    target: str
    steps: tuple[Step, ...] = ()
    required: bool = False
    when: Condition | None = None
    condition: str = ""
    """`when` as written."""
    note: str = ""

    @property
    def each(self) -> bool:
        """True for a group row."""
        return bool(self.steps) and self.steps[0].name == EACH

    @property
    def drop(self) -> bool:
        """True for a row that says: this is deliberately not carried over."""
        return bool(self.steps) and self.steps[0].name == DROP

    @property
    def constant(self) -> str | None:
        """The text of a `const:` row."""
        return self.steps[0].args if self.steps and self.steps[0].name == CONST else None

    @property
    def convert(self) -> str:
        """The chain as text."""
        return chain_text(self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapTable:
    """A mapping table as read. `digest` is the SHA-256 of its text; `headers` are the `# key: value` lines."""

    name: str
    takes: DocumentType
    gives: DocumentType
    version: str
    rules: tuple[Rule, ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""


def problem(table: str, line: int, rule_id: str, rule: str, reason: str, *, path: str = "") -> Finding:
    """One finding about a table: `rule` without its `mapping.` prefix, `reason` in plain English."""
    params = {"table": table, "line": str(line), "rule": rule_id, "reason": reason}
    return Finding(rule=f"mapping.{rule}", params=params, path=path, line=line)


def read_table(text: str, name: str) -> MapTable:
    """A mapping table from csv text; `name` is what findings call it (`mappings/<agency>/query.csv`).

    Raises ConfigurationError with one finding per problem (`mapping.table`, `.rule-id`, `.path-form`, `.convert`,
    `.when`, `.required`), each with table, line and rule.
    """
    if len(text) > _LONGEST_TABLE:
        raise _refusal(name, [problem(name, 1, "", "table", "the table is longer than 1,000,000 characters")])
    body = text.removeprefix("\ufeff")
    lines = body.splitlines(keepends=True)
    head = next((at for at, line in enumerate(lines) if not line.lstrip().startswith("#")), len(lines))
    headers = {found[1]: found[2] for line in lines[:head] if (found := _HEADER.match(line.strip()))}
    problems: list[Finding] = []
    rules = list(_rules("".join(lines[head:]), head, name, problems))
    problems += _repeated(name, rules)
    if not rules and not problems:
        problems.append(problem(name, 1, "", "table", "the table has no rows"))
    if problems:
        raise _refusal(name, problems)
    return MapTable(
        name=name,
        takes=DocumentType(headers.get("takes", "")),
        gives=DocumentType(headers.get("gives", "")),
        version=headers.get("version", ""),
        rules=tuple(rules),
        headers=headers,
        digest=hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest(),
    )


def _refusal(name: str, problems: list[Finding]) -> ConfigurationError:
    return ConfigurationError(f"{name}: {len(problems)} problems", findings=tuple(problems))


def _repeated(name: str, rules: list[Rule]) -> list[Finding]:
    first: dict[str, int] = {}
    return [
        problem(name, rule.line, rule.id, "rule-id", f"the id stands also in line {first[rule.id]}")
        for rule in rules
        if first.setdefault(rule.id, rule.line) != rule.line
    ]


def _rules(text: str, head: int, name: str, problems: list[Finding]) -> Iterator[Rule]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = head + 1
    try:
        columns = [cell.strip() for cell in next(reader, [])]
        problems += _columns(columns, name, line)
        for count, cells in enumerate(reader if not problems else ()):
            line, start = head + reader.line_num, line + 1
            if count >= _MOST_RULES:
                problems.append(problem(name, line, "", "table", f"more than {_MOST_RULES} rows"))
                return
            if any(cell.strip() for cell in cells) and not cells[0].lstrip().startswith("#"):
                yield from _rule(columns, cells, name, start, problems)
    except csv.Error as error:
        problems.append(problem(name, head + reader.line_num, "", "table", f"not readable as csv: {error}"))


def _columns(columns: list[str], name: str, line: int) -> list[Finding]:
    wrong = [f"no column {column}" for column in sorted(_NEEDED - set(columns))]
    wrong += [f"unknown column {column or '(empty)'}" for column in columns if column not in COLUMNS]
    wrong += [f"column {column} twice" for column in sorted(set(columns)) if columns.count(column) > 1]
    return [problem(name, line, "", "table", reason) for reason in wrong]


def _rule(columns: list[str], cells: list[str], name: str, line: int, problems: list[Finding]) -> Iterator[Rule]:
    """The rule of one row, or nothing and its problems."""
    row = dict.fromkeys(COLUMNS, "") | {key: cell.strip() for key, cell in zip(columns, cells, strict=False)}
    wrong: list[Finding] = []

    def say(kind: str, reason: str) -> None:
        wrong.append(problem(name, line, row["rule"], kind, reason))

    if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
        say("table", f"{len(cells)} cells for {len(columns)} columns")
    if any(len(cell) > _LONGEST_CELL for cell in cells):
        say("table", f"a cell is longer than {_LONGEST_CELL} characters")
    if not _RULE_ID.fullmatch(row["rule"]):
        say("rule-id", "an id is a letter and up to 39 of A-Z a-z 0-9 . _ -")
    if row["required"] not in ("", "yes", "no"):
        say("required", f"yes or no, not {row['required']}")
    raw = next((cell for key, cell in zip(columns, cells, strict=False) if key == "convert"), "")
    steps = _parsed(lambda: read_chain(raw), say, "convert", tuple[Step, ...]())
    when = _parsed(lambda: read_condition(row["when"]), say, "when", None)
    sources = tuple(part.strip() for part in row["source"].split(" + ")) if row["source"] else ()
    for kind, reason in _shape(sources, row["target"], steps):
        say(kind, reason)
    problems += wrong
    if not wrong:
        yield Rule(
            id=row["rule"], line=line, sources=sources, target=row["target"].replace("[1]", ""), steps=steps,
            required=row["required"] == "yes", when=when, condition=row["when"], note=row["note"],
        )  # fmt: skip


def _parsed(read: Callable[[], _T], say: Callable[[str, str], None], kind: str, otherwise: _T) -> _T:
    try:
        return read()
    except ValueError as error:
        say(kind, str(error))
        return otherwise


def _shape(sources: tuple[str, ...], target: str, steps: tuple[Step, ...]) -> Iterator[tuple[str, str]]:
    """What is wrong with the form of the paths and with what stands beside what."""
    word = steps[0].name if steps else ""
    for source in sources:
        path = source.removesuffix("/@*") if word == DROP else source
        if not source.startswith("$") and not _is_path(path):
            yield "path-form", f"not a path: {source or '(empty)'}"
    if target and not _is_path(target, numbered=True):
        yield "path-form", f"not a path: {target}"
    wrong = {
        "a target is missing": not target and word != DROP,
        "drop has no target": bool(target) and word == DROP,
        "a constant has no source": bool(sources) and word == CONST,
        "each has one source": len(sources) != 1 and word == EACH,
        "a source is missing": not sources and word not in (CONST, EACH),
    }
    yield from (("path-form", reason) for reason, so in wrong.items() if so)


def _is_path(text: str, *, numbered: bool = False) -> bool:
    for step in text.split("/"):
        match = _LABELLED.fullmatch(step) if numbered else None
        if not _STEP.fullmatch(match[1] if match else step):
            return False
    return "/@" not in text[: text.rfind("/")] and not text.startswith("@")


def target_steps(target: str) -> tuple[tuple[str, int], ...]:
    """The steps of a target path, each with its number (1 where none is written)."""
    found = []
    for step in target.split("/"):
        match = _LABELLED.fullmatch(step)
        found.append((match[1], int(match[2])) if match else (step, 1))
    return tuple(found)
