"""`gateway soak`: steady traffic with a fault now and then; what should be flat is measured, and must be flat."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gateway.cli.chaos import State, busy_town, look_back, make_traffic, progress, tell

if TYPE_CHECKING:
    from gateway.cli.chaos_town import BusyTown
    from gateway.cli.demo_town import Say
    from gateway.cli.read_back import Verdict
    from gateway.cli.soak_samples import Sample
    from gateway.cli.soak_verdict import Finding
    from gateway.cli.traffic import Traffic

EVERY: Final = 30.0
"""Seconds between two samples of a long run; a short one has ten."""
FAULT_EVERY: Final = 30.0
MEAN_GAP: Final = 1.2
"""Seconds between two faults of a plan that is not stretched."""
FAULTS_A_KILL: Final = 2.5
PAGE: Final = Path("docs/soak.md")
RATE: Final = 8.0
TOP: Final = """\
# Soak

`./run soak --minutes {minutes:g} --seed {seed} --rate {rate:g} --record` wrote this page, on {day}: two gateways behind
a balancer, two workers, the database and four simulated partners on one machine ({cores} cores, {system}, Python
{python}), {rate:g} messages a second: questions, declarations, lists and messages that are refused, over SOAP and REST.
About twice a minute something went wrong: the second gateway, the second worker or a partner was killed or paused, or a
partner's door lost a receipt, repeated a message, stalled or broke the connection. The first gateway and the first
worker were never killed, so that their memory tells something.

**{sentence}; {said}.**

## Over the second half

A straight line through the samples; it may climb by the bound, falling is allowed.

"""
BELOW: Final = """
## Over the whole run

Memory is counted with shared parts divided among those who share them. `handles` are those of the first gateway and of
the first worker, `dead rows` those of all tables, `small tables` the chains, lanes and jobs that are written all the
time. Delays are from acceptance to the receiver's signed receipt, faults included, for partners that are called.

