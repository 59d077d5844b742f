"""Load from processes of their own that begin together, and what they tell afterwards."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.documents import ROOT


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What senders measured: seconds of each answer that was a receipt, and how many were none."""

    times: tuple[float, ...]
    errors: int
    first_error: str
    elapsed: float
    """From the first beginning to the last answer, seconds."""
    cpu: float
    """Seconds of CPU that the senders took while they sent."""

    @property
    def rate(self) -> float:
        """Receipts a second."""
        return len(self.times) / self.elapsed

    def percentile(self, hundredth: int) -> float:
        """So many of a hundred answers took no longer, in ms."""
        return statistics.quantiles(self.times, n=100, method="inclusive")[hundredth - 1] * 1e3


def load(commands: Sequence[Sequence[str]]) -> Told:
    """Run senders, words of `bench.http_client` each; all begin when the last is ready. Raises RuntimeError."""
    senders = [_start(words) for words in commands]
    try:
        for sender in senders:
            _await_ready(sender)
        for sender in senders:
            _begin(sender)
        told = [_heard(sender) for sender in senders]
    finally:
        for sender in senders:
            sender.kill()
            sender.wait()
    return Told(
        times=tuple(time for one in told for time in one["times"]), errors=sum(one["errors"] for one in told),
        first_error=next((one["first_error"] for one in told if one["first_error"]), ""),
        elapsed=max(one["ended"] for one in told) - min(one["began"] for one in told),
        cpu=sum(one["cpu"] for one in told),
    )  # fmt: skip


def _start(words: Sequence[str]) -> subprocess.Popen[str]:
    command, pipe = [sys.executable, "-m", "bench.http_client", *words], subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def _await_ready(sender: subprocess.Popen[str]) -> None:
    assert sender.stdout
    if sender.stdout.readline() != "ready\n":
        raise RuntimeError(sender.communicate()[1][-3000:])


def _begin(sender: subprocess.Popen[str]) -> None:
    assert sender.stdin
    sender.stdin.write("begin\n")
    sender.stdin.flush()


def _heard(sender: subprocess.Popen[str]) -> dict[str, Any]:
    said, wrong = sender.communicate()
    if sender.returncode:
        raise RuntimeError(wrong[-3000:])
    return dict(json.loads(said))
