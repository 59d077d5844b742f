"""A made-up table whose every rule finds its value, and an XSLT of the same rules: the mapping desk at its busiest.

Half of the rules copy; the others rewrite a date, a code, a decimal or a case, or cut. Both sides must give the same
bytes.
"""

from __future__ import annotations

import itertools
from functools import cache

from lxml import etree

from gateway.facts import read_facts
from gateway.facts.fact import FactTable
from gateway.mapping import Translation, compile_table, read_codes, read_table

CONVERT = ["", "", '"date(102,isodate)"', "code:U", "decimal", "trim | upper", "", '"slice(1,6)"']
VALUE = ["Some text of goods", "REF0042", "2026{:02}17", "KGM", "0012.500", "abc", "plain value", "8471300000"]
TEXT = "normalize-space(.)"
XPATH = [
    TEXT, TEXT, f"concat(substring({TEXT},1,4),'-',substring({TEXT},5,2),'-',substring({TEXT},7,2))",
    "document('')//none", f"number({TEXT})",
    f"translate({TEXT},'abcdefghijklmnopqrstuvwxyz','ABCDEFGHIJKLMNOPQRSTUVWXYZ')", TEXT, f"substring({TEXT},1,6)",
]  # fmt: skip
CODES = {"KGM": "166", "TNE": "168", "PCE": "796"}
BLOCKS = {"": 20, "Item": 20, "Item/B0": 20, "Item/B1": 20, "Item/B2": 20, "Item/B3": 20, "Item/B4": 20}
MANY = {"Item", "Item/B1", "Item/B3"}


def path(root: str, block: str) -> str:
    """A place of the source or the target."""
    return f"{root}/{block}" if block else root


def leaves(block: str) -> range:
    """The numbers of the leaves of a block."""
    first = sum(list(BLOCKS.values())[: list(BLOCKS).index(block)])
    return range(first, first + BLOCKS[block])


def schema(root: str) -> FactTable:
    """The facts of the source (`a`) or the target (`b`)."""
    rows = []
    for block in BLOCKS:
        rows.append(f"{path(root, block)},{int(not block)},{'*' if block in MANY else 1},class")
        rows += [f"{path(root, block)}/E{n},0,1,code" for n in leaves(block)]
    head = f"# title: t\n# namespace: urn:{root}\n# root: {root}\n# version: 1\n# status: profile\n# prefix: x\n"
    columns = "path,min,max,type,wco_id,wco_name,tded,format,codes,pattern,note\n"
    return read_facts(head + columns + "".join(row + ",,,,,,,\n" for row in rows))


def table() -> str:
    """The table as its CSV."""
    rows = ["rule,source,target,convert"]
    for number, block in enumerate(BLOCKS):
        here, there = path("a", block), path("b", block)
        rows += [f"G{number},{here},{there},each"] if block in MANY else []
        rows += [f"R{n},{here}/E{n},{there}/E{n},{CONVERT[n % 8]}" for n in leaves(block)]
    return "\n".join(rows) + "\n"


@cache
def stylesheet() -> etree.XSLT:
    """The same rules, one template each."""
    parts = ['<xsl:template match="text()"/>']
    for block in BLOCKS:
        name = block.rpartition("/")[2] or "b"
        parts.append(
            f'<xsl:template match="a:{name if block else "a"}"><{name}><xsl:apply-templates/></{name}></xsl:template>'
        )
        parts += [f'<xsl:template match="a:E{n}"><E{n}>{_value(n)}</E{n}></xsl:template>' for n in leaves(block)]
    xsl = 'xmlns:xsl="http://www.w3.org/1999/XSL/Transform"'
    head = f'<xsl:stylesheet version="1.0" {xsl} xmlns:a="urn:a" xmlns="urn:b" exclude-result-prefixes="a">'
    return etree.XSLT(etree.fromstring(head + "".join(parts) + "</xsl:stylesheet>"))


def _value(number: int) -> str:
    if CONVERT[number % 8] != "code:U":
        return f'<xsl:value-of select="{XPATH[number % 8]}"/>'
    tests = "".join(f"<xsl:when test=\"{TEXT}='{code}'\">{to}</xsl:when>" for code, to in CODES.items())
    return f"<xsl:choose>{tests}</xsl:choose>"


def document(items: int) -> bytes:
    """A document with so many items; one in ten leaves is absent."""
    turn = itertools.count()

    def some(block: str, indent: str) -> str:
        kept = (n for n in leaves(block) if (n + next(turn)) % 10)
        return "".join(f"\n{indent}<x:E{n}>{VALUE[n % 8].format(1 + next(turn) % 12)}</x:E{n}>" for n in kept)

    parts = ['<x:a xmlns:x="urn:a">', some("", "  ")]
    for _ in range(items):
        parts += ["\n  <x:Item>", some("Item", "    ")]
        for block in (inner for inner in BLOCKS if "/" in inner for _ in range(1 + (inner in MANY))):
            name = block.rpartition("/")[2]
            parts.append(f"\n    <x:{name}>{some(block, '      ')}\n    </x:{name}>")
        parts.append("\n  </x:Item>")
    return "".join([*parts, "\n</x:a>"]).encode()


@cache
def translation() -> Translation:
    """The table, compiled."""
    codes = read_codes("from,to\n" + "".join(f"{code},{to}\n" for code, to in CODES.items()), "U")
    return compile_table(read_table(table(), "bench"), schema("a"), schema("b"), {}, {"U": codes})