"""


def add_to(app: typer.Typer) -> None:
    """Put the command into the program."""
    app.command("soak")(soak)


def soak(
    minutes: Annotated[float, typer.Option("--minutes", min=0.1, help="How long messages flow.")] = 30.0,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same plan of faults.")] = 1,
    rate: Annotated[float, typer.Option("--rate", min=0.5, help="Messages a second.")] = RATE,
    record: Annotated[bool, typer.Option("--record", help="Write docs/soak.md below the working directory.")] = False,
    state: State = None,
) -> None:
    """Let messages flow for long, with a fault every half minute, and say whether anything grows.

    Two gateways, two workers, the database and four simulated partners; questions, declarations, lists and messages
    that are refused, over SOAP and REST. Memory, file handles, connections, tables and delays are measured; over the
    second half none of them may climb (5 minutes or more; less is too short to say). In the end every message and
    every answer is looked for at its receiver, and the evidence is verified. Ends with 1 when something climbs, is
    lost, doubled or out of order.
    """
    from gateway.cli.soak_verdict import findings

    say = progress()
    with busy_town(state, say) as town:
        traffic = make_traffic(town, seed=seed, rate=rate)
        traffic.start()
        try:
            samples = _flow(town, traffic, minutes, seed, say)
        finally:
            town.await_fit()
            traffic.stop()
        verdict = look_back(town, traffic, say)
        broken = _evidence(town)
    tell(verdict, traffic, say)
    found = findings(samples)
    good = _told(samples, found, verdict, traffic, broken)
    if record:
        PAGE.write_text(page(samples, found, verdict, _run_words(minutes, seed, rate, broken)), "utf-8")
    raise typer.Exit(0 if good else 1)


def _flow(town: BusyTown, traffic: Traffic, minutes: float, seed: int, say: Say) -> list[Sample]:
    """Messages flow; samples are taken and faults happen in their turn."""
    from gateway.cli.chaos_plan import plan
    from gateway.cli.soak_samples import STEADY
    from gateway.errors import GatewayError

    seconds = minutes * 60
    mortal = [name for name in town.crew.names() if name not in STEADY]
    count = max(1, round(seconds / FAULT_EVERY / FAULTS_A_KILL))
    pause = seconds / (count * FAULTS_A_KILL + 1) / MEAN_GAP
    faults = plan(seed, count, mortal, town.doors_of_partners, pause=pause)
    started, every = time.monotonic(), min(EVERY, seconds / 10)
    samples: list[Sample] = []
    next_sample, next_fault = every, faults[0].after
    while time.monotonic() - started < seconds:
        passed = time.monotonic() - started
        try:
            town.renew()
            if passed >= next_sample:
                next_sample += every
                samples.append(_sample(town, traffic, passed, every, say))
            if faults and passed >= next_fault:
                fault = faults.pop(0)
                next_fault = passed + (faults[0].after if faults else seconds)
                say(str(fault))
                town.do(fault)
        except GatewayError as error:  # the next round will do
            say(f"{error.code}: {error.detail}")
        time.sleep(0.2)
    return samples


def _sample(town: BusyTown, traffic: Traffic, passed: float, every: float, say: Say) -> Sample:
    from gateway.cli.soak_samples import take
    from gateway.cli.soak_verdict import COLUMNS, cells

    since = datetime.now(UTC) - timedelta(seconds=every)
    sample = take(town, round(passed / 60, 2), len(traffic.acknowledged), since)
    say("; ".join(f"{name} {cell}" for name, cell in zip(COLUMNS, cells(sample), strict=True)))
    return sample


def _evidence(town: BusyTown) -> str:
    """What is wrong with the evidence; empty when all of it holds."""
    from gateway.shell.evidence import verify_chains
    from gateway.shell.store import Store

    with Store(town.dsn, largest=2) as store:
        broken = verify_chains(store).broken
    return "" if broken is None else broken.why


def _told(samples: Sequence[Sample], found: Sequence[Finding], verdict: Verdict, traffic: Traffic, broken: str) -> bool:
    """Print the tables; True when all is well."""
    from gateway.cli.say import rows
    from gateway.cli.soak_verdict import COLUMNS, cells, thinned

    rows("Soak", COLUMNS, [cells(one) for one in thinned(samples)])
    rows("The second half", ("", "begins", "ends", "may climb by", ""), [_words(one) for one in found])
    if not found:
        typer.echo("too short to say whether anything grows")
    wrong = bool(verdict.lost or verdict.doubled or verdict.disordered or traffic.changed or broken)
    typer.echo(_sentence(verdict, broken))
    return not wrong and verdict.acknowledged > 0 and all(one.flat for one in found)


def _words(one: Finding) -> tuple[str, str, str, str, str]:
    name = f"{one.name}, {one.unit}" if one.unit else one.name
    return name, f"{one.first:g}", f"{one.last:g}", f"{one.bound:g}", "flat" if one.flat else "CLIMBS"


def _sentence(verdict: Verdict, broken: str) -> str:
    evidence = f"BROKEN: {broken}" if broken else "holds"
    return (
        f"{verdict.acknowledged} promises: {len(verdict.lost)} lost, {len(verdict.doubled)} doubled,"
        f" {len(verdict.disordered)} out of order; the evidence {evidence}"
    )


def _run_words(minutes: float, seed: int, rate: float, broken: str) -> dict[str, Any]:
    import os

    day = datetime.now(UTC).date().isoformat()
    return {"day": day, "minutes": minutes, "seed": seed, "rate": rate, "broken": broken, "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}", "python": platform.python_version()}  # fmt: skip


def page(samples: Sequence[Sample], found: Sequence[Finding], verdict: Verdict, run: dict[str, Any]) -> str:
    """docs/soak.md: what this run measured."""
    from gateway.cli.soak_verdict import COLUMNS, cells, thinned

    flat = "nothing climbs" if all(one.flat for one in found) else "something climbs"
    said = flat if found else "too short to say whether anything grows"
    top = TOP.format(**run, sentence=_sentence(verdict, run["broken"]), said=said)
    measured = _table(("", "begins", "ends", "may climb by", "verdict"), [_words(one) for one in found])
    rows = _table(COLUMNS, [cells(one) for one in thinned(samples)])
    return top + measured + BELOW + rows


def _table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    every = [columns, ["---"] * len(columns), *lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in every)
