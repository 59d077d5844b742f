"""The health ministry of Kazakhstan: its permits of medicines, asked and written off in its own words.

The format `urn:kz:health:permit:1` is invented, plausible and not official: names in Russian and Kazakh, days as
DD.MM.YYYY, times of Astana, decimal comma, units of its own. The ways to it and back are below.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from adapters.health_kz.converters import CONVERTERS
from adapters.health_kz.elsewhere import ELSEWHERE
from gateway.model import Adapter, Corridor, CorridorId, DocumentType, PartnerId, Schema, Silence

HEALTH_KZ: Final = PartnerId("health_kz")
CUSTOMS_KZ: Final = PartnerId("customs_kz")
NAMESPACE: Final = "urn:kz:health:permit:1"
_BASIS: Final = "Order of the Minister of Health ҚР ДСМ-237/2020 of 08.12.2020; EEC Board Decision 30 of 21.04.2015"
_RELEASE_CLOCK: Final = timedelta(hours=4)
"""The yellow channel: documents are checked within four hours."""
_DAY: Final = timedelta(hours=24)
_PERMIT_KEYS: Final = {"permit": "Разрешение/Номер", "declaration": "Декларация/Номер"}
_OPERATION_KEYS: Final = {**_PERMIT_KEYS, "operation": "КодОперации"}
_OPERATOR: Final = {"tin": "Участник/БСН"}


def _schema(document: str, root: str, name: str, keys: Mapping[str, str]) -> Schema:
    return Schema(
        document=DocumentType(document), namespace=NAMESPACE, root=root, path=f"xsd/health_kz/{name}.xsd",
        version="1.0", keys=keys,
    )  # fmt: skip


def _to_ministry(name: str, takes: str, gives: str, deadline: timedelta = _DAY) -> Corridor:
    return Corridor(
        id=CorridorId(f"health-{name.replace('_', '-')}"), sender=CUSTOMS_KZ, receiver=HEALTH_KZ,
        takes=DocumentType(takes), gives=DocumentType(gives), mapping=f"mappings/health_kz/{name}.csv",
        deadline=deadline, basis=_BASIS, lossless=True,
    )  # fmt: skip


def _from_ministry(name: str, takes: str, gives: str, *, once: bool = True) -> Corridor:
    return Corridor(
        id=CorridorId(f"health-{name.replace('_', '-')}"), sender=HEALTH_KZ, receiver=CUSTOMS_KZ,
        takes=DocumentType(takes), gives=DocumentType(gives), mapping=f"mappings/health_kz/{name}.csv",
        reply=True, once=once, deadline=_DAY, basis=_BASIS, lossless=True,
    )  # fmt: skip


_QUERY: Final = Corridor(
    id=CorridorId("health-query"),
    sender=CUSTOMS_KZ,
    receiver=HEALTH_KZ,
    takes=DocumentType("LPCO_QUERY"),
    gives=DocumentType("HEALTH_PERMIT_QUERY"),
    mapping="mappings/health_kz/query.csv",
    deadline=_RELEASE_CLOCK,
    legal=_RELEASE_CLOCK,
    silence=Silence(
        after=_RELEASE_CLOCK,
        means="manual",
        gives=DocumentType("LPCO_STATUS"),
        mapping="mappings/health_kz/silence.csv",
    ),
    basis=_BASIS,
    lossless=True,
)

ADAPTER: Final = Adapter(
    agency=HEALTH_KZ,
    schemas=(
        _schema("HEALTH_PERMIT_QUERY", "ЗапросРазрешения", "query", {**_PERMIT_KEYS, **_OPERATOR}),
        _schema("HEALTH_RESERVE", "Резерв", "reserve", {**_OPERATION_KEYS, **_OPERATOR}),
        _schema("HEALTH_DEBIT", "Списание", "debit", {**_OPERATION_KEYS, **_OPERATOR}),
        _schema("HEALTH_CANCEL", "ОтменаРезерва", "cancel", {**_OPERATION_KEYS, **_OPERATOR}),
        _schema("HEALTH_REVERSE", "Сторно", "reverse", {**_OPERATION_KEYS, **_OPERATOR}),
        _schema("HEALTH_PERMIT_ANSWER", "ОтветРазрешения", "permit_answer", _PERMIT_KEYS),
        _schema("HEALTH_LEDGER_ANSWER", "ОтветУчёта", "ledger_answer", _OPERATION_KEYS),
        _schema(
            "HEALTH_DEC_NOTICE",
            "УведомлениеДекларации",
            "declaration_notice",
            {
                "declaration": "Декларация/Номер",
                "mrn": "Декларация/ИнойНомер",
                "lrn": "Декларация/Ссылка",
                "permit": "Тауар/Документ/Номер",
                "tin": "Импортёр/БСН",
                "container": "Контейнер",
            },
        ),
        _schema(
            "HEALTH_DEC_ANSWER",
            "ОтветДекларации",
            "declaration_answer",
            {
                "declaration": "Декларация/Номер",
                "mrn": "Декларация/ИнойНомер",
                "lrn": "Декларация/Ссылка",
                "permit": "Замечание/Документ",
            },
        ),
    ),
    corridors=(
        _QUERY,
        _to_ministry("reserve", "LPCO_RESERVE", "HEALTH_RESERVE"),
        _to_ministry("debit", "LPCO_DEBIT", "HEALTH_DEBIT"),
        _to_ministry("cancel", "LPCO_CANCEL_RESERVE", "HEALTH_CANCEL"),
        _to_ministry("reverse", "LPCO_REVERSE", "HEALTH_REVERSE"),
        _to_ministry("notice_lodged", "DEC_LODGED", "HEALTH_DEC_NOTICE"),
        _to_ministry("notice_amended", "DEC_AMENDED", "HEALTH_DEC_NOTICE"),
        _to_ministry("notice_withdrawn", "DEC_WITHDRAWN", "HEALTH_DEC_NOTICE"),
        _to_ministry("notice_released", "DEC_RELEASED", "HEALTH_DEC_NOTICE"),
        _from_ministry("permit_answer", "HEALTH_PERMIT_ANSWER", "LPCO_STATUS"),
        _from_ministry("ledger_answer", "HEALTH_LEDGER_ANSWER", "LPCO_LEDGER"),
        _from_ministry("declaration_answer", "HEALTH_DEC_ANSWER", "DEC_RESPONSE", once=False),
    ),
    converters={**CONVERTERS, **ELSEWHERE},
)
