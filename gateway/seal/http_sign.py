"""Puts our seal of profile rest-gw-1 on requests and answers; the counterpart of `http_signature`."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from gateway.envelope import rest
from gateway.errors import ConfigurationError, SealInvalid
from gateway.model import Claims, Large, Sealed, Wire
from gateway.ports import OwnKey
from gateway.seal import http_fields as fields
from gateway.seal import keys, trust
from gateway.seal.http_fields import CONTENT_DIGEST, Component, HttpSignature
from gateway.seal.http_signature import (
    CONTENT_TYPE,
    LABEL,
    LIFETIME,
    OF_REQUEST,
    TAG,
    TARGET,
    as_wire,
    references,
)


def sign_request(
    body: bytes,
    claims: Claims,
    key: OwnKey,
    *,
    url: str,
    created: datetime,
    nonce: str,
    method: str = "POST",
    content_type: str = rest.REST_MEDIA_TYPE,
    large: Large | None = None,
    window: timedelta = LIFETIME,
) -> Sealed:
    """A request to `url` that carries these claims in `gw-` headers and our seal over all of it.

    `large` stands for a body that is too long to be held.
    `nonce` is any text that no other seal of ours carries. `claims.to` and times are not written: target and signature
    say them. Raises ConfigurationError when the key has no outgoing HTTP signature algorithm.
    """
    bare = Sealed(
        body=body,
        content_type=content_type if body or large else "",
        message_id=claims.message_id,
        references=(),
        headers=(*rest.write_claims(claims), (CONTENT_DIGEST, _content_digest(body, large))),
        large=large,
    )
    wire = as_wire(bare, url, method)
    covered = [*TARGET, *([CONTENT_TYPE] if bare.content_type else []), *(name for name, _ in bare.headers)]
    own = [(name, False) for name in covered]
    return _sign(bare, (wire, None), own, key, created=created, nonce=nonce, window=window)


def sign_response(
    request: Wire,
    body: bytes,
    key: OwnKey,
    *,
    created: datetime,
    nonce: str,
    claims: Claims,
    status: int = 200,
    content_type: str = rest.REST_MEDIA_TYPE,
    headers: tuple[tuple[str, str], ...] = (),
    large: Large | None = None,
    window: timedelta = LIFETIME,
) -> Sealed:
    """An answer bound to the request it answers; of a request that lacks a header, only what is there is bound.

    `claims` name the answering party and, for an answer that is a message of its own, that message; `headers` (names in
    lower case) are sent and signed beside them. Raises ConfigurationError when the key has no outgoing HTTP signature
    algorithm.
    """
    bare = Sealed(
        body=body,
        content_type=content_type if body or large else "",
        message_id=claims.message_id,
        references=(),
        headers=(*rest.write_claims(claims), (CONTENT_DIGEST, _content_digest(body, large)), *headers),
        status=status,
        large=large,
    )
    wire = replace(as_wire(bare, "", ""), status=status)
    own = ["@status", *([CONTENT_TYPE] if bare.content_type else []), *(name for name, _ in bare.headers)]
    bound: list[Component] = [(name, True) for name in OF_REQUEST if _usable(name, request)]
    covered = [(name, False) for name in own] + bound
    return _sign(bare, (wire, request), covered, key, created=created, nonce=nonce, window=window)


def _content_digest(body: bytes, large: Large | None) -> str:
    if large is None:
        return fields.write_content_digest(body)
    return fields.write_octets({"sha-256": bytes.fromhex(large.digests["sha256"])})


def _usable(name: str, request: Wire) -> bool:
    try:
        fields.component_value(name, request)
    except SealInvalid:
        return False
    return True


def _sign(
    bare: Sealed,
    exchange: tuple[Wire, Wire | None],
    components: list[Component],
    key: OwnKey,
    *,
    created: datetime,
    nonce: str,
    window: timedelta,
) -> Sealed:
    wire, request = exchange
    moment = int(created.timestamp())
    parameters: dict[str, int | str] = {
        "created": moment,
        "expires": moment + int(window.total_seconds()),
        "nonce": nonce,
        "alg": _own_name(key.algorithm, key.certificate),
        "keyid": fields.base64url(hashlib.sha256(key.certificate).digest()),
        "tag": TAG,
    }
    text = fields.write_input(components, parameters)
    unsigned = HttpSignature(label=LABEL, components=tuple(components), parameters=parameters, value=b"", input=text)
    base = fields.signature_base(unsigned, wire, request)
    value = fields.write_octets({LABEL: key.sign(base)})
    digest = (("sha256", bytes.fromhex(bare.digest)),)
    return replace(
        bare,
        headers=(*bare.headers, ("signature-input", f"{LABEL}={text}"), ("signature", value)),
        references=references(digest, base),
        expires_at=datetime.fromtimestamp(moment, UTC) + window,
    )


@lru_cache(maxsize=16)
def _own_name(algorithm: str, certificate: bytes) -> str:
    key = keys.usable_key(trust.read_certificate(certificate).public_key())
    for name in keys.http_names(key):
        if keys.HTTP_SIGNATURE[name] == algorithm and name not in keys.HTTP_INBOUND_ONLY:
            return name
    raise ConfigurationError(f"own key {algorithm} cannot seal HTTP messages")
