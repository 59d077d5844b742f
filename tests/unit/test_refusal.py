"""A refusal says the same in JSON and in both SOAP versions, and a seal's refusal teaches nothing."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from lxml import etree

from gateway.catalogue import codes
from gateway.errors import (
    AddressingInvalid,
    Busy,
    Finding,
    GatewayError,
    InternalError,
    NotUnderstood,
    SchemaViolation,
    SealBroken,
    SealError,
)
from gateway.model import SOAP11, SOAP12, WSA, WSSE
from gateway.refusal import CAP, PROBLEM_NAMESPACE, any_error, fault, fault_element, fault_status, problem
from gateway.xml import parse

INCIDENT = UUID("01990000-0000-7000-8000-000000000001")
FINDING = Finding(
    rule="xsd.pattern",
    params={"element": "CountryCode", "form": "a2", "value": "kz", "hint": "lower-case", "try": "KZ"},
    path="/Query/CountryCode", line=3, column=5, wco_id="063", wco_name="Country of origin, coded", value="kz",
)  # fmt: skip
NS = {"s": SOAP12, "p": PROBLEM_NAMESPACE, "wsa": WSA}


def a_violation(count: int = 1) -> SchemaViolation:
    return SchemaViolation(f"{count} finding(s)", findings=(FINDING,) * count)


def test_problem_has_the_members_of_rfc_9457_and_ours() -> None:
    members = problem(a_violation(), INCIDENT)
    assert members["type"] == "urn:swgw:problem:schema.violation"
    assert members["status"] == 422
    assert members["instance"] == "urn:uuid:01990000-0000-7000-8000-000000000001"
    assert (members["code"], members["retry"], members["findingsTotal"]) == ("schema.violation", False, 1)
    assert members["title"] == "The document is not valid by its schema"
    assert members["detail"].endswith("(1 finding(s))")
    assert members["texts"]["kk"]["title"] == "Құжат схемаға сәйкес емес"
    json.dumps(members)


def test_finding_is_told_in_three_languages() -> None:
    (finding,) = problem(a_violation(), INCIDENT)["findings"]
    assert finding["hint"] == "Codes are written in capital letters. Try “KZ”."
    assert finding["ru"]["hint"] == "Коды пишутся прописными буквами. Попробуйте «KZ»."
    assert finding["kk"]["hint"] == "Кодтар бас әріптермен жазылады. Мынаны көріңіз: «KZ»."
    assert [finding[name] for name in ("rule", "path", "line", "column", "wcoId", "wcoName", "value")] == [
        "xsd.pattern", "/Query/CountryCode", 3, 5, "063", "Country of origin, coded", "kz",
    ]  # fmt: skip


def test_findings_are_capped_and_counted() -> None:
    members = problem(a_violation(100), INCIDENT)
    assert (len(members["findings"]), members["findingsTotal"]) == (CAP, 100)
    assert len(problem(a_violation(100), INCIDENT, cap=3)["findings"]) == 3


SECRET = [error for error in codes() if issubclass(error, SealError)]


@pytest.mark.parametrize("error", SECRET, ids=lambda error: error.code)
def test_seal_refusals_all_say_the_same(error: type[GatewayError]) -> None:
    """Same title, detail, action and texts; no finding, no detail, no threat id: no oracle."""
    refused = error("digest of #body differs", findings=(FINDING,), threat="W4")
    said, other = problem(refused, INCIDENT), problem(SealBroken(), INCIDENT)
    for member in ("title", "detail", "action", "texts", "status", "findings", "findingsTotal"):
        assert said[member] == other[member]
    spelt = json.dumps(said) + fault(refused, INCIDENT, SOAP12).decode() + fault(refused, INCIDENT, SOAP11).decode()
    assert not [leak for leak in ("digest", "W4", "kz", "xsd.pattern") if leak in spelt]


def test_the_family_of_secrets_is_whole() -> None:
    assert {error.code for error in SECRET} == {error.code for error in codes() if error.secret}
    assert len(SECRET) >= 6


def test_soap_12_fault_tells_code_reason_and_detail() -> None:
    root = parse(fault(a_violation(), INCIDENT, SOAP12, "urn:uuid:asked"))
    assert root.findtext(".//s:Code/s:Value", None, NS) == "env:Sender"
    assert root.findtext(".//s:Subcode/s:Value", None, NS) == "p:schema.violation"
    languages = [text.get("{http://www.w3.org/XML/1998/namespace}lang") for text in root.iterfind(".//s:Text", NS)]
    assert languages == ["en", "ru", "kk"]
    assert root.findtext(".//wsa:RelatesTo", None, NS) == "urn:uuid:asked"
    assert root.findtext(".//wsa:Action", None, NS) == f"{WSA}/fault"


@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_fault_detail_holds_the_members_of_the_json(soap: str) -> None:
    members = problem(a_violation(2), INCIDENT)
    told = fault_element(a_violation(2), INCIDENT, soap).find(".//p:problem", NS)
    assert told is not None
    for name in ("type", "title", "status", "detail", "instance", "code", "action", "findingsTotal"):
        assert told.findtext(f"p:{name}", None, NS) == str(members[name])
    assert told.findtext("p:retry", None, NS) == "false"
    findings = told.findall("p:finding", NS)
    assert len(findings) == 2
    for name in ("rule", "path", "line", "column", "wcoId", "wcoName", "value", "text", "hint"):
        assert findings[0].findtext(f"p:{name}", None, NS) == str(members["findings"][0][name])
    assert [text.text for text in findings[0].iterfind("p:hint", NS)][1] == members["findings"][0]["ru"]["hint"]


def test_soap_11_fault_has_unqualified_children() -> None:
    body = parse(fault(SealBroken(), INCIDENT, SOAP11))[1]
    assert [child.tag for child in body[0]] == ["faultcode", "faultstring", "detail"]
    assert body[0].findtext("faultcode") == "wsse:FailedCheck"
    assert body[0].nsmap["wsse"] == WSSE


@pytest.mark.parametrize(
    ("error", "general"), [(a_violation(), "env:Client"), (Busy(), "env:Server"), (InternalError(), "env:Server")]
)
def test_soap_11_fault_without_subcode_blames_a_side(error: GatewayError, general: str) -> None:
    assert fault_element(error, INCIDENT, SOAP11).findtext("faultcode") == general


@pytest.mark.parametrize(
    ("error", "soap", "status"),
    [
        (a_violation(), SOAP12, 400), (a_violation(), SOAP11, 500), (Busy(), SOAP12, 500), (SealBroken(), SOAP12, 400),
        (SealBroken(), SOAP11, 500), (NotUnderstood(), SOAP12, 500),
    ],
)  # fmt: skip
def test_fault_status(error: GatewayError, soap: str, status: int) -> None:
    assert fault_status(error, soap) == status


def test_addressing_fault_has_its_own_action() -> None:
    root = parse(fault(AddressingInvalid("two To"), INCIDENT, SOAP12))
    assert root.findtext(".//wsa:Action", None, NS) == f"{WSA}/soap/fault"
    assert root.findtext(".//s:Subcode/s:Value", None, NS) == "wsa:InvalidAddressingHeader"


def test_must_understand_is_a_code_of_its_own() -> None:
    element = fault_element(NotUnderstood(), INCIDENT, SOAP12)
    assert element.findtext("s:Code/s:Value", None, NS) == "env:MustUnderstand"
    assert element.find(".//s:Subcode", NS) is None


@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
@pytest.mark.parametrize("text", ["]]><x/>&amp;", "\x00\x1b[2J\ufffe", "\ud800", "𠮷 Қазақ \u2028", "a" * 100_000])
def test_hostile_text_stays_text(text: str, soap: str) -> None:
    """Whatever a message says of itself, the Fault that quotes it is well-formed and holds no element of it."""
    refused = SchemaViolation(text, findings=(Finding(rule="xsd.other", params={"message": text}, value=text),))
    root = parse(fault(refused, INCIDENT, soap, relates_to=text, to=text))
    assert root.find(".//x") is None
    assert etree.QName(root).namespace == soap


def test_every_code_can_be_spelt_in_every_protocol() -> None:
    for error in codes():
        json.dumps(problem(error("why"), INCIDENT))
        for soap in (SOAP11, SOAP12):
            assert parse(fault(error("why"), INCIDENT, soap)) is not None


def test_unknown_exception_tells_the_outside_nothing() -> None:
    found = any_error(KeyError("secret path /var/lib"))
    assert isinstance(found, InternalError)
    assert "secret" not in json.dumps(problem(found, INCIDENT))
    assert isinstance(found.__cause__, KeyError)


def test_refusal_stays_itself() -> None:
    refused = a_violation()
    assert any_error(refused) is refused
