"""Makes a soap-gw-1 envelope and its seal, written as canonical text and hashed once.

Every signed part is written in its exclusive canonical form, with its own namespace declarations, so what is hashed is
what leaves; no tree is built. `tests/property` proves that canonicalising the result changes nothing.
"""

from __future__ import annotations

import base64
import hashlib
from binascii import b2a_base64
from datetime import datetime, timedelta
from functools import lru_cache
from typing import BinaryIO, Final

from gateway.envelope.addressing import partner_address, stamp
from gateway.model import (
    BASE64,
    DS,
    EXC_C14N,
    PROBLEM,
    ROUTING,
    SOAP12,
    WSA,
    WSSE,
    WSU,
    X509V3,
    Claims,
    Large,
    Reference,
    Sealed,
)
from gateway.ports import OwnKey
from gateway.seal.body import read_root
from gateway.seal.keys import XMLDSIG_SIGNATURE_URI
from gateway.seal.soap import WINDOW
from gateway.xml import canonical, parse

SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
_WSU: Final = f'xmlns:wsu="{WSU}"'
_FAULT_NAMES: Final = f' xmlns:p="{PROBLEM}1" xmlns:wsa="{WSA}" xmlns:wsse="{WSSE}" {_WSU}'
"""The prefixes of the codes in `refusal.fault_element`."""


def seal_soap(payload: bytes, claims: Claims, key: OwnKey, now: datetime, *, soap: str = SOAP12,
              window: timedelta = WINDOW) -> Sealed:  # fmt: skip
    """Wrap a payload in a signed envelope.

    `payload` is one element in exclusive canonical form; `claims` say the addressing. `claims.created_at` is not read:
    the Timestamp is [now, now + window].
    """
    body = _body(payload, soap)
    digest, names = hashlib.sha256(body).digest(), _fault_names(payload)
    before, after, references = _around(digest, claims, key, now, soap=soap, window=window, names=names)
    media, extra = _media(soap, claims.action)
    return Sealed(
        body=before + body + after, content_type=media, message_id=claims.message_id, references=references,
        headers=extra, expires_at=now + window,
    )  # fmt: skip


def seal_long_soap(large: Large, source: BinaryIO, claims: Claims, key: OwnKey, now: datetime, *,
                   soap: str = SOAP12, window: timedelta = WINDOW) -> Sealed:  # fmt: skip
    """The same around a document that is too long to be held, which `source` reads: its octets leave as they are.

    Of the document what stands before and after its root stays behind. Raises EnvelopeMalformed for what is not XML.
    """
    start, end = body_tags(soap)
    root = read_root(source, start, end, {"env": soap, "wsu": WSU})
    before, after, references = _around(root.digest, claims, key, now, soap=soap, window=window)
    media, extra = _media(soap, claims.action)
    return Sealed(
        body=before + start + end + after, content_type=media, message_id=claims.message_id, references=references,
        headers=extra, expires_at=now + window, large=root.within(large, source), split=len(before + start),
    )  # fmt: skip


def _around(
    body: bytes, claims: Claims, key: OwnKey, now: datetime, *, soap: str, window: timedelta, names: str = ""
) -> tuple[bytes, bytes, tuple[Reference, ...]]:
    """What stands before the Body of this SHA-256 and after it, and what is signed."""
    headers = {**_addressing(claims), "id-routing": _routing(claims)}
    token, stamped = _token(key.certificate), _timestamp(stamp(now), stamp(now + window))
    parts = {**headers, "id-bst": token, "id-ts": stamped}
    hashed = {name: hashlib.sha256(octets).digest() for name, octets in parts.items()} | {"id-body": body}
    digests = [b2a_base64(one, newline=False) for one in hashed.values()]
    opening, form, closing = _signature_form(key.algorithm, tuple(hashed))
    signed_info = form % tuple(digests)
    before = b"".join(
        (
            f'<env:Envelope xmlns:env="{soap}"{names}><env:Header>'.encode(), *headers.values(),
            f'<wsse:Security xmlns:wsse="{WSSE}" xmlns:env="{soap}" env:mustUnderstand="1">'.encode(), token, stamped,
            opening, signed_info, b"<ds:SignatureValue>", b2a_base64(key.sign(signed_info), newline=False), closing,
            b"</wsse:Security></env:Header>",
        )
    )  # fmt: skip
    references = tuple(
        [
            Reference(part=f"#{part}", algorithm=SHA256, digest=value.decode())
            for part, value in zip(hashed, digests, strict=True)
        ]
    )
    return before, b"</env:Envelope>", references


def _fault_names(payload: bytes) -> str:
    """A Fault names its codes with prefixes that canonical form does not keep, as no element uses them: told above."""
    return _FAULT_NAMES if payload.startswith(b"<env:Fault") else ""


