"""A gateway that was told to stop says so before it closes: a mark in its state directory, seen by all its doors."""

from __future__ import annotations

from pathlib import Path


class Leaving:
    """`announce` and `withdraw` it; each process of the installation sees at once what is `announced`."""

    def __init__(self, state: Path) -> None:
        self._mark = state / "leaving"

    @property
    def announced(self) -> bool:
        """The doors close soon: whoever balances load should look elsewhere."""
        return self._mark.exists()

    def announce(self) -> None:
        """The doors still answer everything, but `/ready` says no and connections are not kept."""
        self._mark.touch()

    def withdraw(self) -> None:
        """A start begins without it; one that was killed while leaving may have left it."""
        self._mark.unlink(missing_ok=True)
