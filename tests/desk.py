"""The reception desk for tests: a gateway in memory, a sender with keys, and what a refusal must look like."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache

from lxml import etree

from gateway.model import SOAP11, SOAP12, WSA, WSSE, WSU, Claims, Partner, Sealed, Wire
from gateway.reception import receive
from gateway.seal.soap_sign import seal_soap
from gateway.setup import Setup
from gateway.testing import FrozenClock, MemoryKeyring, MemoryLedger, counting_ids
from gateway.words import SEAL, say
from gateway.xml import canonical, parse
from tests.builders import CUSTOMS, HEALTH, a_corridor
from tests.pki import NOW, Issued, issue, make_ca, make_partner, registry
from tests.schemas import ROOT, customs_schemas
from tests.soap import CLAIMS, Party, party, wired

QUERY = canonical(parse((ROOT / "adapters/health_kz/fixtures/10-query-ok/in.xml").read_bytes()))
"""A permit query that is valid by its schema."""
_SECURITY = {
    "IS": (WSSE, "InvalidSecurity"), "FC": (WSSE, "FailedCheck"), "FA": (WSSE, "FailedAuthentication"),
    "IT": (WSSE, "InvalidSecurityToken"), "UA": (WSSE, "UnsupportedAlgorithm"), "ME": (WSU, "MessageExpired"),
}  # fmt: skip
_OTHERS = {
    "SD": ("urn:swgw:problem:1", "envelope.malformed", 400),
    "415": ("urn:swgw:problem:1", "envelope.media-type", 415),
    "IAH": (WSA, "InvalidAddressingHeader", 400),
    "AM": (WSA, "ActionMismatch", 400),
    "DU": (WSA, "DestinationUnreachable", 400),
    "P2": (WSSE, "FailedAuthentication", 400),
    "409": ("urn:swgw:problem:1", "message.conflict", 400),
    "schema": ("urn:swgw:problem:1", "schema.violation", 400),
    "unknown": ("urn:swgw:problem:1", "schema.unknown", 400),
    "unrelated": ("urn:swgw:problem:1", "message.unrelated", 400),
}
"""Short name of an answer: namespace and name of the Subcode, HTTP status with SOAP 1.2."""


_BARE = {"Value", "faultcode", "type", "status", "instance", "code", "retry", "findingsTotal"}
"""Elements of a Fault that hold no words."""


@dataclass(frozen=True)
class Fault:
    """What a sender reads of a refusal. Names are (namespace, local name)."""

    status: int
    code: tuple[str, str]
    subcode: tuple[str, str]
    texts: tuple[str, ...]
    """Everything a person could read."""


@dataclass(frozen=True)
class Desk:
    """The front door of one gateway, what it keeps and what it says to its log."""

    setup: Setup
    ledger: MemoryLedger
    clock: FrozenClock
    said: list[dict[str, object]] = field(default_factory=list)

    def post(self, wire: Wire) -> Sealed:
        """What comes back over HTTP."""
        return receive(wire, "soap-gw-1", self.setup)

    def accepts(self, wire: Wire, payload: bytes = QUERY) -> Sealed:
        """The message is kept with exactly this payload and answered by a receipt."""
        before = len(self.ledger.messages)
        answer = self.post(wire)
        assert answer.status == 200, self.ledger.intakes[-1]
        assert len(self.ledger.messages) == before + 1
        assert list(self.ledger.messages.values())[-1].entry.document.payload == payload
        return answer

    def refuses(self, wire: Wire, answer: str, *rows: str) -> Fault:
        """The message is refused with this short answer, leaves one intake record of one of these rows, and no more."""
        kept = (len(self.ledger.messages), len(self.ledger.deliveries))
        records, lines = len(self.ledger.intakes), len(self.said)
        sent = self.post(wire)
        assert (len(self.ledger.messages), len(self.ledger.deliveries)) == kept
        assert len(self.ledger.intakes) == records + 1
        intake = self.ledger.intakes[-1]
        assert len(self.said) == lines + 1
        assert self.said[-1]["event"] == "refused"
        assert self.said[-1]["cause"] is None, self.said[-1]["cause"]
        assert (intake.digest, intake.size, intake.peer) == (wire.digest, len(wire.body), wire.peer)
        assert not intake.claimed or intake.claimed.endswith("(unverified)") or answer not in set(_SECURITY) - {"ME"}
        soap = SOAP11 if wire.content_type.lower().startswith("text/xml") else SOAP12
        fault = read_fault(sent, soap)
        expected(fault, answer, soap)
        assert not rows or intake.threat in rows, (intake.threat, intake.detail)
        if answer in _SECURITY:
            assert set(fault.texts) <= SEALED_WORDS, "a refused seal tells something of its cause"
        return fault


def expected(fault: Fault, answer: str, soap: str) -> None:
    """The Fault has the code, sub-code and HTTP status of this short answer."""
    namespace, name, status = (*_SECURITY[answer], 400) if answer in _SECURITY else _OTHERS[answer]
    if soap == SOAP11:
        general = (SOAP11, "Client")
        plain = namespace == "urn:swgw:problem:1"
        assert (fault.code, fault.status) == (general if plain else (namespace, name), status if status == 415 else 500)
    else:
        assert (fault.code, fault.subcode, fault.status) == ((SOAP12, "Sender"), (namespace, name), status)


def read_fault(answer: Sealed, soap: str) -> Fault:
    """The Fault in a SOAP answer, its QNames resolved."""
    root = etree.fromstring(answer.body)
    assert etree.QName(root).namespace == soap, answer.body[:300]
    (fault,) = root.iter(f"{{{soap}}}Fault")
    names = [_qname(value) for value in fault.iter(f"{{{soap}}}Value", "faultcode")]
    told = [node for node in fault.iter() if etree.QName(node).localname not in _BARE and (node.text or "").strip()]
    subcode = names[1] if len(names) > 1 else ("", "")
    return Fault(answer.status, names[0], subcode, tuple(node.text or "" for node in told))


def _qname(element: etree._Element) -> tuple[str, str]:
    prefix, _, name = (element.text or "").rpartition(":")
    return element.nsmap[prefix or None], name


@cache
def own_keyring() -> MemoryKeyring:
    """The gateway's keys."""
    ca = make_ca("gateway CA")
    return MemoryKeyring(
        issue(ca, "gateway", kind="rsa2048").own_key("rsa-sha256"), issue(ca, "gateway").own_key("ecdsa-sha256")
    )


