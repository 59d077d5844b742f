"""What is canonicalised while it is read is what libxml2 makes of a tree, whatever stands in it."""

from __future__ import annotations

from xml.parsers import expat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.errors import EnvelopeMalformed, SealBroken
from gateway.seal.streamed import Canonical, Scopes
from gateway.xml import canonical, parse

PREFIXES = ("", "a", "b", "é")
URIS = ("urn:x", "urn:y", "http://z/?q=1", "")
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\0￾￿"), max_size=20)


def escaped(text: str) -> str:
    """Any characters that XML 1.0 has, those of control as references where it allows them."""
    kept = "".join(one for one in text if one >= " " or one in "\t\n\r")
    words = kept.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;").replace(">", "&gt;")
    return words.replace("\r", "&#13;").replace("\t", "&#9;")


@st.composite
def elements(draw: st.DrawFn, scope: tuple[tuple[str, str], ...] = (), depth: int = 0) -> str:
    """An element with declarations, attributes and children; every prefix that it uses is declared somewhere."""
    declared = draw(st.dictionaries(st.sampled_from(PREFIXES), st.sampled_from(URIS), max_size=3))
    declared = {one: uri for one, uri in declared.items() if uri or not one}
    known = {**dict(scope), **declared}
    prefix = draw(st.sampled_from(["", *[one for one in known if one]]))
    name = f"{prefix}:e" if prefix else "e"
    given_names = draw(st.lists(st.sampled_from(["", "xml", *[one for one in known if one]]), max_size=3, unique=True))
    seen: set[tuple[str, str]] = set()
    attributes = ""
    for number, one in enumerate(given_names):
        local = "lang" if one == "xml" else draw(st.sampled_from(["k", "l", "Id"]))
        if (known.get(one, "xml") if one else "", local) in seen:
            continue
        seen.add((known.get(one, "xml") if one else "", local))
        attributes += f' {one + ":" if one else ""}{local}="{escaped(draw(TEXT))}{number}"'
    said = "".join(f' xmlns{":" + one if one else ""}="{escaped(uri)}"' for one, uri in declared.items())
    inside = ""
    for _ in range(draw(st.integers(0, 3 if depth < 3 else 0))):
        inside += draw(
            st.one_of(
                TEXT.map(escaped),
                st.just("<!-- c -->"),
                st.just("<![CDATA[<&>]]>"),
                elements(tuple(known.items()), depth + 1),
            )
        )
    return f"<{name}{said}{attributes}>{inside}</{name}>"


def streamed(octets: bytes, prefixes: tuple[str, ...], *, below: int = 0, piece: int = 7) -> bytes:
    """The canonical form of the root, or of the only element at depth `below`, read in pieces."""
    out: list[bytes] = []
    scopes, writer, depth = Scopes(), Canonical(out.append, prefixes), 0
    parser = expat.ParserCreate()
    parser.ordered_attributes = True
    parser.buffer_text = True

    def start(name: str, flat: list[str]) -> None:
        nonlocal depth
        attributes = scopes.down(flat)
        if depth >= below:
            writer.start(name, attributes, scopes.here)
        depth += 1

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        if depth >= below:
            writer.end(name)
        scopes.up()

    def text(words: str) -> None:
        if depth > below:
            writer.text(words)

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    for at in range(0, len(octets), piece):
        parser.Parse(octets[at : at + piece], False)
    parser.Parse(b"", True)
    writer.flush()
    return b"".join(out)


LISTS = st.lists(st.sampled_from(["a", "b", "é", "#default", "nobody"]), max_size=3, unique=True).map(tuple)


@settings(max_examples=600, deadline=None)
@given(elements(), LISTS, st.integers(1, 50))
def test_a_document_comes_out_as_from_a_tree(document: str, prefixes: tuple[str, ...], piece: int) -> None:
    """Namespaces, attributes, references, CDATA, comments, prefix lists, and however the octets are cut."""
    octets = document.encode()
    assert streamed(octets, prefixes, piece=piece) == canonical(parse(octets), prefixes)


@settings(max_examples=300, deadline=None)
@given(elements((("o", "urn:outside"), ("a", "urn:other"), ("", "urn:default"))), LISTS)
def test_an_element_inside_another_comes_out_as_from_a_tree(document: str, prefixes: tuple[str, ...]) -> None:
    """What is declared around it is written where it is used or listed, and nowhere else."""
    around = f'<r xmlns="urn:default" xmlns:o="urn:outside" xmlns:a="urn:other">{document}</r>'.encode()
    assert streamed(around, prefixes, below=1) == canonical(parse(around)[0], prefixes)


@pytest.mark.parametrize(
    "document",
    [
        '<a:e/>', '<e a:k="1"/>', '<e xmlns:a=""/>', '<e xmlns:xmlns="urn:x"/>', '<e xmlns:xml="urn:x"/>',
        '<e xmlns:a="http://www.w3.org/XML/1998/namespace"/>', '<e xmlns:a="http://www.w3.org/2000/xmlns/"/>',
    ],
)  # fmt: skip
def test_what_namespaces_do_not_allow_is_refused(document: str) -> None:
    """As libxml2 refuses it when it parses."""
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(document)
    with pytest.raises(EnvelopeMalformed):
        streamed(document.encode(), ())


def test_a_relative_namespace_has_no_canonical_form() -> None:
    """X10."""
    with pytest.raises(SealBroken) as refusal:
        streamed(b'<e xmlns="relative"/>', ())
    assert refusal.value.threat == "X10"
