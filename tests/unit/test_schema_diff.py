"""What a new version of a message breaks is said before it is used, and the XSD agrees."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from gateway.facts import FactTable, facts_from_sheet, read_facts
from gateway.facts.sheet import read_sheet
from gateway.mapping import read_table
from gateway.model import Corridor, CorridorId, Document, DocumentType, PartnerId, Schema
from gateway.schema import Schemas, validate_bare
from gateway.schema.diff import Change, Difference, compare, diff
from gateway.schema.generate import load_facts
from gateway.schema.impact import Impact, impact
from gateway.schema.xsd import write_xsds
from gateway.twin import from_json, to_json
from gateway.xml import canonical, parse
from tests.schemas import ROOT
from tests.twins import fixtures, registry

QUERY = DocumentType("LPCO_QUERY")
TEXT = (ROOT / "xsd" / "lpco" / "query.csv").read_text("utf-8")
COLUMNS = ("path", "min", "max", "type", "wco_id", "wco_name", "tded", "format", "codes", "pattern", "note")
ASKED = {
    sample.name: sample.payload
    for sample in fixtures()
    if sample.record.document == QUERY and isinstance(validate_bare(sample.payload, registry().schemas), Document)
}
TABLES = [read_table((ROOT / "mappings/health_kz/query.csv").read_text("utf-8"), "mappings/health_kz/query.csv")]
LANES = tuple(replace(lane, lossless=False) for lane in registry().corridors.values())


class Edit:
    """A schema table as rows; changed as a person would change it in a spreadsheet."""

    def __init__(self, text: str) -> None:
        lines = text.splitlines(keepends=True)
        self.head = [line for line in lines if line.startswith("#")]
        self.rows = list(csv.DictReader(io.StringIO("".join(line for line in lines if not line.startswith("#")))))

    def set(self, path: str, **cells: str) -> Edit:
        next(row for row in self.rows if row["path"] == path).update(cells)
        return self

    def drop(self, path: str) -> Edit:
        self.rows = [row for row in self.rows if not (row["path"] + "/").startswith(path + "/")]
        return self

    def rename(self, path: str, name: str) -> Edit:
        to = f"{path.rpartition('/')[0]}/{name}"
        for row in self.rows:
            if (row["path"] + "/").startswith(path + "/"):
                row["path"] = to + row["path"][len(path) :]
        return self

    def add(self, after: str, **cells: str) -> Edit:
        at = next(number for number, row in enumerate(self.rows) if row["path"] == after)
        self.rows.insert(at + 1, dict.fromkeys(COLUMNS, "") | {"min": "0", "max": "1", "type": "string"} | cells)
        return self

    def swap(self, first: str, second: str) -> Edit:
        a, b = (next(n for n, row in enumerate(self.rows) if row["path"] == path) for path in (first, second))
        self.rows[a], self.rows[b] = self.rows[b], self.rows[a]
        return self

    def text(self) -> str:
        out = io.StringIO()
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return "".join(self.head) + out.getvalue()


ITEM = "LPCOQuery/GovernmentAgencyGoodsItem"
EDITS: dict[str, tuple[Edit, tuple[str, ...]]] = {
    "nothing": (Edit(TEXT), ()),
    "optional added": (Edit(TEXT).add("LPCOQuery/Importer/ID", path="LPCOQuery/Importer/Phone"), ("added receiver",)),
    "needed added": (
        Edit(TEXT).add("LPCOQuery/Importer/ID", path="LPCOQuery/Importer/Phone", min="1"), ("added receiver+sender",)
    ),
    "needed in an optional class": (
        Edit(TEXT).add("LPCOQuery/Holder/ID", path="LPCOQuery/Holder/Name", min="1"), ("added receiver+sender",)
    ),
    "optional removed": (Edit(TEXT).drop("LPCOQuery/Importer/Name"), ("removed sender",)),
    "needed removed": (Edit(TEXT).drop("LPCOQuery/DirectionCode"), ("removed receiver+sender",)),
    "class removed": (Edit(TEXT).drop("LPCOQuery/Holder"), ("removed sender",)),
    "renamed": (Edit(TEXT).rename(f"{ITEM}/CommodityID", "ClassificationID"), ("renamed receiver+sender",)),
    "class renamed": (Edit(TEXT).rename("LPCOQuery/Importer", "Declarant"), ("renamed receiver+sender",)),
    "attribute renamed": (  # a type word with no attributes of its own
        Edit(TEXT).rename(f"{ITEM}/WriteOffQuantity/@unitCode", "@u").set(f"{ITEM}/WriteOffQuantity", type="decimal"),
        ("type ", "renamed receiver+sender"),
    ),
    "made needed": (Edit(TEXT).set("LPCOQuery/Holder", min="1"), ("min sender",)),
    "made optional": (Edit(TEXT).set("LPCOQuery/DirectionCode", min="0"), ("min receiver",)),
    "fewer": (Edit(TEXT).set(ITEM, max="1"), ("max sender",)),
    "more": (Edit(TEXT).set("LPCOQuery/AdditionalDocument", max="*"), ("max receiver",)),
    "shorter": (Edit(TEXT).set("LPCOQuery/Importer/Name", format="an..20"), ("length sender",)),
    "longer": (Edit(TEXT).set("LPCOQuery/Importer/Name", format="an..256"), ("length receiver",)),
    "exact": (Edit(TEXT).set(f"{ITEM}/CommodityDescription", format="an30"), ("length sender",)),
    "digits only": (Edit(TEXT).set("LPCOQuery/AdditionalDocument/VersionID", format="n..9"), ("format sender",)),
    "fewer decimals": (Edit(TEXT).set(f"{ITEM}/NetWeightMeasure", format="n..16,1"), ("length sender",)),
    "pattern tighter": (
        Edit(TEXT).set("LPCOQuery/FunctionalReferenceID", pattern="KGD-2026-Q-00001[0-9]"), ("pattern sender",)
    ),
    "pattern dropped": (Edit(TEXT).set("LPCOQuery/AdditionalDocument/TypeCode", pattern=""), ("pattern receiver",)),
    "code gone": (Edit(TEXT).set("LPCOQuery/DirectionCode", codes="one of: IM | TR"), ("codes sender",)),
    "code come": (Edit(TEXT).set("LPCOQuery/DirectionCode", codes="one of: IM | EX | TR | TS"), ("codes receiver",)),
    "codes exchanged": (Edit(TEXT).set("LPCOQuery/DirectionCode", codes="one of: IM | AA"), ("codes receiver+sender",)),
    "codes free": (Edit(TEXT).set("LPCOQuery/DirectionCode", codes="EDIFACT 1225"), ("codes receiver",)),
    "number to text": (
        Edit(TEXT).set(f"{ITEM}/SequenceNumeric", type="token", format="", pattern=""),
        ("type receiver", "format receiver", "pattern receiver"),
    ),
    "moved": (Edit(TEXT).swap("LPCOQuery/DirectionCode", "LPCOQuery/DeclarationOfficeID"), ("moved receiver+sender",)),
    "meaning": (Edit(TEXT).set("LPCOQuery/DirectionCode", wco_id="KZ999"), ("meaning ",)),
}  # fmt: skip


@cache
def before() -> FactTable:
    return read_facts(TEXT)


def told(change: Change) -> str:
    return f"{change.kind} {'+'.join(sorted(change.breaks))}"


def schemas(text: str, folder: Path, document: str = "LPCO_QUERY") -> Schemas:
    sheet = read_sheet(text, "q.csv")
    for name, xsd in write_xsds(sheet, "q", {}).items():
        (folder / name).write_text(xsd, "utf-8")
    record = Schema(
        document=DocumentType(document), namespace=sheet.namespace, root=sheet.root, path="q.xsd", version=sheet.version
    )
    return Schemas([record], lambda name: (folder / name).read_bytes(), lambda _: facts_from_sheet(sheet))


def hit(difference: Difference, corridors: Sequence[Corridor] = LANES) -> Impact:
    return impact(difference, QUERY, TABLES, ASKED, corridors)


@pytest.mark.parametrize("name", EDITS)
def test_every_change_is_told_with_whom_it_breaks(name: str) -> None:
    edit, expected = EDITS[name]
    found = diff(before(), read_facts(edit.text()))
    assert sorted(told(change) for change in found) == sorted(expected)


@pytest.mark.parametrize("name", EDITS)
def test_a_change_back_breaks_the_other_side(name: str) -> None:
    """Who sends by the new version and who reads by the former are the same question from the other end."""
    after = read_facts(EDITS[name][0].text())
    there = {side for change in diff(before(), after) for side in change.breaks}
    back = {side for change in diff(after, before()) for side in change.breaks}
    other = {"sender": "receiver", "receiver": "sender"}
    assert there == {other[side] for side in back}


@pytest.mark.parametrize("name", EDITS)
def test_the_xsd_refuses_exactly_the_fixtures_that_are_said_to_break(name: str, tmp_path: Path) -> None:
    """libxml2 is the judge: each query of the fixtures against the XSD of the new version."""
    text = EDITS[name][0].text()
    new = schemas(text, tmp_path)
    refused = {name for name, payload in ASKED.items() if not isinstance(validate_bare(payload, new), Document)}
    found = hit(compare(before(), read_facts(text)))
    assert {broken.name for broken in found.fixtures} == refused


def test_the_fixtures_tell_the_changes_apart() -> None:
    """The test above would say nothing if no document broke, or all did."""
    broken = {name: len(hit(compare(before(), read_facts(edit.text()))).fixtures) for name, (edit, _) in EDITS.items()}
    assert sum(0 < number < len(ASKED) for number in broken.values()) >= 8
    assert broken["renamed"] == len(ASKED) > 10
    assert broken["nothing"] == 0


def test_a_renaming_by_the_same_wco_id_is_certain_and_below_it_nothing_is_repeated() -> None:
    [change] = diff(before(), read_facts(EDITS["class renamed"][0].text()))
    assert (change.path, change.to, change.certain) == ("LPCOQuery/Importer", "LPCOQuery/Declarant", True)
    plain = Edit(TEXT).rename("LPCOQuery/Importer/Name", "NameText").set("LPCOQuery/Importer/NameText", wco_id="")
    [likely, *_] = diff(before(), read_facts(plain.text()))
    assert (likely.kind, likely.certain) == ("renamed", False)


def test_the_rows_that_read_what_was_renamed_are_named_with_their_lines() -> None:
    found = hit(compare(before(), read_facts(EDITS["renamed"][0].text())))
    lines = (ROOT / "mappings/health_kz/query.csv").read_text("utf-8").splitlines()
    assert found.rules
    for broken in found.rules:
        assert lines[broken.line - 1].startswith(broken.rule + ",")
        assert "CommodityID" in lines[broken.line - 1]
    assert "health-query" in found.corridors


def test_a_whole_class_takes_all_its_rows_along() -> None:
    found = hit(compare(before(), read_facts(EDITS["class renamed"][0].text())))
    assert len({broken.rule for broken in found.rules}) >= 2


@pytest.mark.parametrize("name", ["nothing", "meaning", "shorter", "made needed", "optional added", "moved"])
def test_a_table_that_reads_is_not_broken_by_less(name: str) -> None:
    assert hit(compare(before(), read_facts(EDITS[name][0].text()))).rules == ()


def test_a_table_that_writes_needs_a_row_for_what_is_needed_now() -> None:
    """The same table seen from the ministry: its query gains a needed element, loses one, shortens one."""
    path = ROOT / "xsd/health_kz/query.csv"
    old = read_facts(path.read_text("utf-8"))
    gives = DocumentType("HEALTH_PERMIT_QUERY")
    edit = Edit(path.read_text("utf-8")).add("ЗапросРазрешения/Номер", path="ЗапросРазрешения/Срочность", min="1")
    [broken] = impact(compare(old, read_facts(edit.text())), gives, TABLES, {}, LANES).rules
    assert (broken.rule, broken.line, broken.path) == ("", 0, "ЗапросРазрешения/Срочность")
    gone = Edit(path.read_text("utf-8")).drop("ЗапросРазрешения/Участник/Наименование")
    found = impact(compare(old, read_facts(gone.text())), gives, TABLES, {}, LANES)
    assert [broken.path for broken in found.rules] == ["ЗапросРазрешения/Участник/Наименование"]
    assert found.corridors == ("health-query",)


def test_a_lossless_corridor_breaks_by_an_element_nobody_speaks_of() -> None:
    lanes = [replace(lane, lossless=lane.id == "health-query") for lane in LANES]
    found = hit(compare(before(), read_facts(EDITS["optional added"][0].text())), corridors=lanes)
    assert [broken.path for broken in found.rules] == ["LPCOQuery/Importer/Phone"]
    assert found.corridors == ("health-query",)


def test_a_corridor_that_passes_on_unchanged_breaks_with_the_message() -> None:
    lane = Corridor(
        id=CorridorId("as-is"), sender=PartnerId("a"), receiver=PartnerId("b"), takes=QUERY, gives=QUERY
    )  # fmt: skip
    assert hit(compare(before(), read_facts(EDITS["code come"][0].text())), corridors=[lane]).corridors == ("as-is",)
    assert hit(compare(before(), read_facts(EDITS["meaning"][0].text())), corridors=[lane]).corridors == ()


def test_a_new_namespace_is_one_change() -> None:
    text = TEXT.replace("# namespace: urn:swgw:lpco:1", "# namespace: urn:swgw:lpco:2").replace(
        "version: 1.0", "version: 2.0"
    )
    found = diff(before(), read_facts(text))
    assert [told(change) for change in found] == ["version ", "namespace receiver+sender"]


def test_two_versions_live_side_by_side(tmp_path: Path) -> None:
    """Both are known at once, each judges its own, and each has its own twin."""
    edit = EDITS["needed added"][0]
    second = edit.text().replace("urn:swgw:lpco:1", "urn:swgw:lpco:2").replace("version: 1.0", "version: 2.0")
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    old, new = schemas(TEXT, tmp_path / "1"), schemas(second, tmp_path / "2", "LPCO_QUERY_2")
    both = Schemas(
        [record for known, folder in ((old, "1"), (new, "2")) for record in [_at(next(iter(known)), folder)]],
        lambda name: (tmp_path / name).read_bytes(),
    )
    first = next(iter(ASKED.values()))
    other = _raised(first)
    assert [getattr(validate_bare(payload, both), "version", "") for payload in (first, other)] == ["1.0", "2.0"]
    assert not isinstance(validate_bare(first.replace(b"lpco:1", b"lpco:2"), both), Document)
    for payload, facts in ((first, before()), (other, read_facts(second))):
        assert canonical(parse(from_json(to_json(payload, facts), facts)))


def _at(record: Schema, folder: str) -> Schema:
    return replace(record, path=f"{folder}/{record.path}")


def _raised(payload: bytes) -> bytes:
    """The same query by the second version: its namespace and the telephone it asks for."""
    root = etree.fromstring(payload.replace(b"urn:swgw:lpco:1", b"urn:swgw:lpco:2"))
    importer = root.find("{urn:swgw:lpco:2}Importer")
    assert importer is not None
    etree.SubElement(importer, "{urn:swgw:lpco:2}Phone").text = "+7 700 000 00 00"
    return etree.tostring(root)


@pytest.mark.parametrize("name", ["declaration", "response"])
def test_a_large_schema_is_compared_with_itself_in_no_time(name: str) -> None:
    table = load_facts(ROOT / "xsd/wco" / f"{name}.csv")
    assert diff(table, table) == ()
