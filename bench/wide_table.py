"""A mapping of about 150 rules made from our own schema, and the same mapping as XSLT 1.0, for the race of the two.

Every leaf of a declaration that the measured documents use is carried, and others of the schema up to `RULES`, into a
format with the same order and other names: numbers become canonical, dates DD.MM.YYYY, countries numeric codes, tariff
codes their first six digits. Both give the same octets; `same` proves it before anything is timed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from bench.documents import ROOT, SIZES, declaration
from gateway.facts import read_facts
from gateway.facts.fact import Fact, FactTable
from gateway.mapping import Translation, compile_table, read_codes, read_table, translate
from gateway.model import Corridor, CorridorId, DocumentType, PartnerId, Schema
from gateway.schema.generate import load_facts, xsds_of
from gateway.xml import Element, canonical, parse

RULES: Final = 150
NAMESPACE: Final = "urn:bench:national:1"
TABLE: Final = "mappings/bench/national.csv"
GIVES: Final = DocumentType("BENCH_NATIONAL")
SCHEMA: Final = Schema(
    document=GIVES, namespace=NAMESPACE, root="NatMetaData", path="xsd/bench/national.xsd", version="1"
)
CONTEXT: Final = {"message_id": "urn:uuid:1", "received_at": "2026-11-23T06:00:00Z", "now": "2026-11-23T06:00:00Z"}
_COUNTRIES: Final = {"KZ": "398", "CN": "156", "RU": "643", "TR": "792", "KR": "410", "DE": "276", "UZ": "860"}
_NUMBERS: Final = frozenset({"amount", "measure", "quantity", "numeric"})
_SOURCE: Final = "xsd/wco/declaration.xsd"


@dataclass(frozen=True, slots=True)
class Carried:
    """One leaf of the source and what is done to it: `number`, `date`, `country`, `tariff` or nothing."""

    fact: Fact
    work: str


@cache
def source_facts() -> FactTable:
    """The facts of the declaration."""
    return load_facts(ROOT / _SOURCE, "MetaData")


@cache
def carried() -> tuple[Carried, ...]:
    """The leaves that the table carries, in the order of the schema."""
    used = _paths(parse(declaration(SIZES["6 KB"])))
    leaves = [fact for fact in source_facts().facts.values() if _carries(fact)]
    spare = [fact for fact in leaves if fact.path not in used and not fact.attribute]
    chosen = {fact.path for fact in [*(fact for fact in leaves if fact.path in used), *spare][:RULES]}
    return tuple(Carried(fact, _work(fact)) for fact in leaves if fact.path in chosen)


def _carries(fact: Fact) -> bool:
    if fact.attribute:
        return fact.name in ("unitCode", "currencyID", "formatCode")
    return fact.type not in ("class", "datetimestring")


def _paths(element: Element, above: str = "") -> set[str]:
    """The paths of all elements and attributes of a document."""
    path = f"{above}/{etree.QName(element).localname}".lstrip("/")
    found = {path, *(f"{path}/@{name}" for name in element.attrib)}
    return found.union(*(_paths(child, path) for child in element))


def _work(fact: Fact) -> str:
    if fact.attribute:
        return ""
    if fact.type in _NUMBERS:
        return "number"
    if fact.name == "DateTimeString":
        return "date"
    if fact.path.endswith("Classification/ID"):
        return "tariff"
    return "country" if fact.name == "CountryCode" else ""


_CONVERT: Final = {
    "": "", "number": "decimal", "date": "slice(1,8) | date(102,dmy)", "country": "code:COUNTRIES",
    "tariff": "slice(1,6)",
}  # fmt: skip


def renamed(path: str) -> str:
    """The target path: the same steps with other names."""
    return "/".join(f"@n-{step[1:]}" if step.startswith("@") else f"Nat{step}" for step in path.split("/"))


def _above() -> list[Fact]:
    """The containers on the way to a carried leaf, in the order of the schema."""
    facts = source_facts().facts
    on_the_way = {one.fact.path.rsplit("/", steps)[0] for one in carried() for steps in range(1, 12)}
    leaves = {one.fact.path for one in carried()}
    return [fact for fact in facts.values() if fact.path in on_the_way - leaves]


@cache
def table_text() -> str:
    """The table as its CSV."""
    lines = [
        "# takes: DEC_LODGED",
        f"# gives: {GIVES}",
        "# version: 1",
        "rule,source,target,convert,required,when,note",
    ]
    for at, fact in enumerate((fact for fact in _above() if fact.max != 1), 1):
        lines.append(f"G{at:03d},{fact.path},{renamed(fact.path)},each,no,,")
    for at, one in enumerate(carried(), 1):
        lines.append(f'R{at:03d},{one.fact.path},{renamed(one.fact.path)},"{_CONVERT[one.work]}",no,,')
    return "\n".join(lines) + "\n"


@cache
def target_text() -> str:
    """The facts table of the target format."""
    head = f"# title: A national form\n# namespace: {NAMESPACE}\n# prefix: n\n# root: NatMetaData\n# version: 1\n"
    lines = [head + "# status: profile, not official\npath,min,max,type,wco_id,wco_name,tded,format,codes,pattern,note"]
    kinds = {one.fact.path: "decimal" if one.work == "number" else "text" for one in carried()}
    classes = {fact.path for fact in _above()}
    for fact in source_facts().facts.values():
        if fact.path in kinds or fact.path in classes:
            kind = "class" if fact.path in classes else "token" if fact.attribute else kinds[fact.path]
            least = 1 if fact.path == "MetaData" else 0
            lines.append(f"{renamed(fact.path)},{least},{fact.max or '*'},{kind},KZ900,x,,,,,")
    return "\n".join(lines) + "\n"


@cache
def target_files() -> dict[str, bytes]:
    """The XSD of the target format, by its path in the bundle."""
    with TemporaryDirectory() as place:
        table = Path(place) / "national.csv"
        table.write_text(target_text(), "utf-8")
        return {f"xsd/bench/{path.name}": text.encode() for path, text in xsds_of(table).items()}


@cache
def target_facts() -> FactTable:
    """The facts of the target format."""
    return read_facts(target_text())


@cache
def translation() -> Translation:
    """The table, compiled."""
    codes = "from,to,valid_from,valid_to,source,note\n" + "".join(f"{k},{v},,,,\n" for k, v in _COUNTRIES.items())
    return compile_table(
        read_table(table_text(), TABLE), source_facts(), target_facts(), {},
        {"COUNTRIES": read_codes(codes, "COUNTRIES")},
    )  # fmt: skip


CORRIDOR: Final = Corridor(
    id=CorridorId("bench"), sender=PartnerId("customs_kz"), receiver=PartnerId("health_kz"),
    takes=DocumentType("DEC_LODGED"), gives=GIVES, mapping=TABLE,
)  # fmt: skip


# --- the same as XSLT ------------------------------------------------------------------------------------------------
_VALUE: Final = {
    "": '<xsl:value-of select="."/>',
    "number": '<xsl:value-of select="number(.)"/>',
    "date": "<xsl:value-of select=\"concat(substring(., 7, 2), '.', substring(., 5, 2), '.', substring(., 1, 4))\"/>",
    "tariff": '<xsl:value-of select="substring(., 1, 6)"/>',
    "country": "<xsl:choose>"
    + "".join(f"<xsl:when test=\". = '{k}'\">{v}</xsl:when>" for k, v in _COUNTRIES.items())
    + "</xsl:choose>",
}


@cache
def stylesheet() -> etree.XSLT:
    """One template per carried path, each matched by its own name and its parent's; the rest is passed over."""
    return etree.XSLT(etree.fromstring(stylesheet_text().encode()))


