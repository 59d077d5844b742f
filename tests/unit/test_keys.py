"""Signature algorithms: what is accepted, what is not, and that our own keys sign what others verify."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from gateway.errors import ConfigurationError, SealBroken, WeakAlgorithm
from gateway.seal.keys import (
    ALGORITHMS,
    HTTP_SIGNATURE,
    XMLDSIG_DIGEST,
    XMLDSIG_DIGEST_URI,
    XMLDSIG_SIGNATURE,
    XMLDSIG_SIGNATURE_URI,
    FileKey,
    fits,
    http_names,
    verify_octets,
)
from tests.pki import issue, make_ca, new_key

OCTETS = "Қазақстан 通关".encode()
GOOD = [
    *(("rsa2048", f"rsa-{h}") for h in ("sha256", "sha384", "sha512")),
    *(("rsa2048", f"rsa-pss-{h}") for h in ("sha256", "sha384", "sha512")),
    *((curve, f"ecdsa-{h}") for curve in ("p256", "p384", "p521") for h in ("sha256", "sha384", "sha512")),
    ("ed25519", "ed25519"),
]
ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.mark.parametrize(("kind", "algorithm"), GOOD)
def test_own_key_signs_and_the_check_believes_it(kind: str, algorithm: str) -> None:
    """Every algorithm of the table signs and verifies, and notices one changed octet."""
    key = issue(make_ca(), kind=kind).own_key(algorithm)
    signature = key.sign(OCTETS)
    verify_octets(algorithm, new_key(kind).public_key(), signature, OCTETS)
    with pytest.raises(SealBroken):
        verify_octets(algorithm, new_key(kind).public_key(), signature, OCTETS + b" ")


def test_ecdsa_is_raw_and_of_fixed_length() -> None:
    """XML Signature and RFC 9421 want r||s: 64, 96 and 132 octets."""
    lengths = [len(issue(make_ca(), kind=k).own_key("ecdsa-sha256").sign(OCTETS)) for k in ("p256", "p384", "p521")]
    assert lengths == [64, 96, 132]


@pytest.mark.threat("A2")
@pytest.mark.parametrize("kind", ["rsa1024", "rsa-e3", "p192", "secp256k1"])
def test_weak_keys_are_refused(kind: str) -> None:
    """A key too short, of exponent 3 or of another curve is refused before its signature is looked at."""
    algorithm = "rsa-sha256" if kind.startswith("rsa") else "ecdsa-sha256"
    with pytest.raises(WeakAlgorithm) as refused:
        verify_octets(algorithm, new_key(kind).public_key(), b"x" * 64, OCTETS)
    assert refused.value.threat == "A2"


@pytest.mark.threat("A2")
def test_dsa_keys_are_refused() -> None:
    """DSA does not exist here."""
    public = dsa.generate_private_key(2048).public_key()
    with pytest.raises(WeakAlgorithm):
        verify_octets("rsa-sha256", public, b"x" * 256, OCTETS)


@pytest.mark.threat("A3")
@pytest.mark.parametrize(
    "name", ["", "rsa-sha1", "RSA-SHA256", "hmac-sha256", "ecdsa", "rsa-pss-sha1", "sha256", "ed448"]
)
def test_names_outside_the_table_are_refused(name: str) -> None:
    """A misspelt, old or symmetric algorithm has no way in."""
    with pytest.raises(WeakAlgorithm) as refused:
        verify_octets(name, new_key("rsa2048").public_key(), b"", OCTETS)
    assert refused.value.threat == "A3"


@pytest.mark.threat("A4")
@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [("rsa2048", "ecdsa-sha256"), ("p256", "rsa-sha256"), ("p256", "ed25519"), ("ed25519", "ecdsa-sha256"),
     ("ed25519", "rsa-pss-sha512"), ("p384", "rsa-pss-sha256")],
)  # fmt: skip
def test_algorithm_of_another_key_type_is_refused(kind: str, algorithm: str) -> None:
    """The algorithm never decides how a key is read."""
    with pytest.raises(WeakAlgorithm) as refused:
        verify_octets(algorithm, new_key(kind).public_key(), b"x" * 64, OCTETS)
    assert refused.value.threat == "A4"
    assert not fits(algorithm, new_key(kind).public_key())


@pytest.mark.threat("A5")
def test_ecdsa_forms_that_are_not_raw_are_refused() -> None:
    """DER, padding, zero and numbers beyond the order are refused even when they mean a good signature."""
    good = issue(make_ca()).own_key("ecdsa-sha256").sign(OCTETS)
    r, s = int.from_bytes(good[:32]), int.from_bytes(good[32:])
    beyond = (r + ORDER_P256) % (1 << 256)
    bad = [
        b"",
        good[:-1],
        good + b"\0",
        b"\0" + good[:32] + b"\0" + good[32:],
        good[:32] + b"\0" + good[32:],
        encode_dss_signature(r, s),
        b"\0" * 64,
        b"\0" * 32 + good[32:],
        good[:32] + b"\0" * 32,
        ORDER_P256.to_bytes(32) + good[32:],
        good[:32] + ORDER_P256.to_bytes(32),
        beyond.to_bytes(32) + good[32:],
        b"\xff" * 64,
    ]
    for signature in bad:
        with pytest.raises(SealBroken) as refused:
            verify_octets("ecdsa-sha256", new_key("p256").public_key(), signature, OCTETS)
        assert refused.value.threat == "A5"


@pytest.mark.threat("A5")
@pytest.mark.parametrize("salt", [0, 20, 32, 190])
def test_pss_salt_of_another_length_is_refused(salt: int) -> None:
    """rsa-pss-sha512 has a salt of 64 octets (RFC 9421 3.3.1); the largest salt is a common mistake."""
    key = new_key("rsa2048")
    signature = key.sign(OCTETS, padding.PSS(padding.MGF1(hashes.SHA512()), salt), hashes.SHA512())
    with pytest.raises(SealBroken):
        verify_octets("rsa-pss-sha512", key.public_key(), signature, OCTETS)


@pytest.mark.threat("A5")
def test_pss_with_another_mask_hash_is_refused() -> None:
    """MGF1 with SHA-1 is refused although the message hash is right."""
    key = new_key("rsa2048")
    signature = key.sign(OCTETS, padding.PSS(padding.MGF1(hashes.SHA1()), 64), hashes.SHA512())  # noqa: S303
    with pytest.raises(SealBroken):
        verify_octets("rsa-pss-sha512", key.public_key(), signature, OCTETS)


@pytest.mark.threat("A1")
def test_no_symmetric_or_old_name_is_in_any_table() -> None:
    """Key confusion needs an HMAC name, downgrade a SHA-1 name: there is none."""
    words = [*ALGORITHMS, *HTTP_SIGNATURE, *XMLDSIG_SIGNATURE, *XMLDSIG_DIGEST]
    assert not [word for word in words if "hmac" in word.lower() or "sha1" in word or "md5" in word or "none" in word]


def test_tables_are_each_others_mirror() -> None:
    """Each URI has one short name and each short name one URI."""
    assert {XMLDSIG_SIGNATURE_URI[short] for short in ALGORITHMS} == set(XMLDSIG_SIGNATURE)
    assert {XMLDSIG_DIGEST_URI[short] for short in XMLDSIG_DIGEST.values()} == set(XMLDSIG_DIGEST)
    assert set(HTTP_SIGNATURE.values()) <= ALGORITHMS
    assert XMLDSIG_SIGNATURE["http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"] == "rsa-pss-sha256"


def test_http_names_follow_the_key() -> None:
    """RFC 9421 ties its ECDSA names to a curve; P-521 has none."""
    assert http_names(new_key("p256").public_key()) == ("ecdsa-p256-sha256",)
    assert http_names(new_key("p384").public_key()) == ("ecdsa-p384-sha384",)
    assert http_names(new_key("p521").public_key()) == ()
    assert http_names(new_key("ed25519").public_key()) == ("ed25519",)
    assert set(http_names(new_key("rsa2048").public_key())) == {"rsa-pss-sha512", "rsa-v1_5-sha256"}


@pytest.mark.parametrize("algorithm", ["rsa-sha256", "ed25519", "nonsense"])
def test_own_key_that_cannot_sign_so_is_found_at_start(algorithm: str) -> None:
    """A wrong algorithm in the configuration is said when the key is made, not when a partner refuses us."""
    with pytest.raises(ConfigurationError):
        issue(make_ca(), kind="p256").own_key(algorithm)


def test_own_key_with_another_certificate_is_found_at_start() -> None:
    """Key and certificate must belong together, and the certificate must be one."""
    ca = make_ca()
    with pytest.raises(ConfigurationError):
        FileKey(new_key("p256", 5), issue(ca, kind="p256").der, "ecdsa-sha256")
    with pytest.raises(ConfigurationError):
        FileKey(new_key("p256"), b"not a certificate", "ecdsa-sha256")


def test_short_octets_of_r_and_s_keep_their_place() -> None:
    """A signature whose r begins with zero octets still has 64 octets and verifies."""
    key = issue(make_ca()).own_key("ecdsa-sha256")
    found = next(s for s in (key.sign(b"%d" % n) for n in range(5000)) if s[0] == 0 or s[32] == 0)
    assert len(found) == 64
    assert isinstance(new_key("p256"), ec.EllipticCurvePrivateKey)
