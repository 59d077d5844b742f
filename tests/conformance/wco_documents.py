"""WCO documents made from the facts alone, and documents spoilt in every way a sender can think of."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from itertools import pairwise

from lxml import etree

from gateway.facts import Fact, FactTable
from gateway.xml import Element

FOREIGN = "urn:test:foreign:1"
ODD_TEXTS = (
    "", " ", "\n", "\t \n", "A", "a\nb", " A ", "  lead", "trail  ", "x" * 2, "x" * 3, "x" * 4, "x" * 17, "x" * 18,
    "x" * 35, "x" * 36, "x" * 70, "x" * 71, "x" * 513, "0", "1", "9", "13", "14", "99999", "100000", "-1", "+1", "1.",
    ".5", "1.5", "1.123", "1.1234", "1.1234567", "1e5", "1234567890.123456", "12345678901234567",
    "0000000000000000001",
    "12.0000000", "NaN", "true", "false", "TRUE", "20260131", "20260131120000Z", "20260131120000+05", "20260131120000",
    "19991231", "2026-01-31", "20260131\n", "KZ", "kz", "K1", "Қ", "中文", "🙂", "🙂" * 35, "🙂" * 36, "INV", "INV ",
)  # fmt: skip
ODD_ATTRIBUTES = (
    ("unitCode", "KGM"), ("unitCode", ""), ("unitCode", "KGMNAR"), ("currencyID", "KZT"), ("currencyID", "kzt"),
    ("currencyID", "TENGE"), ("listID", "x y"), ("listAgencyID", "6"), ("listAgencyID", "4444"), ("listAgencyID", ""),
    ("languageID", "kk"), ("languageID", "not a language"), ("languageID", ""), ("schemeID", "s"),
    ("schemeAgencyID", "12"), ("schemeAgencyID", "1234"), ("schemeURI", "urn:x"), ("listURI", "urn:x"),
    ("formatCode", "102"), ("formatCode", "304"), ("formatCode", "205"), ("name", "n"), ("unknown", "x"),
    ("{http://www.w3.org/2001/XMLSchema-instance}nil", "true"),
    ("{urn:test:foreign:1}note", "x"), ("listName", "n"), ("schemeDataURI", "u"), ("schemeName", "n"),
)  # fmt: skip


def minimal(table: FactTable, path: str, text: str | None = None) -> Element:
    """The smallest document that holds one element, with a good value or `text` in it."""
    top = table.children("")[0]
    root = etree.Element(_tag(top))
    _fill(table, top, root, path, text)
    return root


def _fill(table: FactTable, fact: Fact, node: Element, path: str, text: str | None) -> None:
    for attribute in (below for below in table.children(fact.path) if below.attribute and below.min):
        node.set(attribute.name, good(attribute))
    children = [below for below in table.children(fact.path) if not below.attribute]
    for child in children:
        wanted = path == child.path or path.startswith(child.path + "/")
        if wanted or child.min or child.path in (f"{table.root}/Declaration", f"{table.root}/Response"):
            _fill(table, child, etree.SubElement(node, _tag(child)), path, text)
    if not children and fact.type != "class":
        node.text = text if text is not None and fact.path == path else good(fact)


def good(fact: Fact) -> str:
    """A value the schema takes."""
    if fact.choices:
        return fact.choices[0]
    if fact.name == "DateTimeString":
        return "20260131"
    if fact.type in _NUMBERS:
        return "1"
    kind, length = fact.format.rstrip("0123456789."), fact.format.lstrip("an")
    return ("1" if kind == "n" else "K") * (1 if length.startswith("..") or not length else int(length))


_NUMBERS = ("numeric", "amount", "quantity", "measure")


def _tag(fact: Fact) -> str:
    return f"{{{fact.namespace}}}{fact.name}"


def spoil(source: Element, rng: random.Random) -> tuple[Element, str]:
    """A copy of a document with one to three things done to it, and what was done."""
    root = copy.deepcopy(source)
    done = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        act = rng.choice(ACTS)
        nodes = [node for node in root.iter("{*}*")]
        done.append(f"{act.__name__} {act(rng, rng.choice(nodes))}")
    return root, "; ".join(done)


def _drop(_: random.Random, node: Element) -> str:
    parent = node.getparent()
    if parent is not None:
        parent.remove(node)
    return str(node.tag)


def _duplicate(rng: random.Random, node: Element) -> str:
    for _ in range(rng.choice((1, 1, 2))):
        if node.getparent() is not None:
            node.addnext(copy.deepcopy(node))
    return str(node.tag)


def _reorder(rng: random.Random, node: Element) -> str:
    parent = node.getparent()
    if parent is not None:
        place = rng.randrange(len(parent))
        parent.remove(node)
        parent.insert(place, node)
    return str(node.tag)


def _lengthen(rng: random.Random, node: Element) -> str:
    node.text = (node.text or "") + rng.choice(("x", "1", " ", "\n", "Ж", "🙂")) * rng.choice((1, 2, 5, 20, 100, 600))
    return str(node.tag)


def _retype(rng: random.Random, node: Element) -> str:
    node.text = rng.choice(ODD_TEXTS)
    return f"{node.tag!r} = {node.text!r}"


def _blank(rng: random.Random, node: Element) -> str:
    node.text = rng.choice(("", " ", "\n  ", None))
    return str(node.tag)


def _change_namespace(rng: random.Random, node: Element) -> str:
    root = node.getroottree().getroot()
    spaces = sorted({etree.QName(other).namespace or "" for other in root.iter("{*}*")} | {FOREIGN, ""})
    space = rng.choice(spaces)
    for other in node.iter("{*}*") if rng.random() < 0.5 else [node]:
        name = etree.QName(other).localname
        other.tag = f"{{{space}}}{name}" if space else name
    return str(node.tag)


def _bad_attribute(rng: random.Random, node: Element) -> str:
    if node.attrib and rng.random() < 0.3:
        node.attrib.pop(rng.choice(sorted(str(name) for name in node.attrib)))
        return str(node.tag)
    name, value = rng.choice(ODD_ATTRIBUTES)
    node.set(name, value)
    return f"{node.tag!r} {name}={value!r}"


def _transplant(rng: random.Random, node: Element) -> str:
    root = node.getroottree().getroot()
    other = rng.choice([e for e in root.iter("{*}*")])
    other.insert(rng.randrange(len(other) + 1), copy.deepcopy(node))
    return f"{node.tag!r} into {other.tag!r}"


def _rename(rng: random.Random, node: Element) -> str:
    name = rng.choice(("ID", "TypeCode", "Declaration", "Response", "DateTimeString", "Құжат"))
    node.tag = etree.QName(etree.QName(node).namespace, name).text
    return name


ACTS: tuple[Callable[[random.Random, Element], str], ...] = (
    _drop, _drop, _duplicate, _reorder, _lengthen, _retype, _retype, _blank, _change_namespace, _bad_attribute,
    _bad_attribute, _transplant, _rename,
)  # fmt: skip


def probes(table: FactTable) -> Iterator[tuple[Element, str]]:
    """Every element of a table: alone, twice, with every odd text, every odd attribute."""
    for path, fact in table.facts.items():
        if fact.attribute:
            continue
        yield minimal(table, path), path
        yield _twice(minimal(table, path), table, path), f"{path} twice"
        if fact.type not in {"class", "datetimestring"}:
            for text in ODD_TEXTS:
                yield minimal(table, path, text), f"{path} = {text!r}"
        for name, value in ODD_ATTRIBUTES:
            root = minimal(table, path)
            _at(root, table, path).set(name, value)
            yield root, f"{path} {name}={value!r}"


def swaps(table: FactTable) -> Iterator[tuple[Element, str]]:
    """Every two elements that follow one another, in the wrong order."""
    for path in table.facts:
        below = [fact for fact in table.children(path) if not fact.attribute]
        for first, second in pairwise(below):
            root = minimal(table, second.path)
            younger = _at(root, table, second.path)
            elder = younger.getprevious()
            if elder is None or elder.tag != _tag(first):
                elder = _at(minimal(table, first.path), table, first.path)
            younger.addnext(elder)
            yield root, f"{second.path} before {first.name}"


def _twice(root: Element, table: FactTable, path: str) -> Element:
    node = _at(root, table, path)
    if node.getparent() is not None:
        node.addnext(copy.deepcopy(node))
    return root


def _at(root: Element, table: FactTable, path: str) -> Element:
    node = root
    steps = path.split("/")
    for end in range(2, len(steps) + 1):
        found = node.find(_tag(table.facts["/".join(steps[:end])]))
        if found is None:
            raise LookupError(path)
        node = found
    return node
