"""The spool keeps to its room, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Busy
from gateway.shell.spool import Spool
from gateway.shell.uploads import Answer, Uploads


def test_a_door_that_is_killed_leaves_nothing_on_disk(tmp_path: Path) -> None:
    """The spool's files have no name."""
    spool = Spool(tmp_path / "spool", room=1_000_000, least_free=0)
    sheet = spool.begin(300_000)
    sheet.write(b"x" * 300_000)
    assert [*(tmp_path / "spool").iterdir()] == []
    assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700
    assert sheet.done().size == spool.taken == 300_000


def test_the_spool_keeps_to_its_room_and_to_that_of_the_disk(tmp_path: Path) -> None:
    """What is promised counts; what is over is free again."""
    spool = Spool(tmp_path / "spool", room=1_000_000, least_free=0)
    first = spool.begin(700_000)
    with pytest.raises(Busy, match="full"):
        spool.begin(400_000)
    spool.begin(400_000, keep=False)
    first.drop()
    assert spool.taken == 0
    unknown = spool.begin(0)
    with pytest.raises(Busy):
        unknown.write(b"x" * 1_000_001)
    with pytest.raises(Busy, match="disk"):
        Spool(tmp_path / "spool", room=10**15, least_free=10**14).begin(1)


def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    """Each megabyte has its time (X6); then what came is gone."""
    spool = Spool(tmp_path, room=9_000_000, least_free=0)
    uploads = Uploads(spool, paths={"/x": False}, smallest=1, largest=9_000_000, patience=0.05)
    coming = iter([{"type": "http.request", "body": b"x" * 1_000_000, "more_body": True}])

    async def receive() -> dict[str, Any]:
        found = next(coming, None)
        return found if found is not None else await asyncio.Event().wait()  # type: ignore[return-value]

    def go_on(_environ: dict[str, Any]) -> Answer:
        return 100, [(b"gw-sender", b"one")], b""

    with pytest.raises(TimeoutError):
        asyncio.run(uploads.answer({"PATH_INFO": "/x"}, receive, 5_000_000, go_on))
    assert spool.taken == 0


def test_what_is_dropped_while_it_is_written_gives_back_no_more_than_it_had(tmp_path: Path) -> None:
    """The promise of another body is not taken for what this one still writes."""
    spool = Spool(tmp_path / "spool", room=10_000, least_free=0)
    mine, other = spool.begin(4000), spool.begin(4000)
    late = mine._counts
    mine.drop()
    late.came(spool, 4000)
    assert (spool.taken, spool._owed) == (4000, 4000)
    other.drop()
    assert (spool.taken, spool._owed) == (0, 0)
