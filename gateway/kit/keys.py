"""A partner's key and its certificate request, made on the spot and kept from others."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from gateway.model import Partner
from gateway.seal.keys import SigningKey
from gateway.shell.demo_ca import write_private


def new_key(kind: str) -> SigningKey:
    """A P-256 key for `ec`, RSA of 3072 bits for `rsa`."""
    return ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 3072)


def key_and_request(folder: Path, partner: Partner, kind: str) -> list[Path]:
    """A private key (0600) and its certificate request, unless they are there already; returns both files.

    The request names the partner id as common name, and asks for a signing certificate.
    """
    key_file, request_file = folder / f"{partner.id}-{kind}.key.pem", folder / f"{partner.id}-{kind}.csr.pem"
    if not key_file.exists():
        key = new_key(kind)
        write_private(key_file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        request_file.write_bytes(_request(key, partner).public_bytes(Encoding.PEM))
    return [key_file, request_file]


def _request(key: SigningKey, partner: Partner) -> x509.CertificateSigningRequest:
    name = [x509.NameAttribute(NameOID.COMMON_NAME, partner.id)]
    if partner.name.get("en"):
        name.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, partner.name["en"][:64]))
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=True, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(name)).add_extension(usage, critical=True)
    return builder.sign(key, hashes.SHA256())
