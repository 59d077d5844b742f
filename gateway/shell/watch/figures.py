"""The figures Prometheus reads: what this process counted, and what the database says when it is asked.

Processes of one `gateway serve` count into files below `state_dir/metrics` (PROMETHEUS_MULTIPROC_DIR), so that any of
them can tell the sum. Labels are only what we know ourselves: partners, message types, codes, lanes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography import x509
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from gateway.errors import Busy
from gateway.shell.keyring import own_certificates
from gateway.shell.lanes import LaneCount, lane_counts
from gateway.shell.presence import live_instances
from gateway.shell.store import Store

if TYPE_CHECKING:
    from gateway.shell.house import House

SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_FINE: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_LONG: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900, 3600, 21_600, 86_400)

ACCEPTED: Final = Counter(
    "gateway_accepted",
    "Messages proven, valid and kept; repeats of one are not counted.",
    ["sender", "type", "profile"],
)
REPEATED: Final = Counter("gateway_repeated", "Repeats answered with the stored receipt.", ["sender"])
REFUSED: Final = Counter("gateway_refused", "Messages refused, by the code of the refusal.", ["code"])
STEP: Final = Histogram("gateway_step_seconds", "How long one step of accepting took.", ["step"], buckets=_FINE)
SETTLED: Final = Counter("gateway_settled", "Deliveries that ended, by how.", ["receiver", "state"])
POSTPONED: Final = Counter("gateway_postponed", "Attempts that failed and will be made again.", ["receiver", "code"])
DELIVERED: Final = Histogram(
    "gateway_delivered_seconds", "From received to the receiver's receipt kept.", ["receiver"], buckets=_LONG
)

DEAD: Final = """
select receiver, count(*) as number from delivery
where state <> 'delivered' and state in ('refused', 'failed', 'expired') group by receiver
"""


def share(folder: Path) -> dict[str, str]:
    """The environment under which several processes count together, from nothing; the folder is made."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    return {SHARED: str(folder)}


def exposition(house: House) -> bytes:
    """Everything, in the text format of Prometheus."""
    counted = REGISTRY
    if SHARED in os.environ:
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    asked = CollectorRegistry()
    asked.register(Standing(house))
    return generate_latest(counted) + generate_latest(asked)


class Standing(Collector):
    """What is true now, asked at each reading: lanes, dead letters, processes, certificates, clock, readiness."""

    def __init__(self, house: House) -> None:
        self._house = house

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """All gauges; those that need the database are left out while it is away."""
        yield from self._ready()
        yield from self._certificates()
        yield _gauge("gateway_clock_ahead_seconds", "Our clock against another.", ["source"], [
            ([one.source], one.ahead.total_seconds())
            for one in self._house.clock_guard.readings if one.ahead is not None
        ])  # fmt: skip
        try:
            yield from _lanes(lane_counts(self._house.store), self._house.setup.clock())
            yield from _rest(self._house.store)
        except Busy:
            return

    def _ready(self) -> Iterable[GaugeMetricFamily]:
        found = [([one.name], float(one.ok)) for one in self._house.readiness.look()]
        yield _gauge("gateway_ready", "1 = in order.", ["check"], found)

    def _certificates(self) -> Iterable[GaugeMetricFamily]:
        setup = self._house.setup
        own = own_certificates(setup.keyring)
        ends = [(["gateway", str(number)], _end(der)) for number, der in enumerate(own)]
        for partner in setup.partners.values():
            ends += [([partner.id, str(number)], _end(held.der)) for number, held in enumerate(partner.certificates)]
        name = "gateway_certificate_end_timestamp_seconds"
        yield _gauge(name, "When a signing certificate ends.", ["partner", "number"], ends)


def _lanes(found: list[LaneCount], now: datetime) -> Iterable[GaugeMetricFamily]:
    columns: dict[str, tuple[str, Callable[[LaneCount], float]]] = {
        "gateway_lane_queued": ("Messages that wait.", lambda one: one.queued),
        "gateway_lane_urgent": ("Of those, urgent ones.", lambda one: one.urgent),
        "gateway_lane_out": ("1 = its partner is out.", lambda one: one.failures > 0),
        "gateway_lane_paused": ("1 = a person stopped it.", lambda one: one.paused),
        "gateway_lane_oldest_seconds": ("Age of the oldest that waits.", lambda one: _age(one.oldest, now)),
        "gateway_lane_due_seconds": ("Time left to the soonest deadline.", lambda one: -_age(one.due, now)),
    }
    for name, (words, value) in columns.items():
        shown = [one for one in found if one.queued] if name.endswith("seconds") else found
        yield _gauge(name, words, ["lane"], [([one.lane], value(one)) for one in shown])


def _rest(store: Store) -> Iterable[GaugeMetricFamily]:
    dead = [([row["receiver"]], float(row["number"])) for row in store.fetch(DEAD)]
    yield _gauge(
        "gateway_dead_letters", "Deliveries that ended badly; a person may send them again.", ["receiver"], dead
    )
    alive = store.run(lambda connection: len(live_instances(connection)))
    yield _gauge("gateway_processes", "Processes that gave a sign of life lately.", [], [([], float(alive))])


def _gauge(name: str, words: str, labels: list[str], values: list[tuple[list[str], float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=labels)
    for own, value in values:
        family.add_metric(own, value)
    return family


def _age(then: datetime | None, now: datetime) -> float:
    return (now - then).total_seconds() if then else 0.0


def _end(der: bytes) -> float:
    return x509.load_der_x509_certificate(der).not_valid_after_utc.timestamp()
