"""`gateway doctor`: is everything here as it must be?"""

from __future__ import annotations

import typer

from gateway.cli.place import Config, StateDir, settings_at
from gateway.cli.say import Json, console, emit


def add_to(app: typer.Typer) -> None:
    """Put the command into the program."""
    app.command("doctor")(doctor)


def doctor(as_json: bool = Json, config: Config = None, state: StateDir = None) -> None:
    """Look at Python, lxml, keys, certificates, tables, disk, database, clock, queue. Ends with 1 if any is red."""
    from gateway.shell.checkup import checkup

    found = checkup(settings_at(config, state))
    red = any(one.colour == "red" for one in found)
    if as_json:
        emit({"ok": not red, "checks": [
            {"name": one.name, "colour": one.colour, "found": one.found, "do": one.do} for one in found
        ]})  # fmt: skip
        raise typer.Exit(1 if red else 0)
    for one in found:
        console().print(f"[{one.colour}]{one.colour:<6}[/{one.colour}] {one.name:<14} ", end="")
        typer.echo(one.found + (f"\n{'':22}-> {one.do}" if one.do else ""))
    raise typer.Exit(1 if red else 0)
