"""`gateway map` and `gateway loss`: one document through one mapping table, there or back, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.place import Config, registry_of, settings_at
from gateway.cli.say import Json, emit, rows, unknown

if TYPE_CHECKING:
    from gateway.mapping import Loss, Lost, Translation

Table = Annotated[str, typer.Argument(help="A table: AGENCY/NAME.")]


def add_to(app: typer.Typer) -> None:
    """Put the commands into the program."""
    app.command("map")(map_document)
    app.command("loss")(loss)


def map_document(
    table: Table,
    file: Annotated[Path, typer.Argument(help="The bare XML document.")],
    explain: Annotated[bool, typer.Option("--explain", help="Show rule, line and source of every value.")] = False,
    back: Annotated[bool, typer.Option("--back", help="The other way: FILE is what the table gives.")] = False,
    stream: Annotated[Path | None, typer.Option(help="Item by item into this file, whatever the length.")] = None,
    as_json: bool = Json,
    config: Config = None,
) -> None:
    """Translate a document by a mapping table and print what comes out.

    With --back the part of the source that comes back is printed, and on standard error which rules do not come back
    and why. With --stream the document is read twice and its items are written one by one, in memory that does not grow
    with their number; the file appears when all of it is right.
    """
    from gateway.mapping import explain as trace
    from gateway.mapping import translate, way_back

    name, translation = table_called(table, config)
    lost: tuple[Lost, ...] = ()
    if back:
        way = way_back(translation)
        translation, lost = way.translation, way.lost
    if stream is not None:
        if explain:
            raise typer.BadParameter("--explain keeps every value: not with --stream")
        stream_into(stream, file, translation, as_json=as_json)
        tell_lost(lost)
        return
    if not (explain or as_json):
        typer.echo(translate(file.read_bytes(), translation, try_out()).decode())
        tell_lost(lost)
        return
    out, traces = trace(file.read_bytes(), translation, try_out())
    if as_json:
        values = [
            {"target": one.target, "value": one.value, "rule": one.rule, "line": one.line, "convert": one.convert,
             "sources": dict(one.sources), "codes": dict(one.codes), "condition": one.condition, "note": one.note}
            for one in traces
        ]  # fmt: skip
        told = {"lost": [asdict(one) for one in lost]} if back else {}
        emit({"table": name, "output": out.decode(), "values": values, **told})
        return
    rows(
        translation.table.name,
        ("target", "value", "rule", "line", "convert", "source"),
        [(one.target, one.value, one.rule, one.line, one.convert, "\n".join(f"{p} = {v}" for p, v in one.sources))
         for one in traces],
    )  # fmt: skip
    tell_lost(lost)


def stream_into(out: Path, file: Path, translation: Translation, *, as_json: bool) -> None:
    """Translate one file into another and tell its items and octets; `out` is not touched before all of it is right."""
    from gateway.mapping import translate_stream

    part = out.with_name(f"{out.name}.part")
    try:
        with file.open("rb") as source, part.open("wb") as sink:
            told = translate_stream(translation, source, sink, try_out())
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    if as_json:
        emit({"table": translation.table.name, "file": str(out), **asdict(told)})
    else:
        typer.echo(f"{out}: {told.octets} octets, {told.items} items by rule {told.rule}")


def loss(
    table: Table,
    file: Annotated[Path | None, typer.Argument(help="The bare XML document; without it, the table alone.")] = None,
    as_json: bool = Json,
    config: Config = None,
) -> None:
    """Show what becomes of every value: kept, derivable, dropped by which rule, or silent.

    Of a table: every element and attribute its message can hold. Of a document: every value it holds, and where it
    went. Ends with 1 if something is silent: no row of the table speaks of it.
    """
    from gateway.mapping import account, losses_of

    name, translation = table_called(table, config)
    found: list[dict[str, Any]]
    if file is None:
        ledger = losses_of(translation)
        found = [asdict(one) for one in ledger]
        lines, columns = list(gathered(ledger)), ("fate", "values", "element", "rules", "reason")
    else:
        found = [asdict(one) for one in account(file.read_bytes(), translation, try_out())]
        lines = [(one["fate"], f"{one['place']} = {one['value']}", ", ".join(one["rules"]), "\n".join(one["targets"]),
                  one["reason"]) for one in found]  # fmt: skip
        columns = ("fate", "value", "rules", "went to", "reason")
    totals = {fate: sum(one["fate"] == fate for one in found) for fate in ("kept", "derivable", "dropped", "silent")}
    if as_json:
        emit({"table": name, "file": str(file) if file else None, "totals": totals, "values": found})
    else:
        rows(name, columns, lines)
        typer.echo(", ".join(f"{count} {fate}" for fate, count in totals.items()))
    raise typer.Exit(1 if totals["silent"] else 0)


def gathered(ledger: tuple[Loss, ...]) -> Iterator[tuple[str, ...]]:
    """The ledger with the values that one `drop` row leaves out in one line, which names the first of them."""
    groups: dict[tuple[str, ...], list[Loss]] = {}
    for one in ledger:
        groups.setdefault(("dropped", *one.rules) if one.fate == "dropped" else (one.fate, one.path), []).append(one)
    for group in groups.values():
        first = group[0]
        yield first.fate, str(len(group)), first.path, ", ".join(first.rules), first.reason


def tell_lost(lost: tuple[Lost, ...]) -> None:
    """The rules that do not come back, on standard error; `drop` rows only by their number."""
    drops = [one for one in lost if one.reason == "left out on purpose"]
    for one in lost:
        if one not in drops:
            typer.echo(f"does not come back: {one.rule} (line {one.line}): {one.reason}", err=True)
    if drops:
        typer.echo(f"left out on purpose by {len(drops)} drop rows: gateway loss shows them", err=True)


def table_called(table: str, config: Path | None) -> tuple[str, Translation]:
    """The full name of a table and what it is compiled to; ends the command with a suggestion when there is none."""
    tables = registry_of(settings_at(config)).translations
    short = {name.removeprefix("mappings/").removesuffix(".csv"): name for name in tables}
    name = table if table in tables else short.get(table) or unknown("mapping table", table, short)
    return name, tables[name]


def try_out() -> dict[str, str]:
    """The context values of a document that travels nowhere."""
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    identity = "urn:uuid:00000000-0000-0000-0000-000000000000"
    return {
        "message_id": identity, "relates_to": identity, "conversation_id": "try-out", "sender": "sender",
        "receiver": "receiver", "entry_id": identity.removeprefix("urn:uuid:"), "now": now, "received_at": now,
    }  # fmt: skip
