"""The threat table at the SOAP door, rows W5 to W7: the one shape a Security header and a signature may have."""

from __future__ import annotations

import copy

import pytest
from lxml import etree

from gateway.model import DS, SOAP11, SOAP12, WSSE
from tests.desk import Desk, make_desk
from tests.forge import PARTS, changed, forged, rewritten
from tests.soap import find


@pytest.fixture(scope="module")
def desk() -> Desk:
    return make_desk()


@pytest.mark.threat("W5")
def test_one_security_header_one_signature(desk: Desk) -> None:
    """Two of either, one elsewhere, one nested, enveloping, with Object or Manifest, in the Body: all refused."""
    security, signature = f"{{{WSSE}}}Security", f"{{{DS}}}Signature"

    def sec(root: etree._Element) -> etree._Element:
        return root[0].find(security)  # type: ignore[return-value]

    for change in (
        lambda root: root[0].append(copy.deepcopy(sec(root))),
        lambda root: root[0].insert(0, etree.Element(security)),
        lambda root: sec(root).append(copy.deepcopy(sec(root).find(signature))),
        lambda root: root[0].append(sec(root).find(signature)),
        lambda root: sec(root).append(etree.Element(f"{{{DS}}}Object")),
        lambda root: etree.SubElement(sec(root).find(signature), f"{{{DS}}}Object"),
        lambda root: etree.SubElement(
            etree.SubElement(sec(root).find(signature), f"{{{DS}}}Object"), f"{{{DS}}}Manifest"
        ),
        lambda root: etree.SubElement(root[0], "{urn:x}Wrapper").append(copy.deepcopy(sec(root).find(signature))),
        lambda root: root[0].remove(sec(root)),
        lambda root: sec(root).set("{urn:x}mustUnderstand", "1"),
        lambda root: sec(root).attrib.pop(f"{{{SOAP12}}}mustUnderstand"),
        lambda root: sec(root).set(f"{{{SOAP12}}}mustUnderstand", "0"),
        lambda root: sec(root).set(f"{{{SOAP12}}}role", "urn:other"),
        lambda root: sec(root).append(sec(root)[0]),
        lambda root: sec(root).append(etree.Element(f"{{{WSSE}}}UsernameToken")),
    ):
        desk.refuses(changed(change), "IS", "W5")
    desk.refuses(changed(lambda root: sec(root).remove(sec(root).find(signature))), "IS", "W5")
    for name in (signature, security):
        desk.refuses(forged(lambda root, name=name: etree.SubElement(root[1][0], name)), "IS", "W5")

    def foreign(root: etree._Element) -> None:
        sec(root).attrib.pop(f"{{{SOAP12}}}mustUnderstand")
        sec(root).set(f"{{{SOAP11}}}mustUnderstand", "1")

    make_desk().refuses(changed(foreign), "IS", "W5")


@pytest.mark.threat("W6")
@pytest.mark.parametrize(
    "uri", ["", "#", "#xpointer(/)", "#xpointer(id('id-body'))", "http://127.0.0.1:1/x", "file:///etc/passwd",
            "id-body", "#id-body'", "#a' or '1'='1", "#*[1]", "cid:1", "#id body", "#1d", "##id-body", " #id-body",
            "#" + "x" * 129, "#id-bоdy"],
)  # fmt: skip
def test_a_reference_is_a_bare_id_or_nothing(desk: Desk, uri: str, socket_disabled: None) -> None:
    """Whole documents, pointers, quotes and places elsewhere are refused before anything is looked up."""
    escaped = uri.replace("'", "&apos;")
    uris = [*("#" + name for name in PARTS[:-1]), escaped]
    desk.refuses(forged(uris=uris), "IS", "W6", "W7")


@pytest.mark.threat("W6")
def test_a_reference_without_uri_or_with_more_is_refused(desk: Desk) -> None:
    """Missing URI; Type and Id beside it; an id nobody carries; the same part twice."""

    def reference(info: etree._Element) -> etree._Element:
        return info[2]

    desk.refuses(forged(edit=lambda info: reference(info).attrib.pop("URI")), "IS", "W6")
    desk.refuses(forged(edit=lambda info: reference(info).set("Type", f"{DS}Manifest")), "IS", "W6")
    desk.refuses(forged(edit=lambda info: reference(info).set("Id", "r-1")), "IS", "W6")
    desk.refuses(forged(edit=lambda info: info.append(copy.deepcopy(reference(info)))), "IS", "W5")
    desk.refuses(forged(uris=["#" + name for name in [*PARTS, "id-nobody"]]), "FC", "W1")


