"""`gateway validate --json` says one thing of every file it is given, whatever the file is."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli.program import run

ROOT = Path(__file__).resolve().parents[2]
GOOD = sorted((ROOT / "adapters").glob("*/fixtures/*/in.xml"))
WORDS = {"file", "valid", "schema", "findings"}


def heap(folder: Path) -> list[Path]:
    """Two hundred files: real ones, cut and bent ones, noise, and things that are no files."""
    dice, files = random.Random(7), []
    for number in range(197):
        file = folder / f"{number:03}.xml"
        octets = dice.choice(GOOD).read_bytes()
        kind = number % 7
        if kind == 0:
            octets = dice.randbytes(dice.randrange(1, 4000))
        elif kind == 1:
            octets = octets[: dice.randrange(len(octets))]
        elif kind == 2:
            at = dice.randrange(len(octets))
            octets = octets[:at] + dice.randbytes(2) + octets[at:]
        elif kind == 3:
            octets = dice.choice([
                b"<a/>", b"\x00", b"\xff\xfe<\x00a\x00/\x00>\x00", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", b"{}",
                b"<?xml version='1.1'?><a/>", b"<a>" * 500, b"\xef\xbb\xbf", b"%PDF-1.7", b"PK\x03\x04", b"\n" * 9999,
                "<Запрос/>".encode("cp1251"), b"<a xmlns='urn:swgw:lpco:1'/>",
            ])  # fmt: skip
        file.write_bytes(octets)
        files.append(file)
    (folder / "empty.xml").touch()
    (folder / "пустая папка").mkdir()
    return [*files, folder / "empty.xml", folder / "пустая папка", folder / "missing.xml"]


def told(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, list[dict[str, object]]]:
    code = run(["validate", "--json", *map(str, words)])
    caught = capsys.readouterr()
    assert not caught.err
    return code, [json.loads(line) for line in caught.out.splitlines()]


def test_two_hundred_files_are_two_hundred_lines(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order given; a folder without documents has its line too."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "heap"
    folder.mkdir()
    files = heap(folder)
    assert len(files) == 200
    code, lines = told(capsys, *files)
    assert code == 1
    assert [line["file"] for line in lines] == [str(file) for file in files]
    for line in lines:
        assert set(line) >= WORDS
        assert line["schema"] or not line["valid"]
        assert bool(line["valid"]) == (not line["findings"])
    assert any(line["valid"] for line in lines)
    for line in lines[-2:]:
        assert line["findings"][0]["rule"] == "file.unreadable"  # type: ignore[index]


def test_one_bad_file_does_not_change_what_is_said_of_the_others(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    noise = tmp_path / "noise.xml"
    noise.write_bytes(bytes(range(256)))
    good = ROOT / "adapters/health_kz/fixtures/10-query-ok/in.xml"
    assert told(capsys, good)[1] == told(capsys, noise, good, noise)[1][1:2]


def test_a_folder_is_read_in_order(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b.xml", "a.xml", "c.txt"):
        shutil.copy(ROOT / "adapters/health_kz/fixtures/10-query-ok/in.xml", tmp_path / name)
    code, lines = told(capsys, tmp_path)
    assert (code, [Path(str(line["file"])).name for line in lines]) == (0, ["a.xml", "b.xml"])


def test_odd_files_have_a_line_each(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Encodings, envelopes, names in no encoding, endings in capitals, folders called like files, endless devices."""
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "adapters/health_kz/fixtures/10-query-ok/in.xml").read_text("utf-8")
    body = text.partition("?>")[2] or text
    odd = {
        b"a-utf16.xml": ('<?xml version="1.0" encoding="UTF-16"?>' + body).encode("utf-16"),
        b"b-latin.xml": b'<?xml version="1.0" encoding="ISO-8859-1"?><a>\xe9</a>',
        b"c-envelope.xml": b'<E:Envelope xmlns:E="http://schemas.xmlsoap.org/soap/envelope/"><E:Body><a/></E:Body></E:Envelope>',
        b"d-\xff\xfe.xml": text.encode(),
        b"e-capital.XML": b"\xef\xbb\xbf" + text.encode(),
        b"f-large.xml": b"<a>" + b"x" * 10_000_001 + b"</a>",
    }
    for name, octets in odd.items():
        Path(os.fsdecode(name)).write_bytes(octets)
    (tmp_path / "folder.xml").mkdir()
    code, lines = told(capsys, tmp_path, "/dev/zero")
    assert code == 1
    said = [line["findings"][0]["rule"] if line["findings"] else line["type"] for line in lines]  # type: ignore[index]
    last = ["xml.malformed", "file.too-large"]
    assert said == ["xml.encoding", "xml.encoding", "schema.envelope", "LPCO_QUERY", "LPCO_QUERY", *last]
    assert os.fsencode(str(lines[3]["file"])).endswith(b"d-\xff\xfe.xml")
    assert run(["validate", "d-\udcff\udcfe.xml"]) == 0
    assert capsys.readouterr().out.startswith("d-\\xff\\xfe.xml: valid LPCO_QUERY")


