"""Long bodies come within bounds, and what the door said of their head stays with them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.model import Large
from gateway.shell.front import Front, Wsgi
from gateway.shell.spool import Spool
from gateway.shell.uploads import LARGE, Uploads

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LENGTH = 500
HEAD = {"type": "http", "method": "POST", "path": "/long", "raw_path": b"/long", "query_string": b"",
        "headers": [(b"content-length", str(LENGTH).encode())], "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2)}  # fmt: skip


class Door:
    """Lets every head in, as `known` when told so, and remembers the bodies."""

    def __init__(self, *, known: bool) -> None:
        self.known = known
        self.came: list[Large] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """100 to a head, 202 to a body."""
        large: Large = environ[LARGE]
        if large.digests:
            self.came.append(large)
            start_response("202 Accepted", [])
        else:
            known = [("gw-known", "1")] if self.known else []
            sender = environ.get("HTTP_GW_PARTNER", "one")
            start_response("100 Continue", [("gw-admitted", NOON.isoformat()), ("gw-sender", sender), *known])
        return [b""]


def front(door: Wsgi, folder: Path, *, room: int = 10 * LENGTH, share: int = 0, largest: int = 1000) -> Front:
    """Where bodies over 100 octets are long."""
    uploads = Uploads(
        Spool(folder, room=room, least_free=0, share=share),
        paths={"/long": False, "/begun": True},
        smallest=100,
        largest=largest,
        patience=0.2,
    )
    return Front(door, largest=100, threads=1, uploads=uploads)


async def ask(asked: Front, *, silent: bool = False, sender: bytes = b"one") -> int:
    """The status that one body gets; a silent sender sends none of it."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if silent:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": b"x" * LENGTH, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await asked({**HEAD, "headers": [*HEAD["headers"], (b"gw-partner", sender)]}, receive, send)
    return int(sent[0]["status"])


def test_the_time_of_the_head_stays_with_its_body(tmp_path: Path) -> None:
    """However long the body takes, and its judge after it."""
    door = Door(known=False)
    assert asyncio.run(ask(front(door, tmp_path / "spool"))) == 202
    assert [one.admitted for one in door.came] == [NOON]


def test_only_so_many_repeats_come_at_once(tmp_path: Path) -> None:
    """They take no room of the spool, so something else bounds them; when they are gone there is place again."""
    door = Door(known=True)
    asked = front(door, tmp_path / "spool")

    async def crowd() -> list[int]:
        senders = [b"one", b"two"] * 10
        return await asyncio.gather(*(ask(asked, silent=True, sender=sender) for sender in senders))

    async def all_of_it() -> tuple[list[int], int]:
        return await crowd(), await ask(asked)

    crowded, after = asyncio.run(all_of_it())
    assert (crowded.count(408), crowded.count(503), after) == (8, 12, 202)


def test_one_sender_does_not_take_the_room_of_all(tmp_path: Path) -> None:
    """Who has his share is busy to us; others are not; and when his bodies are gone he may come again."""
    asked = front(Door(known=False), tmp_path / "spool", room=10 * LENGTH, share=3 * LENGTH)

    async def crowd() -> list[int]:
        greedy = [asyncio.create_task(ask(asked, silent=True)) for _ in range(9)]
        while sum(one.done() for one in greedy) < 6:
            await asyncio.sleep(0)
        others = [await ask(asked, sender=b"two"), await ask(asked, sender=b"three")]
        return [*others, *(await asyncio.gather(*greedy)), await ask(asked)]

    second, third, *greedy, again = asyncio.run(crowd())
    assert (second, third, again) == (202, 202, 202)
    assert sorted(greedy) == [408] * 3 + [503] * 6


def test_one_sender_repeats_no_more_than_half_of_what_may_come(tmp_path: Path) -> None:
    """The other half is for the others."""
    asked = front(Door(known=True), tmp_path / "spool")

    async def crowd() -> list[int]:
        return await asyncio.gather(*(ask(asked, silent=True) for _ in range(9)))

    crowded = asyncio.run(crowd())
    assert (crowded.count(408), crowded.count(503)) == (4, 5)


def test_a_spool_that_cannot_be_used_is_told_as_busy(tmp_path: Path) -> None:
    """A file in its place is no reason for a traceback: 503, and the sender comes again."""
    (tmp_path / "spool").write_bytes(b"")
    assert asyncio.run(ask(front(Door(known=False), tmp_path / "spool"))) == 503


def test_room_that_was_promised_is_given_back(tmp_path: Path) -> None:
    """A sender that falls silent keeps nothing."""
    asked = front(Door(known=False), tmp_path / "spool", room=LENGTH)

    async def one_after_another() -> list[int]:
        return [await ask(asked, silent=True), await ask(asked)]

    assert asyncio.run(one_after_another()) == [408, 202]


