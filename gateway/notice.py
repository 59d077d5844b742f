"""Notices: what we tell a sender, later, about an accepted message that could not go on, or that nobody answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from gateway import words
from gateway.envelope.addressing import action_of, stamp
from gateway.errors import Finding, GatewayError
from gateway.lifecycle import State
from gateway.model import (
    LANGUAGES,
    NOTICE_TYPE,
    RECEIPT,
    Claims,
    Corridor,
    CorridorId,
    Delivery,
    Document,
    DocumentType,
    Entry,
    Language,
    MessageId,
    PartnerId,
)
from gateway.receipt import escape, leaf
from gateway.setup import OWN_ID, Setup

NOTICE_SCHEMA: Final = "xsd/gateway/notice.xsd"
MOST_FINDINGS: Final = 25


def own_corridor(partner: PartnerId) -> Corridor:
    """The way of what we write ourselves to a partner: unchanged."""
    corridor = CorridorId(f"gateway-to-{partner}")
    return Corridor(id=corridor, sender=OWN_ID, receiver=partner, takes=NOTICE_TYPE, gives=NOTICE_TYPE)


def notice_of(delivery: Delivery, state: State, error: GatewayError, setup: Setup) -> Entry:
    """The notice to the sender of a message whose delivery ended in `state`."""
    notice_id, about = setup.ids(), delivery.entry
    parts = (
        leaf("NoticeID", f"urn:uuid:{notice_id}"),
        leaf("RefersTo", about.claims.message_id),
        leaf("State", state.value),
        leaf("Code", error.code),
        leaf("IssuedAt", stamp(setup.clock())),
        *(_text(error.code, {}, language) for language in LANGUAGES),
        *(_finding(finding) for finding in error.findings[:MOST_FINDINGS]),
    )
    payload = f'<Notice xmlns="{RECEIPT}">{"".join(parts)}</Notice>'.encode()
    document = Document(type=NOTICE_TYPE, version="1", payload=payload, schema=NOTICE_SCHEMA)
    return own_entry(notice_id, about, document, setup)


def own_entry(entry_id: UUID, about: Entry, document: Document, setup: Setup) -> Entry:
    """A message of our own to the sender of `about`, in its conversation."""
    return Entry(
        id=entry_id,
        sender=OWN_ID,
        claims=_claims(entry_id, about, document.type),
        document=document,
        corridors=(own_corridor(about.sender).id,),
        received_at=setup.clock(),
        priority=about.priority,
        answers=about.id,
    )


def _claims(entry_id: UUID, about: Entry, document: DocumentType) -> Claims:
    return Claims(
        message_id=MessageId(f"urn:uuid:{entry_id}"),
        action=action_of(document),
        to="",
        sender=OWN_ID,
        receiver=about.sender,
        conversation_id=about.claims.conversation_id or about.claims.message_id,
        relates_to=about.claims.message_id,
    )


def _text(key: str, params: Mapping[str, str], language: Language) -> str:
    said = words.say(key, params, language)
    return f'<Text xml:lang="{language}">{escape(f"{said.text} {said.hint}".strip())}</Text>'


def _finding(finding: Finding) -> str:
    path = leaf("Path", finding.path) if finding.path else ""
    texts = "".join(_text(finding.rule, finding.params, language) for language in LANGUAGES)
    return f"<Finding>{leaf('Rule', finding.rule)}{path}{texts}</Finding>"
