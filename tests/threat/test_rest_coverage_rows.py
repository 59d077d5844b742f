"""The threat table at the REST door, rows J7 to J9: what a signature covers, digests, and how HTTP is spelt."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.errors import (
    GatewayError,
    MediaTypeUnknown,
    SealBroken,
    SealExpired,
    SealInvalid,
)
from gateway.model import Wire
from gateway.seal.http_signature import fresh
from tests.pki import NOW
from tests.rest import (
    BODY,
    Town,
    also_header,
    digest_of,
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


@pytest.mark.threat("J7")
@pytest.mark.parametrize(
    "missing",
    ["@method", "@authority", "@path", "@query", "content-type", "content-digest", "gw-message-id", "gw-partner",
     "gw-receiver", "gw-conversation-id", "gw-action"],
)  # fmt: skip
def test_every_part_that_means_something_must_be_covered(town: Town, wire: Wire, missing: str) -> None:
    """A correct signature over less is refused."""
    less = resigned(wire, town.key.sign, components=lambda names: [n for n in names if n != missing])
    assert missing in refused(town, less, SealInvalid, "J7").detail


@pytest.mark.threat("J7")
def test_an_empty_list_and_components_we_do_not_have_are_refused(town: Town, wire: Wire) -> None:
    """Nothing covered; a component twice; one that is not there; one of another profile."""
    for change in (
        lambda _: [],
        lambda names: [*names, "@path"],
        lambda names: [*names, "x-absent"],
        lambda names: [*names, "@target-uri"],
        lambda names: [*names, "@status"],
        lambda names: [*names, "@signature-params"],
        lambda names: [*names, "Date"],
    ):
        refused(town, resigned(wire, town.key.sign, components=change), SealInvalid)


@pytest.mark.threat("J7")
@pytest.mark.parametrize("name", ["created", "expires", "nonce", "keyid", "tag"])
def test_every_parameter_must_be_there(town: Town, wire: Wire, name: str) -> None:
    """Left out, of the wrong type, or empty."""
    for change in (
        lambda g: {key: value for key, value in g.items() if key != name},
        lambda g: {**g, name: True},
        lambda g: {**g, name: b"x"},
    ):
        refused(town, resigned(wire, town.key.sign, parameters=change), SealInvalid, "J7")


@pytest.mark.threat("J7")
def test_other_tags_labels_and_empty_nonces_are_refused(town: Town, wire: Wire) -> None:
    """A signature made for another purpose is not a seal."""
    for change in ({"tag": "gw-2"}, {"tag": ""}, {"nonce": ""}, {"nonce": "x" * 201}):
        refused(town, resigned(wire, town.key.sign, parameters=lambda g, c=change: {**g, **c}), SealInvalid, "J7")
    refused(town, resigned(wire, town.key.sign, label="sig1"), SealInvalid, "J7")


@pytest.mark.threat("J7")
def test_two_signatures_are_refused(town: Town, wire: Wire) -> None:
    """Two labels with the same key, one field each or all in one field, and one label without its pair."""
    other = resigned(wire, town.key.sign, label="gw2")
    both = {name: (wire.header(name) or "", other.header(name) or "") for name in ("signature", "signature-input")}
    joined = wire
    for name, (first, second) in both.items():
        joined = with_header(joined, name, f"{first}, {second}")
    refused(town, joined, SealInvalid, "J7")
    for name, (first, second) in both.items():
        refused(town, with_header(wire, name, f"{first}, {second}"), SealInvalid, "J7")
        refused(town, also_header(wire, name, second), SealInvalid, "J9")


@pytest.mark.threat("J7")
def test_old_and_future_seals_are_not_fresh(town: Town, wire: Wire) -> None:
    """The seal stays provable for the evidence; freshness refuses it at the door."""
    verified = town.verify(wire)
    for late in (timedelta(seconds=-61), timedelta(seconds=301), timedelta(days=400)):
        with pytest.raises(SealExpired):
            fresh(verified, NOW + late)


@pytest.mark.threat("J8")
@pytest.mark.parametrize(
    "value",
    ["", "sha-256", "sha-256=?1", 'sha-256="x"', "sha-256=::", f"{digest_of(BODY)};q=1", f"md5=:{'A' * 22}==:",
     f"sha=:{'A' * 27}=:", "unixsum=30637", f"{digest_of(BODY)}, md5=:{'A' * 22}==:", digest_of(b"other"),
     f"{digest_of(BODY)}, {digest_of(b'other', 'sha-512')}", f"{digest_of(b'other')}, {digest_of(BODY, 'sha-512')}",
     f"{digest_of(BODY)}, {digest_of(BODY)}", digest_of(BODY).replace("=:", "=: "), digest_of(BODY)[:-2] + ":",
     digest_of(BODY).upper(), hashlib.sha256(BODY).hexdigest()],
)  # fmt: skip
def test_every_digest_is_recomputed(town: Town, wire: Wire, value: str) -> None:
    """Correctly signed, yet missing, of an old algorithm, not canonical, or one of several that is wrong."""
    refused(town, resigned(with_header(wire, "content-digest", value), town.key.sign))


@pytest.mark.threat("J8")
def test_a_changed_or_recoded_body_is_refused(town: Town, wire: Wire) -> None:
    """The digest is that of the octets as sent; a missing digest is no digest."""
    refused(town, replace(wire, body=BODY + b"\n"), SealBroken, "J8")
    refused(town, replace(wire, body=BODY.replace("Сұрау".encode(), "Сурау".encode())), SealBroken, "J8")
    refused(town, with_header(wire, "content-digest", None), SealInvalid, "J7")
    with pytest.raises(MediaTypeUnknown):
        town.verify(also_header(wire, "content-encoding", "gzip"))


@pytest.mark.threat("J9")
@pytest.mark.parametrize(
    "name", ["content-type", "content-digest", "signature", "signature-input", "gw-message-id", "gw-partner"]
)
def test_a_covered_header_sent_twice_is_refused(town: Town, wire: Wire, name: str) -> None:
    """Also with the same value: two parties may read two different ones."""
    for second in (wire.header(name) or "", "x"):
        with pytest.raises(GatewayError) as refusal:
            town.verify(also_header(wire, name, second))
        assert refusal.value.threat == "J9"


@pytest.mark.threat("J9")
@pytest.mark.parametrize("fold", ["\r\n ", "\n\t", "\r", "\x0b"])
def test_folded_headers_are_refused(town: Town, wire: Wire, fold: str) -> None:
    """Line folding is obsolete and reads differently everywhere."""
    for name in ("content-digest", "signature", "signature-input", "gw-partner", "gw-conversation-id"):
        value = wire.header(name) or ""
        with pytest.raises(GatewayError):
            town.verify(with_header(wire, name, value[:4] + fold + value[4:]))
    dated = resigned(with_header(wire, "date", f"a{fold}b"), town.key.sign, components=lambda names: [*names, "date"])
    refused(town, dated, SealInvalid, "J9")


@pytest.mark.threat("J9")
def test_only_the_authority_we_serve_counts(town: Town, wire: Wire) -> None:
    """Forwarded hosts change nothing; a message sealed for another authority is refused."""
    for name in ("x-forwarded-host", "forwarded", "x-original-url", "x-rewrite-url"):
        assert town.verify(also_header(wire, name, "evil.example")).claims.to == "gateway.example"
    refused(town, replace(wire, authority="evil.example"), SealBroken, "A5")
    assert town.verify(replace(wire, authority="Gateway.Example")).partner is town.partner


@pytest.mark.threat("J9")
@pytest.mark.parametrize(
    "target",
    ["/api/v1/messages?trace=1&lane=b", "/api/v1/messages?lane=b&trace=1&", "/api/v1/messages", "/api/v1/messages?",
     "/api/v1/%6Dessages?lane=b&trace=1", "/api/v1//messages?lane=b&trace=1", "/api/v1/messages/?lane=b&trace=1",
     "/api/v1/messages?lane=%62&trace=1", "/api/v1/x/../messages?lane=b&trace=1"],
)  # fmt: skip
def test_another_spelling_of_the_target_is_refused(town: Town, wire: Wire, target: str) -> None:
    """Percent encoding, query order and path steps are signed as they stand."""
    refused(town, replace(wire, target=target), SealBroken, "A5")


@pytest.mark.threat("J9")
@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "post"])
def test_another_method_is_refused(town: Town, wire: Wire, method: str) -> None:
    """By the method line or by an override header."""
    with pytest.raises(GatewayError):
        town.verify(replace(wire, method=method))
    with pytest.raises(GatewayError) as refusal:
        town.verify(also_header(wire, "x-http-method-override", method))
    assert refusal.value.threat == "J9"


@pytest.mark.threat("J7")
def test_a_doubled_parameter_is_refused_though_the_last_one_is_signed(town: Town, wire: Wire) -> None:
    """A structured field takes the last of two; another reader may take the first."""
    text = wire.header("signature-input") or ""
    refused(
        town, with_header(wire, "signature-input", text.replace(";created=", ";created=1;created=")), SealInvalid, "J7"
    )


@pytest.mark.threat("J9")
def test_the_type_that_was_read_is_the_type_that_was_signed(town: Town, wire: Wire) -> None:
    """The server's reading of Content-Type and the header itself must be one."""
    refused(town, replace(wire, content_type="application/xml; charset=utf-8"), SealInvalid, "J9")
