"""The prose and the examples of the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

from gateway.model import PROBLEM

ID: Final = "urn:uuid:0193a000-c001-7000-8000-000000000010"
ENTRY: Final = "0193a001-4a52-7c1e-9d3b-2f6a5b7c8d90"
SAID: Final = f"""Every request and every answer is signed by HTTP Message Signatures (RFC 9421), label `gw`, tag
`gw-1`.

**What you sign.** `"@method" "@authority" "@path" "@query"`, `"content-digest"` (RFC 9530, `sha-256` or `sha-512`, of
the empty body too), `"content-type"` where there is a body, and every `gw-` header you send. Parameters: `created`,
`expires` (at most 300 seconds later), `nonce`, `keyid` (base64url of the SHA-256 of your certificate, no padding),
`tag="gw-1"`, and `alg` if you like. Algorithms: `ecdsa-p256-sha256`, `ecdsa-p384-sha384`, `ed25519`, `rsa-pss-sha512`.

**What we sign.** `"@status"`, `"content-digest"`, `"content-type"`, every `gw-` header and `location` of the answer,
and of your request (`;req`) its method, path, digest and `gw-message-id`: no answer fits another request. A refusal
before your seal is proven is not signed.

**What a `202` means.** The message is kept and taken over. Business answers are messages of their own, with
`gw-relates-to`; they are pushed to your endpoint or wait in your inbox. Send again with the same `gw-message-id`
whenever you are in doubt: you get the same bytes as the first time, however late, and the message goes on once.

**JSON.** Where your record says `format = "json"`, every message has a JSON twin: `Content-Type: application/json`,
with the JSON Schema's id as `profile` if you like. You sign the JSON octets; they are what is kept and hashed. Every
value is a string, exactly as it stands in the XML; the verdict is that of the XSD. Receipts and messages for you are
JSON, unless `Accept` says `application/xml`. A message keeps the form in which it was first handed out. Findings name
the place by JSON pointer, too.

**Long messages and files.** XML longer than what fits into memory is taken with a `Content-Length`; we answer its
signed head first, and read the body only if that is in order. Files go as `gw-action: ATTACHMENT` with the media type
that your record lists (PDF, PNG, JPEG, TIFF) and `gw-relates-to` or `gw-conversation-id`. What comes back may be
long for you, too: read it in pieces, compare its digest.

**Refusals** are `application/problem+json` (RFC 9457); `type` is `{PROBLEM}` and the code:

"""
STATES: Final = (
    "queued: kept, on its way. delivered: the receiver's signed receipt is kept. refused: the receiver refused it. "
    "failed: it could not be put into the receiver's words. expired: the deadline passed. You got a notice of the last "
    "three."
)
DIGEST: Final = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
INPUT: Final = (
    'gw=("@method" "@authority" "@path" "@query" "content-type" "gw-message-id" "gw-partner" "gw-action" '
    '"content-digest");created=1795413600;expires=1795413900;nonce="9f1c";keyid="k3h...";tag="gw-1"'
)
DOCUMENT: Final = '<AEOMasterDelta xmlns="urn:swgw:aeo:1">...</AEOMasterDelta>'
NRI: Final = (
    '<NonRepudiationInformation xmlns="http://docs.oasis-open.org/ebxml-bp/ebbp-signals-2.0">'
    '<MessagePartNRInformation><ds:Reference xmlns:ds="http://www.w3.org/2000/09/xmldsig#" URI="content-digest">'
    '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
    f"<ds:DigestValue>{DIGEST}</ds:DigestValue></ds:Reference></MessagePartNRInformation></NonRepudiationInformation>"
)
OWN_RECEIPT: Final = (
    f'<Receipt xmlns="urn:swgw:receipt:1"><ReceiptID>urn:uuid:{ENTRY}</ReceiptID><RefersTo>{ID}</RefersTo>'
    "<Sender>gateway</Sender><Decision>accepted</Decision><ReceivedAt>2026-11-23T06:00:00Z</ReceivedAt>"
    f"{NRI}</Receipt>"
)
RECEIPT: Final = OWN_RECEIPT.replace("<Sender>gateway</Sender>", "<Sender>your_id</Sender>")
STATUS: Final[dict[str, Any]] = {
    "id": ENTRY, "messageId": ID, "type": "AEO_MASTER_DELTA", "receivedAt": "2026-11-23T06:00:00.000Z",
    "state": "delivered", "finished": True, "relatesTo": None, "conversationId": "list-2026-0042",
    "deliveries": [
        {
            "receiver": "their_id", "state": "delivered", "attempts": 1, "deadline": "2026-11-25T06:00:00.000Z",
            "settledAt": "2026-11-23T06:00:01.120Z", "code": "accepted", "receiptId": "urn:uuid:0193a002",
            "answerDue": "2026-11-24T06:00:00.000Z", "answerMessageId": None,
        }
    ],
}  # fmt: skip
