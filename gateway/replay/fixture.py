"""Fixtures: one folder per story of one message, as people keep it in a repository.

`case.toml` says who sends what to whom, when, and what must become of it; `in.xml` is the payload to be sealed (or
`wire.bin` the bytes as once captured); `out.xml`, `answer-in.xml` and `answer-out.xml` are the other hops.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from gateway.envelope.addressing import message_id, partner_id
from gateway.errors import GatewayError
from gateway.model import DocumentType, MessageId, PartnerId, Profile
from gateway.xml import parse

CASE: Final = "case.toml"
DELIVERED: Final = "delivered"
STYLES: Final[Mapping[str, Profile]] = {"soap": "soap-gw-1", "rest": "rest-gw-1"}
_NEEDED: Final = {"why": str, "from": str, "to": str, "type": str, "style": str, "message_id": str, "now": datetime}
_MAY: Final = {
    "source": str,
    "expect": str,
    "findings": list,
    "answer": dict,
    "conversation_id": str,
    "relates_to": str,
    "entry_id": str,
    "sent_id": str,
    "silent": bool,
    "wire": dict,
}
_ANSWER: Final = {"type": str, "values": dict, "expect": str, "findings": list, "now": datetime, "message_id": str}


class FixtureBroken(Exception):
    """A fixture that cannot be played: the reason names the file and what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The business answer: what the receiver sends back (`payload`) and what the asker must get."""

    type: DocumentType | None
    values: Mapping[str, str]
    payload: bytes | None
    out: bytes | None
    expect: str
    findings: tuple[str, ...] | None
    now: datetime
    message_id: MessageId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """Bytes as they once came in, with what is needed to prove them again."""

    body: bytes
    headers: Mapping[str, Any]
    certificates: tuple[bytes, ...]
    anchors: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixture:
    """One story. `expect` is `delivered` or a refusal code; `now` is the frozen clock."""

    folder: Path
    why: str
    source: str
    sender: PartnerId
    receiver: PartnerId
    type: DocumentType
    style: Profile
    message_id: MessageId
    conversation_id: str
    relates_to: MessageId | None
    now: datetime
    expect: str
    findings: tuple[str, ...] | None
    """The rules of the findings, in any number; None = whatever they are."""
    payload: bytes
    out: bytes | None
    answer: Answer | None
    silent: bool
    entry_id: UUID | None
    """The gateway's own id of the entry; counted when the fixture does not say."""
    sent_id: MessageId
    """The id our envelope to the receiver carries: that of the fixture's message unless said otherwise."""
    captured: Captured | None = field(default=None)

    @property
    def name(self) -> str:
        """Agency and folder, or the folder alone: `<agency>/10-query-ok`."""
        above = self.folder.parent
        return f"{above.parent.name}/{self.folder.name}" if above.name == "fixtures" else self.folder.name


def find_fixtures(paths: Iterable[Path]) -> list[Path]:
    """Every fixture folder at or below these paths, each once, in the order in which they play (by folder name)."""
    found: dict[Path, None] = {}
    for path in paths:
        here = path.parent if path.name == CASE else path
        inside = [here / CASE] if (here / CASE).is_file() else sorted(here.rglob(CASE))
        found |= dict.fromkeys(case.parent.resolve() for case in inside)
    return sorted(found, key=lambda folder: (folder.name, str(folder)))


def read_fixture(folder: Path) -> Fixture:
    """The fixture in a folder. Raises FixtureBroken for anything that hinders playing it."""
    case = _case(folder)
    _check(case, _NEEDED, _MAY, CASE)
    captured = _captured(folder, case)
    payload = captured.body if captured else _xml(folder, "in.xml", needed=True)
    assert payload is not None  # noqa: S101 - needed files are there
    try:
        return _fixture(folder, case, payload, captured)
    except (GatewayError, KeyError, ValueError) as error:
        raise FixtureBroken(f"{CASE}: {getattr(error, 'detail', '') or error}") from None


