"""CPU time of candidates that take turns: only ratios inside one run mean something, so only they are reported.

A sample is the CPU time of the whole process, all threads, over enough calls to fill the sample. Every candidate runs
in every round and the order rotates, so that a slow moment of the machine falls on all of them alike.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import process_time

Call = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to measure: `rounds` samples of each candidate, each of about `sample` seconds of CPU."""

    rounds: int
    sample: float


QUICK = Effort(rounds=2, sample=0.003)
FULL = Effort(rounds=25, sample=0.06)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """CPU seconds of one call, one figure per round."""

    name: str
    samples: tuple[float, ...]

    @property
    def seconds(self) -> float:
        """The median over the rounds."""
        return statistics.median(self.samples)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """A candidate against another of the same run: the median of the per-round ratios and their middle half."""

    median: float
    low: float
    high: float


def compare(candidates: Mapping[str, Call], effort: Effort) -> dict[str, Timed]:
    """Measure all candidates in turns."""
    names = list(candidates)
    calls = {name: _calls(candidates[name], effort.sample) for name in names}
    samples: dict[str, list[float]] = {name: [] for name in names}
    gc.collect()
    for turn in range(effort.rounds):
        for name in rotated(names, turn):
            samples[name].append(_sample(candidates[name], calls[name]))
    return {name: Timed(name=name, samples=tuple(found)) for name, found in samples.items()}


def rotated(names: Sequence[str], turn: int) -> list[str]:
    """The names in the order of this round."""
    start = turn % len(names)
    return [*names[start:], *names[:start]]


def ratio(one: Timed, other: Timed) -> Ratio:
    """How many times the other's CPU time one takes."""
    shares = [mine / its for mine, its in zip(one.samples, other.samples, strict=True)]
    if len(shares) < 2:
        return Ratio(median=shares[0], low=shares[0], high=shares[0])
    low, _, high = statistics.quantiles(shares, n=4)
    return Ratio(median=statistics.median(shares), low=low, high=high)


def _calls(call: Call, wanted: float) -> int:
    """How many calls fill a sample, after warming up."""
    call()
    count = 1
    while True:
        spent = _sample(call, count) * count
        if spent >= wanted / 4:
            return max(1, round(count * wanted / spent))
        count *= 4


def _sample(call: Call, count: int) -> float:
    start = process_time()
    for _ in range(count):
        call()
    return (process_time() - start) / count
