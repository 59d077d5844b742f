"""`gateway serve` and `gateway worker`: the gateway itself."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.say import console

if TYPE_CHECKING:
    from gateway.shell.config import Settings
    from gateway.shell.postgres import Postgres

Config = Annotated[Path | None, typer.Option("--config", help="Settings file; gateway.toml when it is there.")]


def add_to(app: typer.Typer) -> None:
    """Put the commands into the program."""
    app.command("serve")(serve)
    app.command("worker")(worker)


def serve(
    config: Config = None,
    with_worker: Annotated[bool, typer.Option("--worker/--no-worker", help="Deliver messages here too.")] = True,
    with_console: Annotated[bool, typer.Option("--console/--no-console", help="Serve the operators' console.")] = True,
) -> None:
    """Run the partner doors, a worker and the console until told to stop; what is in hand is finished then.

    After SIGTERM `/ready` says 503 for `leave_seconds` while everything is still answered, so that a load balancer
    looks elsewhere; then the doors close. A second signal, or Ctrl-C, closes them at once.

    Without `database_url` an embedded PostgreSQL below `state_dir` is started, started again when it dies, and stopped
    at the end. When another process of the gateway dies the command says which and ends with 1: let systemd, or what
    runs it, start it again.
    """
    from gateway.shell.checkup import own_keys
    from gateway.shell.config import load_settings
    from gateway.shell.leaving import Leaving
    from gateway.shell.listening import require_places, url_of
    from gateway.shell.processes import Troupe

    settings = load_settings(config)
    hurry = threading.Event()
    stop = stopping(hurry)
    database = None if settings.database_url else server_of(settings)
    troupe, leaving = Troupe(settings.state_dir, aloud=True), Leaving(settings.state_dir)
    own_keys(settings)
    require_places(settings, with_console=with_console, with_worker=with_worker)
    leaving.withdraw()
    try:
        dsn = database.start() if database else settings.database_url
        start_all(troupe, settings, dsn, with_worker=with_worker, with_console=with_console)
        troupe.await_http(url_of(settings.host, settings.port) + "/ready")
        if with_console:
            troupe.await_http(url_of(settings.console_host, settings.console_port))
            console().print(f"console: {url_of(settings.console_host, settings.console_port)}")
        console().print(f"partner doors: {settings.url}")
        while not stop.wait(0.5):
            troupe.check()
            if database and database.revive():
                console(stderr=True).print("the database had ended; it was started again")
        leaving.announce()
        hurry.wait(settings.leave_seconds)
    finally:
        troupe.stop()
        leaving.withdraw()
        if database:
            database.stop()


def start_all(troupe: object, settings: Settings, dsn: str, *, with_worker: bool, with_console: bool) -> None:
    """The processes of a gateway run, each with these settings in its environment."""
    from gateway.shell.processes import Troupe, python, served
    from gateway.shell.watch.figures import share

    assert isinstance(troupe, Troupe)  # noqa: S101 - imported late, for a quick --help
    env = environment(settings, dsn) | share(settings.state_dir / "metrics")
    if with_worker:
        troupe.start("worker", python("gateway", "worker"), env)
    doors = served("front", settings.host, settings.port, threads=settings.threads, workers=settings.workers)
    troupe.start("doors", doors, env)
    if with_console:
        place = served("console", settings.console_host, settings.console_port, threads=settings.threads)
        troupe.start("console", place, env)


def environment(settings: Settings, dsn: str) -> dict[str, str]:
    """Settings as the environment of a child, complete: no file decides anything there any more."""
    import json

    words = settings.model_dump(mode="json") | {"database_url": dsn}
    return {
        f"GATEWAY_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in words.items()
    }


def worker(config: Config = None) -> None:
    """Deliver messages until told to stop; any number of workers may run on one database."""
    from prometheus_client import start_http_server

    from gateway.app import build, make_worker, watch_house
    from gateway.shell.config import load_settings
    from gateway.shell.listening import HERE, require_figures

    stop = stopping()
    settings = load_settings(config)
    require_figures(settings)
    if not settings.database_url:
        settings = settings.model_copy(update={"database_url": embedded(settings)})
    house = build(settings)
    watch_house(house)
    if settings.watch.worker_port:
        start_http_server(settings.watch.worker_port, addr=HERE)
    make_worker(house).run(stop)
    house.store.close()


def embedded(settings: Settings) -> str:
    """The conninfo of the embedded server, which some other process keeps running. Raises ConfigurationError."""
    from gateway.errors import ConfigurationError

    database = server_of(settings)
    if not database.status().running:
        raise ConfigurationError("no database: set database_url, or start `gateway serve` or `gateway demo` first")
    return database.dsn


def server_of(settings: Settings) -> Postgres:
    """The embedded server of these settings, not started."""
    from gateway.shell.postgres import Postgres

    return Postgres(settings.state_dir / "database", bin_dir=settings.database.programs)


def stopping(hurry: threading.Event | None = None) -> threading.Event:
    """Set by SIGTERM and Ctrl-C; `hurry` is set by Ctrl-C, and by whatever comes after the first of them."""
    stop = threading.Event()

    def told(number: int, _frame: object) -> None:
        if hurry is not None and (stop.is_set() or number == signal.SIGINT):
            hurry.set()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, told)
    return stop
