"""How the words of the house lie in the tables, and how they come back out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

import orjson
from psycopg.types.json import Jsonb
from psycopg.types.numeric import Int4

from gateway.model import (
    Claims,
    CorridorId,
    Delivery,
    Document,
    DocumentType,
    Entry,
    Intake,
    MessageId,
    PartnerId,
    Receipt,
    Reference,
    Sealed,
    Verified,
    Wire,
)
from gateway.shell.large_rows import large_facts, large_of
from gateway.shell.own_ids import urn

Facts = dict[str, Any]
Record = TypeVar("Record")
LONGEST_KEY = 256
"""Characters of a search key that are kept; an index row has a size limit."""
_TIMES = frozenset({"created_at", "expires_at", "received_at"})


def clean(value: Any) -> Any:
    """The same value with the characters a database cannot hold (NUL, lone surrogates) made visible as U+FFFD."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {clean(str(key)): clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean(item) for item in value]
    return value


def jsonb(value: Any) -> Jsonb:
    """A JSON parameter, cleaned where it needs to be: most values do not, and looking at each costs."""
    try:
        text = orjson.dumps(value)
    except orjson.JSONEncodeError:
        text = b"\\u0000"
    if b"\\u0000" in text:
        text = orjson.dumps(clean(value))
    return Jsonb(text, dumps=bytes)


def array(values: Iterable[object]) -> str:
    """An array parameter as PostgreSQL reads it: None is null, everything else its text. The statement says of what.

    psycopg would find out the type of each element; for the short lists of ours that costs more than sending them.
    """
    escaped = (None if one is None else str(one).replace("\\", r"\\").replace('"', r"\"") for one in values)
    return "{" + ",".join("null" if one is None else f'"{one}"' for one in escaped) + "}"


def arrays(names: Iterable[str], found: Sequence[Mapping[str, object]]) -> Facts:
    """Rows as a parameter for each column, called as many of it."""
    return {f"{name}s": array(one[name] for one in found) for name in names}


def flat(record: Any, *but: str) -> Facts:
    """A small dataclass as JSON facts, without some of it: absent values left out; empty texts stay what they are."""
    kind: Any = type(record)
    names, values = _reader(kind, but)
    return {name: value for name, value in zip(names, values(record), strict=True) if value is not None}


@cache
def _reader(kind: Any, but: tuple[str, ...]) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    names = tuple(field.name for field in fields(kind) if field.name not in but)
    return names, attrgetter(*names)


def made(kind: type[Record], facts: Mapping[str, Any], **known: Any) -> Record:
    """The record that `flat` was given, with what is `known` of it otherwise.

    What a newer program wrote and this one has no field for is left alone: both may work on one database.
    """
    names = {one.name for one in fields(kind)} - known.keys()  # type: ignore[arg-type]
    mine = {name: value for name, value in facts.items() if name in names}
    times = {name: datetime.fromisoformat(mine[name]) for name in _TIMES & mine.keys()}
    return kind(**{**mine, **times, **known})


def references_of(found: Sequence[Mapping[str, str]]) -> tuple[Reference, ...]:
    """Signed parts and digests from their facts."""
    return tuple(made(Reference, one) for one in found)


def search_keys(entry: Entry) -> tuple[list[str], list[str]]:
    """Schemes and values a message can be found by: its business keys, its id, its conversation."""
    pairs = [*entry.document.keys, ("message", plain_id(entry.claims.message_id))]
    if entry.claims.conversation_id:
        pairs.append(("conversation", plain_id(entry.claims.conversation_id)))
    kept = [(scheme, clean(value)[:LONGEST_KEY]) for scheme, value in dict.fromkeys(pairs) if value]
    return [scheme for scheme, _ in kept], [value for _, value in kept]


def plain_id(text: str) -> str:
    """An id as people paste it: without its `urn:uuid:`."""
    return text.strip().removeprefix("urn:uuid:")


def wire_facts(wire: Wire) -> Facts:
    """All of a wire message but its bytes."""
    return {
        "content_type": wire.content_type,
        "peer": wire.peer,
        "method": wire.method,
        "authority": wire.authority,
        "target": wire.target,
        "headers": wire.headers,
        "digest": wire.digest,
        "size": wire.size,
    }


def seal_facts(verified: Verified) -> Facts:
    """What the seal proved, without bytes."""
    return {
        "profile": verified.profile,
        "soap": verified.soap,
        "certificate": verified.certificate,
        "algorithm": verified.algorithm,
        "references": [flat(one) for one in verified.references],
        "content_digest": verified.content_digest,
    }


def entry_facts(entry: Entry) -> Facts:
    """An entry without its payload."""
    document = entry.document
    known = {"version": document.version, "schema": document.schema, "keys": document.keys}
    return {
        "claims": flat(entry.claims),
        "document": known | large_facts(document.large),
        "corridors": entry.corridors,
    }


def entry_of(row: Mapping[str, Any]) -> Entry:
    """The entry that a row of `message` keeps."""
    facts = row["facts"]
    document = facts["document"]
    return Entry(
        id=row["id"],
        sender=PartnerId(row["sender"]),
        claims=made(Claims, {"to": "", **facts["claims"]}),  # our own notices are addressed to nobody
        document=Document(
            type=DocumentType(row["type"]),
            version=document["version"],
            payload=bytes(row["payload"] or b""),
            schema=document["schema"],
            keys=tuple((scheme, value) for scheme, value in document["keys"]),
            large=large_of(document),
        ),
        corridors=tuple(CorridorId(one) for one in facts["corridors"]),
        received_at=row["received_at"].astimezone(UTC),
        priority=row["priority"],
        answers=row["answers"],
    )


