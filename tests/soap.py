"""Sealed SOAP messages for tests, and the ways to spoil them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from lxml import etree

from gateway.envelope.soap import open_soap
from gateway.model import DS, SOAP12, WSA, WSSE, WSU, Claims, MessageId, Partner, PartnerId, Sealed, Verified, Wire
from gateway.seal.soap import verify_soap
from gateway.seal.soap_sign import seal_soap
from tests.pki import NOW, Issued, issue, make_ca, make_partner, registry

PAYLOAD = (
    '<Өтініш xmlns="urn:test:1"><Атауы>Сынақ &amp; 霍尔果斯 𠮷</Атауы><Саны unit="уп">12000.000</Саны></Өтініш>'
).encode()
CUSTOMS = PartnerId("customs_kz")
CLAIMS = Claims(
    message_id=MessageId("urn:uuid:6f6a9c1e-0000-4000-8000-000000000001"),
    action="urn:swgw:action:LPCO_QUERY",
    to="http://127.0.0.1:8081/soap",
    sender=CUSTOMS,
    receiver=PartnerId("health_kz"),
    conversation_id="57505-191126-0000123",
    relates_to=MessageId("urn:uuid:6f6a9c1e-0000-4000-8000-000000000000"),
)
NAMESPACES = {"env": SOAP12, "wsa": WSA, "wsse": WSSE, "wsu": WSU, "ds": DS}
KINDS = {
    "rsa2048": "rsa-sha256", "rsa3072": "rsa-pss-sha256", "p256": "ecdsa-sha256", "p384": "ecdsa-sha384",
    "p521": "ecdsa-sha512", "ed25519": "ed25519",
}  # fmt: skip


@dataclass(frozen=True)
class Party:
    """A sender with one signing certificate below a CA of its own."""

    ca: Issued
    signer: Issued
    algorithm: str

    @property
    def partners(self) -> dict[PartnerId, Partner]:
        return registry(make_partner(CUSTOMS, self.signer, anchors=(self.ca,), algorithms=frozenset({self.algorithm})))


@cache
def party(kind: str = "p256") -> Party:
    """The sender with a key of this kind; the same one each time."""
    ca = make_ca("customs CA")
    return Party(ca, issue(ca, "customs", kind=kind), KINDS[kind])


def sealed(kind: str = "p256", *, soap: str = SOAP12, claims: Claims = CLAIMS, payload: bytes = PAYLOAD) -> Sealed:
    """A message as its sender would send it."""
    who = party(kind)
    return seal_soap(payload, claims, who.signer.own_key(who.algorithm), NOW, soap=soap)


def wired(message: Sealed, body: bytes | None = None) -> Wire:
    """What the other side reads off the network."""
    headers = tuple((name.lower(), value) for name, value in message.headers)
    return Wire(
        body=message.body if body is None else body, content_type=message.content_type, peer="192.0.2.7",
        received_at=NOW, headers=headers,
    )  # fmt: skip


def verified(wire: Wire, kind: str = "p256") -> Verified:
    """Open and verify as the gateway does."""
    return verify_soap(open_soap(wire), party(kind).partners, NOW)


def spoilt(change: Callable[[etree._Element], None], kind: str = "p256", **how: object) -> Wire:
    """A sealed message whose tree was changed after sealing."""
    message = sealed(kind, **how)  # type: ignore[arg-type]
    root = etree.fromstring(message.body)
    change(root)
    return wired(message, etree.tostring(root, encoding="UTF-8"))


def find(root: etree._Element, path: str) -> etree._Element:
    """The only element at a path with the prefixes of `NAMESPACES`."""
    (found,) = root.xpath(path, namespaces=NAMESPACES)
    return found
