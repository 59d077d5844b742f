"""What a partner's own software does: seal a message, send it to the gateway's door and read the signed receipt."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Final, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from gateway import receipt as receipts
from gateway.envelope.addressing import action_of
from gateway.errors import ConfigurationError, GatewayError
from gateway.model import (
    Claims,
    DocumentType,
    MessageId,
    Partner,
    PartnerCertificate,
    PartnerId,
    Profile,
    Receipt,
    Sealed,
    Verified,
    Wire,
)
from gateway.refusal import PROBLEM_NAMESPACE
from gateway.seal.profiles import read_answer, seal
from gateway.setup import OWN_ID
from gateway.shell.courier import HttpCourier
from gateway.shell.keyring import FileKeyring
from gateway.shell.partners import read_pem
from gateway.xml import canonical, parse, tag_of

DOORS: Final[Mapping[Profile, str]] = {"soap-gw-1": "/soap", "rest-gw-1": "/api/v1/messages"}
_REST_ALGORITHM: Final = "ecdsa-sha256"
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hat:
    """A partner as it sees itself: its keys, and the gateway with the certificates it knows of it."""

    id: PartnerId
    keyring: FileKeyring
    gateway: Partner
    url: str
    signs_with: str = "rsa-sha256"

    def gateway_for(self, profile: Profile) -> Partner:
        """The gateway's door of this profile, and the algorithm we sign with there."""
        algorithm = self.signs_with if profile == "soap-gw-1" else _REST_ALGORITHM
        return replace(self.gateway, profile=profile, endpoint=self.url + DOORS[profile], sign_with=algorithm)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one message. `code` empty = a receipt came and proves it; else the refusal's code.

    `steps` are milliseconds. `proven` says whether the refusal was signed by the gateway.
    """

    message_id: MessageId
    status: int
    steps: Mapping[str, float]
    receipt: Receipt | None = None
    code: str = ""
    text: str = ""
    findings: tuple[Mapping[str, str], ...] = ()
    proven: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What is to be said: the document and the words of its envelope."""

    payload: bytes
    type: DocumentType
    receiver: PartnerId | None = None
    conversation_id: str = ""
    relates_to: MessageId | None = None
    message_id: MessageId = field(default_factory=lambda: MessageId(f"urn:uuid:{uuid4()}"))


def wear(partner: PartnerId, keys: Sequence[Path], trust: Path, url: str, signs_with: str = "rsa-sha256") -> Hat:
    """The hat of a partner: its key files, the folder with the gateway's certificates, and the gateway's address.

    Raises ConfigurationError when there is no key, or no certificate of the gateway to believe.
    """
    if not keys:
        raise ConfigurationError(f"there is no key of {partner}")
    certificates = [found for file in sorted(trust.glob("gateway-*.pem")) for found in read_pem(file)]
    if not certificates:
        raise ConfigurationError(f"{trust} holds no certificate of the gateway (gateway-*.pem)")
    ders = [found.public_bytes(Encoding.DER) for found in certificates]
    gateway = Partner(
        id=OWN_ID,
        name={"en": "gateway"},
        role="gateway",
        certificates=tuple(PartnerCertificate(der=der, sha256=hashlib.sha256(der).hexdigest()) for der in ders),
        anchors=tuple(found.public_bytes(Encoding.DER) for found in read_pem(trust / "demo-ca.pem")),
        algorithms=frozenset({"rsa-sha256", "rsa-pss-sha512", "ecdsa-sha256"}),
        sends=frozenset({"*"}),
    )
    return Hat(id=partner, keyring=FileKeyring(keys), gateway=gateway, url=url.rstrip("/"), signs_with=signs_with)


