"""The threat table at the REST door, rows A, C, D and R: keys, certificates, floods and replays."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.errors import (
    PartnerUnknown,
    SealBroken,
    SealError,
    SealInvalid,
    WeakAlgorithm,
)
from gateway.model import PartnerId, Wire
from tests.pki import NOW, issue, make_ca, make_partner, new_key, registry
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


@pytest.mark.threat("A7")
def test_an_algorithm_the_partner_did_not_agree_to_is_refused() -> None:
    """A correct signature by a weaker algorithm than agreed is a downgrade; so is a digest not agreed."""
    town = make_town("rsa2048", algorithms=frozenset({"rsa-pss-sha512"}))
    key = town.signer.own_key("rsa-sha256")
    wire = signed(town.signer.own_key("rsa-pss-sha512"))
    town.verify(wire)
    down = resigned(wire, key.sign, parameters=lambda g: {**g, "alg": "rsa-v1_5-sha256"})
    refused(town, down, WeakAlgorithm, "A7")
    strict = make_town(digests=frozenset({"sha512"}))
    refused(strict, signed(strict.key), WeakAlgorithm, "J8")


@pytest.mark.threat("A2")
@pytest.mark.parametrize("kind", ["rsa1024", "secp256k1", "p192"])
def test_weak_keys_are_refused_at_the_door(kind: str) -> None:
    """A registered certificate with a weak key: the signature is not looked at."""
    ca = make_ca()
    weak, good = issue(ca, kind=kind), issue(ca)
    partner = make_partner("health_kz", weak, anchors=[ca])
    town = Town(ca, good, good, partner, partner, registry(partner))
    keyid = base64.urlsafe_b64encode(hashlib.sha256(weak.der).digest()).decode().rstrip("=")
    refused(town, resigned(signed(good.own_key("ecdsa-sha256")), lambda _: b"x" * 64,
                           parameters=lambda g: {**g, "keyid": keyid}), WeakAlgorithm, "A2")  # fmt: skip


@pytest.mark.threat("C2")
def test_a_seal_by_an_expired_certificate_is_refused() -> None:
    """The time of receipt counts, to the second."""
    ca = make_ca()
    for before, after in ((timedelta(days=-2), timedelta(seconds=-1)), (timedelta(seconds=1), timedelta(days=2))):
        leaf = issue(ca, not_before=NOW + before, not_after=NOW + after)
        partner = make_partner("health_kz", leaf, anchors=[ca])
        town = Town(ca, leaf, leaf, partner, partner, registry(partner))
        refused(town, signed(town.key), PartnerUnknown, "C2")


@pytest.mark.threat("C6")
def test_a_seal_by_another_partner_is_refused(town: Town) -> None:
    """Customs signs a message that says it comes from the ministry, and the other way round."""
    theirs = town.other.own_key("ecdsa-sha256")
    refused(town, signed(theirs), PartnerUnknown, "C6")
    refused(town, signed(town.key, claims=replace(CLAIMS, sender=PartnerId("customs_kz"))), PartnerUnknown, "C6")
    moved = with_header(signed(town.key), "gw-partner", "customs_kz")
    refused(town, moved, PartnerUnknown, "C6")


@pytest.mark.threat("C10")
def test_a_seal_by_a_retired_certificate_is_refused(town: Town, wire: Wire) -> None:
    """From the moment the record says so."""
    partner = make_partner("health_kz", issue(town.ca, serial=9), anchors=[town.ca], retired=[town.signer])
    refused(replace(town, partners=registry(partner)), wire, PartnerUnknown, "C10")


@pytest.mark.threat("C8")
def test_a_registered_token_that_is_no_certificate_is_refused(town: Town, wire: Wire) -> None:
    """A broken file among the partner's certificates does not become a key."""
    broken = town.signer.der + b"\0"
    sha256 = hashlib.sha256(broken).hexdigest()
    entry = replace(town.signer.registered(), der=broken, sha256=sha256)
    partner = replace(town.partner, certificates=(entry,))
    keyid = base64.urlsafe_b64encode(bytes.fromhex(sha256)).decode().rstrip("=")
    forged = resigned(wire, town.key.sign, parameters=lambda g: {**g, "keyid": keyid})
    refused(replace(town, partners=registry(partner)), forged, SealError, "C8")


@pytest.mark.threat("R3")
def test_a_new_message_id_on_an_old_seal_is_refused(town: Town, wire: Wire) -> None:
    """The id is covered."""
    refused(town, with_header(wire, "gw-message-id", "urn:uuid:new"), SealBroken, "A5")
    refused(town, also_header(wire, "gw-relates-to", "urn:uuid:new"), SealInvalid, "J7")


@pytest.mark.threat("R5")
def test_a_seal_for_another_door_is_refused(town: Town, wire: Wire) -> None:
    """Another environment, another resource, another action."""
    refused(town, replace(wire, authority="test.gateway.example"), SealBroken)
    refused(town, replace(wire, target="/api/v1/receipts"), SealBroken)
    refused(town, with_header(wire, "gw-action", "LPCO_DEBIT"), SealBroken)


@pytest.mark.threat("D1")
def test_header_floods_are_refused_quickly(town: Town, wire: Wire) -> None:
    """Thousands of components or digests are refused before any signature is computed."""
    many = "gw=(" + " ".join(f'"h{n}"' for n in range(1000)) + ");created=1"
    refused(town, with_header(wire, "signature-input", many), SealInvalid)
    refused(town, with_header(wire, "signature-input", "gw=(" + '"x" ' * 5000 + ")"), SealInvalid, "J9")


@pytest.mark.threat("A1")
def test_every_seal_refusal_has_one_public_face(town: Town, wire: Wire) -> None:
    """Whatever was wrong, the sender reads the same: status 401 and a secret cause."""
    spoiled = [
        with_header(wire, "signature", None),
        replace(wire, body=BODY + b" "),
        signed(issue(town.ca, serial=77).own_key("ecdsa-sha256")),
        resigned(wire, town.key.sign, parameters=lambda g: {**g, "alg": "none"}),
    ]
    assert {(error.status, error.secret) for error in (refused(town, bad) for bad in spoiled)} == {(401, True)}
    assert new_key("p256") is town.signer.key
