"""Real customs messages of another administration, if this machine has them, and what they say, read apart from us."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path

import pytest
from lxml import etree

from gateway.model import DocumentType
from tests.reference import REFERENCE

SAMPLES = REFERENCE / "wco" / "samples"
TYPES = {
    "dec-import-TT_IM006a-writeoff": "DEC_LODGED",
    "dec-export-TT_EX022a-aeo-mra-party": "DEC_LODGED",
    "dec-export-TT_EX001a-seals-itinerary": "DEC_LODGED",
    "dec-amend-TT_EX009a-step5": "DEC_AMENDED",
    "dec-cancel-TT_EX010a": "DEC_WITHDRAWN",
}
IMPORT, AEO, ITINERARY, AMEND, CANCEL = TYPES
NEEDS_SAMPLES = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the real WCO messages (reference/wco/samples) are not on this machine"
)


@dataclass(frozen=True)
class Document:
    """An AdditionalDocument; `kind` is category and type together, the unit in its two parts."""

    kind: str
    number: str
    exemption: str
    quantity: str
    unit: str
    qualifier: str


@dataclass(frozen=True)
class Sample:
    """One real declaration. Everything is read by local names from the file itself."""

    name: str

    @property
    def path(self) -> Path:
        return SAMPLES / f"{self.name}.xml"

    @property
    def payload(self) -> bytes:
        return self.path.read_bytes()

    @property
    def type(self) -> DocumentType:
        return DocumentType(TYPES[self.name])

    @cached_property
    def declaration(self) -> etree._Element:
        (found,) = etree.fromstring(self.payload).iterchildren("{*}Declaration")
        return found

    @property
    def reference(self) -> str:
        return text(self.declaration, "FunctionalReferenceID")

    @property
    def number(self) -> str:
        return text(self.declaration, "ID")

    @property
    def items(self) -> list[etree._Element]:
        return list(self.declaration.iterfind("{*}GoodsShipment/{*}GovernmentAgencyGoodsItem"))

    def documents(self, item: etree._Element) -> list[Document]:
        return [_document(node) for node in item.iterfind("{*}AdditionalDocument")]

    def secrets(self) -> set[str]:
        """Operators, foreign parties and AEO parties: identities and names that no agency needs."""
        parties = ("Exporter", "Declarant", "Agent", "Submitter", "AuthorisationHolder", "Carrier", "Consignee",
                   "AEOMutualRecognitionParty")  # fmt: skip
        found = {
            text(node, child)
            for party in parties
            for node in self.declaration.iter(f"{{*}}{party}")
            for child in ("ID", "Name")
        }
        importers = {text(node, "ID") for node in self.declaration.iter("{*}Importer")}
        return found - importers - {""}

    def money(self) -> set[str]:
        """Every amount with a currency, as written."""
        amounts = (node for node in self.declaration.iter("{*}*") if node.get("currencyID"))
        return {f">{(node.text or '').strip()}<" for node in amounts}


def _document(node: etree._Element) -> Document:
    quantity = node.find("{*}WriteOff/{*}QuantityQuantity")
    unit, _, qualifier = ("" if quantity is None else quantity.get("unitCode") or "").partition("#")
    return Document(
        kind=text(node, "CategoryCode") + text(node, "TypeCode"),
        number=text(node, "ID"),
        exemption=text(node, "LPCOExemptionCode"),
        quantity="" if quantity is None else plain(quantity.text or ""),
        unit=unit,
        qualifier=qualifier,
    )


def text(node: etree._Element, path: str) -> str:
    """The trimmed text below a path of local names; empty when absent."""
    return (node.findtext("/".join(f"{{*}}{step}" for step in path.split("/"))) or "").strip()


def plain(number: str) -> str:
    """A number without padding; empty stays empty."""
    return format(Decimal(number.strip()).normalize(), "f") if number.strip() else ""
