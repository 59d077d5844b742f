"""Every row of the threat table in these groups has a test that carries its id."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
GROUPS = {"X": 10, "W": 12, "A": 7, "C": 10, "R": 7, "S": 8, "J": 9, "M": 5, "D": 1}
"""Group letter and the number of its rows. The other groups are about doors, operators and the console."""
ELSEWHERE = {
    "C4": "revocation lists are not read yet: a revoked certificate is retired in the partner's record",
    "C5": "as C4",
    "R7": "the clock of the host is watched by operations, not by a message",
    "M3": "mapping tables are rows without code; what stylesheets may do is held by the tests of the mapping desk",
}
_MARK = re.compile(r'@pytest\.mark\.threat\("([A-Z][0-9]+)"\)')


def marked() -> set[str]:
    """The ids in all tests of this folder."""
    texts = (file.read_text(encoding="utf-8") for file in sorted(HERE.glob("test_*_rows.py")))
    return {found for text in texts for found in _MARK.findall(text)}


def test_every_row_has_a_test() -> None:
    """A row without one is named in `ELSEWHERE` with its reason."""
    wanted = {f"{group}{number}" for group, last in GROUPS.items() for number in range(1, last + 1)}
    assert wanted - marked() == set(ELSEWHERE)


def test_no_test_names_a_row_that_does_not_exist() -> None:
    """A mistyped id would count for nothing."""
    known = {f"{group}{number}" for group, last in (GROUPS | {"D": 4}).items() for number in range(1, last + 1)}
    assert marked() <= known
