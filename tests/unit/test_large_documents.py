"""Long documents are judged without a tree as short ones are with it."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest

from gateway import registry
from gateway.errors import EnvelopeMalformed, Finding, GatewayError
from gateway.model import Document, Large
from gateway.schema import Schemas, validate_bare
from gateway.schema.stream import validate_large

ROOT = Path(__file__).parents[2]
FULL = (ROOT / "adapters/mra_cn/fixtures/50-full-list/in.xml").read_bytes()


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    """All that is shipped."""
    return registry.load().schemas


def judged(octets: bytes, schemas: Schemas) -> Document | tuple[str, tuple[Finding, ...]]:
    """The document, or its refusal."""
    try:
        return validate_large(BytesIO(octets), Large(size=len(octets)), schemas)
    except GatewayError as refusal:
        return refusal.code, refusal.findings


@pytest.mark.parametrize("file", sorted((ROOT / "adapters").glob("*/fixtures/*/in.xml")), ids=lambda f: f.parent.name)
def test_both_judges_say_the_same_of_every_sample(file: Path, schemas: Schemas) -> None:
    """The same type, version, schema and keys; or both refuse, by the same first rule and place."""
    octets = file.read_bytes()
    short, long = validate_bare(octets, schemas), judged(octets, schemas)
    if isinstance(short, Document):
        assert isinstance(long, Document), long
        assert (long.type, long.version, long.schema) == (short.type, short.version, short.schema)
        assert sorted(long.keys) == sorted(short.keys)
    else:
        assert not isinstance(long, Document)
        assert {one.rule for one in long[1]} & {one.rule for one in short} or not short[0].path


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<RoleCode>MF</RoleCode>", b"<RoleCode>XX</RoleCode>"),
        (b"<RoleCode>MF</RoleCode>", b"<Rolle>MF</Rolle>"),
        (b"<ID>KZ-AEO-T-0010</ID>", b""),
        (b"<StateCode>VALID</StateCode>", b""),
        (b"<ValidFromDate>2025-03-01", b"<ValidFromDate>2025-13-01"),
        (b"<KindCode>3", b'<KindCode extra="1">3'),
    ],
)  # fmt: skip
def test_a_violation_is_told_alike(old: bytes, new: bytes, schemas: Schemas) -> None:
    """The same rule and words; the line is that of the element or of its parent."""
    spoiled = FULL.replace(old, new, 1)
    assert spoiled != FULL
    short, long = validate_bare(spoiled, schemas), judged(spoiled, schemas)
    assert not isinstance(short, Document)
    assert not isinstance(long, Document)
    code, findings = long
    assert code == "schema.violation"
    assert (findings[0].rule, findings[0].wco_id) == (short[0].rule, short[0].wco_id)
    assert abs((findings[0].line or 0) - (short[0].line or 0)) <= 30


@pytest.mark.parametrize(
    ("spoiled", "code"),
    [
        (b"<!DOCTYPE AEOMasterFull [<!ENTITY a 'b'>]>" + FULL.partition(b"?>")[2], "envelope.malformed"),
        (FULL.replace(b"<ID>", b"<?x y?><ID>", 1), "envelope.malformed"),
        (FULL.replace(b"</RoleCode>", b"<!-- x --></RoleCode>", 1), "envelope.malformed"),
        (FULL.replace(b"<RoleCode>MF", b"<RoleCode><![CDATA[MF]]>", 1), "envelope.malformed"),
        (FULL.replace(b"UTF-8", b"ISO-8859-1", 1), "envelope.media-type"),
        (FULL.decode().replace("UTF-8", "UTF-16").encode("utf-16"), "envelope.media-type"),
        (FULL[:-5], "envelope.malformed"),
        (FULL + FULL, "envelope.malformed"),
        (b"", "envelope.malformed"),
        (b"<a>" * 200 + b"</a>" * 200, "envelope.malformed"),
        (b"<a>" + b"x" * 1_200_000 + b"</a>", "envelope.malformed"),
        (b"<a " + b" ".join(b'a%d="1"' % n for n in range(300)) + b"/>", "envelope.malformed"),
        (FULL.replace(b"<AEOMasterFull", b'<AEOMasterFull xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
                      b'xsi:type="T"', 1), "envelope.malformed"),
        (FULL.replace(b"urn:swgw:aeo:1", b"urn:swgw:aeo:9", 1), "schema.unknown"),
        (FULL.replace(b"<Arrangement>", b"<" + b"a" * 60_000 + b"/><Arrangement>", 1), "envelope.malformed"),
        (FULL.replace(b"<Arrangement>", b"<!-- " + b"< " * 6_000_000 + b"--><Arrangement>", 1), "envelope.malformed"),
        (FULL.replace(b"<Arrangement>", b"<?x " + b"< " * 6_000_000, 1), "envelope.malformed"),
        (b"<!DOCTYPE a SYSTEM '" + b"< " * 6_000_000, "envelope.malformed"),
    ],
    ids=["doctype", "instruction", "comment", "cdata", "latin", "utf16", "cut", "two", "empty", "deep", "text",
         "attributes", "xsi:type", "namespace", "name", "long comment", "long instruction", "long declaration"],
)  # fmt: skip
def test_hostile_shapes_are_refused(spoiled: bytes, code: str, schemas: Schemas) -> None:
    """X1-X9, S6: as with short ones."""
    found = judged(spoiled, schemas)
    assert not isinstance(found, Document)
    assert found[0] == code


@pytest.mark.parametrize("item", ["<a{}/>", "<a a{}=''/>", "<a xmlns='u{}'/>", "<a{}:a xmlns:a{}='u'/>"])
def test_names_that_never_repeat_are_not_collected(item: str, schemas: Schemas) -> None:
    """The parser would keep each of them until the end."""
    told: list[int] = []

    class Endless(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            told.append(len(told))
            return (b"" if told[-1] else b"<a>") + b"".join(
                item.format(n, n).encode() for n in range(told[-1] * 1000, told[-1] * 1000 + 1000)
            )

    with pytest.raises(EnvelopeMalformed, match="different names"):
        validate_large(Endless(), Large(size=1), schemas)
    assert len(told) < 20


def test_comments_between_elements_are_nobodys_business(schemas: Schemas) -> None:
    """They split no value."""
    commented = FULL.replace(b"<Arrangement>", b"<!-- one --><Arrangement><!-- two -->", 1)
    assert isinstance(judged(commented, schemas), Document)
