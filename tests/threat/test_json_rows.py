"""Hostile JSON under a good seal: a refusal with findings, in the sender's words, never a failure of ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.testing import World
from gateway.twin import from_json, to_json
from gateway.xml import canonical, parse
from tests.json_door import CUSTOMS, FIXTURES, HEALTH, XML, facts_of, posted, problem, world

QUERY = canonical(parse((FIXTURES / "10-query-ok/in.xml").read_bytes()))
FACTS = facts_of("LPCO_QUERY")
TWIN = to_json(QUERY, FACTS).decode()
HERE = world(CUSTOMS)


def refused(octets: bytes, here: World = HERE) -> dict[str, Any]:
    """Refused with findings and kept by nobody."""
    answer = posted(here, octets, "LPCO_QUERY")
    assert answer.status in (400, 415, 422), (answer.status, answer.body)
    assert not here.causes
    assert not here.ledger.messages
    return problem(answer)


BIN = '"991240999802"'
ROWS = [
    ("deep", "[" * 100_000 + "]" * 100_000, "json.depth"),
    ("deep objects", '{"a":' * 60 + "1" + "}" * 60, "json.depth"),
    ("twice", TWIN.replace('{"LPCOQuery":', '{"LPCOQuery":{},"LPCOQuery":', 1), "json.duplicate"),
    ("NaN", TWIN.replace(BIN, "NaN", 1), "json.number"),
    ("infinite", TWIN.replace(BIN, "1e999999999", 1), "json.number"),
    ("huge", TWIN.replace(BIN, "9" * 100_000, 1), "json.number"),
    ("number", TWIN.replace(BIN, "991240999802", 1), "json.type"),
    ("null", TWIN.replace(BIN, "null", 1), "json.type"),
    ("true", TWIN.replace(BIN, "true", 1), "json.type"),
    ("array", TWIN.replace(BIN, "[]", 1), "json.type"),
    ("object", TWIN.replace(BIN, "{}", 1), "json.type"),
    ("half a pair", TWIN.replace(BIN, '"\\ud800"', 1), "json.character"),
    ("half a name", TWIN.replace('"Importer"', '"\\udfff"', 1), "json.unknown"),
    ("NUL", TWIN.replace(BIN, '"\\u0000"', 1), "json.character"),
    ("escape to XML", TWIN.replace(BIN, '"</ID><ID>"', 1), "xsd.pattern"),
    ("mark", "\ufeff" + TWIN, "json.malformed"),
    ("nothing", " ", "json.malformed"),
    ("cut", TWIN[:-9], "json.malformed"),
    ("two", TWIN + TWIN, "json.malformed"),
    ("comment", TWIN + "/* */", "json.malformed"),
    ("root", '{"Other":{}}', "json.root"),
    ("list", "[]", "json.root"),
    ("XML", QUERY.decode(), "json.malformed"),
]


@pytest.mark.threat("J5")
@pytest.mark.parametrize(("octets", "rule"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_json_that_is_no_twin_is_refused_by_name(octets: str, rule: str) -> None:
    told = refused(octets.encode("utf-8", "surrogatepass"))
    assert rule in {finding["rule"] for finding in told["findings"]}
    assert len(json.dumps(told)) < 200_000


@pytest.mark.threat("X8")
def test_octets_that_are_no_utf8_are_refused() -> None:
    assert refused(TWIN.encode("utf-16"))["findings"][0]["rule"] == "json.malformed"
    assert refused(TWIN.encode().replace(b"KZ11", b"\xc3\x28"))["findings"][0]["rule"] == "json.malformed"


@pytest.mark.threat("X5")
def test_the_limits_of_shape_hold_for_what_json_becomes() -> None:
    """A hundred thousand elements are too many however they are written."""
    document = json.loads(TWIN)
    (many,) = [name for name, value in document["LPCOQuery"].items() if isinstance(value, list)][:1]
    document["LPCOQuery"][many] *= 30_000
    assert refused(json.dumps(document).encode())["code"] == "envelope.malformed"


@pytest.mark.threat("X5")
def test_a_flood_of_findings_is_cut_short() -> None:
    """Only what is shown is worked out, and of more values than a document can have nothing at all."""
    for many, list_of in ((20_000, "GovernmentAgencyGoodsItem"), (20_000, "Item"), (300_000, "Item")):
        told = refused(f'{{"LPCOQuery":{{"{list_of}":[{",".join(["[]"] * many)}]}}}}'.encode())
        assert len(told.get("findings", ())) <= 100
    assert told["code"] == "envelope.malformed"
    names = ",".join(f'"a{at}":0' for at in range(2_000))
    told = refused(f'{{"LPCOQuery":{{{names}}}}}'.encode())
    assert 0 < len(told["findings"]) <= 100


@pytest.mark.threat("S3")
@pytest.mark.parametrize("space", [" ", "\t"])
def test_blanks_before_the_media_type_do_not_change_it(space: str) -> None:
    """XML sent as JSON is no JSON, however the header is written."""
    answer = posted(HERE, QUERY, "LPCO_QUERY", media=f"{space}application/json")
    assert problem(answer)["findings"][0]["rule"] == "json.malformed"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10_000), VALUES)
@example(0, {"#": 1})
@pytest.mark.threat("J5")
def test_any_value_anywhere_is_refused_or_taken(at: int, value: Any) -> None:
    """A fuzzer at the door: 202 or a 4xx, never a 5xx."""
    here, document = world(CUSTOMS), json.loads(TWIN)
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
            places.append((node, key))
            walk(node[key])

    walk(document)
    node, key = places[at % len(places)]
    node[key] = value
    answer = posted(here, json.dumps(document).encode(), "LPCO_QUERY")
    assert answer.status in (202, 400, 422)
    assert not here.causes


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(FIXTURES.glob("*/in.xml"))), st.integers(0, 3), st.randoms())
def test_xml_to_json_to_the_door_delivers_the_same_octets(file: Any, indent: int, dice: Any) -> None:
    """For every document that its twin can say: the verdict and what the receiver gets are those of the XML."""
    from gateway.errors import GatewayError
    from gateway.pipeline import forward

    kind = next((line.split('"')[1] for line in (file.parent / "case.toml").read_text("utf-8").splitlines()
                 if line.startswith("type")), "")  # fmt: skip
    try:
        facts = facts_of(kind)
        twin = json.loads(to_json(file.read_bytes(), facts))
    except (GatewayError, KeyError):
        return
    octets = json.dumps(_stirred(twin, dice), indent=indent or None, ensure_ascii=bool(indent)).encode()
    by_json, by_xml = world(CUSTOMS), world(CUSTOMS)
    verdicts = (
        posted(by_json, octets, kind).status,
        posted(by_xml, from_json(octets, facts), kind, media=XML).status,
    )
    assert verdicts[0] == verdicts[1]
    if verdicts[0] != 202:
        assert problem(posted(by_json, octets, kind))["code"] == by_xml.ledger.intakes[-1].code
        return
    for here in (by_json, by_xml):
        for delivery in here.ledger.due(HEALTH):
            forward(delivery, here.setup)
    assert [one.sealed.body for one in by_json.courier.arrivals] == [one.sealed.body for one in by_xml.courier.arrivals]


def _stirred(value: Any, dice: Any) -> Any:
    if isinstance(value, list):
        return [_stirred(item, dice) for item in value]
    if not isinstance(value, dict):
        return value
    names = list(value)
    dice.shuffle(names)
    return {name: _stirred(value[name], dice) for name in names}
