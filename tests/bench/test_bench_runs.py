"""Every bench runs and says something; how fast anything was is not asked here."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.__main__ import BENCHES, main, run
from bench.documents import SIZES, declaration
from bench.http_steady import STYLES
from bench.report import Report, in_markdown, in_text, read_report
from bench.wide_table import RULES, carried, same
from gateway.model import Document
from gateway.schema import validate_bare
from tests.schemas import customs_schemas


@pytest.mark.parametrize("name", ["verify", "line", "mapping", "accept"])
def test_a_bench_prints_its_tables(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The quick form runs every candidate and prints a row for each."""
    assert main([name, "--quick"]) == 0
    printed = capsys.readouterr().out
    assert "effort: quick" in printed
    assert "== " in printed
    assert "python: " in printed


@pytest.mark.slow
def test_the_bench_of_a_running_gateway_prints_its_tables(capsys: pytest.CaptureFixture[str]) -> None:
    """Doors, worker, partner and the apps beside all start, answer and stop."""
    assert main(["http", "--quick"]) == 0
    printed = capsys.readouterr().out
    assert "== Accept, over HTTP" in printed
    assert "== Deliver" in printed
    steady = printed.partition("== Accept, over HTTP, at 70 % of the most")[2].splitlines()
    rows = [line.split() for line in steady if line.startswith(("SOAP,", "REST,"))]
    assert sorted(row[:3] for row in rows) == sorted(
        [*style.split(), worker] for style in STYLES for worker in ("off", "on")
    )
    assert {row[-2] for row in rows} == {"0"}, "no answer was anything but a receipt"
    assert all((row[-1] == "0.00") == (row[2] == "off") for row in rows), "only a worker delivers"


@pytest.mark.slow
def test_the_bench_of_engines_kills_its_workers(capsys: pytest.CaptureFixture[str]) -> None:
    """Every engine that is installed takes, gives, is killed and goes on; ours loses nothing."""
    assert main(["engines", "--quick"]) == 0
    printed = capsys.readouterr().out
    assert "== Engines: accept" in printed
    assert all(name in printed for name in ("floor: one insert", "procrastinate, a job each"))
    ours = next(line for line in printed.partition("== Engines: drain")[2].splitlines() if line.startswith("ours"))
    assert int(ours.split()[2]) == 0


@pytest.mark.slow
def test_the_bench_of_a_backlog_loads_and_looks(capsys: pytest.CaptureFixture[str]) -> None:
    """What is loaded can be drained, listed and found."""
    assert main(["backlog", "--quick"]) == 0
    printed = capsys.readouterr().out
    assert "== Backlog: 1,000 messages queued and 1,000 logged" in printed
    found = {
        line.rsplit(maxsplit=3)[0].strip(): line.split()[-1] for line in printed.splitlines() if line[:1].isalpha()
    }
    assert (found["exact key"], found["key has in it, a few have it"], found["nobody has it"]) == ("1", "1", "0")


def test_an_unknown_bench_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The words that are known are said."""
    with pytest.raises(SystemExit):
        main(["nonsense"])
    said = capsys.readouterr().err
    assert all(name in said for name in BENCHES)


def test_a_result_file_gives_the_same_tables_again(tmp_path: Path) -> None:
    """What is kept is what was measured."""
    report = run(["mapping"], quick=True)
    file = tmp_path / "results.json"
    file.write_text(report.as_json(), "utf-8")
    again = read_report(file)
    assert again == report
    assert in_text(again) == in_text(report)
    assert in_markdown(again).count("| ours: the table |") == len(report.tables)


@pytest.mark.parametrize("size", SIZES)
def test_the_measured_documents_are_valid_and_of_their_size(size: str) -> None:
    """What is timed is a real declaration, nearly as large as it is called."""
    document = declaration(SIZES[size])
    assert SIZES[size] <= len(document) < SIZES[size] * 1.1 + 500
    found = validate_bare(document, customs_schemas())
    assert isinstance(found, Document)
    assert found.type == "DEC_LODGED"


def test_the_table_and_the_stylesheet_of_the_race_give_the_same() -> None:
    """Otherwise there is no race."""
    assert len(carried()) == RULES
    assert same(declaration(SIZES["50 KB"])).startswith(b"<NatMetaData ")


def test_an_empty_report_is_spelled() -> None:
    """Nothing measured is no error."""
    assert in_text(Report(machine={"python": "3"}, effort="none", tables=[])) == "python: 3\neffort: none"
