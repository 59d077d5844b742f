"""Where the time of verifying, accepting and forwarding goes, by function.

    python -m bench.profile [verify|accept|line] [6 KB|50 KB|1 MB] [calls]

cProfile makes Python calls look dearer than they are; it ranks, the tables of the bench measure.
"""

from __future__ import annotations

import cProfile
import pstats
import sys
from collections.abc import Callable

from bench.documents import SIZES
from bench.house import House


def main(what: str = "accept", size: str = "6 KB", calls: str = "500") -> None:
    """Print the dearest functions by their own time, then by all time below them."""
    house = House(SIZES[size])
    work: Callable[[], object] = {"verify": house.verify, "accept": house.accept, "line": house.line}[what]
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(int(calls)):
        work()
    profile.disable()
    found = pstats.Stats(profile).strip_dirs()
    found.sort_stats("tottime").print_stats(35)
    found.sort_stats("cumulative").print_stats(45)


if __name__ == "__main__":
    main(*sys.argv[1:])
