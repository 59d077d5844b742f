"""Pointers of public messages lead to the elements they speak of."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from gateway.schema.generate import load_facts
from gateway.schema.pointers import Pointer, to_path
from gateway.schema.reported import reported
from tests.schemas import ROOT

SAMPLES = Path(__file__).parents[3] / "shared" / "reference" / "wco" / "samples"
DECLARATION = load_facts(ROOT / "xsd" / "wco" / "declaration.csv")
SPACES = {
    "MetaData": "urn:wco:datamodel:WCO:DocumentMetaData-DMS:2", "Response": "urn:wco:datamodel:WCO:RES-DMS:2",
}  # fmt: skip

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the public messages are not on this machine")


def chains(file: Path) -> list[tuple[Pointer, ...]]:
    """The pointers of a message, those with one parent as one chain."""
    root = etree.parse(file).getroot()
    parents = dict.fromkeys(node.getparent() for node in root.iter("{*}Pointer"))
    return [
        tuple(_link(node) for node in parent.iterchildren("{*}Pointer")) for parent in parents if parent is not None
    ]


def _link(node: etree._Element) -> Pointer:
    at = node.findtext("{*}SequenceNumeric")
    return Pointer(
        section=node.findtext("{*}DocumentSectionCode") or "", sequence=int(at) if at else None,
        tag=node.findtext("{*}TagID") or "",
    )  # fmt: skip


@pytest.mark.parametrize("file", sorted(SAMPLES.glob("*.xml")) if SAMPLES.is_dir() else [], ids=lambda file: file.name)
def test_every_public_pointer_is_resolved(file: Path) -> None:
    """Chains of errors and of amendments, each to one place of the declaration."""
    assert all(to_path(chain, DECLARATION) for chain in chains(file))


def test_an_amendment_points_to_the_element_it_changes() -> None:
    *_, chain = chains(SAMPLES / "dec-amend-TT_EX009a-step5.xml")
    assert to_path(chain, DECLARATION) == (
        "/MetaData/Declaration/GoodsShipment/GovernmentAgencyGoodsItem[1]/AdditionalDocument[1]/LPCOExemptionCode"
    )


def test_a_rejection_tells_its_error_with_the_place() -> None:
    """The public sample has lost its namespaces; they are put back first."""
    text = (SAMPLES / "trap-no-namespace-res-03-DMSREJ.xml").read_text("utf-8")
    for name, space in SPACES.items():
        text = text.replace(f"<{name}>", f'<{name} xmlns="{space}">')
    [found] = reported(text.encode(), [load_facts(ROOT / "xsd" / "ncts" / "cc015c.csv"), DECLARATION])
    assert (found.code, found.pointer, found.rest) == ("CDS12005", "42A/17C#R144", "")
    assert (found.path, found.wco_id) == ("/MetaData/Declaration/AuthorisationHolder/ID", "R144")
