"""`gateway db`: how the database stands, whether its evidence holds, and a prompt into it."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from gateway.cli.place import Config, StateDir, dsn_of, open_store, settings_at
from gateway.cli.say import Json, emit, rows, wrong_use
from gateway.cli.serve import server_of

if TYPE_CHECKING:
    from gateway.shell.config import Settings

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
    archive: Annotated[
        Path | None, typer.Option("--archive", help="Verify the archive in this folder; needs no database.")
    ] = None,
    as_json: bool = Json,
    config: Config = None,
    state: StateDir = None,
) -> None:
    """Recompute the evidence: every link of every chain, and every kept byte it speaks of. Ends with 1 if one is wrong.

    It reads one snapshot and changes nothing, so messages may come meanwhile. The root stands for all chains at this
    moment: note it elsewhere, or have it time-stamped, and nobody can change what came before.
    """
    from gateway.shell.evidence import verify_chains

    if archive is not None:
        _verify_archive(archive, as_json=as_json)
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
def backup(
    to: Annotated[
        str,
        typer.Argument(
            metavar="PLACE",
            help="File to write, or a folder that gets one named after the moment; with a slash at the end the folder "
            "is made.",
        ),
    ],
    as_json: bool = Json,
    config: Config = None,
    state: StateDir = None,
) -> None:
    """Write everything as it is at one moment, while messages may come: a dump, and beside it a manifest.

    The manifest has the SHA-256 of the dump, the versions, the rows of every table and the heads of all evidence
    chains. Keys and certificates are files below state_dir and are not in it.
    """
    from gateway.shell.backup import back_up, tools

    settings, now = settings_at(config, state), datetime.now(UTC)
    dsn, file = dsn_of(settings), _fresh(to, now)
    made = back_up(dsn, file, tools(dsn, settings.database.programs, _place(settings) / "programs"), now)
    if as_json:
        emit(asdict(made) | {"file": str(file)})
    else:
        typer.echo(f"{file}: {made.bytes} bytes, {made.counts['message']} messages, root {made.root}")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="The dump; its manifest lies beside it.", exists=True, dir_okay=False)],
    replace: Annotated[
        bool, typer.Option("--replace", help="Put the embedded server's data aside, if there are any.")
    ] = False,
    as_json: bool = Json,
    config: Config = None,
    state: StateDir = None,
) -> None:
    """Bring a backup into an empty database, count it, and recompute its evidence. Ends with 1 when it does not hold.

    With database_url: that database must be empty. Without: no server may run in state_dir, and there must be no data,
    or --replace keeps them beside the new ones.
    """
    from gateway.shell.backup import load, read_manifest, tools
    from gateway.shell.rebuild import restore_embedded, why

    settings, kept = settings_at(config, state), None
    if settings.database_url:
        dsn, manifest = settings.database_url, read_manifest(file)
        restored = load(dsn, file, manifest, tools(dsn, settings.database.programs, _place(settings) / "programs"))
    else:
        given = settings.database.programs
        rebuilt = restore_embedded(_place(settings), file, datetime.now(UTC), programs=given, replace=replace)
        restored, kept = rebuilt.restored, rebuilt.kept
    if as_json:
        emit(asdict(restored) | {"kept": kept})
    elif restored.whole:
        report, counts = restored.report, restored.manifest.counts
        typer.echo(f"{counts['message']} messages of {restored.manifest.made_at}; every table has the rows it had")
        typer.echo(f"{report.links} links in {report.chains} chains hold; root {report.root}")
        typer.echo(f"the data before are kept in {kept}" if kept else "there was nothing before")
    else:
        typer.echo(f"NOT WHOLE: {why(restored)}", err=True)
    raise typer.Exit(0 if restored.whole else 1)


@app.command()
def upgrade(
    old_programs: Annotated[
        Path | None, typer.Option(help="Programs that made the embedded server's data, where no copy was kept.")
    ] = None,
    as_json: bool = Json,
    config: Config = None,
    state: StateDir = None,
) -> None:
    """Bring the embedded server's data to the programs' major version, and the tables to this program's revision.

    A new major version is reached by a dump, which is counted and whose evidence is recomputed before it serves; the
    old data are kept beside. Stop the gateway first. The tables may be brought forward while gateways run: what would
    break an older one waits until it has ended. Ends with 1 while something is pending.
    """
    from gateway.shell.logs import configure_logs
    from gateway.shell.parts import index_parts
    from gateway.shell.rebuild import upgrade_embedded
    from gateway.shell.revisions import apply_schema

    settings, now, rebuilt = settings_at(config, state), datetime.now(UTC), None
    configure_logs(settings.log_format)
    if settings.database_url:
        stands, indexed = apply_schema(settings.database_url, now), index_parts(settings.database_url)
    else:
        server = server_of(settings)
        if not server.status().running:
            given = settings.database.programs
            rebuilt = upgrade_embedded(_place(settings), now, programs=given, old_programs=old_programs)
        with server:
            stands, indexed = apply_schema(server.dsn, now), index_parts(server.dsn)
    if as_json:
        emit({"server": asdict(rebuilt) if rebuilt else None, "tables": asdict(stands), "indexed": indexed})
    else:
        if rebuilt:
            typer.echo(f"the server is PostgreSQL {rebuilt.version} now; the data before are kept in {rebuilt.kept}")
        typer.echo(f"the tables have revision {stands.revision}")
        for table in indexed:
            typer.echo(f"any part of a business key is found in {table} now")
        for one in stands.held_by:
            typer.echo(f"waits for {one.name}, {one.program}, revision {one.revision}", err=True)
    raise typer.Exit(1 if stands.pending else 0)


@app.command()
def archive(
    into: Annotated[Path, typer.Argument(help="Folder that gets one folder a month.")],
    before: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="Whole months before this day, UTC; it may not be to come.")
    ],
    drop: Annotated[bool, typer.Option("--drop", help="Let them leave the database, when they are finished.")] = False,
    as_json: bool = Json,
    config: Config = None,
    state: StateDir = None,
) -> None:
    """Write old months to files: every row, every byte, and the evidence that proves them without the database.

    A month leaves only after its files were read back and proven, and never with a message in it that is on its way or
    waits for its answer. `gateway db verify --archive FOLDER` proves them again at any time.
    """
    from gateway.shell.retention import archive_before

    if before.replace(tzinfo=UTC) > datetime.now(UTC):
        wrong_use(f"{before:%Y-%m-%d} has not come yet, and only months that have ended are archived")
    with open_store(settings_at(config, state), idle=3600.0) as store:
        done = archive_before(store, before.replace(tzinfo=UTC), into, lambda: datetime.now(UTC), drop=drop)
    if as_json:
        emit([asdict(one) for one in done])
        return
    for one in done:
        stays = "; stays: it, or one before it, is in use or not finished" if drop else ""
        if one.held_by:
            stays = f"; stays: {len(one.held_by)} not finished, as {one.held_by[0]}"
        typer.echo(f"{one.month}: {one.folder}{', left the database' if one.dropped else stays}")
    if not done:
        typer.echo("nothing to do, or another program does it")


@app.command()
def psql(config: Config = None, state: StateDir = None) -> None:
    """Open psql on the database."""
    from gateway.shell.backup import tools

    settings = settings_at(config, state)
    dsn = dsn_of(settings)
    program = shutil.which("psql") or str(
        tools(dsn, settings.database.programs, _place(settings) / "programs") / "psql"
    )
    os.execv(program, [program, dsn])  # noqa: S606 - the person's own program


def _fresh(to: str, now: datetime) -> Path:
    """The file that a backup is written to; its folder is there, and it is not."""
    place = Path(to)
    if to.endswith("/"):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    elif not place.suffix and not place.exists():
        wrong_use(f"there is no folder {place}; say {place}/ to have it made, or name a file: {place}.dump")
    file = place / f"gateway-{now:%Y%m%dT%H%M%SZ}.dump" if place.is_dir() else place
    if file.exists() or not file.parent.is_dir():
        wrong_use(f"{file} exists already" if file.exists() else f"there is no folder {file.parent}")
    return file


def _verify_archive(folder: Path, *, as_json: bool) -> NoReturn:
    from gateway.shell.archived import verify_archive

    report = verify_archive(folder)
    if as_json:
        emit(asdict(report))
    elif report.broken:
        typer.echo(f"BROKEN {report.broken}", err=True)
    else:
        typer.echo(f"{report.messages} messages and {report.links} links in {len(report.months)} months hold")
    raise typer.Exit(1 if report.broken else 0)


def _place(settings: Settings) -> Path:
    """Where the embedded server's directory is, or would be."""
    return settings.state_dir / "database"


def _told(settings: Settings) -> dict[str, Any]:
    from gateway.shell.parts import searches_parts
    from gateway.shell.presence import live_instances
    from gateway.shell.revisions import standing

    with open_store(settings) as store:
        server = store.fetch("select version() as version, pg_database_size(current_database()) as size")[0]
        stands, living = store.run(standing), store.run(live_instances)
        parts = searches_parts(store)
        queue = store.fetch("select count(*) as n, min(received_at) as oldest from delivery where state = 'queued'")[0]
    return {
        "server": str(server["version"]).split(" on ")[0],
        "bytes": server["size"],
        "revision": stands.revision,
        "revisionOfThisProgram": stands.program,
        "pending": [f"{one.number} {one.kind}: {one.text}" for one in stands.pending],
        "instances": [f"{one.name}, {one.program}, revision {one.revision}" for one in living],
        "searchesParts": parts,
        "queued": queue["n"],
        "oldestQueued": queue["oldest"],
        "embedded": not settings.database_url,
    }
