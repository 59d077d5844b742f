"""A sender of its own process: makes requests ahead, waits for the word, then posts them over kept connections.

    python -m bench.http_client STATE URL PROFILE ALGORITHM CONNECTIONS MESSAGES [RATE [SEED]]

Every request is signed and spelled to its last octet before the first one leaves: then it says "ready", and begins when
a line comes in. With a RATE requests leave by a schedule, whatever became of those before: evenly, or with a SEED at
random (exponential gaps), and an answer's time counts from when the request was due. Without a RATE each connection
sends when its answer is there. Prints JSON, as `bench.http_load.Told` reads it.
"""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from random import Random
from threading import Barrier, Lock, Thread
from time import perf_counter, process_time, sleep
from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

from bench.documents import SIZES, declaration
from bench.http_keys import CUSTOMS, HEALTH, key_of
from gateway.model import Claims, MessageId, Sealed
from gateway.seal.http_sign import sign_request
from gateway.seal.soap_sign import seal_soap

PATHS: Final = {"soap": "/soap", "rest": "/api/v1/messages"}
SIZE: Final = SIZES["6 KB"]
PATIENCE: Final = 60.0
"""Seconds until an answer that does not come is an error."""
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)
_LAST: Final = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)


def sealed(state: Path, url: str, profile: str, algorithm: str, count: int) -> list[Sealed]:
    """So many messages of customs, made now, each with an id of its own."""
    key, payload, target = key_of(state, CUSTOMS, algorithm), declaration(SIZE), url + PATHS[profile]
    made = []
    for _ in range(count):
        claims = Claims(
            message_id=MessageId(uuid4().urn), action="urn:swgw:action:DEC_LODGED", to=target, sender=CUSTOMS,
            receiver=HEALTH, conversation_id=uuid4().hex,
        )  # fmt: skip
        now = datetime.now(UTC)
        made.append(
            seal_soap(payload, claims, key, now)
            if profile == "soap"
            else sign_request(payload, claims, key, url=target, created=now, nonce=uuid4().hex)
        )
    return made


def spelled(message: Sealed, url: str, profile: str) -> bytes:
    """The whole request, as it goes over the line."""
    lines = {"Host": urlsplit(url).netloc, "Content-Type": message.content_type, **dict(message.headers)}
    lines["Content-Length"] = str(len(message.body))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {PATHS[profile]} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + message.body


def schedule(count: int, rate: float, seed: int | None) -> list[float]:
    """When each request is due, in seconds from the beginning; all at once without a rate."""
    if not rate:
        return [0.0] * count
    if seed is None:
        return [number / rate for number in range(count)]
    chance = Random(seed)  # noqa: S311 - the same each time
    return list(accumulate(chance.expovariate(rate) for _ in range(count)))


class Line:
    """One kept connection; made anew after it broke."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self._address = (place.hostname or "", place.port or 80)
        self._socket: socket.socket | None = None

    def open(self) -> socket.socket:
        """Connected."""
        if self._socket is None:
            self._socket = socket.create_connection(self._address, PATIENCE)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket

    def ask(self, request: bytes) -> str:
        """Send, read the whole answer; empty when it was a 200 or 202, else what came instead."""
        try:
            self.open().sendall(request)
            status, body = self._answer()
        except OSError as error:
            self.close()
            return repr(error)
        return "" if status in (200, 202) else f"HTTP {status}: {body[:2000]!r}"

    def _answer(self) -> tuple[int, bytes]:
        got = b""
        while b"\r\n\r\n" not in got:
            got += self._more()
        head, _, body = got.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        if length is None:
            raise OSError(f"an answer without its length: {head[:500]!r}")
        while len(body) < int(length[1]):
            body += self._more()
        if _LAST.search(head + b"\r\n"):
            self.close()
        return int(head.split(None, 2)[1]), body

    def _more(self) -> bytes:
        piece = self.open().recv(65_536)
        if not piece:
            raise ConnectionResetError("the connection was closed")
        return piece

    def close(self) -> None:
        """Not connected."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None


class Sender:
    """Threads, each with a connection, that share one pile of requests."""

    def __init__(self, url: str, requests: list[bytes], due: list[float], *, paced: bool) -> None:
        self._url, self._paced = url, paced
        self._pile: Iterator[tuple[bytes, float]] = iter(zip(requests, due, strict=True))
        self._lock = Lock()
        self._began = 0.0
        self.times: list[float] = []
        self.errors: list[str] = []

    def run(self, threads: int, begin: Callable[[], object]) -> dict[str, object]:
        """Connect, wait for `begin`, send all; gives what there is to tell."""
        ready = Barrier(threads + 1)
        workers = [Thread(target=self._work, args=(ready.wait,)) for _ in range(threads)]
        for worker in workers:
            worker.start()
        begin()
        spent, self._began = process_time(), perf_counter()
        ready.wait()
        for worker in workers:
            worker.join()
        ended = perf_counter()
        return {
            "began": self._began, "ended": ended, "cpu": process_time() - spent,
            "times": self.times, "errors": len(self.errors), "first_error": (self.errors or [""])[0],
        }  # fmt: skip

    def _next(self) -> tuple[bytes, float] | None:
        with self._lock:
            return next(self._pile, None)

    def _work(self, ready: Callable[[], object]) -> None:
        line = Line(self._url)
        line.open()
        ready()
        while (taken := self._next()) is not None:
            request, due = taken
            start = perf_counter()
            if self._paced:
                sleep(max(0.0, self._began + due - start))
                start = self._began + due
            wrong = line.ask(request)
            if wrong:
                self.errors.append(wrong)
            else:
                self.times.append(perf_counter() - start)
        line.close()


def main(words: list[str]) -> None:
    """Make, wait, send, print."""
    state, url, profile, algorithm, threads, count, *pace = words
    rate, seed = float(pace[0]) if pace else 0.0, int(pace[1]) if len(pace) > 1 else None
    made = sealed(Path(state), url, profile, algorithm, int(count))
    requests = [spelled(message, url, profile) for message in made]
    sender = Sender(url, requests, schedule(len(requests), rate, seed), paced=rate > 0)
    sys.stdout.write(json.dumps(sender.run(int(threads), _on_word)))


def _on_word() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()


if __name__ == "__main__":
    main(sys.argv[1:])
