"""What a simulated partner says back: one business answer, and how long it lets us wait for it."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.model import DocumentType


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A business answer of a simulated partner. `delay` is in seconds; the host adds what it relates to."""

    type: DocumentType
    payload: bytes
    delay: float = 0.0
