"""Opens a message of profile rest-gw-1 and reads what its sender claims: a document in the body, claims in headers.

Sources: RFC 9110 (HTTP semantics), RFC 7303 (XML media types). There is no second way to write anything: XML or, where
agreed, its JSON twin, no content coding, each `gw-` header once. JSON is read after the seal is proven.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.envelope.addressing import action_of, message_id, partner_id
from gateway.envelope.media import XML_MEDIA, media_of
from gateway.errors import AddressingInvalid, EnvelopeMalformed, MediaTypeUnknown, MethodNotAllowed, TooLarge
from gateway.model import ACTION, ATTACHMENT_TYPE, Claims, DocumentType, Envelope, Wire
from gateway.xml import parse

REST_MEDIA_TYPE: Final = XML_MEDIA
MESSAGE_ID: Final = "gw-message-id"
PARTNER: Final = "gw-partner"
RECEIVER: Final = "gw-receiver"
CONVERSATION_ID: Final = "gw-conversation-id"
RELATES_TO: Final = "gw-relates-to"
ACTION_NAME: Final = "gw-action"
MESSAGES_PATH: Final = "/api/v1/messages"
"""Where messages are sent to; a kept one is found below it under the id the gateway gave it."""

_WITH_BODY: Final = frozenset({"POST"})
_WITHOUT_BODY: Final = frozenset({"GET", "DELETE"})
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_VALUE = re.compile(r"[\x20-\x7e]{1,2000}")
_TARGET = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{0,2000}")
_OVERRIDES: Final = frozenset({"x-http-method-override", "x-http-method", "x-method-override"})


@dataclass(frozen=True, slots=True)
class Fields:
    """The `gw-` headers of one message, each proven to stand there once, for the seal desk."""

    gw: MappingProxyType[str, str]


def open_rest(wire: Wire) -> Envelope:
    """Read the claims of a REST message. GET and DELETE carry no body, POST carries one document.

    Times are claimed by the seal, not here. Raises MethodNotAllowed, MediaTypeUnknown, AddressingInvalid and
    EnvelopeMalformed (rows J9, S3, S4, S8, X1-X8).
    """
    _check_request(wire)
    fields = gateway_fields(wire)
    claims = _claims(fields, wire.authority)
    if wire.method in _WITH_BODY:
        _check_body(wire, claims)
    elif wire.body:
        raise EnvelopeMalformed(f"{wire.method} carries no body", threat="S3")
    return Envelope(wire=wire, profile="rest-gw-1", claims=claims, parsed=Fields(fields))


def _check_body(wire: Wire, claims: Claims) -> None:
    """There is one, of a kind that its action may have; short XML is parsed, long XML by the schema's desk."""
    if not wire.size:
        raise EnvelopeMalformed("a message has a body", threat="S3")
    media = media_of(wire.content_type)
    if bool(media.attachment) != (claims.action == action_of(ATTACHMENT_TYPE)):
        raise MediaTypeUnknown(f"files are sent as {ATTACHMENT_TYPE}, documents as {XML_MEDIA}", threat="S3")
    if media.json and wire.large is not None:
        raise TooLarge("only XML and files may be as long as this", threat="X6")
    if not (media.json or media.attachment or wire.large):
        parse(wire.body)


def gateway_fields(wire: Wire) -> MappingProxyType[str, str]:
    """The `gw-` headers of a message, by name. Raises AddressingInvalid for one sent twice or not printable (J9)."""
    found: dict[str, str] = {}
    for name, value in wire.headers:
        if not name.startswith("gw-"):
            continue
        if name in found:
            raise AddressingInvalid(f"{name} is sent twice", threat="J9")
        if not _VALUE.fullmatch(value) or value != value.strip(" "):
            raise AddressingInvalid(f"{name} is empty, too long or not printable ASCII on one line", threat="S4")
        found[name] = value
    return MappingProxyType(found)


def write_claims(claims: Claims) -> tuple[tuple[str, str], ...]:
    """The `gw-` headers that say these claims, in a fixed order; empty claims are left out."""
    pairs = (
        (MESSAGE_ID, claims.message_id),
        (PARTNER, claims.sender),
        (RECEIVER, claims.receiver or ""),
        (CONVERSATION_ID, claims.conversation_id),
        (RELATES_TO, claims.relates_to or ""),
        (ACTION_NAME, claims.action.removeprefix(ACTION)),
    )
    return tuple((name, str(value)) for name, value in pairs if value)


def read_action(name: str) -> str:
    """The action URI of a `gw-action` value, a message name such as `LPCO_QUERY`. Raises AddressingInvalid."""
    if not _NAME.fullmatch(name):
        raise AddressingInvalid("gw-action is a message name such as LPCO_QUERY", threat="S4")
    return action_of(DocumentType(name))


def _check_request(wire: Wire) -> None:
    if wire.method not in _WITH_BODY | _WITHOUT_BODY:
        raise MethodNotAllowed(f"{wire.method[:20]} is not a method of messages", threat="S3")
    names = {name for name, _ in wire.headers}
    if names & _OVERRIDES:
        raise EnvelopeMalformed("the method cannot be overridden by a header", threat="J9")
    if "content-encoding" in names:
        raise MediaTypeUnknown("content codings are not accepted", threat="S8")
    if not _TARGET.fullmatch(wire.target):
        raise EnvelopeMalformed("the request target is not a plain path and query", threat="J9")


def _claims(fields: MappingProxyType[str, str], authority: str) -> Claims:
    for name in (MESSAGE_ID, PARTNER):
        if name not in fields:
            raise AddressingInvalid(f"{name} is missing", threat="S4")
    return Claims(
        message_id=message_id(fields[MESSAGE_ID]),
        sender=partner_id(fields[PARTNER]),
        action=read_action(fields[ACTION_NAME]) if ACTION_NAME in fields else "",
        to=authority,
        receiver=partner_id(fields[RECEIVER]) if RECEIVER in fields else None,
        conversation_id=message_id(fields[CONVERSATION_ID]) if CONVERSATION_ID in fields else "",
        relates_to=message_id(fields[RELATES_TO]) if RELATES_TO in fields else None,
    )
