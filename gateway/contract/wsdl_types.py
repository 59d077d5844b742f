"""Puts many XSD files into one set of types for a WSDL: one schema per namespace, nothing left to fetch.

Files of one namespace may use a name for different things. Types and groups then get the file's name behind theirs; a
document element that means two things (WCO `MetaData`) keeps its own children and leaves open what differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Final

from lxml import etree

from gateway.errors import ConfigurationError
from gateway.model import XS
from gateway.xml import Element, canonical, parse, tag_of

Load = Callable[[str], bytes]
Key = tuple[str, str]
"""Symbol space (`type`, `element`, ...) and name."""
_SPACES: Final[Mapping[str, str]] = {
    f"{{{XS}}}{tag}": space
    for tag, space in (
        ("element", "element"), ("simpleType", "type"), ("complexType", "type"), ("group", "group"),
        ("attributeGroup", "attributeGroup"), ("attribute", "attribute"),
    )
}  # fmt: skip
_XML: Final = "http://www.w3.org/XML/1998/namespace"
_NAMED_BY: Final = ("type", "base", "itemType", "memberTypes", "ref")


@dataclass(frozen=True, slots=True)
class Symbol:
    """A global component: the file it stands in and its name there."""

    path: str
    key: Key


class _File:
    """One XSD as it stands: its components, and which file each namespace comes from."""

    def __init__(self, path: str, root: Element) -> None:
        self.path = path
        self.root = root
        self.namespace = root.get("targetNamespace", "")
        self.components: dict[Key, Element] = {
            (_SPACES[tag_of(child)], child.get("name", "")): child for child in root if tag_of(child) in _SPACES
        }
        folder = PurePosixPath(path).parent
        self.imports: dict[str, str] = {
            child.get("namespace", ""): str(folder / child.get("schemaLocation", ""))
            for child in root.iterchildren(f"{{{XS}}}import")
        }

    @cached_property
    def stem(self) -> str:
        """The file's name, for a component that needs another one."""
        return PurePosixPath(self.path).stem


