"""`gateway validate` says of every public document what the published schema says, and takes it by the right schema.

Differences, and why:
- envelopes are told as such: `validate` takes bare messages; what stands in their Body is judged on its own here;
- documents in UTF-16 are refused as not UTF-8 whatever their schema: the gateway takes nothing else (IRU samples);
- CC043C and CC044C have no schema of ours: unloading is not among the messages we are true to.
"""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from gateway.facts import FactTable
from gateway.schema import Schemas
from gateway.schema.bare import judge
from gateway.schema.generate import load_facts
from gateway.schema.shelf import all_schemas
from gateway.xml import Element, parse
from tests.conformance.test_partner_formats_parity import FORMATS
from tests.twins import registry

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
FILES = sorted(path for path in REFERENCE.rglob("*.xml") if "vectors" not in path.parts)
SUBMIT = "wrapper_submit"
WCO = {"dec-": SUBMIT, "dec-cancel": "wrapper_cancel", "res-": "wrapper_notification"}
SOAP = "{http://www.w3.org/2003/05/soap-envelope}"
KNOWN = {
    "blank-asycuda-template.xml": "ASYCUDA_SAD", "IES002-response-quantity-management.xml": "CERTEX_IES002",
    "IES001-request.xml": "CERTEX_GENERIC_REQUEST", "ack-CoD.xml": "CCN2_COD", "ack-CoE.xml": "CCN2_COE",
    "ClearanceRequest.xml": "ALVS_CLEARANCE_REQUEST", "FinalisationNotification.xml": "ALVS_FINALISATION",
    "DecisionNotification.xml": "ALVS_DECISION_NOTIFICATION", "HMRCErrorNotification.xml": "ALVS_ERROR_NOTIFICATION",
    "cc007c-valid.xml": "NCTS_CC007C", "cc015c-valid-2.xml": "NCTS_CC015C",
    "dec-amend-TT_EX009a-step5.xml": "DEC_AMENDED", "dec-cancel-TT_EX010a.xml": "DEC_WITHDRAWN",
    "dec-export-TT_EX001a-seals-itinerary.xml": "DEC_LODGED", "dec-export-TT_EX022a-aeo-mra-party.xml": "DEC_LODGED",
    "dec-import-TT_IM006a-writeoff.xml": "DEC_LODGED", "res-02-DMSRCV-TT_EX039a.xml": "DEC_RESPONSE",
    "res-07-DMSRES-TT_EX039a.xml": "DEC_RESPONSE",
}  # fmt: skip
"""The valid documents; those without a published schema are what ours was inferred from."""

pytestmark = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the public documents are not on this machine")
each = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


@cache
def schemas() -> Schemas:
    return all_schemas(registry())


def bare(file: Path) -> bytes:
    """The document as it is; of an envelope, what its Body holds."""
    payload = file.read_bytes()
    inside = None if payload.startswith((b"\xff\xfe", b"\xfe\xff")) else _tree(payload).find(f"{SOAP}Body/{{*}}*")
    return payload if inside is None else etree.tostring(copy.deepcopy(inside), encoding="UTF-8", with_tail=False)


def _tree(payload: bytes) -> Element:
    return etree.fromstring(payload)


def published(file: Path) -> bool | None:
    """The verdict of the published schema; None where there is none."""
    root = _tree(bare(file))
    if "wco" in file.parts:
        name = next((schema for start, schema in sorted(WCO.items(), reverse=True) if start in file.name), SUBMIT)
        return bool(_wco(name).validate(root))
    form = FORMATS.get(f"ncts/{file.name[:6]}") or (FORMATS["sps/certificate"] if "sps" in file.parts else None)
    return bool(form.theirs.validate(form.seen(root))) if form else None


@cache
def _wco(name: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(REFERENCE / "wco" / "schemas" / "customs" / f"{name}.xsd"))


@each
def test_every_public_document_has_the_published_verdict(file: Path) -> None:
    """Good ones by the schema of their message, bad ones with a finding that says where."""
    found = judge(bare(file), schemas())
    assert found.valid == (file.name in KNOWN)
    assert published(file) in (None, found.valid)
    assert found.type == KNOWN.get(file.name, found.type)
    assert found.valid or all(finding.line for finding in found.findings) or found.findings[0].rule == "xml.encoding"


@each
def test_an_envelope_is_told_as_one(file: Path) -> None:
    """Not as an unknown document; a document as it stands is never taken for one."""
    payload = file.read_bytes()
    rules = {finding.rule for finding in judge(payload, schemas()).findings}
    assert ("schema.envelope" in rules) == (bare(file) != payload)


def test_only_what_we_do_not_know_has_no_schema() -> None:
    """Traps before the schema is known, and the messages listed."""
    without = {file.name for file in FILES if not judge(bare(file), schemas()).schema}
    strange = {name for name in without if not name.startswith("trap-")}
    assert strange == {
        "EGISQuerySample.xml", "WSSTQuerySample.xml", "cc044c-valid.xml", "IE4N05-control-recommendation.xml",
        "IE4S03-control-result-v2-template.xml",
    }  # fmt: skip


def test_the_certificate_is_mended_step_by_step() -> None:
    """The public sample breaks the hub's own schema in seven ways; both schemas agree after each of them is mended.

    Order; elements the hub does not know; referenced documents without a type; two attributes it does not know.
    """
    form = FORMATS["sps/certificate"]
    root = parse((REFERENCE / "sps/samples/SPSCertificateContent.xml").read_bytes())
    verdicts = [form.ours.validate(root)]
    for mend in (_order, _typed, _bare_attributes):
        mend(root, form.table.root)
        assert not form.differ(root)
        verdicts.append(form.ours.validate(root))
    assert verdicts == [False, False, False, True]


def _order(node: Element, path: str) -> None:
    below = [fact for fact in load_sps().children(path) if not fact.attribute]
    places = {etree.QName(fact.namespace or None, fact.name).text: at for at, fact in enumerate(below)}
    node[:] = sorted((child for child in node if child.tag in places), key=lambda child: places[str(child.tag)])
    for child in node:
        _order(child, below[places[str(child.tag)]].path)


def _typed(root: Element, _path: str) -> None:
    for node in root.iter("{*}ReferenceSPSReferencedDocument"):
        code = etree.Element(etree.QName(etree.QName(node).namespace, "TypeCode"))
        code.text = "916"
        node.insert(next(at for at, child in enumerate(node) if etree.QName(child).localname != "IssueDateTime"), code)


def _bare_attributes(root: Element, _path: str) -> None:
    for node in root.iter("{*}ModeCode", "{*}Name"):
        for name in ("name", "languageID"):
            node.attrib.pop(name, None)


@cache
def load_sps() -> FactTable:
    return load_facts(Path(__file__).parents[2] / "xsd/sps/certificate.csv")