def stylesheet_text() -> str:
    """The XSLT as text."""
    spaces = {
        "xsl": "http://www.w3.org/1999/XSL/Transform",
        **{f"s{at}": space for at, space in enumerate(_spaces())},
    }
    declared = " ".join(f"xmlns:{prefix}={quoteattr(space)}" for prefix, space in spaces.items())
    unseen = " ".join(f"s{at}" for at, _ in enumerate(_spaces()))
    prefixes = {space: f"s{at}:" for at, space in enumerate(_spaces())}
    texts = [
        f'<xsl:stylesheet version="1.0" {declared} xmlns="{NAMESPACE}" exclude-result-prefixes="{unseen}">',
        '<xsl:output method="xml" encoding="UTF-8" omit-xml-declaration="yes"/>',
        '<xsl:template match="*|text()|@*"/>',
    ]
    texts += [_template(fact, prefixes, '<xsl:apply-templates select="*"/>') for fact in _above()]
    attributes = {one.fact.path: one.fact.name for one in carried() if one.fact.attribute}
    for one in carried():
        if one.fact.attribute:
            continue
        own = [name for path, name in attributes.items() if path.rpartition("/")[0] == one.fact.path]
        copied = "".join(
            f'<xsl:if test="@{name}"><xsl:attribute name="n-{name}"><xsl:value-of select="@{name}"/></xsl:attribute>'
            "</xsl:if>"
            for name in own
        )
        texts.append(_template(one.fact, prefixes, copied + _VALUE[one.work]))
    return "".join([*texts, "</xsl:stylesheet>"])


def _spaces() -> list[str]:
    return sorted({fact.namespace for fact in [*_above(), *(one.fact for one in carried())] if fact.namespace})


def _template(fact: Fact, prefixes: dict[str, str], inside: str) -> str:
    steps, facts = fact.path.split("/"), source_facts().facts
    way = ["/".join(steps[: count + 1]) for count in range(len(steps))][-2:]
    match = "/".join(prefixes.get(facts[path].namespace, "") + facts[path].name for path in way)
    name = renamed(fact.path).rpartition("/")[2]
    return f"<xsl:template match={quoteattr(escape(match))}><{name}>{inside}</{name}></xsl:template>"


def by_stylesheet(root: Element) -> etree._XSLTResultTree:
    """The document in the target format, as a tree."""
    return stylesheet()(root)


def same(payload: bytes) -> bytes:
    """What both give. Raises AssertionError where they differ."""
    ours = translate(payload, translation(), CONTEXT)
    theirs = canonical(by_stylesheet(parse(payload)).getroot())
    assert ours == theirs, "the table and the stylesheet differ"
    return ours
