"""Receipts: our signed word about a message, and what a partner's receipt must repeat.

A receipt repeats the digest of every part its sender signed (ebBP NonRepudiationInformation, as AS4 receipts do), so
that both sides can show the same message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final
from uuid import UUID

from gateway.envelope.addressing import instant, stamp
from gateway.errors import EnvelopeMalformed, ReceiptInvalid, SealInvalid
from gateway.model import DS, EBBP, RECEIPT, MessageId, Receipt, Reference, Sealed, Verified
from gateway.xml import Element, parse_again, tag_of, text_of

ACCEPTED: Final = "accepted"
POLICY: Final = "2026-11"
"""Version of the rules under which a receipt was given."""
_REFERENCE: Final = f"{{{DS}}}Reference"
_METHOD: Final = f"{{{DS}}}DigestMethod"
_VALUE: Final = f"{{{DS}}}DigestValue"
LONGEST_WORD: Final = 300
"""Characters of a text of a partner's receipt: it becomes part of a key, and a key has a size limit."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_OF_THE_MOMENT: Final = frozenset({"#id-ts", "#id-bst", "signature-base"})
"""Parts that differ each time the same message is sealed: the time stamp, the token, the times in an HTTP signature."""


def write_receipt(verified: Verified, receipt_id: UUID, at: datetime, decision: str = ACCEPTED) -> bytes:
    """The Receipt document for an accepted message, in canonical form. `at` is when it was received (UTC)."""
    parts = (
        leaf("ReceiptID", f"urn:uuid:{receipt_id}"),
        leaf("RefersTo", verified.claims.message_id),
        leaf("Sender", verified.partner.id),
        leaf("Decision", decision),
        leaf("ReceivedAt", stamp(at)),
        leaf("PolicyVersion", POLICY),
        leaf("MessageDigest", verified.wire.digest),
        _repeated(verified.references),
    )
    return f'<Receipt xmlns="{RECEIPT}">{"".join(parts)}</Receipt>'.encode()


def read_receipt(answer: Verified, sent: Sealed) -> Receipt:
    """The partner's word about exactly what we sent.

    `answer` is proven to be the partner's. Raises ReceiptInvalid when it refers to another message, repeats other
    digests, has an id or a decision that is long or holds control characters, or is no receipt (threat R6).
    """
    root = _root(answer)
    words = {tag_of(child): text_of(child).strip() for child in root if not len(child)}
    refers_to = words.get(f"{{{RECEIPT}}}RefersTo", "")
    if refers_to != sent.message_id or answer.claims.relates_to not in (None, sent.message_id):
        raise ReceiptInvalid(
            f"the receipt refers to {refers_to[:LONGEST_WORD]!r}, not to {sent.message_id}", threat="R6"
        )
    references = tuple(_references(root))
    if _lasting(references) != _lasting(sent.references):
        raise ReceiptInvalid("the receipt repeats other digests than those we sent", threat="R6")
    return Receipt(
        id=_word(words, "ReceiptID"),
        refers_to=MessageId(refers_to),
        decision=_word(words, "Decision"),
        received_at=_time(words.get(f"{{{RECEIPT}}}ReceivedAt", "")),
        references=references,
        signer=answer.partner.id,
        body=answer.wire.body,
    )


def _word(words: Mapping[str, str], name: str) -> str:
    """A short text on one line. Raises ReceiptInvalid."""
    text = words.get(f"{{{RECEIPT}}}{name}", "")
    if len(text) > LONGEST_WORD:
        raise ReceiptInvalid(f"{name} has {len(text)} characters, more than {LONGEST_WORD}", threat="R6")
    if _CONTROL.search(text):
        raise ReceiptInvalid(f"{name} holds a control character", threat="R6")
    return text


def _root(answer: Verified) -> Element:
    try:
        root = parse_again(answer.payload)
    except EnvelopeMalformed as error:
        raise ReceiptInvalid(f"unreadable receipt: {error.detail}", threat="R6") from None
    if tag_of(root) != f"{{{RECEIPT}}}Receipt":
        raise ReceiptInvalid(f"{tag_of(root)[:LONGEST_WORD]} is not a Receipt", threat="R6")
    return root


def _references(root: Element) -> Iterable[Reference]:
    for reference in root.iter(_REFERENCE):
        found = {child.tag: child for child in reversed(reference)}
        method, value = found.get(_METHOD), found.get(_VALUE)
        if method is None or value is None:
            raise ReceiptInvalid("a reference without method or value", threat="R6")
        digest = "".join(text_of(value).split())
        yield Reference(part=reference.get("URI", ""), algorithm=method.get("Algorithm", ""), digest=digest)


def _lasting(references: Iterable[Reference]) -> list[tuple[str, str, str]]:
    """What stays the same when a message is sealed again: a receiver that saw the first sealing answers with that."""
    return sorted((r.part, r.algorithm, r.digest) for r in references if r.part not in _OF_THE_MOMENT)


def _time(text: str) -> datetime:
    try:
        return instant(text)
    except SealInvalid as error:
        raise ReceiptInvalid(error.detail, threat="R6") from None


def _repeated(references: tuple[Reference, ...]) -> str:
    inner = "".join([f"{_opening(one.part, one.algorithm)}{one.digest}{_CLOSING}" for one in references])
    return f'<NonRepudiationInformation xmlns="{EBBP}">{inner}</NonRepudiationInformation>'


_CLOSING: Final = "</ds:DigestValue></ds:Reference></MessagePartNRInformation>"


@lru_cache(maxsize=1024)
def _opening(part: str, algorithm: str) -> str:
    """What stands before a digest; parts and algorithms are the same few."""
    return (
        f'<MessagePartNRInformation><ds:Reference xmlns:ds="{DS}" URI="{escape(part)}">'
        f'<ds:DigestMethod Algorithm="{escape(algorithm)}"></ds:DigestMethod><ds:DigestValue>'
    )


def leaf(name: str, text: str) -> str:
    """One element with text, in canonical form."""
    return f"<{name}>{escape(text)}</{name}>"


def escape(text: str) -> str:
    """Canonical for character content, and for attributes of values that hold no white space but blanks."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")
