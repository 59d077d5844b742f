"""The threat table at the SOAP door, rows W1-W4 and W8-W12: signed parts moved, doubled, missing or read twice."""

from __future__ import annotations

import base64
import copy
import hashlib
from dataclasses import replace

import pytest
from lxml import etree

from gateway.model import DS, SOAP11, SOAP12, WSA, WSU
from tests.desk import QUERY, Desk, make_desk, posted, query
from tests.forge import ID, PARTS, changed, forged, part, reseal, rewritten
from tests.soap import find, wired

FORGED_QUERY = QUERY.replace(b"640.25", b"999.99")


@pytest.fixture(scope="module")
def desk() -> Desk:
    return make_desk()


def new_body(root: etree._Element, id_: str | None) -> etree._Element:
    """The Body swapped for one with another document; gives back the old one, out of the tree."""
    old = root[1]
    fresh = etree.SubElement(root, old.tag, {ID: id_} if id_ else {})
    fresh.append(etree.fromstring(FORGED_QUERY))
    root.remove(old)
    return old


@pytest.mark.threat("W1")
@pytest.mark.threat("W8")
@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
@pytest.mark.parametrize("id_", ["id-other", None])
def test_a_body_moved_under_a_header_is_not_the_body(desk: Desk, id_: str | None, soap: str) -> None:
    """The signed Body sits in a wrapper, another one stands in its place."""

    def wrap(root: etree._Element) -> None:
        old = new_body(root, id_)
        etree.SubElement(root[0], "{urn:x}Wrapper").append(old)

    desk.refuses(changed(wrap, soap=soap), "FC", "W1", "W4")


@pytest.mark.threat("W2")
@pytest.mark.threat("W8")
@pytest.mark.parametrize("name", [ID, "Id", "ID", "{http://www.w3.org/XML/1998/namespace}id"])
def test_an_id_that_stands_twice_is_refused(desk: Desk, name: str) -> None:
    """Over every attribute that some verifier takes for an id, in wrappers, headers and inside the Body."""

    def wrap(root: etree._Element) -> None:
        old = new_body(root, "id-body")
        etree.SubElement(root[0], "{urn:x}Wrapper").append(old)

    def also(root: etree._Element) -> None:
        etree.SubElement(root[0], "{urn:x}Other").set(name, "id-body")

    def inside(root: etree._Element) -> None:
        root[1][0].set(name, "id-to")

    desk.refuses(changed(wrap), "IS", "W2")
    desk.refuses(changed(also), "IS", "W2")
    desk.refuses(forged(inside), "IS", "W2")
    desk.refuses(forged(lambda root: find(root, "//wsu:Created").set(name, "id-body")), "IS", "W2")


@pytest.mark.threat("W2")
def test_two_ids_on_the_body_are_refused(desk: Desk) -> None:
    """One element, two names: which of them a signature means would be a matter of taste."""
    for name in ("Id", "ID", "{http://www.w3.org/XML/1998/namespace}id"):
        desk.refuses(forged(lambda root, name=name: root[1].set(name, "id-to")), "SD", "S6", "W3")


