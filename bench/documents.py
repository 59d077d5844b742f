"""Declarations of three sizes: one of ours, grown by goods items until it has the size, each valid by our schema."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Final

from gateway.xml import Element, canonical, parse

ROOT: Final = Path(__file__).resolve().parents[1]
SIZES: Final = {"6 KB": 6_000, "50 KB": 50_000, "1 MB": 1_000_000}
"""What they are called, and their size in octets (canonical form; at least)."""
_DEC: Final = "{urn:wco:datamodel:WCO:DEC-DMS:2}"
_ITEM: Final = _DEC + "GovernmentAgencyGoodsItem"
_MOST_ITEMS: Final = 999
_REPEATED: Final = len(b' xmlns="urn:wco:datamodel:WCO:DEC-DMS:2"')
"""What an item alone has to declare and inside the document has not."""


@cache
def declaration(size: int) -> bytes:
    """A declaration as canonical XML of at least this size, with as few goods items as that takes."""
    root = parse((ROOT / "adapters/health_kz/fixtures/24-declaration-lodged/in.xml").read_bytes())
    items = list(root.iter(_ITEM))
    templates = [deepcopy(item) for item in items]
    written = len(canonical(root))
    while written < size:
        item = deepcopy(templates[len(items) % len(templates)])
        _number(item, len(items) + 1)
        items[-1].addnext(item)
        items.append(item)
        written += len(canonical(item)) - _REPEATED
    assert len(items) <= _MOST_ITEMS
    _say(root, "GoodsItemQuantity", str(len(items)))
    return canonical(root)


def _number(item: Element, number: int) -> None:
    """No two items say the same: their place, the permit they use and the papers they come with."""
    _say(item, "SequenceNumeric", str(number))
    for at, document in enumerate(item.iter(_DEC + "AdditionalDocument")):
        _say(document, "ID", f"KZ11VTS{number * 10 + at:08d}")
    _say(item, "MarksNumbersID", f"СФИ-2026/{number}")


def _say(parent: Element, name: str, text: str) -> None:
    next(parent.iter(_DEC + name)).text = text
