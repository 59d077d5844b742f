"""Documents of partner formats made from the facts alone, and the comparison of our verdict with the published one."""

from __future__ import annotations

import copy
import csv
import io
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from lxml import etree

from gateway.facts import Fact, FactTable
from gateway.facts.sheet import read_sheet
from gateway.schema.generate import load_facts
from gateway.schema.xsd import write_xsds
from gateway.xml import Element, parse
from tests.conformance.wco_documents import ODD_ATTRIBUTES, ODD_TEXTS, spoil

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT.parent / "shared" / "reference"
MORE = int(os.environ.get("GATEWAY_PARITY", "0"))
POOL = (
    "", "1", "2", "10", "12", "123", "1234", "12345", "123456", "12345678", "0", "0.5", "12.25", "100000.123456",
    "A", "AB", "ABC", "ABCD", "ABCDE", "ABCDEF", "ABCDEFGH", "ABCDEFGHI", "a1", "KZ", "kk", "KGM", "EUR", "1A", "X1",
    "2026-01-31", "2026-01-31T12:00:00", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00+05:00",
    "2026-01-31T12:00:00.123456789", "202601311200", "23KZ12345678901231", "26KZ123456789012J1", "26KZ1234567890121",
    "26KZ1234567890121A123456", "KZ057505", "TSTU9990010", "a@b.kz", "43.23456", "-76.945678", "XZ99000001",
    "KZ991240999802", "Қорғас", "中文 🙂", "x y", "EU CAMPAIGN", "true", "false", "ICS.KZ", "http://example.org/a",
    "urn:uuid:x", "Y", "N", "1234567", "0808108010", "H219", "C02", "57505/191126/0000123",
)  # fmt: skip
ODD = (
    *ODD_TEXTS, "a\tb", "  ", "00", "01", "1999", "2000", "01999", "1e3", "INF", "2147483648", "-0", "0.0", "00.5",
    "12345678901234.12", "1234567890.1234567", "2026-02-30", "2026-01-31Z", "2026-01-31T24:00:00",
    "2026-01-31T12:00:00Z", "٢٠٢٦-01-31", "a@b", "@b.c", "қ@b.kz", "a@қ.kz", "a b@c.d", " a@b.c", "91.00000",
    "180.000000", "٩٩", "１２", "26KZ123456789012J1", "26KZ123456789012N1", "\u00a0A", "A\u2003", "NCTS6", " NCTS6 ",
    "C" * 20, "C" * 21, "C" * 22, "C" * 23, "C" * 291, "C" * 292,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Format:
    """One message format: our table and schema, and the published schema if any; `seen` gives what the latter judges.

    `wanted` says that a difference is one we want, and why it is (the test module names the reasons).
    """

    path: str
    published: Callable[[], etree.XMLSchema] | None = None
    wanted: Callable[[Element], bool] = lambda _: False
    seen: Callable[[Element], Element] = lambda root: root

    @cached_property
    def table(self) -> FactTable:
        """The facts of our schema."""
        return load_facts(ROOT / "xsd" / self.path)

    @cached_property
    def ours(self) -> etree.XMLSchema:
        """Our schema, compiled."""
        return etree.XMLSchema(etree.parse((ROOT / "xsd" / self.path).with_suffix(".xsd")))

    @cached_property
    def theirs(self) -> etree.XMLSchema:
        """The published schema, compiled."""
        assert self.published is not None, "nothing is published"
        return self.published()

    @cached_property
    def goods(self) -> dict[tuple[str, ...], list[str]]:
        """For each kind of value those of the pool that it takes."""
        return good_values(self.table)

    def differ(self, root: Element) -> str:
        """Empty when both schemas say the same of a document; else who says what, and why."""
        document = parse(etree.tostring(root, encoding="UTF-8"))
        verdicts = (self.ours.validate(document), self.theirs.validate(self.seen(document)))
        if verdicts[0] == verdicts[1] or self.wanted(document):
            return ""
        errors = (self.ours if verdicts[1] else self.theirs).error_log
        return f"ours {verdicts[0]}, published {verdicts[1]}: {errors.last_error}"

    def value(self, fact: Fact, rng: random.Random) -> str:
        """A good value."""
        return AGENCIES.get(fact.name) or rng.choice(self.goods[kind(fact)])

    def build(self, rng: random.Random, richness: float, goal: str = "") -> Element:
        """A valid document: optional parts by chance `richness`, and `goal` with all that leads to it."""
        top = self.table.children("")[0]
        root = etree.Element(tag(top))
        self._fill(top, root, rng, richness, goal)
        return root

    def _fill(self, fact: Fact, node: Element, rng: random.Random, richness: float, goal: str) -> None:
        below = self.table.children(fact.path)
        for attribute in (one for one in below if one.attribute):
            if attribute.min or attribute.path == goal or rng.random() < richness:
                node.set(attribute.name, self.value(attribute, rng))
        for child in (one for one in below if not one.attribute):
            least = 1 if (goal + "/").startswith(child.path + "/") else child.min
            for _ in range(max(least, rng.randint(1, min(child.max or 3, 3)) if rng.random() < richness else 0)):
                self._fill(child, etree.SubElement(node, tag(child)), rng, richness * 0.9, goal)
        if fact.type not in ("class", "mixed"):
            node.text = self.value(fact, rng)

    def alone(self) -> Iterator[tuple[Element, str]]:
        """The smallest document with each element and attribute of the table."""
        for path in self.table.facts:
            yield self.build(random.Random(path), 0.0, path), path

    def swaps(self) -> Iterator[tuple[Element, str]]:
        """Every two elements that follow one another, in the wrong order."""
        for path in self.table.facts:
            below = [fact for fact in self.table.children(path) if not fact.attribute]
            for first, second in pairwise(below):
                root = self.build(random.Random(path), 0.0, second.path)
                younger = self.at(root, second.path)
                elder = younger.getprevious()
                if elder is None or elder.tag != tag(first):
                    elder = self.at(self.build(random.Random(path), 0.0, first.path), first.path)
                younger.addnext(elder)
                yield root, f"{second.path} before {first.name}"

    def probes(self, share: float) -> Iterator[tuple[Element, str]]:
        """Odd texts for every kind of value once, and for a seeded share of all elements; odd attributes likewise.

        One document serves all probes of a path: look at it before asking for the next.
        """
        rng, kinds = random.Random(self.path), set()
        for path, fact in self.table.facts.items():
            first = kind(fact) not in kinds
            kinds.add(kind(fact))
            chosen = [text for text in ODD if fact.type != "class" and (first or rng.random() < share)]
            root = self.build(random.Random(path), 0.0, path)
            yield from self._with_texts(root, fact, chosen)
            for name, value in ODD_ATTRIBUTES if not fact.attribute else ():
                if rng.random() < share:
                    root = self.build(random.Random(path), 0.0, path)
                    self.at(root, path).set(name, value)
                    yield root, f"{path} {name}={value!r}"

    def _with_texts(self, root: Element, fact: Fact, texts: list[str]) -> Iterator[tuple[Element, str]]:
        node = self.at(root, fact.path.rpartition("/")[0] if fact.attribute else fact.path)
        for text in texts:
            if fact.attribute:
                node.set(fact.name, text)
            else:
                node.text = text
            yield root, f"{fact.path} = {text!r}"

    def spoilt(self, number: int, sources: list[Element]) -> Iterator[tuple[Element, str]]:
        """Samples and random valid documents, rich and poor, spoilt in every way."""
        rng = random.Random(f"spoil {self.path}")
        for count in range(number):
            source = rng.choice(sources) if sources and rng.random() < 0.2 else self.build(rng, rng.choice(RICHNESS))
            root, done = spoil(source, rng)
            yield root, f"{count} {done}"

    def at(self, root: Element, path: str) -> Element:
        """The element of a path in a document that holds it."""
        node, steps = root, path.split("/")
        for end in range(2, len(steps) + 1):
            found = node.find(tag(self.table.facts["/".join(steps[:end])]))
            if found is None:
                raise LookupError(path)
            node = found
        return node


AGENCIES = {"listAgencyID": "6", "schemeAgencyID": "6"}
RICHNESS = (0.05, 0.1, 0.15, 0.3)


def tag(fact: Fact) -> str:
    """The name lxml knows the element by."""
    return f"{{{fact.namespace}}}{fact.name}" if fact.namespace else fact.name


def kind(fact: Fact) -> tuple[str, ...]:
    """What decides which values a fact takes."""
    return (fact.type, fact.format, fact.codes if fact.choices else "", fact.pattern)


def good_values(table: FactTable) -> dict[tuple[str, ...], list[str]]:
    """The values of the pool that each kind of value takes, asked of a schema with one element per kind."""
    kinds = {kind(fact): fact for fact in table.facts.values() if fact.type not in ("class", "mixed")}
    head = "# title: Kinds\n# root: Kinds\n# version: 1\n# status: profile, not official\n"
    columns = "path,min,max,type,wco_id,wco_name,tded,format,codes,pattern,note\nKinds,1,1,class,,,,,,,\n"
    rows = io.StringIO()
    for number, fact in enumerate(kinds.values()):
        cells = (f"Kinds/K{number}", "0", "1", fact.type, "", "", "", fact.format, fact.codes, fact.pattern, "")
        csv.writer(rows).writerow(cells)
    (text,) = write_xsds(read_sheet(head + columns + rows.getvalue()), "kinds").values()
    schema = etree.XMLSchema(etree.fromstring(text.encode()))
    found = {}
    for number, (key, fact) in enumerate(kinds.items()):
        tried = (*fact.choices, *POOL, *("x" * size for size in (7, 9, 17, 20, 35, 70, 512)))
        found[key] = [value for value in tried if _takes(schema, number, value)]
        if any(found[key]):
            found[key] = [value for value in found[key] if value.strip()]
        assert found[key], f"no good value for {fact.path} {key}"
    return found


def _takes(schema: etree.XMLSchema, number: int, value: str) -> bool:
    root = etree.Element("Kinds")
    etree.SubElement(root, f"K{number}").text = value
    return bool(schema.validate(root))


def sample_bodies(path: Path, names: set[str]) -> list[Element]:
    """The elements of these local names in a sample, each as a document of its own."""
    tree = parse(path.read_bytes(), instructions=True)
    found = [node for node in tree.iter("{*}*") if etree.QName(node).localname in names]
    return [parse(etree.tostring(copy.deepcopy(node), encoding="UTF-8", with_tail=False)) for node in found]
