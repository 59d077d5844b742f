"""The small words both envelope profiles share: ids, partner addresses, actions and times."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Final

from gateway.errors import AddressingInvalid, SealInvalid
from gateway.model import ACTION, Claims, DocumentType, MessageId, PartnerId

PARTNER_URN: Final = "urn:swgw:partner:"
_ID = re.compile(r"[A-Za-z0-9:._|+=@-]{1,300}")
_PARTNER = re.compile(r"[a-z][a-z0-9_]{1,39}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,3})?Z")


def message_id(text: str) -> MessageId:
    """An opaque id of printable ASCII without slash, quote or space, at most 300 characters (threat S4)."""
    if not _ID.fullmatch(text):
        raise AddressingInvalid("a message id is 1-300 characters of A-Z a-z 0-9 : . _ | + = @ -", threat="S4")
    return MessageId(text)


def partner_id(text: str) -> PartnerId:
    """A partner id as in the registry. Raises AddressingInvalid."""
    if not _PARTNER.fullmatch(text):
        raise AddressingInvalid("a partner id is a lower-case letter and then letters, digits or _", threat="S4")
    return PartnerId(text)


def partner_address(partner: PartnerId) -> str:
    """The wsa:From address of a partner."""
    return PARTNER_URN + partner


def partner_of(address: str) -> PartnerId:
    """The partner id inside a wsa:From address."""
    if not address.startswith(PARTNER_URN):
        raise AddressingInvalid(f"wsa:From must be {PARTNER_URN}<id>", threat="S4")
    return partner_id(address.removeprefix(PARTNER_URN))


def action_of(document: DocumentType) -> str:
    """wsa:Action of a document type."""
    return ACTION + document


def instant(text: str) -> datetime:
    """An xs:dateTime in UTC with `Z` and at most three fraction digits (threat R4). Raises SealInvalid."""
    if not _TIME.fullmatch(text):
        raise SealInvalid("times are YYYY-MM-DDThh:mm:ss[.sss]Z", threat="R4")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise SealInvalid(f"not a time: {error}", threat="R4") from None


def stamp(at: datetime) -> str:
    """A time as we write it: UTC, milliseconds, `Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def content_digest(claims: Claims, payload: bytes) -> str:
    """SHA-256 hex of what makes a message *this* message: its signed claims and its signed payload.

    Times, tokens and element ids are left out, so a message sealed again keeps its digest.
    """
    return content_digest_of(claims, hashlib.sha256(payload).hexdigest())


def content_digest_of(claims: Claims, payload: str) -> str:
    """The same, when the SHA-256 of the payload is at hand in hex."""
    words = (
        claims.message_id, claims.action, claims.to, claims.sender, claims.receiver or "", claims.conversation_id,
        claims.relates_to or "", claims.reply_to, payload,
    )  # fmt: skip
    return hashlib.sha256("\x00".join(words).encode()).hexdigest()