def test_an_invalid_document_still_has_its_schema(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is held to that of its message, and the line says so."""
    monkeypatch.chdir(tmp_path)
    bad = tmp_path / "bad.xml"
    good = (ROOT / "adapters/health_kz/fixtures/10-query-ok/in.xml").read_text("utf-8")
    bad.write_text(good.replace("<DirectionCode>IM<", "<DirectionCode>XX<"), "utf-8")
    [line] = told(capsys, bad)[1]
    assert (line["valid"], line["type"]) == (False, "LPCO_QUERY")
    assert str(line["schema"]).startswith("xsd/lpco/query.xsd@")


def test_standard_input_is_a_file_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    octets = (ROOT / "adapters/health_kz/fixtures/10-query-ok/in.xml").read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(octets)))
    code, [line] = told(capsys, "-")
    assert (code, line["file"], line["type"]) == (0, "-", "LPCO_QUERY")


def test_codes_are_asked_about_only_where_the_flag_is_given(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Valid is the word of the schema; --codes adds that of the lists, and what is only advice changes no verdict."""
    lodged = (ROOT / "adapters/health_kz/fixtures/24-declaration-lodged/in.xml").read_bytes()
    for name, old, new in (
        ("wrong", b'currencyID="CNY"', b'currencyID="ABC"'),
        ("advised", b"TSTU9990010", b"TSTU9990011"),
    ):
        assert old in lodged
        (tmp_path / f"{name}.xml").write_bytes(lodged.replace(old, new, 1))
    code, plain = told(capsys, tmp_path)
    assert (code, [(one["valid"], one["findings"]) for one in plain]) == (0, [(True, []), (True, [])])
    code, (advised, wrong) = told(capsys, "--codes", tmp_path)
    assert (code, advised["valid"], wrong["valid"]) == (1, True, False)
    assert [(one["rule"], one.get("advice")) for one in findings(advised)] == [("id.check-digit", True)]
    assert [(one["rule"], one["value"], one.get("advice")) for one in findings(wrong)] == [
        ("code.unknown", "ABC", None)
    ]


def findings(line: dict[str, object]) -> list[dict[str, object]]:
    found = line["findings"]
    assert isinstance(found, list)
    return found


FULL = ROOT / "adapters/mra_cn/fixtures/50-full-list/in.xml"


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is held in memory is little, so that every sample is a long message."""
    monkeypatch.setenv("GATEWAY_LARGEST_MESSAGE", "1000")
    monkeypatch.setenv("GATEWAY_LARGEST_SPOOLED", "100000")


def test_a_long_file_is_judged_as_the_door_judges_it(
    short: None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """In a stream, with type, schema and the places of what is wrong."""
    (tmp_path / "wrong.xml").write_bytes(FULL.read_bytes().replace(b"<RoleCode>MF</RoleCode>", b"<Rolle/>", 1))
    code, (good, wrong) = told(capsys, FULL, tmp_path / "wrong.xml")
    assert (code, good["valid"], good["type"]) == (1, True, "AEO_MASTER_FULL")
    assert str(good["schema"]).startswith("xsd/")
    finding = wrong["findings"][0]  # type: ignore[index]
    assert (finding["rule"], finding["line"] > 1) == ("xsd.unexpected", True)


def test_a_long_file_is_held_to_its_codes(short: None, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """As a short one is."""
    wrong = FULL.read_bytes().replace(b"<CountryCode>KZ<", b"<CountryCode>QQ<", 1)
    (tmp_path / "codes.xml").write_bytes(wrong)
    assert told(capsys, tmp_path / "codes.xml")[0] == 0
    code, (line,) = told(capsys, "--codes", tmp_path / "codes.xml")
    assert code == 1
    assert [(one["value"], one["line"]) for one in line["findings"]] == [("QQ", 27)]  # type: ignore[attr-defined]


def test_a_long_document_may_come_by_standard_input(short: None, tmp_path: Path) -> None:
    """A pipe cannot be read twice; it is laid down first."""
    command = [sys.executable, "-m", "gateway", "validate", "--json", "-"]
    for more, rule in ((b"", None), (b" " * 100_000, "file.too-large")):
        done = subprocess.run(command, input=FULL.read_bytes() + more, capture_output=True, check=False, cwd=tmp_path)
        line = json.loads(done.stdout)
        assert [one["rule"] for one in line["findings"]] == ([rule] if rule else [])
        assert line["valid"] is (rule is None)
        if rule:
            assert "100000" in line["findings"][0]["text"]


def test_a_file_that_may_not_be_read_stops_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not even when the system says so before it is opened."""
    closed = tmp_path / "closed.xml"
    closed.write_text("<a/>", "utf-8")
    monkeypatch.setattr(os, "access", lambda path, *_, **__: Path(path) != closed)
    code, lines = told(capsys, closed, FULL)
    assert code == 1
    assert [line["valid"] for line in lines] == [False, True]
