"""The answers of the simulated receiver, written in the invented China format."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Final

NAMESPACE: Final = "urn:cn:gacc:aeo:1"
WHOLE: Final = "Y"
PART: Final = "P"
GAP: Final = "G"
_TAKEN: Final = "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAnswer:
    """What became of one record: `0` held, `1` rejected with error, field and text, `2` older and ignored."""

    code: str
    version: int
    decision: str
    error: str = ""
    field: str = ""
    text: str = ""
    memo: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAnswer:
    """What became of a list: `Y`, `P` some records rejected, `N` all refused with error, `G` lists are missing."""

    list_id: str
    number: int
    day: str
    decision: str
    resend_from: int | None = None
    error: str = ""
    text: str = ""
    records: tuple[RecordAnswer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAnswer:
    """Totals held: `Y` equal, `N` different (then `held` lists code and version), `W` the list has not come yet."""

    id: str
    number: int
    day: str
    agreement: str
    decision: str
    total: int
    digest: str
    held: tuple[tuple[str, int], ...] = ()


def result_xml(answer: ListAnswer) -> bytes:
    """An AeoUploadResult document."""
    head = _group(
        "resultHead",
        ("listId", answer.list_id),
        ("listNo", answer.number),
        ("handleDate", answer.day),
        ("listResult", answer.decision),
        ("resendFrom", answer.resend_from),
        ("acceptCount", sum(record.decision == _TAKEN for record in answer.records)),
        ("errCode", answer.error),
        ("errText", answer.text),
    )
    return _document("AeoUploadResult", head + "".join(_record(record) for record in answer.records))


def check_xml(answer: CheckAnswer) -> bytes:
    """An AeoCheckResult document."""
    inner = _leaves(
        ("checkId", answer.id),
        ("listNo", answer.number),
        ("checkDate", answer.day),
        ("agreementNo", answer.agreement),
        ("checkResult", answer.decision),
        ("total", answer.total),
        ("digest", answer.digest),
    )
    held = (_group("heldRecord", ("aeoCode", code), ("recordVer", version)) for code, version in answer.held)
    return _document("AeoCheckResult", inner + "".join(held))


def _record(record: RecordAnswer) -> str:
    return _group(
        "recordResult",
        ("aeoCode", record.code),
        ("recordVer", record.version),
        ("recResult", record.decision),
        ("errCode", record.error),
        ("errField", record.field),
        ("errText", record.text),
        ("memo", record.memo),
    )


def _document(root: str, inner: str) -> bytes:
    return f'<{root} xmlns="{NAMESPACE}">{inner}</{root}>'.encode()


def _group(name: str, *leaves: tuple[str, str | int | None]) -> str:
    return f"<{name}>{_leaves(*leaves)}</{name}>"


def _leaves(*leaves: tuple[str, str | int | None]) -> str:
    """Empty and absent values make no element."""
    return "".join(
        f"<{name}>{escape(str(value), quote=False)}</{name}>" for name, value in leaves if value not in (None, "")
    )
