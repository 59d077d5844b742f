"""Whether what was measured is flat: the second half of a run must not climb."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.cli.soak_samples import Sample

FEWEST: Final = 8
"""Samples below which nothing can be said."""
SHORTEST: Final = 5.0
"""Minutes below which what warms up looks like what leaks."""
MOST_ROWS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One measured thing. It is flat when it climbs by no more than `share` of itself, or by no more than `room`."""

    name: str
    unit: str
    of: Callable[[Sample], float]
    share: float
    room: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A series over the second half: where its line begins and ends, and how far it may climb."""

    name: str
    unit: str
    first: float
    last: float
    bound: float

    @property
    def flat(self) -> bool:
        """It does not climb further than it may; to fall is allowed."""
        return self.last - self.first <= self.bound


def _memory(name: str) -> Callable[[Sample], float]:
    return lambda sample: sample.memory[name]


def _handles(name: str) -> Callable[[Sample], float]:
    return lambda sample: float(sample.handles[name])


SERIES: Final = (
    Series(name="memory of a gateway", unit="MB", of=_memory("gateway-1"), share=0.05, room=4),
    Series(name="memory of a worker", unit="MB", of=_memory("worker-1"), share=0.05, room=4),
    Series(name="memory of the database", unit="MB", of=_memory("database"), share=0.25, room=30),
    Series(name="file handles of a gateway", unit="", of=_handles("gateway-1"), share=0.0, room=6),
    Series(name="file handles of a worker", unit="", of=_handles("worker-1"), share=0.0, room=6),
    Series(name="connections to the database", unit="", of=lambda one: float(one.connections), share=0.0, room=6),
    Series(name="small tables", unit="kB", of=lambda one: one.working / 1000, share=0.25, room=1000),
    Series(name="dead rows for each 1000 messages", unit="", of=lambda one: 1000 * one.dead / max(1, one.messages),
           share=0.25, room=200),
    Series(name="bytes kept for each message", unit="kB", of=lambda one: one.kept / max(1, one.messages) / 1000,
           share=0.10, room=2),
    Series(name="delay, the middle one", unit="s", of=lambda one: one.delay, share=0.5, room=0.5),
    Series(name="messages on their way", unit="", of=lambda one: float(one.queued), share=0.5, room=50),
)  # fmt: skip


def findings(samples: Sequence[Sample]) -> list[Finding]:
    """Every series over the second half; empty when the run was too short to say anything."""
    if len(samples) < FEWEST or samples[-1].minute < SHORTEST:
        return []
    half = [one for one in samples if one.minute >= samples[-1].minute / 2]
    return [_finding(series, half) for series in SERIES]


def _finding(series: Series, half: Sequence[Sample]) -> Finding:
    first, last = line([(one.minute, series.of(one)) for one in half])
    middle = abs(first + last) / 2
    return Finding(name=series.name, unit=series.unit, first=round(first, 2), last=round(last, 2),
                   bound=round(max(series.room, series.share * middle), 2))  # fmt: skip


def line(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Begin and end of the straight line through the points that fits best (least squares)."""
    count = len(points)
    x_mean, y_mean = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    spread = sum((x - x_mean) ** 2 for x, _ in points)
    slope = sum((x - x_mean) * (y - y_mean) for x, y in points) / spread if spread else 0.0
    return y_mean + slope * (points[0][0] - x_mean), y_mean + slope * (points[-1][0] - x_mean)


COLUMNS: Final = (
    "minute", "acknowledged", "gateway MB", "worker MB", "database MB", "handles", "connections", "messages",
    "dead rows", "kB a message", "small tables kB", "queued", "delay s", "p99 s",
)  # fmt: skip


def cells(one: Sample) -> list[str]:
    """A sample as words, by `COLUMNS`."""
    handles = f"{one.handles['gateway-1']} / {one.handles['worker-1']}"
    size = one.kept / max(1, one.messages) / 1000
    memory = [f"{one.memory[name]:.0f}" for name in ("gateway-1", "worker-1", "database")]
    return [f"{one.minute:.1f}", str(one.acknowledged), *memory, handles, str(one.connections), str(one.messages),
            str(one.dead), f"{size:.1f}", f"{one.working / 1000:.0f}", str(one.queued), f"{one.delay:.2f}",
            f"{one.slowest:.2f}"]  # fmt: skip


def thinned(samples: Sequence[Sample]) -> list[Sample]:
    """At most `MOST_ROWS`, evenly, with the first and the last."""
    step = max(1, -(-len(samples) // MOST_ROWS))
    return [one for number, one in enumerate(samples) if number % step == 0 or number == len(samples) - 1]
