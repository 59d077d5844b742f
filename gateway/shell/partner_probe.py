"""The way to a partner, walked step by step, so that a red step says where to look."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from urllib.parse import SplitResult, urlsplit
from uuid import uuid4

from gateway.envelope.addressing import action_of
from gateway.errors import GatewayError
from gateway.model import RECEIPT, Claims, DocumentType, MessageId, Partner, Sealed
from gateway.ports import Keyring
from gateway.seal.profiles import read_answer, seal
from gateway.setup import OWN_ID
from gateway.shell.courier import HttpCourier

PING = DocumentType("PING")
"""A message without business meaning. A partner may refuse it; a signed refusal proves the way as well."""
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the way: how long it took and what was found."""

    name: str
    ok: bool
    ms: float
    detail: str


def probe(partner: Partner, keyring: Keyring) -> list[Step]:
    """DNS, TCP, TLS (https only), HTTP and a signed ping; nothing after the first step that fails."""
    url = urlsplit(partner.endpoint)
    walk: list[tuple[str, Callable[[], str]]] = [("DNS", lambda: _dns(url)), ("TCP", lambda: _tcp(url))]
    if url.scheme == "https":
        walk.append(("TLS", lambda: _tls(url)))
    walk += [("HTTP", lambda: _http(partner)), ("signed ping", lambda: _ping(partner, keyring))]
    return list(_steps(walk))


def _steps(walk: list[tuple[str, Callable[[], str]]]) -> Iterator[Step]:
    for name, work in walk:
        started = perf_counter()
        try:
            detail, ok = work(), True
        except GatewayError as error:
            detail, ok = f"{error.code}: {error.detail}", False
        except OSError as error:
            detail, ok = f"{type(error).__name__}: {error}", False
        yield Step(name=name, ok=ok, ms=round((perf_counter() - started) * 1000, 1), detail=detail)
        if not ok:
            return


def _port(url: SplitResult) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _dns(url: SplitResult) -> str:
    found = socket.getaddrinfo(url.hostname, _port(url), type=socket.SOCK_STREAM)
    return ", ".join(sorted({str(address[4][0]) for address in found}))


def _tcp(url: SplitResult) -> str:
    with socket.create_connection((url.hostname or "", _port(url)), timeout=_PATIENCE) as connection:
        return f"connected from {connection.getsockname()[0]}"


def _tls(url: SplitResult) -> str:
    context = ssl.create_default_context()
    with (
        socket.create_connection((url.hostname or "", _port(url)), timeout=_PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname=url.hostname) as secured,
    ):
        return f"{secured.version()}, {(secured.cipher() or ('?',))[0]}"


def _http(partner: Partner) -> str:
    nothing = Sealed(body=b"", content_type="", message_id=MessageId(""), references=())
    answer = HttpCourier(_PATIENCE).deliver(partner.endpoint, nothing)
    return f"HTTP {answer.status} to an empty request: a server is there"


def _ping(partner: Partner, keyring: Keyring) -> str:
    claims = Claims(
        message_id=MessageId(f"urn:uuid:{uuid4()}"),
        action=action_of(PING),
        to=partner.address or partner.endpoint,
        sender=OWN_ID,
        receiver=partner.id,
    )
    payload = f'<Ping xmlns="{RECEIPT}"></Ping>'.encode()
    sealed = seal(payload, claims, partner, keyring, now=datetime.now(UTC), nonce=str(uuid4()))
    wire = HttpCourier(_PATIENCE).deliver(partner.endpoint, sealed)
    proven = read_answer(wire, sealed, partner, datetime.now(UTC))
    return f"HTTP {wire.status}, signed by {proven.partner.id} with {proven.algorithm}"
