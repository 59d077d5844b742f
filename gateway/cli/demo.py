"""`gateway demo`: a whole town on one machine; and the hidden `gateway simulate`, one partner of it."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.say import Json, console, emit, rows, unknown, wrong_use

if TYPE_CHECKING:
    from gateway.cli.demo_player import Play
    from gateway.cli.demo_town import Ports, Town
    from gateway.replay import Fixture

_LOWEST = 1024
"""The first port that everybody may listen on."""
State = Annotated[Path, typer.Option("--state", help="Where keys, database and logs of the demo are kept.")]


def add_to(app: typer.Typer) -> None:
    """Put the commands into the program."""
    app.command("demo")(demo)
    app.command("simulate", hidden=True)(simulate)


def demo(
    state: State = Path(".state"),
    once: Annotated[bool, typer.Option("--once", help="Play the stories, print the table, stop everything.")] = False,
    ports: Annotated[
        str, typer.Option("--ports", help="CONSOLE,DOORS[,PARTNERS...] or `free` for any free ports.")
    ] = "",
    only: Annotated[str, typer.Option("--only", help="Play only fixtures whose name holds this text.")] = "",
    as_json: bool = Json,
) -> None:
    """Start the gateway with four simulated partners, play every story and show how each ended.

    No network and no Docker: an embedded database, a certification authority of its own and sample data. Ends with 1
    when a message did not end as its fixture says.
    """
    from gateway.cli.demo_town import Town

    chosen, fixtures = read_ports(ports), stories(only)
    if not fixtures:
        unknown("fixture", only, {one.name for one in stories("")})
    stop = on_signals()
    screen = console(stderr=as_json)
    started = time.monotonic()
    town = Town(state, ports=chosen, say=lambda text: screen.print(f"[dim]{text}[/dim]"))
    with town:
        ready = time.monotonic() - started
        if not as_json:
            show_partners(town)
        plays = play(town, fixtures, quiet=as_json)
        took = {"ready": round(ready, 1), "total": round(time.monotonic() - started, 1)}
        if as_json:
            emit(members(plays, took, town))
        else:
            show_plays(plays, took)
        if not once:
            show_doors(town)
            stay(town, stop)
    if once:
        raise typer.Exit(0 if all(one.ok for one in plays) else 1)


def stories(only: str) -> list[Fixture]:
    """The fixtures of all adapters in the order they play."""
    from gateway.replay import find_fixtures, read_fixture
    from gateway.shell.config import TREE

    folders = find_fixtures(sorted((TREE / "adapters").glob("*/fixtures")))
    return [fixture for fixture in map(read_fixture, folders) if only in fixture.name]


def read_ports(text: str) -> Ports:
    """The ports of `--ports`."""
    from gateway.cli.demo_town import Ports, partner_records

    names = sorted(partner_records())
    if text == "free":
        return Ports(console=0, doors=0, partners=dict.fromkeys(names, 0))
    if not text:
        return Ports()
    words = text.split(",")
    if not all(word.isascii() and word.isdigit() and int(word) < 65536 for word in words):  # noqa: PLR2004 - a port
        wrong_use(f"--ports {text}: port numbers divided by commas, or the word free")
    numbers = [int(word) for word in words]
    chosen = [number for number in numbers if number]
    if len(set(chosen)) < len(chosen):
        wrong_use(f"--ports {text}: each needs a port of its own")
    if any(number < _LOWEST for number in chosen):
        wrong_use(f"--ports {text}: ports below {_LOWEST} are the system's own; take others, or the word free")
    if len(numbers) < 2 or len(numbers) > 2 + len(names):  # noqa: PLR2004 - console and doors
        wrong_use(f"--ports takes console, doors and up to {len(names)} partners ({', '.join(names)})")
    return Ports(console=numbers[0], doors=numbers[1], partners=dict(zip(names, numbers[2:], strict=False)))


def play(town: Town, fixtures: Sequence[Fixture], *, quiet: bool) -> list[Play]:
    """Play all fixtures, with a progress bar."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from gateway.cli.demo_player import Player, new_run

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(), disable=quiet) as bar:
        task = bar.add_task("stories", total=len(fixtures))

        def told(one: Play) -> None:
            bar.update(task, advance=1, description=one.fixture.folder.name[:40].ljust(40))

        return Player(town, fixtures, new_run(), told).run()


def show_partners(town: Town) -> None:
    """Every partner with its addresses and its certificate."""
    rows(
        "Partners",
        ("id", "name", "sends to", "receives at", "certificate"),
        [
            (
                resident.id,
                resident.name.get("en", ""),
                f"{town.url}/soap\n{town.url}/api/v1/messages",
                "pulls its inbox" if resident.pulls else resident.log_url.replace("/log", _door(resident.profile)),
                resident.certificate,
            )
            for resident in town.residents.values()
        ],
    )


