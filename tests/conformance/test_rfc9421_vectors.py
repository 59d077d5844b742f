"""RFC 9421 appendix B, structured field vectors, and an independent implementation on the other side."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import http_sf
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms
from requests.structures import CaseInsensitiveDict

from gateway.envelope.rest import open_rest, write_claims
from gateway.errors import GatewayError, SealBroken, SealError
from gateway.model import Claims, MessageId, PartnerId, Wire
from gateway.seal.http_fields import check_content_digest, read_signature, signature_base
from gateway.seal.http_sign import sign_request, sign_response
from gateway.seal.http_signature import verify_request, verify_response
from gateway.seal.keys import HTTP_SIGNATURE, verify_octets
from tests.pki import NOW
from tests.reference import vector_bytes, vectors
from tests.rest import BODY, CLAIMS, URL, Town, digest_of, key_id, make_town, received

VECTORS = vectors("http-signatures/rfc9421-b2.json")["vectors"]
# The components of the RFC's own examples are ours to build; the profile adds a tag and our own headers, which no
# example of the RFC carries, so none of them is a sealed message here.
FIELDS = [
    pytest.param(test, id=f"{name}-{test['name']}")
    for name in ("dictionary", "item", "binary", "string")
    for test in vectors(f"http-signatures/sf-{name}.json")
]
PEERS = {
    "ecdsa-sha256": ("p256", algorithms.ECDSA_P256_SHA256),
    "ecdsa-sha384": ("p384", algorithms.ECDSA_P384_SHA384),
    "ed25519": ("ed25519", algorithms.ED25519),
    "rsa-pss-sha512": ("rsa2048", algorithms.RSA_PSS_SHA512),
    "rsa-sha256": ("rsa2048", algorithms.RSA_V1_5_SHA256),
}
COVERED = (
    "@method", "@authority", "@path", "@query", "content-type", "content-digest", "gw-message-id", "gw-partner",
    "gw-receiver", "gw-conversation-id", "gw-action",
)  # fmt: skip


def _wire(vector: dict[str, Any]) -> Wire:
    url = (vector["url"] or "https://example.com/").removeprefix("https://")
    authority, _, target = url.partition("/")
    headers = tuple((name.lower(), value) for name, value in vector["headers"].items())
    return Wire(
        body=vector["body"].encode(), content_type=vector["headers"].get("Content-Type", ""), peer="", received_at=NOW,
        method=vector["method"] or "", authority=authority, target="/" + target, headers=headers,
        status=vector["status"],
    )  # fmt: skip


def _core(vector: dict[str, Any]) -> bool:
    """The signature alone, over whatever it covers."""
    wire = _wire(vector)
    label = vector["headers"].get("Signature-Input", "sig").partition("=")[0]
    key = load_pem_public_key(vector_bytes(f"http-signatures/{vector['key']}"))
    try:
        signature = read_signature(wire, label)
        verify_octets(HTTP_SIGNATURE[vector["alg"]], key, signature.value, signature_base(signature, wire))
    except SealError:
        return False
    return True


@pytest.mark.parametrize("vector", VECTORS, ids=[v["id"] for v in VECTORS])
def test_the_signature_of_every_vector_is_judged_right(vector: dict[str, Any]) -> None:
    """The bare check agrees; a signature over nothing is the one thing we refuse to read at all (row J7)."""
    covers_nothing = vector["id"] == "RFC9421-B.2.1"
    assert _core(vector) == (vector["core"] == "accept" and not covers_nothing)


@pytest.mark.parametrize("vector", VECTORS, ids=[v["id"] for v in VECTORS])
def test_the_digest_of_every_vector_is_judged_right(vector: dict[str, Any]) -> None:
    """The body of B.2.4 is not the one its digest was made of; one negative has a changed body."""
    wire = _wire(vector)
    spoiled = vector["id"] in {"RFC9421-B.2.4", "RFC9421-B.2.3-neg1"}
    if spoiled:
        with pytest.raises(SealBroken):
            check_content_digest(wire, frozenset({"sha256", "sha512"}))
    else:
        check_content_digest(wire, frozenset({"sha256", "sha512"}))


@pytest.mark.threat("J7")
@pytest.mark.parametrize("vector", VECTORS, ids=[v["id"] for v in VECTORS])
def test_no_vector_is_a_sealed_message_of_ours(vector: dict[str, Any]) -> None:
    """Label, tag and gw- headers are missing: a signature made for another purpose opens nothing here."""
    town = make_town()
    with pytest.raises(GatewayError):
        verify_request(open_rest(_wire(vector)), town.partners, NOW)


@pytest.mark.parametrize("test", FIELDS)
def test_structured_fields_are_read_as_the_vectors_say(test: dict[str, Any]) -> None:
    """The parser we depend on: what must fail fails, and the digest header never ends in an accident."""
    raw = ", ".join(test["raw"])
    if test.get("must_fail"):
        with pytest.raises(http_sf.StructuredFieldError):
            http_sf.parse(raw.encode("latin-1"), tltype=test["header_type"])
    elif not test.get("can_fail"):
        http_sf.parse(raw.encode("latin-1"), tltype=test["header_type"])
    for value in (raw, f"sha-256={raw}", f"gw={raw}"):
        wire = Wire(
            body=b"", content_type="", peer="", received_at=NOW,
            headers=(("content-digest", value), ("signature", value), ("signature-input", value)),
        )  # fmt: skip
        with pytest.raises(SealError):
            check_content_digest(wire, frozenset({"sha256", "sha512"}))
        with pytest.raises(SealError):
            read_signature(wire, "gw")


class Keys(HTTPSignatureKeyResolver):  # type: ignore[misc]
    """The peer's key store: one key under every name."""

    def __init__(self, key: Any) -> None:
        self.key = key

    def resolve_public_key(self, key_id: str) -> Any:
        return self.key.public_key()

    def resolve_private_key(self, key_id: str) -> Any:
        return self.key


