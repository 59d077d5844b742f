"""The REST seal: what we sign we verify, answers are bound to requests, and times are judged apart."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.envelope.rest import open_rest
from gateway.errors import ConfigurationError, PartnerUnknown, SealBroken, SealExpired, SealInvalid, WeakAlgorithm
from gateway.model import Claims, MessageId, PartnerId, Sealed, Wire
from gateway.seal.http_sign import sign_request, sign_response
from gateway.seal.http_signature import fresh, verify_request, verify_response
from tests.pki import NOW, issue
from tests.rest import (
    BODY,
    CLAIMS,
    EVERY,
    NONCE,
    URL,
    Town,
    digest_of,
    make_town,
    received,
    resigned,
    signed,
    with_header,
)

ANSWER = Claims(message_id=MessageId(""), action="", to="", sender=PartnerId("customs_kz"))
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
SHA512 = "http://www.w3.org/2001/04/xmlenc#sha512"


@pytest.fixture(scope="module")
def town() -> Town:
    return make_town()


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [("p256", "ecdsa-sha256"), ("p384", "ecdsa-sha384"), ("rsa2048", "rsa-pss-sha512"), ("ed25519", "ed25519")],
)
def test_a_sealed_request_is_proven(kind: str, algorithm: str) -> None:
    """Every outgoing algorithm: the partner, the certificate, the body and the claims are as signed."""
    town = make_town(kind)
    wire = signed(town.signer.own_key(algorithm))
    verified = town.verify(wire)
    assert verified.partner is town.partner
    assert verified.certificate == town.signer.sha256
    assert verified.algorithm == algorithm
    assert verified.payload == BODY
    assert verified.profile == "rest-gw-1"
    assert verified.claims == replace(CLAIMS, created_at=NOW, expires_at=NOW + timedelta(seconds=300))
    fresh(verified, NOW)


def test_inbound_only_algorithm_is_verified_but_never_made() -> None:
    """rsa-v1_5-sha256 is taken from partners that have nothing else; we do not sign with it."""
    town = make_town("rsa2048", algorithms=frozenset({"rsa-sha256"}))
    key = town.signer.own_key("rsa-sha256")
    with pytest.raises(ConfigurationError):
        signed(key)
    wire = signed(town.signer.own_key("rsa-pss-sha512"))
    wire = resigned(wire, key.sign, parameters=lambda given: {**given, "alg": "rsa-v1_5-sha256"})
    assert town.verify(wire).algorithm == "rsa-sha256"


def test_a_key_without_an_http_name_cannot_sign() -> None:
    """P-521 has no RFC 9421 algorithm; found when signing is first tried, as a fault of the configuration."""
    with pytest.raises(ConfigurationError):
        signed(issue(make_town().ca, kind="p521").own_key("ecdsa-sha512"))


def test_parameter_alg_may_be_left_out_when_the_record_leaves_one_choice(town: Town) -> None:
    """RFC 9421 3.2: the registry decides; an RSA key with two agreed algorithms must say which."""
    without = {"alg": None}
    assert town.verify(resigned(signed(town.key), town.key.sign, parameters=lambda g: _drop(g, without))).algorithm
    rsa = make_town("rsa2048")
    key = rsa.signer.own_key("rsa-pss-sha512")
    wire = resigned(signed(key), key.sign, parameters=lambda g: _drop(g, without))
    with pytest.raises(WeakAlgorithm):
        rsa.verify(wire)
    one = make_town("rsa2048", algorithms=frozenset({"rsa-pss-sha512"}))
    key = one.signer.own_key("rsa-pss-sha512")
    assert one.verify(resigned(signed(key), key.sign, parameters=lambda g: _drop(g, without))).algorithm


def _drop(given: dict[str, object], names: dict[str, None]) -> dict[str, object]:
    return {key: value for key, value in given.items() if key not in names}


def test_requests_without_a_body_are_sealed_too(town: Town) -> None:
    """The digest of nothing is covered, a content type is not needed."""
    wire = signed(town.key, body=b"", method="GET", url="https://gateway.example/api/v1/inbox")
    verified = town.verify(wire)
    assert verified.payload == b""
    assert wire.header("content-digest") == digest_of(b"")
    assert wire.header("content-type") is None


def test_a_foreign_hand_may_order_and_cover_more(town: Town) -> None:
    """Any order, more headers, both digests at once: still the same message."""
    wire = with_header(signed(town.key), "date", "Mon, 23 Nov 2026 06:00:00 GMT")
    wire = with_header(wire, "content-digest", f"{digest_of(BODY, 'sha-512')},{digest_of(BODY)}")
    wire = resigned(wire, town.key.sign, components=lambda names: [*reversed(names), "date"])
    verified = town.verify(wire)
    assert [(r.part, r.algorithm) for r in verified.references] == [
        ("content-digest", SHA512), ("content-digest", SHA256), ("signature-base", SHA256),
    ]  # fmt: skip


def test_sender_and_receiver_hold_the_same_references(town: Town) -> None:
    """What a receipt repeats is what the sender kept: the body's digest and the signature base."""
    sealed = sign_request(BODY, CLAIMS, town.key, url=URL, created=NOW, nonce=NONCE)
    verified = town.verify(received(sealed))
    assert verified.references == sealed.references
    assert sealed.references[0].digest == base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    assert sealed.expires_at == NOW + timedelta(seconds=300)


