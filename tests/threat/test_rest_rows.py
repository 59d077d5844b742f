"""The threat table at the REST door: one test per row that an HTTP message signature can meet.

There is no JWS profile. Rows J1 to J6 are answered twice: a JWS is refused because it is not our
seal, and the same attack in RFC 9421 words is refused too.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.errors import (
    MediaTypeUnknown,
    PartnerUnknown,
    SealBroken,
    SealInvalid,
    WeakAlgorithm,
)
from gateway.model import PartnerId, Wire
from tests.pki import issue
from tests.rest import (
    BODY,
    CLAIMS,
    Town,
    also_header,
    make_town,
    refused,
    resigned,
    signed,
    with_header,
)


@pytest.fixture(scope="module")
def town() -> Town:
    return make_town()


@pytest.fixture(scope="module")
def wire(town: Town) -> Wire:
    return signed(town.key)


def _jws(header: dict[str, object], payload: bytes = BODY) -> str:
    def part(octets: bytes) -> str:
        return base64.urlsafe_b64encode(octets).decode().rstrip("=")

    return f"{part(json.dumps(header).encode())}.{part(payload)}.{part(b'x' * 64)}"


JWS_HEADERS: list[dict[str, object]] = [
    {"alg": "none"},
    {"alg": "HS256"},
    {},
    {"alg": "ES256", "jwk": {"kty": "EC"}},
    {"alg": "ES256", "jku": "http://127.0.0.1:1/keys"},
    {"alg": "ES256", "x5u": "http://127.0.0.1:1/cert"},
    {"alg": "ES256", "kid": "../../etc/passwd"},
    {"alg": "ES256", "crit": []},
    {"alg": "ES256", "b64": False, "crit": ["b64"]},
]


@pytest.mark.threat("J1")
@pytest.mark.threat("J2")
@pytest.mark.threat("J3")
@pytest.mark.threat("J4")
@pytest.mark.threat("J5")
@pytest.mark.threat("J6")
@pytest.mark.parametrize("header", JWS_HEADERS, ids=lambda header: json.dumps(header)[:40])
@pytest.mark.parametrize("carrier", ["agid-jwt-signature", "x-jws-signature", "authorization"])
def test_a_jws_is_not_a_seal_here(town: Town, wire: Wire, header: dict[str, object], carrier: str) -> None:
    """No JWS header is read at all: without an HTTP signature the message is unsealed."""
    bare = with_header(with_header(wire, "signature", None), "signature-input", None)
    refused(town, also_header(bare, carrier, _jws(header)), SealInvalid, "J7")


@pytest.mark.threat("J3")
@pytest.mark.threat("J5")
def test_a_jws_as_body_is_not_read(town: Town, wire: Wire) -> None:
    """Compact or JSON serialisation, with doubled keys or without: it is not XML."""
    for body, kind in ((_jws({"alg": "none"}), "application/jose"), ('{"a":1,"a":2}', "application/jose+json")):
        with pytest.raises(MediaTypeUnknown):
            town.verify(replace(wire, body=body.encode(), content_type=kind))


@pytest.mark.threat("J1")
@pytest.mark.threat("A1")
@pytest.mark.parametrize("alg", ["none", "hmac-sha256", "HS256", "rsa-sha1", "", "ES256", "ecdsa-p256-sha256 "])
def test_an_algorithm_outside_the_table_is_refused(town: Town, wire: Wire, alg: str) -> None:
    """Also when the message is signed correctly by that algorithm with the public key as secret."""
    public = town.signer.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for secret in (public, town.signer.der, b""):
        forged = resigned(
            wire, lambda base, key=secret: hmac.digest(key, base, "sha256"), parameters=lambda g: {**g, "alg": alg}
        )
        refused(town, forged, WeakAlgorithm, "A1")


@pytest.mark.threat("J1")
@pytest.mark.threat("A4")
@pytest.mark.parametrize("alg", ["rsa-v1_5-sha256", "rsa-pss-sha512", "ed25519", "ecdsa-p384-sha384"])
def test_an_algorithm_of_another_key_is_refused(town: Town, wire: Wire, alg: str) -> None:
    """The parameter must agree with the registered key."""
    refused(town, resigned(wire, town.key.sign, parameters=lambda g: {**g, "alg": alg}), WeakAlgorithm, "A4")


@pytest.mark.threat("A5")
@pytest.mark.threat("J4")
@pytest.mark.parametrize(
    "spoil",
    [lambda s: s[:-1], lambda s: s + b"\0", lambda _: b"", lambda _: b"\0" * 64, lambda s: s[32:] + s[:32],
     lambda _: b"\xff" * 64, lambda s: s * 2],
)  # fmt: skip
def test_signature_octets_of_wrong_length_or_range_are_refused(
    town: Town, wire: Wire, spoil: Callable[[bytes], bytes]
) -> None:
    """Raw r||s of exactly 64 octets, both in range."""
    refused(town, resigned(wire, lambda base: spoil(town.key.sign(base))), SealBroken, "A5")


@pytest.mark.threat("J4")
def test_base64_that_is_not_canonical_is_refused(town: Town, wire: Wire) -> None:
    """Without padding, with unused bits, with spaces, in base64url, as a string or token: one spelling only."""
    value = wire.header("signature") or ""
    text = value.removeprefix("gw=:").removesuffix(":")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    bits = last[last.index(text[-3]) + 1] if last.index(text[-3]) % 16 != 15 else last[last.index(text[-3]) - 1]
    for other in (
        f"gw=:{text.rstrip('=')}:",
        f"gw=:{text[:-3]}{bits}==:",
        f"gw=:{text[:10]} {text[10:]}:",
        f"gw=: {text}:",
        f"gw=:{text.replace('+', '-').replace('/', '_')[:-4]}-_==:",
        f'gw="{text}"',
        f"gw={text}",
        f"gw=:{text}:;x=1",
        f"gw=:{text}:,",
        f"gw=:{text}=:",
        "gw",
        "",
    ):
        refused(town, with_header(wire, "signature", other), SealInvalid)


@pytest.mark.threat("J2")
@pytest.mark.parametrize(
    "keyid",
    ["", "../../certs/partners/health_kz", "' OR '1'='1", "http://127.0.0.1:1/key", "file:///etc/passwd", "A" * 43,
     "%2e%2e%2f", "*", "x" * 5000],
)  # fmt: skip
def test_a_keyid_names_a_registered_certificate_or_nothing(
    town: Town, wire: Wire, keyid: str, socket_disabled: None
) -> None:
    """It is compared, never opened, fetched or pasted into a query."""
    refused(town, resigned(wire, town.key.sign, parameters=lambda g: {**g, "keyid": keyid}), PartnerUnknown, "J2")


@pytest.mark.threat("J2")
@pytest.mark.threat("C1")
def test_a_certificate_that_is_not_registered_is_refused(town: Town, wire: Wire) -> None:
    """Issued by the right CA for the right name, yet not in the record."""
    fresh_leaf = issue(town.ca, serial=77)
    refused(town, signed(fresh_leaf.own_key("ecdsa-sha256")), PartnerUnknown, "J2")
    unknown = replace(CLAIMS, sender=PartnerId("nobody"))
    refused(town, signed(town.key, claims=unknown), PartnerUnknown, "C1")


@pytest.mark.threat("J3")
@pytest.mark.parametrize("name", ["crit", "b64", "version", "x5c"])
def test_unknown_signature_parameters_are_refused(town: Town, wire: Wire, name: str) -> None:
    """What we do not understand may change what the signature means."""
    refused(town, resigned(wire, town.key.sign, parameters=lambda g: {**g, name: "x"}), SealInvalid, "J7")


@pytest.mark.threat("J5")
@pytest.mark.parametrize(
    "text",
    ['gw=("@method");created=1;created=2', 'gw=("@method"), gw=("@path")', 'gw=("@method";req;req)', "gw=((",
     "gw=()" * 9,
     "gw=(" + '"a" ' * 3000 + ")", 'gw=("@method");created=99999999999999999999', 'gw=("@method");created=1e400',
     "\x00",
     'gw=("@method");created=NaN', 'gw=("@method" 1);created=1', "gw=1", 'gw=("@method");created=?1', "gw;created=1",
     'gw=("a";key="b");created=1', 'gw=("a";sf);created=1', 'gw=("a";req=?0);created=1', 'gw=("A");created=1'],
)  # fmt: skip
def test_structured_fields_that_are_doubled_or_odd_are_refused(town: Town, wire: Wire, text: str) -> None:
    """Doubled keys and parameters, huge or odd numbers, nested and endless lists: refused, never an accident."""
    refused(town, with_header(wire, "signature-input", text), SealInvalid)


@pytest.mark.threat("J6")
def test_times_beyond_the_calendar_are_refused(town: Town, wire: Wire) -> None:
    """A time that no clock can say is no time."""
    for value in (253_402_300_800, -1):
        for name in ("created", "expires"):
            odd = resigned(wire, town.key.sign, parameters=lambda g, n=name, v=value: {**g, n: v})
            refused(town, odd, SealInvalid, "R4")
