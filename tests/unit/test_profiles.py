"""Profiles that no adapter carries yet: documented, shaped alike, known to every desk, strict where it counts."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import date
from functools import cache

import pytest

from gateway.codes.check import business_day
from gateway.errors import ConfigurationError, Finding
from gateway.facts import Fact
from gateway.messages import COLUMNS, read_messages
from gateway.model import Document
from gateway.schema import validate_bare
from gateway.schema.bare import judge
from gateway.schema.diff import diff
from gateway.schema.pages import documents_of
from gateway.twin import from_json, to_json
from gateway.twin.json_schema import json_schema
from gateway.xml import Element, canonical, parse, readable_path
from tests.fact_verdict import value_taken
from tests.profiles import MESSAGES, desk, record, sample, schemas
from tests.twins import facts_of, known, plain, registry

DAY = date(2026, 11, 23)
OWN = re.compile(r"KZ[0-9]{3}")
WCO = re.compile(r"[0-9][0-9][0-9A-Z]|[DGLRT][0-9]{3}")
SHARED = frozenset(
    {"AdditionalDocument", "Address", "BinaryFile", "BorderTransportMeans", "Communication", "Consignee", "Consignor",
     "Contact", "Declaration", "Error", "Exporter", "GovernmentAgencyGoodsItem", "Importer", "Packaging", "Pointer",
     "Seal", "TransportContractDocument", "TransportEquipment", "UCR"}
)  # fmt: skip
every = pytest.mark.parametrize("message", MESSAGES)


@cache
def shown() -> dict[str, dict[str, bytes]]:
    return documents_of(registry())


@cache
def leaves(message: str) -> tuple[Fact, ...]:
    return tuple(fact for fact in facts_of(message).facts.values() if fact.type != "class")


def spoilt(message: str, old: str, new: str) -> tuple[Finding, ...]:
    text = sample(message).decode()
    assert old in text, f"{message} has no {old}"
    found = validate_bare(text.replace(old, new, 1).encode(), schemas())
    return found if isinstance(found, tuple) else ()


@every
def test_every_element_is_documented(message: str) -> None:
    """A name and what it means; every value with an example; ids of the WCO where the concept is the WCO's."""
    table = facts_of(message)
    assert not table.official
    assert table.version == "1.0"
    assert re.fullmatch(r"urn:swgw:[a-z-]+:1", table.namespace)
    for fact in table.facts.values():
        assert fact.wco_name and fact.note, fact.path
        assert OWN.fullmatch(fact.wco_id) or WCO.fullmatch(fact.wco_id), fact.path
        assert fact.type == "class" or "for example" in fact.note, fact.path
        assert "\\d" not in fact.pattern and "\\w" not in fact.pattern, fact.path


@every
def test_every_example_of_a_note_would_be_taken(message: str) -> None:
    """What a note shows is right itself."""
    for fact in leaves(message):
        assert value_taken(fact.note.rpartition("for example ")[2], fact), fact.path


def test_shared_parts_are_the_same_in_every_message() -> None:
    """A seal is a seal everywhere: same names, ids, formats, codes and patterns; one id has one name."""
    shapes: dict[tuple[str, str], set[tuple[str, ...]]] = defaultdict(set)
    names: dict[str, set[str]] = defaultdict(set)
    for message in MESSAGES:
        for fact in facts_of(message).facts.values():
            above, _, name = fact.path.rpartition("/")
            names[fact.wco_id].add(fact.wco_name)
            if above.rpartition("/")[2] in SHARED:
                shape = (fact.type, fact.wco_id, fact.wco_name, fact.format, fact.codes, fact.pattern)
                shapes[above.rpartition("/")[2], name].add(shape)
    assert {key: found for key, found in shapes.items() if len(found) > 1} == {}
    assert {key: found for key, found in names.items() if OWN.fullmatch(key) and len(found) > 1} == {}


def test_an_id_of_ours_means_one_thing_in_all_tables() -> None:
    """A new profile takes no number that another profile has for something else."""
    roots: dict[str, set[str]] = defaultdict(set)
    for document in MESSAGES:
        top = next(iter(facts_of(document).facts.values()))
        roots[top.wco_id].add(top.name)
    others = {fact.wco_id for name in known() if name not in MESSAGES for fact in facts_of(name).facts.values()}
    assert all(len(found) == 1 for found in roots.values())
    assert not others & set(roots)


@every
def test_the_sample_is_known_to_every_desk(message: str) -> None:
    """Recognised, valid, found by its keys, right by its code lists, the same as JSON, described as JSON Schema."""
    found = validate_bare(sample(message), schemas())
    assert isinstance(found, Document), found
    assert found.type == message
    assert {scheme for scheme, _ in found.keys} == set(record(message).keys)
    assert judge(sample(message), schemas()).schema.startswith(record(message).path)
    day = business_day(sample(message), facts_of(message), registry().lists) or DAY
    assert desk(message).check(sample(message), day) == ()
    twin = to_json(sample(message), facts_of(message))
    assert plain(from_json(twin, facts_of(message))) == plain(sample(message))
    assert json_schema(facts_of(message))["title"] == facts_of(message).title


