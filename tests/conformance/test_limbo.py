"""x509-limbo: the path validation cases, answered by our path check and then by our demands on a signing leaf."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509

from gateway.errors import SealError
from gateway.seal.trust import check_path
from tests.reference import vectors

CASES = vectors("x509/limbo-half.json")["testcases"]
# What a TLS client would refuse and a check of message signers need not, or the other way round.
ACCEPTED = {
    "pathlen::max-chain-depth-0-exhausted": "the case sets its own depth limit; ours is 8",
    "rfc5280::aki::leaf-missing-aki": "the issuer is found by name and signature",
    "rfc5280::ee-critical-aia-invalid": "AIA is never read; that it is critical is refused with the leaf's purpose",
    "rfc5280::eku::ee-eku-empty": "purpose, not path",
    "rfc5280::eku::ee-wrong-eku": "purpose, not path",
    "rfc5280::nc::not-allowed-in-ee-critical": "purpose, not path",
    "rfc5280::nc::not-allowed-in-ee-noncritical": "names below a leaf mean nothing: it issues nothing",
    "rfc5280::nc::permitted-dns-match-noncritical": "a constraint that is not critical is obeyed all the same",
    "rfc5280::san::underscore-dns": "host names mean nothing for a signer of messages",
    "rfc5280::serial::zero": "refused when the certificate is read",
}
REFUSED = {
    "pathlen::self-issued-certs-pathlen": "self-issued steps are counted too: stricter than RFC 5280",
    "rfc5280::nc::permitted-dn-match": "directory name constraints are not understood, so refused",
}


def _verdict(case: dict[str, Any]) -> str:
    at = datetime.fromisoformat(case["validation_time"] or "2026-11-23T00:00:00+00:00").astimezone(UTC)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            leaf = x509.load_pem_x509_certificate(case["peer_certificate"].encode())
            ends = [x509.load_pem_x509_certificate(pem.encode()) for pem in case["trusted_certs"]]
            steps = [x509.load_pem_x509_certificate(pem.encode()) for pem in case["untrusted_intermediates"]]
        except ValueError:
            return "FAILURE"
        try:
            check_path(leaf, ends, steps, at)
        except SealError:
            return "FAILURE"
    return "SUCCESS"


@pytest.mark.threat("C3")
@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_the_path_check_agrees(case: dict[str, Any]) -> None:
    """Same verdict as the suite, or a written reason."""
    expected = case["expected_result"]
    if case["id"] in ACCEPTED:
        assert expected == "FAILURE"
        expected = "SUCCESS"
    if case["id"] in REFUSED:
        assert expected == "SUCCESS"
        expected = "FAILURE"
    assert _verdict(case) == expected