class Client:
    """Sends messages of one partner; safe for threads."""

    def __init__(self, hat: Hat, timeout: float = 30.0) -> None:
        self._hat = hat
        self._courier = HttpCourier(timeout)

    def send(self, letter: Letter, profile: Profile) -> Outcome:
        """Seal, send and read the answer. Raises DeliveryFailed when nobody answers."""
        door, steps = self._hat.gateway_for(profile), dict[str, float]()
        claims = self._claims(letter, door)
        sealed = _timed(steps, "signed", lambda: self._seal(letter, claims, door))
        wire = _timed(steps, "sent", lambda: self._courier.deliver(door.endpoint, sealed))
        return _timed(steps, "verified", lambda: self._read(wire, sealed, door, steps))

    def _claims(self, letter: Letter, door: Partner) -> Claims:
        return Claims(
            message_id=letter.message_id,
            action=action_of(letter.type),
            to=door.endpoint if door.profile == "soap-gw-1" else urlsplit(door.endpoint).netloc,
            sender=self._hat.id,
            receiver=letter.receiver,
            conversation_id=letter.conversation_id,
            relates_to=letter.relates_to,
        )

    def _seal(self, letter: Letter, claims: Claims, door: Partner) -> Sealed:
        octets = canonical(parse(letter.payload))
        return seal(octets, claims, door, self._hat.keyring, now=datetime.now(UTC), nonce=str(uuid4()))

    def _read(self, wire: Wire, sealed: Sealed, door: Partner, steps: dict[str, float]) -> Outcome:
        status = wire.status or 0
        try:
            proven = read_answer(wire, sealed, door, datetime.now(UTC))
            receipt = None if refused(status, proven) else receipts.read_receipt(proven, sealed)
        except GatewayError as error:
            told = read_refusal(wire.body)
            code, text = (told.code, told.text) if told.code else (error.code, error.detail)
            return Outcome(message_id=sealed.message_id, status=status, steps=steps, code=code, text=text,
                           findings=told.findings)  # fmt: skip
        if receipt is not None:
            return Outcome(message_id=sealed.message_id, status=status, steps=steps, receipt=receipt, proven=True)
        told = read_refusal(proven.payload)
        return Outcome(message_id=sealed.message_id, status=status, steps=steps, code=told.code or "unknown",
                       text=told.text, findings=told.findings, proven=True)  # fmt: skip


def refused(status: int, proven: Verified) -> bool:
    """True for an answer that is no receipt: an HTTP error, or a Fault whatever its status."""
    if status not in range(200, 300):
        return True
    return proven.profile == "soap-gw-1" and tag_of(parse(proven.payload)).endswith("}Fault")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The words of a refusal; `code` empty = these bytes are none of ours."""

    code: str = ""
    text: str = ""
    findings: tuple[Mapping[str, str], ...] = ()


def read_refusal(body: bytes) -> Refusal:
    """The refusal in a problem+json answer or anywhere in a Fault."""
    if body.lstrip()[:1] == b"{":
        return _problem_of_json(body)
    try:
        root = parse(body)
    except GatewayError:
        return Refusal()
    ours = f"{{{PROBLEM_NAMESPACE}}}"
    problem = next(root.iter(f"{ours}problem"), None)
    if problem is None:
        return Refusal()
    findings = tuple(
        {etree.QName(leaf).localname: leaf.text or "" for leaf in finding if not leaf.attrib}
        for finding in problem.iterfind(f"{ours}finding")
    )
    code, text = problem.findtext(f"{ours}code", ""), problem.findtext(f"{ours}detail", "")
    return Refusal(code=str(code), text=str(text), findings=findings)


def _problem_of_json(body: bytes) -> Refusal:
    try:
        told = json.loads(body)
    except ValueError:
        return Refusal()
    findings = tuple(
        {name: str(value) for name, value in finding.items() if not isinstance(value, dict)}
        for finding in told.get("findings", ())
    )
    return Refusal(code=str(told.get("code", "")), text=str(told.get("detail", "")), findings=findings)


def _timed(steps: dict[str, float], name: str, work: Callable[[], Result]) -> Result:
    started = perf_counter()
    try:
        return work()
    finally:
        steps[name] = round((perf_counter() - started) * 1000, 1)
