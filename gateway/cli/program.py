"""All commands put together, and what becomes of an error: one readable block, never a traceback unless asked for."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

import typer

from gateway.cli import (
    certs,
    chaos,
    check,
    codes,
    database,
    demo,
    fixtures,
    lanes,
    mapping,
    partners,
    replay,
    schema,
    schema_diff,
    send,
    serve,
    settings,
    soak,
    twin,
    validate,
)
from gateway.cli.say import USAGE, show_error
from gateway.errors import GatewayError

app = typer.Typer(
    name="gateway",
    help="Single-window gateway: signed WCO Data Model messages between customs, permit agencies and foreign customs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (demo, chaos, soak, serve, send, validate, replay, mapping, check):
    module.add_to(app)
schema_diff.add_to(schema.app)
app.add_typer(schema.app, name="schema")
app.add_typer(codes.app, name="codes")
app.add_typer(twin.app, name="twin")
app.add_typer(fixtures.app, name="fixture")
app.add_typer(certs.app, name="certs")
app.add_typer(partners.app, name="partner")
app.add_typer(settings.app, name="config")
app.add_typer(database.app, name="db")
app.add_typer(lanes.app, name="lanes")


@app.callback(invoke_without_command=True)
def top(
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
    version: bool = typer.Option(False, "--version", help="Say the version and end."),
) -> None:
    """Options that every command takes, in front of it."""
    del debug
    if version:
        from gateway import __version__

        typer.echo(__version__)
        raise typer.Exit


def run(arguments: Sequence[str] | None = None) -> int:
    """The exit code of a command line: 0 as asked, 1 it found something wrong, 2 it was not understood."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        found = app(args=words, prog_name="gateway", standalone_mode=False)
    except typer.Exit as ended:
        return ended.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except Exception as error:
        if "--debug" in words:
            raise
        return show_any(error)
    return found if isinstance(found, int) else 0


def show_any(error: Exception) -> int:
    """Print what went wrong; the exit code that fits."""
    if isinstance(error, GatewayError):
        show_error(error)
        return 1
    show = getattr(error, "show", None)
    if show is not None:  # what click and Typer say of wrong words
        show()
        return USAGE
    said = words_of(error)
    if said:
        typer.echo(f"error: {said}", err=True)
        return 1
    if isinstance(error, OSError) and error.filename is not None:
        typer.echo(f"error: {os.fsdecode(error.filename)}: {error.strerror}", err=True)
        return USAGE
    show_error(GatewayError(f"{type(error).__name__}: {error} (--debug shows where)"))
    return 1


def words_of(error: Exception) -> str:
    """What the world, and no program, did to a command; empty for everything else."""
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        where = f"{os.fsdecode(error.filename)}: " if error.filename is not None else ""
        return f"{where}the disk is full, or there is a quota: make room, or write elsewhere"
    if not type(error).__module__.startswith("psycopg"):
        return ""
    import psycopg  # somebody needed it already

    if isinstance(error, psycopg.errors.DiskFull):
        return f"the disk of the database is full: make room there ({str(error).strip()})"
    if isinstance(error, psycopg.errors.UndefinedTable):
        return "the database has no tables yet: the first start makes them, or `gateway db upgrade` now"
    if isinstance(error, psycopg.OperationalError):
        return f"the database is out of reach, or gave up: {str(error).strip()}"
    return ""
