"""From the certificate of a signer to the partner it speaks for: registry, path, dates, purpose; nothing is fetched.

A certificate is believed only when it is registered for the claimed partner (SHA-256 of its DER) and also chains, at
the time of receipt, to an anchor in that partner's record. Revocation is not looked up: a revoked certificate is
retired in the record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError

from gateway.errors import PartnerUnknown, SealToken
from gateway.model import Partner, PartnerCertificate, PartnerId
from gateway.seal.keys import PublicKey, usable_key

Extension = TypeVar("Extension", bound=x509.ExtensionType)

_MOST_PATHS: Final = 1024
_LONGEST_PATH: Final = 8
_MOST_SERIAL_BITS: Final = 160
"""RFC 5280 4.1.2.2: at most 20 octets."""
_LARGEST_TOKEN: Final = 16_384
_TLS_PURPOSES: Final = frozenset({ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH})
_KNOWN_CRITICAL: Final = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.CERTIFICATE_POLICIES,
    }
)
# A signing CA has no TLS purpose, so its extended key usage says nothing here; a leaf is judged by `_check_leaf`.
_CA_POLICY: Final = ExtensionPolicy.webpki_defaults_ca().may_be_present(
    x509.ExtendedKeyUsage, Criticality.AGNOSTIC, None
)


@dataclass(frozen=True, slots=True)
class _Path:
    """A path that was found good, and the time span in which all its certificates are valid."""

    key: PublicKey
    not_before: datetime
    not_after: datetime


_paths: dict[tuple[str, tuple[bytes, ...]], _Path] = {}


def bind(
    certificate_der: bytes, claimed: PartnerId, partners: Mapping[PartnerId, Partner], at: datetime, *, sha256: str = ""
) -> tuple[Partner, PublicKey]:
    """The signer is this partner at this moment, and this is its public key.

    `at` is the time of receipt, UTC; `sha256` spares working out the hex digest of the certificate anew. Raises
    SealToken (unreadable certificate, C8), PartnerUnknown (not registered for the claimed partner C1 C6, retired C10,
    outside its dates C2, path or purpose not good C3) or WeakAlgorithm (A2).
    """
    digest = sha256 or hashlib.sha256(certificate_der).hexdigest()
    partner = _registered(certificate_der, digest, claimed, partners)
    moment = at.replace(microsecond=0)
    path = _paths.get((digest, partner.anchors))
    if path is None or not path.not_before <= moment <= path.not_after:
        path = _walk(read_certificate(certificate_der), partner.anchors, moment)
        if len(_paths) >= _MOST_PATHS:
            _paths.clear()
        _paths[(digest, partner.anchors)] = path
    return partner, path.key


def partner_of(certificate_der: bytes, partners: Mapping[PartnerId, Partner]) -> PartnerId | None:
    """The partner whose record lists this certificate, retired or not; None when no record does."""
    digest = hashlib.sha256(certificate_der).hexdigest()
    return next((partner.id for partner in partners.values() if _entry(partner, digest)), None)


def read_certificate(der: bytes) -> x509.Certificate:
    """The certificate these octets are, and nothing more. Raises SealToken (row C8)."""
    if len(der) > _LARGEST_TOKEN:
        raise SealToken("the certificate is too large", threat="C8")
    try:
        certificate = x509.load_der_x509_certificate(der)
        certificate.extensions  # noqa: B018 read for its errors: they are parsed only when asked for
        number = certificate.serial_number
    except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, Warning) as error:
        raise SealToken(f"the certificate is not readable: {error}", threat="C8") from None
    if number <= 0 or number.bit_length() > _MOST_SERIAL_BITS:
        raise SealToken("the serial number of the certificate is not usable", threat="C8")
    return certificate


def _registered(der: bytes, digest: str, claimed: PartnerId, partners: Mapping[PartnerId, Partner]) -> Partner:
    partner = partners.get(claimed)
    entry = _entry(partner, digest) if partner else None
    if partner is None or entry is None:
        read_certificate(der)
        owner = partner_of(der, partners)
        if partner is not None and owner is not None:
            raise PartnerUnknown(f"the certificate is that of {owner}, not of {claimed}", threat="C6")
        raise PartnerUnknown("the certificate is not registered for the claimed partner", threat="C1")
    if entry.retired:
        raise PartnerUnknown("the certificate is retired", threat="C10")
    return partner


def _entry(partner: Partner, digest: str) -> PartnerCertificate | None:
    for entry in partner.certificates:
        if entry.sha256 == digest:
            return entry
    return None


def check_path(
    leaf: x509.Certificate, ends: list[x509.Certificate], steps: list[x509.Certificate], at: datetime
) -> list[x509.Certificate]:
    """The path from a certificate over `steps` to one of `ends`, leaf first, good at this moment (RFC 5280 6).

    Says nothing of the leaf's purpose. Raises PartnerUnknown: C2 when an authority is outside its dates, else C3.
    """
    policy = PolicyBuilder().store(Store(ends)).time(at).max_chain_depth(_LONGEST_PATH)
    policy = policy.extension_policies(ca_policy=_CA_POLICY, ee_policy=ExtensionPolicy.permit_all())
    try:
        return policy.build_client_verifier().verify(leaf, steps).chain
    except VerificationError as error:
        late = not all(_in_time(authority, at) for authority in (*ends, *steps))
        raise PartnerUnknown(f"no good path to an anchor: {error}", threat="C2" if late else "C3") from None


def _walk(leaf: x509.Certificate, anchors: tuple[bytes, ...], at: datetime) -> _Path:
    key = _public_key(leaf)
    _check_leaf(leaf, at)
    authorities = [read_certificate(der) for der in anchors]
    if leaf in authorities:
        raise PartnerUnknown("a certificate is not its own anchor", threat="C1")
    if not any(_issued(leaf, authority) for authority in authorities):
        raise PartnerUnknown("the certificate was not issued by an anchor of this partner", threat="C1")
    # An authority that another one issued is a step of the path, not its end.
    ends = [a for a in authorities if not any(b != a and _issued(a, b) for b in authorities)]
    chain = check_path(leaf, ends, [a for a in authorities if a not in ends], at)
    return _Path(key, max(c.not_valid_before_utc for c in chain), min(c.not_valid_after_utc for c in chain))


def _in_time(certificate: x509.Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def _public_key(leaf: x509.Certificate) -> PublicKey:
    try:
        return usable_key(leaf.public_key())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SealToken(f"the key of the certificate is not usable: {error}", threat="C8") from None


def _check_leaf(leaf: x509.Certificate, at: datetime) -> None:
    """What the path verifier, made for TLS, does not ask of a signing certificate (row C3)."""
    if not _in_time(leaf, at):
        raise PartnerUnknown("the certificate is outside its dates", threat="C2")
    unknown = [e.oid.dotted_string for e in leaf.extensions if e.critical and e.oid not in _KNOWN_CRITICAL]
    if unknown:
        raise PartnerUnknown(f"the certificate has unknown critical extensions: {unknown}", threat="C3")
    basic = _value(leaf, x509.BasicConstraints)
    if basic is not None and basic.ca:
        raise PartnerUnknown("the certificate is that of a CA", threat="C3")
    usage = _value(leaf, x509.KeyUsage)
    if usage is None or not (usage.digital_signature or usage.content_commitment) or usage.key_cert_sign:
        raise PartnerUnknown("the certificate is not for signatures over messages", threat="C3")
    purposes = _value(leaf, x509.ExtendedKeyUsage)
    if purposes is not None and set(purposes) <= _TLS_PURPOSES:
        raise PartnerUnknown("the certificate is for TLS only", threat="C3")


def _value(certificate: x509.Certificate, kind: type[Extension]) -> Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