@every
def test_the_sample_shows_the_message(message: str) -> None:
    """Every element that must be there, and many of the others; what belongs to a refusal stays away."""
    outline = {fact.path for fact in facts_of(message).facts.values() if not fact.attribute}
    root = parse(sample(message))
    shown = {path_of(element) for element in root.iter("{*}*")}
    assert shown <= outline
    assert len(shown) >= len(outline) * 2 / 5


def path_of(element: Element) -> str:
    return re.sub(r"\[[0-9]+\]", "", readable_path(element)).lstrip("/")


@every
def test_the_sample_is_on_the_page(message: str) -> None:
    """`gateway schema pages` shows the document whole."""
    assert shown()[message] == {f"{record(message).path.split('/')[1]}/{message}": sample(message)}


@every
def test_a_message_does_not_differ_from_itself(message: str) -> None:
    """`gateway schema diff` reads every profile."""
    assert diff(facts_of(message), facts_of(message)) == ()


BROKEN = (
    ("SEAL_EVENT", "SL-990001", "ЅL-990001", "xsd.pattern", "Seal/ID"),
    ("SEAL_EVENT", "T05:58:30Z", "T05:58:30", "xsd.pattern", "EventDateTime"),
    ("SEAL_EVENT", "<LatitudeMeasure>44.2", "<LatitudeMeasure>94.2", "xsd.pattern", "Position/LatitudeMeasure"),
    ("SEAL_EVENT", "<EventNumeric>3", "<EventNumeric>0", "xsd.pattern", "EventNumeric"),
    ("SEAL_EVENT", "<AlarmIndicator>true", "<AlarmIndicator>1", "xsd.pattern", "AlarmIndicator"),
    ("SEAL_EVENT", "57505/211126", "575051/211126", "xsd.pattern", "Declaration/ID"),
    ("SEAL_DISPOSITION", "<DispositionCode>INSPECT", "<DispositionCode>inspect", "xsd.pattern", "DispositionCode"),
    ("JOINT_CONTROL_PROPOSE", "<SilenceCode>HOLD", "<SilenceCode>APPROVED", "xsd.enumeration", "SilenceCode"),
    ("JOINT_CONTROL_REPLY", "<ReplyCode>ATTEND", "<ReplyCode>MAYBE", "xsd.enumeration", "ReplyCode"),
    ("JOINT_CONTROL_RESULT", "<VerdictCode>CONFORM</VerdictCode>", "", "xsd.missing", ""),
    ("CRV_RECORD", "LEGAL_ENTITY", "PRIVATE_PERSON", "xsd.enumeration", "Record/PersonKindCode"),
    ("CRV_RECORD", "<FinalIndicator>true", "<FinalIndicator>false", "xsd.enumeration", "Record/FinalIndicator"),
    ("CRV_RECORD", "<ReportMonth>2026-10", "<ReportMonth>2026-13", "xsd.pattern", "ReportMonth"),
    ("CRV_QUERY", "<PrefixCode>RU</PrefixCode>", "", "xsd.missing", "TIN"),
    ("CRV_QUERY", "<TIN>", "<Name>Пример</Name><TIN>", "xsd.unexpected", "Name"),
    ("CRV_RESULT", "<ResultCode>FOUND", "<ResultCode>YES", "xsd.enumeration", "ResultCode"),
    ("OUTBOUND_INSPECT_REQ", "<GroundCode>RISK_PROFILE</GroundCode>", "", "xsd.missing", ""),
    ("OUTBOUND_INSPECT_DECISION", ">ACCEPT<", ">REFUSED<", "xsd.enumeration", "InspectionDecisionCode"),
    ("OUTBOUND_INSPECT_RESULT", "9f86d0", "9F86D0", "xsd.pattern", "BinaryFile/DigestID"),
    ("ACI_CARGO", "<CommodityID>3004909200", "<CommodityID>300490920", "xsd.pattern", "CommodityID"),
    ("ACI_CARGO", '<GrossMassMeasure unitCode="KGM"', "<GrossMassMeasure", "xsd.attribute-missing", "@unitCode"),
    ("ACI_CARGO", "<TypeCode>02013", "<TypeCode>2013", "xsd.pattern", "TransportContractDocument/TypeCode"),
    ("ACI_ASSESSMENT", "<RequestReferenceID>GW-2026-000123</RequestReferenceID>", "", "xsd.missing", ""),
    ("RELIEF_LIST", "HS2022", "HS2012", "xsd.enumeration", "HSEditionCode"),
    ("RELIEF_LIST", "<HeadingID>300241", "<HeadingID>30.02.41", "xsd.pattern", "ListItem/HeadingID"),
    ("RELIEF_NOTICE", "<UndertakingIndicator>true", "<UndertakingIndicator>false", "xsd.enumeration",
     "UndertakingIndicator"),
    ("RELIEF_PERMISSION", "2026-12-22</DeclarationLimitDate>", "22.12.2026</DeclarationLimitDate>", "xsd.date",
     "DeclarationLimitDate"),
    ("EXIT_CONFIRMED", "1250.5", "1250,5", "xsd.decimal", "GrossMassMeasure"),
    ("VAT_PROOF", ' currencyID="KZT"', "", "xsd.attribute-missing", "StatisticalValueAmount/@currencyID"),
    ("VAT_PROOF_RESULT", ">CONFIRMED<", ">OK<", "xsd.enumeration", "VATDecisionCode"),
    ("PERF_REPORT", "<FigureStateCode>MEASURED", "<FigureStateCode>ZERO", "xsd.enumeration", "FigureStateCode"),
    ("CONTACT_POINT_UPDATE", "<LanguageCode>ru", "<LanguageCode>RUS", "xsd.pattern", "LanguageCode"),
    ("LPCO_APPLY", "<ID>991240999911", "<ID>KZ991240999911", "xsd.pattern", "Applicant/ID"),
    ("LPCO_STATUS_CHANGE", "<ChangeCode>REVOKED", "<ChangeCode>CANCELLED", "xsd.enumeration", "ChangeCode"),
    ("AEO_APPLY", "<SectionCode>COMPANY</SectionCode>", "", "xsd.missing", "Section[1]"),
    ("AEO_STATUS_CHANGE", "<AEOStateCode>SUSPENDED", "<AEOStateCode>APPLIED", "xsd.enumeration", "AEOStateCode"),
    ("AEO_BENEFIT_RESULT", "<BenefitResultCode>BENEFIT", "<BenefitResultCode>YES", "xsd.enumeration",
     "BenefitResultCode"),
    ("RISK_FEEDBACK", "<FeedbackCode>CONFIRMED", "<FeedbackCode>OK", "xsd.enumeration", "FeedbackCode"),
    ("METER_READING", "1250000.5<", "1 250 000.5<", "xsd.decimal", "ReadingQuantity"),
    ("TAXPAYER_QUERY", "<ID>991240999802", "<ID>９９１２４０９９９８０２", "xsd.pattern", "Taxpayer/ID"),
    ("LAB_RESULT", ">AS_DECLARED<", ">DECLARED<", "xsd.enumeration", "LabFindingCode"),
    ("AUDIT_REFERRAL", "2025-01-01", "2025-02-30", "xsd.date", "PeriodStartDate"),
)  # fmt: skip


