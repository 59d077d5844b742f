"""`gateway validate`: bare documents against the schemas, each finding where it is and in words people read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.place import Config, registry_of, settings_at
from gateway.cli.say import Json, emit, one_of

if TYPE_CHECKING:
    from gateway.errors import Finding
    from gateway.model import Document


def add_to(app: typer.Typer) -> None:
    """Put the command into the program."""
    app.command("validate")(validate)


def validate(
    files: Annotated[list[Path], typer.Argument(help="XML files, or folders with XML files.")],
    language: Annotated[str, typer.Option("--lang", help="Language of the words: en, ru or kk.")] = "en",
    as_json: bool = Json,
    config: Config = None,
) -> None:
    """Check bare messages; the schema is found by namespace, root, function and type. Ends with 1 if any is not valid.

    A file that cannot be read, is not XML or has no schema is one more line, never a stop. With --json: one object per
    line and file.
    """
    from gateway.model import LANGUAGES
    from gateway.schema import validate_bare

    one_of("language", language, LANGUAGES)
    schemas = registry_of(settings_at(config)).schemas
    invalid = False
    for file in spread(files):
        try:
            told = shown(file, validate_bare(file.read_bytes(), schemas))
        except OSError as error:
            told = unreadable(file, error)
        invalid = invalid or not told["valid"]
        if as_json:
            emit(told)
        else:
            typer.echo("\n".join(lines_of(told, language)))
    raise typer.Exit(1 if invalid else 0)


def spread(files: Iterable[Path]) -> Iterator[Path]:
    """The files, and the XML files below the folders, each folder sorted; a folder without any stands for itself."""
    for file in files:
        yield from (sorted(file.rglob("*.xml")) if file.is_dir() else []) or [file]


def shown(file: Path, found: Document | Sequence[Finding]) -> dict[str, Any]:
    """The result of one file as plain values: file, valid, schema, type, findings."""
    from gateway.model import Document
    from gateway.refusal import finding_members

    if isinstance(found, Document):
        return {"file": str(file), "valid": True, "schema": found.schema, "type": found.type, "findings": []}
    findings = [finding_members(finding) for finding in found]
    return {"file": str(file), "valid": False, "schema": None, "type": None, "findings": findings}


def unreadable(file: Path, error: OSError) -> dict[str, Any]:
    """The same for a file that cannot be read."""
    finding = {"rule": "file.unreadable", "text": error.strerror or str(error), "hint": ""}
    return {"file": str(file), "valid": False, "schema": None, "type": None, "findings": [finding]}


def lines_of(told: dict[str, Any], language: str) -> Iterator[str]:
    """The lines for people: `file:line:col rule path = "value" - WCO id name: text hint`."""
    if told["valid"]:
        yield f"{told['file']}: valid {told['type']} ({told['schema'].partition('@')[0]})"
    for finding in told["findings"]:
        place = ":".join(str(part) for part in (told["file"], finding.get("line"), finding.get("column")) if part)
        path = f" {finding['path']}" if finding.get("path") else ""
        value = f' = "{finding["value"]}"' if finding.get("value") else ""
        named = " ".join(filter(None, [finding.get("wcoId", ""), finding.get("wcoName", "")]))
        words = finding.get(language, finding)
        wco = f" - {'' if named.startswith('KZ') else 'WCO '}{named}" if named else ""  # KZ...: ids of our own
        yield f"{place} {finding['rule']}{path}{value}{wco}: {words.get('text', '')} {words.get('hint', '')}".rstrip()
