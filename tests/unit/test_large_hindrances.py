"""What hinders a long message on its way is said at the door."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway import registry
from gateway.errors import NoCorridor
from gateway.large import passable
from gateway.model import ATTACHMENT_TYPE, Document, Large, PartnerId
from gateway.testing.world import make_world

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)


def test_a_question_whose_silence_must_be_told_is_not_taken_long() -> None:
    """The answer of silence is made from the question by a table that needs all of it: nobody would be told."""
    setup = make_world(registry.load(), NOW).setup
    silence = next(one.silence for one in setup.corridors.values() if one.silence)
    receiver = PartnerId("mra_cn")
    plain = next(one for one in setup.corridors.values() if one.receiver == receiver)
    setup = replace(setup, partners={**setup.partners, receiver: replace(
        setup.partners[receiver], profile="rest-gw-1", format="xml")})  # fmt: skip
    way = replace(plain, mapping="", silence=None)
    document = Document(type=way.takes, version="", payload=b"", schema="", large=Large(size=10**8))
    passable(document, [way], setup)
    with pytest.raises(NoCorridor) as refused:
        passable(document, [replace(way, silence=silence)], setup)
    assert [one.rule for one in refused.value.findings] == ["route.large-table"]


@pytest.mark.parametrize("large", [None, Large(size=10**8)], ids=["short", "long"])
def test_no_file_goes_into_a_soap_envelope(large: Large | None) -> None:
    """It would stand there as if it were XML: said at the door, however short it is."""
    setup = make_world(registry.load(), NOW).setup
    plain = next(one for one in setup.corridors.values() if setup.partners[one.receiver].profile == "soap-gw-1")
    file = Document(type=ATTACHMENT_TYPE, version="", payload=b"%PDF-1.7", schema="", large=large)
    with pytest.raises(NoCorridor) as refused:
        passable(file, [replace(plain, takes=ATTACHMENT_TYPE, mapping="")], setup)
    assert [one.rule for one in refused.value.findings] == ["route.file-profile"]
