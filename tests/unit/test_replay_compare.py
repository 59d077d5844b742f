"""Two documents are compared as documents: by names, text and order, not by how they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.replay import Change, compare


def found(expected: str, got: str) -> list[tuple[str, str, str, str]]:
    return [(one.kind, one.path, one.expected, one.got) for one in compare(expected.encode(), got.encode())]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<a><b>1</b></a>", "<a>\n  <b>1</b>\r\n</a>"),
        ('<a x="1" y="2"/>', '<a y="2" x="1"></a>'),
        ('<a xmlns="u"><b/></a>', '<p:a xmlns:p="u"><p:b/></p:a>'),
        ("<a>1<!-- two --></a>", "<a>1</a>"),
        ("<a>&#x41;</a>", "<a><![CDATA[A]]></a>"),
        ("<?xml version='1.0' encoding='UTF-8'?><a/>", "<a/>"),
    ],
)
def test_the_same_document_written_otherwise(one: str, other: str) -> None:
    assert found(one, other) == found(other, one) == []


@pytest.mark.parametrize(
    ("expected", "got", "change"),
    [
        ("<a>1</a>", "<a>1 </a>", ("text", "/a", "1", "1 ")),
        ("<a><b>1</b></a>", "<a><b>2</b></a>", ("text", "/a/b", "1", "2")),
        ("<a><b/>x</a>", "<a><b/></a>", ("text", "/a", "x", "")),
        ('<a><b c="1"/></a>', '<a><b c="2"/></a>', ("attribute", "/a/b/@c", "1", "2")),
        ("<a><b/></a>", '<a><b c="2"/></a>', ("attribute", "/a/b/@c", "", "2")),
        ("<a><b>1</b><c/></a>", "<a><c/></a>", ("missing", "/a/b", "1", "")),
        ("<a><c/></a>", "<a><b><d>1</d><d>2</d></b><c/></a>", ("unexpected", "/a/b", "", "1 2")),
        ('<a xmlns="u"/>', '<a xmlns="v"/>', ("root", "/a", "{u}a", "{v}a")),
        ("<a><b>1</b><b>2</b></a>", "<a><b>1</b><b>3</b></a>", ("text", "/a/b[2]", "2", "3")),
        ("<а><ә>Ғ</ә></а>", "<а><ә>𝄞</ә></а>", ("text", "/а/ә", "Ғ", "𝄞")),
    ],
)
def test_one_difference_is_one_change(expected: str, got: str, change: tuple[str, str, str, str]) -> None:
    assert found(expected, got) == [change]


def test_one_inserted_row_does_not_make_all_rows_differ() -> None:
    rows = "".join(f"<r><n>{n}</n></r>" for n in range(50))
    more = rows.replace("<r><n>7</n></r>", "<r><n>new</n></r><r><n>7</n></r>")
    assert found(f"<a>{rows}</a>", f"<a>{more}</a>") == [("unexpected", "/a/r[8]", "", "new")]


def test_another_name_is_one_missing_and_one_unexpected() -> None:
    assert [kind for kind, *_ in found("<a><b/></a>", "<a><c/></a>")] == ["missing", "unexpected"]


def test_order_matters() -> None:
    assert len(found("<a><b/><c/></a>", "<a><c/><b/></a>")) == 2


def test_long_lists_are_compared_without_aligning() -> None:
    """The work stays bounded: what cannot be aligned is paired in order."""
    one = "<a>" + "".join(f"<r>{n}</r>" for n in range(2100)) + "</a>"
    other = "<a><x/>" + "".join(f"<r>{n}</r>" for n in range(2100)) + "</a>"
    assert len(compare(one.encode(), other.encode())) > 1


texts = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFFF, exclude_categories=["Cs", "Cc"]), max_size=6)
leaves = st.builds(lambda name, text: f"<{name}>{_escaped(text)}</{name}>", st.sampled_from("xyz"), texts)
trees = st.builds(lambda parts: f"<root>{''.join(parts)}</root>", st.lists(leaves, max_size=6))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@given(trees, trees)
def test_no_change_means_the_same_document_both_ways(one: str, other: str) -> None:
    """The law: compare is empty exactly when it is empty the other way, and always for a document with itself."""
    assert compare(one.encode(), one.encode()) == []
    forth: list[Change] = compare(one.encode(), other.encode())
    assert bool(forth) == bool(compare(other.encode(), one.encode()))
    assert bool(forth) == (one != other)
