"""What rows and parameters are made of comes out of the database as it went in."""

from __future__ import annotations

from typing import LiteralString
from uuid import RFC_4122, UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from gateway.model import CorridorId
from gateway.shell.ledger import PostgresLedger
from gateway.shell.own_ids import out_id, outgoing_words
from gateway.shell.rows import array
from gateway.shell.store import Store
from tests.builders import a_sealed
from tests.store.steps import ask, waiting

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
ODD = ('"', "\\", '\\"', "{}", "{a,b}", ",", "null", "NULL", "", " ", "\n", "қазақ", "𝔸", "İ")


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(values=st.lists(st.one_of(st.none(), TEXT, st.sampled_from(ODD))))
def test_an_array_is_read_as_it_was_written(store: Store, values: list[str | None]) -> None:
    """Quotes, backslashes, braces, commas, the word null, an absent value, nothing at all."""
    assert store.fetch("select %s::text[] as found", [array(values)])[0]["found"] == values


@given(entry=st.uuids(), corridor=st.text(st.characters(exclude_categories=["Cs"])), other=st.uuids())
def test_an_outgoing_id_leads_to_its_entry(entry: UUID, corridor: str, other: UUID) -> None:
    """It is a UUIDv8 of the entry's millisecond, the same each time, and another for another entry or corridor."""
    made = out_id(entry, CorridorId(corridor))
    words = outgoing_words(made)
    assert (made.version, made.variant) == (8, RFC_4122)
    assert words["first"] <= entry <= words["last"]
    assert made == out_id(entry, CorridorId(corridor)) != out_id(entry, CorridorId(corridor + "-"))
    assert other == entry or made != out_id(other, CorridorId(corridor))


def test_what_a_newer_program_noted_beside_does_not_stop_an_older_one(store: Store, ledger: PostgresLedger) -> None:
    """Both work on one database while a fleet is upgraded: unknown facts are left alone."""
    entry = ask(ledger, 1)
    delivery = waiting(store, entry.id)
    ledger.keep(delivery, a_sealed())
    more = Jsonb({"later": {"than": "this program"}})
    statements: tuple[LiteralString, ...] = (
        "update message set facts = jsonb_set(facts, '{claims}', facts -> 'claims' || %(more)s) || %(more)s",
        "update outgoing set facts = facts || %(more)s",
        "update message_key set answer_facts = answer_facts || %(more)s",
    )
    for statement in statements:
        store.write(statement + " returning 1", {"more": more})
    again = waiting(store, entry.id)
    assert again.entry == delivery.entry
    assert again.sealed == a_sealed()
    assert ledger.recall(entry.sender, entry.claims.message_id) is not None
