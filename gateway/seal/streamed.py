"""Exclusive canonical XML of what is too long for a tree, written while it is read.

Exclusive XML Canonicalization 1.0 without comments (W3C, 18 July 2002), section 3, from the events of expat. What comes
out is what `gateway.xml.canonical` gives; `tests/property/test_canonical_streamed.py` holds it to that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gateway.errors import EnvelopeMalformed, SealBroken
from gateway.xml import LIMITS

XML: Final = "http://www.w3.org/XML/1998/namespace"
_XMLNS: Final = "http://www.w3.org/2000/xmlns/"
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_ENOUGH: Final = 65_536
Scope = Mapping[str, str]
"""Prefix -> URI, `` for the default namespace."""


class Scopes:
    """The namespaces in scope while a reader, which knows no namespaces itself, goes down and up a document."""

    def __init__(self) -> None:
        self._open: list[dict[str, str]] = [{"xml": XML}]

    @property
    def here(self) -> Scope:
        """Those of the open element."""
        return self._open[-1]

    def down(self, attributes: Sequence[str]) -> list[tuple[str, str]]:
        """An element begins; its attributes but declarations. Raises EnvelopeMalformed (X5, X8), SealBroken (X10)."""
        scope = self._open[-1]
        if not attributes:
            self._open.append(scope)
            return []
        others, declared = [], {}
        for name, value in zip(attributes[::2], attributes[1::2], strict=True):
            if name == "xmlns":
                declared[""] = value
            elif name.startswith("xmlns:"):
                declared[name[6:]] = value
            else:
                others.append((name, value))
        if declared:
            _check(declared)
            scope = {**scope, **declared}
        if len(others) > LIMITS.attributes or len(scope) > LIMITS.namespaces:
            raise EnvelopeMalformed("too many attributes or namespaces on one element", threat="X5")
        self._open.append(scope)
        return others

    def up(self) -> None:
        """It ends."""
        self._open.pop()


def _check(declared: Mapping[str, str]) -> None:
    """Declarations that Namespaces in XML 1.0 allows and Canonical XML is defined for."""
    for prefix, uri in declared.items():
        reserved = prefix == "xmlns" or uri == _XMLNS or (prefix == "xml") != (uri == XML)
        if reserved or (prefix and not uri):
            raise EnvelopeMalformed(f"the prefix {prefix[:40]} cannot be declared so", threat="X8")
        if uri and not _ABSOLUTE.match(uri):
            raise SealBroken("cannot be canonicalised: a relative namespace URI", threat="X10")


class Canonical:
    """Writes one element in canonical form; `write` gets it as UTF-8, a piece at a time.

    `prefixes` is the InclusiveNamespaces PrefixList, `#default` for the default namespace. `rendered`: what the octets
    around it declare already.
    """

    def __init__(
        self, write: Callable[[bytes], object], prefixes: Sequence[str] = (), rendered: Scope | None = None
    ) -> None:
        self._write = write
        self._always = tuple("" if prefix == "#default" else prefix for prefix in prefixes)
        self._rendered: list[Scope] = [rendered or {}]
        self._scopes: list[Scope | None] = [None]
        self._pieces: list[str] = []
        self._held = 0

    def start(self, name: str, attributes: Sequence[tuple[str, str]], scope: Scope) -> None:
        """An element begins, in this scope. Raises EnvelopeMalformed for a prefix that nobody declared (X8)."""
        rendered = self._rendered[-1]
        prefix = _prefix(name)
        if not attributes and scope is self._scopes[-1] and scope.get(prefix, "") == rendered.get(prefix, ""):
            self._say(f"<{name}>")
        else:
            rendered = self._tag(name, attributes, scope, rendered)
        self._rendered.append(rendered)
        self._scopes.append(scope)

    def end(self, name: str) -> None:
        """It ends."""
        self._rendered.pop()
        self._scopes.pop()
        self._say(f"</{name}>")

    def text(self, text: str) -> None:
        """Character content."""
        if "&" in text:
            text = text.replace("&", "&amp;")
        if "<" in text:
            text = text.replace("<", "&lt;")
        if ">" in text:
            text = text.replace(">", "&gt;")
        self._say(text.replace("\r", "&#xD;") if "\r" in text else text)

    def flush(self) -> None:
        """Everything said so far is written."""
        self._write("".join(self._pieces).encode())
        self._pieces.clear()
        self._held = 0

    def _say(self, text: str) -> None:
        self._pieces.append(text)
        self._held += len(text)
        if self._held > _ENOUGH:
            self.flush()

    def _tag(self, name: str, attributes: Sequence[tuple[str, str]], scope: Scope, rendered: Scope) -> Scope:
        used = {_prefix(name), *(_prefix(one) for one, _ in attributes if ":" in one)} - {"xml"}
        unbound = [one for one in used if one and one not in scope]
        if unbound:
            raise EnvelopeMalformed(f"the prefix {unbound[0][:40]} is declared nowhere", threat="X8")
        kept = {one for one in self._always if one == "" or one in scope} - {"xml"}
        new = {one: scope.get(one, "") for one in used | kept if scope.get(one, "") != rendered.get(one, "")}
        declared = "".join(f' xmlns{":" if one else ""}{one}="{_value(uri)}"' for one, uri in sorted(new.items()))
        said = "".join(f' {one}="{_value(value)}"' for _, _, one, value in sorted(
            (scope[_prefix(one)] if ":" in one else "", one.rpartition(":")[2], one, value) for one, value in attributes
        ))  # fmt: skip
        self._say(f"<{name}{declared}{said}>")
        return {**rendered, **new} if new else rendered


def _prefix(name: str) -> str:
    prefix, colon, _ = name.partition(":")
    return prefix if colon else ""


def _value(text: str) -> str:
    """An attribute's value in canonical form."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return text.replace("\t", "&#x9;").replace("\n", "&#xA;").replace("\r", "&#xD;")
