"""A small certification authority for tests: every key is made in the run, every knob can be turned wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gateway.model import Partner, PartnerCertificate, PartnerId
from gateway.seal.keys import FileKey

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | Ed25519PrivateKey
NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
"""The frozen clock of the tests."""
SIGNING = x509.KeyUsage(True, True, False, False, False, False, False, False, False)
CA_USAGE = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
TLS_ONLY = x509.KeyUsage(False, False, True, False, False, False, False, False, False)


def new_key(kind: str = "p256", serial: int = 0) -> Key:
    """A key of `rsa<bits>`, `rsa-e3`, `p192`, `p256`, `p384`, `p521`, `secp256k1` or `ed25519`; one per serial."""
    return _new_key(kind, serial)


@cache
def _new_key(kind: str, serial: int) -> Key:
    if kind == "rsa-e3":
        return rsa.generate_private_key(3, 2048)
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    if kind == "ed25519":
        return Ed25519PrivateKey.generate()
    curves: dict[str, type[ec.EllipticCurve]] = {
        "p192": ec.SECP192R1, "p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1,
        "secp256k1": ec.SECP256K1,
    }  # fmt: skip
    return ec.generate_private_key(curves[kind]())


@dataclass(frozen=True)
class Issued:
    """A certificate with its private key."""

    key: Key
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.der).hexdigest()

    def own_key(self, algorithm: str) -> FileKey:
        return FileKey(self.key, self.der, algorithm)

    def registered(self, *, retired: bool = False) -> PartnerCertificate:
        return PartnerCertificate(der=self.der, sha256=self.sha256, retired=retired)


def name_of(common_name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, "KZ"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    )


def make_ca(
    name: str = "Сынақ CA",
    *,
    parent: Issued | None = None,
    kind: str = "p256",
    not_before: datetime = NOW - timedelta(days=365),
    not_after: datetime = NOW + timedelta(days=3650),
    path_length: int | None = None,
    ca: bool = True,
    usage: x509.KeyUsage | None = CA_USAGE,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    serial: int = 0,
) -> Issued:
    """A CA of its own, or below `parent`; `serial` asks for another key of the same kind."""
    key = new_key(kind, hash(("ca", name, serial)))
    basic = x509.BasicConstraints(ca=ca, path_length=path_length if ca else None)
    extra = [(basic, True), *([(usage, True)] if usage else []), *extensions]
    return issue(
        parent, name, key=key, not_before=not_before, not_after=not_after, usage=None, basic=None, extensions=extra
    )


def issue(
    issuer: Issued | None,
    name: str = "Денсаулық сақтау министрлігі",
    *,
    kind: str = "p256",
    serial: int = 0,
    key: Key | None = None,
    not_before: datetime = NOW - timedelta(days=30),
    not_after: datetime = NOW + timedelta(days=365),
    usage: x509.KeyUsage | None = SIGNING,
    basic: x509.BasicConstraints | None = x509.BasicConstraints(ca=False, path_length=None),  # noqa: B008 immutable
    extended: Sequence[x509.ObjectIdentifier] | None = None,
    names: Sequence[x509.GeneralName] = (),
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    number: int | None = None,
    signed_by: Key | None = None,
) -> Issued:
    """A leaf below `issuer`, or self-signed when None; `signed_by` puts another key's signature on it."""
    key = key or new_key(kind, serial)
    issuer_key = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(name_of(name))
        .issuer_name(issuer.certificate.subject if issuer else name_of(name))
        .public_key(key.public_key())
        .serial_number(number or x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )
    wanted: list[tuple[x509.ExtensionType | None, bool]] = [(basic, True), (usage, True), *extensions]
    wanted.append((x509.ExtendedKeyUsage(extended) if extended is not None else None, False))
    wanted.append((x509.SubjectAlternativeName(names) if names else None, False))
    for extension, critical in wanted:
        if extension is not None:
            builder = builder.add_extension(extension, critical)
    signer = signed_by or issuer_key
    digest = None if isinstance(signer, Ed25519PrivateKey) else hashes.SHA256()
    return Issued(key, builder.sign(signer, digest))


def make_partner(
    name: str, *signers: Issued, anchors: Sequence[Issued] = (), retired: Sequence[Issued] = (), **rest: object
) -> Partner:
    """A partner record with these signers registered and these anchors trusted."""
    certificates = tuple(s.registered() for s in signers) + tuple(s.registered(retired=True) for s in retired)
    return Partner(
        id=PartnerId(name),
        name={"en": name},
        role="pga",
        certificates=certificates,
        anchors=tuple(a.der for a in anchors),
        **rest,  # type: ignore[arg-type]
    )


def registry(*partners: Partner) -> dict[PartnerId, Partner]:
    return {partner.id: partner for partner in partners}
