"""`gateway schema`: the messages we know, what they are made of, what a new version breaks, where a pointer leads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.place import Config, registry_of, settings_at
from gateway.cli.say import Json, emit, one_of, rows, unknown, wrong_use

if TYPE_CHECKING:
    from gateway.facts import Fact, FactTable
    from gateway.model import Schema
    from gateway.registry import Registry

_POSITION = re.compile(r"\[[0-9]+\]")
app = typer.Typer(help="Messages: their elements, versions, pages and pointers.", no_args_is_help=True)
Message = Annotated[str, typer.Argument(help="A message, as `gateway schema list` names it.")]


@app.command("list")
def list_all(as_json: bool = Json, config: Config = None) -> None:
    """All messages: those that are exchanged, then the formats that are known only."""
    from gateway.schema.shelf import called, every_record, facts_of

    registry = registry_of(settings_at(config))
    found = [(record, facts_of(registry, record)) for record in every_record(registry)]
    if as_json:
        emit([_members(registry, record, facts) for record, facts in found])
        return
    rows(
        "Messages",
        ("message", "title", "version", "root", "namespace", "elements", ""),
        [(called(registry, record), facts.title, facts.version, facts.root, facts.namespace, len(facts.facts),
          "exchanged" if exchanged(registry, record) else "known") for record, facts in found],
    )  # fmt: skip


@app.command()
def show(
    message: Message,
    path: Annotated[str, typer.Argument(help="Only this element and what lies below it.")] = "",
    as_json: bool = Json,
    config: Config = None,
) -> None:
    """The elements of a message with their ids, occurrences, formats and codes.

    Examples: gateway schema show LPCO_QUERY; gateway schema show DEC_LODGED Declaration/GoodsShipment/Consignee
    """
    registry = registry_of(settings_at(config))
    record, facts = named(registry, message)
    top = path_in(path, facts) if path else facts.root
    found = [fact for fact in facts.facts.values() if fact.path == top or fact.path.startswith(top + "/")]
    if as_json:
        emit({**_members(registry, record, facts), "facts": [asdict(fact) for fact in found]})
        return
    depth = top.count("/")
    rows(
        f"{record.document} {facts.version}: {facts.title}",
        ("element", "occurs", "id", "name", "form", "codes"),
        [("  " * (fact.path.count("/") - depth) + fact.path.rpartition("/")[2], occurs(fact), fact.wco_id,
          fact.wco_name, " ".join(filter(None, (fact.type, fact.format))), fact.codes or fact.pattern)
         for fact in found],
    )  # fmt: skip


@app.command()
def pages(
    folder: Annotated[Path, typer.Argument(help="Where to write; made if it is not there.")],
    as_json: bool = Json,
    config: Config = None,
) -> None:
    """Write a page for every message: its elements, codes, a document of it and the same as JSON.

    Example: gateway schema pages site, then open site/index.html
    """
    from gateway.schema.pages import write_pages

    registry = registry_of(settings_at(config))
    if folder.exists() and not folder.is_dir():
        wrong_use(f"{folder} is not a folder")
    typer.echo("reading messages and fixtures ...", err=True)
    written = write_pages(registry, folder)
    if as_json:
        emit([str(file) for file in written])
    else:
        typer.echo(f"wrote {len(written)} files; start with {folder / 'index.html'}")


@app.command()
def pointer(
    message: Annotated[str, typer.Argument(help="The message that is pointed into, or the file of an answer.")],
    where: Annotated[str, typer.Argument(help="A chain of ids, an error pointer, or a path; not for a file.")] = "",
    as_json: bool = Json,
    config: Config = None,
) -> None:
    """Say where a partner's error points to, or how to point to a place. Ends with 1 if it leads nowhere.

    Examples: gateway schema pointer DEC_LODGED 42A/67A/68A[2]/23A/21A[1]#145; gateway schema pointer DEC_LODGED
    Declaration/GoodsShipment/Importer/ID; gateway schema pointer answer.xml
    """
    registry = registry_of(settings_at(config))
    if where:
        _, facts = named(registry, message)
        told = [pointed(where, facts)]
    else:
        told = list(answered(Path(message), registry))
    if as_json:
        emit(told)
    else:
        if told:
            rows("", ("code", "pointer", "path", "id", "name", "not followed"), [_line(one) for one in told])
        for one in filter(lambda one: one.get("text"), told):
            typer.echo(f"{one['code']}: {one['text']}")
        if not told:
            typer.echo(f"{message} tells no error")
    raise typer.Exit(1 if any(one["rest"] for one in told) else 0)


def _line(one: dict[str, Any]) -> tuple[str, ...]:
    return tuple(one.get(name, "") for name in ("code", "pointer", "path", "wco_id", "wco_name", "rest"))


def pointed(where: str, facts: FactTable) -> dict[str, str]:
    """A pointer with its path, or a path with its pointer; of either both."""
    from gateway.schema.pointers import follow, to_error_pointer, to_pointer, write_chain

    place = follow(where, facts)
    below = follow(f"{facts.root}/{where.strip('/')}", facts)
    place = place if not place.rest or below.rest else below
    chain = write_chain(to_pointer(place.path, facts))
    return {
        "pointer": chain or to_error_pointer(place.path, facts), "path": place.path, "rest": place.rest,
        "wco_id": place.fact.wco_id if place.fact else "", "wco_name": place.fact.wco_name if place.fact else "",
    }  # fmt: skip


def answered(file: Path, registry: Registry) -> Iterator[dict[str, Any]]:
    """Every error that an answer tells, with its place."""
    from gateway.schema.reported import reported
    from gateway.schema.shelf import all_records, facts_of

    if not file.is_file():
        unknown("file of an answer", str(file), all_records(registry))
    tables = [facts_of(registry, record) for record in all_records(registry).values()]
    yield from (asdict(one) for one in reported(file.read_bytes(), tables))


def named(registry: Registry, name: str, kind: str = "message") -> tuple[Schema, FactTable]:
    """A message (`NAME` or `NAME@VERSION`) and its facts; ends the command with a suggestion where there is none."""
    from gateway.schema.shelf import all_records, every_record, facts_of

    document, _, version = name.partition("@")
    records = {str(one): record for one, record in all_records(registry).items()}
    if document not in records:
        unknown(kind, document, records)
    versions = {one.version: one for one in every_record(registry) if one.document == document}
    record = versions[one_of(f"version of {document}", version, versions)] if version else records[document]
    return record, facts_of(registry, record)


def path_in(path: str, facts: FactTable) -> str:
    """The full path of an element, with or without the root in front and positions in it."""
    plain = _POSITION.sub("", path).strip("/")
    found = [full for full in (plain, f"{facts.root}/{plain}") if full in facts.facts]
    if found:
        return found[0]
    near = get_close_matches(plain.rpartition("/")[2], {path.rpartition("/")[2] for path in facts.facts}, 1)
    ends = f"/{near[0]}" if near else ""
    unknown("element", plain, facts.facts, [path for path in facts.facts if ends and path.endswith(ends)])
    return ""


def exchanged(registry: Registry, record: Schema) -> bool:
    """True when a corridor takes or gives it."""
    return any(record.document in (lane.takes, lane.gives) for lane in registry.corridors.values())


def occurs(fact: Fact) -> str:
    """`0..*`."""
    return f"{fact.min}..{'*' if fact.max is None else fact.max}"


def _members(registry: Registry, record: Schema, facts: FactTable) -> dict[str, Any]:
    return {
        "message": record.document, "title": facts.title, "version": facts.version, "namespace": facts.namespace,
        "root": facts.root, "schema": record.path, "elements": len(facts.facts), "official": facts.official,
        "exchanged": exchanged(registry, record),
        "when": {path: sorted(values) for path, values in record.when.items()},
    }  # fmt: skip
