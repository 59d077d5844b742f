"""What of a long message is refused: by its head before it is read, or by its content as a short one is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from gateway.kit.templates.gateway_rest import GatewayRest
from tests.bulk import PUSHED, SOAP, a_list
from tests.running import Running, new_id
from tests.services.long.asking import PDF, head_only, opened, post_file, refused, spooled, until
from tests.twins import Sample, fixtures


@pytest.mark.parametrize(
    ("spoil", "code", "status"),
    [
        (lambda it: it.replace(b"<Count>100000000", b"<Count>many", 1), "schema.violation", 422),
        (lambda it: it.replace(b"<Kind>L", b"<Kind>X", 1), "schema.unknown", 422),
        (lambda it: it.replace(b"urn:test:bulk:1", b"urn:test:bulk:2", 1), "schema.unknown", 422),
        (lambda it: b"<!DOCTYPE a []>" + it, "envelope.malformed", 400),
        (lambda it: it.replace(b"</Name>", b"<!-- x --></Name>", 1), "envelope.malformed", 400),
        (lambda it: it[:-3], "envelope.malformed", 400),
        (lambda it: it.replace(b"<Origin>KZ", b"<Origin>XX", 1), "rule.violation", 422),
    ],
    ids=["schema", "function", "namespace", "doctype", "split", "cut", "code"],
)  # fmt: skip
def test_a_long_message_is_held_to_the_same_rules(
    sender: GatewayRest, spoil: Callable[[bytes], bytes], code: str, status: int
) -> None:
    """Signed refusals with the same codes as short ones; a violation names line and path."""
    answer = refused(sender, spoil(a_list(2)))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    if code == "schema.violation":
        (finding,) = answer.json()["findings"]
        assert (finding["rule"], finding["line"], finding["path"]) == ("xsd.decimal", 2, "/BulkList/Item/Count")
    if code == "rule.violation":
        (finding,) = answer.json()["findings"]
        assert (finding["rule"], finding["line"], finding["path"]) == ("code.unknown", 2, "/BulkList/Item[1]/Origin")


BROKEN = [one for one in fixtures() if one.case["expect"] == "rule.violation" and one.case["style"] == "rest"]


@pytest.mark.parametrize("sample", BROKEN, ids=lambda one: one.name)
def test_padding_a_message_spares_it_no_list_or_check(sender: GatewayRest, sample: Sample) -> None:
    """What the demo refuses is refused beyond the limit too: the same findings at the same places."""
    end = sample.payload.rindex(b"</")
    pad = b"<!-- nothing is said here, at length -->" * 30_000
    action, receiver = sample.case["type"], sample.case["to"]
    short = refused(sender, sample.payload, action, receiver=receiver)
    long = refused(sender, sample.payload[:end] + pad + sample.payload[end:], action, receiver=receiver)
    assert (
        (long.status_code, long.json()["code"]) == (short.status_code, short.json()["code"]) == (422, "rule.violation")
    )
    assert [one["rule"] for one in long.json()["findings"]] == sample.case["findings"]
    assert long.json()["findings"] == short.json()["findings"]
    assert "signature" in long.headers


def test_there_are_such_messages() -> None:
    """The demo has some that only a list or check refuses."""
    assert BROKEN


def test_a_soap_partner_is_not_sent_files(sender: GatewayRest) -> None:
    """Refused at the door, with the reason."""
    answer = post_file(sender, PDF, "application/pdf", new_id(), SOAP)
    assert (answer.status_code, answer.json()["code"]) == (422, "route.none")
    assert answer.json()["findings"][0]["rule"] == "route.file-profile"


def test_a_message_over_the_limit_is_refused_unread(bulk: Running, sender: GatewayRest) -> None:
    """413 (X6), in the answer to its head."""
    request = sender.prepare("POST", "/api/v1/messages", b"x", new_id(), {"gw-action": "BULK_LIST"})
    answer = head_only(bulk, request, bulk.house.settings.largest_spooled + 1)
    assert answer.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("spoiled", ["signature", "action", "gw-partner", "content-digest"])
def test_who_is_not_proven_by_the_head_cannot_make_us_read_a_body(
    bulk: Running, sender: GatewayRest, spoiled: str
) -> None:
    """The refusal comes before the body, and nothing is spooled."""
    fields = {"gw-action": "BULK_LIST" if spoiled != "action" else "LPCO QUERY"}
    request = sender.prepare("POST", "/api/v1/messages", b"x", new_id(), fields)
    if spoiled != "action":
        request.headers[spoiled] = {"signature": "gw=:AAAA:", "gw-partner": PUSHED}.get(spoiled, "sha-256=:AAAA:")
    answer = head_only(bulk, request, 50_000_000)
    assert answer.split(b" ")[1] in (b"400", b"401")
    assert spooled(bulk) == 0


def test_another_body_than_the_signed_one_is_refused(bulk: Running, sender: GatewayRest) -> None:
    """The digest of what came decides (J8)."""
    document = a_list(2)
    request = sender.prepare(
        "POST", "/api/v1/messages", document, new_id(), {"gw-action": "BULK_LIST", "gw-receiver": PUSHED}
    )
    request.body = document.replace(b"sample", b"simple", 1)
    answer = requests.Session().send(request, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (401, "seal.broken")
    assert "signature" not in answer.headers


def test_a_body_that_ends_before_its_end_leaves_nothing(bulk: Running, sender: GatewayRest) -> None:
    """The spool is empty again, no row is written."""
    document = a_list(8)
    request = sender.prepare(
        "POST", "/api/v1/messages", document, new_id(), {"gw-action": "BULK_LIST", "gw-receiver": PUSHED}
    )
    rows = "select count(*) as n from spooled"
    before = bulk.store.fetch(rows)
    with opened(bulk, request, len(document)) as line:
        line.sendall(document[: len(document) // 2])
        until(lambda: spooled(bulk) > 1_000_000)
    until(lambda: spooled(bulk) == 0)
    assert bulk.store.fetch(rows) == before


@pytest.mark.parametrize(
    ("file", "media", "status", "code"),
    [
        (b"MZ" + PDF, "application/pdf", 415, "envelope.media-type"),
        (b"\xff\xd8\xff" + PDF, "image/jpeg", 403, "partner.not-entitled"),
        (PDF, "application/zip", 415, "envelope.media-type"),
        (PDF, "application/xml", 415, "envelope.media-type"),
    ],
    ids=["another file", "not agreed", "not known", "no file"],
)  # fmt: skip
def test_only_agreed_files_are_taken(sender: GatewayRest, file: bytes, media: str, status: int, code: str) -> None:
    """What it says it is, of a kind that was agreed."""
    answer = post_file(sender, file, media, new_id())
    assert (answer.status_code, answer.json()["code"]) == (status, code)
