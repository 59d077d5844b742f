"""A partner that signs SOAP by RSA can send over REST as well."""

from __future__ import annotations

from pathlib import Path

from gateway.model import PartnerId
from gateway.shell.client import wear
from gateway.shell.demo_ca import make_demo_trust


def test_the_hat_believes_what_the_gateway_signs_http_with(tmp_path: Path) -> None:
    make_demo_trust(tmp_path, ["customs_kz"])
    keys = sorted((tmp_path / "demo" / "customs_kz").glob("*.pem"))
    hat = wear(PartnerId("customs_kz"), keys, tmp_path / "trust", "http://127.0.0.1:1")
    assert {"rsa-sha256", "rsa-pss-sha512", "ecdsa-sha256"} <= hat.gateway.algorithms
