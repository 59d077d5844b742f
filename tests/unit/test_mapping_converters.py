"""The core converters: exact, strict, and with a way back where there is one."""

from __future__ import annotations

import pytest

from gateway.mapping.converters import collapsed, combiner, core_converter
from gateway.model import Converter


def core(name: str, args: str = "") -> Converter:
    found = core_converter(name, args)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "args", "text", "result"),
    [
        ("trim", "", " a \n b ", "a b"),
        ("upper", "", "aàiıß", "AàIıß"),
        ("prefix", "KZ", "1", "KZ1"),
        ("prefix", "' '", "1", " 1"),
        ("unprefix", "KZ", "KZ1", "1"),
        ("slice", "1,6", "8471300000", "847130"),
        ("slice", "2,2", "a𠮷c", "𠮷"),
        ("decimal", "", "007.500", "7.5"),
        ("decimal", "", "+.5", "0.5"),
        ("decimal", "", "-0.00", "0"),
        ("decimal", "", "5.", "5"),
        ("decimal", "", " 12 ", "12"),
        ("decimal", "", "9" * 100, "9" * 100),
        ("scale", "1000", "1.5", "1500"),
        ("scale", "0.001", "-1500.0", "-1.5"),
        ("round", "2", "2.345", "2.35"),
        ("round", "2", "-2.345", "-2.35"),
        ("round", "0", "-0.4", "0"),
        ("round", "2", "1", "1.00"),
        ("split", "-,2", "a-b-c", "b"),
        ("split", ",,1", "a,b", "a"),
        ("split", "'; ',2,2", "a; b", "b"),
        ("split", "-,4", "a-b", ""),
    ],
)
def test_there(name: str, args: str, text: str, result: str) -> None:
    assert core(name, args).there(text) == result


@pytest.mark.parametrize(
    "text",
    ["1e400", "1,5", "1 000", "1\u00a0000", "", ".", "-", "0x1", "NaN", "INF", "١٢", "１", "1.2.3", "--1", "9" * 101],
)
@pytest.mark.parametrize(("name", "args"), [("decimal", ""), ("scale", "10"), ("round", "1")])
def test_what_is_no_decimal_is_refused(name: str, args: str, text: str) -> None:
    with pytest.raises(ValueError, match="decimal"):
        core(name, args).there(text)


@pytest.mark.parametrize(
    ("name", "args", "text", "result"),
    [
        ("prefix", "KZ", "KZ1", "1"),
        ("unprefix", "KZ", "1", "KZ1"),
        ("scale", "1000", "1500", "1.5"),
        ("decimal", "", "01", "1"),
    ],
)
def test_back(name: str, args: str, text: str, result: str) -> None:
    back = core(name, args).back
    assert back is not None
    assert back(text) == result


def test_a_number_that_does_not_divide_is_refused() -> None:
    back = core("scale", "3").back
    assert back is not None
    with pytest.raises(ValueError, match="without a rest"):
        back("1")


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("trim", "x"), ("prefix", ""), ("slice", "0,1"), ("slice", "3,1"), ("slice", "x"), ("scale", "0"),
        ("scale", "x"),
        ("round", "21"), ("round", "-1"), ("split", "-"), ("split", "-,0"), ("split", "-,3,2"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused_at_start(name: str, args: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        core_converter(name, args)


@pytest.mark.parametrize("name", ["upper", "slice", "round", "split"])
def test_what_has_no_way_back_says_why(name: str) -> None:
    converter = core(name, {"slice": "1,2", "round": "1", "split": "-,1"}.get(name, ""))
    assert converter.back is None
    assert converter.why


def test_only_xml_white_space_is_collapsed() -> None:
    assert collapsed("\t a\r\n b ") == "a b"
    for kept in ("\u00a0a", "a\u2028", "\u3000", "a\u0085b", "\ufeffa"):
        assert collapsed(kept) == kept


def test_combiners_make_one_of_many() -> None:
    assert combiner("join", "', '")(["a", "b"]) == "a, b"
    assert combiner("join", "")(["KZ", "1"]) == "KZ1"
    assert combiner("first", "")(["a", "b"]) == "a"
    assert combiner("first", "")([]) == ""
    assert combiner("count", "")([]) == "0"
    assert combiner("sum", "")(["0.1", "0.2"]) == "0.3"
    assert combiner("sum", "")([]) == ""
    with pytest.raises(ValueError, match="no argument"):
        combiner("sum", "x")
