"""`gateway twin`: a document as JSON, JSON as a document, and the JSON Schema of a message."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from gateway.cli.place import Config, registry_of, settings_at
from gateway.cli.say import Json, emit, wrong_use
from gateway.cli.schema import named
from gateway.cli.validate import lines_of, octets_of, shown, taken

if TYPE_CHECKING:
    from gateway.model import Schema
    from gateway.registry import Registry
    from gateway.schema import Schemas
    from gateway.schema.bare import Verdict

app = typer.Typer(help="JSON twins: the same document as XML and as JSON.", no_args_is_help=True)
File = Annotated[Path, typer.Argument(help="The file, or - for standard input.")]


@app.command("to-json")
def to_json(
    file: File,
    pretty: Annotated[bool, typer.Option("--pretty", help="On many lines, for people.")] = False,
    as_json: bool = Json,
    config: Config = None,
) -> None:
    """Print the JSON twin of a valid document. Ends with 1 and the findings when it is not valid.

    With --json: one object with file, message and twin, or with the findings.

    Example: gateway twin to-json query.xml > query.json
    """
    from gateway.schema.shelf import all_schemas, facts_of, record_of
    from gateway.twin import twin_of

    settings = settings_at(config)
    registry = registry_of(settings)
    payload, found = taken(file, all_schemas(registry), settings.largest_message)
    if not found.valid or found.type is None:
        refused(file, found, as_json=as_json)
    twin = twin_of(payload, facts_of(registry, record_of(registry, found.type, found.schema)))
    if as_json:
        emit({"file": str(file), "message": found.type, "twin": twin})
        return
    spread = {"indent": 2} if pretty else {"separators": (",", ":")}
    typer.echo(json.dumps(twin, ensure_ascii=False, **spread))


@app.command("to-xml")
def to_xml(
    file: File,
    message: Annotated[str, typer.Option("--message", help="The message it is; found by its root when left out.")] = "",
    as_json: bool = Json,
    config: Config = None,
) -> None:
    """Print the document of a JSON twin, if its schema takes it. Ends with 1 and the findings when not.

    With --json: one object with file, message and xml, or with the findings.

    Example: gateway twin to-xml query.json > query.xml
    """
    from gateway.schema.shelf import all_schemas

    settings = settings_at(config)
    registry = registry_of(settings)
    try:
        octets = octets_of(file, settings.largest_message)
    except OSError as error:
        wrong_use(f"{file} cannot be read: {error.strerror or error}")
    schemas = all_schemas(registry)
    worst: Verdict | None = None
    for record in candidates(octets, message, registry):
        made, found = document_of(octets, record, registry, schemas)
        if found.valid:
            if as_json:
                emit({"file": str(file), "message": found.type, "xml": made.decode()})
            else:
                typer.echo(made)
            return
        worst = found if worst is None or len(found.findings) < len(worst.findings) else worst
    refused(file, worst or nothing(octets, registry), as_json=as_json)


@app.command("schema")
def schema(
    message: Annotated[str, typer.Argument(help="A message, as `gateway schema list` names it.")],
    config: Config = None,
) -> None:
    """Print the JSON Schema (2020-12) of the twins of a message.

    Example: gateway twin schema LPCO_QUERY > query.schema.json
    """
    from gateway.twin.json_schema import json_schema

    _, facts = named(registry_of(settings_at(config)), message)
    typer.echo(json.dumps(json_schema(facts), ensure_ascii=False, indent=2))


def candidates(octets: bytes, message: str, registry: Registry) -> Iterator[Schema]:
    """The messages whose root is the one member of the twin; the one that was named where one was."""
    from gateway.errors import GatewayError
    from gateway.schema.shelf import every_record
    from gateway.strict_json import Members, read_json

    if message:
        yield named(registry, message)[0]
        return
    try:
        value = read_json(octets)
    except GatewayError:
        return
    names = [name for name, _ in value.pairs] if isinstance(value, Members) else []
    yield from (record for record in every_record(registry) if [record.root] == names)


def document_of(octets: bytes, record: Schema, registry: Registry, schemas: Schemas) -> tuple[bytes, Verdict]:
    """The document of a twin and the verdict on it; a twin that this message cannot have gives none."""
    from gateway.errors import GatewayError
    from gateway.schema.bare import Verdict, judge
    from gateway.schema.shelf import facts_of
    from gateway.twin import from_json

    try:
        made = from_json(octets, facts_of(registry, record))
    except GatewayError as refusal:
        return b"", Verdict(schema=record.path, type=record.document, findings=refusal.findings)
    return made, judge(made, schemas)


def nothing(octets: bytes, registry: Registry) -> Verdict:
    """Why no message fits: it is not JSON, or not the twin of a message we know."""
    from gateway.errors import Finding, GatewayError
    from gateway.schema.bare import Verdict
    from gateway.schema.shelf import all_records
    from gateway.strict_json import Members, read_json

    try:
        value = read_json(octets)
    except GatewayError as refusal:
        return Verdict(findings=refusal.findings)
    names = [name for name, _ in value.pairs] if isinstance(value, Members) else []
    roots = sorted({record.root for record in all_records(registry).values()})
    if len(names) != 1:
        return Verdict(findings=(Finding(rule="json.root", params={"found": ", ".join(names), "expected": "ROOT"}),))
    near = "".join(get_close_matches(names[0], roots, 1))
    params = {"root": names[0], "known": near or ", ".join(roots), "near": near}
    return Verdict(findings=(Finding(rule="schema.unknown-root", params=params),))


def refused(file: Path, found: Verdict, *, as_json: bool) -> NoReturn:
    """Say what is wrong and end with 1."""
    told = shown(file, found)
    if as_json:
        emit(told)
    else:
        typer.echo("\n".join(lines_of(told, "en")), err=True)
    raise typer.Exit(1)
