"""The walk-through of CONTRIBUTING.md, executed: an agency in a folder of its own, no existing file changed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway import registry
from gateway.lifecycle import State
from gateway.model import Claims, MessageId, PartnerId
from gateway.pipeline import forward
from gateway.reception import receive
from gateway.replay import replay, worlds
from gateway.schema.generate import build
from gateway.shell.partners import load_partners
from gateway.testing.partner import send_as
from gateway.testing.world import make_world

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```\w+ path=(\S+)\n(.*?)```", re.S)
AGRI = PartnerId("agri_kz")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every file of the walk-through, written where it says, and the XSDs built from their tables."""
    root = tmp_path_factory.mktemp("own-tree")
    blocks = BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text("utf-8"))
    assert len(blocks) >= 10
    for name, text in blocks:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    build([root / "xsd"])
    return root


def test_a_certificate_travels_through_the_new_agency(tree: Path) -> None:
    rules = registry.load([tree])
    now = datetime(2026, 11, 23, 6, tzinfo=UTC)
    world = make_world(rules, now)
    fixture = tree / "adapters/agri_kz/fixtures/80-certificate"
    claims = Claims(
        message_id=MessageId("urn:uuid:8a000000-0000-4000-8000-000000000080"),
        action="urn:swgw:action:AGRI_CERTIFICATE", to="", sender=AGRI, receiver=PartnerId("customs_kz"),
    )  # fmt: skip
    _, wire = send_as(world.trust, (fixture / "in.xml").read_bytes(), claims, "soap-gw-1", at=now, nonce="n")
    answer = receive(wire, "soap-gw-1", world.setup)
    assert answer.status == 200, answer.body.decode()
    (delivery,) = world.ledger.due("customs_kz")
    forward(delivery, world.setup)
    entry = world.ledger.entry_of(AGRI, claims.message_id)
    assert dict(entry.document.keys) == {"permit": "KZ-ФС-2026-0080"}
    assert not world.ledger.due("customs_kz")
    assert State.DELIVERED.value in [event.event for event in world.ledger.events]


def test_its_partner_record_is_read_with_the_others(tree: Path, tmp_path: Path) -> None:
    rules = registry.load([tree])
    partners = load_partners(rules.tree, tmp_path, production=True)
    assert partners[AGRI].name["kk"] == "Өсімдіктер карантині қызметі"
    assert {"customs_kz", "health_kz", "mra_cn"} < set(partners)


def test_its_fixtures_replay(tree: Path) -> None:
    report = replay([tree / "adapters/agri_kz/fixtures"], worlds(registry.load([tree])))
    assert (report.passed, report.failed, report.broken) == (2, 0, 0), report
