"""Slow, broken or many at once: what is told is told once, and who tells never stops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Barrier, Event, Thread
from typing import Any, cast

import pytest
from structlog.testing import LogCapture

from gateway.model import LANGUAGES
from gateway.shell.house import House
from gateway.shell.store import Store
from gateway.shell.watch.alerts import Alerts, News
from tests.builders import FrozenClock
from tests.database import wait_until
from tests.watch.ears import Broken, Ears, Slow, accept, look, out_for_ten_minutes


@pytest.fixture
def ears() -> Ears:
    return Ears()


def test_two_processes_that_look_at_once_tell_once(house: House, ears: Ears, clock: FrozenClock) -> None:
    out_for_ten_minutes(house, clock)
    start = Barrier(4)

    def look_with_the_others() -> None:
        start.wait(30)
        Alerts(house, [ears]).look()

    threads = [Thread(target=look_with_the_others) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert ears.heard == [("raised", "partner-out")]


def test_who_looks_while_another_still_tells_is_silent(house: House, ears: Ears, clock: FrozenClock) -> None:
    """A messenger may take a minute."""
    other = Alerts(house, [ears])
    slow = Slow(lambda: look(other, clock, minutes=1))
    out_for_ten_minutes(house, clock)
    Alerts(house, [slow]).look()
    assert (slow.heard, ears.heard) == ([("raised", "partner-out")], [])


def test_who_died_while_telling_is_followed_by_another(house: House, ears: Ears, clock: FrozenClock, dsn: str) -> None:
    """In two and a half minutes; until then it may still be speaking."""
    store = Store(dsn).open()
    out_for_ten_minutes(house, clock)
    with pytest.raises(Exception, match="cannot be used"):
        Alerts(replace(house, store=store), [Slow(store.close)]).look()
    other = Alerts(house, [ears])
    look(other, clock, minutes=2)
    assert ears.heard == []
    look(other, clock, minutes=1)
    assert ears.heard == [("raised", "partner-out")]


def test_a_slow_messenger_is_no_flood(house: House, clock: FrozenClock, dsn: str) -> None:
    """No transaction rests while people are told: the server would end it, and what was told would be forgotten."""
    with Store(dsn, idle=0.2) as store:
        words = "select 1 from pg_stat_activity where datname = current_database() and state like 'idle in tr%%'"
        slow = Slow(lambda: wait_until(lambda: not house.store.fetch(cast("Any", words))))
        alerts = Alerts(replace(house, store=store), [slow])
        out_for_ten_minutes(house, clock)
        for _ in range(3):
            look(alerts, clock)
    assert slow.heard == [("raised", "partner-out")]


def test_what_became_worse_while_it_was_told_is_told(house: House, clock: FrozenClock) -> None:
    """What people know is what they were told."""

    def dead(count: int) -> None:
        accept(house, count)
        house.store.run(lambda c: c.execute("update delivery set state = 'failed', settled_at = %s", [clock()]))
        house.store.run(lambda c: c.execute("update alert set level = %s where kind = 'dead'", [len(str(count))]))

    slow = Slow(lambda: dead(30))
    alerts = Alerts(house, [slow])
    dead(1)
    look(alerts, clock)
    slow.meanwhile = lambda: None
    look(alerts, clock)
    assert slow.heard == [("raised", "dead"), ("worse", "dead")]


def test_a_messenger_that_fails_in_its_own_way_keeps_nobody_from_speaking(
    house: House, ears: Ears, clock: FrozenClock, said: LogCapture
) -> None:
    out_for_ten_minutes(house, clock)
    alerts = Alerts(house, [Broken(), ears])
    for _ in range(2):
        look(alerts, clock)
    assert ears.heard == [("raised", "partner-out")]
    told = [line for line in said.entries if line["event"] == "alert.not-told"]
    assert [(line["messenger"], line["error"]) for line in told] == [("Broken", "ValueError: no such letter")]


def test_whatever_happens_people_are_told_at_a_later_look(
    house: House, ears: Ears, clock: FrozenClock, said: LogCapture
) -> None:
    """A look that fails for whatever reason is not the last one of this process."""
    out_for_ten_minutes(house, clock)
    troubled = replace(house, setup=replace(house.setup, clock=_twice_wrong(clock)))
    stop = Event()
    thread = Alerts(troubled, [ears]).watch(stop, every=0.01)
    wait_until(lambda: ears.heard)
    stop.set()
    thread.join(30)
    assert [line["error"] for line in said.entries if line["event"] == "alerts.cannot-look"] == ["ValueError: odd"] * 2


def _twice_wrong(clock: FrozenClock) -> Callable[[], Any]:
    left = [ValueError("odd"), ValueError("odd")]

    def now() -> Any:
        if left:
            raise left.pop()
        return clock()

    return now


def test_what_only_another_version_knows_is_left_to_it(house: House, clock: FrozenClock) -> None:
    """A kind of a newer program, and a kind we know with other words: the rest is told in all languages."""
    words = (
        "insert into alert (key, kind, level, since, told_at, told_level, words) values (%s, %s, 1, %s, %s, 1, '{}')"
    )
    for kind in ("of-tomorrow", "dead"):
        house.store.run(lambda c, kind=kind: c.execute(words, [kind, kind, clock(), clock()]))  # type: ignore[misc]
    texts: list[str] = []

    class Reader:
        def tell(self, news: Sequence[News]) -> None:
            texts.extend(one.text(language) for one in news for language in LANGUAGES)

    out_for_ten_minutes(house, clock)
    Alerts(house, [Reader()]).look()
    assert len(texts) == 2 * len(LANGUAGES)
    assert [row["key"] for row in house.store.fetch("select key from alert where kind = 'of-tomorrow'")]
