"""The page of messages is what the tables say; `python -m gateway.schema.messages_page > docs/messages.md` mends it."""

from __future__ import annotations

from pathlib import Path

from gateway.schema.messages_page import render
from gateway.schema.shelf import all_records, catalogue
from tests.twins import registry

PAGE = (Path(__file__).parents[2] / "docs" / "messages.md").read_text("utf-8")


def test_the_page_is_what_the_tables_say() -> None:
    """Neither the page was edited nor a table without it."""
    assert render(registry()) == PAGE


def test_every_message_has_a_line() -> None:
    """Exchanged or known; and nothing stands in the catalogue that no table describes."""
    known = set(all_records(registry()))
    assert not [name for name in known if f"| `{name}` " not in PAGE]
    assert not set(catalogue(registry())) - known


def test_what_answers_is_a_message_too() -> None:
    """Every answer named is in the catalogue, sent by who was asked."""
    rows = catalogue(registry())
    for message in rows.values():
        for answer in message.answers:
            assert set(rows[answer].receivers) & set(message.senders), f"{answer} does not go back"
