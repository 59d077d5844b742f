"""`gateway map`: one document through one mapping table, and where every value came from."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.place import Config, registry_of, settings_at
from gateway.cli.say import Json, emit, rows, unknown


def add_to(app: typer.Typer) -> None:
    """Put the command into the program."""
    app.command("map")(map_document)


def map_document(
    table: Annotated[str, typer.Argument(help="A table: AGENCY/NAME.")],
    file: Annotated[Path, typer.Argument(help="The bare XML document.")],
    explain: Annotated[bool, typer.Option("--explain", help="Show rule, line and source of every value.")] = False,
    as_json: bool = Json,
    config: Config = None,
) -> None:
    """Translate a document by a mapping table and print what comes out."""
    from gateway.mapping import explain as trace
    from gateway.mapping import translate

    tables = registry_of(settings_at(config)).translations
    short = {name.removeprefix("mappings/").removesuffix(".csv"): name for name in tables}
    name = table if table in tables else short.get(table) or unknown("mapping table", table, short)
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    identity = "urn:uuid:00000000-0000-0000-0000-000000000000"
    context = {
        "message_id": identity, "relates_to": identity, "conversation_id": "try-out", "sender": "sender",
        "receiver": "receiver", "entry_id": identity.removeprefix("urn:uuid:"), "now": now, "received_at": now,
    }  # fmt: skip
    if not (explain or as_json):
        typer.echo(translate(file.read_bytes(), tables[name], context).decode())
        return
    out, traces = trace(file.read_bytes(), tables[name], context)
    if as_json:
        emit({"table": name, "output": out.decode(), "values": [
            {"target": one.target, "value": one.value, "rule": one.rule, "line": one.line, "convert": one.convert,
             "sources": dict(one.sources), "codes": dict(one.codes), "condition": one.condition, "note": one.note}
            for one in traces
        ]})  # fmt: skip
        return
    rows(
        name,
        ("target", "value", "rule", "line", "convert", "source"),
        [(one.target, one.value, one.rule, one.line, one.convert, "\n".join(f"{p} = {v}" for p, v in one.sources))
         for one in traces],
    )  # fmt: skip
