"""Two small schemas, a code list and tables between them, for the tests of the mapping desk."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.facts import read_facts
from gateway.facts.fact import FactTable
from gateway.mapping import CodeList, Translation, compile_table, read_codes, read_table
from gateway.model import Converter

HEAD = "rule,source,target,convert,required,when,note\n"
CONTEXT = {"message_id": "urn:uuid:1", "sender": "customs_kz", "received_at": "2026-11-23T06:00:00Z"}


def schema(root: str, namespace: str, rows: str) -> FactTable:
    """A schema of rows `path min max type`, one a line; prefix `o` stands for `urn:other`."""
    head = f"# title: t\n# namespace: {namespace}\n# prefix: x\n# root: {root}\n# version: 1\n# status: profile\n"
    head += "# ns o=urn:other\n"
    columns = "path,min,max,type,wco_id,wco_name,tded,format,codes,pattern,note\n"
    lines = [line.split() for line in rows.strip().splitlines()]
    body = "".join(",".join((*line, "D014" if line[3] == "id" else "")) + ",,,,,,\n" for line in lines)
    return read_facts(head + columns + body)


SOURCE = schema(
    "A",
    "urn:a",
    """
    A 1 1 class
    A/ID 1 1 id
    A/Code 0 1 code
    A/When 0 1 string
    A/Amount 0 1 amount
    A/Note 0 * text
    A/Text 0 1 text
    A/Name 0 1 class
    A/Name/First 0 1 code
    A/Name/Last 0 1 code
    A/Item 0 * class
    A/Item/Seq 1 1 numeric
    A/Item/Qty 0 1 quantity
    A/Item/Document 0 * class
    A/Item/Document/Type 1 1 code
    A/Item/Document/No 1 1 id
    """,
)
TARGET = schema(
    "B",
    "urn:b",
    """
    B 1 1 class
    B/Number 1 1 id
    B/Code 0 1 code
    B/Day 0 1 code
    B/Sum 0 1 amount
    B/Free 0 1 text
    B/Info 0 * class
    B/Info/Kind 0 1 code
    B/Info/Value 0 1 text
    B/Remark 0 * text
    B/o:Foreign 0 1 class
    B/o:Foreign/o:Inner 1 1 code
    B/Line 0 * class
    B/Line/@nr 0 1 string
    B/Line/Pos 1 1 numeric
    B/Line/Quantity 0 1 quantity
    B/Line/Permit 0 1 id
    B/Line/Paper 0 * class
    B/Line/Paper/No 1 1 id
    B/Line/Paper/Pos 0 1 numeric
    """,
)
UNITS = read_codes("from,to,valid_from,valid_to,source,note,factor\nKGM,166,,,,,1\nTNE,168,,,,,1000\n", "UNITS")
FULL = (
    HEAD
    + """\
R1,A/ID,B/Number,,yes,,
R2,A/When,B/Day,"date(102,dmy)",,,
R3,A/Amount,B/Sum,decimal,,,
R4,A/Amount/@currencyID,B/Sum/@currencyID,,,,
R5,A/Note,B/Remark,each,,,
R6,A/Text,B/Free,,,,
R7,A/Code,B/Code,prefix(KZ-),,,
G1,A/Item,B/Line,each,,,
G1a,A/Item/Seq,B/Line/Pos,decimal,yes,,
G1b,A/Item/Qty + A/Item/Qty/@unitCode,B/Line/Quantity,unit(UNITS),,,
G1c,A/Item/Qty/@unitCode,B/Line/Quantity/@unitCode,code:UNITS,,,
G2,A/Item/Document,B/Line/Paper,each,,,
G2a,A/Item/Document/No,B/Line/Paper/No,,,,
"""
)


def translation(
    table: str,
    *,
    source: FactTable = SOURCE,
    target: FactTable = TARGET,
    converters: Mapping[str, Converter] | None = None,
    codes: Mapping[str, CodeList] | None = None,
) -> Translation:
    """A table of these rows, compiled; the header line is added when it is missing."""
    text = table if "rule,source" in table else HEAD + table
    lists = {"UNITS": UNITS} if codes is None else codes
    return compile_table(read_table(text, "t.csv"), source, target, converters or {}, lists)


def a(inner: str) -> bytes:
    """A source document."""
    return f'<A xmlns="urn:a">{inner}</A>'.encode()


def b(inner: str) -> bytes:
    """The target document, canonical."""
    return f'<B xmlns="urn:b">{inner}</B>'.encode()
