"""Turns the type words of a schema table into XSD types, one definition per kind of value and namespace."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from xml.sax.saxutils import quoteattr

from gateway.facts import implied_attributes
from gateway.facts.fact import enumerated
from gateway.facts.sheet import DECIMALS, TEXTUAL, Row

_BUILTIN: Mapping[str, str] = {
    "text": "string", "id": "string", "string": "string", "code": "token", "token": "token", "token-id": "token",
    "line": "normalizedString", "int": "int",
    "numeric": "decimal", "amount": "decimal", "quantity": "decimal", "measure": "decimal", "decimal": "decimal",
    "integer": "integer", "indicator": "boolean", "boolean": "boolean", "date": "date", "datetime": "dateTime",
    "time": "time", "uri": "anyURI", "base64": "base64Binary",
}  # fmt: skip
_LETTERS: Mapping[str, str] = {"a": "[a-zA-Z]", "n": "[0-9]"}
_ATTRIBUTE_TYPES: Mapping[str, str] = {
    "listID": "xs:token", "listVersionID": "xs:token", "schemeID": "xs:token", "schemeVersionID": "xs:token",
    "listURI": "xs:anyURI", "listSchemeURI": "xs:anyURI", "schemeDataURI": "xs:anyURI", "schemeURI": "xs:anyURI",
    "listAgencyID": "AgencyCode", "schemeAgencyID": "AgencyCode", "currencyID": "CurrencyCode", "unitCode": "UnitCode",
}  # fmt: skip
_SHARED: Mapping[str, tuple[str, ...]] = {
    "AgencyCode": ('<xs:pattern value=".{1,3}"/>',),
    "CurrencyCode": ('<xs:pattern value="[A-Z]{3}"/>',),
    "UnitCode": ('<xs:minLength value="1"/>', '<xs:maxLength value="5"/>'),
}
DATE_PATTERN = "(20[0-9]{6})([0-9]{6}(Z|[-+][0-9][0-9]))?"


def attribute_names(word: str, style: str) -> tuple[str, ...]:
    """The attributes that a type word brings in a style (`wco`, `wrapper`, or empty for a profile)."""
    return tuple(name for name, _ in implied_attributes(word, style))


_GROUPS = {attribute_names("code", "wco"): "CodeAttributes", attribute_names("id", "wco"): "IdentifierAttributes"}


class Types:
    """The types one XSD file needs, named as they are asked for; `prefix` is empty where there is no namespace."""

    def __init__(self, prefix: str, style: str) -> None:
        self._prefix = prefix + ":" if prefix else ""
        self._style = style
        self._names: dict[tuple[str, ...], str] = {}
        self._definitions: dict[str, list[str]] = {}

    def content(self, row: Row) -> str:
        """The QName of the simple type of a row's value."""
        facets = tuple(_facets(row, self._style))
        builtin = _BUILTIN[row.type]
        if not facets:
            return f"xs:{builtin}"
        name = self._name(row, facets)
        self._definitions[name] = _restriction(name, builtin, facets)
        return self._prefix + name

    def whole(self, row: Row) -> str:
        """The QName of the type of an element: its value and the attributes its word brings."""
        if row.type == "nullable":
            self._definitions["Nullable"] = _NULLABLE.splitlines()
            return self._prefix + "Nullable"
        content = self.content(row)
        names = attribute_names(row.type, self._style)
        if not names:
            return content
        name = content.rpartition(":")[2] if not content.startswith("xs:") else _title(row.type)
        name += "Element"
        self._definitions[name] = [
            f'<xs:complexType name="{name}">',
            "  <xs:simpleContent>",
            f'    <xs:extension base="{content}">',
            *(f"      {line}" for line in self.attributes(names)),
            "    </xs:extension>",
            "  </xs:simpleContent>",
            "</xs:complexType>",
        ]
        return self._prefix + name

    def attributes(self, names: tuple[str, ...]) -> Iterator[str]:
        """The optional attributes of these names; all those of a code or an identifier come as one group."""
        group = _GROUPS.get(names)
        if group is None:
            yield from (self._attribute(name) for name in names)
            return
        self._definitions[group] = [
            f'<xs:attributeGroup name="{group}">',
            *(f"  {self._attribute(name)}" for name in names),
            "</xs:attributeGroup>",
        ]
        yield f'<xs:attributeGroup ref="{self._prefix}{group}"/>'

    def date(self) -> str:
        """The QName of the class that holds one DateTimeString in this file's namespace."""
        self._definitions["DateTime"] = _DATE_TIME.replace("{p}", self._prefix).splitlines()
        self._definitions["DateTimeStringContent"] = _restriction(
            "DateTimeStringContent", "string", (_facet("pattern", DATE_PATTERN),)
        )
        return f"{self._prefix}DateTime"

    def lines(self) -> list[str]:
        """All definitions asked for, by name."""
        return [line for name in sorted(self._definitions) for line in self._definitions[name]]

    def _attribute(self, name: str) -> str:
        language = "xs:language" if self._style == "wco" else "xs:string"
        kind = _ATTRIBUTE_TYPES.get(name, language if name == "languageID" else "xs:string")
        if kind in _SHARED:
            self._definitions[kind] = _restriction(kind, "string", _SHARED[kind])
            kind = self._prefix + kind
        return f'<xs:attribute name="{name}" type="{kind}"/>'

    def _name(self, row: Row, facets: tuple[str, ...]) -> str:
        """`CodeAn3`; `CodeAn3-2` for the next kind of value with the same word and format."""
        key = (row.type, row.format, *facets)
        if key not in self._names:
            plain = _title(row.type) + _format_name(row.format)
            taken = set(self._names.values())
            number = next(n for n in range(1, len(taken) + 2) if _numbered(plain, n) not in taken)
            self._names[key] = _numbered(plain, number)
        return self._names[key]


