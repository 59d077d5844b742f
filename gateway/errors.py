"""Every way a message can be refused, each with the words it has on the wire.

One class says one thing. A class carries what `refusal` needs to spell it as a SOAP 1.1 Fault, a SOAP 1.2 Fault
(WSS 1.1.1 section 12 sub-codes) and RFC 9457 problem+json; an instance carries what happened to this message.
Human words in English, Russian and Kazakh live in `gateway/words/`, keyed by `code` and by `Finding.rule`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar, Literal

Blame = Literal["sender", "receiver"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing wrong with one place of a message.

    `rule` is the stable id that users and tests quote (`xsd.pattern`, `trap.no-namespace`, `mapping.required`);
    `params` fill the words of that rule; `path` is readable (`/MetaData/Declaration/GoodsShipment[1]/...`);
    `line` and `column` count from 1 in the message as received; `wco_id` and `wco_name` are those of the WCO Data
    Model (`063`, `Country of origin, coded`); `value` is the offending text, cut at 200 characters; `pointer` is the
    JSON pointer (RFC 6901) of the place where the message came as JSON.
    """

    rule: str
    params: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
    line: int | None = None
    column: int | None = None
    wco_id: str = ""
    wco_name: str = ""
    value: str = ""
    pointer: str = ""


class GatewayError(Exception):
    """A refusal. `detail` is for the log and, unless `secret`, for the sender; `threat` names a threat-table row."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    blame: ClassVar[Blame] = "receiver"
    subcode: ClassVar[str] = ""
    """SOAP 1.2 Subcode / SOAP 1.1 faultcode as `prefix:Name`; empty = none."""
    retry: ClassVar[bool] = False
    secret: ClassVar[bool] = False
    """True: the public text is the same for the whole family, so that it tells an attacker nothing."""

    def __init__(self, detail: str = "", *, findings: tuple[Finding, ...] = (), threat: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.findings = findings
        self.threat = threat
        self.recorded = False
        """True: whoever raised it kept its intake record already."""


class EnvelopeMalformed(GatewayError):
    """The bytes are not one well-formed envelope of a profile we speak."""

    code, status, blame = "envelope.malformed", 400, "sender"


class TooLarge(GatewayError):
    """The message is larger than the configured limit."""

    code, status, blame = "envelope.too-large", 413, "sender"


class MediaTypeUnknown(GatewayError):
    """The content type, charset or content encoding is not one we accept."""

    code, status, blame = "envelope.media-type", 415, "sender"


class AddressingInvalid(GatewayError):
    """A WS-Addressing header (or its REST counterpart) is missing, doubled or not usable."""

    code, status, blame, subcode = "envelope.addressing", 400, "sender", "wsa:InvalidAddressingHeader"


class ActionMismatch(GatewayError):
    """SOAPAction, wsa:Action and the root of the Body do not say the same thing."""

    code, status, blame, subcode = "envelope.action-mismatch", 400, "sender", "wsa:ActionMismatch"


class DestinationUnreachable(GatewayError):
    """ReplyTo or FaultTo names an address that is not registered for this partner."""

    code, status, blame, subcode = "envelope.destination", 400, "sender", "wsa:DestinationUnreachable"


class NotUnderstood(GatewayError):
    """A header with mustUnderstand that we do not know."""

    code, status, blame, subcode = "envelope.must-understand", 400, "sender", "env:MustUnderstand"


class SealError(GatewayError):
    """Base of everything that says: this seal proves nothing. One public text for all."""

    status, blame, secret = 401, "sender", True


class SealInvalid(SealError):
    """The Security header or Signature-Input does not have the one shape the profile allows."""

    code, subcode = "seal.invalid", "wsse:InvalidSecurity"


class SealBroken(SealError):
    """A digest or the signature does not match, or a required part is not covered."""

    code, subcode = "seal.broken", "wsse:FailedCheck"


class SealToken(SealError):
    """The security token cannot be used: wrong kind, unreadable, ambiguous."""

    code, subcode = "seal.token", "wsse:InvalidSecurityToken"


class WeakAlgorithm(SealError):
    """An algorithm that the profile or the partner's record does not allow."""

    code, subcode = "seal.algorithm", "wsse:UnsupportedAlgorithm"


