"""`gateway config`: the settings in force, and the reference of all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.place import Config
from gateway.cli.say import Json, emit, rows

app = typer.Typer(help="Settings: the file gateway.toml, then GATEWAY_... in the environment.", no_args_is_help=True)


@app.command()
def show(as_json: bool = Json, config: Config = None) -> None:
    """Every setting as it is now. Ends with 1 and names file and key when one cannot be used."""
    from gateway.shell.config import load_settings

    values = load_settings(config).model_dump(mode="json")
    if as_json:
        emit(values)
    else:
        rows("Settings", ("key", "value"), [(key, value) for key, value in values.items()])


@app.command()
def reference(
    write: Annotated[
        Path | None, typer.Option("--write", help="Write configuration.md and cli.md into this folder.")
    ] = None,
) -> None:
    """Print the reference of every setting, or write it with that of every command."""
    from gateway.cli.reference import render_commands, render_settings

    if write is None:
        typer.echo(render_settings())
        return
    (write / "configuration.md").write_text(render_settings(), "utf-8")
    (write / "cli.md").write_text(render_commands(), "utf-8")
    typer.echo(f"wrote {write / 'configuration.md'} and {write / 'cli.md'}")
