"""A foreign stylesheet in the place of a table: read as a stranger's text, run elsewhere, its result judged as ours.

What a stylesheet could do beside translating is refused when it is read (threat row M3): `document()` and every other
function that is not plain XPath or XSLT 1.0, extension elements, `include` and `import`, output that is no XML, and
`strip-space`, which makes libxslt change the document it reads. It runs where `Apply` runs it, within its bounds.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from lxml import etree

from gateway.errors import ConfigurationError, GatewayError
from gateway.facts.fact import FactTable
from gateway.mapping.conditions import Bench
from gateway.mapping.outcome import CONTEXT, Frame, Run
from gateway.mapping.paths import Shape
from gateway.mapping.source import ELEMENT, Reading
from gateway.mapping.table import MapTable, problem
from gateway.mapping.translation import Translation
from gateway.model import DocumentType
from gateway.xml import Element, canonical, parse, tag_of

XSL: Final = "http://www.w3.org/1999/XSL/Transform"
SUFFIX: Final = ".xsl"
Apply = Callable[[bytes, Mapping[str, str]], bytes]
"""Runs the stylesheet over a document with these parameters; raises NotApplied when nothing came of it."""
_LONGEST: Final = 1_000_000
_ALLOWED: Final = """
stylesheet transform output param variable with-param template apply-templates call-template value-of copy copy-of
for-each sort if choose when otherwise element attribute attribute-set text number key decimal-format message
preserve-space
"""
_CALLABLE: Final = """
last position count id local-name namespace-uri name string concat starts-with contains substring-before
substring-after substring string-length normalize-space translate boolean not true false lang number sum floor ceiling
round key format-number current generate-id text node comment processing-instruction and or div mod
"""
_ELEMENTS: Final = frozenset(_ALLOWED.split())
_FUNCTIONS: Final = frozenset(_CALLABLE.split())
_QUOTED: Final = re.compile("'[^']*'|\"[^\"]*\"")
_CALLED: Final = re.compile(r"([^\W\d][\w.-]*(?::[^\W\d][\w.-]*)?)\s*\(")
_BRACED: Final = re.compile(r"""\{\{|\{((?:'[^']*'|"[^"]*"|[^'"}])*)\}""")
"""An expression in an attribute value template; a quoted brace does not end it, a doubled one begins none."""
_WHY: Final = {
    "strip-space": "strip-space changes the document that is read; select what is wanted instead",
    "include": "a stylesheet is one file", "import": "a stylesheet is one file",
}  # fmt: skip


class NotApplied(ValueError):
    """The stylesheet made nothing of a document; the text says why."""


class OutOfBounds(NotApplied):
    """It took more time or memory, or wrote more, than it may (threat row M3)."""


def read_stylesheet(octets: bytes, name: str) -> MapTable:
    """The stylesheet as a table without rows, known to do nothing but translate.

    Raises ConfigurationError with one finding per thing it must not hold, each with its line.
    """
    if len(octets) > _LONGEST:
        raise _refused(name, [(1, f"longer than {_LONGEST} bytes")])
    try:
        root = parse(octets)
    except GatewayError as error:
        raise _refused(name, [(1, error.detail)]) from None
    wrong = list(_wrong(root))
    if not wrong:
        try:
            etree.XSLT(root, access_control=etree.XSLTAccessControl.DENY_ALL, regexp=False)
        except etree.LxmlError as error:
            wrong = [(1, str(error))]
    if wrong:
        raise _refused(name, wrong)
    digest = hashlib.sha256(octets).hexdigest()
    return MapTable(
        name=name, takes=DocumentType(""), gives=DocumentType(""), version=digest[:12], rules=(), digest=digest
    )


def compile_stylesheet(sheet: MapTable, source: FactTable, target: FactTable, apply: Apply) -> Translation:
    """A translation like any other; every leaf of the source counts as silent, for nobody can tell what it carries."""
    shape = Shape(source)
    root = shape.root

    def write(frame: Frame, out: list[str], run: Run) -> bool:
        out.append(_applied(frame[ELEMENT], sheet.name, apply, run))
        return True

    return Translation(
        table=sheet, codes={}, root=f"{{{root.namespace}}}{root.name}" if root.namespace else root.name,
        read=lambda element: [None, element], write=write, write_traced=write, swift=None,
        bench=Bench(Reading(shape, frozenset()), {}, {}, sheet.name), target=Shape(target),
        silent=frozenset(path for path in shape.facts if not shape.container(path)), stylesheet=True,
    )  # fmt: skip


def _applied(root: Element, name: str, apply: Apply, run: Run) -> str:
    """The result in canonical form; what hinders it becomes a finding of the run."""
    context = {key: value for key, value in run.context.items() if key in CONTEXT}
    try:
        return canonical(parse(apply(canonical(root), context))).decode()
    except OutOfBounds as error:
        run.wrong("size", "/", table=name, reason=str(error))
    except (NotApplied, GatewayError) as error:
        run.wrong("stylesheet", "/", table=name, reason=getattr(error, "detail", "") or str(error))
    return ""


def _refused(name: str, wrong: list[tuple[int, str]]) -> ConfigurationError:
    findings = tuple(problem(name, line, "", "table", reason) for line, reason in wrong)
    return ConfigurationError(f"{name}: {len(findings)} problems", findings=findings)


def _wrong(root: Element) -> Iterator[tuple[int, str]]:
    """Line and reason of everything a stylesheet must not hold."""
    if tag_of(root) not in (f"{{{XSL}}}stylesheet", f"{{{XSL}}}transform") or root.get("version") != "1.0":
        yield 1, "not an XSLT 1.0 stylesheet"
    for element in root.iter("{*}*"):
        line = element.sourceline or 1
        name = etree.QName(element)
        ours = name.namespace == XSL
        if ours and name.localname not in _ELEMENTS:
            yield line, _WHY.get(name.localname, f"xsl:{name.localname} is not allowed")
        if ours and name.localname == "output" and element.get("method", "xml") != "xml":
            yield line, "the output must be XML"
        for key, value in element.attrib.items():
            yield from ((line, reason) for reason in _wrong_attribute(str(key), str(value), ours=ours))


def _wrong_attribute(key: str, value: str, *, ours: bool) -> Iterator[str]:
    name = key.rpartition("}")[2]
    if name == "extension-element-prefixes" and (ours or key.startswith(f"{{{XSL}}}")):
        yield "extension elements are not allowed"
    if ours and name in ("disable-output-escaping", "cdata-section-elements") and value != "no":
        yield f"{name} is not allowed"
    for expression in [*([value] if ours else []), *_BRACED.findall(value)]:
        for called in _CALLED.findall(_QUOTED.sub("''", expression)):
            if called not in _FUNCTIONS:
                yield f"the function {called}() is not allowed"
