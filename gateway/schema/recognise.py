"""Telling one document from another, and naming the trap when a document is not quite one we know."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from lxml import etree

from gateway.facts import FactTable
from gateway.model import SOAP11, SOAP12
from gateway.schema.explain import Offence
from gateway.schema.hints import is_java_date
from gateway.xml import Element, text_of

_MANY: Final = 20
_SOME: Final = 8
"""How many roots are named where more than `_MANY` are known."""
_STRIPPED_PREFIX: Final = re.compile(r"[a-z][a-z0-9_]{0,4}")

_ENVELOPES: Final = frozenset({SOAP11, SOAP12})


def values_at(root: Element, path: etree.XPath) -> list[str]:
    """The whitespace-collapsed texts a compiled path selects below a root."""
    return [" ".join((text_of(item) if isinstance(item, etree._Element) else str(item)).split()) for item in path(root)]


Step = tuple[str, str | None]
"""A path step's local name (`@name` for an attribute) and its namespace; None = the schema's facts do not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """One condition of `Schema.when`: the values a path may have. No values = it only has to be there."""

    steps: tuple[Step, ...]
    find: etree.XPath
    values: frozenset[str]

    @property
    def path(self) -> str:
        """The path below the root, local names only."""
        return "/".join(name for name, _ in self.steps)

    def takes(self, root: Element, known: dict[tuple[Step, ...], list[str]]) -> bool:
        """Every occurrence must be one of the values: a second one cannot smuggle in another meaning.

        `known` keeps what was read of this document, as many conditions ask for the same path.
        """
        found = known.get(self.steps)
        if found is None:
            found = known[self.steps] = values_at(root, self.find)
        return bool(found) and (not self.values or self.values.issuperset(found))


def below(path: str, root: str, facts: FactTable | None) -> str:
    """A path relative to the root element, whether or not it was written with the root's own name first."""
    inner = path.removeprefix("/")
    rest = inner.removeprefix(f"{root}/")
    written_below = facts is not None and f"{root}/{inner}" in facts.facts
    return inner if written_below else rest


def steps_of(path: str, root: str, facts: FactTable | None) -> tuple[Step, ...]:
    """The steps of a path below the root, each in the namespace the schema's facts give it."""
    steps: list[Step] = []
    walked = root
    for name in below(path, root, facts).split("/"):
        walked = f"{walked}/{name}"
        fact = facts.facts.get(walked) if facts is not None else None
        steps.append((name, None) if fact is None else (name if fact.attribute else fact.name, fact.namespace))
    return tuple(steps)


def xpath_of(steps: tuple[Step, ...]) -> etree.XPath:
    """Compile steps: QNames where the namespace is known, else local names."""
    prefixes = {namespace: f"n{at}" for at, (_, namespace) in enumerate(steps) if namespace}
    written = "/".join(_written(name, namespace, prefixes) for name, namespace in steps)
    return etree.XPath(written, namespaces={prefix: namespace for namespace, prefix in prefixes.items()} or None)


def _written(name: str, namespace: str | None, prefixes: dict[str, str]) -> str:
    if name.startswith("@") or namespace == "":
        return name
    return f"*[local-name()='{name}']" if namespace is None else f"{prefixes[namespace]}:{name}"


def unknown_document(root: Element, known: Sequence[tuple[str, str]]) -> Offence:
    """Why no schema is registered for this root; `known` are the (namespace, root) pairs we do know."""
    name = etree.QName(root)
    namespace, local = name.namespace or "", name.localname
    if local == "Envelope" and namespace in _ENVELOPES:
        inside = root.find(f"{{{namespace}}}Body/{{*}}*")
        held = "" if inside is None else etree.QName(inside).localname
        return Offence(element=root, rule="schema.envelope", params={"inside": held})
    expected = sorted({ns for ns, known_root in known if known_root == local})
    params = {"root": local, "found": namespace, "expected": ", ".join(expected)}
    if _colons_stripped(root, namespace, local, known):
        return Offence(element=root, rule="trap.colons-stripped", params=params)
    if expected:
        return Offence(element=root, rule="trap.wrong-namespace" if namespace else "trap.no-namespace", params=params)
    beside = {known_root for ns, known_root in known if ns == namespace}
    roots = sorted(beside or {known_root for _, known_root in known})
    near = get_close_matches(local, roots, n=1)
    return Offence(
        element=root,
        rule="schema.unknown-root",
        params={**params, "known": _alike(local, roots), "near": "".join(near)},
    )