def _door(profile: str) -> str:
    return "/soap" if profile == "soap-gw-1" else "/api/v1/messages"


def show_plays(plays: Sequence[Play], took: dict[str, float]) -> None:
    """How every story ended, and the sum."""
    lines = [
        (one.message_id[-12:], one.fixture.name, one.fixture.style[:4], one.happened, wanted(one),
         "ok" if one.ok else "NOT OK")
        for one in plays
    ]  # fmt: skip
    rows("What became of every message", ("message id …", "fixture", "style", "happened", "expected", ""), lines)
    good = sum(one.ok is True for one in plays)
    console().print(
        f"{good} of {len(plays)} messages ended as told; ready in {took['ready']} s, all in {took['total']} s"
    )


def wanted(one: Play) -> str:
    """What a fixture expects, in short."""
    from gateway.cli.demo_player import wanted_decision

    fixture = one.fixture
    if fixture.expect != "delivered":
        return f"{fixture.expect}{': ' + ', '.join(fixture.findings) if fixture.findings else ''}"
    if fixture.answer is None:
        return "delivered, no answer"
    return f"{fixture.answer.type} {wanted_decision(one)}".strip()


def members(plays: Sequence[Play], took: dict[str, float], town: Town) -> dict[str, Any]:
    """The same for machines."""
    return {
        "ok": all(one.ok for one in plays),
        "seconds": took,
        "console": town.console_url,
        "doors": town.url,
        "messages": [
            {"messageId": one.message_id, "fixture": one.fixture.name, "style": one.fixture.style,
             "happened": one.happened, "expected": wanted(one), "ok": bool(one.ok)}
            for one in plays
        ],
    }  # fmt: skip


def show_doors(town: Town) -> None:
    """Where to look now, and the keys that make the simulated partners behave as wanted."""
    rows("Magic keys of the simulated partners", ("partner", "key", "effect"), magic_keys())
    screen = console()
    screen.print(
        f"Console:       {town.console_url}" if town.console_ready else "Console:       not part of this build"
    )
    screen.print(f"Partner doors: {town.url}")
    screen.print("Ctrl-C stops everything.")


def magic_keys() -> list[tuple[str, str, str]]:
    """Partner, key and effect of every magic key that the simulators of the adapters tell."""
    from gateway.cli.demo_town import partner_records
    from gateway.shell.partner_host import magic_keys_of

    return [(partner, key, effect) for partner in partner_records() for key, effect in magic_keys_of(partner)]


def on_signals() -> Event:
    """Set by Ctrl-C or SIGTERM, which also interrupt whatever is being done; further ones are not heard."""
    stop = Event()

    def told(_number: int, _frame: object) -> None:
        if stop.is_set():
            return
        stop.set()
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, told)
    return stop


def stay(town: Town, stop: Event) -> None:
    """Until a signal comes, or a process ends by itself."""
    try:
        while not stop.wait(0.5):
            town.check()
    except KeyboardInterrupt:
        console().print("stopping ...")


def simulate(
    partner: str,
    port: Annotated[int, typer.Option("--port")],
    gateway: Annotated[str, typer.Option("--gateway", help="Address of the partner doors.")],
    state: State = Path(".state"),
    host: str = "127.0.0.1",
    profile: str = "soap-gw-1",
    signs_with: str = "rsa-sha256",
    clock: Annotated[str, typer.Option("--clock", help="Where its business clock starts, UTC.")] = "",
    pulls: bool = False,
) -> None:
    """Run one simulated partner until told to stop."""
    from datetime import UTC, datetime, timedelta

    from gateway.model import PartnerId
    from gateway.shell.client import wear
    from gateway.shell.logs import configure_logs
    from gateway.shell.partner_host import PartnerHost, Role

    folder = state / "demo" / partner
    hat = wear(PartnerId(partner), sorted(folder.glob(f"{partner}-*.pem")), state / "trust", gateway, signs_with)
    ahead = datetime.fromisoformat(clock) - datetime.now(UTC) if clock else timedelta(0)
    role = Role(
        hat=hat, profile="rest-gw-1" if profile == "rest-gw-1" else "soap-gw-1", folder=folder, pulls=pulls,
        ahead=ahead,
    )  # fmt: skip
    configure_logs()
    running, stop = PartnerHost(role), Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    running.start(host, port)
    stop.wait()
    running.stop()
