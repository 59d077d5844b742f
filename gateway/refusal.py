"""A refusal, spelt for whoever asked: RFC 9457 problem+json, a SOAP 1.1 Fault or a SOAP 1.2 Fault, one set of members.

Refusals of a seal say the same words whatever went wrong, and name no finding and no threat: they teach nothing.
"""

from __future__ import annotations

import re
from typing import Any, Final
from uuid import UUID

from lxml import etree

from gateway.errors import Finding, GatewayError, InternalError
from gateway.model import LANGUAGES, PROBLEM, SOAP11, SOAP12, WSA, WSA_ANONYMOUS, WSSE, WSU, Language
from gateway.words import SEAL, Words, say
from gateway.xml import Element

MEDIA_TYPE: Final = "application/problem+json"
PROBLEM_NAMESPACE: Final = "urn:swgw:problem:1"
CAP: Final = 25
"""Findings shown in one answer; the members say how many there are."""
_FAULT_ACTION: Final = f"{WSA}/fault"
_ADDRESSING_FAULT_ACTION: Final = f"{WSA}/soap/fault"
_XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MEMBERS: Final = ("rule", "path", "line", "column", "wcoId", "wcoName", "value", "text", "hint")
_SENDER_FAULT: Final = 400
_RECEIVER_FAULT: Final = 500


def any_error(error: BaseException) -> GatewayError:
    """A refusal as it is; anything else becomes InternalError, which tells the outside nothing of it."""
    if isinstance(error, GatewayError):
        return error
    failure = InternalError()
    failure.__cause__ = error
    return failure


def problem(error: GatewayError, incident: UUID, cap: int = CAP) -> dict[str, Any]:
    """The RFC 9457 members of a refusal, ready for JSON.

    `type`, `title`, `status`, `detail`, `instance` (the incident) and ours: `code`, `action` (what to do), `retry`,
    `findings` (at most `cap`), `findingsTotal`, `texts` (title, detail and action in Russian and Kazakh).
    """
    english = _said(error, "en")
    findings = () if error.secret else error.findings
    return {
        "type": f"{PROBLEM}{error.code}",
        "title": english.title,
        "status": error.status,
        "detail": english.text,
        "instance": incident.urn,
        "code": error.code,
        "action": english.hint,
        "retry": error.retry,
        "findings": [finding_members(finding) for finding in findings[:cap]],
        "findingsTotal": len(findings),
        "texts": {language: _translated(error, language) for language in LANGUAGES if language != "en"},
    }


def _said(error: GatewayError, language: Language) -> Words:
    """The words of the code; for what is not secret followed by what happened to this message, in English."""
    words = say(SEAL if error.secret else error.code, {}, language)
    if error.secret or not error.detail or error.code == InternalError.code:
        return words
    return Words(title=words.title, text=f"{words.text} ({error.detail})", hint=words.hint)


def _translated(error: GatewayError, language: Language) -> dict[str, str]:
    words = _said(error, language)
    return {"title": words.title, "detail": words.text, "action": words.hint}


def finding_members(finding: Finding) -> dict[str, Any]:
    """One finding with its words in three languages; members without a value are left out."""
    params = {"value": finding.value, "path": finding.path, **finding.params}
    english = say(finding.rule, params, "en")
    members: dict[str, Any] = {
        "rule": finding.rule,
        "path": finding.path,
        "pointer": finding.pointer,
        "line": finding.line,
        "column": finding.column,
        "wcoId": finding.wco_id,
        "wcoName": finding.wco_name,
        "value": finding.value,
        "text": english.text,
        "hint": english.hint,
    }
    told = {name: value for name, value in members.items() if value not in ("", None)}
    for language in LANGUAGES:
        if language != "en":
            words = say(finding.rule, params, language)
            told[language] = {"text": words.text, "hint": words.hint}
    return told


def fault_status(error: GatewayError, soap: str) -> int:
    """The HTTP status of a Fault: SOAP 1.1 always 500; SOAP 1.2 400 for the sender's fault, else 500."""
    sender = soap == SOAP12 and error.blame == "sender" and error.subcode != "env:MustUnderstand"
    return _SENDER_FAULT if sender else _RECEIVER_FAULT


