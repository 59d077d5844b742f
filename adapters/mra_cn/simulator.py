"""A simulated receiver of AEO lists at the customs of China: durable, exact about versions, strict about gaps.

Invented behaviour for the invented format `urn:cn:gacc:aeo:1`; nothing here says how the real receiver works.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Final

from adapters.mra_cn.answers import GAP, PART, WHOLE, CheckAnswer, ListAnswer, RecordAnswer, check_xml, result_xml
from adapters.mra_cn.lists import AeoList, Record, read_check, read_list
from adapters.mra_cn.register import Register, open_register
from gateway.model import Claims, DocumentType
from gateway.simulation import Reply

RESULT: Final = DocumentType("CN_AEO_RESULT")
CHECK_RESULT: Final = DocumentType("CN_AEO_CHECK_RESULT")
BEIJING: Final = timezone(timedelta(hours=8))
SLOW_SECONDS: Final = 20.0
MAGIC_KEYS: Final = MappingProxyType(
    {
        "KZ-AEO-T-9102": "the record is rejected with code 102, value outside the list, pointing to certClass",
        "KZ-AEO-T-9301": "the record is rejected with code 301, operator not found, pointing to aeoCode",
        "KZ-AEO-T-9000": f"the list is applied and answered only after {SLOW_SECONDS:.0f} seconds",
        "KZ-AEO-T-9999": "the list is applied and its answer is lost; the same list sent again gets the answer",
    }
)
"""Certificate numbers that make the receiver behave badly, for demonstrations and tests."""

_REJECTING: Final = {
    "KZ-AEO-T-9102": ("102", "certClass", "证书类别不在代码表内"),
    "KZ-AEO-T-9301": ("301", "aeoCode", "未找到该企业"),
}
_SLOW: Final = "KZ-AEO-T-9000"
_SILENT: Final = "KZ-AEO-T-9999"
_NEEDED: Final = (
    ("aeoStatus", "缺少企业状态"),
    ("certNo", "缺少证书编号"),
    ("nameLocal", "缺少企业名称(原文)"),
    ("nameEn", "缺少企业拉丁字母名称"),
    ("addr", "缺少地址"),
    ("bizType", "缺少企业类型"),
    ("validFrom", "缺少有效期"),
)
Behaviour = Callable[[DocumentType, bytes, Claims, datetime], list[Reply]]


def simulator(state_dir: str) -> Behaviour:
    """A receiver whose register is the file `mra_cn.sqlite` in `state_dir`; every list is one transaction."""
    path = f"{state_dir}/mra_cn.sqlite"
    with closing(open_register(path)):
        pass

    def receive(document: DocumentType, payload: bytes, _claims: Claims, now: datetime) -> list[Reply]:
        today = now.astimezone(BEIJING).strftime("%Y%m%d")
        with closing(open_register(path)) as connection:
            if document == "CN_AEO_CHECK":
                return [Reply(type=CHECK_RESULT, payload=_compare(Register(connection), payload, today))]
            if document in ("CN_AEO_FULL", "CN_AEO_DELTA"):
                return _take_list(connection, read_list(payload), today)
        return []

    return receive


def _take_list(connection: sqlite3.Connection, given: AeoList, today: str) -> list[Reply]:
    """Apply a list at most once; a list that came before gets the answer it got then."""
    connection.execute("BEGIN IMMEDIATE")
    register = Register(connection)
    kept = register.answer_to(given)
    if kept is not None:
        connection.commit()
        same_content, answer = kept
        conflict = _refused(given, today, "201", "同一序号已收到内容不同的名单")
        return [Reply(type=RESULT, payload=answer if same_content else conflict)]
    answer = _apply(register, given, today)
    connection.commit()
    certificates = {record.certificate for record in given.records}
    if _SILENT in certificates:
        return []
    return [Reply(type=RESULT, payload=answer, delay=SLOW_SECONDS if _SLOW in certificates else 0.0)]


def _apply(register: Register, given: AeoList, today: str) -> bytes:
    """A full list may close a gap, a delta may not: then nothing is applied and nothing but the question is said."""
    last = register.last_list(given.agreement)
    if given.kind != "F" and given.number > last + 1:
        return result_xml(
            ListAnswer(list_id=given.id, number=given.number, day=today, decision=GAP, resend_from=last + 1)
        )
    if given.total != len(given.records):
        return _refused(given, today, "103", "记录数与表头不符")
    results = tuple(_apply_record(register, record) for record in given.records)
    answer = result_xml(
        ListAnswer(
            list_id=given.id,
            number=given.number,
            day=today,
            decision=PART if any(result.decision == "1" for result in results) else WHOLE,
            records=results,
        )
    )
    register.keep_list(given, answer)
    return answer


def _apply_record(register: Register, record: Record) -> RecordAnswer:
    """By version, never by arrival: an older version is acknowledged and ignored with a note."""
    held = register.version_of(record.code)
    if held is not None and record.version < held:
        return RecordAnswer(code=record.code, version=record.version, decision="2", memo=f"已有版本{held},旧版本未采用")
    fault = _fault_of(register, record, held)
    if fault is not None:
        code, field, text = fault
        return RecordAnswer(code=record.code, version=record.version, decision="1", error=code, field=field, text=text)
    register.hold(record)
    return RecordAnswer(code=record.code, version=record.version, decision="0")


def _fault_of(register: Register, record: Record, held: int | None) -> tuple[str, str, str] | None:
    """Error code, field and text of the first thing wrong; classes as in eTIR: 1xx message, 2xx state, 3xx content."""
    if not record.deletes:
        if record.certificate in _REJECTING:
            return _REJECTING[record.certificate]
        for field, text in _NEEDED:
            if field not in record.fields:
                return "101", field, text
    if held == record.version and not register.holds_same(record):
        return "202", "recordVer", "同一版本号内容不同"
    return None


def _refused(given: AeoList, today: str, error: str, text: str) -> bytes:
    return result_xml(
        ListAnswer(list_id=given.id, number=given.number, day=today, decision="N", error=error, text=text)
    )


def _compare(register: Register, payload: bytes, today: str) -> bytes:
    """Count and digest of what is held; what is held is listed only when both sides are at the same list and differ."""
    check = read_check(payload)
    held = register.held()
    digest = register.digest()
    behind = register.last_list(check.agreement) < check.number
    equal = (len(held), digest) == (check.total, check.digest)
    return check_xml(
        CheckAnswer(
            id=check.id,
            number=check.number,
            day=today,
            agreement=check.agreement,
            decision="W" if behind else "Y" if equal else "N",
            total=len(held),
            digest=digest,
            held=() if behind or equal else held,
        )
    )
