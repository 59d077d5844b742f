"""Documents rewritten at random mean the same to both ways of the mapping; nothing of a table runs as a program."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest

from bench import dense_table
from gateway.errors import GatewayError
from gateway.facts.fact import FactTable
from gateway.mapping import Translation, explain, translate
from gateway.mapping.cut import cut
from gateway.mapping.run import accepted, carried
from tests.mapping_samples import CONTEXT, FULL, HEAD, SOURCE, a, schema, translation
from tests.property.test_mapping_swift import swift

WHOLE = (
    "<ID>1</ID><Code>K</Code><When>20261123</When><Amount currencyID='KZT'>1.50</Amount><Note>one</Note>"
    "<Note languageID='kk'>екі</Note><Text>some &amp; text</Text><Name><First>f</First><Last>l</Last></Name>"
    "<Item><Seq>1</Seq><Qty unitCode='KGM'>5</Qty><Document><Type>1</Type><No>N1</No></Document></Item>"
    "<Item><Seq>2</Seq><Document><Type>2</Type><No>N2</No></Document><Document><Type>3</Type><No>N3</No></Document></Item>"
)
WIDE = translation(
    FULL
    + """\
R8,A/Name,B/Foreign/Inner,const:there,,present(A/Name),
R9,A/Amount/@currencyID,B/Info/Value,,,,
H1,A/Name/First + A/Name/Last,B/Info[2]/Value,join( ),,A/Code = 'K',
G1d,A/Item/Seq,B/Line/@nr,prefix({n}),,,
G2b,A/Item/Seq,B/Line/Paper/Pos,,,,
""".replace("A/Name,B/Foreign/Inner", ",B/Foreign/Inner")
)
ALONE = translation(
    HEAD + "R1,A/ID,B/Number,,yes,,\nG1,A/Item,B/Line,each,,A/Item/Seq != '3',\nG1a,A/Item/Seq,B/Line/Pos,,yes,,\n"
)
LEAF = re.compile(r"<(\w+)([^<>]*)>([^<>]*)</\1>")
PIECES = [
    "<", ">", "/", "&amp;", "&#13;", "&#10;", "&#60;", "&#x1D11E;", "&quot;", "\r\n", "\r", "\n", "\t",
    '"', "'", "=", " ", "<!-- a > b -->", "<![CDATA[<ID>9</ID>]]>", "]]", "<x/>", "<x>", "</x>", "<ID/>",
    "<ID>", "</ID>", "<Item>", "</Item>", "p:",
    ' a="b"', " a='\"'", " a='>'", ' a="/"', ' xmlns=""', ' xmlns="urn:b"', ' xmlns:p="urn:a"', ' xml:id="i"',
    "\u2028", "\x85", "\u00a0", "\u3000", "\ufeff", "𠮷", "0", "A", "<Code> </Code>", "</Item><Item>", "<Item/>",
]  # fmt: skip


def leafs(name: str, attributes: str, text: str) -> list[str]:
    """Other ways to write a leaf, and things that look like it."""
    return [
        f"<{name} {attributes}\n>{text}</{name}\t>",
        f"<q:{name} xmlns:q='urn:a'{attributes}>{text}</q:{name}>",
        f"<q:{name} xmlns:q='urn:else'>{text}</q:{name}>",
        f'<{name} xmlns="urn:else">{text}</{name}>',
        f"<{name} xmlns='urn:a' {attributes}>{text}</{name}>",
        f"<{name}{attributes}>{''.join(f'&#{ord(one)};' for one in text if one not in '&;')}</{name}>",
        f"<{name}{attributes}><![CDATA[{text}]]></{name}>",
        f"<{name}{attributes}>{text}<!-- > --></{name}>",
        f"<{name}{attributes}>{text}<b/></{name}>",
        f"<{name}{attributes}>{text}<{name}>inner</{name}></{name}>",
        f"<{name}{attributes}/>",
        f"<{name} note='</{name}>'>{text}</{name}>".replace("</", "&lt;/", 1),
        f"<{name} note='a>b' unitCode=\"K'G\">{text}</{name}>",
        f"<{name}{attributes}>{text}</{name}>" * 2,
        f"<Else><{name}{attributes}>{text}</{name}></Else>",
        f"<{name}{attributes}>\r\n {text}\r</{name}>",
        f"<{name}{attributes}></{name}>",
        "",
    ]


def rewritten(dice: random.Random, text: str) -> str:
    """Leafs written otherwise, pieces put in, spans left out or repeated."""
    for _ in range(dice.choice([1, 1, 2, 3, 6])):
        found = list(LEAF.finditer(text))
        if found and dice.random() < 0.7:
            one = dice.choice(found)
            text = text[: one.start()] + dice.choice(leafs(one[1], one[2], one[3])) + text[one.end() :]
            continue
        at, size, there = dice.randrange(len(text)), dice.choice([1, 2, 5, 20]), dice.randrange(len(text))
        cut = dice.random()
        if cut < 0.2:
            text = text[:at] + text[at + size :]
        elif cut < 0.3:
            text = text[:there] + text[at : at + size] + text[there:]
        else:
            text = text[:at] + dice.choice(PIECES) + text[at:]
    return text


def said(way: Callable[[], bytes]) -> object:
    try:
        return way()
    except GatewayError as error:
        return error.code, error.threat, error.findings


def judge(payload: bytes, table: Translation) -> bool:
    """Both ways say the same; True when they translate."""
    answer = said(lambda: translate(payload, table, CONTEXT))
    assert answer == said(lambda: explain(payload, table, CONTEXT)[0]), payload
    return isinstance(answer, bytes)


@pytest.mark.parametrize("table", [WIDE, ALONE, dense_table.translation()], ids=["wide", "items alone", "dense"])
def test_documents_rewritten_at_random_are_translated_alike(table: Translation) -> None:
    """However it is written, cut or repeated, as long as it is XML at all."""
    dice, good = random.Random(7), 0
    dense = table is dense_table.translation()
    whole = dense_table.document(1) if dense else a(WHOLE)
    heads = [b"", b"\xef\xbb\xbf", b'<?xml version="1.0"\r\n encoding="UTF-8"?>\r\n\r\n', b"\n<!-- a > b -->\n"]
    for _ in range(100 if dense else 600):
        good += judge(dice.choice(heads) + rewritten(dice, whole.decode()).encode(), table)
    assert good > 20


def test_line_ends_of_another_system_are_read_as_swiftly() -> None:
    """A declaration that ends in carriage return and line feed, as Windows writes it."""
    head, tail = b'<?xml version="1.0" encoding="UTF-8"?>', a(WHOLE.replace("><", ">\r\n<"))
    assert swift(head + b"\r\n" + tail, WIDE) == swift(head + b"\n" + tail, WIDE)
    assert len(list(cut(head + b"\r\n\r\n" + tail).pairs)) == len(list(cut(tail).pairs))


NASTY = [
    "{boom}", "}{", "{{x}}", "{run.__class__}", "urn:{t}", "'", "'''", "\\", "\\N{DASH}", "\\x41", "%s %b %(x)s",
    "a\u2028b", "]]>", "<x/>", "&amp;", "\x85", "#", "\\' + boom + '", "{boom!r}", "{boom:>{boom}}", "𠮷",
    "\u200f", "=cmd()",
]  # fmt: skip


@pytest.mark.parametrize("word", NASTY)
def test_no_word_of_a_table_is_code(word: str) -> None:
    """Constants, code lists and arguments of converters: text in the output, whatever they look like."""
    rows = (
        f"R1,A/ID,B/Number,,yes,,\nR2,,B/Code,const:{word},,,\nR3,,B/Sum/@currencyID,const:{word},,,\n"
        f"R4,A/Amount,B/Sum,,,,\nR5,A/Code,B/Free,prefix({word}),,,{word}\nG1,A/Item,B/Line,each,,A/Code != '{word}',\n"
        f"G1a,A/Item/Seq,B/Line/Pos,,,,\nG1b,,B/Line/@nr,const:{word},,,\n"
    )
    try:
        table = translation(HEAD + rows)
    except GatewayError:
        return
    assert judge(a(WHOLE), table)
    assert swift(a(WHOLE), table) is not None


def _target(space: str) -> FactTable:
    """A receiver's schema in this namespace, with attributes where it begins."""
    rows = "B 1 1 class\nB/@v 0 1 string\nB/Number 1 1 id\nB/Line 0 * class\nB/Line/@nr 0 1 string\nB/Line/Pos 0 1 id\n"
    return schema("B", space, rows)


@pytest.mark.parametrize(
    "space", ["urn:{boom}", "urn:}{", "urn:{{x}}", "urn:{1/0}", "urn:%b", "urn:{run.context}", "urn:'"]
)
def test_no_namespace_is_code(space: str) -> None:
    """Braces in the name of a namespace stand in the output as they are: it is a text that a schema gives."""
    table = translation(
        "R1,A/ID,B/Number,,yes,,\nR2,A/Code,B/@v,,,,\nG1,A/Item,B/Line,each,,,\nG1a,A/Item/Seq,B/Line/Pos,,,,\n"
        "G1b,A/Item/Seq,B/Line/@nr,,,,\n",
        source=SOURCE,
        target=_target(space),
    )
    found = swift(a(WHOLE), table)
    assert found is not None
    assert f'xmlns="{space}"' in found
    assert found.encode() == carried(accepted(a(WHOLE), table), table, CONTEXT, table.write)[0]
