"""The simulated register of Kazakhstan: it writes down what partners answered, and asks nothing back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from typing import Final

from gateway.model import Claims, DocumentType
from gateway.simulation import Reply
from gateway.xml import Element, parse, text_of

_NS: Final = "{urn:swgw:aeo:1}"
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS answer (
    message_id TEXT PRIMARY KEY, relates_to TEXT NOT NULL, type TEXT NOT NULL, about TEXT NOT NULL,
    decision TEXT NOT NULL, resend_from TEXT NOT NULL, received_at TEXT NOT NULL, payload BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS record_result (
    message_id TEXT NOT NULL REFERENCES answer (message_id), tin TEXT NOT NULL, version INTEGER NOT NULL,
    decision TEXT NOT NULL, error TEXT NOT NULL, pointer TEXT NOT NULL, note TEXT NOT NULL);
"""
_TAKEN: Final = {"AEO_RECORD_RESULT": "ListID", "AEO_RECONCILE_RESULT": "ReconcileID"}
Behaviour = Callable[[DocumentType, bytes, Claims, datetime], list[Reply]]


def simulator(state_dir: str) -> Behaviour:
    """A register whose notes are the file `aeo_registry_kz.sqlite` in `state_dir`; each answer is kept once."""
    path = f"{state_dir}/aeo_registry_kz.sqlite"
    with closing(_open(path)):
        pass

    def receive(document: DocumentType, payload: bytes, claims: Claims, now: datetime) -> list[Reply]:
        if document in _TAKEN:
            with closing(_open(path)) as connection:
                _keep(connection, document, payload, claims, now)
        return []

    return receive


def _open(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.executescript(_TABLES)
    return connection


def _keep(connection: sqlite3.Connection, document: DocumentType, payload: bytes, claims: Claims, at: datetime) -> None:
    """One transaction; an answer with a message id seen before changes nothing."""
    root = parse(payload)
    answer = (
        claims.message_id,
        claims.relates_to or "",
        document,
        _text(root, _TAKEN[document]),
        _text(root, "DecisionCode"),
        _text(root, "ResendFromNumeric"),
        at.isoformat(),
        payload,
    )
    connection.execute("BEGIN IMMEDIATE")
    kept = connection.execute("INSERT OR IGNORE INTO answer VALUES (?, ?, ?, ?, ?, ?, ?, ?)", answer)
    if kept.rowcount:
        rows = [(claims.message_id, *_record(party)) for party in root.iterchildren(f"{_NS}AEOMutualRecognitionParty")]
        connection.executemany("INSERT INTO record_result VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    connection.commit()


def _record(party: Element) -> tuple[str, int, str, str, str, str]:
    return (
        _text(party, "TIN", "PrefixCode") + _text(party, "TIN", "ID"),
        int(_text(party, "VersionNumeric")),
        _text(party, "DecisionCode"),
        _text(party, "Error", "ValidationCode"),
        _text(party, "Error", "Pointer", "TagID"),
        _text(party, "Note"),
    )


def _text(element: Element, *names: str) -> str:
    child = element.find("/".join(_NS + name for name in names))
    return "" if child is None else " ".join(text_of(child).split())