def escape(text: str) -> str:
    """Character content in canonical form."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")


def _media(soap: str, action: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    if soap == SOAP12:
        return f'application/soap+xml; charset=utf-8; action="{action}"', ()
    return "text/xml; charset=utf-8", (("SOAPAction", f'"{action}"'),)


def _addressing(claims: Claims) -> dict[str, bytes]:
    parts = {
        "id-to": _leaf("To", "id-to", claims.to),
        "id-from": _address("From", "id-from", partner_address(claims.sender)),
        "id-replyto": _address("ReplyTo", "id-replyto", claims.reply_to),
        "id-messageid": _leaf("MessageID", "id-messageid", claims.message_id),
        "id-action": _leaf("Action", "id-action", claims.action),
    }
    if claims.relates_to:
        parts["id-relatesto"] = _leaf("RelatesTo", "id-relatesto", claims.relates_to)
    return parts


def _leaf(name: str, part: str, text: str) -> bytes:
    return f'<wsa:{name} xmlns:wsa="{WSA}" {_WSU} wsu:Id="{part}">{escape(text)}</wsa:{name}>'.encode()


def _address(name: str, part: str, text: str) -> bytes:
    inner = f"<wsa:Address>{escape(text)}</wsa:Address>"
    return f'<wsa:{name} xmlns:wsa="{WSA}" {_WSU} wsu:Id="{part}">{inner}</wsa:{name}>'.encode()


def _routing(claims: Claims) -> bytes:
    receiver = f"<gw:Receiver>{claims.receiver}</gw:Receiver>" if claims.receiver else ""
    conversation = claims.conversation_id
    inner = receiver + (f"<gw:ConversationID>{escape(conversation)}</gw:ConversationID>" if conversation else "")
    return f'<gw:Routing xmlns:gw="{ROUTING}" {_WSU} wsu:Id="id-routing">{inner}</gw:Routing>'.encode()


@lru_cache(maxsize=64)
def _token(certificate: bytes) -> bytes:
    """The token of one of our own certificates."""
    der = base64.b64encode(certificate).decode()
    return (
        f'<wsse:BinarySecurityToken xmlns:wsse="{WSSE}" {_WSU} EncodingType="{BASE64}" ValueType="{X509V3}" '
        f'wsu:Id="id-bst">{der}</wsse:BinarySecurityToken>'
    ).encode()


def _timestamp(created: str, expires: str) -> bytes:
    return (
        f'<wsu:Timestamp {_WSU} wsu:Id="id-ts"><wsu:Created>{created}</wsu:Created>'
        f"<wsu:Expires>{expires}</wsu:Expires></wsu:Timestamp>"
    ).encode()


def body_tags(soap: str) -> tuple[bytes, bytes]:
    """The tags of our Body, in canonical form."""
    return f'<env:Body xmlns:env="{soap}" {_WSU} wsu:Id="id-body">'.encode(), b"</env:Body>"


def _body(payload: bytes, soap: str) -> bytes:
    """The Body in canonical form. A payload that declares what the Body declares, as a Fault does, loses that."""
    start, end = body_tags(soap)
    octets = start + payload + end
    declared = (f' xmlns:env="{soap}"'.encode(), f" {_WSU}".encode())
    return canonical(parse(octets)) if any(words in payload for words in declared) else octets


@lru_cache(maxsize=64)
def _signature_form(algorithm: str, parts: tuple[str, ...]) -> tuple[bytes, bytes, bytes]:
    """What stands before SignedInfo, SignedInfo with `%b` for each digest, and what follows the signature value."""
    references = "".join(
        f'<ds:Reference URI="#{part}"><ds:Transforms><ds:Transform Algorithm="{EXC_C14N}"></ds:Transform>'
        f'</ds:Transforms><ds:DigestMethod Algorithm="{SHA256}"></ds:DigestMethod>'
        f"<ds:DigestValue>%b</ds:DigestValue></ds:Reference>"
        for part in parts
    )
    signed_info = (
        f'<ds:SignedInfo xmlns:ds="{DS}"><ds:CanonicalizationMethod Algorithm="{EXC_C14N}">'
        f'</ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="{XMLDSIG_SIGNATURE_URI[algorithm]}">'
        f"</ds:SignatureMethod>{references}</ds:SignedInfo>"
    )
    key_info = (
        f'</ds:SignatureValue><ds:KeyInfo><wsse:SecurityTokenReference xmlns:wsse="{WSSE}"><wsse:Reference '
        f'URI="#id-bst" ValueType="{X509V3}"></wsse:Reference></wsse:SecurityTokenReference></ds:KeyInfo>'
        "</ds:Signature>"
    )
    return f'<ds:Signature xmlns:ds="{DS}">'.encode(), signed_info.encode(), key_info.encode()
