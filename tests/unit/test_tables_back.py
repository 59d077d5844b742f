"""The shipped tables the other way: what comes back of a real document, and why the rest does not."""

from __future__ import annotations

import pytest

from gateway.mapping import losses_of, translate, way_back
from gateway.xml import Element, parse
from tests.schemas import ROOT
from tests.tables import CONTEXT, cases

HEALTH = ROOT / "adapters/health_kz/fixtures"
CHINA = ROOT / "adapters/mra_cn/fixtures"
WHOLE = ("query", "reserve", "debit", "cancel", "reverse")


def texts(root: Element) -> list[tuple[str, str]]:
    return [(str(one.tag).rpartition("}")[2], one.text or "") for one in root.iter("{*}*") if not len(one)]


@pytest.mark.parametrize("name", WHOLE)
def test_operations_on_permits_come_back_whole(name: str) -> None:
    """Nothing of them is lost on the way to the ministry: the ledger says so for every value."""
    case = cases()[f"health_kz/{name}"]
    assert {loss.fate for loss in losses_of(case.translation)} == {"kept"}
    assert way_back(case.translation).lost == ()


def test_a_reservation_comes_back_from_the_ministry() -> None:
    case = cases()["health_kz/reserve"]
    document = (HEALTH / "25-reserve-12000/in.xml").read_bytes()
    returned = translate(
        translate(document, case.translation, CONTEXT), way_back(case.translation).translation, CONTEXT
    )
    before, after = dict(texts(parse(document))), dict(texts(parse(returned)))
    moments = {name for name in before if name.endswith("DateTime")}
    assert moments
    assert {name: text for name, text in before.items() if name not in moments} == {
        name: text for name, text in after.items() if name not in moments
    }
    assert all(after[name].endswith("Z") for name in moments)


def test_a_list_for_china_comes_back_but_for_what_stayed() -> None:
    """Numbers put together, records counted and texts dropped do not return; each says why."""
    back = way_back(cases()["mra_cn/aeo_full"].translation)
    reasons = {lost.rule: lost.reason for lost in back.lost}
    assert reasons["R01"] == "what was joined cannot be told apart"
    assert reasons["H07"] == "count does not keep the values apart"
    assert reasons["R21"] == "left out on purpose"
    returned = texts(parse(translate((CHINA / "50-full-list/out.xml").read_bytes(), back.translation, CONTEXT)))
    given = texts(parse((CHINA / "50-full-list/in.xml").read_bytes()))
    assert set(returned) <= set(given)
    assert [text for name, text in returned if name == "LatinName"]


def test_what_china_answers_comes_back_but_for_the_number() -> None:
    back = way_back(cases()["mra_cn/aeo_result"].translation)
    reasons = {lost.rule: lost.reason for lost in back.lost}
    assert (reasons["B01"], reasons["B02"]) == ("the national number is lost", "the country prefix is lost")


def test_a_notice_says_of_each_row_why_it_does_not_come_back() -> None:
    case = cases()["health_kz/notice_lodged"]
    back = way_back(case.translation)
    reasons = {lost.rule: lost.reason for lost in back.lost}
    assert reasons["A10"] == "the prefix KZ is not kept"
    assert reasons["A22"] == "the element it was taken out of comes back by its group"
    assert reasons["A07"] == "every other code becomes one code"
    assert all(reasons.values())
    turned = {rule.id.partition(".")[0] for rule in back.translation.table.rules}
    assert turned | set(reasons) == {rule.id for rule in case.translation.table.rules}
