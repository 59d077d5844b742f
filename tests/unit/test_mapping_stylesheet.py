"""A foreign stylesheet may translate, and nothing else; what it makes is judged like everything we make."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway import registry
from gateway.errors import ConfigurationError, MappingGap, MappingInvalid
from gateway.mapping import compile_stylesheet, explain, read_stylesheet, translate, way_back
from gateway.model import Adapter
from gateway.pipeline import prepare
from gateway.shell.transformer import Transformer
from gateway.testing import make_world
from tests.builders import NOW
from tests.mapping_samples import CONTEXT, SOURCE, TARGET, a, b
from tests.unit.test_prepare import CORRIDOR, delivery

XSL = 'xmlns:xsl="http://www.w3.org/1999/XSL/Transform"'
BODY = (
    '<xsl:param name="message_id"/><xsl:template match="/">'
    '<B xmlns="urn:b"><Number><xsl:value-of select="a:A/a:ID"/></Number>'
    '<Day><xsl:value-of select="$message_id"/></Day></B></xsl:template>'
)
DOCUMENT = a("<ID>1 &lt; 2</ID><Item><Seq>1</Seq></Item>")


def sheet(body: str = BODY, more: str = "", root: str = 'version="1.0"') -> bytes:
    return f'<xsl:stylesheet {root} {XSL} xmlns:a="urn:a" {more}>{body}</xsl:stylesheet>'.encode()


def template(inner: str) -> str:
    return f'<xsl:template match="/"><B xmlns="urn:b">{inner}</B></xsl:template>'


def made(octets: bytes, document: bytes = DOCUMENT, **bounds: float) -> bytes:
    apply = Transformer(octets, **bounds)  # type: ignore[arg-type]
    return translate(document, compile_stylesheet(read_stylesheet(octets, "s.xsl"), SOURCE, TARGET, apply), CONTEXT)


def reasons(octets: bytes) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read_stylesheet(octets, "s.xsl")
    return [finding.params["reason"] for finding in caught.value.findings]


def test_it_translates_with_the_context_and_the_result_is_canonical() -> None:
    assert made(sheet()) == b("<Number>1 &lt; 2</Number><Day>urn:uuid:1</Day>")


def test_provenance_says_who_made_it() -> None:
    octets = sheet()
    compiled = compile_stylesheet(read_stylesheet(octets, "s.xsl"), SOURCE, TARGET, Transformer(octets))
    _, traces = explain(DOCUMENT, compiled, CONTEXT)
    assert [(one.target, one.value, one.note) for one in traces] == [
        ("B/Number", "1 < 2", "made by stylesheet"),
        ("B/Day", "urn:uuid:1", "made by stylesheet"),
    ]
    with pytest.raises(ConfigurationError, match="nothing comes back"):
        way_back(compiled)


FORBIDDEN = {
    "document() is not allowed": sheet(template("<xsl:value-of select=\"document('file:///etc/passwd')\"/>")),
    "document() is not allowed ": sheet(template("<Number a=\"{ document ('x') }\"/>")),
    "document() is not allowed  ": sheet(template("<Number a=\"{concat('}', document('x'))}\"/>")),
    "document() is not allowed   ": sheet(template("<Number a=\"it's {document('x')}\"/>")),
    "document() is not allowed    ": sheet(template("<xsl:element name=\"N\" namespace=\"it's{document('x')}\"/>")),
    "document() is not allowed     ": sheet(template("<Number a=\"{{{document('x')}}}\"/>")),
    "strip-space changes the document": sheet('<xsl:strip-space elements="*"/>' + BODY),
    "xsl:document is not allowed": sheet(template('<xsl:document href="x"/>')),
    "extension elements are not allowed": sheet(
        template('<e:document href="x"><a/></e:document>'),
        'xmlns:e="http://exslt.org/common" extension-element-prefixes="e"',
    ),
    "extension elements are not allowed ": sheet(
        template('<e:document xsl:extension-element-prefixes="e" href="x"/>'), 'xmlns:e="http://exslt.org/common"'
    ),
    "the function e:node-set() is not allowed": sheet(
        template('<xsl:copy-of select="e:node-set(.)"/>'), 'xmlns:e="http://exslt.org/common"'
    ),
    "the function system-property() is not allowed": sheet(
        template("<xsl:value-of select=\"system-property('xsl:vendor')\"/>")
    ),
    "a stylesheet is one file": sheet('<xsl:include href="other.xsl"/>' + BODY),
    "a stylesheet is one file ": sheet('<xsl:import href="other.xsl"/>' + BODY),
    "the output must be XML": sheet('<xsl:output method="text"/>' + BODY),
    "disable-output-escaping is not allowed": sheet(
        template('<xsl:value-of select="." disable-output-escaping="yes"/>')
    ),
    "xsl:comment is not allowed": sheet(template("<xsl:comment>x</xsl:comment>")),
    "not an XSLT 1.0 stylesheet": sheet(root='version="3.0"'),
    "document type declaration": b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + sheet(template("&e;")),
    "not well-formed": sheet()[:-5],
    "longer than": sheet(template("x" * 1_000_001)),
    "": sheet('<xsl:template match="//["/>'),
}  # fmt: skip


@pytest.mark.parametrize("reason", FORBIDDEN)
@pytest.mark.threat("M3")
def test_what_is_not_translation_is_refused_at_start(reason: str) -> None:
    assert any(reason.strip() in said for said in reasons(FORBIDDEN[reason]))


def test_every_problem_is_told_with_its_line() -> None:
    octets = sheet("\n<xsl:strip-space elements='*'/>\n" + template("<xsl:value-of select='document(1)'/>"))
    with pytest.raises(ConfigurationError) as caught:
        read_stylesheet(octets, "s.xsl")
    assert [finding.line for finding in caught.value.findings] == [2, 3]


def test_a_word_in_quotes_is_no_call() -> None:
    assert made(sheet(template("<Number><xsl:value-of select=\"'document(1)'\"/></Number>"))) == b(
        "<Number>document(1)</Number>"
    )


@pytest.mark.threat("M3")
def test_a_write_or_a_read_is_denied_even_if_it_were_not_seen(tmp_path: Path) -> None:
    """The second wall: the process refuses what the reading of the stylesheet already refuses."""
    target = tmp_path / "out.xml"
    secret = tmp_path / "secret.xml"
    secret.write_text("<s>secret</s>", "utf-8")
    writes = sheet(
        template(f'<e:document href="{target.as_uri()}"><a/></e:document><Number>1</Number>'),
        'xmlns:e="http://exslt.org/common" extension-element-prefixes="e"',
    )
    reads = sheet(template(f"<Number><xsl:value-of select=\"document('{secret.as_uri()}')\"/></Number>"))
    for octets in (writes, reads):
        try:
            result = Transformer(octets)(DOCUMENT, {})
        except ValueError:
            continue
        assert b"secret" not in result
    assert not target.exists()


LOOP = (
    '<xsl:template match="/"><B xmlns="urn:b"><Number><xsl:for-each select="//node()"><xsl:for-each select="//node()">'
    '<xsl:for-each select="//node()"><xsl:for-each select="//node()"><xsl:if test="count(//node()) = -1">x</xsl:if>'
    "</xsl:for-each></xsl:for-each></xsl:for-each></xsl:for-each></Number></B></xsl:template>"
)
GROWS = (
    '<xsl:template match="/"><B xmlns="urn:b"><xsl:for-each select="//node()"><xsl:for-each select="//node()">'
    "<Number>xxxxxxxxxxxxxxxx</Number></xsl:for-each></xsl:for-each></B></xsl:template>"
)
DEEP = (
    '<xsl:template match="/"><xsl:call-template name="t"/></xsl:template>'
    '<xsl:template name="t"><xsl:call-template name="t"/></xsl:template>'
)
MANY = a("<ID>1</ID>" + "<Item><Seq>1</Seq></Item>" * 100)


@pytest.mark.parametrize(("body", "bounds"), [(LOOP, {"seconds": 0.3}), (GROWS, {"most": 100_000})])
@pytest.mark.threat("M3")
def test_too_much_time_or_output_stops_the_process_only(body: str, bounds: dict[str, float]) -> None:
    """The finding is that of a table that multiplies; the next document gets a new process."""
    octets = sheet(body)
    apply = Transformer(octets, **bounds)  # type: ignore[arg-type]
    compiled = compile_stylesheet(read_stylesheet(octets, "s.xsl"), SOURCE, TARGET, apply)
    with pytest.raises(MappingGap) as caught:
        translate(MANY, compiled, CONTEXT)
    assert [finding.rule for finding in caught.value.findings] == ["mapping.size"]
    assert translate(a(""), compiled, CONTEXT).startswith(b"<B")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (DEEP, ""),
        (template('<xsl:message terminate="yes">no permit named</xsl:message>'), "no permit named"),
        ('<xsl:template match="/"/>', "it makes no document"),
        ('<xsl:template match="/">text only</xsl:template>', ""),
    ],
)
def test_a_stylesheet_that_makes_nothing_says_why(body: str, reason: str) -> None:
    with pytest.raises(MappingGap) as caught:
        made(sheet(body))
    (finding,) = caught.value.findings
    assert finding.rule in ("mapping.stylesheet", "mapping.size")
    assert reason in finding.params["reason"]


@pytest.fixture(params=[False])
def lossless(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lossless: bool) -> Path:
    """A root to lay over the shipped tree, whose adapters name a stylesheet on one corridor."""
    (tmp_path / "mappings" / "health_kz").mkdir(parents=True)
    shipped = registry._adapter

    def adapter(folder: Path) -> Adapter:
        found = shipped(folder)
        changed = (
            replace(one, mapping="mappings/health_kz/released.xsl", lossless=lossless) if one.id == CORRIDOR else one
            for one in found.corridors
        )  # fmt: skip
        return replace(found, corridors=tuple(changed))

    monkeypatch.setattr(registry, "_adapter", adapter)
    return tmp_path


NOTICE = (
    '<xsl:stylesheet version="1.0" {xsl} xmlns:r="urn:wco:datamodel:WCO:RES-DMS:2" exclude-result-prefixes="r">'
    '<xsl:param name="message_id"/><xsl:template match="/">'
    '<УведомлениеДекларации xmlns="urn:kz:health:permit:1"><Номер><xsl:value-of select="$message_id"/></Номер>'
    "<Событие>{event}</Событие><Когда>23.11.2026 11:02:00</Когда><Декларация>"
    '<Номер><xsl:value-of select="//r:Declaration/r:ID"/></Номер>'
    '<Ссылка><xsl:value-of select="//r:Declaration/r:FunctionalReferenceID"/></Ссылка>'
    "</Декларация></УведомлениеДекларации></xsl:template></xsl:stylesheet>"
)


def write(tree: Path, event: str = "ВЫПУЩЕНА") -> None:
    text = NOTICE.replace("{xsl}", XSL).replace("{event}", event)
    (tree / "mappings/health_kz/released.xsl").write_text(text, "utf-8")


def test_a_corridor_may_name_a_stylesheet(tree: Path) -> None:
    """Compiled at start, checked by the receiver's schema like every translation."""
    write(tree)
    rules = registry.load([tree])
    document = prepare(delivery(), make_world(rules, NOW).setup)
    assert document.type == "HEALTH_DEC_NOTICE"
    assert "<Номер>57505/191126/0000123</Номер>".encode() in document.payload


def test_a_stylesheet_whose_result_is_not_valid_is_our_fault(tree: Path) -> None:
    write(tree, event="RELEASED")
    rules = registry.load([tree])
    with pytest.raises(MappingInvalid):
        prepare(delivery(), make_world(rules, NOW).setup)


@pytest.mark.parametrize("lossless", [True], indirect=True)
def test_no_corridor_with_a_stylesheet_is_lossless(tree: Path) -> None:
    write(tree)
    with pytest.raises(ConfigurationError) as caught:
        registry.load([tree])
    assert "nobody can tell" in caught.value.findings[0].params["reason"]


def test_a_bad_stylesheet_stops_the_start(tree: Path) -> None:
    (tree / "mappings/health_kz/released.xsl").write_bytes(sheet('<xsl:strip-space elements="*"/>' + BODY))
    with pytest.raises(ConfigurationError, match="mapping tables"):
        registry.load([tree])
