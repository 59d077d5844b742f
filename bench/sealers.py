"""The same sealed message verified and made by others: the bare floor, python-xmlsec, zeep and signxml.

`verify` takes the octets as they came and gives the parsed envelope; `sign` takes the payload as a tree and gives the
octets that leave. The floor calls the C libraries and checks nothing; peers do what their own code does.
"""

# mypy: disable-error-code="attr-defined,no-untyped-call"
# xmlsec and zeep tell mypy little of themselves

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from signxml import DigestAlgorithm, SignatureConfiguration, SignatureConstructionMethod, SignatureMethod
from signxml.algorithms import CanonicalizationMethod
from signxml.signer import SignatureReference, XMLSigner
from signxml.verifier import XMLVerifier
from zeep.wsse.signature import BinarySignature

from gateway.model import DS, WSU
from gateway.seal.keys import FileKey
from gateway.xml import Element, canonical

_ID: Final = f"{{{WSU}}}Id"


class Sealer(Protocol):
    """One way to verify and to sign."""

    def verify(self, octets: bytes) -> Element: ...
    def sign(self, payload: Element) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Keys:
    """Whose signature is verified, and who signs; `like` is a sealed envelope of ours, the pattern of what is made."""

    theirs: bytes
    """Their certificate, DER."""
    own: FileKey
    like: bytes

    @property
    def theirs_pem(self) -> bytes:
        """Their certificate, PEM."""
        return x509.load_der_x509_certificate(self.theirs).public_bytes(Encoding.PEM)

    @property
    def own_pem(self) -> tuple[bytes, bytes]:
        """Our private key and our certificate, PEM."""
        key = self.own.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return key, x509.load_der_x509_certificate(self.own.certificate).public_bytes(Encoding.PEM)


def parts_of(root: Element) -> list[Element]:
    """Every signed part of an envelope of ours, by position: the headers, token, timestamp and Body."""
    header, body = root[0], root[1]
    *headers, security = header
    return [*headers, security[0], security[1], body]


def skeleton(like: bytes) -> etree._Element:
    """An envelope of ours without its signature and payload."""
    root = etree.fromstring(like)
    security = root[0][-1]
    security.remove(security[2])
    root[1].remove(root[1][0])
    return root


class Floor:
    """Parse, canonicalise, digest, one signature operation: the C calls that nobody can leave out."""

    def __init__(self, keys: Keys) -> None:
        public = x509.load_der_x509_certificate(keys.theirs).public_key()
        assert isinstance(public, RSAPublicKey | ec.EllipticCurvePublicKey)
        self._check = _rsa_check(public) if isinstance(public, RSAPublicKey) else _ec_check(public)
        self._sign = _sign_with(keys.own)
        root = etree.fromstring(keys.like)
        self._headers = [canonical(part) for part in parts_of(root)[:-1]]
        self._body = canonical(skeleton(keys.like)[1]).partition(b"</")[0]
        signed_info = canonical(root[0][-1][2][0])
        values = root.iter(f"{{{DS}}}DigestValue")
        for value in values:
            signed_info = signed_info.replace((value.text or "").encode(), b"%s")
        self._signed_info = signed_info

    def verify(self, octets: bytes) -> Element:
        """Nothing is compared but the signature value."""
        root = etree.fromstring(octets)
        for part in parts_of(root):
            hashlib.sha256(canonical(part)).digest()
        signature = root[0][-1][2]
        self._check(base64.b64decode(signature[1].text or ""), canonical(signature[0]))
        return root

    def sign(self, payload: Element) -> bytes:
        """The payload made canonical first."""
        return self.sign_octets(canonical(payload))

    def sign_octets(self, payload: bytes) -> bytes:
        """The parts written as text, hashed once."""
        body = b"".join((self._body, payload, b"</env:Body>"))
        digests = [base64.b64encode(hashlib.sha256(part).digest()) for part in (*self._headers, body)]
        signed_info = self._signed_info % tuple(digests)
        value = base64.b64encode(self._sign(signed_info))
        return b"".join((*self._headers, signed_info, value, body))


def _rsa_check(key: RSAPublicKey):  # type: ignore[no-untyped-def]
    return lambda value, octets: key.verify(value, octets, padding.PKCS1v15(), hashes.SHA256())


def _ec_check(key: ec.EllipticCurvePublicKey):  # type: ignore[no-untyped-def]
    def check(value: bytes, octets: bytes) -> None:
        der = encode_dss_signature(int.from_bytes(value[:32]), int.from_bytes(value[32:]))
        key.verify(der, octets, ec.ECDSA(hashes.SHA256()))

    return check


def _sign_with(key: FileKey):  # type: ignore[no-untyped-def]
    private = key.private
    if isinstance(private, RSAPrivateKey):
        return lambda octets: private.sign(octets, padding.PKCS1v15(), hashes.SHA256())
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    return lambda octets: private.sign(octets, ec.ECDSA(hashes.SHA256()))


