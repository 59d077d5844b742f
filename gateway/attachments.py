"""Files that go with a message: of a kind that was agreed, what they say they are, and passed on as they came."""

from __future__ import annotations

from contextlib import closing
from typing import Final

from gateway.envelope.media import ATTACHMENTS, media_of
from gateway.errors import MediaTypeUnknown, NotEntitled, RelationUnknown
from gateway.model import ATTACHMENT_TYPE, Document, Verified
from gateway.setup import Setup

_LABEL: Final = "attachment:"
_HEAD: Final = 16
"""Octets that tell what a file is."""


def is_one(verified: Verified) -> bool:
    """True when a file came, not a document."""
    return verified.claims.action.endswith(f":{ATTACHMENT_TYPE}")


def agreed(verified: Verified) -> None:
    """The partner may send files of this kind, and says which message this one belongs to.

    Raises NotEntitled for a kind that its record does not list, RelationUnknown for a file of no message.
    """
    if not is_one(verified):
        return
    media = media_of(verified.wire.content_type).attachment
    if media not in verified.partner.attachments:
        raise NotEntitled(f"{verified.partner.id} may not send files of {media}", threat="P2")
    if not (verified.claims.relates_to or verified.claims.conversation_id):
        raise RelationUnknown("a file says by gw-relates-to or gw-conversation-id what it belongs to", threat="R6")


def document_of(verified: Verified, setup: Setup) -> Document:
    """The file, which begins as files of its kind do. Raises MediaTypeUnknown for another one (S3)."""
    media = media_of(verified.wire.content_type).attachment
    if not _head(verified, setup).startswith(ATTACHMENTS[media]):
        raise MediaTypeUnknown(f"this file is no {media}", threat="S3")
    return Document(
        type=ATTACHMENT_TYPE, version="", payload=verified.payload, schema=f"{_LABEL}{media}",
        large=verified.large,
    )  # fmt: skip


def media_of_file(document: Document) -> str:
    """What kind of file it is."""
    return document.schema.removeprefix(_LABEL)


def _head(verified: Verified, setup: Setup) -> bytes:
    large = verified.large
    if large is None or setup.depot is None:
        return verified.payload[:_HEAD]
    with closing(setup.depot.open(large)) as source:
        return source.read(_HEAD)
