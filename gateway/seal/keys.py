"""Which signature algorithms exist here, under which names, and the check of one signature over some octets.

What is not in these tables does not exist: no SHA-1, no HMAC, no DSA, no curve but P-256, P-384, P-521 and Ed25519.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.errors import ConfigurationError, SealBroken, SealError, WeakAlgorithm

PublicKey = RSAPublicKey | ec.EllipticCurvePublicKey | Ed25519PublicKey
SigningKey = RSAPrivateKey | ec.EllipticCurvePrivateKey | Ed25519PrivateKey

_HASHES: Final[Mapping[str, hashes.HashAlgorithm]] = MappingProxyType(
    {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
)
_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_MORE_2007: Final = "http://www.w3.org/2007/05/xmldsig-more#"
_XMLENC: Final = "http://www.w3.org/2001/04/xmlenc#"

XMLDSIG_SIGNATURE: Final[Mapping[str, str]] = MappingProxyType(
    {_MORE + f"rsa-{name}": f"rsa-{name}" for name in _HASHES}
    | {_MORE_2007 + f"{name}-rsa-MGF1": f"rsa-pss-{name}" for name in _HASHES}
    | {_MORE + f"ecdsa-{name}": f"ecdsa-{name}" for name in _HASHES}
    | {"http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519": "ed25519"}
)
"""SignatureMethod URI to short name (RFC 9231)."""
XMLDSIG_SIGNATURE_URI: Final[Mapping[str, str]] = MappingProxyType({v: k for k, v in XMLDSIG_SIGNATURE.items()})
XMLDSIG_DIGEST: Final[Mapping[str, str]] = MappingProxyType(
    {_XMLENC + "sha256": "sha256", _MORE + "sha384": "sha384", _XMLENC + "sha512": "sha512"}
)
"""DigestMethod URI to short name."""
XMLDSIG_DIGEST_URI: Final[Mapping[str, str]] = MappingProxyType({v: k for k, v in XMLDSIG_DIGEST.items()})

ALGORITHMS: Final[frozenset[str]] = frozenset(XMLDSIG_SIGNATURE.values())
"""Every short name that a partner's record may list."""

HTTP_SIGNATURE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ecdsa-p256-sha256": "ecdsa-sha256",
        "ecdsa-p384-sha384": "ecdsa-sha384",
        "ed25519": "ed25519",
        "rsa-pss-sha512": "rsa-pss-sha512",
        "rsa-v1_5-sha256": "rsa-sha256",
    }
)
"""RFC 9421 algorithm name to short name. Each ECDSA name also fixes the curve (`http_names`)."""
HTTP_INBOUND_ONLY: Final = frozenset({"rsa-v1_5-sha256"})
_HTTP_CURVES: Final = {"ecdsa-p256-sha256": "secp256r1", "ecdsa-p384-sha384": "secp384r1"}

_CURVE_ORDERS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
        "secp384r1": int("F" * 48 + "C7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973", 16),
        "secp521r1": int(
            "1" + "F" * 64 + "FA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409", 16
        ),
    }
)  # fmt: skip
_PKCS1: Final = padding.PKCS1v15()
_RSA_BITS: Final = range(2048, 8193)
_RSA_EXPONENT: Final = range(65537, 1 << 64)


def verify_octets(algorithm: str, certificate_public_key: object, signature: bytes, octets: bytes) -> None:
    """The holder of this key signed exactly these octets; nothing is returned.

    `algorithm` is a short name; ECDSA signatures are raw r||s (XML Signature 1.1, RFC 9421 3.3.4), PSS salt is as long
    as the hash. Raises WeakAlgorithm (unknown name, key of another type, key too weak: rows A1-A4) or SealBroken (A5).
    """
    check_octets(algorithm, usable_key(certificate_public_key), signature, octets)


def check_octets(algorithm: str, key: PublicKey, signature: bytes, octets: bytes) -> None:
    """As `verify_octets`, for a key that `usable_key` has taken."""
    check = _check_of(algorithm, key)
    try:
        check(signature, octets)
    except InvalidSignature:
        raise SealBroken(f"the {algorithm} signature does not match", threat="A5") from None
    except ValueError as error:
        raise SealBroken(f"the {algorithm} signature is not usable: {error}", threat="A5") from None