@pytest.mark.threat("W3")
@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_an_envelope_holds_one_header_and_one_body(desk: Desk, soap: str) -> None:
    """Two Bodies in either order, two Headers, a Body elsewhere, an Envelope in an Envelope, extra siblings."""
    spare = etree.fromstring(f'<env:Body xmlns:env="{soap}">'.encode() + FORGED_QUERY + b"</env:Body>")

    def nested(root: etree._Element) -> None:
        old = new_body(root, "id-outer")
        inner = etree.Element(root.tag)
        inner.append(old)
        root[1].replace(root[1][0], inner)

    for change in (
        lambda root: root.insert(1, copy.deepcopy(spare)),
        lambda root: root.append(copy.deepcopy(spare)),
        lambda root: root.insert(0, copy.deepcopy(spare)),
        lambda root: root.append(copy.deepcopy(root[0])),
        lambda root: root[0].append(root[1]),
        lambda root: root.insert(0, root[1]),
        lambda root: root.append(etree.Element("{urn:x}Extra")),
        lambda root: root.remove(root[0]),
        lambda root: root.set("{urn:x}a", "1"),
        lambda root: root[0].set(ID, "id-header"),
        nested,
    ):
        desk.refuses(changed(change, soap=soap), "SD", "W3", "S3", "S6")
    text = query(soap=soap).body
    for inside in (
        text.replace(b"<env:Header>", b"text<env:Header>"),
        text.replace(b"</env:Header>", b"x</env:Header>"),
        text.replace(b"<env:Header>", b"<env:Header>&#160;"),
        text.replace(b"</env:Body>", b"</env:Body>."),
    ):
        desk.refuses(posted(inside, soap=soap), "SD", "W3")


@pytest.mark.threat("W3")
def test_only_blanks_stand_around_the_document(desk: Desk) -> None:
    """White space is that of XML: a no-break space, an ideographic space or a next-line is text."""
    for blank in ("\xa0", "\u3000", "\x85", "\u2028", "x"):
        desk.refuses(forged(lambda root, blank=blank: setattr(root[1], "text", blank)), "SD", "S6")
    make_desk().accepts(forged(lambda root: setattr(root[1], "text", "\n\t ")))


@pytest.mark.threat("W4")
@pytest.mark.parametrize("left_out", PARTS)
def test_every_required_part_must_be_signed(desk: Desk, left_out: str) -> None:
    """The partner's own signature over all but one."""
    uris = ["#" + name for name in PARTS if name != left_out]
    desk.refuses(forged(uris=uris), "FC", "W4")


@pytest.mark.threat("W4")
@pytest.mark.parametrize(
    "uris", [["#id-ts"], ["#id-body"], ["#id-body", "#id-ts"], ["#id-to", "#id-action", "#id-messageid", "#id-ts"]]
)
def test_a_seal_over_little_is_no_seal(desk: Desk, uris: list[str]) -> None:
    """Only the Timestamp, only the Body, both, or only headers: what common stacks sign by themselves."""
    desk.refuses(forged(uris=uris), "FC", "W4")


@pytest.mark.threat("W4")
def test_headers_that_come_along_must_be_signed(desk: Desk) -> None:
    """An optional header of addressing is required to be signed once it is there."""
    for name in ("FaultTo", "RelatesTo"):

        def add(root: etree._Element, name: str = name) -> None:
            for old in root[0].findall(f"{{{WSA}}}{name}"):
                root[0].remove(old)
            added = etree.SubElement(root[0], f"{{{WSA}}}{name}", {ID: "id-added"})
            if name == "FaultTo":
                etree.SubElement(added, f"{{{WSA}}}Address").text = f"{WSA}/anonymous"
            else:
                added.text = "urn:uuid:other"

        without = ["#" + one for one in PARTS if one != "id-relatesto" or name == "FaultTo"]
        desk.refuses(forged(add, uris=without), "FC", "W4")
        make_desk().accepts(forged(add, uris=[*without, "#id-added"]))


