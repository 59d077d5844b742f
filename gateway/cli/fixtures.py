"""`gateway fixture`: a kept message becomes a fixture that can be replayed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.place import Config, StateDir, open_store, settings_at
from gateway.cli.say import wrong_use

app = typer.Typer(help="Fixtures: stories of one message that can be played again.", no_args_is_help=True)


@app.command()
def record(
    message: Annotated[
        str, typer.Argument(help="Id of the message: the sender's, the gateway's own, or that of what we sent for it.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder in which the fixture's folder is made.")] = Path(),
    scrub: Annotated[bool, typer.Option("--scrub", help="Replace personal and business data, consistently.")] = False,
    config: Config = None,
    state: StateDir = None,
) -> None:
    """Write a fixture from a message in the ledger: what came in, what left, the answer, frozen clock and ids.

    With --scrub names, addresses, numbers of firms, permits and declarations become others of the same form, whose
    check digits hold: the same value the same in every fixture of this gateway. What decides it is `scrub.salt` among
    our keys: keep it to yourself.
    """
    from gateway.replay.kept import record_kept, scrub_salt

    settings = settings_at(config, state)
    salt = scrub_salt(settings.key_dir) if scrub else b""
    try:
        with open_store(settings) as store:
            typer.echo(record_kept(store, message, out, salt=salt))
    except (ValueError, FileExistsError) as error:
        wrong_use(str(error))