def usable_key(key: object) -> PublicKey:
    """The key, known to be of a type and strength we accept. Raises WeakAlgorithm (row A2)."""
    if isinstance(key, RSAPublicKey):
        if key.key_size not in _RSA_BITS or key.public_numbers().e not in _RSA_EXPONENT:
            raise WeakAlgorithm(f"RSA key of {key.key_size} bits or its exponent is not accepted", threat="A2")
        return key
    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in _CURVE_ORDERS:
            raise WeakAlgorithm(f"curve {key.curve.name} is not accepted", threat="A2")
        return key
    if isinstance(key, Ed25519PublicKey):
        return key
    raise WeakAlgorithm(f"a key of type {type(key).__name__} is not accepted", threat="A2")


def fits(algorithm: str, key: object) -> bool:
    """True when this key may sign under this short name."""
    try:
        _check_of(algorithm, usable_key(key))
    except SealError:
        return False
    return True


def http_names(key: PublicKey) -> tuple[str, ...]:
    """The RFC 9421 algorithms this key can have; empty for a curve that the RFC does not pair with a hash."""
    if isinstance(key, RSAPublicKey):
        return ("rsa-pss-sha512", "rsa-v1_5-sha256")
    if isinstance(key, ec.EllipticCurvePublicKey):
        return tuple(name for name, curve in _HTTP_CURVES.items() if curve == key.curve.name)
    return ("ed25519",)


def _check_of(algorithm: str, key: PublicKey) -> Callable[[bytes, bytes], None]:
    if algorithm not in ALGORITHMS:
        raise WeakAlgorithm(f"algorithm {algorithm[:60]!r} is not accepted", threat="A3")
    family, _, digest = algorithm.rpartition("-")
    if family == "rsa" and isinstance(key, RSAPublicKey):
        return lambda signature, octets: key.verify(signature, octets, _PKCS1, _HASHES[digest])
    if family == "rsa-pss" and isinstance(key, RSAPublicKey):
        return lambda signature, octets: key.verify(signature, octets, _pss(digest), _HASHES[digest])
    if family == "ecdsa" and isinstance(key, ec.EllipticCurvePublicKey):
        return lambda signature, octets: key.verify(_der(signature, key.curve), octets, ec.ECDSA(_HASHES[digest]))
    if algorithm == "ed25519" and isinstance(key, Ed25519PublicKey):
        return key.verify
    raise WeakAlgorithm(f"{algorithm} does not fit a key of type {type(key).__name__}", threat="A4")


def _pss(digest: str) -> padding.PSS:
    return padding.PSS(mgf=padding.MGF1(_HASHES[digest]), salt_length=_HASHES[digest].digest_size)


def _der(signature: bytes, curve: ec.EllipticCurve) -> bytes:
    """Raw r||s to DER; the length and both ranges are checked first, as OpenSSL would take more than the standard."""
    width = (curve.key_size + 7) // 8
    if len(signature) != 2 * width:
        raise ValueError(f"{len(signature)} octets instead of {2 * width}")
    r, s = int.from_bytes(signature[:width]), int.from_bytes(signature[width:])
    order = _CURVE_ORDERS[curve.name]
    if not (0 < r < order and 0 < s < order):
        raise ValueError("r or s out of range")
    return encode_dss_signature(r, s)


@dataclass(frozen=True, slots=True)
class FileKey:
    """One of our own keys, in memory (a ports.OwnKey). Raises ConfigurationError when its parts do not fit together."""

    private: SigningKey
    certificate: bytes
    """DER."""
    algorithm: str

    def __post_init__(self) -> None:
        """A key that does not match its certificate or algorithm would be found out only by partners."""
        public = self.private.public_key()
        if not fits(self.algorithm, public):
            raise ConfigurationError(f"the key cannot sign with {self.algorithm}")
        if _spki(public) != _spki(_key_of(self.certificate)):
            raise ConfigurationError("the certificate does not belong to the key")

    def sign(self, octets: bytes) -> bytes:
        """Sign as `algorithm` says; ECDSA as raw r||s."""
        family, _, digest = self.algorithm.rpartition("-")
        if isinstance(self.private, Ed25519PrivateKey):
            return self.private.sign(octets)
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            der = self.private.sign(octets, ec.ECDSA(_HASHES[digest]))
            width = (self.private.curve.key_size + 7) // 8
            return b"".join(number.to_bytes(width) for number in decode_dss_signature(der))
        pad = _pss(digest) if family == "rsa-pss" else padding.PKCS1v15()
        return self.private.sign(octets, pad, _HASHES[digest])


def _key_of(certificate: bytes) -> PublicKey:
    try:
        return usable_key(x509.load_der_x509_certificate(certificate).public_key())
    except (ValueError, UnsupportedAlgorithm, WeakAlgorithm) as error:
        raise ConfigurationError(f"the certificate of an own key is not usable: {error}") from None


def _spki(key: PublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
