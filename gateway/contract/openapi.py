"""Writes the OpenAPI 3.1 document of the REST door: resources, headers, bodies, refusals and examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from gateway.contract import openapi_words as words
from gateway.contract.openapi_twins import in_json, receipt_types, twin_components
from gateway.errors import GatewayError, SealError
from gateway.facts import FactTable
from gateway.model import RECEIPT_TYPE, DocumentType
from gateway.words import template

Json = dict[str, Any]
Twins = Mapping[DocumentType, FactTable]
_XML: Final = "application/xml"
_NOT_ANSWERED: Final = frozenset({"mapping.invalid", "receipt.invalid", "configuration"})
"""Codes that no partner ever gets as an answer to a request."""


def write_openapi(
    types: Sequence[DocumentType], url: str, version: str, twins: Mapping[DocumentType, FactTable] | None = None
) -> Json:
    """The document as JSON members. `types` are the message names partners may send; `url` is that of the doors.

    `twins` are the facts of the messages that are written in JSON, too, to and by partners who agreed on it.
    """
    twins = twins or {}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Single-window gateway: partner doors",
            "version": version,
            "summary": "Signed messages between customs, permit agencies and foreign customs",
            "description": words.SAID + "\n".join(_table()),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": url}],
        "tags": [
            {"name": "messages", "description": "Submit a message and read what became of it."},
            {"name": "inbox", "description": "For partners that fetch their messages: fetch, then acknowledge."},
            {"name": "state", "description": "How the gateway stands. Not signed."},
        ],
        "paths": _paths(types, twins),
        "components": {
            "schemas": {**_schemas(), **twin_components(twins)},
            "parameters": _parameters(types),
            "headers": _headers(),
        },
    }


def _table() -> Iterator[str]:
    """Every refusal: code, status, whether the same message may be sent again, what to do."""
    yield "| code | status | again? | what it means | what to do |"
    yield "|---|---|---|---|---|"
    for error in refusals():
        said = template("seal" if error.secret else error.code, "en")
        again = "yes" if error.retry else "no"
        yield f"| `{error.code}` | {error.status} | {again} | {said.title} | {said.hint} |"


def refusals() -> list[type[GatewayError]]:
    """Every refusal that a partner may get as an answer, by status and code."""
    found = {error.code: error for error in _below(GatewayError) if error.code not in _NOT_ANSWERED}
    wanted = [error for error in found.values() if error is not SealError and not error.code.startswith("delivery.")]
    return sorted(wanted, key=lambda error: (error.status, error.code))


def _below(error: type[GatewayError]) -> Iterator[type[GatewayError]]:
    for kind in error.__subclasses__():
        yield kind
        yield from _below(kind)


# --- paths -----------------------------------------------------------------------------------------------------------
_PROVEN: Final = ("gw-message-id", "gw-partner", "content-digest", "signature-input", "signature")


def _paths(types: Sequence[DocumentType], twins: Twins) -> Json:
    return {
        "/api/v1/messages": {"post": _submit(types, twins)},
        "/api/v1/messages/{id}": {"get": _read()},
        "/api/v1/inbox": {"get": _pull(types, twins)},
        "/api/v1/inbox/{messageId}/receipt": {"post": _acknowledge(twins)},
        "/health": {"get": _state("How the gateway stands", "health", "Health", {})},
        "/ready": {"get": _state("Whether it can take messages now", "ready", "Ready", {"503": "It cannot, now."})},
    }


def _submit(types: Sequence[DocumentType], twins: Twins) -> Json:
    asked = (*_PROVEN[:2], "gw-receiver", "gw-conversation-id", "gw-relates-to", "gw-action", *_PROVEN[2:])
    operation = _operation(
        ("submitMessage", "messages"), "Submit a signed message",
        "One XML document, valid by its XSD. Message names: " + ", ".join(f"`{name}`" for name in types) + ".",
        asked=asked,
        good={"202": _answer("Kept and taken over; the body is the signed receipt, the same on every repeat.", _XML,
                        "Receipt", words.RECEIPT, ("location",))},
        bad=(400, 401, 403, 406, 409, 413, 415, 422, 503),
        body=_body("The business document.", "Document", words.DOCUMENT),
    )  # fmt: skip
    return in_json(operation, twins, asked=types, told=("202", receipt_types(twins)))


def _read() -> Json:
    return _operation(
        ("readMessage", "messages"), "Read what became of a message",
        "For the partner that sent it; any other asker is told `404`, as for an id that does not exist.",
        asked=("id", "wait", *_PROVEN),
        good={"200": _answer("How the message stands.", "application/json", "Status", words.STATUS)},
        bad=(400, 401, 404, 503),
    )  # fmt: skip


def _pull(types: Sequence[DocumentType], twins: Twins) -> Json:
    operation = _operation(
        ("nextMessage", "inbox"), "Fetch the next waiting message",
        "The oldest message that waits for you and that you have not acknowledged; the same bytes on every fetch. "
        "`gw-cursor` goes into `after` if you want to look further before you acknowledge; begin again without it.",
        asked=("after", "wait", *_PROVEN),
        good={
            "200": _answer("A message for you, in your own format.", _XML, "Document", words.DOCUMENT,
                           ("gw-message-id", "gw-relates-to", "gw-conversation-id", "gw-action", "gw-cursor",
                            "gw-received-at")),
            "204": {"description": "Nothing waits.", "headers": _named(())},
        },
        bad=(400, 401, 404, 406, 503),
    )  # fmt: skip
    given = [one for one in twins if one not in types and one != RECEIPT_TYPE]
    return in_json(operation, twins, told=("200", given))


def _acknowledge(twins: Twins) -> Json:
    operation = _operation(
        ("acknowledgeMessage", "inbox"), "Acknowledge a fetched message",
        "Your signed receipt: `RefersTo` is the `gw-message-id` you fetched, and its one `ds:Reference` (`URI` = "
        "`content-digest`) repeats the SHA-256 of the body. Then it leaves your inbox. Repeats change nothing.",
        asked=("messageId", *_PROVEN),
        good={"204": {"description": "Kept; the message is delivered.", "headers": _named(())}},
        bad=(400, 401, 404, 415, 422, 503),
        body=_body("The receipt.", "Receipt", words.OWN_RECEIPT),
    )  # fmt: skip
    return in_json(operation, twins, asked=receipt_types(twins))


def _operation(
    names: tuple[str, str], summary: str, said: str, *, asked: Sequence[str], good: Json, bad: Sequence[int],
    body: Json | None = None,
) -> Json:  # fmt: skip
    refused = {str(status): _refused(status) for status in bad}
    found: Json = {
        "operationId": names[0], "tags": [names[1]], "summary": summary, "description": said,
        "parameters": [{"$ref": f"#/components/parameters/{one}"} for one in asked],
        "responses": {**good, **refused},
    }  # fmt: skip
    if body is not None:
        found["requestBody"] = body
        found["parameters"].append({"$ref": "#/components/parameters/content-type"})
    return found


def _state(summary: str, name: str, schema: str, more: Mapping[str, str]) -> Json:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    good = {status: {"description": said, "content": content} for status, said in {"200": "Said.", **more}.items()}
    return {"operationId": name, "tags": ["state"], "summary": summary, "responses": good}


def _body(said: str, schema: str, example: str) -> Json:
    content = {_XML: {"schema": {"$ref": f"#/components/schemas/{schema}"}, "example": example}}
    return {"description": said, "required": True, "content": content}


def _answer(said: str, media: str, schema: str, example: object, headers: Sequence[str] = ()) -> Json:
    content = {media: {"schema": {"$ref": f"#/components/schemas/{schema}"}, "example": example}}
    return {"description": said, "headers": _named(headers), "content": content}


def _named(headers: Sequence[str]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*headers, *_PROVEN[2:])}


def _refused(status: int) -> Json:
    codes = [error for error in refusals() if error.status == status]
    said = "; ".join(f"`{error.code}`" for error in codes)
    return {
        "description": f"Refused: {said}.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


# --- components ------------------------------------------------------------------------------------------------------
def _components(types: Sequence[DocumentType], twins: Twins) -> Json:
    schemas = {**_schemas(), **twin_components(twins)}
    return {"schemas": schemas, "parameters": _parameters(types), "headers": _headers()}


def _parameters(types: Sequence[DocumentType]) -> Json:
    headers = {
        "gw-message-id": (
            True,
            "Your id of this request, unique: 1-300 of `A-Z a-z 0-9 : . _ | + = @ -`.",
            words.ID,
        ),
        "gw-partner": (True, "Who you are: your partner id.", "your_id"),
        "gw-receiver": (False, "Whom it is for, where more than one takes this message.", "their_id"),
        "gw-conversation-id": (False, "The case this message belongs to; every answer repeats it.", "list-2026-0042"),
        "gw-relates-to": (False, "In an answer: the `gw-message-id` of our message it answers.", words.ID),
        "gw-action": (True, "The message name.", str(types[0]) if types else "LPCO_QUERY"),
        "content-digest": (True, "RFC 9530 digest of the body, of the empty body too.", f"sha-256=:{words.DIGEST}:"),
        "signature-input": (True, "RFC 9421: what is signed.", words.INPUT),
        "signature": (True, "RFC 9421: the signature.", "gw=:MEUCIQ...:"),
        "content-type": (
            True,
            "`application/xml`, or `application/json` where agreed; charset `utf-8` or none.",
            _XML,
        ),
    }
    found = {name: _parameter(name, "header", *rest) for name, rest in headers.items()}
    found["id"] = _parameter("id", "path", True, "The id we gave it: the end of `Location`.", words.ENTRY)
    found["messageId"] = _parameter("messageId", "path", True, "The `gw-message-id` you fetched.", words.ENTRY)
    for name, said, most in (
        ("wait", "How many seconds to wait for it, at most.", 30),
        ("after", "A `gw-cursor`.", 10**18),
    ):
        found[name] = _parameter(name, "query", False, said, 0)
        found[name]["schema"] = {"type": "integer", "minimum": 0, "maximum": most}
    return found


def _parameter(name: str, place: str, needed: bool, said: str, example: object) -> Json:
    return {
        "name": name, "in": place, "required": needed, "description": said, "schema": {"type": "string"},
        "example": example,
    }  # fmt: skip


def _headers() -> Json:
    said = {
        "location": "Where to read what became of it.",
        "gw-message-id": "The id of this message; the same on every fetch.",
        "gw-relates-to": "The message id of yours that it answers or follows.",
        "gw-conversation-id": "The case.",
        "gw-action": "The message name.",
        "gw-cursor": "Where this message stands in your inbox.",
        "gw-received-at": "When the gateway got it, UTC.",
        "content-digest": "RFC 9530 digest of the body.",
        "signature-input": "RFC 9421: what we signed.",
        "signature": "RFC 9421: our signature.",
    }
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in said.items()}


def _schemas() -> Json:
    text, none = {"type": "string"}, {"type": ["string", "null"]}
    when, later = {"type": "string", "format": "date-time"}, {"type": ["string", "null"], "format": "date-time"}
    state = {
        "type": "string",
        "enum": ["queued", "delivered", "refused", "failed", "expired"],
        "description": words.STATES,
    }
    delivery = {
        "receiver": text, "state": state, "attempts": {"type": "integer"}, "deadline": when, "settledAt": later,
        "code": none, "receiptId": none, "answerDue": later, "answerMessageId": none,
    }  # fmt: skip
    status = {
        "id": text, "messageId": text, "type": text, "receivedAt": when, "state": state,
        "finished": {"type": "boolean"}, "relatesTo": none, "conversationId": none,
        "deliveries": {"type": "array", "items": _object(delivery)},
    }  # fmt: skip
    finding = {name: text for name in ("rule", "path", "pointer", "wcoId", "wcoName", "value", "text", "hint")}
    numbers = {name: {"type": "integer"} for name in ("line", "column")}
    problem = {
        "type": text, "title": text, "status": {"type": "integer"}, "detail": text, "instance": text, "code": text,
        "action": text, "retry": {"type": "boolean"}, "findingsTotal": {"type": "integer"},
        "findings": {"type": "array", "items": {"type": "object", "properties": {**finding, **numbers}}},
        "texts": {"type": "object", "description": "title, detail and action in Russian and Kazakh"},
    }  # fmt: skip
    truth = {"type": "boolean"}
    return {
        "Document": {"type": "string", "description": "An XML document by one of the XSDs in the client kit."},
        "Receipt": {"type": "string", "description": "A Receipt of `urn:swgw:receipt:1` (xsd/gateway/receipt.xsd)."},
        "Status": _object(status),
        "Problem": _object(problem),
        "Health": _object(
            {
                "status": text,
                "environment": text,
                "version": text,
                "database": truth,
                "checks": {"type": "object", "additionalProperties": truth},
            }
        ),
        "Ready": _object({"ready": truth}),
    }


def _object(members: Json) -> Json:
    return {"type": "object", "properties": members, "required": sorted(members)}
