"""Published vectors: exclusive canonical form, the bare signature core, and signed, wrapped or hostile files."""

from __future__ import annotations

import base64
import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from lxml import etree

from gateway.errors import WeakAlgorithm
from gateway.model import DS, SOAP11, SOAP12, WSSE
from gateway.seal.keys import XMLDSIG_DIGEST, XMLDSIG_SIGNATURE, verify_octets
from gateway.seal.xmldsig import check_digests, read_signature
from gateway.xml import canonical, parse
from tests.desk import make_desk, posted, read_fault
from tests.forge import ID
from tests.reference import vector_bytes, vectors

INDEX: list[dict[str, Any]] = vectors("INDEX.json")
HOSTILE = ("soap-signed", "xsw-saml", "soap-http-bad", "xml-hostile", "xmldsig11")
REFUSED = [row["path"] for row in INDEX if row["path"].split("/")[0] in HOSTILE and row["expect"] == "reject"]


# --- exclusive canonical form ----------------------------------------------------------------------------------------
def in_new_thread(octets: bytes, prefixes: tuple[str, ...], path: str) -> bytes:
    """Canonical form of the element at a path, in a thread that has seen no other document."""

    def make() -> bytes:
        root = etree.fromstring(octets)
        (found,) = root.xpath(path)
        return canonical(found, prefixes)

    with ThreadPoolExecutor(1) as fresh:
        return fresh.submit(make).result()


@pytest.mark.parametrize(("number", "prefixes"), [(0, ()), (1, ("bar", "#default"))])
def test_the_octets_of_the_exclusive_examples(number: int, prefixes: tuple[str, ...]) -> None:
    """References 0 and 1 of the published example; 2 to 4 keep comments, which the profile does not."""
    octets = vector_bytes("exc-c14n/exc-signature.xml")
    assert in_new_thread(octets, prefixes, "//*[@Id='to-be-signed']") == vector_bytes(f"exc-c14n/c14n-{number}.txt")


@pytest.mark.parametrize("name", ["example2_2_1", "example2_2_2"])
def test_surroundings_do_not_change_the_form(name: str) -> None:
    """Both documents of section 2.2 give the same octets for the inner element."""
    given = in_new_thread(vector_bytes(f"exc-c14n/{name}.xml"), (), "//*[local-name()='elem2']")
    assert given == vector_bytes("exc-c14n/example2_2_c14nized_exclusive.xml").strip()


# --- the bare signature core -----------------------------------------------------------------------------------------
NOT_OURS = {
    "hmac": "symmetric", "sha1.xml": "SHA-1 signature", "gost": "no provider", "rsa": "RSA keys of 1024 bits",
}  # fmt: skip
"""Why a file cannot pass our core: refused as an algorithm or a key, before its signature is looked at."""
ENVELOPING = [row["path"] for row in INDEX if row["path"].startswith("xmldsig11/") and row["expect"] == "reject"]


def core(path: str, spoil: bytes = b"") -> None:
    """Verify an enveloping signature with the key of its family: signature value, then the digest of its Object."""
    root = etree.fromstring(vector_bytes(path))
    method = next(root.iter(f"{{{DS}}}SignatureMethod")).get("Algorithm")
    name = XMLDSIG_SIGNATURE.get(method)
    if name is None:
        raise WeakAlgorithm(method)
    info, value, *_ = root
    family = "rsa" if "rsa" in path else "p384" if "p384" in path else "p256"
    key = x509.load_der_x509_certificate(vector_bytes(f"xmldsig11/keys/{family}-key.crt")).public_key()
    octets = etree.tostring(info, method="c14n") + spoil
    verify_octets(name, key, base64.b64decode(value.text), octets)
    digest = info.find(f".//{{{DS}}}DigestMethod").get("Algorithm")
    hashed = hashlib.new(XMLDSIG_DIGEST[digest], etree.tostring(root[-1], method="c14n")).digest()
    assert base64.b64encode(hashed).decode() == info.findtext(f".//{{{DS}}}DigestValue")


@pytest.mark.parametrize("path", [p for p in ENVELOPING if not any(word in p for word in NOT_OURS)])
def test_the_core_takes_what_is_valid(path: str) -> None:
    """Elliptic curves P-256 and P-384 with each SHA-2, and not one octet more."""
    core(path)
    with pytest.raises(Exception, match="does not match"):
        core(path, b" ")


@pytest.mark.parametrize("path", [p for p in ENVELOPING if any(word in p for word in NOT_OURS)])
def test_the_core_knows_no_outdated_algorithm(path: str) -> None:
    """Valid by their time, and refused as weak."""
    with pytest.raises(WeakAlgorithm):
        core(path)


def test_most_of_the_interop_set_is_judged() -> None:
    """The split above loses no file."""
    valid = [row for row in INDEX if row["path"] in ENVELOPING and str(row.get("core", "")).startswith("valid")]
    assert len(valid) >= 14
    assert len(ENVELOPING) == 15


AS4 = [row["path"] for row in INDEX if row["path"].startswith("soap-signed/") and "valid" in str(row.get("core"))]


@pytest.mark.parametrize("path", AS4)
def test_messages_of_other_vendors_verify_in_our_core(path: str) -> None:
    """Real signed messages: their SignedInfo has our shape, their key signed it, each part has its digest."""
    octets = vector_bytes(path)
    start = max(octets.find(b"<?xml"), 0)
    root = parse(octets[start : octets.rindex(b">") + 1])
    (signature,) = root.iter(f"{{{DS}}}Signature")
    (token,) = root.iter(f"{{{WSSE}}}BinarySecurityToken")
    shape = read_signature(signature)
    key = x509.load_der_x509_certificate(base64.b64decode("".join((token.text or "").split()))).public_key()
    verify_octets(shape.algorithm, key, shape.value, shape.octets)
    named = [(node, name) for node in root.iter("*") for name in map(node.get, (ID, "Id", "ID")) if name]
    parts = {name: (name, node) for node, name in named}
    assert len(check_digests(shape, parts)) == len(shape.references)
    assert shape.token_id == token.get(ID)


# --- whole files at the door -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", REFUSED)
@pytest.mark.parametrize("media", ["application/soap+xml", "text/xml", "own"])
def test_published_attacks_and_strangers_are_refused(path: str, media: str, socket_disabled: None) -> None:
    """A Fault that blames the sender, one record, nothing kept, no accident in the log."""
    octets = vector_bytes(path)
    own = re.search(rb"(?im)^content-type:\s*([^\r\n]+)", octets[:2000])
    given = (own[1].decode("latin-1") if own else "application/xml") if media == "own" else media
    desk = make_desk()
    answer = desk.post(replace(posted(octets), content_type=given))
    soap11 = given.lower().startswith("text/xml")
    assert answer.status in ({500, 415} if soap11 else {400, 415, 500})
    fault = read_fault(answer, SOAP11 if soap11 else SOAP12)
    told = fault.code[1] in {"Sender", "Client", "MustUnderstand"}
    assert told or re.search("wssecurity|addressing", fault.code[0]), fault.code
    (intake,) = desk.ledger.intakes
    assert intake.code != "internal", desk.said[-1]["cause"]
    assert desk.said[-1]["cause"] is None
    assert not desk.ledger.messages
