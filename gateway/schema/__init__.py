"""Which document this is, and whether it is valid by its schema: libxml2 decides, the explanation follows on failure.

Every schema is compiled once at start from bytes a loader hands over; includes and imports resolve inside that bundle
only, and nothing a message says (`xsi:schemaLocation`, `xsi:type`) makes us read anything (threat rows U1, S6).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Final

from lxml import etree

from gateway.errors import (
    ConfigurationError,
    EnvelopeMalformed,
    Finding,
    GatewayError,
    MappingInvalid,
    MediaTypeUnknown,
    SchemaUnknown,
    SchemaViolation,
)
from gateway.facts import FactTable
from gateway.model import XSI, Document, DocumentType, Schema, Verified
from gateway.schema.atlas import Atlas
from gateway.schema.explain import Complaint, Offence, Received, explain, fact_of, place
from gateway.schema.guard import split_values, typed_elements, without_locations
from gateway.schema.recognise import (
    Selector,
    Step,
    java_dates,
    steps_of,
    unknown_document,
    unknown_function,
    values_at,
    xpath_of,
)
from gateway.xml import Element, check_elements, parse, parse_again

Load = Callable[[str], bytes]
"""Bytes of a schema file by its path in the bundle (`xsd/wco/declaration.xsd`); LookupError or OSError if absent."""
Facts = Callable[[Schema], FactTable | None]
Then = Callable[[Document, Element], None]
_POSITION: Final = re.compile(r"at line ([0-9]+), column ([0-9]+): (.*?)(?:, line [0-9]+, column [0-9]+)?$", re.S)
_DECLARED: Final = re.compile(r"declaration says ([^;]+);")
_BUNDLE: Final = "bundle:/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """One XSD ready to judge. `label` is `path@sha256`: of the file, or of it and all it includes, in load order."""

    xsd: etree.XMLSchema
    label: str
    lock: Lock = field(default_factory=Lock)

    def complaints(self, root: Element) -> tuple[Complaint, ...]:
        """Nothing when the tree is valid. lxml keeps the log on the schema object, hence the lock."""
        with self.lock:
            if self.xsd.validate(root):
                return ()
            return tuple(
                Complaint(kind=entry.type_name, path=entry.path or "/", message=entry.message)
                for entry in self.xsd.error_log
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A schema record with everything that is looked up in it resolved once."""

    schema: Schema
    compiled: Compiled
    facts: FactTable | None
    when: tuple[Selector, ...]
    keys: tuple[tuple[str, etree.XPath], ...]

    def takes(self, root: Element, known: dict[tuple[Step, ...], list[str]]) -> bool:
        """True when every path of `when` is there and each of its values selects this shape."""
        return all(selector.takes(root, known) for selector in self.when)

    def keys_of(self, root: Element) -> tuple[tuple[str, str], ...]:
        """All (scheme, value) pairs, in the record's order, each once."""
        found = ((scheme, value) for scheme, path in self.keys for value in values_at(root, path) if value)
        return tuple(dict.fromkeys(found))


