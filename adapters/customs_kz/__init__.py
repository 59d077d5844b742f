"""The customs of Kazakhstan: it lodges and releases declarations, asks about permits and reads the answers.

Declarations and responses are WCO Data Model documents; questions about permits speak the profile `urn:swgw:lpco:1`,
which is ours and not official. Agencies bring the corridors; customs knows none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.model import WCO_METADATA, Adapter, DocumentType, PartnerId, Schema

CUSTOMS_KZ: Final = PartnerId("customs_kz")
LPCO: Final = "urn:swgw:lpco:1"
_ITEM: Final = "Declaration/GoodsShipment/GovernmentAgencyGoodsItem"
_DECLARATION_KEYS: Final = {
    "declaration": "Declaration/ID",
    "lrn": "Declaration/FunctionalReferenceID",
    "permit": f"{_ITEM}/AdditionalDocument/ID",
    "tin": "Declaration/GoodsShipment/Importer/ID",
    "container": "Declaration/GoodsShipment/Consignment/TransportEquipment/ID",
}
_RESPONSE_KEYS: Final = {"declaration": "Response/Declaration/ID", "lrn": "Response/Declaration/FunctionalReferenceID"}
_PERMIT_KEYS: Final = {"declaration": "Declaration/ID", "permit": "AdditionalDocument/ID"}
_OTHER_RESPONSES: Final = frozenset({f"{code:02d}" for code in range(1, 19)} - {"08"})
"""National list of response functions, as text: the leading zero counts. 08 = released."""


def _wco(document: str, name: str, when: Mapping[str, frozenset[str]], keys: Mapping[str, str]) -> Schema:
    return Schema(
        document=DocumentType(document), namespace=WCO_METADATA, root="MetaData", path=f"xsd/wco/{name}.xsd",
        version="3.6", when=when, keys=keys,
    )  # fmt: skip


def _lpco(document: str, root: str, name: str, keys: Mapping[str, str]) -> Schema:
    return Schema(
        document=DocumentType(document), namespace=LPCO, root=root, path=f"xsd/lpco/{name}.xsd", version="1.0",
        keys={**_PERMIT_KEYS, **keys},
    )  # fmt: skip


_ASKED: Final = {"tin": "Importer/ID"}
_COUNTED: Final = {"tin": "Importer/ID", "operation": "OperationID"}

ADAPTER: Final = Adapter(
    agency=CUSTOMS_KZ,
    schemas=(
        _wco("DEC_LODGED", "declaration", {"Declaration/FunctionCode": frozenset({"9"})}, _DECLARATION_KEYS),
        _wco(
            "DEC_AMENDED",
            "declaration",
            {"Declaration/FunctionCode": frozenset({"13"}), "Declaration/TypeCode": frozenset({"COR", "GPR"})},
            _DECLARATION_KEYS,
        ),
        _wco(
            "DEC_WITHDRAWN",
            "cancellation",
            {"Declaration/FunctionCode": frozenset({"13"}), "Declaration/TypeCode": frozenset({"INV"})},
            {"declaration": "Declaration/ID", "lrn": "Declaration/FunctionalReferenceID"},
        ),
        _wco("DEC_RELEASED", "response", {"Response/FunctionCode": frozenset({"08"})}, _RESPONSE_KEYS),
        _wco("DEC_RESPONSE", "response", {"Response/FunctionCode": _OTHER_RESPONSES}, _RESPONSE_KEYS),
        _lpco("LPCO_QUERY", "LPCOQuery", "query", _ASKED),
        _lpco("LPCO_RESERVE", "LPCOReserve", "reserve", _COUNTED),
        _lpco("LPCO_DEBIT", "LPCODebit", "debit", _COUNTED),
        _lpco("LPCO_CANCEL_RESERVE", "LPCOCancelReserve", "cancel", _COUNTED),
        _lpco("LPCO_REVERSE", "LPCOReverse", "reverse", _COUNTED),
        _lpco("LPCO_STATUS", "LPCOStatus", "status", {"tin": "Holder/ID"}),
        _lpco("LPCO_LEDGER", "LPCOLedger", "ledger", {"tin": "Holder/ID", "operation": "OperationID"}),
    ),
)
