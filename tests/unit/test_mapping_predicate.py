"""The `when` language says what it says, and nothing outside it is taken."""

from __future__ import annotations

import pytest

from gateway.mapping import translate
from gateway.mapping.predicate import read_condition
from tests.mapping_samples import a, b, translation


@pytest.mark.parametrize(
    "text",
    [
        "A/x", "A/x = y", "A/x == 'y'", "= 'y'", "A/x in 'y'", "A/x in ()", "A/x = 'y' and", "(A/x = 'y'", "A/x = 'y')",
        "present(A/x", "not A/x = 'y'", "A/x < '1'", "A/x = 'y' 'z'", "present('x')", "A/x = 'unclosed", "or",
        "(" * 30 + "present(A/x)" + ")" * 30,
    ],
)  # fmt: skip
def test_what_is_not_of_the_language_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_condition(text)


@pytest.mark.parametrize(
    ("when", "yes"),
    [
        ("A/Code = 'x'", True),
        ("A/Code = 'X'", False),
        ("A/Code != 'x'", False),
        ("A/Code in ('y', 'x')", True),
        ("A/Code not in ('y','z')", True),
        ("A/Amount = ''", False),
        ("A/Amount != '1'", True),
        ("present(A/Name)", True),
        ("absent(A/Name/First)", True),
        ("present(A/Item)", False),
        ("present(A/Note)", True),
        ("A/Note = 'two'", True),
        ("A/Note != 'two'", False),
        ("A/Text = 'it''s  so'", True),
        ("A/Text = 'it''s so'", True),
        ("$sender = 'customs_kz'", True),
        ("absent($relates_to)", True),
        ("A/Code = 'q' or A/Code = 'x' and A/ID = '1'", True),
        ("(A/Code = 'x' or A/Code = 'q') and A/ID = '2'", False),
        ("not (A/Code = 'q') and not (A/ID = '2')", True),
        ("A/ID = ''' or ''1''=''1'", False),
    ],
)
def test_a_condition_holds_or_not(when: str, yes: bool) -> None:
    compiled = translation(f'R1,A/ID,B/Number,,,,\nR2,,B/Code,const:yes,,"{when}",\n')
    source = a(
        "<ID>1</ID><Code>x\n </Code><Note>one</Note><Note>two</Note><Text>it's  so</Text><Name><Last>n</Last></Name>"
    )
    found = translate(source, compiled, {"sender": "customs_kz"})
    assert found == b("<Number>1</Number>" + ("<Code>yes</Code>" if yes else ""))
