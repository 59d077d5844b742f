"""What there is to tell, and who is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from gateway.shell.house import House
from gateway.shell.watch.alerts import Alerts, News
from tests.builders import CountedIds, FrozenClock, a_sealed, a_verified, an_entry, some_claims


class Ears:
    """A messenger that remembers what it was told, and can be deaf."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.deaf = False

    def tell(self, news: Sequence[News]) -> None:
        if self.deaf:
            raise OSError("nobody listens")
        self.heard += [(one.turn, one.kind) for one in news]


class Slow(Ears):
    """A messenger during whose telling something happens."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__()
        self.meanwhile = meanwhile

    def tell(self, news: Sequence[News]) -> None:
        super().tell(news)
        self.meanwhile()


class Broken:
    """A messenger with a fault of its own."""

    def tell(self, news: Sequence[News]) -> None:
        raise ValueError("no such letter")


def accept(house: House, count: int = 1) -> None:
    """Questions to the ministry wait."""
    ids = CountedIds(house.store.fetch("select count(*) as n from message")[0]["n"] + 1)
    for _ in range(count):
        entry_id = ids()
        claims = some_claims(f"urn:uuid:{entry_id}")
        entry = an_entry(entry_id, claims, received_at=house.setup.clock())
        house.ledger.enter(entry, a_verified(claims), a_sealed(), {})


def stumble(house: House, lane: str = "health_kz") -> None:
    """The partner is out from now on."""
    words = "insert into lane (lane, failures, held_since, code, detail) values (%s, 1, %s, %s, 'refused')"
    row = [lane, house.setup.clock(), "delivery.failed"]
    house.store.run(lambda connection: connection.execute(cast("Any", words), row))


def recover(house: House) -> None:
    """All partners are back, and took everything."""
    for words in ("delete from lane", "delete from delivery"):
        house.store.run(lambda connection, words=words: connection.execute(cast("Any", words)))  # type: ignore[misc]


def look(alerts: Alerts, clock: FrozenClock, **later: float) -> None:
    clock.move(**(later or {"minutes": 1}))
    alerts.look()


def out_for_ten_minutes(house: House, clock: FrozenClock) -> None:
    """There is one thing to tell."""
    accept(house)
    stumble(house)
    clock.move(minutes=10)
