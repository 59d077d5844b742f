"""The customs of China as a partner of mutual AEO recognition: its list format, the ways to it, and its codes.

The format `urn:cn:gacc:aeo:1` is invented, plausible and not official. What may leave is decided by the rows of
`mappings/mra_cn/`: consent, certificate kind 3, agreed roles; the reason of a state leaves as a class only.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from adapters.mra_cn.converters import CONVERTERS
from gateway.model import Adapter, Corridor, CorridorId, DocumentType, PartnerId, Schema, Silence

MRA_CN: Final = PartnerId("mra_cn")
REGISTRY: Final = PartnerId("aeo_registry_kz")
NAMESPACE: Final = "urn:cn:gacc:aeo:1"
CN_FULL: Final = DocumentType("CN_AEO_FULL")
CN_DELTA: Final = DocumentType("CN_AEO_DELTA")
CN_RESULT: Final = DocumentType("CN_AEO_RESULT")
CN_CHECK: Final = DocumentType("CN_AEO_CHECK")
CN_CHECK_RESULT: Final = DocumentType("CN_AEO_CHECK_RESULT")
_BASIS: Final = "AEO mutual recognition Kazakhstan-China; KZ Customs Code art. 529(7), 536; operator's consent"
_ONE_DAY: Final = timedelta(hours=24)
_TWO_DAYS: Final = timedelta(hours=48)


def _list_schema(document: DocumentType, list_type: str) -> Schema:
    return Schema(
        document=document,
        namespace=NAMESPACE,
        root="AeoList",
        path="xsd/mra_cn/aeo_list.xsd",
        version="1.0",
        when={"listHead/listType": frozenset({list_type})},
        keys={"aeo-list": "listHead/listId", "aeo-code": "aeoRecord/aeoCode"},
    )


def _schema(document: DocumentType, root: str, name: str, keys: dict[str, str]) -> Schema:
    return Schema(
        document=document, namespace=NAMESPACE, root=root, path=f"xsd/mra_cn/{name}.xsd", version="1.0", keys=keys
    )


def _to_china(name: str, takes: str, gives: DocumentType, answer: str) -> Corridor:
    return Corridor(
        id=CorridorId(f"aeo-{name}-to-china"),
        sender=REGISTRY,
        receiver=MRA_CN,
        takes=DocumentType(takes),
        gives=gives,
        mapping=f"mappings/mra_cn/aeo_{name}.csv",
        deadline=_TWO_DAYS,
        order="aeo-master",  # a change may follow the list it changes, never lead it
        silence=Silence(
            after=_ONE_DAY,
            means="manual",
            gives=DocumentType(answer),
            mapping=f"mappings/mra_cn/silence_{name}.csv",
        ),
        basis=_BASIS,
        lossless=True,
    )


def _from_china(name: str, takes: DocumentType, gives: str, *, once: bool = False) -> Corridor:
    return Corridor(
        id=CorridorId(f"aeo-{name.replace('_', '-')}-from-china"),
        sender=MRA_CN,
        receiver=REGISTRY,
        takes=takes,
        gives=DocumentType(gives),
        mapping=f"mappings/mra_cn/aeo_{name}.csv",
        reply=True,
        once=once,
        deadline=_TWO_DAYS,
        basis=_BASIS,
        lossless=True,
    )


ADAPTER: Final = Adapter(
    agency=MRA_CN,
    schemas=(
        _list_schema(CN_FULL, "F"),
        _list_schema(CN_DELTA, "I"),
        _schema(
            CN_RESULT,
            "AeoUploadResult",
            "aeo_upload_result",
            {"aeo-list": "resultHead/listId", "aeo-code": "recordResult/aeoCode"},
        ),
        _schema(CN_CHECK, "AeoCheck", "aeo_check", {"aeo-check": "checkId"}),
        _schema(CN_CHECK_RESULT, "AeoCheckResult", "aeo_check_result", {"aeo-check": "checkId"}),
    ),
    corridors=(
        _to_china("full", "AEO_MASTER_FULL", CN_FULL, "AEO_RECORD_RESULT"),
        _to_china("delta", "AEO_MASTER_DELTA", CN_DELTA, "AEO_RECORD_RESULT"),
        _to_china("reconcile", "AEO_RECONCILE", CN_CHECK, "AEO_RECONCILE_RESULT"),
        _from_china("result", CN_RESULT, "AEO_RECORD_RESULT"),
        _from_china("reconcile_result", CN_CHECK_RESULT, "AEO_RECONCILE_RESULT", once=True),
    ),
    converters=CONVERTERS,
)