@pytest.mark.threat("W7")
def test_a_signature_has_one_shape(desk: Desk) -> None:
    """Doubled, wrapped, reordered, commented or foreign children: refused before any key is used."""

    def sig(root: etree._Element) -> etree._Element:
        return find(root, "//ds:Signature")

    def wrapped(root: etree._Element) -> None:
        inner = sig(root)[0]
        box = etree.Element("{urn:x}Box")
        sig(root).replace(inner, box)
        box.append(inner)

    for change in (
        lambda root: sig(root).insert(0, copy.deepcopy(sig(root)[0])),
        lambda root: sig(root).append(copy.deepcopy(sig(root)[0])),
        lambda root: sig(root).insert(1, copy.deepcopy(sig(root)[1])),
        lambda root: sig(root).insert(0, sig(root)[1]),
        lambda root: sig(root).remove(sig(root)[0]),
        lambda root: sig(root).remove(sig(root)[1]),
        lambda root: sig(root).append(etree.Element("{urn:x}More")),
        lambda root: sig(root)[0].append(etree.Element("{urn:x}More")),
        lambda root: sig(root)[0].insert(0, sig(root)[0][1]),
        lambda root: sig(root)[0][2].append(etree.Element(f"{{{DS}}}DigestValue")),
        lambda root: setattr(sig(root)[0][2], "text", "junk"),
        lambda root: sig(root)[0][2][2].append(etree.Comment("x")),
        lambda root: sig(root)[1].append(etree.Comment("x")),
        lambda root: sig(root)[0].append(etree.Comment("x")),
        lambda root: sig(root)[1].append(etree.Element("{urn:x}More")),
        lambda root: setattr(sig(root)[1], "text", ""),
        lambda root: setattr(sig(root)[1], "text", (sig(root)[1].text or "").rstrip("=") + "=A"),
        lambda root: setattr(sig(root)[1], "text", "\u2028" + (sig(root)[1].text or "")),
        wrapped,
    ):
        desk.refuses(changed(change), "IS", "W7", "W5")


@pytest.mark.threat("W7")
def test_elements_of_a_signature_are_known_by_namespace(desk: Desk) -> None:
    """The same local names under another namespace, signed by the partner, are not a signature."""

    def foreign(info: etree._Element) -> None:
        for found in list(info.iter(f"{{{DS}}}Reference")):
            found.tag = "{urn:x}Reference"

    desk.refuses(forged(edit=foreign), "IS", "W7")
    rebound = rewritten(b"<ds:Reference ", b'<ds:Reference xmlns:ds="urn:x" ')
    desk.refuses(rebound, "IS", "W7")


@pytest.mark.threat("W7")
@pytest.mark.threat("A5")
def test_base64_has_one_spelling(desk: Desk) -> None:
    """Unused bits that are set, missing or doubled padding: the same octets for a lax reader, refused here."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

    def odd(root: etree._Element, spell: int) -> None:
        value = find(root, "//ds:SignatureValue")
        text = value.text or ""
        assert text.endswith("==")
        loose = letters[letters.index(text[-3]) | 1]
        value.text = (text[:-3] + loose + "==", text[:-2], text + "==", text[:-1])[spell]

    for spell in range(4):
        desk.refuses(changed(lambda root, spell=spell: odd(root, spell)), "IS", "W7")


@pytest.mark.threat("W7")
def test_digests_are_read_where_references_have_them(desk: Desk) -> None:
    """A partner's own SignedInfo that writes a digest into an attribute, so that each is read one place early."""

    def shifted(info: etree._Element) -> None:
        values = list(info.iter(f"{{{DS}}}DigestValue"))
        digests = [value.text for value in values]
        for value, other in zip(values, digests[1:] + digests[:1], strict=True):
            value.text = other
        info.set("Id", f"DigestValue>{digests[0]}DigestValue>")

    desk.refuses(forged(edit=shifted), "IS", "W7")
