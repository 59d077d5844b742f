"""The threat table at the SOAP door, rows A1 to A7: what is accepted as a signature at all."""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from gateway.model import DS, EXC_C14N, Wire
from tests.builders import CUSTOMS
from tests.desk import Desk, desk_of, make_desk, ministry, posted, query
from tests.forge import changed, forged, reseal, transform
from tests.pki import Issued, issue, make_ca, make_partner
from tests.soap import KINDS, party

MORE = "http://www.w3.org/2001/04/xmldsig-more#"
MORE_2007 = "http://www.w3.org/2007/05/xmldsig-more#"
GOST = "urn:ietf:params:xml:ns:pkigovkz:xmlsec:algorithms:gostr34102015-gostr34112015-512"
EVERY = frozenset(KINDS.values()) | {"rsa-sha384", "rsa-sha512", "rsa-pss-sha384", "rsa-pss-sha512"}


@pytest.fixture(scope="module")
def desk() -> Desk:
    """A partner that may use every algorithm there is."""
    return make_desk(algorithms=EVERY)


@pytest.mark.threat("A1")
@pytest.mark.parametrize("method", [f"{DS}hmac-sha1", MORE + "hmac-sha256", MORE + "hmac-sha512"])
def test_a_shared_secret_signs_nothing(desk: Desk, method: str) -> None:
    """HMAC with the certificate, the public key or nothing as secret, and truncated to nothing."""
    signer = party("p256").signer
    public = signer.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = "sha" + method.rpartition("sha")[2]
    for secret in (public, signer.der, b""):
        mac = lambda octets, secret=secret: hmac.digest(secret, octets, digest)  # noqa: E731
        desk.refuses(forged(method=method, sign=mac), "UA", "A1")
    for length in ("0", "8", "256"):

        def truncate(info: etree._Element, length: str = length) -> None:
            etree.SubElement(info[1], f"{{{DS}}}HMACOutputLength").text = length

        desk.refuses(forged(method=method, edit=truncate, sign=lambda _octets: b"x"), "UA", "A1")
        desk.refuses(forged(edit=truncate), "UA", "A1")


@pytest.mark.threat("A2")
@pytest.mark.parametrize(
    "method", [f"{DS}rsa-sha1", f"{DS}dsa-sha1", MORE + "rsa-md5", MORE + "ecdsa-sha1", MORE_2007 + "sha1-rsa-MGF1",
               MORE + "rsa-ripemd160", MORE + "rsa-sha224", "http://www.w3.org/2009/xmldsig11#dsa-sha256"],
)  # fmt: skip
def test_outdated_signatures_are_refused(method: str) -> None:
    """Also one that the key did make: RSA with SHA-1 is right and still nothing worth."""
    who = party("rsa2048")
    assert isinstance(who.signer.key, rsa.RSAPrivateKey)
    made, sha1 = who.signer.key, hashes.SHA1()  # noqa: S303 - this is what must be refused
    wire = forged(kind="rsa2048", method=method, sign=lambda octets: made.sign(octets, padding.PKCS1v15(), sha1))
    make_desk("rsa2048", algorithms=EVERY).refuses(wire, "UA", "A2")


@pytest.mark.threat("A2")
@pytest.mark.parametrize(
    "digest", [f"{DS}sha1", MORE + "md5", MORE + "sha224", "http://www.w3.org/2001/04/xmlenc#ripemd160"]
)
def test_outdated_digests_are_refused(desk: Desk, digest: str) -> None:
    """Of one part or of all."""
    desk.refuses(forged(digest=digest), "UA", "A2")


def desk_with(signer: Issued, ca: Issued) -> Desk:
    return desk_of(make_partner(CUSTOMS, signer, anchors=(ca,), sends=frozenset({"*"}), algorithms=EVERY), ministry())


@pytest.mark.threat("A2")
@pytest.mark.parametrize("kind", ["rsa1024", "rsa-e3", "p192", "secp256k1"])
def test_weak_keys_are_refused(kind: str) -> None:
    """A registered certificate over a key too short, of exponent 3 or of another curve: whatever it signed."""
    ca = make_ca()
    weak = issue(ca, kind=kind)
    root = etree.fromstring(query().body)
    token = root.find(".//{*}BinarySecurityToken")
    assert token is not None
    token.text = base64.b64encode(weak.der).decode()
    ecdsa = isinstance(weak.key, ec.EllipticCurvePrivateKey)
    reseal(root, method=MORE + ("ecdsa-sha256" if ecdsa else "rsa-sha256"), sign=lambda _octets: b"x" * 64)
    desk_with(weak, ca).refuses(posted(etree.tostring(root)), "UA", "A2")


