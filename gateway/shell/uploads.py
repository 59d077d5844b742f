"""Takes a long body: the door judges its head, then it goes to the spool, hashed as it comes, then the door again.

Nobody who is not proven by the head makes us read a body. What comes is written by threads of their own, and judged by
others, so that short messages never wait for a long one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from io import BytesIO
from typing import Any, Final

from gateway.errors import Busy
from gateway.model import Large
from gateway.shell.spool import Sheet, Spool

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Content = bytes | Generator[bytes, None, None]
Answer = tuple[int, list[tuple[bytes, bytes]], Content]
"""Status, headers with names in lower case, body."""
Call = Callable[[dict[str, Any]], Answer]
LARGE: Final = "gateway.large"
"""In the environment of a request: its body, which `wsgi.input` does not have."""
KNOWN: Final = b"gw-known"
"""In the door's answer to a head: the message came before, its body is only compared."""
ADMITTED: Final = b"gw-admitted"
"""In the same answer: when the head was found fresh."""
HEAD: Final = 65_536
"""Octets of a body that are read before anybody is proven, where its head is in it."""
SENDER: Final = b"gw-sender"
"""In the same answer: whose message it is."""
GO_ON: Final = 100
PIECE: Final = 1_000_000
PATIENCE: Final = 20.0
"""Seconds a megabyte may take to arrive."""
_AT_ONCE: Final = 2
_BEGINNING: Final = 200
"""Bodies whose beginnings may be read at once."""
_COMPARED: Final = 8
"""Bodies that may come at once only to be compared, half of them of one sender: who has an old head may send one."""


class Gone(Exception):
    """The body ends before its end."""


class Uploads:
    """Long bodies of one process. `smallest` and `largest` are in octets; each megabyte has `patience` seconds.

    `paths`: where they are taken -> whether the head that the door judges is the beginning of the body.
    """

    def __init__(
        self, spool: Spool, *, paths: Mapping[str, bool], smallest: int, largest: int, patience: float
    ) -> None:
        self._spool = spool
        self._paths = paths
        self._begun = 0
        self._smallest = smallest
        self._largest = largest
        self._patience = patience
        self._compared: Counter[bytes] = Counter()
        self._heads = ThreadPoolExecutor(_AT_ONCE, "head")
        self._disk = ThreadPoolExecutor(_AT_ONCE, "spool")
        self._judges = ThreadPoolExecutor(_AT_ONCE, "large")

    def takes(self, scope: Scope, declared: int) -> bool:
        """True for a body that says it is long, where long ones are taken. One in chunks says nothing."""
        ours = scope["method"] == "POST" and scope["path"] in self._paths
        return ours and self._smallest < declared <= self._largest

    async def answer(self, environ: dict[str, Any], receive: Receive, declared: int, call: Call) -> Answer:
        """What the door says. Raises TimeoutError, Gone, and Busy when there is no room."""
        loop = asyncio.get_running_loop()
        first, more = await self._beginning(receive) if self._paths.get(environ["PATH_INFO"]) else (bytearray(), True)
        head = {**environ, LARGE: Large(size=declared, source=lambda: BytesIO(first))}
        status, headers, content = await loop.run_in_executor(self._heads, call, head)
        if status != GO_ON:
            return status, [*headers, (b"connection", b"close")], content
        told, receive = dict(headers), _after(first, more, receive)
        if KNOWN not in told:
            return await self._taken(environ, receive, declared, call, told)
        sender = told[SENDER]
        if self._compared.total() >= _COMPARED or self._compared[sender] >= _COMPARED // 2:
            raise Busy("too many repeats of long messages at once")
        self._compared[sender] += 1
        try:
            return await self._taken(environ, receive, declared, call, told)
        finally:
            self._compared[sender] -= 1

    async def _beginning(self, receive: Receive) -> tuple[bytearray, bool]:
        """The first octets of a body, and whether more may come.

        Raises Busy when too many senders who are not proven yet are at it.
        """
        if self._begun >= _BEGINNING:
            raise Busy("too many long messages begin at once")
        self._begun += 1
        try:
            piece = bytearray()
            more = await asyncio.wait_for(_next(receive, piece, HEAD), self._patience)
            return piece, more
        finally:
            self._begun -= 1

    async def _taken(
        self, environ: dict[str, Any], receive: Receive, declared: int, call: Call, told: dict[bytes, bytes]
    ) -> Answer:
        also = ("sha512",) if "sha-512" in environ.get("HTTP_CONTENT_DIGEST", "") else ()
        keep = KNOWN not in told or self._paths.get(environ["PATH_INFO"], False)  # compared by reading it
        sheet = self._spool.begin(declared, keep=keep, also=also, owner=told[SENDER].decode())
        try:
            await self._fill(sheet, receive, declared)
            large = replace(sheet.done(), admitted=datetime.fromisoformat(told[ADMITTED].decode()))
            return await asyncio.get_running_loop().run_in_executor(self._judges, call, {**environ, LARGE: large})
        finally:
            sheet.drop()

    async def _fill(self, sheet: Sheet, receive: Receive, declared: int) -> None:
        loop = asyncio.get_running_loop()
        more = True
        while more:
            piece = bytearray()
            more = await asyncio.wait_for(_next(receive, piece), self._patience)
            if sheet.size + len(piece) > declared:
                raise Gone
            await loop.run_in_executor(self._disk, sheet.write, piece)
        if sheet.size != declared:
            raise Gone


def _after(first: bytearray, more: bool, receive: Receive) -> Receive:
    """What was read comes again, then the rest."""
    read = [{"type": "http.request", "body": bytes(first), "more_body": more}] if first else []

    async def next_of() -> dict[str, Any]:
        return read.pop() if read else await receive()

    return next_of


async def _next(receive: Receive, piece: bytearray, enough: int = PIECE) -> bool:
    """The next octets, a megabyte or `enough`, or the rest. True = more may come."""
    more = True
    while more and len(piece) < enough:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        piece += message.get("body", b"")
        more = message.get("more_body", False)
    return more
