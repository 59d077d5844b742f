"""Texts that match a regular expression, for the few constructs that schemas of ours use."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Sequence

_ITEM = re.compile(
    r"(?P<set>\[(?:[^\]\\]|\\.|\\p\{[^}]*\})*\])|(?P<open>\()|(?P<close>\))|(?P<bar>\|)"
    r"|(?P<any>\.)|(?P<escape>\\.)|(?P<plain>[^\\])"
)
_TIMES = re.compile(r"\{([0-9]+)(?:(,)([0-9]*))?\}|[*+?]")
_LONGEST_RUN = 8


def matching(pattern: str, dice: random.Random, words: Sequence[str], latin: Sequence[str]) -> str:
    """A text that the whole pattern takes; `.` and sets of Unicode blocks are filled from the words."""
    if "\\p{" in pattern:
        return " ".join(dice.choices(latin, k=dice.randint(1, 3)))
    return _Reader(pattern, dice, words).alternatives()


class _Reader:
    """Walks the pattern from left to right and writes as it goes."""

    def __init__(self, pattern: str, dice: random.Random, words: Sequence[str]) -> None:
        self._pattern = pattern
        self._dice = dice
        self._words = words
        self._at = 0

    def alternatives(self) -> str:
        """One of the branches up to the closing bracket or the end."""
        branches = [self._branch()]
        while self._peek("|"):
            self._at += 1
            branches.append(self._branch())
        return self._dice.choice(branches)

    def _peek(self, sign: str) -> bool:
        return self._pattern.startswith(sign, self._at)

    def _branch(self) -> str:
        found = ""
        while self._at < len(self._pattern) and not self._peek("|") and not self._peek(")"):
            start = self._at
            first = self._item()
            after = self._at
            count = self._count()
            if count == 0:
                continue
            found += first
            end = self._at
            for _ in range(count - 1):
                self._at = start
                found += self._item()
                assert self._at == after
            self._at = end
        return found

    def _count(self) -> int:
        match = _TIMES.match(self._pattern, self._at)
        if match is None:
            return 1
        self._at = match.end()
        if match[1] is None:
            least, most = {"*": (0, 3), "+": (1, 4), "?": (0, 1)}[match[0]]
        else:
            least = int(match[1])
            most = int(match[3] or least + 3) if match[2] else least
        return self._dice.randint(least, min(most, least + _LONGEST_RUN))

    def _item(self) -> str:
        match = _ITEM.match(self._pattern, self._at)
        assert match is not None, self._pattern
        self._at = match.end()
        if match["open"]:
            inner = self.alternatives()
            self._at += 1
            return inner
        if match["set"]:
            return self._dice.choice(_members(match["set"][1:-1]))
        if match["any"]:
            return self._dice.choice([word for word in self._words if not set(word) & set("\n\r\u2028\x85")])
        if match["escape"]:
            return {"s": " ", "S": "x"}.get(match["escape"][1], match["escape"][1])
        return match["plain"]


def _members(text: str) -> str:
    """The characters of a set."""
    if text in (r"\s\S", r"^\s"):
        return string.ascii_letters
    found = ""
    at = 0
    while at < len(text):
        if text[at + 1 : at + 2] == "-" and at + 2 < len(text):
            found += "".join(map(chr, range(ord(text[at]), ord(text[at + 2]) + 1)))
            at += 3
        else:
            at += 2 if text[at] == "\\" else 1
            found += text[at - 1]
    return found