@pytest.mark.threat("A3")
@pytest.mark.parametrize(
    "uri", ["", "rsa-sha256", MORE + "RSA-SHA256", MORE + "ecdsa-sha256 ", "urn:x", GOST, "http://[",
            MORE + "ecdsa-sha3-256",
            "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed448", "\u202e" + MORE, "x" * 5000],
)  # fmt: skip
def test_unknown_algorithms_are_refused(desk: Desk, uri: str) -> None:
    """Misspelt, empty, of a provider we do not have: as signature and as digest, a refusal and no traceback."""
    desk.refuses(forged(method=uri or " "), "UA", "A3")
    desk.refuses(forged(edit=lambda info: info[1].set("Algorithm", uri)), "UA", "A3")
    desk.refuses(forged(edit=lambda info: info[2][1].set("Algorithm", uri)), "UA", "A3")
    desk.refuses(forged(edit=lambda info: info[1].attrib.pop("Algorithm")), "UA", "A3")


@pytest.mark.threat("A4")
@pytest.mark.parametrize("kind", ["rsa2048", "p256", "p384", "ed25519"])
def test_the_algorithm_fits_the_key(kind: str) -> None:
    """A signature of one kind under the name of another."""
    door = make_desk(kind, algorithms=EVERY)
    names = {"rsa2048": "rsa", "p256": "ecdsa", "p384": "ecdsa", "ed25519": "eddsa"}
    for other in (
        MORE + "rsa-sha256",
        MORE_2007 + "sha256-rsa-MGF1",
        MORE + "ecdsa-sha256",
        "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519",
    ):
        if names[kind] not in other:
            door.refuses(forged(kind=kind, method=other), "UA", "A4")


ORDER = bytes.fromhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")


@pytest.mark.threat("A5")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: s[:-1], lambda s: s + b"\0", lambda s: b"\0" + s, lambda _: b"\0" * 64, lambda s: s * 2,
        lambda s: b"\0" * 32 + s[32:], lambda s: s[:32] + b"\0" * 32, lambda s: ORDER + s[32:],
        lambda s: s[:32] + ORDER, lambda s: s[32:] + s[:32], lambda _: b"\xff" * 64, lambda _: b"0",
        lambda s: s[:32] + b"\0" + s[32:], lambda _: os.urandom(64),
    ],
)  # fmt: skip
def test_elliptic_signatures_have_one_spelling(desk: Desk, spoil: Callable[[bytes], bytes]) -> None:
    """Raw r||s of the curve's length, both in range."""
    key = party("p256").signer.own_key("ecdsa-sha256")
    desk.refuses(forged(sign=lambda octets: spoil(key.sign(octets))), "FC", "A5")


@pytest.mark.threat("A5")
def test_elliptic_signatures_in_der_are_refused(desk: Desk) -> None:
    """As a library writes them before anybody converts them."""
    key = party("p256").signer.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    desk.refuses(forged(sign=lambda octets: key.sign(octets, ec.ECDSA(hashes.SHA256()))), "FC", "A5")


def rsa_signers() -> list[Callable[[bytes], bytes]]:
    key = party("rsa2048").signer.key
    assert isinstance(key, rsa.RSAPrivateKey)
    sha = hashes.SHA256()
    right = lambda octets: key.sign(octets, padding.PKCS1v15(), sha)  # noqa: E731
    return [
        lambda octets: right(octets)[:-1], lambda octets: right(octets) + b"\0", lambda octets: b"\0" + right(octets),
        lambda _octets: b"\0" * 256, lambda _octets: b"\xff" * 256, lambda _octets: b"",
        lambda octets: key.sign(octets, padding.PKCS1v15(), hashes.SHA512()),
        lambda octets: key.sign(octets, padding.PSS(padding.MGF1(sha), 32), sha),
    ]  # fmt: skip


@pytest.mark.threat("A5")
@pytest.mark.parametrize("number", range(8))
def test_rsa_signatures_have_one_spelling(number: int) -> None:
    """PKCS#1 v1.5 of the key's length over the named digest; nothing, garbage and PSS are refused."""
    answer = "IS" if number == 5 else "FC"
    make_desk("rsa2048").refuses(forged(kind="rsa2048", sign=rsa_signers()[number]), answer, "A5", "W7")


