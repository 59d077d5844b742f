"""The partners: what was agreed with each, and how long their certificates still serve."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID
from flask import Flask, g, render_template

from gateway.model import Partner
from gateway.shell.console.house import House
from gateway.shell.keyring import own_certificates

WARN_DAYS: Final = (7, 30, 60)
_DAY: Final = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate for people. `level`: gone, 7, 30, 60 (days left at most) or fine; `use` signer, retired, anchor.

    `subject` and `issued_by` are the whole names as RFC 4514 writes them, `serial` is in hex.
    """

    name: str
    issuer: str
    subject: str
    issued_by: str
    serial: str
    key: str
    sha256: str
    since: datetime
    until: datetime
    days: int
    level: str
    use: str


def add_to(app: Flask, house: House) -> None:
    """`/partners`."""

    @app.get("/partners", endpoint="partners")
    def listed() -> str:
        """Every partner's record, and our own certificates."""
        partners = sorted(house.setup.partners.values(), key=lambda one: one.id)
        now: datetime = g.speech.now
        own = own_certificates(house.setup.keyring)
        return render_template(
            "partners.html", partners=[(one, certificates_of(one, now)) for one in partners],
            own=[read_certificate(der, "signer", now) for der in own],
        )  # fmt: skip


def certificates_of(partner: Partner, now: datetime) -> list[Certificate]:
    """Signers first, those that end soonest first; then the retired ones and the authorities."""
    signers = [(one.der, "retired" if one.retired else "signer") for one in partner.certificates]
    listed = [*signers, *((der, "anchor") for der in partner.anchors)]
    found = [read_certificate(der, use, now) for der, use in listed]
    return sorted(found, key=lambda one: (("signer", "retired", "anchor").index(one.use), one.until))


def read_certificate(der: bytes, use: str, now: datetime) -> Certificate:
    """What people ask of a certificate."""
    found = x509.load_der_x509_certificate(der)
    days = int((found.not_valid_after_utc - now).total_seconds() // _DAY)
    return Certificate(
        name=_common_name(found.subject),
        issuer=_common_name(found.issuer),
        subject=found.subject.rfc4514_string(),
        issued_by=found.issuer.rfc4514_string(),
        serial=f"{found.serial_number:x}",
        key=_key_of(found),
        sha256=sha256(der).hexdigest(),
        since=found.not_valid_before_utc,
        until=found.not_valid_after_utc,
        days=days,
        level="gone" if days < 0 else next((str(limit) for limit in WARN_DAYS if days <= limit), "fine"),
        use=use,
    )


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()


def _key_of(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    kind = type(key).__name__.removeprefix("_").removesuffix("PublicKey")
    size = getattr(key, "key_size", 0)
    return f"{kind} {size}".strip() if size else kind
