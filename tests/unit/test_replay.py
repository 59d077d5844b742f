"""Replay finds what came out otherwise and names the place and the row that made it, for people and machines."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from shutil import copytree

import pytest
from lxml import etree

from gateway import registry
from gateway.replay import ReplayReport, Result, Worlds, remembered, replay, worlds

ROOT = Path(__file__).parents[2]
HEALTH = ROOT / "adapters" / "health_kz" / "fixtures"
QUERY = "mappings/health_kz/query.csv"
ANSWER = "mappings/health_kz/permit_answer.csv"
NAME = "Q12,LPCOQuery/Importer/Name,ЗапросРазрешения/Участник/Наименование,,no,,"
MOVED = NAME.replace("LPCOQuery/Importer/Name", "LPCOQuery/AdditionalDocument/ID") + (
    "\nX12,LPCOQuery/Importer/Name,,drop,,,left out on purpose by this test"
)
NUMBER = "Q07,LPCOQuery/Declaration/ID,ЗапросРазрешения/Декларация/Номер,,yes,,"


@cache
def trees() -> Worlds:
    return worlds(registry.load())


def changed(root: Path, table: str, old: str, new: str) -> Worlds:
    """The shipped trees with one row of one table changed."""
    text = (ROOT / table).read_text("utf-8")
    assert text.count(old) == 1
    (root / table).parent.mkdir(parents=True)
    (root / table).write_text(text.replace(old, new), "utf-8")
    return worlds(registry.load([root]))


def line_of(table: str, rule: str) -> int:
    """Where a rule stands in a table, from 1."""
    lines = (ROOT / table).read_text("utf-8").splitlines()
    return next(at for at, line in enumerate(lines, 1) if line.startswith(f"{rule},"))


def copied(folder: Path, name: str = "10-query-ok") -> Path:
    """A fixture of one's own to spoil."""
    return Path(copytree(HEALTH / name, folder / name))