class Types:
    """The types behind some document elements, merged. Raises ConfigurationError for a file that cannot be merged."""

    def __init__(self, roots: Iterable[tuple[str, str]], load: Load) -> None:
        """`roots` are (XSD path, local name of the document element)."""
        self._load = load
        self._files: dict[str, _File] = {}
        self._marks: dict[Symbol, str] = {}
        self._names: dict[tuple[str, str, str], dict[str, str]] = {}
        self._placed: dict[str, list[Element]] = {}
        self._done: set[Symbol] = set()
        variants: dict[tuple[str, str], list[Symbol]] = {}
        for path, name in dict.fromkeys(roots):
            symbol = Symbol(path, ("element", name))
            known = variants.setdefault((self._file(path).namespace, name), [])
            if self._mark(symbol) not in map(self._mark, known):
                known.append(symbol)
        for symbols in variants.values():
            self._place(symbols[0], open_to=symbols[1:])

    def schemas(self) -> list[Element]:
        """One `xs:schema` per namespace, in the order they were met; imports name no place."""
        return [self._schema(namespace) for namespace in self._placed]

    def _schema(self, namespace: str) -> Element:
        files = [file for file in self._files.values() if file.namespace == namespace]
        pairs = {(prefix, uri) for file in files for prefix, uri in file.root.nsmap.items() if prefix}
        spaces = dict(sorted(pairs))
        if len(spaces) != len(pairs):
            raise ConfigurationError(f"the XSD files of {namespace} use one prefix for two namespaces")
        schema = etree.Element(f"{{{XS}}}schema", nsmap={**spaces, "xs": XS})
        if namespace:
            schema.set("targetNamespace", namespace)
        schema.set("elementFormDefault", files[0].root.get("elementFormDefault", "unqualified"))
        needed = sorted({uri for file in files for uri in file.imports} & set(self._placed))
        for uri in needed:
            etree.SubElement(schema, f"{{{XS}}}import", {"namespace": uri})
        schema.extend(sorted(self._placed[namespace], key=lambda child: tag_of(child) != f"{{{XS}}}element"))
        return schema

    # --- placing -----------------------------------------------------------------------------------------------------
    def _place(self, symbol: Symbol, open_to: Iterable[Symbol] = ()) -> str:
        """The component and all it needs stand in the merged types; returns the name it got there."""
        file, name = self._file(symbol.path), self._name(symbol)
        mark = Symbol(file.namespace, (symbol.key[0], name))
        if mark in self._done:
            return name
        self._done.add(mark)
        original = self._component(symbol)
        component = deepcopy(original)
        component.set("name", name)
        self._placed.setdefault(file.namespace, []).append(component)
        pairs = list(zip(_references(component), _references(original), strict=True))
        for (node, attribute, space), (known, _, _) in pairs:
            words = [self._moved(file, known, word, space) for word in known.get(attribute, "").split()]
            node.set(attribute, " ".join(words))
        _xml_attributes(component)
        for other in open_to:
            _open(component, self._component(other))
            self._place_free(other)
        return name

    def _place_free(self, symbol: Symbol) -> None:
        """Elements that another meaning of a document element refers to, where their names are free."""
        file = self._file(symbol.path)
        for node, attribute, space in _references(self._component(symbol)):
            target = self._target(file, node, node.get(attribute, ""), space)
            if target is not None and space == "element" and self._free(target):
                self._place(target)

    def _free(self, symbol: Symbol) -> bool:
        space, name = symbol.key
        return not self._names.get((self._file(symbol.path).namespace, space, name))

    def _moved(self, file: _File, node: Element, word: str, space: str) -> str:
        target = self._target(file, node, word, space)
        prefix = word.rpartition(":")[0]
        if target is None:
            return word
        return f"{prefix}:{self._place(target)}" if prefix else self._place(target)

    def _name(self, symbol: Symbol) -> str:
        """The component's own name, or with its file's name behind where that is taken by something else."""
        file, (space, name) = self._file(symbol.path), symbol.key
        taken = self._names.setdefault((file.namespace, space, name), {})
        mark = self._mark(symbol)
        if mark not in taken:
            taken[mark] = name if not taken else f"{name}-{file.stem}"
        return taken[mark]

    # --- reading -----------------------------------------------------------------------------------------------------
    def _file(self, path: str) -> _File:
        if path not in self._files:
            self._files[path] = _File(path, parse(self._load(path)))
        return self._files[path]

    def _component(self, symbol: Symbol) -> Element:
        found = self._file(symbol.path).components.get(symbol.key)
        if found is None:
            raise ConfigurationError(f"{symbol.path} has no {' '.join(symbol.key)}")
        return found

    def _target(self, file: _File, node: Element, word: str, space: str) -> Symbol | None:
        """What a QName in an XSD names; None for the built-in types and `xml:` attributes."""
        prefix, _, name = word.rpartition(":")
        uri = node.nsmap.get(prefix or None, "")
        if uri == XS or prefix == "xml":
            return None
        path = file.path if uri == file.namespace else file.imports.get(uri)
        if path is None:
            raise ConfigurationError(f"{file.path} names {word} and does not import it")
        return Symbol(path, (space, name))

    def _mark(self, symbol: Symbol) -> str:
        """A digest of a component with all it refers to: two with one mark mean the same."""
        if symbol not in self._marks:
            self._marks[symbol] = "open"  # a component that refers to itself
            component = self._component(symbol)
            file = self._file(symbol.path)
            below = [
                self._mark(target)
                for node, attribute, space in _references(component)
                for word in node.get(attribute, "").split()
                if (target := self._target(file, node, word, space)) is not None
            ]
            text = canonical(component) + "".join(below).encode()
            self._marks[symbol] = hashlib.sha256(text).hexdigest()
        return self._marks[symbol]


def _references(component: Element) -> Iterator[tuple[Element, str, str]]:
    """Every attribute below that names a component: the node, the attribute, the symbol space."""
    for node in component.iter(f"{{{XS}}}*"):
        for attribute in _NAMED_BY:
            if node.get(attribute):
                yield node, attribute, "type" if attribute != "ref" else _SPACES[tag_of(node)]


def _xml_attributes(component: Element) -> None:
    """`xml:lang` by wildcard: clients go to the network for an import of its namespace."""
    wanted = [node for node in component.iter(f"{{{XS}}}attribute") if node.get("ref", "").startswith("xml:")]
    for node in wanted:
        wild = etree.Element(f"{{{XS}}}anyAttribute", {"namespace": _XML, "processContents": "lax"})
        parent = node.getparent()
        if parent is not None:
            parent.replace(node, wild)


def _open(component: Element, other: Element) -> None:
    """Children of its own namespace stay, all optional; what comes from elsewhere may be anything of elsewhere."""
    sequence, theirs = _sequence(component), _sequence(other)
    own = [child for child in sequence if child.get("name")]
    if {child.get("name") for child in theirs if child.get("name")} - {child.get("name") for child in own}:
        own = []
    for child in list(sequence):
        if child not in own:
            sequence.remove(child)
        else:
            child.set("minOccurs", "0")
    inside = "##other" if own else "##any"
    wild = {"namespace": inside, "processContents": "skip", "minOccurs": "0", "maxOccurs": "unbounded"}
    etree.SubElement(sequence, f"{{{XS}}}any", wild)


def _sequence(component: Element) -> Element:
    found = component.find(f"{{{XS}}}complexType/{{{XS}}}sequence")
    if found is None:
        raise ConfigurationError(f"the element {component.get('name')} means two things and is no sequence")
    return found
