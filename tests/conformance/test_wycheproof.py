"""Wycheproof: thousands of mangled signatures must be told from good ones by our own check."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

from gateway.errors import SealError
from gateway.seal.keys import verify_octets
from tests.reference import vectors

SUITES = {
    "ecdsa_secp256r1_sha256_p1363_test.json": ("ecdsa-sha256", 262),
    "ed25519_test.json": ("ed25519", 151),
    "rsa_signature_2048_sha256_test.json": ("rsa-sha256", 259),
}
RSA = "rsa_signature_2048_sha256_test.json"
STRICTER = {
    (RSA, 8): "algorithm identifier without NULL: 'acceptable' for signers of old, of which we have none",
    (RSA, 258): "a key with exponent 3 is refused whatever it signed (row A2)",
    (RSA, 259): "a key with exponent 3 is refused whatever it signed (row A2)",
}


def _verdict(algorithm: str, group: dict[str, Any], test: dict[str, Any]) -> bool:
    key = load_der_public_key(bytes.fromhex(group["publicKeyDer"]))
    try:
        verify_octets(algorithm, key, bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
    except SealError:
        return False
    return True


@pytest.mark.threat("A5")
@pytest.mark.parametrize("name", sorted(SUITES))
def test_every_verdict_agrees(name: str) -> None:
    """Valid ones pass, all others are refused, and the refusal is always a SealError."""
    algorithm, expected = SUITES[name]
    suite = vectors(f"sig-primitives/{name}")
    tests = [(group, test) for group in suite["testGroups"] for test in group["tests"]]
    wrong = {
        (name, test["tcId"])
        for group, test in tests
        if _verdict(algorithm, group, test) != (test["result"] != "invalid")
    }
    assert len(tests) == expected
    assert wrong == {key for key in STRICTER if key[0] == name}


def test_stricter_verdicts_are_refusals() -> None:
    """Where we differ we refuse; nothing invalid is on the list."""
    suite = vectors(f"sig-primitives/{RSA}")
    listed = {t["tcId"]: t["result"] for g in suite["testGroups"] for t in g["tests"] if (RSA, t["tcId"]) in STRICTER}
    assert listed == {8: "acceptable", 258: "valid", 259: "valid"}