@pytest.mark.threat("W9")
def test_prefixes_mean_what_they_meant_when_signed(desk: Desk) -> None:
    """Rebinding a prefix that is in use, or the default namespace under a PrefixList, breaks a digest."""
    desk.refuses(rewritten(b'xmlns="urn:swgw:lpco:1"', b'xmlns="urn:swgw:lpco:2"'), "FC", "W9")
    desk.refuses(rewritten(f'xmlns:wsa="{WSA}"'.encode(), b'xmlns:wsa="urn:x"'), "IAH", "S4")

    def listed(text: str) -> bytes:
        root = etree.fromstring(
            query().body.replace(b"<env:Envelope ", b'<env:Envelope xmlns="urn:d" xmlns:q="urn:q" ')
        )
        reseal(root, prefixes={"#id-body": text, "#id-to": "q"}, info_prefixes="#default q")
        return etree.tostring(root)

    for text in ("#default q", "q", "#default"):
        make_desk().accepts(posted(listed(text)))
        desk.refuses(posted(listed(text).replace(b'xmlns:q="urn:q"', b'xmlns:q="urn:r"')), "FC")
    desk.refuses(posted(listed("#default").replace(b'xmlns="urn:d"', b'xmlns="urn:e"')), "FC")
    desk.refuses(forged(info_prefixes=" ".join(f"p{n}" for n in range(11))), "IS", "W9")
    desk.refuses(forged(prefixes={"#id-body": " ".join(f"p{n}" for n in range(11))}), "IS", "W9")


@pytest.mark.threat("W9")
def test_unused_prefixes_around_the_body_do_not_reach_the_document() -> None:
    """What exclusive canonical form leaves out, the document that goes on does not have either."""
    text = query().body.replace(b"<env:Envelope ", b'<env:Envelope xmlns:lp="urn:swgw:lpco:1" xmlns="urn:evil" ')
    make_desk().accepts(posted(text))


@pytest.mark.threat("W10")
def test_a_digest_of_nothing_is_a_digest_of_nothing(desk: Desk) -> None:
    """The digest of no octets, as a canonicaliser that failed would give, is not that of any part."""
    empty = base64.b64encode(hashlib.sha256(b"").digest()).decode()

    def void(info: etree._Element) -> None:
        for value in info.iter(f"{{{DS}}}DigestValue"):
            value.text = empty

    desk.refuses(forged(edit=void), "FC", "W9", "W10")
    relative = query().body.replace(b"<LPCOQuery ", b'<LPCOQuery xmlns:r="relative" ')
    root = etree.fromstring(query().body)
    reseal(root, edit=void)
    desk.refuses(posted(relative), "FC", "X10")
    signed_void = etree.tostring(root).replace(b"<LPCOQuery ", b'<LPCOQuery xmlns:r="relative" ')
    desk.refuses(posted(signed_void), "FC", "X10", "W9")


@pytest.mark.threat("W11")
@pytest.mark.parametrize(
    "media", ["multipart/related", "multipart/mixed", "application/xop+xml", "multipart/form-data"]
)
def test_attachments_are_not_taken(desk: Desk, media: str) -> None:
    """Each message is one part; MIME packages are refused as a whole, signed root or not."""
    body = b"--b\r\nContent-Type: application/soap+xml\r\nContent-ID: <a>\r\n\r\n" + query().body + b"\r\n--b--\r\n"
    for text in (body, query().body):
        wire = replace(posted(text), content_type=f'{media}; boundary=b; type="application/soap+xml"; start="<a>"')
        desk.refuses(wire, "415", "S3")
    desk.refuses(posted(body), "SD", "X8")


@pytest.mark.threat("W12")
def test_an_unsigned_twin_is_never_read(desk: Desk) -> None:
    """A second document beside the signed one, wherever the door lets it stand, changes nothing of what is kept."""
    twin = FORGED_QUERY.decode()
    for text in (
        query().body.replace(b"</env:Header>", f"<x:Old xmlns:x='urn:x'>{twin}</x:Old></env:Header>".encode()),
        query().body.replace(b"<env:Header>", f"<env:Header><x:Body xmlns:x='urn:x'>{twin}</x:Body>".encode()),
        query().body.replace(b"<env:Body", f"<!-- {twin} --><env:Body".encode()),
    ):
        fresh = make_desk()
        fresh.accepts(posted(text))
    desk.refuses(rewritten(b"</LPCOQuery>", f"</LPCOQuery>{twin}".encode()), "SD", "S6")
    assert part(etree.fromstring(wired(query()).body), "#id-body") is not None
    assert WSU in ID
