"""A certification authority for demonstrations: made at first start, marked so that production refuses it."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from gateway.seal.keys import SigningKey

DEMO_MARK: Final = x509.ObjectIdentifier("2.25.310294918237465917364528190283746510293")
"""Our own extension (a UUID-based OID, ITU-T X.667): this certificate is for demonstrations."""
_VALID: Final = timedelta(days=825)
KINDS: Final = {"rsa": "rsa-sha256", "ec": "ecdsa-sha256"}


def is_demo(certificate: x509.Certificate) -> bool:
    """True for a certificate of a demo authority."""
    return any(extension.oid == DEMO_MARK for extension in certificate.extensions)


def make_demo_trust(state: Path, parties: list[str], now: datetime | None = None) -> list[Path]:
    """Make what is missing: the demo CA, our keys and one key pair of each kind per party. Returns what was made.

    `state/keys` gets our own, `state/demo/<party>` each party's, `state/trust` the public certificates. Keys are 0600.
    """
    now = now or datetime.now(UTC)
    made: list[Path] = []
    authority = state / "demo" / "ca"
    if not (authority / "ca.pem").exists():
        _write_ca(authority, now)
        made.append(authority / "ca.pem")
    ca_key, ca = _load(authority / "ca.pem")
    _write_public(state / "trust" / "demo-ca.pem", ca)
    for party in ["gateway", *parties]:
        for kind in KINDS:
            folder = state / "keys" if party == "gateway" else state / "demo" / party
            file = folder / f"{party}-{kind}.pem"
            if not file.exists():
                key, certificate = _issue(party, kind, (ca_key, ca), now)
                write_private(file, _pem(key) + certificate.public_bytes(Encoding.PEM))
                made.append(file)
            _write_public(state / "trust" / file.name, _load(file)[1])
    return made


def write_private(file: Path, content: bytes) -> None:
    """Write a file that only its owner can read, in a folder that only its owner can enter."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.parent.chmod(0o700)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)


def _load(file: Path) -> tuple[SigningKey, x509.Certificate]:
    content = file.read_bytes()
    key = load_pem_private_key(content, None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise TypeError(f"{file} holds a key of another kind")
    return key, x509.load_pem_x509_certificate(content)


def _pem(key: SigningKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write_public(file: Path, certificate: x509.Certificate) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    content = certificate.public_bytes(Encoding.PEM)
    if not file.exists() or file.read_bytes() != content:
        file.write_bytes(content)


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "KZ"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "DEMO ONLY - single-window gateway"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _builder(subject: str, issuer: str, key: SigningKey, now: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _VALID)
        .add_extension(x509.UnrecognizedExtension(DEMO_MARK, b"\x05\x00"), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca, content_commitment=not ca, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=ca, crl_sign=ca, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _write_ca(folder: Path, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    certificate = (
        _builder("demo CA", "demo CA", key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .sign(key, hashes.SHA384())
    )
    write_private(folder / "ca.pem", _pem(key) + certificate.public_bytes(Encoding.PEM))


def _issue(
    party: str, kind: str, ca: tuple[SigningKey, x509.Certificate], now: datetime
) -> tuple[SigningKey, x509.Certificate]:
    key: SigningKey = (
        rsa.generate_private_key(65537, 3072) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    )
    ca_key, _ = ca
    builder = (
        _builder(party, "demo CA", key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(ca=False), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    return key, builder.sign(ca_key, hashes.SHA384())
