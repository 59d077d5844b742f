"""What leaves is complete and valid, or says what of the sender's document stands in the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from gateway.errors import GatewayError, MappingGap, MappingInvalid
from gateway.mapping import compile_table, read_table
from gateway.model import CorridorId, Delivery, MessageId
from gateway.pipeline import prepare
from gateway.setup import Setup
from gateway.testing import make_world
from tests.builders import NOW, an_entry, some_claims
from tests.schemas import ROOT
from tests.twins import facts_of, registry

CORRIDOR = CorridorId("health-notice-released")
TABLE = "mappings/health_kz/notice_released.csv"
RELEASED = (ROOT / "adapters/health_kz/fixtures/27-declaration-released/in.xml").read_bytes()


def delivery(payload: bytes = RELEASED) -> Delivery:
    entry = an_entry(
        UUID(int=1), some_claims("urn:uuid:1"), payload=payload, type="DEC_RELEASED", corridors=(CORRIDOR,)
    )
    return Delivery(
        entry=entry, corridor=CORRIDOR, lane="health_kz", attempt=1, deadline=NOW + timedelta(hours=1),
        message_id=MessageId("urn:uuid:2"), relates_to=None,
    )  # fmt: skip


def setup_with(old: str = "", new: str = "", *, lossless: bool = True) -> Setup:
    """The shipped rules with one place of the table written differently."""
    setup = make_world(registry(), NOW).setup
    text = (ROOT / TABLE).read_text("utf-8")
    assert old in text
    bench = setup.translations[TABLE].bench
    changed = compile_table(
        read_table(text.replace(old, new), TABLE), facts_of("DEC_RELEASED"), facts_of("HEALTH_DEC_NOTICE"),
        bench.converters, bench.codes,
    )  # fmt: skip
    corridor = replace(setup.corridors[CORRIDOR], lossless=lossless)
    return replace(
        setup,
        translations={**setup.translations, TABLE: changed},
        corridors={**setup.corridors, CORRIDOR: corridor},
    )


def refusal(setup: Setup, payload: bytes = RELEASED) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        prepare(delivery(payload), setup)
    return caught.value


def test_every_shipped_corridor_with_a_table_is_lossless() -> None:
    mapped = [corridor for corridor in registry().corridors.values() if corridor.mapping]
    assert mapped
    assert all(corridor.lossless for corridor in mapped)


def test_a_value_without_a_row_stops_the_message_on_a_lossless_corridor() -> None:
    """The officer who takes a row out learns it from the next message, not from the ministry."""
    row = next(line for line in (ROOT / TABLE).read_text("utf-8").splitlines() if "Response/Status/NameCode" in line)
    error = refusal(setup_with(row + "\n"))
    assert isinstance(error, MappingGap)
    assert [(one.rule, one.path, one.value) for one in error.findings] == [
        ("mapping.dropped", "MetaData/Response/Status/NameCode", "39")
    ]
    assert prepare(delivery(), setup_with(row + "\n", lossless=False))


def test_a_value_the_receiver_cannot_take_is_the_senders_to_correct() -> None:
    """The schema's finding comes back as one about the sender's own element."""
    error = refusal(setup_with(), RELEASED.replace(b"<VersionID>2<", "<VersionID>№ 2<".encode()))
    assert isinstance(error, MappingGap)
    (finding,) = error.findings
    assert (finding.rule, finding.value) == ("mapping.form", "№ 2")
    assert finding.params["source"] == "MetaData/Response/Declaration/VersionID"
    assert finding.params["rule"] == "E06"


def test_a_value_of_our_own_that_does_not_fit_is_our_fault() -> None:
    """A constant is nobody's to correct but ours."""
    assert isinstance(refusal(setup_with("const:ВЫПУЩЕНА", "const:RELEASED")), MappingInvalid)