def test_a_reader_of_what_was_dropped_never_reads_another_body(tmp_path: Path) -> None:
    """The number of a closed file goes to the next one: a judge that still reads must fail, not read that."""
    spool = Spool(tmp_path / "spool", room=10_000, least_free=0)
    mine = spool.begin(4)
    mine.write(b"mine")
    reader = mine.read()
    mine.drop()
    other = spool.begin(5)
    other.write(b"other")
    with pytest.raises(ValueError, match="closed"):
        reader.read()
    assert other.read().read() == b"other"


def test_heads_that_wait_do_not_keep_bodies_from_the_disk(tmp_path: Path) -> None:
    """Anybody may send heads, and the ledger may be slow to know them; what was let in goes on coming."""
    door, stuck, admitted = Door(known=False), threading.Event(), asyncio.Event()

    def slow(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if admitted.is_set() and not environ[LARGE].digests:
            stuck.wait(10)
        return door(environ, start_response)

    asked = front(slow, tmp_path / "spool")

    async def all_of_it() -> int:
        sent: list[dict[str, Any]] = []
        heads: list[asyncio.Task[int]] = []

        async def receive() -> dict[str, Any]:
            admitted.set()
            heads.extend(asyncio.create_task(ask(asked)) for _ in range(4))
            await asyncio.sleep(0)
            return {"type": "http.request", "body": b"x" * LENGTH, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        try:
            await asyncio.wait_for(asked(dict(HEAD), receive, send), 5)
        finally:
            stuck.set()
            await asyncio.gather(*heads)
        return int(sent[0]["status"])

    assert asyncio.run(all_of_it()) == 202


async def begin(asked: Front, *pieces: bytes, silent: bool = False, stops: bool = False) -> int:
    """The status that a body gets whose head is in its beginning; it comes in these pieces, not the last, or never."""
    coming, sent = list(pieces), list[dict[str, Any]]()

    async def receive() -> dict[str, Any]:
        if silent or (stops and len(coming) == 1):
            await asyncio.Event().wait()
        piece = coming.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(coming)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    length = b"%d" % (sum(map(len, pieces)) or LENGTH)
    await asked(
        {**HEAD, "path": "/begun", "raw_path": b"/begun", "headers": [(b"content-length", length)]}, receive, send
    )
    return int(sent[0]["status"])


@pytest.mark.parametrize("pieces", [[b"one body"], [b"a" * 400, b"b" * 300, b"c"]], ids=["at once", "in pieces"])
def test_a_head_in_the_body_is_judged_and_the_body_is_whole(tmp_path: Path, pieces: list[bytes]) -> None:
    """The door reads the beginning first, then all of it."""
    seen: list[bytes] = []
    door = Door(known=False)

    def reading(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        seen.append(environ[LARGE].source().read())
        return door(environ, start_response)

    pieces = [piece * (13 if len(pieces) == 1 else 1) for piece in pieces]
    assert asyncio.run(begin(front(reading, tmp_path / "spool"), *pieces)) == 202
    beginning, whole = seen
    assert whole == b"".join(pieces)
    assert whole.startswith(beginning)
    assert beginning


def test_who_begins_and_falls_silent_waits_alone(tmp_path: Path) -> None:
    """Nobody is proven yet: the door is not asked, so many may wait, and when they are gone there is place again."""
    door = Door(known=False)
    asked = front(door, tmp_path / "spool")

    async def all_of_it() -> tuple[list[int], int]:
        crowd = await asyncio.gather(*(begin(asked, silent=True) for _ in range(205)))
        return crowd, await begin(asked, b"x" * LENGTH)

    crowd, after = asyncio.run(all_of_it())
    assert (crowd.count(408), crowd.count(503), after) == (200, 5, 202)
    assert len(door.came) == 1


def test_repeats_whose_head_is_in_the_body_are_kept_and_as_few(tmp_path: Path) -> None:
    """They are compared by reading them, so they take room; an old head must not take all that its sender has."""
    door = Door(known=True)
    seen: list[bytes] = []

    def reading(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        seen.append(environ[LARGE].source().read())
        return door(environ, start_response)

    asked = front(reading, tmp_path / "spool", room=10_000_000, largest=100_000)
    head, rest = b"x" * 70_000, b"y" * 300

    async def all_of_it() -> tuple[list[int], int]:
        crowd = await asyncio.gather(*(begin(asked, head, rest, stops=True) for _ in range(9)))
        return crowd, await begin(asked, head, rest)

    crowded, after = asyncio.run(all_of_it())
    assert (crowded.count(408), crowded.count(503), after) == (4, 5, 202)
    assert seen[-1] == head + rest