def rewritten(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def only(report: ReplayReport) -> Result:
    (result,) = report.results
    return result


def told(result: Result) -> list[tuple[str, str, str]]:
    return [(one.hop, one.kind, one.path) for one in result.differences]


def test_a_fixture_that_comes_out_as_it_says_passes() -> None:
    report = replay([HEALTH / "10-query-ok"], trees())
    assert (report.passed, report.failed, report.broken, report.exit_code) == (1, 0, 0, 0)
    assert list(report.lines()) == [report.summary]


def test_a_changed_row_is_named_with_place_value_and_source(tmp_path: Path) -> None:
    """Who changed line n is shown line n, the path it wrote, both values and the path it read."""
    report = replay([HEALTH / "10-query-ok"], changed(tmp_path, QUERY, NAME, MOVED))
    result = only(report)
    assert (report.exit_code, result.outcome, result.total) == (1, "failed", 1)
    (difference,) = result.differences
    assert (difference.hop, difference.kind) == ("out", "text")
    assert difference.path == "/ЗапросРазрешения/Участник/Наименование"
    assert (difference.expected, difference.got) == ("«Сынақ-Фарм Импорт» ЖШС", "KZ11VTS00000001")
    blame = difference.blame
    assert blame is not None
    assert (blame.table, blame.line, blame.rule) == (QUERY, line_of(QUERY, "Q12"), "Q12")
    assert (blame.source, blame.value) == ("LPCOQuery/AdditionalDocument/ID", "KZ11VTS00000001")
    assert f"{QUERY}:{blame.line} rule Q12" in "\n".join(report.lines())


def test_a_value_that_is_missing_is_traced_to_the_row_that_should_give_it(tmp_path: Path) -> None:
    old = "Q24,LPCOQuery/GovernmentAgencyGoodsItem/CommodityDescription,ЗапросРазрешения/Тауар/Атауы,,no,,"
    new = old.removesuffix(",,") + ",present(LPCOQuery/Holder/ID),"
    result = only(replay([HEALTH / "10-query-ok"], changed(tmp_path, QUERY, old, new)))
    assert told(result) == [("out", "missing", "/ЗапросРазрешения/Тауар/Атауы")]
    blame = result.differences[0].blame
    assert blame is not None
    assert (blame.rule, blame.line) == ("Q24", line_of(QUERY, "Q24"))


def test_a_value_that_a_drop_row_leaves_behind_is_traced_to_that_row(tmp_path: Path) -> None:
    """The row that carried it became a `drop` row: nothing is meant for the place any more, but the value is known."""
    old = "Q24,LPCOQuery/GovernmentAgencyGoodsItem/CommodityDescription,ЗапросРазрешения/Тауар/Атауы,,no,,"
    new = "X24,LPCOQuery/GovernmentAgencyGoodsItem/CommodityDescription,,drop,,,the ministry does not need it"
    result = only(replay([HEALTH / "10-query-ok"], changed(tmp_path, QUERY, old, new)))
    assert told(result) == [("out", "missing", "/ЗапросРазрешения/Тауар/Атауы")]
    [difference] = result.differences
    assert difference.blame is not None
    assert (difference.blame.rule, difference.blame.line) == ("X24", line_of(QUERY, "Q24"))
    assert difference.blame.source == "LPCOQuery/GovernmentAgencyGoodsItem/CommodityDescription"
    assert difference.blame.value == difference.expected


def test_the_way_back_is_compared_as_well(tmp_path: Path) -> None:
    """A changed row of the answer's table shows at the asker's hop, in the document and in the expected values."""
    old = "S07,ОтветРазрешения/Решение,LPCOStatus/DecisionCode,code:decisions,yes,,"
    new = "S07,,LPCOStatus/DecisionCode,const:MANUAL_CHECK,yes,,"
    result = only(replay([HEALTH / "10-query-ok"], changed(tmp_path, ANSWER, old, new)))
    got = {(one.hop, one.kind, one.got) for one in result.differences}
    assert result.outcome == "failed"
    assert {hop for hop, _, _ in got} <= {"answer-out"}


def test_a_row_that_refuses_is_another_outcome(tmp_path: Path) -> None:
    """A required target left empty ends the story with the code and what was said."""
    new = NUMBER.replace(",,yes,,", ",,yes,present(LPCOQuery/Holder/ID),")
    result = only(replay([HEALTH / "10-query-ok"], changed(tmp_path, QUERY, NUMBER, new)))
    code, gap = result.differences
    assert (code.hop, code.kind, code.expected) == ("out", "code", "delivered")
    assert code.got.startswith("mapping.gap")
    assert (gap.kind, gap.path) == ("finding", "ЗапросРазрешения/Декларация/Номер")
    assert gap.blame is not None
    assert (gap.blame.rule, gap.blame.line) == ("Q07", line_of(QUERY, "Q07"))


def test_words_of_ours_that_the_receiver_would_not_take_are_traced(tmp_path: Path) -> None:
    """Our own output breaks the receiver's schema: the finding names the row that wrote the value."""
    new = NUMBER.replace("LPCOQuery/Declaration/ID", "LPCOQuery/FunctionalReferenceID")
    new += "\nX07,LPCOQuery/Declaration/ID,,drop,,,left out on purpose by this test"
    code, invalid = only(replay([HEALTH / "10-query-ok"], changed(tmp_path, QUERY, NUMBER, new))).differences
    assert code.got.startswith("mapping.gap")
    assert invalid.path == "ЗапросРазрешения/Декларация/Номер"
    assert "KGD-2026-Q-000010" in invalid.got
    assert invalid.blame is not None
    assert (invalid.blame.rule, invalid.blame.source) == ("Q07", "LPCOQuery/FunctionalReferenceID")


def test_another_refusal_than_expected_is_a_difference(tmp_path: Path) -> None:
    folder = copied(tmp_path, "39-bin-in-full-width-digits")
    rewritten(folder / "case.toml", 'findings = ["xsd.pattern"]', 'findings = ["xsd.length"]')
    result = only(replay([folder], trees()))
    assert [(one.kind, one.expected, one.got) for one in result.differences] == [
        ("finding", "xsd.length", ""),
        ("finding", "", "xsd.pattern ９９１２４０９９９８０２"),
    ]
    rewritten(folder / "case.toml", 'expect = "schema.violation"', 'expect = "route.none"')
    difference, *_ = only(replay([folder], trees())).differences
    assert (difference.kind, difference.expected) == ("code", "route.none")


def test_a_value_of_the_answer_that_differs_is_told(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    rewritten(folder / "case.toml", '"LPCOStatus/DecisionCode" = "OK"', '"LPCOStatus/DecisionCode" = "EXPIRED"')
    result = only(replay([folder], trees()))
    assert told(result) == [("answer-out", "value", "/LPCOStatus/DecisionCode")]
    assert (result.differences[0].expected, result.differences[0].got) == ("EXPIRED", "OK")


def test_silence_is_played_to_its_consequence(tmp_path: Path) -> None:
    folder = copied(tmp_path, "23-query-silent")
    rewritten(folder / "answer-out.xml", "AUTHORITY_SILENT", "APPROVED")
    result = only(replay([folder], trees()))
    assert {one.blame.rule for one in result.differences if one.blame} == {"X03", "X12"}


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        ("case.toml", 'type = "LPCO_QUERY"', "", "type is missing"),
        ("case.toml", "expect =", "expected =", "unknown key expected"),
        ("case.toml", 'style = "soap"', 'style = "smoke"', "style is soap or rest"),
        ("case.toml", "now = 2026-11-23T06:01:00Z", "now = 2026-11-23T06:01:00", "no zone"),
        ("case.toml", 'from = "customs_kz"', 'from = "Nobody"', "partner id"),
        ("case.toml", "why", "= why", "case.toml"),
        ("in.xml", "</LPCOQuery>", "", "in.xml: not well-formed"),
        ("out.xml", "<?xml", "<!DOCTYPE x><?xml", "out.xml"),
    ],
)
def test_a_fixture_that_cannot_be_played_is_broken(tmp_path: Path, file: str, old: str, new: str, reason: str) -> None:
    """It is neither red nor green, it says what is wrong, and the exit code is 3."""
    folder = copied(tmp_path)
    rewritten(folder / file, old, new)
    report = replay([folder], trees())
    assert (report.broken, report.exit_code) == (1, 3)
    assert reason in only(report).reason


