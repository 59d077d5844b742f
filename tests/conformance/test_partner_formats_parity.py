"""Our schemas of partner formats say valid and invalid exactly where the published ones do.

`GATEWAY_PARITY` sets the number of spoilt documents per message (200 when not set; 2,000 and more for a release).

Differences we want, and why:
- ncts: a message names its own type; the published schemas take the name of any message in every message.
- sps: the hub declares `ID`, `TypeCode` and `IssueDateTime` as anything at all where it refers to them; ours take an
  identifier, a code, and a date as text or as one DateTimeString.
- sps: the hub declares four elements without a namespace, though messages have them in one; ours follow the messages.
- sps: the hub takes floating numbers (`1e3`, `INF`, `NaN`); ours take decimal numbers.
- sps: the hub takes any of its elements, such as a lone `TypeCode`, as a whole message.
"""

from __future__ import annotations

import copy
import random
import re
import tempfile
from functools import partial
from pathlib import Path

import pytest
import xmlschema
from lxml import etree

from gateway.xml import Element, parse, text_of
from tests.conformance.partner_documents import MORE, REFERENCE, RICHNESS, ROOT, Format

pytestmark = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the published schemas are not on this machine")

RAM = "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:21"
XS = "{http://www.w3.org/2001/XMLSchema}"
BARE = {
    ("UtilizedSPSTransportEquipment", "ID"), ("AffixedSPSSeal", "ID"),
    ("IncludedSPSConsignmentItem", "NatureIdentificationSPSCargo"), ("NatureIdentificationSPSCargo", "TypeCode"),
}  # fmt: skip
ANYTHING = {
    ("SPSExchangedDocument", "IssueDateTime"), ("SPSAcknowledgementDocument", "IssueDateTime"),
    ("ReferenceSPSReferencedDocument", "IssueDateTime"), ("ReferenceSPSReferencedDocument", "TypeCode"),
    ("ReferenceSPSReferencedDocument", "ID"), ("ConsignorSPSParty", "TypeCode"), ("ConsigneeSPSParty", "TypeCode"),
    ("TransitSPSCountry", "ID"), ("UnloadingBaseportSPSLocation", "ID"),
}  # fmt: skip
FLOATING = {
    "NetWeightMeasure", "GrossWeightMeasure", "NetVolumeMeasure", "GrossVolumeMeasure", "DurationMeasure",
    "ValueMeasure", "ItemQuantity",
}  # fmt: skip


def _file(path: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(REFERENCE / path))


def _hub(root: str) -> etree.XMLSchema:
    """The schemas inside the hub's service description, put into files that find one another."""
    inlined = list(etree.parse(REFERENCE / "sps" / "wsdl" / "uat-ephyto.wsdl").iter(f"{XS}schema"))
    names = {schema.get("targetNamespace", ""): f"{number}.xsd" for number, schema in enumerate(inlined)}
    with tempfile.TemporaryDirectory() as folder:
        for schema in inlined:
            for wanted in schema.iter(f"{XS}import"):
                wanted.set("schemaLocation", names[wanted.get("namespace", "")])
            (Path(folder) / names[schema.get("targetNamespace", "")]).write_bytes(etree.tostring(schema))
        top = next(name for space, name in names.items() if space.endswith(f":{root}:17"))
        return etree.XMLSchema(etree.parse(Path(folder) / top))


def _own_type(root: Element) -> bool:
    """NCTS: the same verdict once the message names its own type."""
    document = copy.deepcopy(root)
    own = etree.QName(root).localname
    for named in document.findall("messageType"):
        named.text = own if re.fullmatch("C[CD][0-9]{3}[A-Z]", text_of(named).strip()) else text_of(named)
    form = FORMATS[f"ncts/{own.lower()}"]
    return form.ours.validate(document) == form.theirs.validate(document)


def _bare(root: Element) -> Element:
    """SPS: the four elements as the hub declares them, and the other way round."""
    document = copy.deepcopy(root)
    for node in [node for node in document.iter("{*}*") if _place(node) in BARE]:
        name = etree.QName(node)
        space = {"": RAM, RAM: None}.get(name.namespace or "", name.namespace)
        node.tag = etree.QName(space, name.localname).text
    return document


def _place(node: Element) -> tuple[str, str]:
    parent = node.getparent()
    return ("" if parent is None else etree.QName(parent).localname, etree.QName(node).localname)


def _looser(root: Element) -> bool:
    """SPS: the same verdict once what the hub leaves open holds something plain."""
    document = copy.deepcopy(root)
    for node in list(document.iter(f"{{{RAM}}}*")):
        if _place(node) in ANYTHING:
            node.attrib.clear()
            node[:] = []
            node.text = "1"
        elif _place(node)[1] in FLOATING and re.fullmatch(_FLOAT, text_of(node).strip()):
            node.text = "1"
    name = f"sps/{etree.QName(root).localname.removeprefix('SPS').lower()}"
    if name not in FORMATS:  # the hub takes any of its elements as a whole message
        return True
    form = FORMATS[name]
    return form.ours.validate(document) == form.theirs.validate(_bare(document))


