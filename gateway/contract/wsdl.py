"""Writes the flattened WSDL 1.1 of the SOAP door: document/literal, SOAP 1.2 and 1.1, all types inside.

One operation per document type. Input: the document; output: the signed receipt; fault: the problem. The business
answer is a message of its own, later. WS-Addressing, Routing and Security headers are said in words: `soap-gw-1`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from gateway.contract.wsdl_types import Load, Types
from gateway.envelope.addressing import action_of
from gateway.model import RECEIPT, DocumentType, Schema
from gateway.xml import Element

WSDL: Final = "http://schemas.xmlsoap.org/wsdl/"
SERVICE: Final = "urn:swgw:service:1"
PROBLEM: Final = "urn:swgw:problem:1"
BINDINGS: Final[Mapping[str, str]] = {
    "Soap12": "http://schemas.xmlsoap.org/wsdl/soap12/",
    "Soap11": "http://schemas.xmlsoap.org/wsdl/soap/",
}
_TRANSPORT: Final = "http://schemas.xmlsoap.org/soap/http"
_OWN: Final = (("xsd/gateway/receipt.xsd", "Receipt"), ("xsd/gateway/problem.xsd", "problem"))
_SAID: Final = (
    "Every message is sealed by profile soap-gw-1: WS-Addressing 1.0 headers To, From (urn:swgw:partner: and your id), "
    "MessageID, Action, and RelatesTo in answers; header Routing of urn:swgw:routing:1 with Receiver and "
    "ConversationID; one WS-Security header with an X.509 token, a Timestamp of at most five minutes and one "
    "signature over all of these and the Body. The client kit holds a signer that does this."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One message that may be sent: its type, its schema record and a line for people."""

    type: DocumentType
    schema: Schema
    said: str = ""


def write_wsdl(operations: Sequence[Operation], load: Load, endpoint: str) -> bytes:
    """The WSDL as UTF-8 XML. `load` gives an XSD by its path; `endpoint` is the URL of the SOAP door.

    Raises ConfigurationError for an XSD that is missing or cannot be merged.
    """
    types = Types([*_OWN, *((one.schema.path, one.schema.root) for one in operations)], load).schemas()
    spaces = {"wsdl": WSDL, "tns": SERVICE, "r": RECEIPT, "p": PROBLEM}
    spaces |= {name.lower(): uri for name, uri in BINDINGS.items()}
    spaces |= {f"m{number}": uri for number, uri in enumerate(_namespaces(operations), start=1)}
    root = etree.Element(_w("definitions"), {"name": "Gateway", "targetNamespace": SERVICE}, nsmap=spaces)
    etree.SubElement(root, _w("documentation")).text = _SAID
    etree.SubElement(root, _w("types"))
    prefixes = {uri: prefix for prefix, uri in spaces.items()}
    _messages(root, operations, prefixes)
    _port_type(root, operations)
    for name, uri in BINDINGS.items():
        _binding(root, name, uri, operations)
    _service(root, endpoint)
    text = etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return text.replace(b"<wsdl:types/>", b"<wsdl:types>\n" + _inlined(types) + b"</wsdl:types>", 1)


def _inlined(schemas: Iterable[Element]) -> bytes:
    """As text: moved into another tree a schema would lose the prefixes that only its attribute values use."""
    return b"".join(etree.tostring(schema, encoding="UTF-8", xml_declaration=False) + b"\n" for schema in schemas)


def _w(name: str) -> str:
    return f"{{{WSDL}}}{name}"


def _namespaces(operations: Iterable[Operation]) -> list[str]:
    return sorted({one.schema.namespace for one in operations} - {RECEIPT})


def _messages(root: Element, operations: Sequence[Operation], prefixes: Mapping[str, str]) -> None:
    parts = [(one.type, f"{prefixes[one.schema.namespace]}:{one.schema.root}") for one in operations]
    for name, element in [*parts, ("Receipt", "r:Receipt"), ("Problem", "p:problem")]:
        message = etree.SubElement(root, _w("message"), {"name": name})
        etree.SubElement(message, _w("part"), {"name": "body", "element": element})


def _port_type(root: Element, operations: Sequence[Operation]) -> None:
    port = etree.SubElement(root, _w("portType"), {"name": "Gateway"})
    for one in operations:
        operation = etree.SubElement(port, _w("operation"), {"name": one.type})
        if one.said:
            etree.SubElement(operation, _w("documentation")).text = one.said
        etree.SubElement(operation, _w("input"), {"message": f"tns:{one.type}"})
        etree.SubElement(operation, _w("output"), {"message": "tns:Receipt"})
        etree.SubElement(operation, _w("fault"), {"name": "Problem", "message": "tns:Problem"})


def _binding(root: Element, name: str, uri: str, operations: Sequence[Operation]) -> None:
    binding = etree.SubElement(root, _w("binding"), {"name": f"Gateway{name}", "type": "tns:Gateway"})
    etree.SubElement(binding, f"{{{uri}}}binding", {"style": "document", "transport": _TRANSPORT})
    for one in operations:
        operation = etree.SubElement(binding, _w("operation"), {"name": one.type})
        etree.SubElement(operation, f"{{{uri}}}operation", {"soapAction": action_of(one.type), "style": "document"})
        for side in ("input", "output"):
            etree.SubElement(etree.SubElement(operation, _w(side)), f"{{{uri}}}body", {"use": "literal"})
        fault = etree.SubElement(operation, _w("fault"), {"name": "Problem"})
        etree.SubElement(fault, f"{{{uri}}}fault", {"name": "Problem", "use": "literal"})


def _service(root: Element, endpoint: str) -> None:
    service = etree.SubElement(root, _w("service"), {"name": "Gateway"})
    for name, uri in BINDINGS.items():
        port = etree.SubElement(service, _w("port"), {"name": f"Gateway{name}", "binding": f"tns:Gateway{name}"})
        etree.SubElement(port, f"{{{uri}}}address", {"location": endpoint})
