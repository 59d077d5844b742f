"""CPU time of running processes with all their children, from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_of(pid: int) -> float:
    """CPU seconds that a process and all below it have used so far; what has ended does not count."""
    parents: dict[int, list[int]] = {}
    spent: dict[int, int] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = file.read_text("utf-8", "replace").rpartition(")")[2].split()
        except OSError:
            continue
        found = int(file.parent.name)
        parents.setdefault(int(words[1]), []).append(found)
        spent[found] = int(words[11]) + int(words[12])
    family = [pid]
    for member in family:
        family += parents.get(member, ())
    return sum(spent.get(member, 0) for member in family) / _TICKS


def cpu_of_each(pids: Iterable[int]) -> float:
    """CPU seconds that these processes, each of one thread, have used so far; exact, where `stat` has ticks."""
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text("ascii").split()[0]) for pid in pids) / 1e9
