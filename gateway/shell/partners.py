"""Reads the partner records of `certs/partners/` and the public certificates they name."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.errors import ConfigurationError, Finding
from gateway.model import Partner, PartnerCertificate, PartnerId
from gateway.registry import Tree
from gateway.seal.keys import ALGORITHMS
from gateway.shell.demo_ca import is_demo
from gateway.shell.faults import findings_of
from gateway.terms import USUAL, Contact, Terms


class ContactRecord(BaseModel):
    """`[contact]`: whom to call about what could not be delivered."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field("", description="Who it is: an office, a duty officer.")
    email: str = Field("", pattern=r"^([^@\s]+@[^@\s]+)?$", description="E-mail address.")
    phone: str = Field("", description="Telephone number, with country code.")
    language: str = Field(
        "", pattern=r"^([a-z]{2,3}(-[A-Za-z0-9]+)*)?$", description="Language to call in: `kk`, `ru`, `en`."
    )


class DeliveryRecord(BaseModel):
    """`[delivery]`: how messages go to it. What is not said is as the settings say for all partners."""

    model_config = ConfigDict(extra="forbid")

    concurrency: int = Field(
        1, ge=1, le=64, description="Messages on their way at once. More than 1 keeps order only within an order key."
    )
    rate: float = Field(0.0, ge=0, le=10_000, description="Messages a second at most; 0 = as fast as it takes them.")
    retry_seconds: list[int] = Field(
        default_factory=list, description="Waits of one message between its attempts; the last one repeats."
    )
    give_up_hours: float | None = Field(
        None,
        gt=0,
        le=8760,
        description="Age at which a message is dead where its corridor names none; 72 = three days.",
    )
    pilot_seconds: float | None = Field(
        None, gt=0, le=3600, description="While it is out, one message each so many seconds looks whether it is back."
    )
    longest_wait_seconds: int = Field(3600, ge=1, le=86_400, description="What a `Retry-After` of it is cut to.")

    @classmethod
    def standard(cls) -> DeliveryRecord:
        """Of a record that says nothing."""
        return cls.model_validate({})


