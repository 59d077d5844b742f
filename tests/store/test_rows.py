"""What rows and parameters are made of comes out of the database as it went in."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.shell.rows import array
from gateway.shell.store import Store

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
ODD = ('"', "\\", '\\"', "{}", "{a,b}", ",", "null", "NULL", "", " ", "\n", "қазақ", "𝔸", "İ")


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(values=st.lists(st.one_of(st.none(), TEXT, st.sampled_from(ODD))))
def test_an_array_is_read_as_it_was_written(store: Store, values: list[str | None]) -> None:
    """Quotes, backslashes, braces, commas, the word null, an absent value, nothing at all."""
    assert store.fetch("select %s::text[] as found", [array(values)])[0]["found"] == values
