"""The counts over octets that spare ordinary messages a tree walk never let through what the walk refuses."""

from __future__ import annotations

import re

import pytest

from gateway.errors import EnvelopeMalformed
from gateway.xml import LIMITS, parse

LONG = "x" * LIMITS.text
PAD = "<p>" + "y" * 900_000 + "</p>"
FILL = "<f>" + "z" * 400_000 + "</f>"


@pytest.mark.parametrize(
    "inside",
    [
        f"<t>{LONG}x</t>",
        f"{PAD}<t>{LONG}x</t>",
        f"{PAD}<t>{LONG}x</t>{PAD}",
        f"<t><b/>{LONG}x</t>",
        f"<t><![CDATA[{LONG[:600_000]}<]]><![CDATA[{LONG[:400_000]}]]></t>",
        f"<t>{LONG[1:]}&lt;&#x49B;</t>",
        f"<t>{'қ' * LIMITS.text}қ</t>",
    ],
    ids=["alone", "after", "between", "after a child", "in CDATA", "with references", "Kazakh"],
)
def test_a_text_of_one_character_too_many_is_refused(inside: str) -> None:
    """Wherever it stands and however it is written (X6)."""
    with pytest.raises(EnvelopeMalformed) as refusal:
        parse(f"<a>{inside}</a>".encode())
    assert refusal.value.threat == "X6"


@pytest.mark.parametrize(
    "inside",
    [f"<t>{LONG}</t>", f"{PAD}<t>{LONG}</t>{PAD}", f"<t>{LONG}<!-- c -->{LONG}</t>", f'<t v="{LONG}{LONG}"/>'],
    ids=["alone", "between", "parted by a comment", "an attribute"],
)
def test_the_longest_texts_pass(inside: str) -> None:
    """The limit itself is allowed; what is no text is not counted."""
    assert parse(f"<a>{inside}</a>".encode()).tag == "a"


@pytest.mark.parametrize(
    ("unit", "nodes"),
    [("<b/>", 1), ("<b/>\n", 2), ("<b>1</b>", 2), ("<b>1</b>\n", 3), ("<b></b>", 1), ("<!--c-->t", 2), ("t<b/>", 2)],
)
def test_nodes_are_counted_exactly_at_the_limit(unit: str, nodes: int) -> None:
    """As many nodes as allowed pass, one more does not, however densely they are written (X5)."""
    room = (LIMITS.nodes - 3) // nodes  # the root, and the filling with its text
    assert parse(f"<a>{FILL}{unit * room}</a>".encode()).tag == "a"
    with pytest.raises(EnvelopeMalformed) as refusal:
        parse(f"<a>{FILL}{unit * room}{'<b/>' * nodes}</a>".encode())
    assert refusal.value.threat == "X5"


@pytest.mark.parametrize(
    ("wire", "detail", "threat"),
    [
        ("<a>" * 300 + "</a>" * 300, "not well-formed at line 1, column 771: nested too deep", "X5"),
        (f"<a>{'x' * 10_000_100}</a>", "not well-formed at line 1, column [0-9]+: a text is too long", "X6"),
        ("<a>\n<b></a>", "not well-formed at line 2, column 8: Opening and ending tag mismatch: b line 2 and a", "X8"),
    ],
    ids=["depth", "text", "tags"],
)
def test_what_the_parser_stops_at_is_told_once_and_in_our_words(wire: str, detail: str, threat: str) -> None:
    """The place stands once, and nobody is advised to set an option of a library."""
    with pytest.raises(EnvelopeMalformed) as refusal:
        parse(wire.encode())
    assert re.fullmatch(detail, refusal.value.detail)
    assert refusal.value.threat == threat
