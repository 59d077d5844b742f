"""The words of the house: what each desk hands to the next, and the names the field gave to things.

A message gains one proof at each desk and a type that says so:
Wire -> Envelope -> Verified -> Document -> Entry -> Sealed -> Receipt. All are frozen; none does I/O.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import BinaryIO, Literal, NewType
from uuid import UUID

from gateway.terms import NOBODY, USUAL, Contact, Terms

PartnerId = NewType("PartnerId", str)
MessageId = NewType("MessageId", str)
"""The sender's id of a message: opaque, unique per sender (WS-Addressing MessageID, `gw-message-id`)."""
CorridorId = NewType("CorridorId", str)
DocumentType = NewType("DocumentType", str)
"""A message name of the catalogue: `DEC_LODGED`, `LPCO_QUERY`, `AEO_MASTER_FULL`, or an agency's own."""

Profile = Literal["soap-gw-1", "rest-gw-1"]
Priority = Literal["A", "B", "C"]
Language = Literal["en", "ru", "kk"]
LANGUAGES: tuple[Language, ...] = ("en", "ru", "kk")

# --- namespaces: the only place they are written ---------------------------------------------------------------------
SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
WSA = "http://www.w3.org/2005/08/addressing"
WSA_ANONYMOUS = "http://www.w3.org/2005/08/addressing/anonymous"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
WSSE11 = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd"
X509V3 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"
BASE64 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
DS = "http://www.w3.org/2000/09/xmldsig#"
EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
EBBP = "http://docs.oasis-open.org/ebxml-bp/ebbp-signals-2.0"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
XS = "http://www.w3.org/2001/XMLSchema"
WCO_METADATA = "urn:wco:datamodel:WCO:DocumentMetaData-DMS:2"
WCO_DEC = "urn:wco:datamodel:WCO:DEC-DMS:2"
WCO_RES = "urn:wco:datamodel:WCO:RES-DMS:2"
ROUTING = "urn:swgw:routing:1"
RECEIPT = "urn:swgw:receipt:1"
PROBLEM = "urn:swgw:problem:"
ACTION = "urn:swgw:action:"
"""wsa:Action of a message is ACTION + its DocumentType, e.g. `urn:swgw:action:LPCO_QUERY`."""
RECEIPT_TYPE = DocumentType("RECEIPT")
NOTICE_TYPE = DocumentType("NOTICE")
ATTACHMENT_TYPE = DocumentType("ATTACHMENT")
"""A file that is no document of ours: a scan, a certificate as PDF. It goes on as it came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Large:
    """Octets too many to be held in memory: what is known of them, and where `gateway.ports.Depot` finds them.

    `digests` in hex by short name, `sha256` always; none = they have not come yet. `name`: as the ledger knows what
    they are, or are a stretch of from `at` on. `begins`: line and column of the first octet in what came.
    """

    size: int
    at: int = 0
    begins: tuple[int, int] = field(default=(1, 1), compare=False)
    digests: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    source: Callable[[], BinaryIO] | None = field(default=None, compare=False, repr=False)
    """Reads those that are not in the ledger yet, from their first octet."""
    admitted: datetime | None = field(default=None, compare=False)
    """When the head was found fresh: the body may come long after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """The bytes exactly as they came, in `body` or, when they are many, as `large`. All evidence hashes these.

    `target` is the request target (`/api/v1/messages?x=1`), `authority` the host as we serve it; `headers` keep order
    and repetition, names in lower case. `peer` is the network address. `status` is set on answers we received.
    """

    body: bytes
    content_type: str
    peer: str
    received_at: datetime
    method: str = "POST"
    authority: str = ""
    target: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    status: int | None = None
    large: Large | None = None
    _digest: list[str] = field(default_factory=list, init=False, compare=False, repr=False)

    @property
    def digest(self) -> str:
        """SHA-256 of the body, lower-case hex; worked out once. Empty while a large body has not come."""
        if self.large is not None:
            return self.large.digests.get("sha256", "")
        if not self._digest:
            self._digest.append(hashlib.sha256(self.body).hexdigest())
        return self._digest[0]

    @property
    def size(self) -> int:
        """Octets of the body."""
        return len(self.body) if self.large is None else self.large.size

    def header(self, name: str) -> str | None:
        """The only value of a header; None when absent or repeated."""
        found = [value for key, value in self.headers if key == name]
        return found[0] if len(found) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a message says of itself. Claims of a `Verified` were read from signed parts only."""

    message_id: MessageId
    action: str
    to: str
    sender: PartnerId
    receiver: PartnerId | None = None
    conversation_id: str = ""
    relates_to: MessageId | None = None
    reply_to: str = WSA_ANONYMOUS
    created_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One signed part and its digest: `part` as the signer named it (URI or component), value in base64."""

    part: str
    algorithm: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What the sender *claims*. `parsed` is the one parse of the bytes, for the seal desk only; never mapped."""

    wire: Wire
    profile: Profile
    claims: Claims
    parsed: object
    soap: str = ""
    """Namespace of the SOAP version, empty for REST."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerCertificate:
    """A signing certificate registered for a partner. DER bytes; valid only inside its own and the path's dates."""

    der: bytes
    sha256: str
    retired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """A party we exchange with, as its record in `certs/partners/` says."""

    id: PartnerId
    name: Mapping[str, str]
    role: Literal["national-customs", "pga", "foreign-customs", "registry", "gateway"]
    profile: Profile = "soap-gw-1"
    endpoint: str = ""
    """Where we push to; empty = the partner pulls."""
    address: str = ""
    """wsa:To / authority the partner's envelopes carry; defaults to the endpoint."""
    certificates: tuple[PartnerCertificate, ...] = ()
    anchors: tuple[bytes, ...] = ()
    """DER of the CA certificates this partner's signers must chain to."""
    algorithms: frozenset[str] = frozenset({"rsa-sha256", "ecdsa-sha256"})
    digests: frozenset[str] = frozenset({"sha256", "sha384", "sha512"})
    sign_with: str = "rsa-sha256"
    sends: frozenset[str] = frozenset()
    """Document types this partner may send; fnmatch patterns (`LPCO_*`)."""
    reply_to: frozenset[str] = frozenset()
    contact: Contact = NOBODY
    terms: Terms = USUAL
    format: Literal["xml", "json"] = "xml"
    """What our REST messages and answers to it are written in; with `json` it may send either."""
    attachments: tuple[str, ...] = ()
    """Media types of files it may send (`application/pdf`); none = no files."""
    demo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What the seal *proves*: who signed exactly which bytes. Only `payload` goes on; nothing unsigned is reachable."""

    wire: Wire
    profile: Profile
    claims: Claims
    partner: Partner
    certificate: str
    """SHA-256 of the signer's certificate, hex."""
    algorithm: str
    references: tuple[Reference, ...]
    payload: bytes
    """The document: canonical octets of the Body's child (SOAP) or the digested body (REST); empty if `large`."""
    content_digest: str
    """SHA-256 hex over the signed parts that make a message *this* message (not time stamp, not token)."""
    soap: str = ""
    payload_at: tuple[int, ...] = ()
    """Where the payload stands in the wire's XML, as child positions of elements."""
    large: Large | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """One message shape: which documents it takes, where its XSD is, and how to find business keys in it.

    `when` maps an element path below the document root to the values that select this type (WCO function and type
    code together); `keys` maps a key scheme (`permit`, `declaration`, `tin`) to a path.
    """

    document: DocumentType
    namespace: str
    root: str
    path: str
    version: str
    when: Mapping[str, frozenset[str]] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    official: bool = False
    """False = our documented profile, not an official schema."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Valid by a named schema. `schema` is `path@sha256`; `keys` are (scheme, value) pairs for search."""

    type: DocumentType
    version: str
    payload: bytes
    schema: str
    keys: tuple[tuple[str, str], ...] = ()
    large: Large | None = None
    """The payload where it is too long to be held; then `payload` is empty."""

    @property
    def digest(self) -> str:
        """SHA-256 of the payload, hex."""
        return hashlib.sha256(self.payload).hexdigest() if self.large is None else self.large.digests["sha256"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """What no answer means (never "approved"): after `after`, `means` is told to the asker through `mapping`."""

    after: timedelta
    means: Literal["proceed-and-flag", "hold", "manual"]
    gives: DocumentType
    mapping: str
    gives_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corridor:
    """One way a document may travel. `mapping` empty = passed on unchanged. `reply`: it answers another message."""

    id: CorridorId
    sender: PartnerId
    receiver: PartnerId
    takes: DocumentType
    gives: DocumentType
    takes_version: str = ""
    """Which version (`Schema.version`) of the document; empty = the only one there is."""
    gives_version: str = ""
    mapping: str = ""
    reply: bool = False
    once: bool = False
    """A question gets one such answer; what is decided later travels as a message of its own."""
    priority: Priority = "B"
    deadline: timedelta | None = None
    """How long delivery may be tried, then the message is dead and the sender is told; None = the receiver's terms."""
    legal: timedelta | None = None
    """Within which the law wants it delivered; what waits is shown by it, nothing ends by it."""
    order: str = "conversation"
    """What binds its messages to one another (`gateway.order`): the conversation, or the scheme of a business key."""
    silence: Silence | None = None
    basis: str = ""
    """The legal basis that the exchange names."""
    lossless: bool = False
    """A value of which no row of the mapping speaks is a finding (`mapping.dropped`); nothing is dropped silently."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Converter:
    """A named pair: `there` turns a source text into a target text, `back` undoes it.

    Both raise ValueError with a reason for a value they do not take. `back` None = not reversible, `why` says why.
    """

    there: Callable[[str], str]
    back: Callable[[str], str] | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """All the gateway needs to know of one agency."""

    agency: PartnerId
    schemas: tuple[Schema, ...] = ()
    corridors: tuple[Corridor, ...] = ()
    converters: Mapping[str, Converter] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An accepted message: ours from the moment the ledger committed it. `id` is the gateway's own (UUIDv7)."""

    id: UUID
    sender: PartnerId
    claims: Claims
    document: Document
    corridors: tuple[CorridorId, ...]
    received_at: datetime
    priority: Priority = "B"
    answers: UUID | None = None
    """The entry this one answers, where `claims.relates_to` named an envelope of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """Ready to leave, and kept: a retry sends these same bytes. `references` are what a receipt must repeat."""

    body: bytes
    content_type: str
    message_id: MessageId
    references: tuple[Reference, ...]
    headers: tuple[tuple[str, str], ...] = ()
    status: int = 200
    expires_at: datetime | None = None
    made_by: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    """What made the document inside: mapping table, code lists and schema with their versions; for the evidence."""
    large: Large | None = None
    """Octets too many to be held: they stand in `body`, which is short then or empty, at `split`."""
    split: int = 0

    @property
    def digest(self) -> str:
        """SHA-256 of the body, hex; of the long octets in it where there are such."""
        return hashlib.sha256(self.body).hexdigest() if self.large is None else self.large.digests["sha256"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A signed word about a message. `decision` is `accepted`, `duplicate` is never said: a repeat gets this again."""

    id: str
    refers_to: MessageId
    decision: str
    received_at: datetime
    references: tuple[Reference, ...]
    signer: PartnerId
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message on its way to one receiver. `attempt` counts from 1; `sealed` is what was kept of an earlier try."""

    entry: Entry
    corridor: CorridorId
    lane: str
    attempt: int
    deadline: datetime
    message_id: MessageId
    """The id our envelope carries: the same on every retry."""
    relates_to: MessageId | None
    """What our envelope relates to, in the receiver's own terms."""
    sealed: Sealed | None = None
    order: int = 0
    """Its order key (`gateway.order`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What is kept of a refused message: a record, never its content."""

    incident: UUID
    at: datetime
    peer: str
    claimed: str
    """Claimed partner and message id, marked unverified."""
    size: int
    digest: str
    code: str
    threat: str
    detail: str
    findings: tuple[Mapping[str, object], ...] = ()
    alarm: bool = False
