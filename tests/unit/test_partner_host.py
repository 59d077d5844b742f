"""The door of a simulated partner: one receipt per message, whatever happens around it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from gateway.envelope.addressing import action_of
from gateway.model import Claims, DocumentType, MessageId, PartnerId, Profile, Sealed, Wire
from gateway.receipt import read_receipt
from gateway.registry import Tree
from gateway.seal.http_signature import as_wire
from gateway.seal.profiles import read_answer, seal
from gateway.setup import OWN_ID
from gateway.shell.client import Hat, read_refusal, wear
from gateway.shell.config import TREE
from gateway.shell.demo_ca import make_demo_trust
from gateway.shell.host_book import HostBook
from gateway.shell.host_door import HostDoor
from gateway.shell.keyring import FileKeyring
from gateway.shell.partners import load_partners

HEALTH = PartnerId("health_kz")
URL = "http://127.0.0.1:8081"
PROFILES: list[Profile] = ["soap-gw-1", "rest-gw-1"]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo trust for the ministry and the gateway."""
    place = Path(tmp_path_factory.mktemp("trust"))
    make_demo_trust(place, [HEALTH, "stranger"])
    return place


@pytest.fixture
def book(tmp_path: Path) -> HostBook:
    """An empty book."""
    return HostBook(tmp_path / "host.sqlite")


def hat(state: Path) -> Hat:
    """The ministry's hat."""
    keys = sorted((state / "demo" / HEALTH).glob("*.pem"))
    return wear(HEALTH, keys, state / "trust", URL, "ecdsa-sha256")


class Sender:
    """The gateway, or somebody who says so."""

    def __init__(self, state: Path, profile: Profile, keys: str = "keys") -> None:
        record = load_partners(Tree((TREE,)), state / "trust", production=False)[HEALTH]
        path = "/soap" if profile == "soap-gw-1" else "/api/v1/messages"
        self.partner = replace(record, profile=profile, endpoint=f"http://127.0.0.1:8102{path}")
        self._keyring = FileKeyring(sorted((state / keys).glob("*.pem")))

    def seal(self, message_id: str, payload: bytes = b"<Query></Query>") -> tuple[Sealed, Wire]:
        """A message, as it leaves and as it arrives."""
        claims = Claims(
            message_id=MessageId(message_id), action=action_of(DocumentType("HEALTH_PERMIT_QUERY")),
            to=self.partner.endpoint, sender=OWN_ID, receiver=HEALTH,
        )  # fmt: skip
        now = datetime.now(UTC)
        sealed = seal(payload, claims, self.partner, self._keyring, now=now, nonce=str(uuid4()))
        wire = as_wire(sealed, self.partner.endpoint, "POST")
        headers = (("host", wire.authority), ("content-type", wire.content_type), *wire.headers)
        return sealed, replace(wire, received_at=now, headers=tuple((name.lower(), value) for name, value in headers))

    def read(self, answer: Sealed, sealed: Sealed) -> str:
        """The id of a receipt that repeats exactly what was sent."""
        return read_receipt(read_answer(_arrived(answer), sealed, self.partner, datetime.now(UTC)), sealed).id


def _arrived(answer: Sealed) -> Wire:
    headers = tuple((name.lower(), value) for name, value in (("Content-Type", answer.content_type), *answer.headers))
    return Wire(body=answer.body, content_type=answer.content_type, peer="", received_at=datetime.now(UTC),
                headers=headers, status=answer.status)  # fmt: skip


@pytest.mark.parametrize("profile", PROFILES)
def test_a_repeat_gets_the_receipt_of_the_first_time(state: Path, book: HostBook, profile: Profile) -> None:
    """Byte for byte, also after a restart, and the message is worked on once."""
    gateway, arrivals = Sender(state, profile), []
    sealed, wire = gateway.seal("urn:uuid:1")
    first = HostDoor(hat(state), book, lambda: arrivals.append(1)).receive(wire, profile)
    second = HostDoor(hat(state), book, lambda: arrivals.append(1)).receive(wire, profile)
    assert gateway.read(first, sealed)
    assert (second.body, second.headers, second.status) == (first.body, first.headers, first.status)
    assert len(arrivals) == len(book.log()["received"]) == 1


@pytest.mark.parametrize("profile", PROFILES)
def test_a_message_sealed_again_gets_the_same_receipt_for_its_new_digests(
    state: Path, book: HostBook, profile: Profile
) -> None:
    """The gateway seals anew what grew too old; the receipt keeps its id and repeats what was sent now."""
    gateway, door = Sender(state, profile), HostDoor(hat(state), book, lambda: None)
    one, first = gateway.seal("urn:uuid:1")
    other, second = gateway.seal("urn:uuid:1")
    assert first.body != second.body or first.headers != second.headers
    assert gateway.read(door.receive(first, profile), one) == gateway.read(door.receive(second, profile), other)
    assert len(book.log()["received"]) == 1


@pytest.mark.parametrize("profile", PROFILES)
def test_an_id_with_other_content_is_refused_under_signature(state: Path, book: HostBook, profile: Profile) -> None:
    """The refusal proves that it is the partner's."""
    gateway, door = Sender(state, profile), HostDoor(hat(state), book, lambda: None)
    door.receive(gateway.seal("urn:uuid:1")[1], profile)
    sealed, wire = gateway.seal("urn:uuid:1", b"<Query>other</Query>")
    answer = door.receive(wire, profile)
    proven = read_answer(_arrived(answer), sealed, gateway.partner, datetime.now(UTC))
    assert read_refusal(proven.payload).code == "message.conflict"


@pytest.mark.parametrize("profile", PROFILES)
def test_a_stranger_learns_nothing(state: Path, book: HostBook, profile: Profile) -> None:
    """A seal of a key that is not the gateway's: an unsigned refusal, and nothing is kept."""
    _, wire = Sender(state, profile, "demo/stranger").seal("urn:uuid:1")
    answer = HostDoor(hat(state), book, lambda: None).receive(wire, profile)
    assert read_refusal(answer.body).code == "partner.unknown"
    assert answer.status in (400, 401, 500)
    assert book.log()["received"] == []
