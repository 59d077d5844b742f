"""People are told of each thing once, again when it is worse, and when it is over; nothing that was wrong is lost."""

from __future__ import annotations

from typing import Any, cast

import pytest

from gateway.model import LANGUAGES
from gateway.shell.house import House
from gateway.shell.watch.alerts import Alerts, book
from tests.builders import FrozenClock
from tests.watch.ears import Ears, accept, look, recover, stumble


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def alerts(house: House, ears: Ears) -> Alerts:
    return Alerts(house, [ears])


def test_a_partner_that_is_out_is_told_once_and_again_when_worse_and_when_back(
    house: House, alerts: Alerts, ears: Ears, clock: FrozenClock
) -> None:
    accept(house)
    stumble(house)
    look(alerts, clock, minutes=4)
    assert ears.heard == []
    for _ in range(5):
        look(alerts, clock)
    assert ears.heard == [("raised", "partner-out")]
    look(alerts, clock, minutes=25)
    assert ears.heard[1:] == [("worse", "partner-out")]
    recover(house)
    for _ in range(3):
        look(alerts, clock)
    assert ears.heard[2:] == [("over", "partner-out")]


def test_what_lasts_is_told_again_after_a_day(house: House, alerts: Alerts, ears: Ears, clock: FrozenClock) -> None:
    accept(house)
    stumble(house)
    look(alerts, clock, hours=25)
    for _ in range(3):
        look(alerts, clock, hours=7)
    assert ("again", "partner-out") not in ears.heard
    look(alerts, clock, hours=7)
    assert ("again", "partner-out") in ears.heard


def test_a_thousand_dead_letters_are_a_few_news(house: House, alerts: Alerts, ears: Ears, clock: FrozenClock) -> None:
    for count in (1, 3, 8, 30):
        accept(house, count)
        words = "update delivery set state = 'failed', settled_at = %s"
        house.store.run(lambda connection: connection.execute(cast("Any", words), [clock()]))  # noqa: B023
        look(alerts, clock)
    assert ears.heard == [("raised", "dead"), ("worse", "dead")]


def test_an_open_lane_on_which_nothing_moves_is_told(
    house: House, alerts: Alerts, ears: Ears, clock: FrozenClock
) -> None:
    """No worker runs: nobody else would say so."""
    accept(house)
    look(alerts, clock, minutes=6)
    assert ears.heard == [("raised", "lane-still")]


def test_what_nobody_heard_is_told_again(house: House, alerts: Alerts, ears: Ears, clock: FrozenClock) -> None:
    accept(house)
    stumble(house)
    ears.deaf = True
    look(alerts, clock, minutes=10)
    assert ears.heard == []
    ears.deaf = False
    look(alerts, clock)
    look(alerts, clock)
    assert ears.heard == [("raised", "partner-out")]


def test_a_certificate_near_its_end_is_told(house: House, alerts: Alerts, ears: Ears, clock: FrozenClock) -> None:
    look(alerts, clock, days=20)
    before = list(ears.heard)
    look(alerts, clock, days=365 * 3)
    kinds = {kind for _, kind in ears.heard if (_, kind) not in before}
    assert "certificate" in kinds


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_has_its_words(language: Any) -> None:
    assert set(book(language)) == set(book("en"))
    for kind, words in book("en").items():
        if isinstance(words, dict):
            own = book(language)[kind]
            assert set(own) == {"title", "text", "do"}
            for name, text in words.items():
                assert {part for part in _slots(text)} == {part for part in _slots(own[name])}, (kind, name)


def _slots(text: str) -> list[str]:
    return [part.partition("}")[0] for part in text.split("{")[1:]]
