"""`python -m tests.store.crash.page > docs/crash-points.md`: every crash point, killed there in this run."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Final

from gateway.shell.evidence import verify_chains
from tests.store.crash.play import ELSEWHERE, POINTS, Ending, Play
from tests.store.crash.stage import Stage

TOP: Final = """\
# Crash points

At each of these points a process was ended with `kill -9` while it handled one message: real processes, a real
PostgreSQL, real signatures over HTTP. It was started again at once; whoever had no answer sent the same message again,
with the same id. Then everybody's books were compared. The table is what that run found:
`python -m tests.store.crash.page > docs/crash-points.md` makes it, and a test makes it again and compares.

- **known** - the sender had its signed receipt (or refusal) before the process died.
- **lost** - of what had to reach receiver and sender: missing at the end.
- **doubled** - effects that a receiver has more than once.
- **sent again** - the same kept bytes left for the receiver more than once; it answers with its first receipt.
- **same** - every receipt (or refusal) that the sender got for this message, before and after, is the same one.

| process | step | point | known | lost | doubled | sent again | same |
|---|---|---|---|---|---|---|---|
"""
BOTTOM: Final = """
`doors` is the gateway's half that takes messages in, `worker` the half that delivers them, `partners` the other side.
The points are found by the names of the statements that write; a test fails when a statement has no row here. These
need none:

"""
FENCE: Final = """
A worker that is not dead but paused is fenced: what it writes about a lane goes through the one connection that holds
the lane, and who takes the lane ends that connection (`gateway/shell/fence.py`). It is stopped at `worker.keep.after`
and at `worker.send.after` in the same test run and wakes up when another worker has finished: it sends nothing, it
writes nothing. A pause between the last proof of the hold and the first byte, microseconds, cannot be closed from
here: then the receiver sees the same bytes again, and answers as for any repeat.
"""


def row(ending: Ending) -> str:
    """One line of the table."""
    half, _, step = ending.point.partition(".")
    step, _, moment = step.rpartition(".")
    cells = [
        half, f"{step}, {moment}", ending.what, yes(ending.before), str(ending.lost), str(ending.doubled),
        yes(ending.again), yes(ending.same),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |\n"


def yes(true: bool) -> str:
    """A word for people."""
    return "yes" if true else "no"


def page(endings: Iterable[Ending]) -> str:
    """The whole page."""
    reasons = "".join(f"- `{name}`: {why}\n" for name, why in ELSEWHERE.items())
    return TOP + "".join(map(row, endings)) + BOTTOM + reasons + FENCE


def main() -> None:
    """Play every point that was named, or all, and print the page."""
    with TemporaryDirectory() as folder, Stage(Path(folder)) as stage:
        play, endings = Play(stage), []
        for point in sys.argv[1:] or POINTS:
            started = monotonic()
            endings.append(play.run(point))
            print(f"{point}: {monotonic() - started:.1f} s", file=sys.stderr)
        with stage.open_store() as store:
            broken = verify_chains(store).broken
            assert broken is None, broken
    sys.stdout.write(page(endings))


if __name__ == "__main__":
    main()