class SealExpired(SealError):
    """The message is too old, from the future, or its times contradict each other."""

    code, subcode = "seal.expired", "wsu:MessageExpired"


class PartnerUnknown(SealError):
    """The signer is nobody we exchange with, not the claimed sender, or its certificate does not hold."""

    code, subcode = "partner.unknown", "wsse:FailedAuthentication"


class NotEntitled(GatewayError):
    """A known partner asks for what its agreement does not list."""

    code, status, blame, subcode = "partner.not-entitled", 403, "sender", "wsse:FailedAuthentication"


class Conflict(GatewayError):
    """The same message id came before with other signed content."""

    code, status, blame = "message.conflict", 409, "sender"


class MessageUnknown(GatewayError):
    """No such message for this partner (also said of other partners' messages)."""

    code, status, blame = "message.unknown", 404, "sender"


class RelationUnknown(GatewayError):
    """An answer relates to a message that never crossed this gateway for this partner."""

    code, status, blame = "message.unrelated", 422, "sender"


class AnswerGiven(GatewayError):
    """The question has its one answer already; a second decision about it is nobody's to choose."""

    code, status, blame = "message.answered", 409, "sender"


class SchemaUnknown(GatewayError):
    """No schema is registered for this namespace, root, function and type."""

    code, status, blame = "schema.unknown", 422, "sender"


class SchemaViolation(GatewayError):
    """The document is not valid by its schema; one finding per violation."""

    code, status, blame = "schema.violation", 422, "sender"


class RuleViolation(GatewayError):
    """The document is schema-valid but breaks a business rule or a code list."""

    code, status, blame = "rule.violation", 422, "sender"


class NoCorridor(GatewayError):
    """No corridor takes this document from this sender to this receiver."""

    code, status, blame = "route.none", 422, "sender"


class MappingGap(GatewayError):
    """Required targets stay empty or a value cannot be converted; one finding per gap."""

    code, status, blame = "mapping.gap", 422, "sender"


class MappingInvalid(GatewayError):
    """Our own translation is not valid by the receiver's schema: our fault, an alarm."""

    code, status = "mapping.invalid", 500


class DeliveryFailed(GatewayError):
    """The partner could not be reached or did not answer as its profile demands: all of its messages wait."""

    code, status, retry = "delivery.failed", 502, True
    retry_after: timedelta | None = None
    """How long it asked us to wait, if it did."""


class DeliveryDeferred(GatewayError):
    """The partner wants this one message again later; the others go on."""

    code, status, retry = "delivery.deferred", 502, True
    retry_after: timedelta | None = None


class DeliveryRefused(GatewayError):
    """The partner answered with a refusal of this message; not tried again."""

    code, status = "delivery.refused", 502


class DeliveryExpired(GatewayError):
    """The corridor's deadline passed before the message could be delivered."""

    code, status = "delivery.expired", 504


class ReceiptInvalid(GatewayError):
    """A receipt does not repeat what we sent, or is not signed by whom we sent it to."""

    code, status, retry = "receipt.invalid", 502, True


class ReceiptRefused(GatewayError):
    """A partner's word that it has our message does not repeat what we handed out."""

    code, status, blame = "receipt.refused", 422, "sender"


class MethodNotAllowed(GatewayError):
    """The HTTP method is not one of this resource."""

    code, status, blame = "http.method", 405, "sender"


class NotAcceptable(GatewayError):
    """Accept takes no media type that this answer has."""

    code, status, blame = "http.not-acceptable", 406, "sender"


class NotFound(GatewayError):
    """No such resource."""

    code, status, blame = "http.not-found", 404, "sender"


class Busy(GatewayError):
    """The gateway cannot take the message now; the sender may try again with the same id."""

    code, status, retry = "busy", 503, True


class DatabaseAway(Busy):
    """The database cannot be reached, or what was held went with its connection."""


class InternalError(GatewayError):
    """Something of ours failed; the cause is in the log under the incident id."""

    code, status, retry = "internal", 500, True


class ConfigurationError(GatewayError):
    """A file of ours cannot be used as it stands; `findings` name file, line and key. Raised only at start."""

    code = "configuration"
