"""What is wrong now, as things that people can be told: one condition, one key, and a level that only news raises."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509

from gateway.errors import Busy
from gateway.shell.deadlines import deadlines_at_risk
from gateway.shell.keyring import own_certificates
from gateway.shell.lanes import LaneCount, lane_counts
from gateway.shell.watch.figures import DEAD
from gateway.shell.watch.ready import failures

if TYPE_CHECKING:
    from gateway.shell.config import AlertSettings
    from gateway.shell.house import House

MANY: Final = (1, 10, 100, 1_000, 10_000)
"""Numbers at which a heap of something is news again."""
DAYS: Final = (0, 1, 7, 30)
"""Days before the end of a certificate at which people are told."""
ALARMS: Final = """
select code, count(*) as number, max(claimed) as claimed from intake
where alarm and at > %(since)s group by code order by code
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something that is wrong. `key` is what it is one of; at a higher `level` people are told again."""

    kind: str
    key: str
    level: int = 1
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From when on something is wrong."""

    after: timedelta = timedelta(minutes=5)
    """How long a partner may be out, or an open lane stand still."""
    held: tuple[int, ...] = (1_000, 10_000, 100_000)
    long: tuple[timedelta, ...] = (timedelta(minutes=30), timedelta(hours=4), timedelta(hours=24))
    risk: timedelta = timedelta(hours=1)


def limits_of(settings: AlertSettings) -> Limits:
    """As the settings say."""
    held = settings.held_messages
    return Limits(
        after=timedelta(minutes=settings.after_minutes), held=(held, 10 * held, 100 * held),
        risk=timedelta(minutes=settings.deadline_minutes),
    )  # fmt: skip


def conditions(house: House, limits: Limits, now: datetime) -> list[Condition]:
    """Everything that is wrong. Raises Busy when the database, which knows most of it, is away."""
    return [
        *_unready(house),
        *_certificates(house, now),
        *(one for lane in lane_counts(house.store) for one in _lane(lane, house, limits, now)),
        *_dead(house),
        *_deadlines(house, limits, now),
        *_alarms(house, now),
    ]


def _unready(house: House) -> Iterator[Condition]:
    for one in failures(house.readiness.look()):
        if one.name == "database":
            raise Busy(one.why)
        yield Condition(kind="unready", key=f"unready {one.name}", words={"check": one.name, "why": one.why})


def _certificates(house: House, now: datetime) -> Iterator[Condition]:
    held = {"gateway": own_certificates(house.setup.keyring)}
    held |= {partner.id: tuple(one.der for one in partner.certificates) for partner in house.setup.partners.values()}
    for owner, certificates in held.items():
        ends = [x509.load_der_x509_certificate(der).not_valid_after_utc for der in certificates]
        if ends and (days := (max(ends) - now) / timedelta(days=1)) < DAYS[-1]:
            level = sum(days < limit for limit in DAYS)
            words = {"partner": owner, "end": f"{max(ends):%Y-%m-%d}", "days": f"{max(0, int(days))}"}
            yield Condition(kind="certificate", key=f"certificate {owner}", level=level, words=words)


def _lane(lane: LaneCount, house: House, limits: Limits, now: datetime) -> Iterator[Condition]:
    """Out for some time, or open and nothing moves."""
    words = {
        "lane": lane.lane, "held": str(lane.queued), "code": lane.code, "detail": lane.detail[:200],
        "oldest": _spoken(now - lane.oldest) if lane.oldest else "", "partner": lane.lane.partition("/")[0],
    }  # fmt: skip
    if lane.paused:
        return
    since = lane.held_since or lane.oldest
    if since is None or now - since < limits.after:
        return
    level = 1 + bisect_right(limits.held, lane.queued) + bisect_right(limits.long, now - since)
    words |= {"since": f"{since:%Y-%m-%d %H:%M} UTC"}
    if lane.failures:
        yield Condition(kind="partner-out", key=f"partner-out {lane.lane}", level=level, words=words)
    elif lane.state == "open" and not _fetches(lane, house):
        yield Condition(kind="lane-still", key=f"lane-still {lane.lane}", level=level, words=words)


def _fetches(lane: LaneCount, house: House) -> bool:
    """A partner that fetches for itself comes when it likes."""
    return any(not one.endpoint for one in house.setup.partners.values() if one.id == lane.lane.partition("/")[0])


def _dead(house: House) -> Iterator[Condition]:
    for row in house.store.fetch(DEAD):
        partner = house.setup.partners.get(row["receiver"])
        words = {"partner": row["receiver"], "number": str(row["number"])}
        words |= {"contact": str(partner.contact) if partner and partner.contact else ""}
        yield Condition(kind="dead", key=f"dead {row['receiver']}", level=_heap(row["number"]), words=words)


def _deadlines(house: House, limits: Limits, now: datetime) -> Iterator[Condition]:
    found = deadlines_at_risk(house.store, now, within=limits.risk, limit=MANY[2])
    if found:
        first = found[0]
        words = {
            "number": str(len(found)), "type": first.type, "partner": first.receiver, "message": first.message_id,
            "due": f"{first.due:%Y-%m-%d %H:%M} UTC",
        }  # fmt: skip
        yield Condition(kind="deadline", key="deadline", level=_heap(len(found)), words=words)


def _alarms(house: House, now: datetime) -> Iterator[Condition]:
    for row in house.store.fetch(ALARMS, {"since": now - timedelta(hours=1)}):
        words = {"code": row["code"], "number": str(row["number"]), "claimed": row["claimed"]}
        yield Condition(kind="alarm", key=f"alarm {row['code']}", level=_heap(row["number"]), words=words)


def _heap(number: int) -> int:
    return bisect_right(MANY, number)


def _spoken(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    return f"{minutes // 60}:{minutes % 60:02}"