def test_content_digest_is_that_of_the_message_not_of_the_seal(town: Town) -> None:
    """Sealed again later it is the same message; another body, header or target makes another."""
    first = town.verify(signed(town.key)).content_digest
    later = sign_request(BODY, CLAIMS, town.key, url=URL, created=NOW + timedelta(seconds=9), nonce="another-nonce")
    assert town.verify(received(later)).content_digest == first
    others = [
        signed(town.key, body=BODY + b" "),
        signed(town.key, claims=replace(CLAIMS, conversation_id="conv-2")),
        signed(town.key, url=URL + "0"),
    ]
    digests = {town.verify(replace(w, target=w.target)).content_digest for w in others[:2]}
    wire = received(sign_request(BODY, CLAIMS, town.key, url=URL + "0", created=NOW, nonce=NONCE), URL + "0")
    digests.add(town.verify(wire).content_digest)
    assert len(digests | {first}) == 4


@pytest.mark.threat("J7")
@pytest.mark.parametrize(
    ("seconds", "good"),
    [(-61, False), (-60, True), (0, True), (299, True), (300, False), (301, False), (86_400, False)],
)
def test_freshness_is_judged_apart(town: Town, seconds: int, good: bool) -> None:
    """At most 60 s ahead; too old when it expires, 300 s after it was made."""
    verified = town.verify(signed(town.key))
    now = NOW + timedelta(seconds=seconds)
    if good:
        fresh(verified, now)
        return
    with pytest.raises(SealExpired):
        fresh(verified, now)


@pytest.mark.threat("R4")
@pytest.mark.parametrize("expires", [0, -1, 301, 3600])
def test_times_that_contradict_each_other_are_not_fresh(town: Town, expires: int) -> None:
    """Expires before or at Created, or a life longer than five minutes."""
    stamp = int(NOW.timestamp()) + expires
    wire = resigned(signed(town.key), town.key.sign, parameters=lambda given: {**given, "expires": stamp})
    with pytest.raises(SealExpired):
        fresh(town.verify(wire), NOW)


def test_fresh_refuses_a_message_without_times(town: Town) -> None:
    """No time is no freshness."""
    verified = town.verify(signed(town.key))
    with pytest.raises(SealExpired):
        fresh(replace(verified, claims=CLAIMS), NOW)


# --- answers ---
def _exchange(town: Town, body: bytes = b"<Receipt/>", status: int = 200) -> tuple[Sealed, Sealed]:
    request = sign_request(BODY, CLAIMS, town.key, url=URL, created=NOW, nonce=NONCE)
    key = town.other.own_key("ecdsa-sha256")
    answer = sign_response(
        received(request), body, key, created=NOW, nonce="answer-nonce", claims=ANSWER, status=status
    )
    return request, answer


def _answer_wire(answer: Sealed) -> Wire:
    return replace(received(answer), status=answer.status, method="", target="", authority="")


def test_an_answer_is_proven_and_bound_to_its_request(town: Town) -> None:
    """Who signed, what, and which message of ours it answers."""
    request, answer = _exchange(town)
    verified = verify_response(_answer_wire(answer), request, town.stranger, NOW, url=URL)
    assert verified.partner is town.stranger
    assert verified.payload == b"<Receipt/>"
    assert verified.claims.relates_to == request.message_id
    assert verified.references == answer.references
    fresh(verified, NOW)


def test_an_answer_can_be_a_message_of_its_own(town: Town) -> None:
    """A partner that pulls gets a message in the answer: its claims are signed with it."""
    request = sign_request(b"", CLAIMS, town.key, url=URL, created=NOW, nonce=NONCE, method="GET")
    claims = replace(ANSWER, message_id=MessageId("m-2"), action="urn:swgw:action:AEO_RECORD_RESULT",
                     receiver=PartnerId("health_kz"), relates_to=MessageId("m-1"))  # fmt: skip
    key = town.other.own_key("ecdsa-sha256")
    wire = received(request, method="GET")
    answer = sign_response(wire, b"<a/>", key, created=NOW, nonce="n", claims=claims)
    verified = verify_response(_answer_wire(answer), request, town.stranger, NOW, url=URL, method="GET")
    assert replace(verified.claims, created_at=None, expires_at=None) == claims


