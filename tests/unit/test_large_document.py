"""A large document full of mistakes is explained in bounded time: all findings, each at its place, no second pass."""

from __future__ import annotations

import re
from functools import cache
from time import process_time

from gateway.errors import Finding
from gateway.schema import validate_bare
from gateway.xml import parse
from tests.profiles import sample, schemas

LARGE = 5_000_000
TIMES_PARSE = 150
"""Measured: twelve to twenty times what parsing alone takes; a quadratic walk takes thousands."""


@cache
def broken(octets: int) -> tuple[bytes, int]:
    """A list of about this size in which each record is of a private person, and how many there are."""
    text = sample("CRV_RECORD").decode()
    start, end = text.index("  <Record>"), text.index("</CRVRecord>")
    record = re.sub(r">\s+<", "><", text[start:end].replace("LEGAL_ENTITY", "PERSON"))
    record = re.sub(r"<Name>.*</Name>", f"<Name>{'𠮷' * 250}</Name>", record).strip() + "\n"
    number = octets // len(record.encode())
    return (text[:start] + record * number + text[end:]).encode(), number


def explained(document: bytes) -> tuple[float, tuple[Finding, ...]]:
    """The processor time of the verdict with its findings, the better of two."""
    best, found = float("inf"), ()
    for _ in range(2):
        start = process_time()
        found = validate_bare(document, schemas())  # type: ignore[assignment]
        best = min(best, process_time() - start)
    return best, found


def parsed(document: bytes) -> float:
    """The processor time of parsing alone, the better of three."""
    times = []
    for _ in range(3):
        start = process_time()
        parse(document)
        times.append(process_time() - start)
    return min(times)


def test_five_megabytes_of_mistakes_are_explained() -> None:
    """Each of more than three thousand mistakes once, on its own line, within a bound that parsing sets."""
    document, number = broken(LARGE)
    took, found = explained(document)
    assert len(document) > 0.95 * LARGE
    assert [finding.rule for finding in found] == ["xsd.enumeration"] * number
    assert len({finding.line for finding in found}) == number
    assert found[-1].path == f"/CRVRecord/Record[{number}]/PersonKindCode"
    assert took < TIMES_PARSE * parsed(document), f"{took:.2f} s"


def test_twice_the_mistakes_take_about_twice_as_long() -> None:
    """Five times at most: nothing in the explanation looks at all findings for each finding."""
    half, whole = (explained(broken(size)[0])[0] for size in (1_200_000, 2_400_000))
    assert whole < 5 * half, f"{half:.2f} s, {whole:.2f} s"