@pytest.mark.parametrize("file", ["in.xml", "out.xml", "answer-in.xml"])
def test_a_missing_file_is_named(tmp_path: Path, file: str) -> None:
    folder = copied(tmp_path)
    (folder / file).unlink()
    assert f"{file} is missing" in only(replay([folder], trees())).reason


def test_a_broken_fixture_does_not_hide_the_others(tmp_path: Path) -> None:
    copied(tmp_path)
    (copied(tmp_path, "11-query-unknown-number") / "in.xml").unlink()
    report = replay([tmp_path], trees())
    assert (report.passed, report.broken, report.exit_code) == (1, 1, 3)


def test_without_fixtures_the_call_was_wrong(tmp_path: Path) -> None:
    assert replay([tmp_path], trees()).exit_code == 2


def test_only_what_failed_is_played_again(tmp_path: Path) -> None:
    """Red, corrected, green: the second run plays one fixture, the third none."""
    bad, state = copied(tmp_path / "f"), tmp_path / "state" / "failed"
    copied(tmp_path / "f", "11-query-unknown-number")
    good = (bad / "out.xml").read_text("utf-8")
    rewritten(bad / "out.xml", "57505/191126/0000123", "1")
    assert replay([tmp_path / "f"], trees(), state=state).failed == 1
    assert remembered(state) == [bad]
    (bad / "out.xml").write_text(good, "utf-8")
    assert replay([tmp_path / "f"], trees(), state=state, only_failed=True).passed == 1
    assert remembered(state) == []
    assert replay([tmp_path / "f"], trees(), state=state, only_failed=True).results == ()


def test_of_many_differences_25_are_shown_and_all_counted(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    item = (folder / "out.xml").read_text("utf-8").replace("</ЗапросРазрешения>", "<Тауар/>" * 40)
    (folder / "out.xml").write_text(f"{item}</ЗапросРазрешения>", "utf-8")
    report = replay([folder], trees())
    result = only(report)
    assert (len(result.differences), result.total) == (25, 40)
    assert "  and 15 more" in list(report.lines())


def test_json_holds_everything(tmp_path: Path) -> None:
    report = replay([HEALTH / "10-query-ok"], changed(tmp_path, QUERY, NAME, MOVED))
    found = json.loads(json.dumps(report.to_dict(), ensure_ascii=False))
    assert (found["passed"], found["failed"], found["broken"], found["exitCode"]) == (0, 1, 0, 1)
    (result,) = found["results"]
    assert result["fixture"] == "health_kz/10-query-ok"
    (difference,) = result["differences"]
    assert difference["blame"]["rule"] == "Q12"


def test_junit_tells_differences_from_broken_fixtures(tmp_path: Path) -> None:
    """A difference is a failure, a broken fixture an error; characters XML cannot carry do not break the file."""
    copied(tmp_path, "12-query-mixed-alphabet")
    bad = copied(tmp_path)
    rewritten(bad / "case.toml", '"LPCOStatus/DecisionCode" = "OK"', '"LPCOStatus/DecisionCode" = "\\u0001"')
    (copied(tmp_path, "11-query-unknown-number") / "in.xml").unlink()
    suite = etree.fromstring(replay([tmp_path], trees()).to_junit())
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    kinds = {case.get("name"): [child.tag for child in case] for case in suite}
    assert kinds == {
        "10-query-ok": ["failure"],
        "11-query-unknown-number": ["error"],
        "12-query-mixed-alphabet": [],
    }


def test_two_replays_leave_the_same_words(tmp_path: Path) -> None:
    """Clock and ids are frozen: what reached the receiver is the same to the byte, whatever the keys."""
    from gateway.replay import play, read_fixture

    fixture = read_fixture(HEALTH / "24-declaration-lodged")
    runs = []
    for _ in range(2):
        world = trees()(fixture)
        play(fixture, world)
        claims = [arrival.verified.claims for arrival in world.courier.arrivals]
        runs.append(([arrival.verified.payload for arrival in world.courier.arrivals], claims))
    assert runs[0] == runs[1]
    assert len(runs[0][0]) == 2
