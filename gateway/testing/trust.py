"""Throw-away keys below a throw-away CA: made once per process, never written down, good for any frozen clock."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gateway.errors import ConfigurationError
from gateway.model import Partner, PartnerCertificate, PartnerId, Profile
from gateway.ports import OwnKey
from gateway.seal.keys import FileKey, SigningKey
from gateway.setup import OWN_ID

GATEWAY_AUTHORITY: Final = "gateway.test"
SOAP_URL: Final = f"https://{GATEWAY_AUTHORITY}/soap"
REST_URL: Final = f"https://{GATEWAY_AUTHORITY}/api/v1/messages"
ADDRESSES: Final = frozenset({SOAP_URL, GATEWAY_AUTHORITY})
"""What a gateway in memory is addressed by."""
SIGNS_WITH: Final[Mapping[Profile, str]] = {"soap-gw-1": "rsa-sha256", "rest-gw-1": "ecdsa-sha256"}
_FROM: Final = datetime(2000, 1, 1, tzinfo=UTC)
_UNTIL: Final = datetime(2049, 12, 31, tzinfo=UTC)
_RSA_BITS: Final = 2048
_SIGNING: Final = x509.KeyUsage(True, True, False, False, False, False, False, False, False)
_ISSUING: Final = x509.KeyUsage(False, False, False, False, False, True, True, False, False)


class MemoryKeyring:
    """Keys by algorithm, in memory."""

    def __init__(self, *keys: OwnKey) -> None:
        self._keys = {key.algorithm: key for key in keys}

    def key(self, algorithm: str) -> OwnKey:
        """Raises ConfigurationError when there is no key of this algorithm."""
        if algorithm not in self._keys:
            raise ConfigurationError(f"no key for {algorithm}")
        return self._keys[algorithm]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Who holds which keys, and who believes whom."""

    partners: Mapping[PartnerId, Partner]
    """As the gateway knows them."""
    keyring: MemoryKeyring
    """The gateway's own keys."""
    keyrings: Mapping[PartnerId, MemoryKeyring]
    """The partners' keys."""
    gateway: Partner
    """As partners know the gateway."""

    def gateway_for(self, profile: Profile) -> Partner:
        """The gateway as a partner of this profile knows it: where to send, what to sign with."""
        endpoint = SOAP_URL if profile == "soap-gw-1" else REST_URL
        return replace(self.gateway, profile=profile, endpoint=endpoint, sign_with=SIGNS_WITH[profile])


def make_trust(partners: Mapping[str, Profile]) -> Trust:
    """Partners with an endpoint, keys for both profiles and the right to send everything; and the gateway's own keys.

    RSA-2048 signs SOAP, P-256 signs REST. The same name has the same keys as long as the process lives.
    """
    names = {PartnerId(name): profile for name, profile in partners.items()}
    return Trust(
        partners={name: _partner(name, profile) for name, profile in names.items()},
        keyring=_keyring(OWN_ID),
        keyrings={name: _keyring(name) for name in names},
        gateway=_partner(OWN_ID, "soap-gw-1"),
    )


@cache
def _partner(name: PartnerId, profile: Profile) -> Partner:
    certificates = tuple(_keyring(name).key(algorithm).certificate for algorithm in SIGNS_WITH.values())
    return Partner(
        id=name,
        name={"en": name},
        role="gateway" if name == OWN_ID else "pga",
        profile=profile,
        endpoint=f"https://{name.replace('_', '-')}.test/inbox",
        certificates=tuple(PartnerCertificate(der=der, sha256=hashlib.sha256(der).hexdigest()) for der in certificates),
        anchors=(_authority().certificate,),
        sign_with=SIGNS_WITH[profile],
        sends=frozenset({"*"}),
        demo=True,
    )


@cache
def _keyring(name: PartnerId) -> MemoryKeyring:
    return MemoryKeyring(*(_issued(name, algorithm) for algorithm in SIGNS_WITH.values()))


@cache
def _authority() -> FileKey:
    key = ec.generate_private_key(ec.SECP256R1())
    return FileKey(key, _certificate("throw-away CA", key, issuer=None), "ecdsa-sha256")


def _issued(name: str, algorithm: str) -> FileKey:
    key: SigningKey
    if algorithm.startswith("rsa"):
        key = rsa.generate_private_key(65537, _RSA_BITS)
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    return FileKey(key, _certificate(name, key, issuer=_authority()), algorithm)


def _certificate(name: str, key: SigningKey, issuer: FileKey | None) -> bytes:
    """DER of a certificate for this key, issued by `issuer` or by itself."""
    signer = issuer.private if issuer else key
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    above = x509.load_der_x509_certificate(issuer.certificate).subject if issuer else subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=0 if issuer is None else None), True)
        .add_extension(_SIGNING if issuer else _ISSUING, True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
    )
    return builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.DER)
