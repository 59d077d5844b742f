"""`gateway map` and `gateway loss`: a table tried out on a document, there and back, and what becomes of each value."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gateway.cli.program import run
from gateway.xml import canonical, parse

ROOT = Path(__file__).resolve().parents[2]
HEALTH = ROOT / "adapters" / "health_kz" / "fixtures"
CHINA = ROOT / "adapters" / "mra_cn" / "fixtures"
QUERY = HEALTH / "10-query-ok" / "in.xml"
RELEASED = HEALTH / "27-declaration-released" / "in.xml"
LODGED = HEALTH / "24-declaration-lodged" / "in.xml"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def told(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    code = run([str(word) for word in words])
    caught = capsys.readouterr()
    return code, caught.out, caught.err


def there_and_back(capsys: pytest.CaptureFixture[str], table: str, file: Path, folder: Path) -> tuple[str, str]:
    """What comes back, and what is said of the rest."""
    code, out, _ = told(capsys, "map", table, file)
    assert code == 0
    made = folder / "made.xml"
    made.write_text(out, "utf-8")
    code, returned, said = told(capsys, "map", table, made, "--back")
    assert code == 0
    return returned.strip(), said


def test_a_permit_query_comes_back_whole(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """All of it but the way its times were written: the ministry's clock is Astana's, ours is UTC."""
    returned, said = there_and_back(capsys, "health_kz/query", QUERY, tmp_path)
    expected = canonical(parse(QUERY.read_bytes().replace(b"2026-11-19T15:20:00+05:00", b"2026-11-19T10:20:00Z")))
    assert [(e.tag, (e.text or "").strip()) for e in parse(returned.encode()).iter()] == [
        (e.tag, (e.text or "").strip()) for e in parse(expected).iter()
    ]
    assert not said


def test_a_list_for_china_comes_back_without_what_stayed_here(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Names, dates and states return; the reason in words never left."""
    file = sorted(CHINA.glob("*full*/in.xml"))[0]
    returned, said = there_and_back(capsys, "mra_cn/aeo_full", file, tmp_path)
    assert "<LatinName>" in returned
    assert "<Reason><Text>" not in returned
    assert "does not come back: R01 (line " in said
    assert "left out on purpose by 5 drop rows" in said


def test_back_in_json_lists_what_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    made = HEALTH / "24-declaration-lodged" / "out.xml"
    code, out, _ = told(capsys, "map", "health_kz/notice_lodged", made, "--back", "--json")
    found = json.loads(out)
    assert code == 0
    assert {"rule": "A27", "line": 36, "reason": "first does not keep the values apart"} in found["lost"]
    assert found["output"].startswith("<MetaData")
    assert found["values"]


def test_a_table_of_which_nothing_comes_back_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = told(
        capsys, "map", "health_kz/notice_released", HEALTH / "27-declaration-released/out.xml", "--back"
    )
    assert code == 1
    assert "nothing comes back" in err


def test_explain_the_way_back(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = told(capsys, "map", "health_kz/query", HEALTH / "10-query-ok/out.xml", "--back", "--explain")
    assert code == 0
    assert "query.csv (back)" in out
    assert "back:astana" in out


def test_the_ledger_of_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Each drop row once, with the number of values below it and the reason a person wrote."""
    code, out, _ = told(capsys, "loss", "health_kz/notice_released")
    assert code == 0
    assert "whom the declarant may call" in out
    assert out.rstrip().endswith("0 silent")


def test_the_ledger_of_a_message_says_where_each_value_went(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = told(capsys, "loss", "health_kz/notice_released", RELEASED, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["totals"]["silent"] == 0
    by_place = {one["place"]: one for one in found["values"]}
    number = by_place["MetaData/Response/Declaration/ID"]
    assert (number["value"], number["fate"], number["rules"]) == ("57505/191126/0000123", "derivable", ["E04"])
    assert number["targets"] == ["УведомлениеДекларации/Декларация/Номер"]
    assert by_place["MetaData/Response/Status/NameCode"]["fate"] == "dropped"
    assert by_place["MetaData/Response/Status/NameCode"]["reason"] == "the event says it: released"


def test_the_ledger_of_a_declaration_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = told(capsys, "loss", "health_kz/notice_lodged", LODGED)
    assert code == 0
    assert "price" in out
    assert "kept" in out


def test_a_silent_value_ends_with_1(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A table with a row taken out, laid over the shipped one."""
    text = (ROOT / "mappings/health_kz/query.csv").read_text("utf-8")
    changed = tmp_path / "tree" / "mappings" / "health_kz" / "query.csv"
    changed.parent.mkdir(parents=True)
    changed.write_text("".join(line for line in text.splitlines(True) if not line.startswith("Q12,")), "utf-8")
    (tmp_path / "gateway.toml").write_text(f'roots = ["{(tmp_path / "tree").as_posix()}"]\n', "utf-8")
    code, out, _ = told(capsys, "loss", "health_kz/query")
    assert code == 1
    assert "1 silent" in out
    code, out, _ = told(capsys, "loss", "health_kz/query", QUERY)
    assert code == 1
    assert "silent" in out


def test_an_unknown_table_is_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = told(capsys, "loss", "health_kz/querry")
    assert code == 2
    assert "Did you mean health_kz/query" in err


def test_a_document_is_streamed_into_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The same octets as without; nothing else stays behind."""
    _, whole, _ = told(capsys, "map", "health_kz/notice_lodged", LODGED)
    code, out, _ = told(capsys, "map", "health_kz/notice_lodged", LODGED, "--stream", tmp_path / "out.xml", "--json")
    assert code == 0
    octets = (tmp_path / "out.xml").read_bytes()
    assert {"rule": "A20", "items": 2, "octets": len(octets)}.items() <= json.loads(out).items()
    assert without_now(octets.decode()) == without_now(whole.strip())
    assert [path.name for path in tmp_path.iterdir()] == ["out.xml"]


def test_a_document_that_does_not_go_leaves_the_file_alone(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """What was there before is still there."""
    (tmp_path / "out.xml").write_text("before", "utf-8")
    (tmp_path / "in.xml").write_bytes(LODGED.read_bytes()[:-20])
    code, _, _ = told(capsys, "map", "health_kz/notice_lodged", tmp_path / "in.xml", "--stream", tmp_path / "out.xml")
    assert code != 0
    assert (tmp_path / "out.xml").read_text("utf-8") == "before"
    assert len(list(tmp_path.iterdir())) == 2


def without_now(text: str) -> str:
    """The document without the moment at which it was made."""
    return re.sub(
        r"[0-9]{2}\.[0-9]{2}\.[0-9]{4}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}|[0-9-]{10}T[0-9:.]+(Z|\+05:00)?", "", text
    )
