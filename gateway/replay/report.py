"""What a replay found, for people and for machines: counts, differences, JSON and JUnit XML."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from lxml import etree

Outcome = Literal["passed", "failed", "broken"]
CAP: Final = 25
"""How many differences of one fixture are shown; the rest is counted."""
PASSED, DIFFERENT, USAGE, BROKEN = 0, 1, 2, 3
"""Exit codes: nothing differs; something differs; nothing to replay; a fixture cannot be played."""
_NOT_XML: Final = {code: "\ufffd" for code in (*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """The mapping rule that made a value, or that should have: `table`:`line`, and what it read."""

    table: str
    line: int
    rule: str
    source: str = ""
    value: str = ""

    def __str__(self) -> str:
        read = f", from {self.source}" if self.source else ""
        return f"{self.table}:{self.line} rule {self.rule}{read}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that came out otherwise. `hop` is where: accept, receipt, out, answer, answer-out or live.

    `kind` is code, finding, missing, unexpected, text, attribute, root, type, value or receipt.
    """

    hop: str
    kind: str
    path: str
    expected: str
    got: str
    blame: Blame | None = None

    def __str__(self) -> str:
        made = f" ({self.blame})" if self.blame else ""
        return f"{self.hop}: {self.path or self.kind}: expected {self.expected!r}, got {self.got!r}{made}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One fixture. `differences` are at most `CAP`, `total` counts all; `reason` says why it is broken."""

    fixture: str
    folder: Path
    outcome: Outcome
    why: str = ""
    differences: tuple[Difference, ...] = ()
    total: int = 0
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """All results, in the order played."""

    results: tuple[Result, ...] = field(default=())

    def _count(self, outcome: Outcome) -> int:
        return sum(1 for result in self.results if result.outcome == outcome)

    @property
    def passed(self) -> int:
        """Fixtures where nothing differs."""
        return self._count("passed")

    @property
    def failed(self) -> int:
        """Fixtures where something differs."""
        return self._count("failed")

    @property
    def broken(self) -> int:
        """Fixtures that could not be played."""
        return self._count("broken")

    @property
    def exit_code(self) -> int:
        """0 pass, 1 differences, 2 nothing to replay, 3 a broken fixture (which weighs more than a difference)."""
        if not self.results:
            return USAGE
        return BROKEN if self.broken else DIFFERENT if self.failed else PASSED

    @property
    def summary(self) -> str:
        """`118 passed, 2 failed, 0 broken in 3.1 s`."""
        seconds = sum(result.seconds for result in self.results)
        return f"{self.passed} passed, {self.failed} failed, {self.broken} broken in {seconds:.1f} s"

    def to_dict(self) -> dict[str, Any]:
        """For JSON: counts, exit code and every result."""
        return {
            "passed": self.passed,
            "failed": self.failed,
            "broken": self.broken,
            "exitCode": self.exit_code,
            "results": [_members(result) for result in self.results],
        }

    def to_junit(self) -> bytes:
        """JUnit XML: a difference is a failure, a broken fixture an error."""
        suite = etree.Element(
            "testsuite", name="replay", tests=str(len(self.results)), failures=str(self.failed),
            errors=str(self.broken), time=f"{sum(result.seconds for result in self.results):.3f}",
        )  # fmt: skip
        for result in self.results:
            _case(suite, result)
        return etree.tostring(suite, encoding="UTF-8", xml_declaration=True, pretty_print=True)

    def lines(self) -> Iterator[str]:
        """For a terminal: every fixture that did not pass with its differences, then the summary."""
        for result in self.results:
            if result.outcome != "passed":
                yield f"{result.outcome.upper()} {result.fixture}: {result.why}".rstrip(": ")
                yield from (f"  {line}" for line in _told(result))
        yield self.summary


def _told(result: Result) -> list[str]:
    """All that is wrong with a result, one line each."""
    lines = [result.reason] if result.reason else []
    lines += [str(difference) for difference in result.differences]
    more = result.total - len(result.differences)
    return [*lines, f"and {more} more"] if more > 0 else lines


def _members(result: Result) -> dict[str, Any]:
    return {
        "fixture": result.fixture,
        "outcome": result.outcome,
        "why": result.why,
        "reason": result.reason,
        "seconds": round(result.seconds, 3),
        "differencesTotal": result.total,
        "differences": [asdict(difference) for difference in result.differences],
    }


def _case(suite: etree._Element, result: Result) -> None:
    agency, _, name = result.fixture.rpartition("/")
    case = etree.SubElement(
        suite, "testcase", classname=f"replay.{agency}" if agency else "replay", name=name, time=f"{result.seconds:.3f}"
    )
    if result.outcome == "passed":
        return
    kind = "failure" if result.outcome == "failed" else "error"
    told = [line.translate(_NOT_XML) for line in _told(result)]
    element = etree.SubElement(case, kind, message=told[0] if told else result.outcome)
    element.text = "\n".join(told)


def remember(file: Path, report: ReplayReport) -> None:
    """Write which fixtures did not pass, one folder a line; a later run can play only these."""
    failed = [str(result.folder) for result in report.results if result.outcome != "passed"]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{folder}\n" for folder in failed), "utf-8")


def remembered(file: Path) -> list[Path]:
    """The folders that did not pass last time; none when there was no last time."""
    return [Path(line) for line in file.read_text("utf-8").splitlines() if line] if file.is_file() else []
