"""Opens a SOAP 1.1 or 1.2 envelope of profile soap-gw-1 and reads what its sender claims.

Everything is found by position: one Header, one Body, known headers as direct children of the Header. Nothing is looked
up by id or by search. Sources: SOAP 1.1/1.2, WS-Addressing 1.0 Core and SOAP Binding, WSS 1.1.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from gateway.envelope import addressing
from gateway.errors import (
    ActionMismatch,
    AddressingInvalid,
    DestinationUnreachable,
    EnvelopeMalformed,
    MediaTypeUnknown,
    NotUnderstood,
    SealInvalid,
    WeakAlgorithm,
)
from gateway.model import (
    ROUTING,
    SOAP11,
    SOAP12,
    WSA,
    WSA_ANONYMOUS,
    WSSE,
    WSSE11,
    WSU,
    Claims,
    Envelope,
    PartnerId,
    Wire,
)
from gateway.xml import Element, check_elements, parse, tag_of, text_of

_MEDIA: Final = {"text/xml": SOAP11, "application/soap+xml": SOAP12}
_PARAMETER_TEXT: Final = r';\s*+([A-Za-z0-9-]++)=("[^"\\]*+"|[^\s;,"\'\\]++)\s*+'
_PARAMETER = re.compile(_PARAMETER_TEXT)
_PARAMETERS = re.compile(rf"(?:{_PARAMETER_TEXT})*+;?")
_SPACE: Final = " \t\r\n"
"""What XML calls white space; Python's own idea of it is wider."""
SECURITY: Final = f"{{{WSSE}}}Security"
ROUTING_HEADER: Final = f"{{{ROUTING}}}Routing"
_ROUTING_PARTS: Final = {f"{{{ROUTING}}}{name}": name for name in ("Receiver", "ConversationID")}
_BODY_ATTRIBUTES: Final = frozenset({f"{{{WSU}}}Id"})
_XINCLUDE: Final = "{http://www.w3.org/2001/XInclude}"
_ENCRYPTION: Final = "{http://www.w3.org/2001/04/xmlenc#"
_ENCRYPTED_HEADER: Final = f"{{{WSSE11}}}EncryptedHeader"
_ODD: Final = (_ENCRYPTION, _ENCRYPTED_HEADER, f"{{{SOAP11}}}", f"{{{SOAP12}}}")
"""How the tags begin that a payload may not have, or only in an answer."""
_ULTIMATE: Final = frozenset(
    {"", f"{SOAP12}/role/ultimateReceiver", f"{SOAP12}/role/next", "http://schemas.xmlsoap.org/soap/actor/next"}
)
_ROLES: Final = {SOAP11: "actor", SOAP12: "role"}
_FALSE: Final = ("0", "false")
_ADDRESSING: Final = ("To", "From", "ReplyTo", "FaultTo", "MessageID", "Action", "RelatesTo")
_KNOWN: Final = {f"{{{WSA}}}{name}": name for name in _ADDRESSING} | {ROUTING_HEADER: "Routing"}


@dataclass(frozen=True, slots=True)
class Parts:
    """The pieces of one envelope by position; lives only between `open_soap` and the seal desk."""

    envelope: Element
    header: Element
    body: Element
    payload: Element
    security: Element
    headers: dict[str, Element]
    """Local name of a WS-Addressing header, or `Routing`."""
    payload_at: tuple[int, ...]


def open_soap(wire: Wire, *, answer: bool = False) -> Envelope:
    """Read the claims of a SOAP message. `answer` admits a Fault in the Body and a missing Routing header.

    Raises EnvelopeMalformed, MediaTypeUnknown, AddressingInvalid, ActionMismatch, NotUnderstood, SealInvalid.
    """
    promised = media_type(wire)
    return read_soap(wire, parse(wire.body), promised, answer=answer)


def read_soap(wire: Wire, root: Element, promised: tuple[str, str], *, answer: bool = False) -> Envelope:
    """As `open_soap`, when the one parse and what `media_type` said are at hand."""
    version, http_action = promised
    parts = parts_of(root, wire.body, version, answer=answer)
    claims = _claims(parts.headers, answer=answer)
    check_action(http_action, claims.action)
    return Envelope(wire=wire, profile="soap-gw-1", claims=claims, parsed=parts, soap=version)


def parts_of(root: Element, octets: bytes, version: str, *, answer: bool) -> Parts:
    """The pieces of an envelope by position; `octets` is what the tree was parsed from."""
    header, body, body_at = _shape(root, version)
    check_elements(header, octets)
    payload = payload_of(body, version, answer=answer)
    headers, security = _headers(header, version)
    return Parts(root, header, body, payload, security, headers, (body_at, 0))


