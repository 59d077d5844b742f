"""One desk for both envelope profiles: open, verify, ask for freshness, seal, and seal an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import BinaryIO

from gateway.envelope.rest import REST_MEDIA_TYPE, open_rest
from gateway.model import (
    SOAP12,
    Claims,
    Envelope,
    Large,
    Partner,
    PartnerId,
    Profile,
    Sealed,
    Verified,
    Wire,
)
from gateway.ports import Keyring, OwnKey
from gateway.seal import framed, http_sign, http_signature, long_soap, soap, soap_sign


def open_envelope(wire: Wire, profile: Profile) -> Envelope:
    """What the sender claims. Raises the envelope errors of the profile."""
    if profile == "rest-gw-1":
        return open_rest(wire)
    return framed.open_envelope(wire) if wire.large is None else long_soap.open_long(wire)


def verify(envelope: Envelope, partners: Mapping[PartnerId, Partner], at: datetime) -> Verified:
    """What the seal proves. Raises the SealError family."""
    if envelope.profile == "rest-gw-1":
        return http_signature.verify_request(envelope, partners, at)
    desk = framed.verify_envelope if envelope.wire.large is None else long_soap.verify_whole
    return desk(envelope, partners, at)


def verify_head(envelope: Envelope, partners: Mapping[PartnerId, Partner], at: datetime) -> Verified:
    """What the seal of a long message proves before its body is here: who sends it, and the digest that the body must
    have. Raises the SealError family.
    """
    desk = http_signature.verify_head if envelope.profile == "rest-gw-1" else long_soap.verify_head
    return desk(envelope, partners, at)


def fresh(verified: Verified, now: datetime, window: timedelta = soap.WINDOW, skew: timedelta = soap.SKEW) -> None:
    """The message was made now: valid for at most `window`, created at most `skew` ahead. Raises SealExpired."""
    check = soap.fresh if verified.profile == "soap-gw-1" else http_signature.fresh
    check(verified, now, window, skew)


def seal(
    payload: bytes,
    claims: Claims,
    partner: Partner,
    keyring: Keyring,
    *,
    now: datetime,
    nonce: str,
    content_type: str = REST_MEDIA_TYPE,
    large: Large | None = None,
    read: Callable[[Large], BinaryIO] | None = None,
    window: timedelta = soap.WINDOW,
) -> Sealed:
    """A message to a partner, in the profile and with the algorithm of its record, good for `window` from `now`.

    `payload` is canonical XML or, over REST, what `content_type` says; `large` stands for one too long to be held,
    which `read` reads.
    """
    if partner.profile == "soap-gw-1":
        key = keyring.key(partner.sign_with)
        if large is None or read is None:
            return soap_sign.seal_soap(payload, claims, key, now, window=window)
        with closing(read(large)) as source:
            return soap_sign.seal_long_soap(large, source, claims, key, now, window=window)
    key = _http_key(partner, keyring)
    return http_sign.sign_request(
        payload, claims, key, url=partner.endpoint, created=now, nonce=nonce, content_type=content_type, large=large,
        window=window,
    )  # fmt: skip


def seal_answer(
    payload: bytes,
    claims: Claims,
    asked: Verified,
    keyring: Keyring,
    *,
    now: datetime,
    nonce: str,
    status: int = 200,
    content_type: str = REST_MEDIA_TYPE,
    headers: tuple[tuple[str, str], ...] = (),
    large: Large | None = None,
    window: timedelta = soap.WINDOW,
) -> Sealed:
    """An answer on the same connection: a signed envelope of the asker's SOAP version, or a signed HTTP response.

    `content_type` is that of the payload in a REST answer, `headers` are signed beside it; a SOAP payload is canonical
    XML.
    """
    if asked.profile == "soap-gw-1":
        key = keyring.key(asked.partner.sign_with)
        sealed = soap_sign.seal_soap(payload, claims, key, now, soap=asked.soap or SOAP12, window=window)
        return replace(sealed, status=status)
    key = _http_key(asked.partner, keyring)
    return http_sign.sign_response(
        asked.wire, payload, key, created=now, nonce=nonce, claims=claims, status=status, content_type=content_type,
        headers=headers, large=large, window=window,
    )  # fmt: skip


def _http_key(partner: Partner, keyring: Keyring) -> OwnKey:
    """Our key for this partner; RSA signs HTTP messages by rsa-pss-sha512 only, whatever it signs SOAP by."""
    agreed = partner.sign_with
    return keyring.key("rsa-pss-sha512" if agreed.startswith("rsa-") else agreed)


def read_answer(wire: Wire, sent: Sealed, partner: Partner, at: datetime) -> Verified:
    """What the partner's answer to `sent` proves. Raises the envelope errors and the SealError family."""
    if partner.profile == "soap-gw-1":
        opened = framed.open_envelope(wire, answer=True)
        return framed.verify_envelope(opened, {partner.id: partner}, at, answer=True)
    return http_signature.verify_response(wire, sent, partner, at)
