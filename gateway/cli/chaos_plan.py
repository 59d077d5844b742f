"""What will go wrong, and when: the same seed gives the same plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from gateway.shell.host_faults import KINDS, STALL

KILL: Final = "kill"
STOP: Final = "stop"
LEAST: Final = 0.6
MOST: Final = 1.8
"""Seconds between two faults."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong, `after` seconds after the one before; `lasts` is in seconds, where it lasts."""

    after: float
    act: str
    whom: str
    lasts: float = 0.0
    times: int = 1

    def __str__(self) -> str:
        lasts = f" for {self.lasts:.1f} s" if self.lasts else ""
        return f"{self.act} {self.whom}{lasts}" + (f", {self.times} times" if self.times > 1 else "")


def plan(seed: int, kills: int, killable: Sequence[str], doors: Sequence[str], *, pause: float = 1.0) -> list[Fault]:
    """`kills` kills, half as many pauses and as many faults of the partners' doors, well mixed; each process is killed
    before one is killed again. `pause` stretches the time between them."""
    chance = Random(seed)  # noqa: S311 - a plan, not a secret
    whom = _in_turn(chance, killable)
    acts = [KILL] * kills + [STOP] * (kills // 2) + ["door"] * kills
    chance.shuffle(acts)
    return [_fault(chance, act, next(whom) if act != "door" else chance.choice(doors), pause) for act in acts]


def _fault(chance: Random, act: str, whom: str, pause: float) -> Fault:
    after = pause * chance.uniform(LEAST, MOST)
    if act == KILL:
        return Fault(after=after, act=KILL, whom=whom)
    if act == STOP:
        return Fault(after=after, act=STOP, whom=whom, lasts=chance.uniform(1.0, 7.0))
    kind = chance.choice(KINDS)
    lasts = chance.uniform(1.0, 5.0) if kind == STALL else 0.0
    return Fault(after=after, act=kind, whom=whom, lasts=lasts, times=chance.randint(1, 3))


def _in_turn(chance: Random, names: Sequence[str]) -> Iterator[str]:
    """All of them in a random order, then all of them in another."""
    while True:
        yield from chance.sample(list(names), len(names))