_DATE_TIME = """<xs:complexType name="DateTime">
  <xs:choice>
    <xs:element name="DateTimeString">
      <xs:complexType>
        <xs:simpleContent>
          <xs:extension base="{p}DateTimeStringContent">
            <xs:attribute name="formatCode" use="required">
              <xs:simpleType>
                <xs:restriction base="xs:string">
                  <xs:enumeration value="102"/>
                  <xs:enumeration value="304"/>
                </xs:restriction>
              </xs:simpleType>
            </xs:attribute>
          </xs:extension>
        </xs:simpleContent>
      </xs:complexType>
    </xs:element>
  </xs:choice>
</xs:complexType>"""


_NULLABLE = """<xs:complexType name="Nullable" mixed="true">
  <xs:sequence>
    <xs:element name="null" minOccurs="0">
      <xs:complexType/>
    </xs:element>
  </xs:sequence>
</xs:complexType>"""


def _restriction(name: str, builtin: str, facets: tuple[str, ...]) -> list[str]:
    return [
        f'<xs:simpleType name="{name}">',
        f'  <xs:restriction base="xs:{builtin}">',
        *(f"    {facet}" for facet in facets),
        "  </xs:restriction>",
        "</xs:simpleType>",
    ]


def _facet(kind: str, value: str) -> str:
    return f"<xs:{kind} value={quoteattr(value)}/>"


def _facets(row: Row, style: str) -> Iterator[str]:
    if row.type in TEXTUAL:
        yield from _text_facets(row, style)
    elif row.type in DECIMALS:
        yield from _number_facets(row)
    elif row.type == "indicator":
        yield from (_facet("pattern", "false"), _facet("pattern", "true"))
    elif row.pattern:
        yield _facet("pattern", row.pattern)
    yield from (_facet("enumeration", value) for value in enumerated(row.codes))


def _text_facets(row: Row, style: str) -> Iterator[str]:
    shape = re.fullmatch(r"(an|a|n)(\.\.)?([0-9]+)", row.format if style != "wrapper" else "")
    if shape is not None:
        yield _facet("maxLength" if shape[2] else "length", shape[3])
    pattern = row.pattern or _implied_pattern(row, style, shape[1] if shape else "")
    if pattern:
        yield _facet("pattern", pattern)


def _implied_pattern(row: Row, style: str, kind: str) -> str:
    """Letters or digits by format; a profile's text is never blank, WCO text only where the table says so."""
    if kind in _LETTERS:
        return _LETTERS[kind] + ("*" if style else "+")
    if style or enumerated(row.codes):
        return ""
    return r"\s*\S[\s\S]*"


def _number_facets(row: Row) -> Iterator[str]:
    shape = re.fullmatch(r"n(\.\.)?([0-9]+)(?:,([0-9]+))?", row.format)
    if shape is not None:
        yield _facet("totalDigits", shape[2])
        yield from () if row.type == "integer" else (_facet("fractionDigits", shape[3] or "0"),)
    exact = shape is not None and not shape[1] and not shape[3]
    if row.pattern or exact:
        yield _facet("pattern", row.pattern or f"[0-9]{{{shape[2] if shape else ''}}}")


def _title(word: str) -> str:
    return "".join(part.capitalize() for part in word.split("-"))


def _format_name(text: str) -> str:
    """`an..35` is An35, `an35` is An35Exact, `n..16,6` is N16-6."""
    if not text:
        return ""
    return text.replace("..", "").replace(",", "-").capitalize() + ("" if ".." in text else "Exact")


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"
