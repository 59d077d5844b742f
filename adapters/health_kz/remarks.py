"""What the ministry has to say about a declaration it is told of: documents and goods it cannot place. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from adapters.health_kz import words
from adapters.health_kz.permits import Permit, magic_of
from adapters.health_kz.requests import Goods, Named, Notice

_KEPT: Final = frozenset({"01081", "01206", "01061", "01031"})
"""The kinds of document the ministry issues."""
_MEDICINE: Final = "01081"
"""The one kind whose register is simulated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A remark on one document that a declaration names, or on its goods; `extra` goes behind the text."""

    code: str
    where: str
    item: int
    document: str = ""
    extra: str = ""


def remarks_on(notice: Notice, permits: Mapping[str, Permit]) -> Iterator[Remark]:
    """Every remark, item by item. A notice reserves nothing, whatever it names."""
    for goods in notice.goods:
        if goods.documents and not goods.commodity and goods.other_codes:
            yield Remark(code=words.COMMODITY_UNKNOWN, where="ТАУАР.ТНВЭД", item=goods.number,
                         extra=", ".join(goods.other_codes))  # fmt: skip
        for named in goods.documents:
            yield from _on_document(goods, named, permits)


def _on_document(goods: Goods, named: Named, permits: Mapping[str, Permit]) -> Iterator[Remark]:
    """An unknown kind is all that can be said; else number and unit are looked at."""
    if named.kind not in _KEPT:
        yield Remark(code=words.KIND_UNKNOWN, where="РАЗРЕШЕНИЕ.ВИД", item=goods.number, document=named.number,
                     extra=named.kind)  # fmt: skip
        return
    if named.kind == _MEDICINE and named.number not in permits and magic_of(named.number) is None:
        yield Remark(code=words.NOT_FOUND, where="РАЗРЕШЕНИЕ.НОМЕР", item=goods.number, document=named.number)
    if named.qualifier:
        yield Remark(code=words.UNIT, where="ТАУАР.КОЛИЧЕСТВО", item=goods.number, document=named.number,
                     extra=f"{named.unit}#{named.qualifier}")  # fmt: skip
