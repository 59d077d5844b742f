"""A sender of its own process: seals messages ahead, then posts them over kept connections and times the answers.

    python -m bench.http_client STATE URL PROFILE ALGORITHM THREADS MESSAGES [RATE]

Prints JSON: messages a second, p50 and p99 of the answers in ms. With a RATE messages leave at that pace.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from threading import Barrier, Lock, Thread
from time import perf_counter, sleep
from urllib.parse import urlsplit
from uuid import uuid4

from bench.documents import SIZES, declaration
from bench.http_keys import CUSTOMS, HEALTH, key_of
from gateway.model import Claims, MessageId, Sealed
from gateway.seal.http_sign import sign_request
from gateway.seal.soap_sign import seal_soap

PATHS = {"soap": "/soap", "rest": "/api/v1/messages"}
SIZE = SIZES["6 KB"]


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


class Sender:
    """Threads that share one pile of messages."""

    def __init__(self, url: str, path: str, messages: list[Sealed], rate: float) -> None:
        self._host, self._path, self._rate = urlsplit(url).netloc, path, rate
        self._pile: Iterator[tuple[int, Sealed]] = iter(enumerate(messages))
        self._lock = Lock()
        self._began = 0.0
        self.times: list[float] = []

    def run(self, threads: int) -> float:
        """Send all; gives the seconds it took."""
        ready = Barrier(threads + 1)
        workers = [Thread(target=self._work, args=(ready.wait,)) for _ in range(threads)]
        for worker in workers:
            worker.start()
        self._began = perf_counter()
        ready.wait()
        for worker in workers:
            worker.join()
        return perf_counter() - self._began

    def _next(self) -> tuple[int, Sealed] | None:
        with self._lock:
            return next(self._pile, None)

    def _work(self, ready: Callable[[], object]) -> None:
        connection = HTTPConnection(self._host, timeout=60)
        connection.connect()
        ready()
        while (taken := self._next()) is not None:
            number, message = taken
            if self._rate:
                sleep(max(0.0, self._began + number / self._rate - perf_counter()))
            self.times.append(self._post(connection, message))

    def _post(self, connection: HTTPConnection, message: Sealed) -> float:
        headers = {"Content-Type": message.content_type, **dict(message.headers)}
        start = perf_counter()
        connection.request("POST", self._path, message.body, headers)
        answer = connection.getresponse()
        body = answer.read()
        spent = perf_counter() - start
        if answer.status not in (200, 202):
            raise RuntimeError(f"HTTP {answer.status}: {body[:2000]!r}")
        return spent


def main(words: list[str]) -> None:
    """Seal, send, print."""
    state, url, profile, algorithm, threads, count, rate = [*words, "0"][:7]
    sender = Sender(url, PATHS[profile], sealed(Path(state), url, profile, algorithm, int(count)), float(rate))
    elapsed = sender.run(int(threads))
    if len(sender.times) != int(count):
        raise SystemExit(f"only {len(sender.times)} of {count} were answered")
    p99 = statistics.quantiles(sender.times, n=100)[98]
    found = {"rate": len(sender.times) / elapsed, "p50": statistics.median(sender.times) * 1e3, "p99": p99 * 1e3}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