def check_action(of_http: str, claimed: str) -> None:
    """The HTTP request promises no other action than the envelope (threat S1)."""
    if of_http and of_http != claimed:
        raise ActionMismatch("the action of the HTTP request is not wsa:Action", threat="S1")


def media_type(wire: Wire) -> tuple[str, str]:
    """SOAP namespace and action that the HTTP headers promise. Raises MediaTypeUnknown, ActionMismatch."""
    version, action = _promised(wire.content_type)
    encodings = [value for key, value in wire.headers if key == "content-encoding"]
    if encodings not in ([], ["identity"]):
        raise MediaTypeUnknown("content encodings are not accepted", threat="S8")
    if version == SOAP12:
        return version, action
    actions = [value for key, value in wire.headers if key == "soapaction"] or [""]
    if len(actions) > 1:
        raise ActionMismatch("SOAPAction stands twice", threat="S1")
    return version, actions[0].strip('"')


@lru_cache(maxsize=256)
def _promised(content_type: str) -> tuple[str, str]:
    """SOAP namespace and `action` parameter of a content type; the few that senders write are read once."""
    media, _, rest = content_type.partition(";")
    version = _MEDIA.get(media.strip().lower())
    if version is None:
        raise MediaTypeUnknown("send text/xml (SOAP 1.1) or application/soap+xml (SOAP 1.2)", threat="S3")
    parameters = _parameters(";" + rest) if rest else {}
    if parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise MediaTypeUnknown("charset must be utf-8", threat="X7")
    return version, parameters.get("action", "")


def _parameters(text: str) -> dict[str, str]:
    """The parameters of a media type, each at most once and none left unread."""
    pairs = _PARAMETER.findall(text)
    found = {key.lower(): value.strip('"') for key, value in pairs}
    if len(found) != len(pairs) or not _PARAMETERS.fullmatch(text.rstrip()):
        raise MediaTypeUnknown("the parameters of the content type are not readable", threat="X7")
    return found


def _shape(root: Element, version: str) -> tuple[Element, Element, int]:
    if tag_of(root) != f"{{{version}}}Envelope":
        raise EnvelopeMalformed("the root is not the Envelope of the SOAP version in the content type", threat="S3")
    if root.attrib or _has_text(root):
        raise EnvelopeMalformed("the Envelope carries attributes or text", threat="W3")
    children = list(root.iterchildren("{*}*"))
    if [tag_of(child) for child in children] != [f"{{{version}}}Header", f"{{{version}}}Body"]:
        raise EnvelopeMalformed("an Envelope holds exactly one Header and one Body", threat="W3")
    if children[0].attrib or _has_text(children[0]):
        raise EnvelopeMalformed("the Header carries attributes or text", threat="W3")
    if set(children[1].attrib) - _BODY_ATTRIBUTES:
        raise EnvelopeMalformed("the Body carries attributes other than its id", threat="S6")
    return children[0], children[1], 1


def _has_text(element: Element) -> bool:
    return bool((element.text or "").strip(_SPACE)) or any((child.tail or "").strip(_SPACE) for child in element)


def payload_of(body: Element, version: str, *, answer: bool) -> Element:
    """The one element of a Body. Raises EnvelopeMalformed, WeakAlgorithm."""
    children = [child for child in body if tag_of(child)]
    if len(children) != 1 or _has_text(body):
        raise EnvelopeMalformed("the Body holds exactly one element", threat="S6")
    payload = children[0]
    tag = tag_of(payload)
    if tag.startswith(_ODD):
        _plain_text(payload)
        if tag.startswith(f"{{{version}}}") and not (answer and tag == f"{{{version}}}Fault"):
            raise EnvelopeMalformed("the Body holds a SOAP element", threat="S6")
        if tag.startswith((f"{{{SOAP11}}}Env", f"{{{SOAP12}}}Env")):
            raise EnvelopeMalformed("an Envelope inside the Body", threat="W3")
    return payload


def _headers(header: Element, version: str) -> tuple[dict[str, Element], Element]:
    found: dict[str, Element] = {}
    security: list[Element] = []
    for child in header.iterchildren("{*}*"):
        tag = tag_of(child)
        name = _KNOWN.get(tag)
        if tag == SECURITY:
            security.append(child)
        elif name is None:
            _foreign(child, version)
        elif name in found:
            raise AddressingInvalid(f"{name} stands twice", threat="S4")
        elif not _for_us(child, version):
            raise AddressingInvalid(f"{name} is meant for another role", threat="S2")
        else:
            found[name] = child
    if len(security) != 1:
        raise SealInvalid(f"{len(security)} Security headers; exactly one is required", threat="W5")
    return found, security[0]