def make_desk(kind: str = "p256", *, others: tuple[Partner, ...] = (), **record: object) -> Desk:
    """A gateway that knows customs by the certificate of `party(kind)`; `record` changes that partner's record."""
    who = party(kind)
    given = {"anchors": (who.ca,), "algorithms": frozenset({who.algorithm}), "sends": frozenset({"*"}), **record}
    return desk_of(make_partner(CUSTOMS, who.signer, **given), ministry(), *others)  # type: ignore[arg-type]


@cache
def ministry() -> Partner:
    """Another partner, below a CA of its own."""
    ca, signer = stranger()
    return make_partner(HEALTH, signer, anchors=(ca,), sends=frozenset({"*"}))


@cache
def stranger() -> tuple[Issued, Issued]:
    """The ministry's CA and signer."""
    ca = make_ca("health CA", serial=5)
    return ca, issue(ca, "health", serial=5)


def desk_of(*partners: Partner) -> Desk:
    """A gateway with these partners, permit queries to the ministry and answers back."""
    clock, said = FrozenClock(NOW), []  # type: ignore[var-annotated]
    corridors = (
        a_corridor("permit-query", CUSTOMS, HEALTH),
        a_corridor("permit-status", HEALTH, CUSTOMS, takes="LPCO_STATUS", gives="LPCO_STATUS", reply=True),
        *(a_corridor(f"lodged-{n}", CUSTOMS, HEALTH, takes=n, gives=n) for n in ("DEC_LODGED", "DEC_RESPONSE")),
    )
    ledger = MemoryLedger(corridors, clock=clock, ids=counting_ids("ledger"))
    setup = Setup(
        partners=registry(*partners),
        schemas=customs_schemas(),
        corridors={corridor.id: corridor for corridor in corridors},
        translations={},
        keyring=own_keyring(),
        ledger=ledger,
        courier=None,  # type: ignore[arg-type]
        clock=clock,
        ids=counting_ids("desk"),
        addresses=frozenset({CLAIMS.to}),
        log=lambda event, **fields: said.append({"event": event, **fields}),
    )
    return Desk(setup, ledger, clock, said)


def query(
    who: Party | None = None, *, soap: str = SOAP12, claims: Claims = CLAIMS, payload: bytes = QUERY, **given: object
) -> Sealed:
    """A permit query as its sender seals it; `given` changes claims."""
    who = who or party("p256")
    key = who.signer.own_key(who.algorithm)
    return seal_soap(payload, replace(claims, **given), key, NOW, soap=soap)  # type: ignore[arg-type]


def posted(body: bytes, *, soap: str = SOAP12, **given: object) -> Wire:
    """These bytes as a plain HTTP request; `given` changes the wire."""
    wire = wired(query(soap=soap), body)
    return replace(wire, **given)  # type: ignore[arg-type]


_PUBLIC = tuple(say(SEAL, {}, language) for language in ("en", "ru", "kk"))
SEALED_WORDS = frozenset(text for words in _PUBLIC for text in (words.title, words.text, words.hint))
"""All that a refused seal says in words."""