class PartnerRecord(BaseModel):
    """One `certs/partners/<id>.toml`: who a partner is and what was agreed with it."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{1,39}$", description="The partner's id; the file's name without `.toml`.")
    name: dict[Literal["en", "ru", "kk"], str] = Field(description="Its name in English, Russian and Kazakh.")
    role: Literal["national-customs", "pga", "foreign-customs", "registry"] = Field(
        description="What it is: `national-customs`, `pga`, `foreign-customs`, `registry`."
    )
    profile: Literal["soap-gw-1", "rest-gw-1"] = Field("soap-gw-1", description="The envelope we send to it.")
    endpoint: str = Field("", description="Where we push to; empty = it pulls from its inbox.")
    address: str = Field("", description="wsa:To of our envelopes where it is not the endpoint.")
    certificates: list[str] = Field(
        default_factory=list, description="Signing certificates (PEM files in the trust folder)."
    )
    retired: list[str] = Field(
        default_factory=list, description="Certificates that sign no more, kept for old evidence."
    )
    anchors: list[str] = Field(default_factory=list, description="CA certificates its signers must chain to.")
    algorithms: set[str] = Field({"rsa-sha256", "ecdsa-sha256"}, description="Signature algorithms we accept from it.")
    digests: set[Literal["sha256", "sha384", "sha512"]] = Field(
        {"sha256", "sha384", "sha512"}, description="Digests we accept from it."
    )
    sign_with: str = Field("rsa-sha256", description="The algorithm we sign with for it.")
    sends: set[str] = Field(default_factory=set, description="Document types it may send; `*` and `?` are wildcards.")
    reply_to: set[str] = Field(default_factory=set, description="Registered ReplyTo addresses.")
    contact: ContactRecord | str = Field("", description="Its contact point for undeliverable messages: `[contact]`.")
    delivery: DeliveryRecord = Field(
        default_factory=DeliveryRecord.standard, description="How messages go to it: `[delivery]`."
    )
    format: Literal["xml", "json"] = Field(
        "xml", description="What we write to it over REST; with json it may send the JSON twin or XML."
    )
    attachments: list[Literal["application/pdf", "image/png", "image/jpeg", "image/tiff"]] = Field(
        default_factory=list, description="Media types of files it may send as ATTACHMENT; none = no files."
    )


def load_partners(tree: Tree, trust_dir: Path, *, production: bool, usual: Terms = USUAL) -> dict[PartnerId, Partner]:
    """Every partner record; a certificate that is not there yet leaves its partner without a voice, never unchecked.

    `usual` are the terms of delivery where a record does not say its own.
    Raises ConfigurationError with one finding per problem, and for demo trust in production.
    """
    problems: list[Finding] = []
    partners: dict[PartnerId, Partner] = {}
    for file in tree.files("certs/partners", "*.toml"):
        try:
            partner = _partner(file, trust_dir, usual)
        except ConfigurationError as error:
            problems += error.findings or (_problem(file, "", error.detail),)
            continue
        if production and partner.demo:
            problems.append(_problem(file, "certificates", "a demo certificate is never trusted in production"))
        partners[partner.id] = partner
    if problems:
        raise ConfigurationError("partner records cannot be used", findings=tuple(problems))
    return partners


def _partner(file: Path, trust_dir: Path, usual: Terms) -> Partner:
    record = _record(file)
    certificates = [(name, False) for name in record.certificates] + [(name, True) for name in record.retired]
    signers = [(found, retired) for name, retired in certificates for found in read_pem(trust_dir / name)]
    anchors = [found for name in record.anchors for found in read_pem(trust_dir / name)]
    return Partner(
        id=PartnerId(record.id),
        name=dict(record.name.items()),
        role=record.role,
        profile=record.profile,
        endpoint=record.endpoint,
        address=record.address,
        certificates=tuple(_certificate(found, retired=retired) for found, retired in signers),
        anchors=tuple(found.public_bytes(Encoding.DER) for found in anchors),
        algorithms=frozenset(record.algorithms),
        digests=frozenset(record.digests),
        sign_with=record.sign_with,
        sends=frozenset(record.sends),
        reply_to=frozenset(record.reply_to),
        contact=_contact(record.contact),
        terms=_terms(record.delivery, usual),
        format=record.format,
        attachments=tuple(record.attachments),
        demo=any(is_demo(found) for found in [*anchors, *(signer for signer, _ in signers)]),
    )


def _contact(told: ContactRecord | str) -> Contact:
    return Contact(name=told) if isinstance(told, str) else Contact(**told.model_dump())


def _terms(told: DeliveryRecord, usual: Terms) -> Terms:
    return Terms(
        concurrency=told.concurrency,
        rate=told.rate,
        retries=tuple(timedelta(seconds=seconds) for seconds in told.retry_seconds) or usual.retries,
        give_up=usual.give_up if told.give_up_hours is None else timedelta(hours=told.give_up_hours),
        pilot_every=usual.pilot_every if told.pilot_seconds is None else timedelta(seconds=told.pilot_seconds),
        longest_wait=timedelta(seconds=told.longest_wait_seconds),
    )


def _record(file: Path) -> PartnerRecord:
    try:
        record = PartnerRecord.model_validate(tomllib.loads(file.read_text("utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file} is not TOML: {error}") from None
    except ValidationError as error:
        found = findings_of(error, PartnerRecord, lambda _: str(file))
        raise ConfigurationError(f"{file} cannot be used", findings=found) from None
    if record.id != file.stem:
        raise ConfigurationError("", findings=(_problem(file, "id", f"must be {file.stem}, as the file is called"),))
    if record.delivery.concurrency > 1 and not record.endpoint:
        raise ConfigurationError("", findings=(_problem(file, "delivery.concurrency", "it pulls, one by one"),))
    unknown = (record.algorithms | {record.sign_with}) - ALGORITHMS
    if unknown:
        raise ConfigurationError("", findings=(_problem(file, "algorithms", f"unknown: {', '.join(sorted(unknown))}"),))
    if record.format == "json" and record.profile != "rest-gw-1":
        raise ConfigurationError("", findings=(_problem(file, "format", "json travels by profile rest-gw-1 only"),))
    return record


def _problem(file: Path, key: str, reason: str) -> Finding:
    return Finding(rule="config.value", params={"file": str(file), "key": key, "reason": reason})


def read_pem(file: Path) -> list[x509.Certificate]:
    """The certificates of a PEM file; none when it does not exist yet. Raises ConfigurationError."""
    if not file.is_file():
        return []
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())
    except ValueError as error:
        raise ConfigurationError(f"{file} holds no certificate: {error}") from None


def _certificate(found: x509.Certificate, *, retired: bool) -> PartnerCertificate:
    der = found.public_bytes(Encoding.DER)
    return PartnerCertificate(der=der, sha256=hashlib.sha256(der).hexdigest(), retired=retired)


def own_addresses(url: str) -> frozenset[str]:
    """What messages to us may be addressed to: the SOAP door's URL, and the authority for REST."""
    authority = url.partition("://")[2]
    twin = authority.replace("127.0.0.1", "localhost") if "127.0.0.1" in authority else authority
    scheme = url.partition("://")[0]
    return frozenset({f"{scheme}://{authority}/soap", f"{scheme}://{twin}/soap", authority, twin})


def voiceless(partners: Mapping[PartnerId, Partner]) -> list[PartnerId]:
    """Partners without a usable certificate: whatever comes in their name is refused."""
    return sorted(partner.id for partner in partners.values() if not any(not c.retired for c in partner.certificates))