def fault(error: GatewayError, incident: UUID, soap: str, relates_to: str = "", to: str = WSA_ANONYMOUS) -> bytes:
    """A whole SOAP envelope with WS-Addressing headers and one Fault; `soap` is the namespace of the version.

    `relates_to` is the message id as the sender gave it, empty when it could not be read.
    """
    envelope = etree.Element(f"{{{soap}}}Envelope", nsmap={"env": soap, "wsa": WSA})
    header = etree.SubElement(envelope, f"{{{soap}}}Header")
    addressing = error.subcode.startswith("wsa:")
    _add(header, f"{{{WSA}}}Action", _ADDRESSING_FAULT_ACTION if addressing else _FAULT_ACTION)
    _add(header, f"{{{WSA}}}MessageID", incident.urn)
    _add(header, f"{{{WSA}}}To", to)
    if relates_to:
        _add(header, f"{{{WSA}}}RelatesTo", relates_to)
    etree.SubElement(envelope, f"{{{soap}}}Body").append(fault_element(error, incident, soap))
    return etree.tostring(envelope, encoding="UTF-8", xml_declaration=True)


def fault_element(error: GatewayError, incident: UUID, soap: str) -> Element:
    """The Fault alone, to be put into a Body that is sealed."""
    spaces = {"env": soap, "wsa": WSA, "wsse": WSSE, "wsu": WSU, "p": PROBLEM_NAMESPACE}
    element = etree.Element(f"{{{soap}}}Fault", nsmap=spaces)
    (_fill_11 if soap == SOAP11 else _fill_12)(element, error)
    name = "detail" if soap == SOAP11 else f"{{{soap}}}Detail"
    etree.SubElement(element, name).append(_problem_element(problem(error, incident)))
    return element


def _fill_11(element: Element, error: GatewayError) -> None:
    """SOAP 1.1 section 4.4: faultcode and faultstring; a code of another namespace stands in faultcode itself."""
    general = "env:Client" if error.blame == "sender" else "env:Server"
    _add(element, "faultcode", error.subcode or general)
    _add(element, "faultstring", _said(error, "en").text).set(_XML_LANG, "en")


def _fill_12(element: Element, error: GatewayError) -> None:
    """SOAP 1.2 part 1 section 5.4: Code with Subcode, Reason in every language."""
    code = etree.SubElement(element, f"{{{SOAP12}}}Code")
    if error.subcode.startswith("env:"):
        _add(code, f"{{{SOAP12}}}Value", error.subcode)
    else:
        _add(code, f"{{{SOAP12}}}Value", "env:Sender" if error.blame == "sender" else "env:Receiver")
        _add(etree.SubElement(code, f"{{{SOAP12}}}Subcode"), f"{{{SOAP12}}}Value", error.subcode or f"p:{error.code}")
    reason = etree.SubElement(element, f"{{{SOAP12}}}Reason")
    for language in LANGUAGES:
        _add(reason, f"{{{SOAP12}}}Text", _said(error, language).text).set(_XML_LANG, language)


def _problem_element(members: dict[str, Any]) -> Element:
    """The members of the JSON as XML: same names, same order."""
    element = etree.Element(_ours("problem"), nsmap={"p": PROBLEM_NAMESPACE})
    for name in ("type", "title", "status", "detail", "instance", "code", "action", "retry", "findingsTotal"):
        _add(element, _ours(name), _text(members[name]))
    for language, texts in members["texts"].items():
        told = etree.SubElement(element, _ours("texts"), {_XML_LANG: language})
        for name, text in texts.items():
            _add(told, _ours(name), text)
    for finding in members["findings"]:
        _finding_element(element, finding)
    return element


def _finding_element(parent: Element, members: dict[str, Any]) -> None:
    element = etree.SubElement(parent, _ours("finding"))
    for name in _MEMBERS:
        if name in members:
            _add(element, _ours(name), _text(members[name]))
    for language in LANGUAGES:
        for name, text in members.get(language, {}).items():
            _add(element, _ours(name), text).set(_XML_LANG, language)


def _ours(name: str) -> str:
    return f"{{{PROBLEM_NAMESPACE}}}{name}"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _add(parent: Element, name: str, text: str) -> Element:
    """A child with text; characters that XML 1.0 cannot carry become U+FFFD instead of a failure."""
    child = etree.SubElement(parent, name)
    child.text = _NOT_XML.sub("\ufffd", text)
    return child
