"""`gateway chaos`: kill and pause everything under traffic, then look for every promise. Demo keys only, own state."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from gateway.cli.chaos_plan import Fault
    from gateway.cli.chaos_town import BusyTown
    from gateway.cli.demo_town import Say
    from gateway.cli.read_back import Verdict
    from gateway.cli.traffic import Traffic
    from gateway.replay import Fixture

LINES: Final = 6
RATE: Final = 12.0
"""Messages a second."""
QUIET: Final = 180.0
"""Seconds that everything may need to arrive after the last fault."""
TOLD_EVERY: Final = 5.0
LISTED: Final = 20
State = Annotated[
    Path | None, typer.Option("--state", help="Directory to work in; it must be empty. Else a temporary one.")
]


def add_to(app: typer.Typer) -> None:
    """Put the command into the program."""
    app.command("chaos")(chaos)


def chaos(
    kills: Annotated[int, typer.Option("--kills", min=1, help="How many processes are killed.")] = 20,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same plan of faults.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="On standard output, nothing but the last line.")] = False,
    state: State = None,
) -> None:
    """Kill gateways, workers, database and partners under traffic, and look for every acknowledged message.

    Two doors behind a balancer, two workers, the database and four simulated partners run as processes of their own,
    with demo keys in a directory of their own; nothing of yours is touched. They are killed (-9) and paused, and the
    doors of the partners lose receipts, repeat messages, stall and break connections, all by a plan made from the
    seed. Then every message whose sender has a receipt, and every answer, is looked for at its receiver. The last
    line is JSON. Ends with 0 only if nothing was lost, doubled or out of order.
    """
    from gateway.cli.chaos_plan import plan

    started = time.monotonic()
    say = progress()
    with busy_town(state, say) as town:
        faults = plan(seed, kills, town.killable, town.doors_of_partners)
        traffic = make_traffic(town, seed=seed)
        traffic.start()
        try:
            run_faults(town, faults, say)
        finally:
            town.await_fit()
            traffic.stop()
        verdict = look_back(town, traffic, say)
    seconds = round(time.monotonic() - started, 1)
    tell(verdict, traffic, say)
    lost, doubled = len(verdict.lost), len(verdict.doubled)
    found = {"kills": kills, "acknowledged": verdict.acknowledged, "lost": lost, "doubled": doubled,
             "seconds": seconds}  # fmt: skip
    if not as_json:
        typer.echo(f"{kills} kills; of {verdict.acknowledged} promises {lost} were lost and {doubled} kept twice")
    typer.echo(json.dumps(found))
    good = verdict.acknowledged > 0 and not (lost or doubled or verdict.disordered or traffic.changed)
    raise typer.Exit(0 if good else 1)


@contextmanager
def busy_town(state: Path | None, say: Say) -> Iterator[BusyTown]:
    """A town of its own, with demo keys. Raises ConfigurationError for a directory that holds something."""
    from gateway.cli.chaos_town import BusyTown
    from gateway.errors import ConfigurationError

    if state is not None and state.exists() and any(state.iterdir()):
        raise ConfigurationError(f"{state} is not empty: chaos works only in a directory of its own")
    with TemporaryDirectory(prefix="gateway-chaos-") as spare, BusyTown(state or Path(spare), say) as town:
        yield town


def make_traffic(town: BusyTown, *, seed: int, lines: int = LINES, rate: float = RATE) -> Traffic:
    """Questions, declarations, lists and messages that are refused, over SOAP and REST."""
    from gateway.cli.traffic import Traffic

    return Traffic(town, mixed(), seed=seed, lines=lines, rate=rate)


def mixed() -> list[Fixture]:
    """The fixtures that partners send by themselves, one as often as the other; races are sent alone here."""
    from gateway.cli.demo import stories

    return [one for one in stories("") if one.captured is None and one.relates_to is None]


def run_faults(town: BusyTown, faults: Sequence[Fault], say: Say) -> None:
    """Every fault in its turn."""
    for number, fault in enumerate(faults, 1):
        time.sleep(fault.after)
        say(f"{number} of {len(faults)}: {fault}")
        town.renew()
        town.do(fault)


def look_back(town: BusyTown, traffic: Traffic, say: Say, patience: float = QUIET) -> Verdict:
    """Wait until everything has arrived, or nothing more can be hoped for, and judge."""
    from gateway.cli.read_back import judge, read_books

    end = time.monotonic() + patience
    say(f"{len(traffic.acknowledged)} messages acknowledged; waiting for what is on its way")
    last = time.monotonic()
    while True:
        town.renew()
        books, queued = read_books(town), town.queued()
        verdict = judge(traffic.acknowledged, books)
        if time.monotonic() > end or not (verdict.lost or books.owed or queued):
            return verdict
        if time.monotonic() - last > TOLD_EVERY:
            last = time.monotonic()
            say(f"{queued} are queued, {books.owed} answers are owed, {len(verdict.lost)} are missing")
        time.sleep(0.3)


def tell(verdict: Verdict, traffic: Traffic, say: Say) -> None:
    """What was found wrong, and how much went well."""
    say(f"{traffic.attempts} attempts, {len(traffic.acknowledged)} messages acknowledged, {traffic.refused} refused")
    found = [("lost", verdict.lost), ("doubled", verdict.doubled), ("out of order", verdict.disordered),
             ("another receipt", traffic.changed)]  # fmt: skip
    for kind, names in found:
        for name in names[:LISTED]:
            say(f"{kind}: {name}")


def progress() -> Say:
    """Progress on standard error, with the time."""
    started = time.monotonic()
    return lambda text: typer.echo(f"{time.monotonic() - started:6.1f} s  {text}", err=True)
