"""Our seal against other people's software: what we seal they verify, what they seal we verify, what we refuse they
may take."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from lxml import etree
from signxml.exceptions import InvalidSignature

from gateway.model import SOAP11, SOAP12
from tests.desk import Desk, make_desk, posted, query
from tests.forge import PARTS
from tests.oracles import XMLSEC1, by_xmlsec, verified_by_command, verified_by_signxml, verified_by_xmlsec
from tests.soap import KINDS, find, party, wired
from tests.wrapping import wrapped_messages

ECDSA_AND_RSA = [kind for kind in KINDS if kind != "ed25519"]
"""Ed25519 is unknown to libxmlsec and signxml."""
COMMAND = [kind for kind in ECDSA_AND_RSA if kind != "rsa3072"]
"""The `xmlsec1` of most distributions has no RSA-PSS."""
SHA512 = "http://www.w3.org/2001/04/xmlenc#sha512"
needs_command = pytest.mark.skipif(XMLSEC1 is None, reason="the xmlsec1 command is not on this machine")


@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
@pytest.mark.parametrize("kind", ECDSA_AND_RSA)
def test_python_xmlsec_verifies_what_we_seal(kind: str, soap: str) -> None:
    """And not what was altered after."""
    who = party(kind)
    body = query(who, soap=soap).body
    assert verified_by_xmlsec(body, who.signer)
    assert not verified_by_xmlsec(body.replace(b"640.25", b"640.26"), who.signer)


@pytest.mark.parametrize("kind", ECDSA_AND_RSA)
def test_signxml_verifies_what_we_seal_and_sees_the_same_octets(kind: str) -> None:
    """Each part it canonicalises stands in the envelope letter for letter."""
    who = party(kind)
    body = query(who).body
    parts = verified_by_signxml(body, who.signer, len(PARTS))
    assert len(parts) == len(PARTS)
    assert all(part in body for part in parts)
    with pytest.raises(InvalidSignature):
        verified_by_signxml(body.replace(b"640.25", b"640.26"), who.signer, len(PARTS))


@needs_command
@pytest.mark.parametrize("kind", COMMAND)
def test_the_xmlsec1_command_verifies_what_we_seal(kind: str, tmp_path: Path) -> None:
    """Another build of libxmlsec, with another libxml2."""
    who = party(kind)
    body = query(who).body
    assert verified_by_command(body, who.signer, tmp_path)
    assert not verified_by_command(body.replace(b"640.25", b"640.26"), who.signer, tmp_path)


@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
@pytest.mark.parametrize("kind", ECDSA_AND_RSA)
def test_we_verify_what_python_xmlsec_seals(kind: str, soap: str) -> None:
    """RSA and ECDSA, also with longer digests, broken over lines as that library writes them."""
    for digest in ("http://www.w3.org/2001/04/xmlenc#sha256", SHA512):
        make_desk(kind).accepts(by_xmlsec(kind, soap=soap, digest=digest))


@pytest.mark.parametrize("prefixes", ["env wsu", "wsse wsu env wsa ds", "unknown", "#default", "#default env q"])
@pytest.mark.parametrize("default", ["", "urn:default"])
def test_we_verify_prefix_lists_as_other_stacks_write_them(prefixes: str, default: str) -> None:
    """On SignedInfo and on each reference, with and without a default namespace; in a thread that never saw one."""
    wire = by_xmlsec(prefixes=prefixes, default=default)
    with ThreadPoolExecutor(1) as fresh:
        fresh.submit(make_desk("rsa2048").accepts, wire).result()


def test_a_default_namespace_under_a_prefix_list_is_signed() -> None:
    """Rebinding it later breaks the seal, for libxmlsec and for us."""
    wire = by_xmlsec(prefixes="#default", default="urn:default")
    turned = wire.body.replace(b'"urn:default"', b'"urn:evil"')
    assert not verified_by_xmlsec(turned, party("rsa2048").signer)
    make_desk("rsa2048").refuses(posted(turned), "FC")


def test_what_common_stacks_seal_by_default_is_too_little() -> None:
    """Body and Timestamp only, or the token after the signature: refused, and libxmlsec is content."""
    desk, signer = make_desk("rsa2048"), party("rsa2048").signer
    little = by_xmlsec(uris=["#id-body", "#id-ts"])
    assert verified_by_xmlsec(little.body, signer)
    desk.refuses(little, "FC", "W4")

    def token_last(root: etree._Element) -> None:
        security = find(root, "//wsse:Security")
        security.append(security[0])

    late = by_xmlsec(change=token_last)
    assert verified_by_xmlsec(late.body, signer)
    desk.refuses(late, "IS", "W5")


def test_wrapping_that_deceives_a_library_does_not_deceive_the_gateway() -> None:
    """Some moved Bodies are good signatures for libxmlsec and signxml; position makes the difference."""
    desk: Desk = make_desk()
    signer = party("p256").signer
    original = wired(query())
    desk.accepts(original)
    deceived = 0
    for name, body in wrapped_messages(original.body, "Body"):
        if "original wrapped" in name and "id new" in name and "plain" in name:
            deceived += verified_by_xmlsec(body, signer)
            answer = desk.post(posted(body))
            assert answer.status == 400, name
    assert deceived >= 5, "the attack files have lost their teeth"
