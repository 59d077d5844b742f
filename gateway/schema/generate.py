"""Builds every XSD of ours from its table of facts, and says which committed XSD is not what its table gives."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway.errors import ConfigurationError
from gateway.facts import facts_from_sheet, facts_from_xsd
from gateway.facts.fact import FactTable
from gateway.facts.sheet import LIKE, Sheet, read_sheet
from gateway.schema.xsd import MARK, write_xsds

_USAGE = "usage: python -m gateway.schema.generate build|check [FOLDER or FILE.csv ...]\n"


def load_facts(path: Path, root: str = "") -> FactTable:
    """The facts of a schema: of the table `<name>.csv` next to `<name>.xsd` where there is one, else of the XSD itself.

    `path` names either file; `root` is the global element to read where only an XSD is there. Raises
    ConfigurationError with all problems.
    """
    table = path.with_suffix(".csv")
    if not table.exists():
        return facts_from_xsd(str(path), root)
    sheet = _read(table)
    return facts_from_sheet(sheet, {name: load_facts(table.parent / name) for name in _likened(sheet)})


def schema_tables(folder: Path) -> list[Path]:
    """Every table below a folder that gives a schema; code lists (`codes/`) and the catalogue of messages give none."""
    return sorted(t for t in folder.rglob("*.csv") if t.parent.name != "codes" and t.name != "messages.csv")


def xsds_of(table: Path) -> dict[Path, str]:
    """The XSD files that one table gives, with their text. Raises ConfigurationError."""
    sheet = _read(table)
    like = {name: _read(table.parent / name) for name in _likened(sheet)}
    return {table.parent / name: text for name, text in write_xsds(sheet, table.stem, like).items()}


def build(paths: Sequence[Path]) -> list[Path]:
    """Write what is not as its table gives it; remove what no table gives any more. Returns the files touched."""
    touched = []
    for path, text in _drift(paths):
        touched.append(path)
        if text is None:
            path.unlink()
        else:
            path.write_text(text, encoding="utf-8", newline="\n")
    return touched


def check(paths: Sequence[Path]) -> list[Path]:
    """The XSD files that are not what their tables give: changed, missing or left over."""
    return [path for path, _ in _drift(paths)]


def _drift(paths: Sequence[Path]) -> Iterator[tuple[Path, str | None]]:
    tables = [table for path in paths for table in ([path] if path.is_file() else schema_tables(path))]
    wanted = {path: text for table in tables for path, text in xsds_of(table).items()}
    for path, text in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            yield path, text
    for folder in (path for path in paths if path.is_dir()):
        for path in sorted(folder.rglob("*.xsd")):
            if path not in wanted and MARK in path.read_text(encoding="utf-8"):
                yield path, None


def _read(table: Path) -> Sheet:
    if not table.exists():
        raise ConfigurationError(f"no table {table}")
    return read_sheet(table.read_text(encoding="utf-8"), table.as_posix())


def _likened(sheet: Sheet) -> list[str]:
    return sorted({row.type[len(LIKE) :] for row in sheet.rows if row.type.startswith(LIKE)})


def main(arguments: Sequence[str]) -> int:
    """Build or check; 0 = in order, 1 = drift or a table with problems, 2 = not understood."""
    word, *names = arguments or [""]
    if word not in ("build", "check"):
        sys.stderr.write(_USAGE)
        return 2
    paths = [Path(name) for name in names] or [Path("xsd")]
    try:
        found = build(paths) if word == "build" else check(paths)
    except ConfigurationError as refusal:
        sys.stderr.write(f"{refusal.detail}\n")
        for finding in refusal.findings:
            words = ", ".join(f"{key} {value}" for key, value in finding.params.items() if value)
            sys.stderr.write(f"  {finding.rule}: {words}\n")
        return 1
    for path in found:
        sys.stdout.write(f"{'written' if word == 'build' else 'drift'}: {path}\n")
    return 1 if found and word == "check" else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
