"""Keys and certificates of a measured installation, as files that its processes share."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.model import Partner, PartnerCertificate, PartnerId
from gateway.seal.keys import FileKey
from gateway.shell.demo_ca import write_private
from gateway.shell.keyring import read_keys
from gateway.testing import make_trust

CUSTOMS: Final = PartnerId("customs_kz")
HEALTH: Final = PartnerId("health_kz")
GATEWAY: Final = PartnerId("gateway")
KINDS: Final = {"rsa-sha256": "rsa", "ecdsa-sha256": "ec"}
_PARTIES: Final = (CUSTOMS, HEALTH)


def write_keys(state: Path) -> None:
    """RSA-2048 and P-256 keys of the gateway and both partners, below one throw-away CA."""
    trust = make_trust({name: "soap-gw-1" for name in _PARTIES})
    folder = state / "trust"
    folder.mkdir(parents=True)
    (folder / "ca.pem").write_bytes(_pem(trust.gateway.anchors[0]))
    for name, keyring in {GATEWAY: trust.keyring, **trust.keyrings}.items():
        for algorithm, kind in KINDS.items():
            key = keyring.key(algorithm)
            assert isinstance(key, FileKey)
            private = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            write_private(_place(state, name) / f"{name}-{kind}.pem", private + _pem(key.certificate))
            (folder / f"{name}-{kind}.pem").write_bytes(_pem(key.certificate))


def _place(state: Path, name: PartnerId) -> Path:
    return state / "keys" if name == GATEWAY else state / "partners" / name


def _pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def key_of(state: Path, name: PartnerId, algorithm: str) -> FileKey:
    """The key of a party."""
    file = _place(state, name) / f"{name}-{KINDS[algorithm]}.pem"
    return next(key for key in read_keys(file) if key.algorithm == algorithm)


def write_records(tree: Path, algorithm: str, health: str) -> None:
    """Partner records in a tree laid over the shipped one; the ministry's door is at `health`."""
    folder = tree / "certs" / "partners"
    folder.mkdir(parents=True)
    for name, endpoint in {CUSTOMS: "http://127.0.0.1:9/soap", HEALTH: health}.items():
        files = ", ".join(f'"{name}-{kind}.pem"' for kind in KINDS.values())
        record = (
            f'id = "{name}"\nrole = "pga"\nprofile = "soap-gw-1"\nendpoint = "{endpoint}"\ncertificates = [{files}]\n'
            f'anchors = ["ca.pem"]\nalgorithms = ["rsa-sha256", "ecdsa-sha256"]\nsign_with = "{algorithm}"\n'
            f'sends = ["*"]\n[name]\nen = "{name}"\nru = "{name}"\nkk = "{name}"\n'
        )
        (folder / f"{name}.toml").write_text(record, "utf-8")


def gateway_record(state: Path) -> Partner:
    """The gateway as a partner of it knows it."""
    ders = [key_of(state, GATEWAY, algorithm).certificate for algorithm in KINDS]
    anchor = x509.load_pem_x509_certificate((state / "trust" / "ca.pem").read_bytes())
    return Partner(
        id=GATEWAY, name={"en": "gateway"}, role="gateway", sends=frozenset({"*"}),
        certificates=tuple(PartnerCertificate(der=der, sha256=hashlib.sha256(der).hexdigest()) for der in ders),
        anchors=(anchor.public_bytes(Encoding.DER),),
    )  # fmt: skip
