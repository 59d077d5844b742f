"""What climbs in the second half is found; what wavers, or warms up, is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.cli.read_back import Verdict
from gateway.cli.soak import page
from gateway.cli.soak_samples import Sample
from gateway.cli.soak_verdict import MOST_ROWS, findings, line, thinned

STILL = Sample(
    minute=0, acknowledged=0, memory={"gateway-1": 100.0, "worker-1": 90.0, "database": 200.0},
    handles={"gateway-1": 40, "worker-1": 12}, connections=20, messages=1000, dead=500, kept=20_000_000,
    working=400_000, queued=3, delay=0.2, slowest=1.0,
)  # fmt: skip


def run(minutes: int = 30) -> list[Sample]:
    """A sample a minute of a gateway that wavers a little."""
    return [
        replace(
            STILL, minute=float(minute), messages=1000 * (minute + 1), kept=20_000_000 * (minute + 1),
            dead=500 * (minute + 1), connections=20 + minute % 3,
            memory={**STILL.memory, "gateway-1": 100.0 + (minute % 2)},
        )
        for minute in range(minutes)
    ]  # fmt: skip


def climbing(samples: list[Sample]) -> list[str]:
    return [one.name for one in findings(samples) if not one.flat]


def test_a_gateway_that_wavers_is_flat() -> None:
    """Every series has a line and a bound."""
    assert climbing(run()) == []
    assert len(findings(run())) == 11


def test_what_grows_only_while_it_warms_up_is_flat() -> None:
    """The first half is not looked at."""
    warm = [replace(one, working=min(one.minute, 10) * 5_000_000) for one in run()]
    assert climbing([replace(one, working=int(one.working)) for one in warm]) == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("memory of a gateway", lambda one: {"memory": {**one.memory, "gateway-1": 100 + one.minute}}),
        ("memory of a worker", lambda one: {"memory": {**one.memory, "worker-1": 90 + one.minute}}),
        ("file handles of a worker", lambda one: {"handles": {**one.handles, "worker-1": 12 + int(one.minute)}}),
        ("connections to the database", lambda one: {"connections": 20 + int(one.minute)}),
        ("small tables", lambda one: {"working": 400_000 + int(one.minute) * 200_000}),
        ("dead rows for each 1000 messages", lambda one: {"dead": int(500 * (one.minute + 1) ** 2)}),
        ("bytes kept for each message", lambda one: {"kept": int(20_000_000 * (one.minute + 1) ** 1.5)}),
        ("delay, the middle one", lambda one: {"delay": 0.2 + one.minute / 10}),
        ("messages on their way", lambda one: {"queued": int(10 * one.minute)}),
    ],
)
def test_what_climbs_is_found(name: str, change: object) -> None:
    """One thing climbs, and that one is named."""
    assert callable(change)
    assert climbing([replace(one, **change(one)) for one in run()]) == [name]


def test_a_short_run_says_nothing() -> None:
    """What warms up looks like what leaks."""
    assert findings(run(4)) == []
    assert findings([replace(one, minute=one.minute / 10) for one in run()]) == []


def test_the_line_fits_best() -> None:
    """Least squares: exact where all points lie on a line."""
    assert line([(0, 1), (1, 3), (2, 5)]) == (1, 5)
    assert line([(5, 2)]) == (2, 2)


def test_a_long_run_has_few_rows() -> None:
    """With the first and the last."""
    samples = run(61)
    kept = thinned(samples)
    assert len(kept) <= MOST_ROWS + 1
    assert (kept[0], kept[-1]) == (samples[0], samples[-1])


def test_the_page_says_what_climbs() -> None:
    """In one sentence, and in the table."""
    words = {"day": "2026-11-23", "minutes": 30.0, "seed": 1, "rate": 8.0, "broken": "", "cores": 2, "system": "Linux",
             "python": "3.11"}  # fmt: skip
    flat, leaking = run(), [replace(one, connections=20 + int(one.minute)) for one in run()]
    assert "nothing climbs" in page(flat, findings(flat), Verdict(acknowledged=9), words)
    told = page(leaking, findings(leaking), Verdict(acknowledged=9), words)
    assert "something climbs" in told
    assert "| connections to the database | 15 |" not in told
    assert "CLIMBS" in told
