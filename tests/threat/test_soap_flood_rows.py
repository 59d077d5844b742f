"""The threat table at the SOAP door, row D1: very much of anything is refused in little time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.desk import Desk, make_desk, posted
from tests.forge import PARTS, forged, rewritten, transform

HEADER = b"<env:Header>"


@pytest.fixture(scope="module")
def desk() -> Desk:
    return make_desk()


@contextmanager
def cpu_below(seconds: float) -> Iterator[None]:
    started = time.process_time()
    yield
    assert time.process_time() - started < seconds


@pytest.mark.threat("D1")
def test_a_signature_of_thousands_is_refused_quickly(desk: Desk) -> None:
    """References, transforms, namespaces, parts, ids and blanks in bulk: each in a blink of processor time."""
    spaces = b"".join(b' xmlns:n%d="u:%d"' % (n, n) for n in range(5000))
    many_references = forged(uris=["#id-body"] * 3000)
    many_transforms = forged(uris=["#id-body"], transforms=transform() * 10_000)
    for wire, answer in (
        (many_references, "IS"), (many_transforms, "IS"),
        (forged(uris=[f"#{part}" for part in PARTS] * 3), "IS"),
        (rewritten(HEADER, HEADER + b"<x" + spaces + b"/>"), "SD"),
        (rewritten(HEADER, HEADER + b"".join(b'<x Id="a%d"/>' % n for n in range(20_000))), None),
        (rewritten(HEADER, HEADER + b'<x Id="a"/>' * 20_000), "IS"),
        (rewritten(b"<ds:Transforms>", b"<ds:Transforms>" + b" " * 900_000 + b"x"), "IS"),
        (rewritten(b"</ds:Transform>", b" " * 900_000 + b"x</ds:Transform>"), None),
        (rewritten(b"<ds:DigestValue>", b"<ds:DigestValue>" + b"A " * 450_000 + b"*"), "IS"),
        (rewritten(b"</ds:CanonicalizationMethod>", b"\n" * 900_000 + b"x</ds:CanonicalizationMethod>"), None),
        (rewritten(b"<ds:Reference ", b'<ds:Reference Id="' + b"x" * 900_000 + b'" '), "IS"),
        (rewritten(b"</ds:KeyInfo>", b"<ds:KeyName/>" * 30_000 + b"</ds:KeyInfo>"), "IT"),
    ):  # fmt: skip
        with cpu_below(0.4):
            answered = make_desk().post(wire)
        if answer is None:
            assert answered.status in (200, 400)
        else:
            desk.refuses(wire, answer)
    for wire in (many_references, many_transforms):
        desk.refuses(wire, "IS", "D1")


@pytest.mark.threat("D1")
def test_a_thousand_parts_are_refused_unread(desk: Desk) -> None:
    """A MIME package of any size is not opened."""
    body = b"--b\r\nContent-Type: text/xml\r\n\r\n<a/>\r\n" * 1000 + b"--b--\r\n"
    with cpu_below(0.4):
        desk.refuses(replace(posted(body), content_type="multipart/related; boundary=b"), "415", "S3")
