"""Sealed REST messages for tests, and the ways to spoil them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import http_sf
import pytest

from gateway.envelope.rest import open_rest
from gateway.errors import GatewayError, SealError
from gateway.model import Claims, MessageId, Partner, PartnerId, Sealed, Verified, Wire
from gateway.ports import OwnKey
from gateway.seal.http_sign import sign_request
from gateway.seal.http_signature import verify_request
from tests.pki import NOW, Issued, issue, make_ca, make_partner, registry

URL = "https://gateway.example/api/v1/messages?lane=b&trace=1"
BODY = '<?xml version="1.0" encoding="UTF-8"?><Сұрау xmlns="urn:test:1"><Нөмір>KZ-2026-𐍈</Нөмір></Сұрау>'.encode()
HEALTH = PartnerId("health_kz")
CLAIMS = Claims(
    message_id=MessageId("urn:uuid:0196f2a0-0000-7000-8000-000000000001"),
    action="urn:swgw:action:LPCO_QUERY",
    to="gateway.example",
    sender=HEALTH,
    receiver=PartnerId("customs_kz"),
    conversation_id="conv-1",
)
NONCE = "n-0123456789abcdef"
EVERY = frozenset(
    {"rsa-sha256", "rsa-pss-sha512", "ecdsa-sha256", "ecdsa-sha384", "ed25519"}
)  # what HTTP signatures can say


def received(sealed: Sealed, url: str = URL, method: str = "POST") -> Wire:
    """What the other side reads off the network."""
    authority, _, target = url.removeprefix("https://").partition("/")
    headers = (("host", authority), ("content-type", sealed.content_type), *sealed.headers)
    if not sealed.content_type:
        headers = (("host", authority), *sealed.headers)
    return Wire(
        body=sealed.body, content_type=sealed.content_type, peer="192.0.2.7", received_at=NOW, method=method,
        authority=authority, target="/" + target, headers=headers,
    )  # fmt: skip


def signed(key: OwnKey, *, body: bytes = BODY, claims: Claims = CLAIMS, url: str = URL, method: str = "POST") -> Wire:
    return received(sign_request(body, claims, key, url=url, created=NOW, nonce=NONCE, method=method), url, method)


@dataclass(frozen=True)
class Town:
    """One CA, one partner with a P-256 signer, another partner below the same CA."""

    ca: Issued
    signer: Issued
    other: Issued
    partner: Partner
    stranger: Partner
    partners: Mapping[PartnerId, Partner] = field(default_factory=dict)

    @property
    def key(self) -> OwnKey:
        return self.signer.own_key("ecdsa-sha256")

    def verify(self, wire: Wire) -> Verified:
        return verify_request(open_rest(wire), self.partners, NOW)


def make_town(kind: str = "p256", **record: object) -> Town:
    ca = make_ca()
    signer, other = issue(ca, kind=kind), issue(ca, "Кеден комитеті", kind=kind, serial=1)
    partner = make_partner("health_kz", signer, anchors=[ca], **{"algorithms": EVERY, **record})
    stranger = make_partner("customs_kz", other, anchors=[ca], algorithms=EVERY)
    return Town(ca, signer, other, partner, stranger, registry(partner, stranger))


def with_header(wire: Wire, name: str, value: str | None) -> Wire:
    """The message with this header replaced, added, or (None) taken away."""
    kept = tuple((key, old) for key, old in wire.headers if key != name)
    return replace(wire, headers=kept if value is None else (*kept, (name, value)))


def also_header(wire: Wire, name: str, value: str) -> Wire:
    return replace(wire, headers=(*wire.headers, (name, value)))


def digest_of(body: bytes, algorithm: str = "sha-256") -> str:
    value = hashlib.new(algorithm.replace("-", ""), body).digest()
    return f"{algorithm}=:{base64.b64encode(value).decode()}:"


def key_id(issued: Issued) -> str:
    """x5t#S256 of a certificate."""
    return base64.urlsafe_b64encode(hashlib.sha256(issued.der).digest()).decode().rstrip("=")


def resigned(
    wire: Wire,
    sign: Callable[[bytes], bytes],
    components: Callable[[list[str]], list[str]] = lambda names: names,
    parameters: Callable[[dict[str, object]], dict[str, object]] = lambda given: given,
    label: str = "gw",
) -> Wire:
    """The message signed anew by an independent, obedient hand: whatever is asked for is signed correctly."""
    old = http_sf.parse((wire.header("signature-input") or "").encode(), tltype="dictionary")["gw"]
    names = components([name for name, _ in old[0]])
    given = parameters(dict(old[1]))
    path, _, query = wire.target.partition("?")
    derived = {"@method": wire.method, "@authority": wire.authority, "@path": path, "@query": "?" + query}
    text = http_sf.ser([([(name, {}) for name in names], given)])
    lines = [f'"{name}": {derived.get(name) or wire.header(name) or ""}' for name in names]
    base = "\n".join([*lines, f'"@signature-params": {text}']).encode()
    wire = with_header(wire, "signature-input", f"{label}={text}")
    return with_header(wire, "signature", f"{label}=:{base64.b64encode(sign(base)).decode()}:")


def refused(town: Town, wire: Wire, kind: type[GatewayError] = SealError, threat: str = "") -> GatewayError:
    """The refusal of this message, known to be of this kind and row."""
    with pytest.raises(kind) as refusal:
        town.verify(wire)
    assert not threat or refusal.value.threat == threat, refusal.value.detail
    return refusal.value
