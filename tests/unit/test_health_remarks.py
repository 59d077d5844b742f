"""What the ministry answers to declarations it can only partly place."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest

from adapters.health_kz.simulator import Ledger
from gateway.model import Claims, DocumentType, MessageId, PartnerId
from gateway.xml import Element, parse

NS = "{urn:kz:health:permit:1}"
NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
MRN = "<ИнойНомер>24GB0YVJ3EXXES8AA0</ИнойНомер><Ссылка>U.1</Ссылка>"
OURS = "<Номер>57505/191126/0000123</Номер><Ссылка>СФИ-1</Ссылка>"
PERMIT = "<Вид>01081</Вид><Номер>KZ11VTS00000001</Номер>"
OTHER_PERMIT = "<ВидИной>L001</ВидИной><Номер>GBCPI1AB12345</Номер>"


class Ministry:
    """A ledger that is told one notice after the other."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._numbers = count(1)

    def told(self, event: str = "ПОДАНА", declaration: str = MRN, goods: str = "") -> Element:
        """The answer to a notice."""
        claims = Claims(
            message_id=MessageId(f"m-{next(self._numbers)}"), action="", to="", sender=PartnerId("gateway")
        )  # fmt: skip
        payload = f"""<УведомлениеДекларации xmlns="urn:kz:health:permit:1"><Номер>N-1</Номер><Событие>{event}</Событие>
          <Когда>23.11.2026 11:00:00</Когда><Декларация>{declaration}</Декларация>{goods}</УведомлениеДекларации>"""
        (reply,) = self.ledger.receive(DocumentType("HEALTH_DEC_NOTICE"), payload.encode(), claims, NOW)
        return parse(reply.payload)


@pytest.fixture
def ministry(tmp_path: Path) -> Ministry:
    return Ministry(Ledger(str(tmp_path / "book.sqlite")))


def item(documents: str, codes: str = "") -> str:
    named = "".join(f"<Документ>{document}</Документ>" for document in documents.split("|") if document)
    return f"<Тауар><Нөмір>7</Нөмір>{codes}{named}</Тауар>"


def remarks(answer: Element) -> list[tuple[str, ...]]:
    """Code, field, item and document of every remark."""
    names = ("Код", "Поле", "Тауар", "Документ")
    return [tuple(node.findtext(f"{NS}{name}") or "" for name in names) for node in answer.findall(f"{NS}Замечание")]


def test_a_kind_of_document_that_it_does_not_keep_is_named(ministry: Ministry) -> None:
    answer = ministry.told(goods=item(f"{OTHER_PERMIT}|{PERMIT}"))
    assert answer.findtext(f"{NS}Итог") == "ЗАМЕЧАНИЯ"
    assert remarks(answer) == [("15", "РАЗРЕШЕНИЕ.ВИД", "7", "GBCPI1AB12345")]
    assert "(L001)" in (answer.findtext(f"{NS}Замечание/{NS}ТекстРус") or "")


def test_a_qualifier_behind_the_unit_of_its_own_document_is_named(ministry: Ministry) -> None:
    """A qualifier of somebody else's document is not: nothing can be said of such a document but its kind."""
    quantity = '<Количество ед="кг" уточнение="G">4</Количество>'
    answer = ministry.told(declaration=OURS, goods=item(f"{PERMIT}{quantity}|{OTHER_PERMIT}{quantity}"))
    assert remarks(answer) == [
        ("11", "ТАУАР.КОЛИЧЕСТВО", "7", "KZ11VTS00000001"),
        ("15", "РАЗРЕШЕНИЕ.ВИД", "7", "GBCPI1AB12345"),
    ]


def test_a_commodity_code_of_another_nomenclature_matters_where_documents_are_named(ministry: Ministry) -> None:
    codes = '<ИнойКодТовара вид="TSP">02071290</ИнойКодТовара><ИнойКодТовара вид="TRC">00</ИнойКодТовара>'
    assert remarks(ministry.told(goods=item(PERMIT, codes))) == [("16", "ТАУАР.ТНВЭД", "7", "")]
    assert remarks(ministry.told(goods=item(PERMIT, "<ТНВЭД>3004909200</ТНВЭД>" + codes))) == []
    assert ministry.told(goods=item("", codes)).findtext(f"{NS}Итог") == "ПРИНЯТО"


@pytest.mark.parametrize(
    "declaration", [MRN, OURS, "<Ссылка>U.1</Ссылка>", '<Номер>1</Номер><Ссылка номер="иә">1</Ссылка>']
)
def test_a_declaration_is_called_back_by_the_names_it_was_told_by(ministry: Ministry, declaration: str) -> None:
    (answered,) = ministry.told(declaration=declaration).findall(f"{NS}Декларация")
    wanted = parse(f'<Д xmlns="urn:kz:health:permit:1">{declaration}</Д>'.encode())
    assert [(node.tag, node.text, dict(node.attrib)) for node in answered] == [
        (node.tag, node.text, dict(node.attrib)) for node in wanted
    ]


def test_a_withdrawal_of_what_it_never_heard_of_frees_nothing_and_says_so(ministry: Ministry) -> None:
    for declaration in (MRN, OURS, "<Ссылка>U.1</Ссылка>"):
        answer = ministry.told("ОТОЗВАНА", declaration)
        assert answer.findtext(f"{NS}Итог") == "СНЯТО"
        assert "освобождать нечего" in (answer.findtext(f"{NS}ТекстРус") or "")
    assert ministry.ledger.movements("KZ11VTS00000001") == []
    assert ministry.ledger.balances("KZ11VTS00000001")[1].balance == Decimal(50000)


def test_a_withdrawal_of_a_known_declaration_says_that_it_was_taken_back(ministry: Ministry) -> None:
    ministry.told("ПОДАНА", MRN)
    assert "зарезервированное освобождено" in (ministry.told("ОТОЗВАНА", MRN).findtext(f"{NS}ТекстРус") or "")
