"""The words of a receipt are a partner's: they are kept in keys and shown to people, so they are short and plain."""

from __future__ import annotations

import pytest

from gateway.errors import ReceiptInvalid
from gateway.model import RECEIPT_TYPE
from gateway.receipt import LONGEST_WORD
from tests.threat.test_soap_replay_rows import answer_of, receipt_with, world

FINE = ("x" * LONGEST_WORD, "№ 7 — квитанция", "许可证🙂", "a b", "")
LONG = b"x" * 9000
WRONG = {
    "too-long": "x" * (LONGEST_WORD + 1),
    "very-long": LONG.decode(),
    "line-break": "a\nb",
    "tabulator": "a\tb",
    "escape": "a\x9bb",
    "delete": "a\x7fb",
}


@pytest.mark.threat("R6")
@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("name", [b"ReceiptID", b"Decision"])
def test_a_receipt_of_long_or_hidden_words_is_none(name: bytes, text: str) -> None:
    """A receipt with an id that fits into no key would be asked for again and again."""
    refusal = answer_of(world(), receipt_with(b"<" + name + b">", b"<" + name + b">" + text.encode()))
    assert isinstance(refusal, ReceiptInvalid)
    assert refusal.threat == "R6"
    assert name.decode() in refusal.detail
    assert len(refusal.detail) < LONGEST_WORD


@pytest.mark.parametrize("text", FINE, ids=lambda text: str(len(text)))
def test_words_in_any_script_are_taken(text: str) -> None:
    """Up to the limit, which counts characters and not octets."""
    whole = b"<Decision>" + text.encode() + b"</Decision>"
    assert answer_of(world(), receipt_with(b"<Decision>accepted</Decision>", whole)) is None


@pytest.mark.parametrize(
    "answer",
    [
        receipt_with(b"<RefersTo>", b"<RefersTo>" + LONG),
        receipt_with(b"<ReceivedAt>", b"<ReceivedAt>" + LONG),
        lambda courier, arrival: courier.answer(arrival, b"<%s></%s>" % (LONG, LONG), RECEIPT_TYPE),
    ],
    ids=["another-id", "no-time", "another-root"],
)
def test_what_is_said_of_a_wrong_receipt_is_short(answer: object) -> None:
    """The detail is kept beside the lane and the message at every attempt."""
    refusal = answer_of(world(), answer)
    assert isinstance(refusal, ReceiptInvalid)
    assert len(refusal.detail) < 1000
