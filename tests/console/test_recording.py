"""A kept message becomes a fixture by whatever id a person has of it, and plays green, scrubbed or not."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from gateway.errors import MessageUnknown
from gateway.registry import Registry
from gateway.replay import read_fixture, replay, worlds
from gateway.replay.kept import record_kept, scrub_salt
from gateway.shell.queries import message
from tests.operators import House

STORY = "health_kz/fixtures/10-query-ok"


def test_any_id_of_a_message_finds_it(house: House, rules: Registry, tmp_path: Path) -> None:
    """The sender's, the gateway's own and that of our envelope, with urn:uuid: before it or not."""
    entry = house.play(STORY)
    house.work()
    story = message(house.store, entry)
    ids = [story.entry.claims.message_id, str(entry), story.deliveries[0].message_id]
    for number, known in enumerate([*ids, *(one.removeprefix("urn:uuid:") for one in ids)]):
        folder = record_kept(house.store, known, tmp_path / str(number))
        fixture = read_fixture(folder)
        assert (fixture.message_id, fixture.entry_id, fixture.sent_id) == (ids[0], entry, ids[2])
    report = replay([tmp_path], worlds(rules))
    assert list(report.lines()) == [report.summary]


def test_a_set_of_fixtures_is_scrubbed_alike(house: House, rules: Registry, tmp_path: Path) -> None:
    """The salt is made once and is nobody else's; the same permit is the same other permit in two fixtures."""
    salt = scrub_salt(tmp_path / "keys")
    assert scrub_salt(tmp_path / "keys") == salt
    assert (tmp_path / "keys" / "scrub.salt").stat().st_mode & 0o077 == 0
    texts = []
    for name in (STORY, "health_kz/fixtures/25-reserve-12000"):
        entry = house.play(name)
        house.work()
        folder = record_kept(house.store, str(entry), tmp_path / "set", salt=salt)
        texts.append("".join((folder / file).read_text("utf-8") for file in ("in.xml", "out.xml", "case.toml")))
    report = replay([tmp_path / "set"], worlds(rules))
    assert list(report.lines()) == [report.summary]
    assert not [text for text in texts if "KZ11VTS00000001" in text or "0000123" in text or "991240999802" in text]
    permits = [{word for word in text.replace("<", ">").split(">") if word.startswith("KZ11VTS")} for text in texts]
    assert permits[0] == permits[1]
    assert len(permits[0]) == 1


def test_what_is_not_kept_is_said(house: House, tmp_path: Path) -> None:
    """No fixture of nothing."""
    for unknown in (str(UUID(int=5)), "nonsense", "urn:uuid:nobody"):
        with pytest.raises(MessageUnknown):
            record_kept(house.store, unknown, tmp_path)