def delivery_of(row: Mapping[str, Any]) -> Delivery:
    """The delivery that a row of the view `delivery_way` describes, on its next attempt."""
    return Delivery(
        entry=entry_of(row),
        corridor=CorridorId(row["corridor"]),
        lane=row["lane"],
        attempt=row["attempts"] + 1,
        deadline=row["deadline"].astimezone(UTC),
        message_id=urn(row["out_id"]),
        relates_to=MessageId(row["relates_to"]) if row["relates_to"] else None,
        sealed=sealed_of(row["sealed_facts"], row["sealed_body"]) if row["sealed_facts"] else None,
        order=row["order_key"],
    )


def sealed_facts(sealed: Sealed) -> Facts:
    """Kept bytes' facts, without the bytes."""
    facts = flat(sealed, "body", "references", "made_by", "large", "split")
    split = {"split": sealed.split} if sealed.split else {}
    return {**facts, "references": [flat(one) for one in sealed.references], **large_facts(sealed.large), **split}


def sealed_of(facts: Mapping[str, Any], body: bytes) -> Sealed:
    """What `sealed_facts` was made from, byte for byte."""
    headers, large = tuple((name, value) for name, value in facts.get("headers", ())), large_of(facts)
    return made(Sealed, facts, body=body, headers=headers, references=references_of(facts["references"]), large=large)


def receipt_facts(receipt: Receipt) -> Facts:
    """A receipt without its bytes."""
    return {**flat(receipt, "body", "references"), "references": [flat(one) for one in receipt.references]}


def receipt_of(facts: Mapping[str, Any], body: bytes) -> Receipt:
    """What `receipt_facts` was made from."""
    return made(Receipt, facts, body=body, references=references_of(facts["references"]))


# --- parameters of the statements ------------------------------------------------------------------------------------
def sha256(octets: bytes) -> bytes:
    """Raw digest."""
    return hashlib.sha256(octets).digest()


def message_row(entry: Entry, verified: Verified | None, answer: Sealed | None, steps: Mapping[str, float]) -> Facts:
    """What ACCEPT keeps of a message, its proof and its answer; a message of our own has neither."""
    claims, payload = entry.claims, entry.document.payload
    facts = entry_facts(entry)
    detail: Facts = {"partner": entry.sender, "message_id": claims.message_id, "type": entry.document.type}
    if verified is not None:
        facts |= {"wire": wire_facts(verified.wire), "seal": seal_facts(verified), "steps": steps}
        detail |= {"content_digest": verified.content_digest, "certificate": verified.certificate}
    if answer is not None:
        detail["answer"] = hashlib.sha256(answer.body).hexdigest()
    detail["payload"] = its_digest = entry.document.digest
    wire = verified.wire.body or None if verified else None
    there = -1 if wire is None or payload in (wire, b"") else wire.find(payload)
    return {
        "id": entry.id,
        "received_at": entry.received_at,
        "sender": entry.sender,
        "receiver": claims.receiver,
        "type": entry.document.type,
        "message_id": claims.message_id,
        "conversation_id": claims.conversation_id,
        "priority": entry.priority,
        "answers": entry.answers,
        "facts": jsonb(facts),
        "wire": wire,
        "payload": None if there >= 0 or payload in (wire, b"") else payload,
        "payload_at": Int4(there) if there >= 0 else None,
        "payload_size": Int4(len(payload)) if there >= 0 else None,
        "ways": len(entry.corridors),
        "content_digest": verified.content_digest if verified else "",
        "answer": answer.body if answer else None,
        "answer_facts": jsonb(sealed_facts(answer)) if answer else None,
        "digest": bytes.fromhex(verified.wire.digest if verified else its_digest),
        "detail": jsonb(detail),
    }


def receipt_row(receipt: Receipt | None, corridor: CorridorId) -> Facts:
    """What SETTLE keeps of a receipt."""
    if receipt is None:
        return dict.fromkeys(("receipt_id", "receipt", "receipt_body", "receipt_digest", "receipt_record"))
    record = {"corridor": corridor, "id": receipt.id, "signer": receipt.signer, "decision": receipt.decision}
    return {
        "receipt_id": receipt.id,
        "receipt": jsonb(receipt_facts(receipt)),
        "receipt_body": receipt.body,
        "receipt_digest": sha256(receipt.body),
        "receipt_record": jsonb(record),
    }


def intake_row(intake: Intake) -> Facts:
    """What REFUSE keeps of a refused message; all its words came from outside."""
    words = {name: clean(value) for name, value in flat(intake, "findings", "incident", "at").items()}
    record = {"incident": str(intake.incident), "code": intake.code, "claimed": intake.claimed, "peer": intake.peer}
    return {
        **dict.fromkeys(("peer", "claimed", "digest", "code", "threat", "detail"), ""),
        **words,
        "incident": intake.incident,
        "at": intake.at,
        "findings": jsonb(intake.findings),
        "wire_digest": bytes.fromhex(intake.digest) if intake.digest else None,
        "record": jsonb(record),
    }