class Xmlsec:
    """python-xmlsec as its documentation shows it, keys loaded once, ids registered by position."""

    def __init__(self, keys: Keys) -> None:
        self._theirs = xmlsec.Key.from_memory(keys.theirs_pem, xmlsec.KeyFormat.CERT_PEM, None)
        self._own = xmlsec.Key.from_memory(keys.own_pem[0], xmlsec.KeyFormat.PEM, None)
        self._method = _xmlsec_method(keys.own)
        self._skeleton = etree.tostring(skeleton(keys.like))

    def verify(self, octets: bytes) -> Element:
        """Every reference of the message, against the given key."""
        root = etree.fromstring(octets)
        context = xmlsec.SignatureContext()
        for part in parts_of(root):
            context.register_id(part, "Id", WSU)
        context.key = self._theirs
        context.verify(root[0][-1][2])
        return root

    def sign(self, payload: Element) -> bytes:
        """The same parts as ours."""
        root = etree.fromstring(self._skeleton)
        root[1].append(payload)
        signature = xmlsec.template.create(root, xmlsec.Transform.EXCL_C14N, self._method, ns="ds")
        root[0][-1].append(signature)
        context = xmlsec.SignatureContext()
        for part in parts_of(root):
            context.register_id(part, "Id", WSU)
            reference = xmlsec.template.add_reference(signature, xmlsec.Transform.SHA256, uri=f"#{part.get(_ID)}")
            xmlsec.template.add_transform(reference, xmlsec.Transform.EXCL_C14N)
        context.key = self._own
        context.sign(signature)
        return etree.tostring(root)


def _xmlsec_method(key: FileKey):  # type: ignore[no-untyped-def]
    return xmlsec.Transform.RSA_SHA256 if isinstance(key.private, RSAPrivateKey) else xmlsec.Transform.ECDSA_SHA256


class Zeep:
    """zeep.wsse.BinarySignature as a user configures it, SHA-256 asked for; it signs Body and Timestamp only."""

    def __init__(self, keys: Keys) -> None:
        with TemporaryDirectory() as place:
            make = partial(self._made, Path(place), keys)
            self._verifier, self._signer = make(keys.theirs_pem), make(keys.own_pem[1])
        self._skeleton = _without_token(keys.like)

    @staticmethod
    def _made(place: Path, keys: Keys, certificate: bytes) -> BinarySignature:
        key, chain = place / "key.pem", place / "certificate.pem"
        key.write_bytes(keys.own_pem[0])
        chain.write_bytes(certificate)
        return BinarySignature(
            str(key), str(chain), signature_method=_xmlsec_method(keys.own), digest_method=xmlsec.Transform.SHA256
        )

    def verify(self, octets: bytes) -> Element:
        """Every reference of the message, against the configured certificate."""
        root = etree.fromstring(octets)
        self._verifier.verify(root)
        return root

    def sign(self, payload: Element) -> bytes:
        """Two parts; the token is put in after signing."""
        root = etree.fromstring(self._skeleton)
        root[1].append(payload)
        self._signer.apply(root, {})
        return etree.tostring(root)


def _without_token(like: bytes) -> bytes:
    """An envelope for zeep to sign: it puts in a token of its own."""
    root = skeleton(like)
    security = root[0][-1]
    security.remove(security[0])
    return etree.tostring(root)


class Signxml:
    """signxml with the certificate given and one Signature found by its place."""

    def __init__(self, keys: Keys) -> None:
        private = keys.own.private
        assert isinstance(private, RSAPrivateKey | ec.EllipticCurvePrivateKey)
        rsa = isinstance(private, RSAPrivateKey)
        method = SignatureMethod.RSA_SHA256 if rsa else SignatureMethod.ECDSA_SHA256
        parts = parts_of(etree.fromstring(keys.like))
        self._theirs = x509.load_der_x509_certificate(keys.theirs)
        self._key, self._certificate = private, x509.load_der_x509_certificate(keys.own.certificate)
        self._expect = SignatureConfiguration(location=".//", expect_references=True)
        self._signer = XMLSigner(
            method=SignatureConstructionMethod.detached, signature_algorithm=method,
            digest_algorithm=DigestAlgorithm.SHA256,
            c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        )  # fmt: skip
        self._references = [
            SignatureReference(f"#{part.get(_ID)}", CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0)
            for part in parts
        ]
        self._skeleton = etree.tostring(skeleton(keys.like))

    def verify(self, octets: bytes) -> Element:
        """Every reference; the caller is to use the signed parts it gives back."""
        root = etree.fromstring(octets)
        XMLVerifier().verify(root, x509_cert=self._theirs, expect_config=self._expect, id_attribute="Id")
        return root

    def sign(self, payload: Element) -> bytes:
        """The same parts as ours."""
        root = etree.fromstring(self._skeleton)
        root[1].append(payload)
        signature = self._signer.sign(
            root, key=self._key, cert=[self._certificate], reference_uri=self._references, id_attribute="Id",
            always_add_key_value=False,
        )  # fmt: skip
        root[0][-1].append(signature)
        return etree.tostring(root)


PEERS: Final[dict[str, type[Xmlsec] | type[Zeep] | type[Signxml]]] = {
    "python-xmlsec": Xmlsec, "zeep.wsse": Zeep, "signxml": Signxml,
}  # fmt: skip