def _foreign(child: Element, version: str) -> None:
    """A header that is not ours is left alone unless it must be understood by us."""
    _plain_text(child)
    if tag_of(child).startswith(_XINCLUDE):
        raise EnvelopeMalformed("inclusions are not accepted", threat="X4")
    if _for_us(child, version) and (child.get(f"{{{version}}}mustUnderstand") or "0").strip(_SPACE) not in _FALSE:
        raise NotUnderstood(f"the header {tag_of(child)} must be understood and is not known here", threat="S2")


def _plain_text(element: Element) -> None:
    """Nothing is encrypted but the connection."""
    if tag_of(element).startswith(_ENCRYPTION) or tag_of(element) == _ENCRYPTED_HEADER:
        raise WeakAlgorithm("XML Encryption is not agreed with anybody", threat="S8")


def _for_us(child: Element, version: str) -> bool:
    """The header is not addressed to somebody else on the way (SOAP 1.1 actor, SOAP 1.2 role)."""
    return (child.get(f"{{{version}}}{_ROLES[version]}") or "").strip(_SPACE) in _ULTIMATE


def _claims(headers: dict[str, Element], *, answer: bool) -> Claims:
    action = _leaf(headers, "Action", 500)
    relates_to = _leaf(headers, "RelatesTo", 300, needed=answer)
    routing = _routing(headers.get("Routing"), answer=answer)
    reply_to = _address(headers, "ReplyTo", needed=False) or WSA_ANONYMOUS
    if _address(headers, "FaultTo", needed=False) not in ("", WSA_ANONYMOUS, reply_to):
        raise DestinationUnreachable("FaultTo is neither anonymous nor ReplyTo", threat="S5")
    return Claims(
        message_id=addressing.message_id(_leaf(headers, "MessageID", 300)),
        action=action,
        to=_leaf(headers, "To", 500),
        sender=addressing.partner_of(_address(headers, "From", needed=True)),
        receiver=routing.get("Receiver"),
        conversation_id=addressing.message_id(routing["ConversationID"]) if "ConversationID" in routing else "",
        relates_to=addressing.message_id(relates_to) if relates_to else None,
        reply_to=reply_to,
    )


def _leaf(headers: dict[str, Element], name: str, longest: int, *, needed: bool = True) -> str:
    element = headers.get(name)
    if element is None:
        if needed:
            raise AddressingInvalid(f"wsa:{name} is missing", threat="S4")
        return ""
    text = _plain(element, name)
    if not text or len(text) > longest:
        raise AddressingInvalid(f"wsa:{name} is empty or longer than {longest} characters", threat="S4")
    return text


def _plain(element: Element, name: str) -> str:
    """Text of a header without children of any kind, comments included (threat X9)."""
    if len(element):
        raise EnvelopeMalformed(f"{name} holds a comment or an element", threat="X9")
    return text_of(element).strip(_SPACE)


def _address(headers: dict[str, Element], name: str, *, needed: bool) -> str:
    element = headers.get(name)
    if element is None:
        if needed:
            raise AddressingInvalid(f"wsa:{name} is missing", threat="S4")
        return ""
    children = list(element)
    if len(children) != 1 or tag_of(children[0]) != f"{{{WSA}}}Address" or _has_text(element):
        raise AddressingInvalid(f"wsa:{name} holds exactly one wsa:Address", threat="S4")
    text = _plain(children[0], f"wsa:{name}")
    if not text or len(text) > 500:  # noqa: PLR2004 - the profile's limit of an address
        raise AddressingInvalid(f"wsa:{name} is empty or too long", threat="S4")
    return text


def _routing(element: Element | None, *, answer: bool) -> dict[str, PartnerId]:
    if element is None:
        if answer:
            return {}
        raise AddressingInvalid("the Routing header is missing", threat="S4")
    found: dict[str, PartnerId] = {}
    for child in element:
        name = _ROUTING_PARTS.get(tag_of(child), "")
        if not name or name in found:
            raise AddressingInvalid("Routing holds at most one Receiver and one ConversationID", threat="S4")
        text = _plain(child, name)
        found[name] = addressing.partner_id(text) if name == "Receiver" else PartnerId(text)
    return found