@pytest.mark.threat("A5")
def test_the_salt_of_pss_is_as_long_as_its_hash() -> None:
    """Another salt, another mask hash, or the other padding."""
    key = party("rsa3072").signer.key
    assert isinstance(key, rsa.RSAPrivateKey)
    sha = hashes.SHA256()
    door = make_desk("rsa3072")
    for pad in (
        padding.PSS(padding.MGF1(sha), 20),
        padding.PSS(padding.MGF1(sha), 0),
        padding.PKCS1v15(),
        padding.PSS(padding.MGF1(sha), padding.PSS.MAX_LENGTH),
        padding.PSS(padding.MGF1(hashes.SHA512()), 32),
    ):
        door.refuses(forged(kind="rsa3072", sign=lambda octets, pad=pad: key.sign(octets, pad, sha)), "FC", "A5")
    door.accepts(forged(kind="rsa3072", sign=lambda octets: key.sign(octets, padding.PSS(padding.MGF1(sha), 32), sha)))


TRANSFORMS = [
    "http://www.w3.org/TR/1999/REC-xslt-19991116", "http://www.w3.org/TR/1999/REC-xpath-19991116",
    "http://www.w3.org/2002/06/xmldsig-filter2", f"{DS}base64", f"{DS}enveloped-signature",
    "http://www.w3.org/2002/07/decrypt#XML", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
    "http://www.w3.org/2006/12/xml-c14n11", EXC_C14N + "WithComments", "urn:x", "",
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform",
]  # fmt: skip


@pytest.mark.threat("A6")
@pytest.mark.parametrize("algorithm", TRANSFORMS)
def test_one_transform_only(desk: Desk, algorithm: str) -> None:
    """Anything but exclusive canonical form, alone or beside it, for a reference and for SignedInfo."""
    right = transform()
    for transforms in (transform(algorithm), transform(algorithm) + right, right + transform(algorithm)):
        desk.refuses(forged(transforms=transforms), "UA", "A6")
    desk.refuses(forged(edit=lambda info: info[0].set("Algorithm", algorithm)), "UA", "A6")


@pytest.mark.threat("A6")
def test_transforms_carry_nothing_but_prefixes(desk: Desk) -> None:
    """None, two, a stylesheet or an expression inside, or no list at all."""
    right = transform()
    sheet = '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0"/>'
    inside = f'<ds:Transform Algorithm="{EXC_C14N}">{sheet}</ds:Transform>'
    for transforms in (
        "",
        right * 2,
        inside,
        inside.replace(sheet, "<ds:XPath>1</ds:XPath>"),
    ):
        desk.refuses(forged(transforms=transforms), "UA", "A6")
    desk.refuses(forged(edit=lambda info: info[2].remove(info[2][0])), "IS", "W7")
    desk.refuses(forged(edit=lambda info: etree.SubElement(info[0], "{urn:x}More")), "UA", "A6")


@pytest.mark.threat("A7")
def test_less_than_agreed_is_refused_and_alarms() -> None:
    """A right signature by an algorithm or digest that this partner did not agree to."""
    wire = forged(kind="rsa2048")
    for record in ({"algorithms": frozenset({"rsa-pss-sha256"})}, {"digests": frozenset({"sha512"})}):
        door = make_desk("rsa2048", **record)
        door.refuses(wire, "UA", "A7")
        assert door.ledger.intakes[-1].alarm
    make_desk("rsa2048").accepts(wire)


@pytest.mark.threat("A7")
def test_longer_digests_are_read_with_their_line_breaks() -> None:
    """A digest of 88 letters over two lines, as some stacks break it, is the same digest."""

    def fold(info: etree._Element) -> None:
        for value in info.iter(f"{{{DS}}}DigestValue"):
            text = value.text or ""
            value.text = text[:76] + "\r\n" + text[76:]

    wire: Wire = forged(digest="http://www.w3.org/2001/04/xmlenc#sha512", edit=fold)
    assert b"&#13;" in wire.body or b"&#xD;" in wire.body
    make_desk().accepts(wire)


def test_a_message_signed_twice_over_is_not_twice_as_good(desk: Desk) -> None:
    """The signature of another sealed message does not fit this one."""
    other = etree.fromstring(query(message_id="urn:uuid:another").body)
    value = other.find(f".//{{{DS}}}SignatureValue")
    assert value is not None

    def swap(root: etree._Element) -> None:
        root.find(f".//{{{DS}}}SignatureValue").text = value.text  # type: ignore[union-attr]

    desk.refuses(changed(swap), "FC", "A5")
