"""The threat table at the SOAP door, rows M1, M2, M4 and M5: what stands in the values of a message."""

from __future__ import annotations

import pytest
from lxml import etree

from gateway.model import SOAP11, SOAP12, PartnerId
from tests.desk import QUERY, Desk, make_desk, query
from tests.forge import forged
from tests.soap import find, wired

NAME = "{urn:swgw:lpco:1}Name"
TEXTS = [
    "a ]]> b", "a < b & c > d", "{{7*7}} ${7*7} #{7*7} <%= 7*7 %>",
    "it's \"quoted\"", "&amp;lt;", "\\u003c", "%3Cscript%3E",
    "<script>alert(1)</script>", "«Сынақ» ЖШС 霍尔果斯 𠮷 ﷽", "İstanbul ı",
    "=cmd|'/c calc'!A0", "a\u2028b", "' or '1'='1",
]  # fmt: skip


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def named(text: str) -> bytes:
    """The permit query with this name of the importer, in canonical form."""
    root = etree.fromstring(QUERY)
    found = root.find(f".//{NAME}")
    assert found is not None
    found.text = text
    return etree.tostring(root, method="c14n", exclusive=True)


@pytest.mark.threat("M1")
@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
@pytest.mark.parametrize("text", TEXTS)
def test_text_stays_text(text: str, soap: str) -> None:
    """Marks of markup, templates and scripts arrive as they were sent, escaped once."""
    desk = make_desk()
    desk.accepts(wired(query(payload=named(text), soap=soap)), named(text))
    (kept,) = desk.ledger.messages.values()
    assert etree.fromstring(kept.entry.document.payload).findtext(f".//{NAME}") == text


@pytest.mark.threat("M2")
@pytest.mark.parametrize(
    "text",
    ["' or '1'='1", "id-body' or @*='", "*", "//*", "id('x')", "'] | //*[@wsu:Id='id-body", "$x", "x]]>", "\u0000"[:0]],
)
def test_no_expression_is_built_from_a_message(desk: Desk, text: str) -> None:
    """Expressions as element ids, references and names of partners or of document types are looked up as they are."""

    def rename(root: etree._Element) -> None:
        root[1].set("{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}Id", text)

    desk.refuses(forged(rename, uris=["#id-ts"]), "FC", "W4")
    desk.refuses(wired(query(sender=PartnerId(text))), "IAH", "S4")
    desk.refuses(wired(query(action="urn:swgw:action:" + text.replace("&", ""))), "AM", "S1")
    coded = find(etree.fromstring(query().body), "//*[local-name()='TypeCode']")
    assert coded.text
    values = QUERY.replace(b">01081<", b">" + text.replace("]]>", "").encode() + b"<")
    desk.refuses(wired(query(payload=values)), "schema")


@pytest.mark.threat("M4")
@pytest.mark.parametrize("spoil", ["\u200b", "\u202e", "\u2066", "\ufeff", "\u00ad", "О", "０", "\u0301"])
@pytest.mark.parametrize("value", ["991240999802", "3004909200", "57505"])
def test_invisible_and_look_alike_characters_in_numbers_are_told(desk: Desk, value: str, spoil: str) -> None:
    """A pattern of plain letters and digits refuses them, with the place."""
    old, new = value.encode(), (value[:4] + spoil + value[5:]).encode()
    desk.refuses(wired(query(payload=QUERY.replace(b">" + old + b"<", b">" + new + b"<"))), "schema")
    (finding, *_) = desk.ledger.intakes[-1].findings
    assert finding["line"]
    assert finding["path"]


NUMBERS = [
    "1e400", "1E5", "1" * 40, "640,25", "640.25 kg", "", "NaN", "INF", "-INF", "0x1F", "1_000", "٦٤٠", "--1", "1.2.3",
    "+ 1", "1e-400", "640.25\u00a0",
]  # fmt: skip
DATES = [
    "0000-01-01T00:00:00Z", "2026-02-30T06:00:00Z", "2026-11-23T25:00:00Z", "2026-11-23T06:00:61Z",
    "2026-13-01T00:00:00Z", "99999-01-01", "2026-11-23", "now", "2026-11-23T06:00:00+15:00", "23.11.2026",
]  # fmt: skip


@pytest.mark.threat("M5")
@pytest.mark.parametrize(
    ("old", "new"), [("640.25", n) for n in NUMBERS] + [("2026-11-23T06:01:00Z", d) for d in DATES]
)
def test_numbers_and_dates_at_the_edge_are_findings(desk: Desk, old: str, new: str) -> None:
    """Told with path, line and column; nothing is rounded, guessed or left to crash."""
    desk.refuses(wired(query(payload=QUERY.replace(old.encode(), new.encode(), 1))), "schema")
    (finding, *_) = desk.ledger.intakes[-1].findings
    assert str(finding["path"]).endswith(("/NetWeightMeasure", "/IssueDateTime"))
    assert finding["line"]
    assert finding["column"]
