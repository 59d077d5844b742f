"""The ministry is told every container, also where only the goods name it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from gateway import registry
from gateway.mapping import translate

FIXTURES = Path(__file__).parents[2] / "adapters" / "health_kz" / "fixtures"
TIME = "2026-11-23T06:00:00Z"
WORDS = ("message_id", "relates_to", "conversation_id", "sender", "receiver", "entry_id")
AT_THE_GOODS = (
    "<TransportEquipment><SequenceNumeric>1</SequenceNumeric><ID>TSTU9990010</ID></TransportEquipment>"
    "<TransportEquipment><SequenceNumeric>2</SequenceNumeric><ID>TSTU9990026</ID></TransportEquipment>"
)


@cache
def rules() -> registry.Registry:
    return registry.load()


def told(table: str, document: str) -> list[str]:
    """The containers that the ministry reads."""
    context = dict.fromkeys(WORDS, "urn:uuid:1") | {"now": TIME, "received_at": TIME}
    made = translate(document.encode(), rules().translations[f"mappings/health_kz/{table}.csv"], context, lossless=True)
    return re.findall("<Контейнер>([^<]*)", made.decode())


def with_containers(folder: str, *, shipment: bool) -> str:
    """The declaration of a fixture whose goods name two containers, with or without the shipment's own list."""
    text = (FIXTURES / folder / "in.xml").read_text("utf-8")
    listed = re.compile(r"<((?:\w+:)?)TransportEquipment>.*?</\1TransportEquipment>", re.DOTALL)
    text = text if shipment else listed.sub("", text)
    return re.sub(r"</Commodity>", f"{AT_THE_GOODS}</Commodity>", text, count=1)


@pytest.mark.parametrize(
    ("table", "folder"), [("notice_lodged", "24-declaration-lodged"), ("notice_amended", "26-declaration-amended")]
)
def test_containers_of_the_goods_go_where_the_shipment_lists_none(table: str, folder: str) -> None:
    """Once: where the shipment has its list, that is what counts."""
    assert told(table, with_containers(folder, shipment=False)) == ["TSTU9990010", "TSTU9990026"]
    plain = (FIXTURES / folder / "in.xml").read_text("utf-8")
    assert told(table, with_containers(folder, shipment=True)) == told(table, plain) != []
