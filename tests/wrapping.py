"""Makes signature wrapping attacks out of any sealed message: which part, where it goes, under which id and prefix.

Each mutation keeps the signed original somewhere and puts a forged twin where a reader might look, or the other way
round. A verifier may refuse it or read the original; reading the twin is the breach.
"""

from __future__ import annotations

import base64
import copy
import hashlib
from collections.abc import Callable, Iterator
from itertools import product

from lxml import etree

from gateway.model import DS, ROUTING, SOAP11, WSA, WSSE, WSU
from tests.desk import stranger
from tests.forge import ID, c14n

Element = etree._Element
XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
_WRAPPERS = {
    "plain": '<w:Wrapper xmlns:w="urn:wrapper"/>',
    "rebound": '<wsu:Wrapper xmlns:wsu="urn:wrapper" xmlns:wsa="urn:other" xmlns:ds="urn:other" xmlns="urn:d"/>',
    "header": '<w:Wrapper xmlns:w="urn:wrapper" xmlns:env="http://schemas.xmlsoap.org/soap/envelope/" '
              'env:mustUnderstand="0" xmlns="http://www.w3.org/2003/05/soap-envelope"/>',
}  # fmt: skip
"""Namespace tricks: a harmless wrapper, one that rebinds the prefixes in use, one that turns the default around."""


# --- the parts and their forged twins --------------------------------------------------------------------------------
def _one(root: Element, tag: str) -> Element:
    return next(root.iter(tag))


def _forge_body(twin: Element) -> None:
    leaf = next(node for node in twin.iter("*") if not len(node) and (node.text or "").strip())
    leaf.text = "FORGED"


def _forge_text(text: str) -> Callable[[Element], None]:
    def forge(twin: Element) -> None:
        (twin[0] if len(twin) else twin).text = text

    return forge


def _forge_token(twin: Element) -> None:
    twin.text = base64.b64encode(stranger()[1].der).decode()


def _forge_info(twin: Element) -> None:
    for value in twin.iter(f"{{{DS}}}DigestValue"):
        value.text = base64.b64encode(hashlib.sha256(b"forged").digest()).decode()


PARTS: dict[str, tuple[Callable[[Element], Element], Callable[[Element], None]]] = {
    "Body": (lambda root: root[-1], _forge_body),
    "Timestamp": (lambda root: _one(root, f"{{{WSU}}}Timestamp"), _forge_text("2026-11-23T06:00:01.000Z")),
    "To": (lambda root: _one(root, f"{{{WSA}}}To"), _forge_text("http://evil.example/")),
    "From": (lambda root: _one(root, f"{{{WSA}}}From"), _forge_text("urn:swgw:partner:health_kz")),
    "MessageID": (lambda root: _one(root, f"{{{WSA}}}MessageID"), _forge_text("urn:uuid:forged")),
    "RelatesTo": (lambda root: _one(root, f"{{{WSA}}}RelatesTo"), _forge_text("urn:uuid:forged")),
    "Action": (lambda root: _one(root, f"{{{WSA}}}Action"), _forge_text("urn:swgw:action:LPCO_DEBIT")),
    "Routing": (lambda root: _one(root, f"{{{ROUTING}}}Routing"), _forge_text("mra_cn")),
    "BST": (lambda root: _one(root, f"{{{WSSE}}}BinarySecurityToken"), _forge_token),
    "SignedInfo": (lambda root: _one(root, f"{{{DS}}}SignedInfo"), _forge_info),
    "Signature": (lambda root: _one(root, f"{{{DS}}}Signature"), _forge_info),
}
"""Name: where the part stands, and how its twin is forged."""


# --- where the wrapped copy goes -------------------------------------------------------------------------------------
def _security(root: Element) -> Element:
    return _one(root, f"{{{WSSE}}}Security")


def _signature(root: Element) -> Element:
    return _one(root, f"{{{DS}}}Signature")


def _in_object(root: Element, wrapped: Element) -> None:
    etree.SubElement(_signature(root), f"{{{DS}}}Object").append(wrapped)


def _nested_envelope(root: Element, wrapped: Element) -> None:
    outer = etree.SubElement(root[0], root.tag)
    etree.SubElement(outer, root[0].tag)
    etree.SubElement(outer, root[-1].tag).append(wrapped)


PLACES: dict[str, Callable[[Element, Element], object]] = {
    "header first": lambda root, wrapped: root[0].insert(0, wrapped),
    "header last": lambda root, wrapped: root[0].append(wrapped),
    "security first": lambda root, wrapped: _security(root).insert(0, wrapped),
    "security last": lambda root, wrapped: _security(root).append(wrapped),
    "signature object": _in_object,
    "key info": lambda root, wrapped: _one(root, f"{{{DS}}}KeyInfo").append(wrapped),
    "signed info": lambda root, wrapped: _one(root, f"{{{DS}}}SignedInfo").append(wrapped),
    "before header": lambda root, wrapped: root.insert(0, wrapped),
    "before body": lambda root, wrapped: root.insert(1, wrapped),
    "after body": lambda root, wrapped: root.append(wrapped),
    "in body first": lambda root, wrapped: root[-1].insert(0, wrapped),
    "in body last": lambda root, wrapped: root[-1].append(wrapped),
    "in payload": lambda root, wrapped: root[-1][0].append(wrapped),
    "in address": lambda root, wrapped: _one(root, f"{{{WSA}}}To").append(wrapped),
    "in routing": lambda root, wrapped: _one(root, f"{{{ROUTING}}}Routing").append(wrapped),
    "envelope in header": _nested_envelope,
}