_FLOAT = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|NaN|-?INF"


NCTS = ("007", "015", "025", "028", "029", "045", "906")
ICS2 = ("IE4N03", "IE4S01", "IE4S02")
FORMATS = {
    **{
        f"ncts/cc{number}c": Format(
            path=f"ncts/cc{number}c.csv", published=partial(_file, f"ncts/xsd/cc{number}c.xsd"), wanted=_own_type
        )
        for number in NCTS
    },
    **{
        f"ics2/{name.lower()}": Format(
            path=f"ics2/{name.lower()}.csv", published=partial(_file, f"ics2-ccn2/definitions/{name}.xsd")
        )
        for name in ICS2
    },
    **{
        f"sps/{name}": Format(
            path=f"sps/{name}.csv", published=partial(_hub, f"SPS{name.title()}"), wanted=_looser, seen=_bare
        )
        for name in ("certificate", "acknowledgement")
    },
}
every = pytest.mark.parametrize("name", FORMATS)


def samples(name: str) -> list[Element]:
    """The published samples of a message."""
    family, _, message = name.partition("/")
    if family == "ncts":
        return [parse(path.read_bytes()) for path in sorted((REFERENCE / "ncts/samples").glob(f"{message}-*.xml"))]
    return [parse((REFERENCE / "sps/samples/SPSCertificateContent.xml").read_bytes())] if "cert" in name else []


@every
def test_every_sample_has_the_published_verdict(name: str) -> None:
    """Good and bad samples alike."""
    assert [FORMATS[name].differ(root) for root in samples(name)] == [""] * len(samples(name))


def test_the_samples_are_judged_as_they_should_be() -> None:
    """Two valid NCTS samples and one invalid; the hub's own sample is not in the order of the hub's schema."""
    verdicts = {name: [FORMATS[name].ours.validate(root) for root in samples(name)] for name in FORMATS}
    assert verdicts["ncts/cc015c"] == [False, True]
    assert verdicts["ncts/cc007c"] == [True]
    assert verdicts["sps/certificate"] == [False]


@every
def test_every_element_alone_is_valid_in_both(name: str) -> None:
    """The smallest document with each element and attribute of the table."""
    form = FORMATS[name]
    for root, path in form.alone():
        assert form.ours.validate(root), f"{path}: {form.ours.error_log.last_error}"
        assert form.theirs.validate(form.seen(root)), f"{path}: {form.theirs.error_log.last_error}"


@every
def test_random_documents_are_valid_in_both(name: str) -> None:
    """Made from the facts alone, from poor to rich."""
    form, rng = FORMATS[name], random.Random(name)
    for number in range(40 + MORE // 10):
        root = form.build(rng, RICHNESS[number % len(RICHNESS)])
        assert form.ours.validate(root), form.ours.error_log.last_error
        assert form.theirs.validate(form.seen(root)), form.theirs.error_log.last_error


@every
def test_elements_in_the_wrong_order_have_the_published_verdict(name: str) -> None:
    """Each element before the one it must follow."""
    assert [f"{done}: {found}" for root, done in FORMATS[name].swaps() if (found := FORMATS[name].differ(root))] == []


@every
def test_odd_values_have_the_published_verdict(name: str) -> None:
    """Every kind of value with every odd text; a seeded share of all elements with odd texts and attributes."""
    documents = FORMATS[name].probes(min(1.0, 0.003 + MORE / 10_000))
    assert [f"{done}: {found}" for root, done in documents if (found := FORMATS[name].differ(root))] == []


@every
def test_spoilt_documents_have_the_published_verdict(name: str) -> None:
    """Elements dropped, doubled, moved, lengthened, retyped, blanked, renamed, moved to other namespaces."""
    form, number, valid = FORMATS[name], MORE or 200, 0
    found = []
    for root, done in form.spoilt(number, samples(name)):
        valid += form.ours.validate(root)
        if difference := form.differ(root):
            found.append(f"{done}: {difference}")
    assert found == []
    assert number * 0.01 < valid < number * 0.6


@every
def test_both_engines_agree(name: str) -> None:
    """The engine that explains says what the engine that judges says."""
    form = FORMATS[name]
    explained = xmlschema.XMLSchema(str((ROOT / "xsd" / form.path).with_suffix(".xsd")), allow="local")
    for root, done in form.spoilt(12, samples(name)):
        assert explained.is_valid(etree.tostring(root, encoding="UTF-8")) == form.ours.validate(root), done
