"""`gateway db`: how the database stands, whether its evidence holds, and a prompt into it."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict
from typing import Annotated, Any

import typer

from gateway.cli.place import Config, StateDir, dsn_of, open_store, settings_at
from gateway.cli.say import Json, emit, rows, wrong_use

app = typer.Typer(help="The database that keeps every message.", no_args_is_help=True)


@app.command()
def status(as_json: bool = Json, config: Config = None, state: StateDir = None) -> None:
    """Version, size and queue of the database. Ends with 1 when it cannot be reached."""
    told = _told(settings_at(config, state))
    if as_json:
        emit(told)
    else:
        rows("Database", ("", ""), list(told.items()))


@app.command()
def verify(
    content: Annotated[bool, typer.Option("--content/--links-only", help="Also hash every kept byte again.")] = True,
    as_json: bool = Json,
    config: Config = None,
    state: StateDir = None,
) -> None:
    """Recompute the evidence: every link of every chain, and every kept byte it speaks of. Ends with 1 if one is wrong.

    It reads one snapshot and changes nothing, so messages may come meanwhile. The root stands for all chains at this
    moment: note it elsewhere, or have it time-stamped, and nobody can change what came before.
    """
    from gateway.shell.evidence import verify_chains

    with open_store(settings_at(config, state)) as store:
        report = verify_chains(store, content=content)
    if as_json:
        emit(asdict(report))
    elif report.broken is None:
        typer.echo(f"{report.links} links in {report.chains} chains hold; root {report.root}")
    else:
        place = "" if report.broken.chain is None else f"chain {report.broken.chain}, link {report.broken.seq}: "
        typer.echo(f"BROKEN {place}{report.broken.why}; {report.links} links were looked at", err=True)
    raise typer.Exit(0 if report.broken is None else 1)


@app.command()
def psql(config: Config = None, state: StateDir = None) -> None:
    """Open psql on the database."""
    program = shutil.which("psql")
    if program is None:
        wrong_use("psql is not installed here: apt-get install postgresql-client")
    os.execv(program, [program, dsn_of(settings_at(config, state))])  # noqa: S606 - the person's own program


def _told(settings: Any) -> dict[str, Any]:
    from gateway.shell.presence import live_instances
    from gateway.shell.revisions import standing

    with open_store(settings) as store:
        server = store.fetch("select version() as version, pg_database_size(current_database()) as size")[0]
        stands, living = store.run(standing), store.run(live_instances)
        queue = store.fetch("select count(*) as n, min(received_at) as oldest from delivery where state = 'queued'")[0]
    return {
        "server": str(server["version"]).split(" on ")[0],
        "bytes": server["size"],
        "revision": stands.revision,
        "revisionOfThisProgram": stands.program,
        "pending": [f"{one.number} {one.kind}: {one.text}" for one in stands.pending],
        "instances": [f"{one.name}, {one.program}, revision {one.revision}" for one in living],
        "queued": queue["n"],
        "oldestQueued": queue["oldest"],
        "embedded": not settings.database_url,
    }
