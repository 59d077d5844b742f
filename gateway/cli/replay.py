"""`gateway replay`: fixtures through the real line in memory, or against a running gateway."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.place import Config, StateDir, registry_of, settings_at
from gateway.cli.say import Json, console, emit, wrong_use

if TYPE_CHECKING:
    from gateway.replay import Result


def add_to(app: typer.Typer) -> None:
    """Put the command into the program."""
    app.command("replay")(replay)


def replay(
    paths: Annotated[list[Path] | None, typer.Argument(help="Fixture folders; all shipped fixtures if none.")] = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="Write a JUnit report to this file.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only what did not pass last time.")] = False,
    live: Annotated[str, typer.Option("--live", help="Play against the doors of a running demo at this URL.")] = "",
    as_json: bool = Json,
    config: Config = None,
    state: StateDir = None,
) -> None:
    """Play recorded fixtures and show every difference with the mapping rule behind it.

    Exit code: 0 all passed, 1 differences, 2 wrong use, 3 a fixture is broken.
    """
    from rich.progress import Progress

    from gateway.replay import replay as play_all
    from gateway.replay import worlds
    from gateway.shell.config import TREE

    settings = settings_at(config, state)
    if live and settings.environment == "production":
        wrong_use("replay never plays against production")
    places = paths or sorted((TREE / "adapters").glob("*/fixtures"))
    missing = [str(path) for path in places if not path.exists()]
    if missing:
        wrong_use(f"no such file or folder: {', '.join(missing)}")
    if live:
        raise typer.Exit(_live(places, live, settings.state_dir, as_json=as_json))
    with Progress(console=console(stderr=True), transient=True, disable=as_json) as bar:
        task = bar.add_task("fixtures", total=None)

        def told(result: Result) -> None:
            bar.update(task, advance=1, description=result.fixture)

        report = play_all(
            places, worlds(registry_of(settings)), state=settings.state_dir / "replay.json", only_failed=failed,
            told=told,
        )  # fmt: skip
    if junit is not None:
        junit.write_bytes(report.to_junit())
    if as_json:
        emit(report.to_dict())
    else:
        typer.echo("\n".join(report.lines()))
    raise typer.Exit(report.exit_code)


def _live(places: list[Path], url: str, state: Path, *, as_json: bool) -> int:
    """Play against a running demo: its own partners tell what they received."""
    from gateway.cli.demo import members, show_plays
    from gateway.cli.demo_player import Player, new_run
    from gateway.cli.demo_town import standing_town
    from gateway.replay import FixtureBroken, find_fixtures, read_fixture

    town = standing_town(state, url)
    if town is None:
        wrong_use(f"no demo runs at {url} with its state in {state}")
    try:
        fixtures = [read_fixture(folder) for folder in find_fixtures(places)]
    except FixtureBroken as error:
        typer.echo(f"error: {error}", err=True)
        return 3
    plays = Player(town, fixtures, new_run()).run()
    if as_json:
        emit(members(plays, {}, town))
    else:
        show_plays(plays, {"ready": 0.0, "total": 0.0})
    return 0 if all(one.ok for one in plays) else 1
