"""What a document that streams may make its parser hold, checked with every piece (threat rows X5, X6)."""

from __future__ import annotations

from itertools import islice
from typing import Final
from xml.parsers import expat

from gateway.errors import EnvelopeMalformed
from gateway.xml import LIMITS

_SHORTEST_NAME: Final = 100
"""Letters that a name counts for at least."""


class Gauge:
    """Feeds an expat parser that it makes. Line ends, entities and text are its business; what it holds is ours."""

    def __init__(self, separator: str | None = None) -> None:
        self._names: dict[str, str] = {}
        self.parser = expat.ParserCreate(namespace_separator=separator, intern=self._names)
        self._length = self._fed = self._named = self._letters = 0

    def feed(self, chunk: bytes) -> None:
        """The next octets; none = there are no more. Raises EnvelopeMalformed (X5, X6, X8)."""
        try:
            self._measure(chunk)
            self.parser.Parse(chunk, not chunk)
        except expat.ExpatError as error:
            what = expat.ErrorString(error.code)
            reason = f"not well-formed at line {error.lineno}, column {error.offset + 1}: {what}"
            raise EnvelopeMalformed(reason, threat="X8") from None
        self._measure_names()

    def _measure(self, chunk: bytes) -> None:
        """A text, or a value of an attribute, is never longer than this stretch without a tag's beginning.

        A comment or instruction may hold many: what waits for its end is held, and looked through with every piece.
        """
        if self._fed - max(0, self.parser.CurrentByteIndex) > LIMITS.text:
            raise EnvelopeMalformed("a comment or instruction is too long", threat="X6")
        self._fed += len(chunk)
        first = chunk.find(b"<")
        self._length += len(chunk) if first < 0 else first
        if self._length > LIMITS.text:
            raise EnvelopeMalformed("a text is too long", threat="X6")
        if first >= 0:
            self._length = len(chunk) - chunk.rfind(b"<")

    def _measure_names(self) -> None:
        """A parser never forgets a name: the different ones are bounded together."""
        if len(self._names) > self._named:
            self._letters += sum(max(_SHORTEST_NAME, len(str(name))) for name in islice(self._names, self._named, None))
            self._named = len(self._names)
            if self._letters > LIMITS.text:
                raise EnvelopeMalformed("too many different names", threat="X5")
