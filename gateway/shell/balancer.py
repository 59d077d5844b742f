"""One address in front of several doors, as a load balancer is: it passes connections on and knows nothing of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from threading import Event, Thread
from typing import Final

_PIECE: Final = 65536
_PATIENCE: Final = 1.0
"""Seconds a door has to take a connection."""


class Balancer:
    """`start` listens on a port until `stop`; each connection goes to the next of `doors` that takes it."""

    def __init__(self, host: str, port: int, doors: Sequence[tuple[str, int]]) -> None:
        self._place = (host, port)
        self._doors = doors
        self._turns = count()
        self._loop = asyncio.new_event_loop()
        self._ready, self._stop = Event(), asyncio.Event()
        self._thread = Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)

    def start(self) -> None:
        """Connections are taken."""
        self._thread.start()
        if not self._ready.wait(10):
            raise OSError(f"nobody can listen on {self._place[0]}:{self._place[1]}")

    def stop(self) -> None:
        """Nothing listens any more."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        if not self._thread.is_alive():
            self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._pass_on, *self._place)
        self._ready.set()
        await self._stop.wait()
        server.close()
        passing = asyncio.all_tasks() - {asyncio.current_task()}
        for task in passing:
            task.cancel()
        await asyncio.gather(*passing, return_exceptions=True)
        await asyncio.sleep(0)  # what was closed is said to both ends

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        door = await self._reach()
        if door is None:
            writer.close()
            return
        try:
            await asyncio.gather(_pour(reader, door[1]), _pour(door[0], writer))
        except asyncio.CancelledError:  # we stop: both ends see it
            writer.close()
            door[1].close()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        first = next(self._turns)
        for turn in range(len(self._doors)):
            host, port = self._doors[(first + turn) % len(self._doors)]
            with suppress(OSError, TimeoutError):
                return await asyncio.wait_for(asyncio.open_connection(host, port), _PATIENCE)
        return None


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await source.read(_PIECE):
            sink.write(piece)
            await sink.drain()
    with suppress(OSError, RuntimeError):
        sink.close()