class _Bundle(etree.Resolver):
    """Answers includes and imports from the loader; whatever is not in the bundle is refused (U1)."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.read: list[bytes] = []

    def resolve(  # type: ignore[no-untyped-def]
        self, system_url, _public_id, context, /
    ):
        if not (system_url or "").startswith(_BUNDLE) or "/.." in system_url:
            raise OSError(f"{system_url} is outside the bundle")
        octets = self.load(system_url.removeprefix(_BUNDLE))
        self.read.append(octets)
        return self.resolve_string(octets, context, base_url=system_url)


def compile_schema(path: str, load: Load) -> Compiled:
    """Compile one XSD of the bundle. Raises ConfigurationError naming the file and libxml2's reason."""
    try:
        octets = load(path)
        bundle = _Bundle(load)
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        parser.resolvers.add(bundle)
        xsd = etree.XMLSchema(etree.fromstring(octets, parser, base_url=_BUNDLE + path))
    except (etree.LxmlError, LookupError, OSError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    return Compiled(xsd=xsd, label=f"{path}@{hashlib.sha256(b''.join([octets, *bundle.read])).hexdigest()}")


class Schemas:
    """All message shapes this gateway takes or gives, compiled. Built once at start; safe to share between threads."""

    def __init__(self, records: Iterable[Schema], load: Load, facts: Facts = lambda _schema: None) -> None:
        """Raises ConfigurationError when an XSD of a record is absent or does not compile."""
        compiled: dict[str, Compiled] = {}
        self._shapes: dict[tuple[str, str], list[Shape]] = {}
        for record in records:
            if record.path not in compiled:
                compiled[record.path] = compile_schema(record.path, load)
            shape = _shape(record, compiled[record.path], facts(record))
            self._shapes.setdefault((record.namespace, record.root), []).append(shape)

    def __iter__(self) -> Iterator[Schema]:
        return (shape.schema for shapes in self._shapes.values() for shape in shapes)

    def beside(self, more: Schemas) -> Schemas:
        """These shapes and those of another set; both stay as they are."""
        joined = Schemas((), _nothing)
        for shapes in (self._shapes, more._shapes):
            for key, found in shapes.items():
                joined._shapes.setdefault(key, []).extend(found)
        return joined

    def tables(self) -> tuple[FactTable, ...]:
        """The facts of every shape that has some, each table once."""
        found = (shape.facts for shapes in self._shapes.values() for shape in shapes if shape.facts is not None)
        return tuple({id(facts): facts for facts in found}.values())

    def recognise(self, root: Element) -> Schema:
        """The schema record of a document, by namespace and root, then by `when`.

        Raises SchemaUnknown; its finding names the trap where one is known (`trap.no-namespace`, ...), and has no
        line yet, since only the caller knows the bytes.
        """
        found = self.shape(root)
        if isinstance(found, Shape):
            return found.schema
        raise SchemaUnknown(found.rule, findings=place(root, (found,), None))

    def shape(self, root: Element) -> Shape | Offence:
        """The compiled record of a document, or what hinders us to tell which it is."""
        if not (candidates := self.candidates(root)):
            return unknown_document(root, tuple(self._shapes))
        if (found := self.chosen(root, {})) is not None:
            return found
        why = unknown_function(root, tuple((shape.schema.document, shape.when) for shape in candidates))
        known = (fact_of(why.element, shape.facts) for shape in candidates)
        return replace(why, fact=next(filter(None, known), None))

    def candidates(self, root: Element) -> Sequence[Shape]:
        """What a document with this root may be."""
        name = etree.QName(root)
        return self._shapes.get((name.namespace or "", name.localname), ())

    def chosen(self, root: Element, read: dict[tuple[Step, ...], list[str]]) -> Shape | None:
        """The one that takes it by what `read` says stands at the paths of `when`, else by what the tree says."""
        matching = [shape for shape in self.candidates(root) if shape.takes(root, read)]
        return max(matching, key=lambda shape: len(shape.when), default=None)


def _nothing(path: str) -> bytes:
    raise LookupError(path)


def _shape(record: Schema, compiled: Compiled, facts: FactTable | None) -> Shape:
    when = ((steps_of(path, record.root, facts), values) for path, values in record.when.items())
    keys = ((scheme, steps_of(path, record.root, facts)) for scheme, path in record.keys.items())
    return Shape(
        schema=record,
        compiled=compiled,
        facts=facts,
        when=tuple(Selector(steps=steps, find=xpath_of(steps), values=values) for steps, values in when),
        keys=tuple((scheme, xpath_of(steps)) for scheme, steps in keys),
    )


def validate(verified: Verified, schemas: Schemas, then: Then | None = None) -> Document:
    """The signed payload is a known document, valid by its schema, with its business keys at hand.

    `then` is called with the valid document and its tree, which nobody may change or keep: so that it is parsed once.
    Raises EnvelopeMalformed (a comment, CDATA or instruction splits a value: X9; `xsi:type`: S6; not XML),
    SchemaUnknown, SchemaViolation; lines and columns are those of the message as received.
    """
    received = Received(octets=verified.wire.body, at=verified.payload_at)
    root = parse_again(verified.payload)
    document = _judge(root, verified.payload, received, schemas)
    if then is not None:
        then(document, root)
    return document


def check(payload: bytes, document: DocumentType, schemas: Schemas, version: str = "") -> Document:
    """Our own translation is the document it is meant to be, and valid. Raises MappingInvalid: ours is the fault.

    `version` empty = whichever it is.
    """
    try:
        found = _judge(parse_again(payload), payload, Received(octets=payload), schemas)
    except GatewayError as refusal:
        reason = f"our {document} is not valid: {refusal.code} {refusal.detail}"
        raise MappingInvalid(reason, findings=refusal.findings) from refusal
    if found.type != document:
        raise MappingInvalid(f"our {document} reads as {found.type}")
    if version not in ("", found.version):
        raise MappingInvalid(f"our {document} {version} reads as version {found.version}")
    return found


def validate_bare(payload: bytes, schemas: Schemas) -> Document | tuple[Finding, ...]:
    """The document in a file without envelope, or everything wrong with it; never raises for what the file holds."""
    try:
        return _judge(parse(payload), payload, Received(octets=payload), schemas)
    except MediaTypeUnknown as refusal:
        declared = _DECLARED.search(refusal.detail)
        params = {"found": declared[1] if declared else ""}
        return (Finding(rule="xml.encoding", params=params, line=1, column=1),)
    except GatewayError as refusal:
        return refusal.findings or (_malformed(refusal.detail),)


def _malformed(detail: str) -> Finding:
    """What the parser said, with its position where it told one."""
    told = _POSITION.search(detail)
    if told is None:
        return Finding(rule="xml.malformed", params={"reason": detail})
    line, column, reason = told.groups()
    return Finding(rule="xml.malformed", params={"reason": reason}, line=int(line), column=int(column))


def _judge(root: Element, payload: bytes, received: Received, schemas: Schemas) -> Document:
    _refuse_split_values(root, received)
    _refuse_typed_elements(root, payload, received)
    shape = schemas.shape(root)
    if isinstance(shape, Offence):
        check_elements(root, payload)
        raise SchemaUnknown(shape.rule, findings=place(root, (shape, *java_dates(root)), received))
    complaints = shape.compiled.complaints(without_locations(root, payload))
    if complaints:
        check_elements(root, payload)
        findings = explain(root, complaints, shape.facts, received)
        raise SchemaViolation(f"{len(findings)} finding(s) by {shape.schema.path}", findings=findings)
    return Document(
        type=shape.schema.document,
        version=shape.schema.version,
        payload=payload,
        schema=shape.compiled.label,
        keys=shape.keys_of(root),
    )


def _refuse_split_values(root: Element, received: Received) -> None:
    """The canonical payload has lost its comments; the bytes as received still show them."""
    splits = split_values(received.octets)
    if not splits:
        return
    atlas = Atlas(root)
    findings = tuple(
        Finding(
            rule="xml.split-value",
            params={"what": split.what},
            path=atlas.path_at(split.index, received.at),
            line=split.line,
            column=split.column,
        )
        for split in splits
    )
    raise EnvelopeMalformed("a comment, CDATA or instruction splits a value", findings=findings, threat="X9")


def _refuse_typed_elements(root: Element, payload: bytes, received: Received) -> None:
    offenders = typed_elements(root, payload)
    if not offenders:
        return
    offences = tuple(
        Offence(element=element, rule="xml.xsi-type", value=element.get(f"{{{XSI}}}type", "")) for element in offenders
    )
    raise EnvelopeMalformed("xsi:type is not accepted", findings=place(root, offences, received), threat="S6")
