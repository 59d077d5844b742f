"""Writes the XSD files of one schema table: one file per namespace, the same bytes every time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from xml.sax.saxutils import escape, quoteattr

from gateway.errors import ConfigurationError
from gateway.facts.sheet import CLASSES, LIKE, NESTED, Row, Sheet, problem
from gateway.schema.types import Types, attribute_names

MARK = "Made from the table "
_DATES = "-dates"
_XML = "http://www.w3.org/XML/1998/namespace"


def write_xsds(sheet: Sheet, stem: str, like: Mapping[str, Sheet] | None = None) -> dict[str, str]:
    """File name -> text of every XSD that the table `<stem>.csv` gives; `like` holds the tables it points to.

    Raises ConfigurationError (`facts.like`, `facts.global`) for a row that cannot be written.
    """
    sheet = _housed(sheet)
    places = _Places(sheet, stem, like or {})
    namespaces = dict.fromkeys(row.namespace for row in sheet.rows if not row.attribute and not _likened(row))
    files = {places.file(namespace): _File(sheet, places, namespace, stem).text() for namespace in namespaces}
    for namespace in namespaces:
        dates = sheet.dates.get(namespace, namespace)
        if dates != namespace and any(row.type == "datetimestring" for row in sheet.rows if row.namespace == namespace):
            files[places.file(dates)] = _dates_file(sheet, dates, stem)
    return files


def _housed(sheet: Sheet) -> Sheet:
    """Unqualified elements are declared where their root is, with a form that takes their namespace away."""
    if not sheet.unqualified:
        return sheet
    return replace(sheet, rows=tuple(replace(row, namespace=row.namespace or sheet.namespace) for row in sheet.rows))


def _likened(row: Row) -> bool:
    return row.type.startswith(LIKE)


class _Places:
    """Where each namespace of a table is written, and what its prefix is."""

    def __init__(self, sheet: Sheet, stem: str, like: Mapping[str, Sheet]) -> None:
        self._sheet = sheet
        self._stem = stem
        self._prefixes = {namespace: prefix for prefix, namespace in sheet.namespaces.items()}
        self._dates = {dates: namespace for namespace, dates in sheet.dates.items()}
        self._like: dict[str, str] = {}
        for row in filter(_likened, sheet.rows):
            name = row.type[len(LIKE) :]
            other = like.get(name)
            if other is None or not any(o.namespace == row.namespace and o.name == row.name for o in other.rows):
                raise ConfigurationError(name, findings=(problem("like", row.line, table=name, name=row.name),))
            self._like[row.namespace] = _Places(other, name.removesuffix(".csv"), {}).file(row.namespace)

    def prefix(self, namespace: str) -> str:
        """The prefix of a namespace; `<prefix>-dates` for that of its date strings; none for no namespace."""
        if not namespace:
            return ""
        if namespace in self._dates and namespace not in self._prefixes:
            return self.prefix(self._dates[namespace]) + _DATES
        return self._prefixes.get(namespace, "tns")

    def file(self, namespace: str) -> str:
        """The file that declares a namespace."""
        if namespace == _XML:
            return "xml.xsd"
        if namespace in self._like:
            return self._like[namespace]
        return (
            f"{self._stem}.xsd" if namespace == self._sheet.namespace else f"{self._stem}-{self.prefix(namespace)}.xsd"
        )


class _File:
    """One XSD: its global elements with all that is below them, then the types they use."""

    def __init__(self, sheet: Sheet, places: _Places, namespace: str, stem: str) -> None:
        self._sheet = sheet
        self._places = places
        self._namespace = namespace
        self._stem = stem
        self._prefix = places.prefix(namespace)
        self._style = sheet.styles.get(namespace, "")
        self._types = Types(self._prefix, self._style)
        self._used: set[str] = set()

    def text(self) -> str:
        elements = [line for row in self._globals() for line in self._element(row, top=True)]
        imports = [
            f"<xs:import{_namespace(used)} schemaLocation={quoteattr(self._places.file(used))}/>"
            for used in sorted(self._used, key=self._places.file)
        ]
        spaces = {self._places.prefix(used): used for used in (self._namespace, *self._used) if used not in ("", _XML)}
        lines = [*_preamble(self._sheet, self._stem), *imports, *elements, *self._types.lines()]
        return _schema(self._namespace, spaces, self._sheet, lines)

    def _globals(self) -> Iterator[Row]:
        seen: dict[str, Row] = {}
        for row in self._sheet.rows:
            if row.namespace != self._namespace or row.attribute or row.group or _likened(row):
                continue
            if self._namespace_above(row) == self._namespace and len(row.steps) > 1:
                continue
            if row.name not in seen:
                yield row
            elif list(self._element(row, top=True)) != list(self._element(seen[row.name], top=True)):
                raise ConfigurationError(row.name, findings=(problem("global", row.line, name=row.name),))
            seen.setdefault(row.name, row)

    def _namespace_above(self, row: Row) -> str:
        above = row.steps[:-1]
        while above and above[-1].startswith("?"):
            above = above[:-1]
        return next((other.namespace for other in self._sheet.rows if other.steps == above), self._sheet.namespace)

    def _particle(self, row: Row) -> Iterator[str]:
        if row.type == "any":
            yield f'<xs:any namespace="{row.codes or "##any"}" processContents="skip"{_occurs(row)}/>'
        elif row.group:
            yield f"<xs:{row.type}{_occurs(row)}>"
            for child in self._sheet.below(row.steps):
                yield from _indented(self._particle(child))
            yield f"</xs:{row.type}>"
        elif row.namespace != self._namespace or _likened(row):
            self._used.add(row.namespace)
            yield f'<xs:element ref="{_qualified(self._places.prefix(row.namespace), row.name)}"{_occurs(row)}/>'
        else:
            yield from self._element(row, top=False)

    def _element(self, row: Row, *, top: bool) -> Iterator[str]:
        below = self._sheet.below(row.steps)
        attributes = tuple(child for child in below if child.attribute)
        start = f'<xs:element name="{row.name}"' + ("" if top else _occurs(row))
        note = _annotation(row)
        if row.type in CLASSES:
            start_class = '<xs:complexType mixed="true">' if row.type == "mixed" else "<xs:complexType>"
            body = list(self._class(start_class, [child for child in below if not child.attribute], attributes))
        elif row.type not in NESTED and attributes:
            body = list(self._attributed(row, attributes))
        else:
            start += f' type="{self._date() if row.type == "datetimestring" else self._types.whole(row)}"'
            body = []
        if not note and not body:
            yield start + "/>"
            return
        yield start + ">"
        yield from _indented([*note, *body])
        yield "</xs:element>"

    def _class(self, start: str, children: list[Row], attributes: tuple[Row, ...]) -> Iterator[str]:
        yield start
        if children:
            yield "  <xs:sequence>"
            for child in children:
                yield from _indented(_indented(self._particle(child)))
            yield "  </xs:sequence>"
        for attribute in attributes:
            yield from _indented(self._attribute(attribute))
        yield "</xs:complexType>"

    def _attributed(self, row: Row, attributes: tuple[Row, ...]) -> Iterator[str]:
        """A value whose attributes have rows of their own; those its word brings stay beside them."""
        said = {attribute.name for attribute in attributes}
        implied = tuple(name for name in attribute_names(row.type, self._style) if name not in said)
        yield from ("<xs:complexType>", "  <xs:simpleContent>")
        yield f'    <xs:extension base="{self._types.content(row)}">'
        for attribute in attributes:
            yield from _indented(_indented(_indented(self._attribute(attribute))))
        if implied:
            yield from (f"      {line}" for line in self._types.attributes(implied))
        yield from ("    </xs:extension>", "  </xs:simpleContent>", "</xs:complexType>")

    def _attribute(self, row: Row) -> Iterator[str]:
        use = ' use="required"' if row.min else ""
        note = _annotation(row)
        if row.steps[-1].startswith("@xml:"):
            self._used.add(_XML)
            yield f'<xs:attribute ref="xml:{row.name}"{use}/>'
            return
        start = f'<xs:attribute name="{row.name}" type="{self._types.content(row)}"{use}'
        if not note:
            yield start + "/>"
            return
        yield from (start + ">", *_indented(note), "</xs:attribute>")

    def _date(self) -> str:
        dates = self._sheet.dates.get(self._namespace, self._namespace)
        if dates == self._namespace:
            return self._types.date()
        self._used.add(dates)
        return f"{self._places.prefix(dates)}:DateTime"


def _dates_file(sheet: Sheet, namespace: str, stem: str) -> str:
    types = Types("d", "")
    types.date()
    return _schema(namespace, {"d": namespace}, sheet, [*_preamble(sheet, stem), *types.lines()])


def _schema(namespace: str, spaces: Mapping[str, str], sheet: Sheet, lines: list[str]) -> str:
    head = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"'
    head += "".join(f" xmlns:{prefix}={quoteattr(spaces[prefix])}" for prefix in sorted(spaces))
    head += f" targetNamespace={quoteattr(namespace)}" if namespace else ""
    form = "unqualified" if sheet.unqualified else "qualified"
    head += f' elementFormDefault="{form}" version={quoteattr(sheet.version)}>'
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *_indented(lines), "</xs:schema>", ""])


def _preamble(sheet: Sheet, stem: str) -> list[str]:
    words = (
        f"{sheet.title}, version {sheet.version}. Status: {sheet.status}. {MARK}{stem}.csv; edit the table, not this."
    )
    return ["<xs:annotation>", f"  <xs:documentation>{escape(words)}</xs:documentation>", "</xs:annotation>"]


def _annotation(row: Row) -> list[str]:
    words = (
        ("WCOID", row.wco_id),
        ("WCOName", row.wco_name),
        ("TDEDUID", row.tded),
        ("WCOFormat", row.format),
        ("WCOCodeRemarks", row.codes),
    )
    said = "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in words if text)
    if not said:
        return []
    return ["<xs:annotation>", f"  <xs:documentation>{said}</xs:documentation>", "</xs:annotation>"]


def _occurs(row: Row) -> str:
    low = "" if row.min == 1 else f' minOccurs="{row.min}"'
    high = "" if row.max == 1 else f' maxOccurs="{"unbounded" if row.max is None else row.max}"'
    return low + high


def _qualified(prefix: str, name: str) -> str:
    return f"{prefix}:{name}" if prefix else name


def _namespace(uri: str) -> str:
    return f" namespace={quoteattr(uri)}" if uri else ""


def _indented(lines: list[str] | Iterator[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)