def _foreign(headers: tuple[tuple[str, str], ...], content_type: str = "application/xml") -> SimpleNamespace:
    return SimpleNamespace(
        method="POST", url=URL, headers=CaseInsensitiveDict([("content-type", content_type), *headers])
    )


@pytest.mark.parametrize("algorithm", [a for a in PEERS if a != "rsa-sha256"])
def test_the_peer_verifies_our_requests_and_answers(algorithm: str) -> None:
    """Another implementation builds the same signature base from our messages."""
    kind, theirs = PEERS[algorithm]
    town = make_town(kind)
    now = datetime.now(UTC)
    sealed = sign_request(BODY, CLAIMS, town.signer.own_key(algorithm), url=URL, created=now, nonce="n-1")
    request = _foreign(sealed.headers)
    verifier = HTTPMessageVerifier(signature_algorithm=theirs, key_resolver=Keys(town.signer.key))
    (result,) = verifier.verify(request, expect_tag="gw-1", expect_label="gw", body=BODY)
    assert len(result.covered_components) == len(COVERED) + 1
    claims = Claims(message_id=MessageId(""), action="", to="", sender=PartnerId("customs_kz"))
    answer = sign_response(
        received(sealed), b"<a/>", town.other.own_key(algorithm), created=now, nonce="n-2", claims=claims
    )
    response = SimpleNamespace(
        status_code=200, request=request, headers=_foreign(answer.headers).headers, url=URL, body=b"<a/>"
    )
    verifier = HTTPMessageVerifier(signature_algorithm=theirs, key_resolver=Keys(town.other.key))
    verifier.verify(response, expect_tag="gw-1", expect_label="gw", body=b"<a/>")


def _peer_signed(town: Town, algorithm: str) -> SimpleNamespace:
    headers = (*write_claims(CLAIMS), ("content-digest", digest_of(BODY, "sha-512")))
    message = _foreign(headers)
    signer = HTTPMessageSigner(signature_algorithm=PEERS[algorithm][1], key_resolver=Keys(town.signer.key))
    signer.sign(
        message, key_id=key_id(town.signer), label="gw", tag="gw-1", created=NOW,
        expires=NOW + timedelta(seconds=60), nonce="peer", use_existing_digest=True,
        covered_component_ids=COVERED,
    )  # fmt: skip
    return message


@pytest.mark.parametrize("algorithm", list(PEERS))
def test_we_verify_the_requests_of_the_peer(algorithm: str) -> None:
    """A partner's own library can talk to us, with every inbound algorithm."""
    town = make_town(PEERS[algorithm][0])
    message = _peer_signed(town, algorithm)
    headers = tuple((name.lower(), value) for name, value in message.headers.items())
    wire = Wire(
        body=BODY, content_type="application/xml", peer="", received_at=NOW, authority="gateway.example",
        target=URL.removeprefix("https://gateway.example"), headers=headers,
    )  # fmt: skip
    verified = town.verify(wire)
    assert verified.algorithm == algorithm
    assert verified.claims.expires_at == NOW + timedelta(seconds=60)
    with pytest.raises(SealBroken):
        town.verify(replace(wire, body=BODY + b" "))


def test_we_verify_the_answers_of_the_peer() -> None:
    """An answer with `;req` components made by the other implementation."""
    town = make_town()
    sealed = sign_request(BODY, CLAIMS, town.key, url=URL, created=NOW, nonce="n-1")
    response = SimpleNamespace(
        status_code=200, request=_foreign(sealed.headers), url=URL,
        headers=CaseInsensitiveDict({"content-type": "application/xml", "content-digest": digest_of(b"<a/>")}),
    )  # fmt: skip
    signer = HTTPMessageSigner(signature_algorithm=algorithms.ECDSA_P256_SHA256, key_resolver=Keys(town.other.key))
    signer.sign(
        response, key_id=key_id(town.other), label="gw", tag="gw-1", created=NOW,
        expires=NOW + timedelta(seconds=60), nonce="p", use_existing_digest=True,
        covered_component_ids=(
            '"@status"', '"content-type"', '"content-digest"', '"@method";req', '"@path";req', '"content-digest";req',
            '"gw-message-id";req',
        ),
    )  # fmt: skip
    headers = tuple((name.lower(), value) for name, value in response.headers.items())
    wire = Wire(body=b"<a/>", content_type="application/xml", peer="", received_at=NOW, headers=headers, status=200)
    assert verify_response(wire, sealed, town.stranger, NOW, url=URL).claims.relates_to == CLAIMS.message_id