def test_an_empty_answer_is_sealed_too(town: Town) -> None:
    """204 with the digest of nothing."""
    request, answer = _exchange(town, b"", 204)
    assert verify_response(_answer_wire(answer), request, town.stranger, NOW, url=URL).payload == b""


@pytest.mark.threat("S7")
def test_an_unsealed_answer_proves_nothing(town: Town) -> None:
    """A plain 200 is not a decision."""
    request, answer = _exchange(town)
    wire = _answer_wire(answer)
    for name in ("signature", "signature-input"):
        with pytest.raises(SealInvalid):
            verify_response(with_header(wire, name, None), request, town.stranger, NOW, url=URL)


@pytest.mark.threat("R6")
def test_an_answer_to_another_request_is_refused(town: Town) -> None:
    """Another id, another body, another target, another method, another status, another signer."""
    request, answer = _exchange(town)
    wire = _answer_wire(answer)
    other_id = sign_request(
        BODY, replace(CLAIMS, message_id=MessageId("other")), town.key, url=URL, created=NOW, nonce=NONCE
    )
    other_body = sign_request(BODY + b" ", CLAIMS, town.key, url=URL, created=NOW, nonce=NONCE)
    for asked, url, method in (
        (other_id, URL, "POST"),
        (other_body, URL, "POST"),
        (request, "https://gateway.example/elsewhere", "POST"),
        (request, URL, "GET"),
    ):
        with pytest.raises(SealBroken):
            verify_response(wire, asked, town.stranger, NOW, url=url, method=method)
    with pytest.raises(SealBroken):
        verify_response(replace(wire, status=202), request, town.stranger, NOW, url=URL)
    with pytest.raises(PartnerUnknown):
        verify_response(wire, request, town.partner, NOW, url=URL)


@pytest.mark.threat("C6")
def test_an_answer_that_names_another_party_is_refused(town: Town) -> None:
    """The signer's key and its words must agree."""
    request = sign_request(BODY, CLAIMS, town.key, url=URL, created=NOW, nonce=NONCE)
    claims = replace(ANSWER, sender=PartnerId("mra_cn"))
    key = town.other.own_key("ecdsa-sha256")
    answer = sign_response(received(request), b"<a/>", key, created=NOW, nonce="n", claims=claims)
    with pytest.raises(PartnerUnknown):
        verify_response(_answer_wire(answer), request, town.stranger, NOW, url=URL)


def test_a_refusal_binds_what_the_request_had(town: Town) -> None:
    """An unsigned, broken request still gets a signed refusal; the asker who sent it properly would not take it."""
    wire = with_header(with_header(signed(town.key), "content-digest", None), "gw-message-id", None)
    key = town.other.own_key("ecdsa-sha256")
    answer = sign_response(wire, b"<Problem/>", key, created=NOW, nonce="n", claims=ANSWER, status=401)
    assert '"content-digest";req' not in dict(answer.headers)["signature-input"]
    request = sign_request(BODY, CLAIMS, town.key, url=URL, created=NOW, nonce=NONCE)
    with pytest.raises(SealInvalid):
        verify_response(_answer_wire(answer), request, town.stranger, NOW, url=URL)


def test_the_partners_endpoint_is_the_url_when_none_is_given(town: Town) -> None:
    """Pushing needs no second word about where to; a default port is left out of the authority."""
    partner = replace(town.stranger, endpoint=URL.replace("example/", "example:443/"))
    request, answer = _exchange(town)
    assert verify_response(_answer_wire(answer), request, partner, NOW).partner is partner


def test_nonce_must_be_writable(town: Town) -> None:
    """A nonce that cannot stand in a header is refused before it is signed."""
    with pytest.raises(SealInvalid):
        sign_request(BODY, CLAIMS, town.key, url=URL, created=NOW, nonce="a\nb")


def test_verify_needs_no_more_than_the_claimed_partner(town: Town) -> None:
    """Verification does not change its input."""
    envelope = open_rest(signed(town.key))
    partners = dict(town.partners)
    assert verify_request(envelope, partners, NOW) == verify_request(envelope, partners, NOW)
    assert partners == dict(town.partners)
    assert {"ecdsa-sha256"} <= EVERY