# --- under which id --------------------------------------------------------------------------------------------------
def _renamed(name: str, value: str) -> Callable[[Element], None]:
    def rename(element: Element) -> None:
        old = element.attrib.pop(ID, "")
        element.set(name, value or str(old) or "id-twin")

    return rename


IDS: dict[str, Callable[[Element], object]] = {
    "same": lambda _element: None,
    "new": _renamed(ID, "id-twin"),
    "Id": _renamed("Id", ""),
    "ID": _renamed("ID", ""),
    "xml:id": _renamed(XML_ID, ""),
    "none": lambda element: element.attrib.pop(ID, None),
}


def wrapped_messages(body: bytes, part: str) -> Iterator[tuple[str, bytes]]:
    """Every mutation of one part of a sealed envelope: a name that says what was done, and the bytes."""
    find, forge = PARTS[part]
    for place, id_, space, inside in product(PLACES, IDS, _WRAPPERS, ("original", "twin")):
        root = etree.fromstring(body)
        here = find(root)
        twin = copy.deepcopy(here)
        twin.tail = None
        forge(twin)
        IDS[id_](twin)
        wrapper = etree.fromstring(_WRAPPERS[space])
        if inside == "original":
            _put_in_place(here, twin)
            wrapper.append(here)
        else:
            wrapper.append(twin)
        try:
            PLACES[place](root, wrapper)
        except (IndexError, StopIteration):
            continue
        yield f"{part}: {inside} wrapped, {place}, twin's id {id_}, {space} wrapper", etree.tostring(root)


def _put_in_place(old: Element, new: Element) -> None:
    parent = old.getparent()
    assert parent is not None
    new.tail = old.tail
    parent.replace(old, new)
    old.tail = None


def forged_seals(body: bytes) -> Iterator[tuple[str, bytes]]:
    """A second, valid seal of somebody else over a forged Body, beside or around the first one."""
    _, thief = stranger()
    key = thief.own_key("ecdsa-sha256")
    for place, keep_token, first in product(PLACES, (True, False), (True, False)):
        root = etree.fromstring(body)
        old = copy.deepcopy(_signature(root))
        _forge_body(root[-1])
        if not keep_token:
            _forge_token(_one(root, f"{{{WSSE}}}BinarySecurityToken"))
        _seal_over(root, key.sign)
        try:
            if first:
                _security(root).insert(0, old)
            PLACES[place](root, etree.fromstring(_WRAPPERS["plain"]) if first else old)
        except (IndexError, StopIteration):
            continue
        yield f"second seal, {place}, token {keep_token}, first {first}", etree.tostring(root)


def _seal_over(root: Element, sign: Callable[[bytes], bytes]) -> None:
    """Make every digest right again, and sign SignedInfo with another key."""
    parts = {node.get(ID): node for node in root.iter("*") if node.get(ID)}
    info = _one(root, f"{{{DS}}}SignedInfo")
    for reference in info.iter(f"{{{DS}}}Reference"):
        octets = c14n(parts[(reference.get("URI") or "")[1:]])
        reference[2].text = base64.b64encode(hashlib.sha256(octets).digest()).decode()
    next(info.iter(f"{{{DS}}}SignatureMethod")).set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256")
    _signature(root)[1].text = base64.b64encode(sign(c14n(info))).decode()


def harmless(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Changes that mean nothing: what other software on the way may do to a message without harm."""
    root = etree.fromstring(body)
    yield "as it is", body
    yield "written anew", etree.tostring(root)
    yield "with a declaration", etree.tostring(root, encoding="UTF-8", xml_declaration=True)
    yield "with a byte order mark", b"\xef\xbb\xbf" + body
    yield "in ASCII with numbered characters", etree.tostring(root)
    yield "canonical, inclusive", etree.tostring(root, method="c14n")
    yield "canonical, exclusive", etree.tostring(root, method="c14n", exclusive=True)
    yield "blanks at the end", body + b"\n\n"
    yield "a comment before", b"<!-- relay 1 -->\n" + body
    for name, change in _MILD.items():
        changed = etree.fromstring(body)
        change(changed)
        yield name, etree.tostring(changed)


def _blanks(root: Element) -> None:
    for element in (root, root[0], _security(root)):
        element.text = "\n  "
        for child in element:
            child.tail = "\n  "


def _hop(root: Element) -> None:
    hop = etree.Element("{urn:relay}Hop", nsmap={"wsu": "urn:relay:other", None: "urn:relay"})
    hop.text = "relay 1"
    root[0].insert(0, hop)


_MILD: dict[str, Callable[[Element], object]] = {
    "blanks between headers": _blanks,
    "a foreign header first": _hop,
    "a foreign header with an id": lambda root: etree.SubElement(root[0], "{urn:relay}Hop").set("Id", "relay-1"),
    "a header for another role": lambda root: etree.SubElement(root[0], "{urn:relay}Hop").set(
        f"{{{SOAP11}}}actor", "urn:elsewhere"
    ),
    "headers in another order": lambda root: root[0].append(root[0][0]),
    "timestamp before token": lambda root: _security(root).insert(0, _security(root)[1]),
    "a comment between headers": lambda root: root[0].append(etree.Comment("relay")),
    "a comment around the document": lambda root: root[-1].insert(0, etree.Comment("relay")),
    "unused prefixes": lambda root: etree.cleanup_namespaces(root, top_nsmap={"x": "urn:unused", "wsa": WSA}),
}
