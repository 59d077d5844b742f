"""The register of authorised economic operators of Kazakhstan: it sends lists and learns what partners did with them.

The profile `urn:swgw:aeo:1` is ours and not official. Partners bring the corridors; the register knows no partner.
"""

from __future__ import annotations

from typing import Final

from gateway.model import Adapter, DocumentType, PartnerId, Schema

AEO_REGISTRY_KZ: Final = PartnerId("aeo_registry_kz")
NAMESPACE: Final = "urn:swgw:aeo:1"
FULL: Final = DocumentType("AEO_MASTER_FULL")
DELTA: Final = DocumentType("AEO_MASTER_DELTA")
RESULT: Final = DocumentType("AEO_RECORD_RESULT")
RECONCILE: Final = DocumentType("AEO_RECONCILE")
RECONCILE_RESULT: Final = DocumentType("AEO_RECONCILE_RESULT")


def _schema(document: DocumentType, root: str, name: str, keys: dict[str, str]) -> Schema:
    return Schema(
        document=document, namespace=NAMESPACE, root=root, path=f"xsd/aeo/{name}.xsd", version="1.0", keys=keys
    )


_LIST_KEYS: Final = {"aeo-list": "ID", "tin": "AEOMutualRecognitionParty/NationalID"}

ADAPTER: Final = Adapter(
    agency=AEO_REGISTRY_KZ,
    schemas=(
        _schema(FULL, "AEOMasterFull", "aeo_master_full", _LIST_KEYS),
        _schema(DELTA, "AEOMasterDelta", "aeo_master_delta", _LIST_KEYS),
        _schema(
            RESULT,
            "AEORecordResult",
            "aeo_record_result",
            {"aeo-list": "ListID", "tin": "AEOMutualRecognitionParty/TIN/ID"},
        ),
        _schema(RECONCILE, "AEOReconcile", "aeo_reconcile", {"aeo-check": "ID"}),
        _schema(RECONCILE_RESULT, "AEOReconcileResult", "aeo_reconcile_result", {"aeo-check": "ReconcileID"}),
    ),
)
