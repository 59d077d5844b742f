"""What tables of partner formats need beyond our own profiles: see `xsd/README.md`."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from gateway.errors import ConfigurationError
from gateway.schema.generate import build, load_facts, xsds_of
from tests.unit.test_schema_facts import HEAD, schema, valid


def test_the_same_global_element_twice_with_one_meaning_is_declared_once(tmp_path: Path) -> None:
    """As DateTimeString of UN/CEFACT, which stands below many elements."""
    rows = "T/A,1,1,class,,,,,,,\nT/A/o:P,1,1,date,,,,,,,\nT/B,1,1,class,,,,,,,\nT/B/o:P,0,1,date,,,,,,,\n"
    compiled = schema(tmp_path, rows)
    assert valid(compiled, "<A><o:P>2026-01-31</o:P></A><B/>")
    assert not valid(compiled, "<A/><B/>")


def test_mixed_elements_hold_text_or_their_children(tmp_path: Path) -> None:
    """As the <null/> of a value left empty."""
    compiled = schema(tmp_path, "T/A,1,1,mixed,,,,,,,\nT/A/null,0,1,class,,,,,,,\n")
    assert all(valid(compiled, f"<A>{body}</A>") for body in ("", "text", "<null/>"))
    assert not any(valid(compiled, f"<A>{body}</A>") for body in ("<null/><null/>", "<null>x</null>", "<other/>"))


def test_anything_may_stand_where_the_table_says_so(tmp_path: Path) -> None:
    """Of any namespace, or of other namespaces only."""
    compiled = schema(tmp_path, "T/A,1,1,class,,,,,,,\nT/A/?any,0,2,any,,,,,##other,,\nT/A/N,0,1,string,,,,,,,\n")
    assert valid(compiled, '<A><o:X><Y xmlns="" a="1">text</Y></o:X><N>n</N></A>')
    assert not valid(compiled, "<A><X/></A>")
    assert not valid(compiled, "<A><o:X/><o:X/><o:X/></A>")
    open_to_all = schema(tmp_path, "T/A,1,1,class,,,,,,,\nT/A/?any,0,*,any,,,,,,,\n", "u")
    assert valid(open_to_all, "<A><X/><o:X/></A>")


def test_children_without_a_namespace(tmp_path: Path) -> None:
    """Only the root is in the namespace; facts and schema say the same."""
    head = HEAD.replace("# root: T", "# children: unqualified\n# root: T")
    (tmp_path / "t.csv").write_text(head + "T/A,1,1,class,,,,,,,\nT/A/B,1,1,string,,,,,,,\n", encoding="utf-8")
    build([tmp_path])
    compiled = etree.XMLSchema(etree.parse(tmp_path / "t.xsd"))
    assert [fact.namespace for fact in load_facts(tmp_path / "t.csv").facts.values()] == ["urn:test:1", "", ""]
    assert compiled.validate(etree.fromstring('<t:T xmlns:t="urn:test:1"><A><B>x</B></A></t:T>'))
    assert not compiled.validate(etree.fromstring('<T xmlns="urn:test:1"><A><B>x</B></A></T>'))


@pytest.mark.parametrize(
    ("line", "rule"),
    [("# children: strange", "facts.header"), ("T/A/?any,0,1,any,,,,,urn:x,,", "facts.type")],
)
def test_wrong_words_about_children_are_refused(tmp_path: Path, line: str, rule: str) -> None:
    """Nothing is guessed."""
    text = f"{line}\n{HEAD}" if line.startswith("#") else f"{HEAD}T/A,1,1,class,,,,,,,\n{line}\n"
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as refusal:
        xsds_of(tmp_path / "t.csv")
    assert refusal.value.findings[0].rule == rule


def test_a_nullable_value_is_text_or_null(tmp_path: Path) -> None:
    """The <null/> is no fact: whoever writes the element writes text, or nothing."""
    compiled = schema(tmp_path, "T/A,1,1,nullable,,,,,,,\n")
    assert all(valid(compiled, f"<A>{body}</A>") for body in ("", "text", "<null/>"))
    assert not any(valid(compiled, f"<A>{body}</A>") for body in ("<null/><null/>", "<null>x</null>", "<other/>"))
    assert list(load_facts(tmp_path / "t.csv").facts) == ["T", "T/A"]