def _alike(local: str, roots: list[str]) -> str:
    """All known roots where they are few, else those that look most like this one."""
    if len(roots) <= _MANY:
        return ", ".join(roots)
    return ", ".join([*get_close_matches(local, roots, n=_SOME, cutoff=0.0), "…"])


def java_dates(root: Element) -> list[Offence]:
    """Dates as Java prints them: told beside the trap that hides the document, lest they come to light one by one."""
    return [
        Offence(element=leaf, rule="trap.java-date", params={"value": text_of(leaf).strip()}, value=text_of(leaf))
        for leaf in root.iter("{*}*")
        if not len(leaf) and is_java_date(text_of(leaf))
    ]


def _colons_stripped(root: Element, namespace: str, local: str, known: Sequence[tuple[str, str]]) -> bool:
    """Some tools drop every colon: `md:MetaData` becomes `mdMetaData`, `xmlns:md` an attribute `xmlnsmd`."""
    if any(str(attribute).startswith(("xmlns", "xsischema")) for attribute in root.attrib):
        return True
    if namespace and namespace in {ns.replace(":", "") for ns, _ in known if ns}:
        return True
    cut = (local.removesuffix(known_root) for _, known_root in known if local.endswith(known_root))
    return not namespace and any(_STRIPPED_PREFIX.fullmatch(prefix) for prefix in cut)


def unknown_function(root: Element, candidates: Iterable[tuple[str, tuple[Selector, ...]]]) -> Offence:
    """The root is known, but not what this document does: unknown codes, or a body in a wrong namespace."""
    listed = list(candidates)
    selectors = [selector for _, selected in listed for selector in selected]
    for selector in selectors:
        trapped = _trapped(root, selector)
        if trapped is not None:
            return trapped
    selectors = [selector for selector in selectors if len(_nearest(root, selector)) > 1] or selectors
    found = {selector.path: ", ".join(values_at(root, selector.find)) for selector in selectors}
    where = _nearest(root, selectors[0])[-1] if selectors else root
    params = {
        "root": etree.QName(root).localname,
        "found": ", ".join(f"{path} = {value or '-'}" for path, value in found.items()) or "-",
        "known": "; ".join(_known(document, selected) for document, selected in listed if {*selected} & {*selectors}),
    }
    return Offence(element=where, rule="schema.unknown-function", params=params, value=_text(where, root))


def _known(document: str, selected: tuple[Selector, ...]) -> str:
    conditions = (
        f"{selector.path.rsplit('/', 1)[-1]} {'/'.join(sorted(selector.values)) or '*'}" for selector in selected
    )
    return f"{document}: {', '.join(conditions)}"


def _nearest(root: Element, selector: Selector) -> list[Element]:
    """The elements on the way of a path as far as the document goes along it, from the root."""
    way = [root]
    for name, _ in selector.steps:
        child = next((c for c in way[-1].iterchildren("{*}*") if etree.QName(c).localname == name), None)
        if child is None:
            break
        way.append(child)
    return way


def _text(where: Element, root: Element) -> str:
    return "" if where is root or len(where) else text_of(where)


def _elements(root: Element, selector: Selector) -> list[Element]:
    found = selector.find(root)
    return [item for item in found if isinstance(item, etree._Element)]


def _trapped(root: Element, selector: Selector) -> Offence | None:
    """A step of the path that is there by its local name, but not in the namespace of the schema."""
    if _elements(root, selector):
        return None
    node = root
    for step, expected in selector.steps:
        child = next((c for c in node.iterchildren("{*}*") if etree.QName(c).localname == step), None)
        if child is None:
            return None
        found = etree.QName(child).namespace or ""
        if expected is not None and found != expected:
            rule = "trap.wrong-namespace" if found else "trap.no-namespace"
            return Offence(element=child, rule=rule, params={"root": step, "found": found, "expected": expected})
        node = child
    return None
