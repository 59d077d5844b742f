"""`gateway fixture`: a kept message becomes a fixture that can be replayed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.place import Config, StateDir, open_store, registry_of, settings_at

app = typer.Typer(help="Fixtures: stories of one message that can be played again.", no_args_is_help=True)


@app.command()
def record(
    message: Annotated[str, typer.Argument(help="Message id of the sender, or our own id of the message.")],
    out: Annotated[Path, typer.Option("--out", help="Folder in which the fixture's folder is made.")] = Path(),
    scrub: Annotated[bool, typer.Option("--scrub", help="Replace personal and business data, consistently.")] = False,
    config: Config = None,
    state: StateDir = None,
) -> None:
    """Write a fixture from a message in the ledger: what came in, what left, the answer, frozen clock and ids."""
    from gateway.shell.recording import record_fixture

    settings = settings_at(config, state)
    with open_store(settings) as store:
        typer.echo(record_fixture(store, registry_of(settings), message, out, scrub=scrub))
