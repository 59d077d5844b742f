"""What one run of a translation carries with it: context, day, and everything that went wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from gateway.errors import Finding
from gateway.facts.fact import Fact

Frame = list[Any]

CONTEXT: Final = frozenset(
    {"message_id", "relates_to", "conversation_id", "sender", "receiver", "now", "entry_id", "received_at"}
)
REFUSED: Final = "(refused)"
"""Stands in the output for a value that a converter refused; such an output is never handed on."""
ILLEGAL: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot carry."""
_DAY: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_SHOWN: Final = 200
MOST_TURNS: Final = 2_000_000
"""Occurrences that one run may look at, counted over all groups, selections and conditions."""


class CodeRefused(ValueError):
    """A code list has no entry for a code on this day."""


class TooMuch(Exception):
    """A table and a document together ask for more work than any honest message needs (threat row M3)."""


class Again(Exception):
    """A swift run met something to say: the document is translated again, carefully, to say it in full."""


class Run:
    """One document on its way through a translation; a `swift` one keeps no findings and ends at the first."""

    __slots__ = ("_day", "_swift", "_turns", "context", "findings", "marks")

    def __init__(self, context: Mapping[str, str], *, swift: bool = False) -> None:
        self.context = context
        self._swift = swift
        self.findings: list[Finding] = []
        self.marks: list[tuple[Any, Frame, str]] = []
        """When traced: row, frame and text of every value written, in the order of the output."""
        self._day: date | None = None
        self._turns = 0

    def day(self) -> date | None:
        """The day code lists are asked about: of `received_at`, else of `now`; None when neither says."""
        if self._day is None:
            match = _DAY.match(self.context.get("received_at") or self.context.get("now") or "")
            self._day = date(*map(int, match.groups())) if match else None
        return self._day

    def spend(self, turns: int) -> None:
        """Count work; TooMuch when a message makes the groups of a table multiply."""
        self._turns += turns
        if self._turns > MOST_TURNS:
            raise TooMuch

    def carefully(self) -> None:
        """Before anything is looked up for a finding: Again in a swift run."""
        if self._swift:
            raise Again

    def wrong(self, kind: str, path: str, value: str = "", /, *, fact: Fact | None = None, **params: str) -> None:
        """Keep one finding about a target; nothing stops here, but a swift run ends."""
        self.carefully()
        self.findings.append(
            Finding(
                rule=f"mapping.{kind}",
                params=params,
                path=path,
                value=value[:_SHOWN],
                wco_id=fact.wco_id if fact else "",
                wco_name=fact.wco_name if fact else "",
            )
        )
