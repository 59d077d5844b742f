"""Runs a foreign stylesheet in a process of its own, bounded in time, memory and output, without files or network.

libxslt cannot be told to stop, so what takes too long is stopped with its process; the next document gets a new one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import weakref
from collections.abc import Mapping
from pathlib import Path
from threading import Lock, Timer
from typing import IO, Final

from gateway.mapping import NotApplied, OutOfBounds

_CHILD: Final = Path(__file__).with_name("transformer_child.py")
_START: Final = 20.0
"""Seconds that the process may take to come up."""
_HEAD: Final = 9
_DONE: Final = b"D"
_REFUSED: Final = b"R"


class Transformer:
    """One stylesheet; callable from any thread, one document at a time. The process starts with the first document."""

    def __init__(self, stylesheet: bytes, *, seconds: float = 2.0, most: int = 16_000_000) -> None:
        self._stylesheet = stylesheet
        self._seconds = seconds
        self._most = most
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self, payload: bytes, parameters: Mapping[str, str]) -> bytes:
        """What the stylesheet makes of a document. Raises NotApplied, or OutOfBounds when it was stopped."""
        with self._lock:
            process = self._process or self._started()
            status, answer = self._exchange(process, [json.dumps(dict(parameters)).encode(), payload], self._seconds)
        if status == _DONE:
            return answer
        if status == _REFUSED:
            raise NotApplied(answer.decode("utf-8", "replace"))
        raise OutOfBounds(f"stopped: more than {self._seconds:g} s, too much memory or more than {self._most} bytes")

    def _started(self) -> subprocess.Popen[bytes]:
        """A process that has compiled the stylesheet. It inherits neither environment nor files."""
        process = subprocess.Popen(  # noqa: S603 - our own file, by our own interpreter
            [sys.executable, "-I", str(_CHILD), str(self._most)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env={}, close_fds=True,
        )  # fmt: skip
        self._process = process
        weakref.finalize(self, _end, process)
        status, answer = self._exchange(process, [self._stylesheet], _START)
        if status != _DONE:
            self._drop(process)
            raise NotApplied(answer.decode("utf-8", "replace") or "the process of the stylesheet did not start")
        return process

    def _exchange(self, process: subprocess.Popen[bytes], parts: list[bytes], seconds: float) -> tuple[bytes, bytes]:
        """Status and answer; an empty status when the process ended, by itself or by the watchdog."""
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        watchdog = Timer(seconds, process.kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            for part in parts:
                process.stdin.write(len(part).to_bytes(8, "big") + part)
            process.stdin.flush()
            status, answer = _answer(process.stdout)
        except OSError:
            status, answer = b"", b""
        finally:
            watchdog.cancel()
        if not status or process.poll() is not None:
            self._drop(process)
        return status, answer

    def _drop(self, process: subprocess.Popen[bytes]) -> None:
        _end(process)
        self._process = None


def _answer(stream: IO[bytes]) -> tuple[bytes, bytes]:
    head = stream.read(_HEAD)
    if len(head) < _HEAD:
        return b"", b""
    length = int.from_bytes(head[1:], "big")
    answer = stream.read(length)
    return (head[:1], answer) if len(answer) == length else (b"", b"")


def _end(process: subprocess.Popen[bytes]) -> None:
    """The process and its pipes are gone."""
    process.kill()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            try:
                stream.close()
            except OSError:
                continue
    process.wait()
