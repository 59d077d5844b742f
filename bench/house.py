"""A gateway in memory that runs the same message again and again: fresh to it each time, with the same ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Final
from uuid import UUID

from lxml import etree

from adapters.customs_kz import ADAPTER
from bench.documents import declaration
from bench.sealers import Keys
from bench.wide_table import CORRIDOR, SCHEMA, TABLE, target_facts, target_files, translation
from gateway.mapping import Translation
from gateway.model import (
    Claims,
    Corridor,
    CorridorId,
    Delivery,
    MessageId,
    Partner,
    PartnerId,
    Profile,
    Sealed,
    Verified,
    Wire,
)
from gateway.pipeline import forward
from gateway.ports import Clock, Courier, Ids, OwnKey
from gateway.reception import receive
from gateway.schema import Schemas, validate
from gateway.schema.generate import load_facts
from gateway.seal.keys import FileKey
from gateway.seal.profiles import open_envelope, verify
from gateway.seal.soap_sign import seal_soap
from gateway.setup import Setup
from gateway.testing import SOAP_URL, MemoryLedger, Trust, World, as_received, counting_ids, make_world
from gateway.testing.evidence import Evidence
from tests.pki import NOW
from tests.schemas import ROOT

CUSTOMS, HEALTH = PartnerId("customs_kz"), PartnerId("health_kz")
ALGORITHMS: Final = {"RSA-2048": "rsa-sha256", "P-256": "ecdsa-sha256"}
_CLAIMS: Final = Claims(
    message_id=MessageId("urn:uuid:0199a000-0000-7000-8000-000000000001"), action="urn:swgw:action:DEC_LODGED",
    to=SOAP_URL, sender=CUSTOMS, receiver=HEALTH, conversation_id="bench-1",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rules:
    """The declaration of customs and the wide table to the national form."""

    schemas: Schemas
    corridors: dict[CorridorId, Corridor]
    translations: dict[str, Translation]


@cache
def rules() -> Rules:
    """Compiled once a process."""
    own = target_files()
    schemas = Schemas(
        [*ADAPTER.schemas, SCHEMA],
        lambda path: own[path] if path in own else (ROOT / path).read_bytes(),
        lambda record: target_facts() if record is SCHEMA else load_facts(ROOT / record.path, record.root),
    )
    return Rules(schemas, {CORRIDOR.id: CORRIDOR}, {TABLE: translation()})


class _Unwritten(Evidence):
    """No evidence: its hashes are written by the database's ledger and measured there (`bench/accept.py`)."""

    def add(self, *_: object) -> None:
        """Nothing is kept."""


class _Again(MemoryLedger):
    """A ledger that can forget, so that a message is new each time, and keeps no evidence."""

    def __init__(self, corridors: Iterable[Corridor], *, clock: Clock, ids: Ids) -> None:
        super().__init__(corridors, clock=clock, ids=ids)
        self._evidence = _Unwritten()

    def forget(self) -> None:
        """As new."""
        self._keys.clear()
        self._outgoing.clear()
        self.messages.clear()
        self.deliveries.clear()


class _Ids:
    """Ids that start again."""

    def __init__(self) -> None:
        self._next: Callable[[], UUID] = counting_ids("bench")

    def restart(self) -> None:
        """The next id is the first again."""
        self._next = counting_ids("bench")

    def __call__(self) -> UUID:
        return self._next()


class _Recorded:
    """Carries to the partner once, then answers with what the partner said: its work is not ours."""

    def __init__(self, courier: Courier) -> None:
        self._courier = courier
        self.sent: Sealed | None = None
        self.answer: Wire | None = None

    def deliver(self, endpoint: str, sealed: Sealed) -> Wire:
        """The partner's answer."""
        if self.answer is None:
            self.sent, self.answer = sealed, self._courier.deliver(endpoint, sealed)
        return self.answer


class House:
    """One message of one size, its sender and receiver using one algorithm."""

    def __init__(self, size: int, algorithm: str = "rsa-sha256") -> None:
        self.world = _with_algorithm(make_world(rules(), NOW), algorithm)
        self.algorithm = algorithm
        self._ids = _Ids()
        self.ledger = _Again(self.world.setup.corridors.values(), clock=self.world.clock, ids=self._ids)
        self.courier = _Recorded(self.world.courier)
        self.setup: Setup = replace(self.world.setup, ledger=self.ledger, courier=self.courier, ids=self._ids)
        self.payload = declaration(size)
        self.sealed = seal_soap(self.payload, _CLAIMS, self.key(CUSTOMS), NOW)
        self.wire = as_received(self.sealed, SOAP_URL, NOW)
        self.line()

    def key(self, partner: PartnerId) -> OwnKey:
        """A partner's key."""
        return self.world.trust.keyrings[partner].key(self.algorithm)

    def own_key(self) -> FileKey:
        """The gateway's key."""
        key = self.world.trust.keyring.key(self.algorithm)
        assert isinstance(key, FileKey)
        return key

    def customs_keys(self) -> Keys:
        """For others that verify what customs sent and sign as the gateway."""
        return Keys(self.key(CUSTOMS).certificate, self.own_key(), self.sealed.body)

    def health_keys(self) -> Keys:
        """For others that verify the ministry's receipt."""
        return Keys(self.key(HEALTH).certificate, self.own_key(), self.sealed.body)

    def verify(self) -> Verified:
        """Open and prove."""
        return verify(open_envelope(self.wire, "soap-gw-1"), self.setup.partners, NOW)

    def validate(self) -> object:
        """Open, prove and validate."""
        return validate(self.verify(), self.setup.schemas)

    def accept(self) -> Sealed:
        """From the bytes to the signed receipt."""
        self.ledger.forget()
        self._ids.restart()
        answer = receive(self.wire, "soap-gw-1", self.setup)
        if not self.ledger.messages:
            raise AssertionError(self.ledger.intakes[-1])
        return answer

    def line(self) -> None:
        """From the bytes to the partner's receipt read and kept."""
        self.accept()
        for delivery in self._due():
            forward(delivery, self.setup)
        if any(kept.state != "delivered" for kept in self.ledger.deliveries.values()):
            raise AssertionError([(kept.state, kept.code, kept.detail) for kept in self.ledger.deliveries.values()])

    def _due(self) -> Iterator[Delivery]:
        for lane in self.ledger.waiting():
            yield from self.ledger.due(lane)

    def receipt(self) -> etree._Element:
        """The payload of our receipt, for others to sign."""
        return etree.fromstring(self.accept().body)[1][0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trust(Trust):
    """Everybody signs with one algorithm."""

    algorithm: str

    def gateway_for(self, profile: Profile) -> Partner:
        """The gateway as partners know it."""
        return replace(Trust.gateway_for(self, profile), sign_with=self.algorithm)


def _with_algorithm(world: World, algorithm: str) -> World:
    """The same world where everybody signs with one algorithm."""
    partners = {name: replace(partner, sign_with=algorithm) for name, partner in world.setup.partners.items()}
    known = {one.name: getattr(world.trust, one.name) for one in fields(Trust)}
    trust = _Trust(**{**known, "partners": partners, "algorithm": algorithm})
    world.courier.trust = trust
    return replace(world, setup=replace(world.setup, partners=partners), trust=trust)
