"""Every place of a message has a pointer that leads back to it."""

from __future__ import annotations

from functools import cache

import pytest

from gateway.facts import Fact, FactTable
from gateway.schema.generate import load_facts
from gateway.schema.pointers import (
    Pointer,
    follow,
    read_chain,
    to_error_pointer,
    to_path,
    to_pointer,
    write_chain,
)
from tests.schemas import ROOT

CHAINED = ("wco/declaration", "wco/cancellation", "wco/response", "lpco/query", "lpco/status", "aeo/aeo_master_full")
NAMED = tuple(f"ncts/{path.stem}" for path in sorted((ROOT / "xsd" / "ncts").glob("*.csv")))
TWICE = "MetaData/Response/dec:Declaration"
"""Has the ids of the Declaration before it; what both hold is found in the first."""


@cache
def table(name: str) -> FactTable:
    return load_facts(ROOT / "xsd" / f"{name}.csv")


def numbered(fact: Fact, facts: FactTable) -> str:
    """The readable path of a fact as the fifth of whatever may repeat on the way."""
    steps, walked = [], ""
    for step in fact.path.split("/"):
        walked = f"{walked}/{step}".lstrip("/")
        steps.append(f"{step}[5]" if facts.facts[walked].max != 1 else step)
    return "/" + "/".join(steps)


def shared(fact: Fact, facts: FactTable) -> bool:
    """A text in three languages is one element of the model: its id leads to the first of them."""
    first = next(one for one in facts.children(fact.path.rpartition("/")[0]) if one.wco_id == fact.wco_id)
    return first is not fact


def anchor(fact: Fact, facts: FactTable) -> Fact:
    """The element itself, or the nearest above it that has an id of its own."""
    above = facts.facts.get(fact.path.rpartition("/")[0])
    if above is not None and (fact.attribute or not fact.wco_id or above.type not in ("class", "mixed")):
        return anchor(above, facts)
    return fact


@pytest.mark.parametrize("name", CHAINED)
def test_every_fact_is_reached_by_its_chain(name: str) -> None:
    """With positions and without; attributes and parts of a date by their element. The chain reads as it is written."""
    facts = table(name)
    missed = []
    for fact in facts.facts.values():
        held = anchor(fact, facts)
        if not held.wco_id or fact.path.startswith(TWICE) or shared(held, facts):
            continue
        path = numbered(held, facts)
        chain = to_pointer(numbered(fact, facts), facts)
        if to_path(chain, facts).rstrip("[5]") != path.rstrip("[5]") or read_chain(write_chain(chain)) != chain:
            missed.append(fact.path)
        if to_path(to_pointer(f"/{held.path}", facts), facts) != f"/{held.path}":
            missed.append(held.path)
    assert missed == []


def test_of_two_declarations_the_one_that_holds_the_place_is_found() -> None:
    """A response may hold a second Declaration with the same ids."""
    facts = table("wco/response")
    below = [fact for fact in facts.facts.values() if fact.path.startswith(TWICE + "/") and fact.type != "class"]
    found = {to_path(to_pointer(f"/{fact.path}", facts), facts) for fact in below}
    assert f"/{TWICE}/GoodsShipment/GovernmentAgencyGoodsItem/Commodity/Classification/ID" in found
    assert "" not in found


@pytest.mark.parametrize("name", (*CHAINED, *NAMED))
def test_every_fact_is_reached_by_its_name(name: str) -> None:
    """As NCTS points: by a path of names with positions."""
    facts = table(name)
    for fact in facts.facts.values():
        path = numbered(fact, facts)
        pointer = to_error_pointer(path, facts)
        assert pointer == path
        assert to_path(pointer, facts) == path


@pytest.mark.parametrize(
    "pointer",
    [
        "/CC015C/Consignment/HouseConsignment[2]/ConsignmentItem[1]/Commodity/descriptionOfGoods",
        "/ncts:CC015C/Consignment/HouseConsignment[2]/ConsignmentItem[1]/Commodity/descriptionOfGoods/text()",
        "Consignment/HouseConsignment[position()=2]/ConsignmentItem[1]/Commodity/descriptionOfGoods/",
        " /*[local-name()='CC015C']/*[local-name()='Consignment']/HouseConsignment[2]/ConsignmentItem[1]/Commodity"
        "/descriptionOfGoods",
    ],
)
def test_the_ways_a_path_is_written(pointer: str) -> None:
    facts = table("ncts/cc015c")
    wanted = "/CC015C/Consignment/HouseConsignment[2]/ConsignmentItem[1]/Commodity/descriptionOfGoods"
    assert to_path(pointer, facts) == wanted


@pytest.mark.parametrize(
    ("pointer", "path", "rest"),
    [
        ("42A/67A/99Z/17C#R144", "/MetaData/Declaration/GoodsShipment", "99Z/17C#R144"),
        ("42A/17C[3]#R999", "/MetaData/Declaration/AuthorisationHolder[3]", "#R999"),
        ("/MetaData/Declaration/Goods/ID", "/MetaData/Declaration", "Goods/ID"),
        ("", "/MetaData", ""),
        ("//[]", "/MetaData", "[]"),
        ("$$$", "/MetaData", "$$$"),
    ],
)
def test_what_leads_nowhere_is_followed_as_far_as_it_goes(pointer: str, path: str, rest: str) -> None:
    place = follow(pointer, table("wco/declaration"))
    assert (place.path, place.rest) == (path, rest)


def test_a_tag_may_stand_as_a_link_of_its_own() -> None:
    """`42A/17C/R144` is `42A/17C#R144`; a section never is a tag."""
    assert read_chain("42A/17C/R144") == (Pointer(section="42A"), Pointer(section="17C", tag="R144"))
    assert read_chain("42A/17C") == (Pointer(section="42A"), Pointer(section="17C"))
    with pytest.raises(ValueError, match="not a chain"):
        read_chain("42A/17C#R144/67A")


def test_a_path_that_is_not_in_the_message_has_no_pointer() -> None:
    assert to_pointer("/MetaData/Nothing", table("wco/declaration")) == ()
    assert to_error_pointer("/CC015C/[", table("ncts/cc015c")) == ""


def test_only_texts_in_three_languages_share_an_id() -> None:
    """Nothing official does."""
    for name in CHAINED:
        twins = [
            one for one in table(name).facts.values() if one.wco_id and not one.attribute and shared(one, table(name))
        ]
        found = {one.path for one in twins if one.type != "string" or one.name != "DateTimeString"}
        assert found <= {TWICE} or name == "lpco/status", found