@pytest.mark.parametrize(("message", "old", "new", "rule", "path"), BROKEN, ids=lambda part: str(part)[:24])
def test_what_breaks_a_rule_of_the_exchange_is_refused(message: str, old: str, new: str, rule: str, path: str) -> None:
    """Once, by its rule, at its place."""
    (found,) = spoilt(message, old, new)
    assert found.rule == rule
    assert found.path.endswith(path)
    assert found.line and found.column


def test_every_profile_is_broken_once() -> None:
    """At least one refusal for each family."""
    assert {record(message).namespace for message in MESSAGES} == {record(case[0]).namespace for case in BROKEN}


@pytest.mark.parametrize(
    ("message", "old", "new", "rule"),
    [
        ("SEAL_EVENT", ">TAMPER<", ">TEMPER<", "code.unknown"),
        ("SEAL_DISPOSITION", ">INSPECT<", ">STOP<", "code.unknown"),
        ("ACI_ASSESSMENT", ">CLEAR<", ">CLEARED<", "code.unknown"),
        ("CRV_QUERY", "<PrefixCode>RU<", "<PrefixCode>QZ<", "code.unknown"),
        ("TAXPAYER_QUERY", "991240999802", "991240999803", "id.bin"),
    ],
)
def test_what_no_list_has_is_found(message: str, old: str, new: str, rule: str) -> None:
    """Valid by its schema, and told by the code check."""
    payload = sample(message).decode()
    assert old in payload
    rules = {finding.rule for finding in desk(message).check(payload.replace(old, new, 1).encode(), DAY)}
    assert any(found.startswith(rule.partition(".")[0]) for found in rules), rules


def test_the_sample_is_canonical_text() -> None:
    """Every sample is written so that its canonical form parses to the same."""
    for message in MESSAGES:
        assert plain(canonical(parse(sample(message)))) == plain(sample(message))


HEAD = ",".join(COLUMNS) + "\n"


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ("X,,,NT,a", "8 cells"),
        (",,,NT,a,b,k,", "a message that stands once"),
        ("X,,,NT,a,b,k,\nX,,,NT,a,b,k,", "a message that stands once"),
        ("X,,,ZZ,a,b,k,", "NT | DI | RR | RC | MO"),
        ("X,,tin,NT,a,b,k,", "scheme=path"),
    ],
)
def test_a_wrong_row_of_the_catalogue_is_told_with_its_line(row: str, wanted: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_messages(HEAD + row + "\n", "m.csv")
    (finding,) = refused.value.findings
    assert finding.params["wanted"] == wanted
    assert finding.line == 1 + row.count("\n") + 1