def _fixture(folder: Path, case: dict[str, Any], payload: bytes, captured: Captured | None) -> Fixture:
    now, expect, silent = _time(case["now"]), case.get("expect", DELIVERED), case.get("silent", False)
    if case["style"] not in STYLES:
        raise ValueError(f"style is soap or rest, not {case['style']!r}")
    out = _xml(folder, "out.xml", needed=expect == DELIVERED)
    if expect != DELIVERED and out is not None:
        raise FixtureBroken(f"out.xml: nothing may reach the receiver when {expect} is expected")
    return Fixture(
        folder=folder,
        why=case["why"],
        source=case.get("source", ""),
        sender=partner_id(case["from"]),
        receiver=partner_id(case["to"]),
        type=DocumentType(case["type"]),
        style=STYLES[case["style"]],
        message_id=message_id(case["message_id"]),
        conversation_id=case.get("conversation_id", ""),
        relates_to=message_id(case["relates_to"]) if "relates_to" in case else None,
        now=now,
        expect=expect,
        findings=_rules(case),
        payload=payload,
        out=out,
        answer=_answer(folder, case.get("answer"), now, silent=silent),
        silent=silent,
        entry_id=UUID(case["entry_id"]) if "entry_id" in case else None,
        sent_id=message_id(case.get("sent_id", case["message_id"])),
        captured=captured,
    )


def _case(folder: Path) -> dict[str, Any]:
    try:
        return tomllib.loads((folder / CASE).read_text("utf-8"))
    except FileNotFoundError:
        raise FixtureBroken(f"{CASE} is missing") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FixtureBroken(f"{CASE}: {error}") from None


def _check(found: Mapping[str, Any], needed: Mapping[str, type], may: Mapping[str, type], where: str) -> None:
    problems = [f"{key} is missing" for key in needed if key not in found]
    problems += [f"unknown key {key}" for key in found if key not in {**needed, **may}]
    for key, kind in {**needed, **may}.items():
        if key in found and not isinstance(found[key], kind):
            problems.append(f"{key} must be {kind.__name__}")
    if problems:
        raise FixtureBroken(f"{where}: {'; '.join(problems)}")


def _answer(folder: Path, told: dict[str, Any] | None, now: datetime, *, silent: bool) -> Answer | None:
    payload, out = _xml(folder, "answer-in.xml"), _xml(folder, "answer-out.xml")
    if told is None and payload is None and out is None:
        return None
    words = told or {}
    _check(words, {}, _ANSWER, f"{CASE} [answer]")
    if payload is None and not silent:
        raise FixtureBroken("answer-in.xml is missing, though an answer is expected")
    return Answer(
        type=DocumentType(words["type"]) if "type" in words else None,
        values={path: str(value) for path, value in words.get("values", {}).items()},
        payload=payload,
        out=out,
        expect=words.get("expect", DELIVERED),
        findings=_rules(words),
        now=_time(words["now"]) if "now" in words else now,
        message_id=message_id(words["message_id"]) if "message_id" in words else None,
    )


def _rules(words: Mapping[str, Any]) -> tuple[str, ...] | None:
    return tuple(map(str, words["findings"])) if "findings" in words else None


def _xml(folder: Path, name: str, *, needed: bool = False) -> bytes | None:
    file = folder / name
    if not file.is_file():
        if needed:
            raise FixtureBroken(f"{name} is missing")
        return None
    octets = file.read_bytes()
    try:
        parse(octets)
    except GatewayError as error:
        raise FixtureBroken(f"{name}: {error.detail}") from None
    return octets


def _captured(folder: Path, case: Mapping[str, Any]) -> Captured | None:
    wire = case.get("wire")
    if wire is None:
        return None
    try:
        return Captured(
            body=(folder / "wire.bin").read_bytes(),
            headers=wire,
            certificates=tuple((folder / name).read_bytes() for name in wire.get("certificates", ())),
            anchors=tuple((folder / name).read_bytes() for name in wire.get("anchors", ())),
        )
    except OSError as error:
        raise FixtureBroken(f"{Path(error.filename or '').name} is missing") from None


def _time(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"now has no zone: {value}")
    return value.astimezone(UTC)
