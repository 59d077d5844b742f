"""Fixtures are sent to a running gateway over HTTP, never to production, and its signed answers are checked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway import registry
from gateway.errors import ConfigurationError, DeliveryFailed
from gateway.model import PartnerId, Profile, Wire
from gateway.reception import receive
from gateway.replay.live import environment_of, replay_live
from gateway.seal.keys import FileKey
from gateway.testing import World, make_world
from gateway.testing.trust import SIGNS_WITH

ROOT = Path(__file__).parents[2]
HEALTH = ROOT / "adapters" / "health_kz" / "fixtures"
CHINA = ROOT / "adapters" / "mra_cn" / "fixtures"
REST: dict[PartnerId, Profile] = {PartnerId("aeo_registry_kz"): "rest-gw-1", PartnerId("mra_cn"): "rest-gw-1"}


@cache
def trees() -> registry.Registry:
    return registry.load()


@contextmanager
def gateway(health: bytes) -> Iterator[tuple[str, World]]:
    """A gateway in memory behind a real HTTP port of this machine."""
    world = make_world(trees(), datetime.now(UTC), profiles=REST)

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, "application/json", health, ())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = tuple((name.lower(), value) for name, value in self.headers.items())
            profile: Profile = "soap-gw-1" if self.path == "/soap" else "rest-gw-1"
            wire = Wire(
                body=body, content_type=self.headers["Content-Type"], peer="127.0.0.1", received_at=world.clock(),
                authority=self.headers["Host"], target=self.path, headers=headers,
            )  # fmt: skip
            sealed = receive(wire, profile, world.setup)
            self._answer(sealed.status, sealed.content_type, sealed.body, sealed.headers)

        def _answer(self, status: int, media: str, body: bytes, headers: tuple[tuple[str, str], ...]) -> None:
            self.send_response(status)
            for name, value in (("Content-Type", media), ("Content-Length", str(len(body))), *headers):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    authority = f"127.0.0.1:{server.server_port}"
    object.__setattr__(world.setup, "addresses", frozenset({authority, f"http://{authority}/soap"}))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{authority}", world
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def written(folder: Path, world: World) -> tuple[Path, Path]:
    """Key files of all partners, and a folder with the gateway's certificates."""
    keys, trust = folder / "keys", folder / "trust"
    keys.mkdir()
    trust.mkdir()
    for partner, keyring in world.trust.keyrings.items():
        for algorithm in SIGNS_WITH.values():
            key = keyring.key(algorithm)
            assert isinstance(key, FileKey)
            file = keys / f"{partner}-{'rsa' if algorithm.startswith('rsa') else 'ec'}.pem"
            pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            file.write_bytes(pem + pem_of(key.certificate))
            file.chmod(0o600)
    for number, certificate in enumerate(world.trust.gateway.certificates):
        (trust / f"gateway-{number}.pem").write_bytes(pem_of(certificate.der))
    (trust / "demo-ca.pem").write_bytes(pem_of(world.trust.gateway.anchors[0]))
    return keys, trust


def pem_of(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def health(environment: str) -> bytes:
    return json.dumps({"status": "ok", "environment": environment}).encode()


def test_receipts_and_refusals_of_a_running_gateway_are_checked(tmp_path: Path) -> None:
    """Accepted, refused with findings, and accepted though the translation will refuse it later; SOAP and REST."""
    with gateway(health("test")) as (url, world):
        keys, trust = written(tmp_path, world)
        names = ("10-query-ok", "39-bin-in-full-width-digits", "46-unit-unknown-to-the-ministry")
        paths = [*(HEALTH / name for name in names), CHINA / "50-full-list", CHINA / "70-tin-of-18"]
        report = replay_live(paths, url, keys, trust)
        assert list(report.lines()) == [report.summary]
        assert report.passed == 5
        assert len(world.ledger.messages) == 3


def test_every_run_uses_new_message_ids(tmp_path: Path) -> None:
    with gateway(health("demo")) as (url, world):
        keys, trust = written(tmp_path, world)
        for _ in range(2):
            assert replay_live([HEALTH / "10-query-ok"], url, keys, trust).exit_code == 0
        assert len(world.ledger.messages) == 2


def test_a_gateway_without_the_corridor_is_told_apart(tmp_path: Path) -> None:
    with gateway(health("test")) as (url, world):
        keys, trust = written(tmp_path, world)
        object.__setattr__(world.setup, "corridors", {})
        report = replay_live([HEALTH / "10-query-ok"], url, keys, trust)
        assert report.exit_code == 1
        assert report.results[0].differences[0].got.startswith("route.none")


@pytest.mark.parametrize("told", [health("production"), b"{}", b"<html/>", b"[]", b'{"environment": 1}'])
def test_nothing_is_sent_to_production_or_to_who_knows_what(tmp_path: Path, told: bytes) -> None:
    with gateway(told) as (url, world):
        keys, trust = written(tmp_path, world)
        with pytest.raises(ConfigurationError, match="not sent there"):
            replay_live([HEALTH / "10-query-ok"], url, keys, trust)
        assert world.ledger.messages == {}
        assert world.ledger.intakes == []


def test_nobody_there_is_said() -> None:
    with pytest.raises(DeliveryFailed):
        environment_of("http://127.0.0.1:9")
