"""The threat table at the SOAP door, rows X1 to X10: what may be an XML document at all."""

from __future__ import annotations

import resource
import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import TooLarge
from gateway.model import SOAP11, SOAP12
from gateway.reception import Attempt, refuse
from tests.desk import Desk, make_desk, posted, query, read_fault
from tests.forge import forged, rewritten
from tests.soap import CLAIMS, wired

BODY = query().body
DECLARED = b'<?xml version="1.0" encoding="UTF-8"?>'


@pytest.fixture(scope="module")
def desk() -> Desk:
    return make_desk()


@contextmanager
def cpu_below(seconds: float) -> Iterator[None]:
    """What happens inside takes less processor time than this."""
    started = time.process_time()
    yield
    assert time.process_time() - started < seconds


def with_entity(declarations: str, use: str = "&x;") -> bytes:
    """The envelope behind a DOCTYPE with these declarations, with an entity used in the Body."""
    return f"<!DOCTYPE a [{declarations}]>".encode() + BODY.replace(b"KZ11VTS00000001", use.encode())


@pytest.mark.threat("X1")
@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
@pytest.mark.parametrize(
    "before",
    [
        b"<!DOCTYPE Envelope>", b"<!DOCTYPE env:Envelope [ ]>", DECLARED + b"\n<!-- > --><!DOCTYPE a>",
        b"\xef\xbb\xbf<!DOCTYPE a>", b'<!DOCTYPE a [<!ATTLIST Body Id ID #IMPLIED>]>', b"\n\n<!DOCTYPE\na>",
        b'<!DOCTYPE a [<!ENTITY lt "&#38;#60;">]>', b"<!-- <!DOCTYPE b> --><!DOCTYPE a><!-- -->",
    ],
)  # fmt: skip
def test_any_doctype_is_refused(desk: Desk, before: bytes, soap: str) -> None:
    """Also one that declares nothing, behind comments, a declaration or a byte order mark."""
    desk.refuses(posted(before + query(soap=soap).body, soap=soap), "SD", "X1")


@pytest.mark.threat("X1")
def test_the_word_alone_is_no_doctype() -> None:
    """A comment that only mentions it, outside what is signed, does no harm."""
    make_desk().accepts(posted(b"<!-- <!DOCTYPE a> -->" + BODY))


@pytest.mark.threat("X2")
@pytest.mark.parametrize(
    "declarations",
    [
        '<!ENTITY a "ha">' + "".join(f'<!ENTITY {"abcdefghijklm"[n + 1]} "{("&" + "abcdefghijklm"[n] + ";") * 10}">'
                                     for n in range(11)) + '<!ENTITY x "&l;&l;">',
        '<!ENTITY y "' + "q" * 50_000 + '"><!ENTITY x "' + "&y;" * 20_000 + '">',
        '<!ENTITY x "&y;"><!ENTITY y "&x;">',
        '<!ENTITY % p "<!ENTITY x &#39;%q;&#39;>"><!ENTITY % q "%p;">%p;',
    ],
    ids=["laughs", "quadratic", "cyclic", "parameters"],
)  # fmt: skip
def test_entity_bombs_cost_nothing(desk: Desk, declarations: str) -> None:
    """Refused in a blink of processor time and 50 MB."""
    wire = posted(with_entity(declarations))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with cpu_below(0.3):
        desk.refuses(wire, "SD", "X1", "X8")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


@pytest.mark.threat("X3")
def test_nothing_outside_is_read(desk: Desk, tmp_path: Path) -> None:
    """No file is opened and nobody is called, whatever kind of entity or DTD names them."""
    secret = tmp_path / "secret.txt"
    secret.write_text("top-secret-content")
    with socket.create_server(("127.0.0.1", 0)) as server:
        web = f"http://127.0.0.1:{server.getsockname()[1]}/x.dtd"
        for target in (secret.as_uri(), web, str(secret)):
            for text in (
                with_entity(f'<!ENTITY x SYSTEM "{target}">'),
                with_entity(f'<!ENTITY % p SYSTEM "{target}">%p;'),
                with_entity(f'<!ENTITY % p PUBLIC "a" "{target}"><!ENTITY % q "%p;">%q;', "1"),
                f'<!DOCTYPE a SYSTEM "{target}">'.encode() + BODY,
                f'<!DOCTYPE a PUBLIC "-//W3C//DTD" "{target}">'.encode() + BODY,
            ):
                desk.refuses(posted(text), "SD", "X1", "X8")
        assert not select.select([server], [], [], 0)[0]
    assert "top-secret" not in repr((desk.said, desk.ledger.intakes))


@pytest.mark.threat("X4")
@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_instructions_and_inclusions_are_refused(desk: Desk, soap: str, tmp_path: Path) -> None:
    """A processing instruction anywhere; XInclude as a header. In the Body an inclusion is just unknown content."""
    (tmp_path / "a.xml").write_text("<top-secret/>")
    include = (
        f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{(tmp_path / "a.xml").as_uri()}"/>'.encode()
    )
    body = query(soap=soap).body
    for text in (
        b'<?xml-stylesheet href="file:///x.xsl"?>' + body,
        DECLARED + b"<?a?>" + body,
        body + b"<?a b?>",
        body.replace(b"<env:Header>", b"<env:Header><?php echo 1?>"),
        body.replace(b"640.25", b"64<?a?>0.25"),
    ):
        desk.refuses(posted(text, soap=soap), "SD", "X4")
    desk.refuses(rewritten(b"<env:Header>", b"<env:Header>" + include, soap=soap), "SD", "X4")
    desk.refuses(rewritten(b"KZ11VTS00000001", include, soap=soap), "FC", "W9")
    assert b"top-secret" not in repr((desk.said, desk.ledger.intakes)).encode()


@pytest.mark.threat("X5")
def test_shapes_beyond_the_limits_are_refused(desk: Desk) -> None:
    """Depth, nodes, attributes and namespaces, wherever they hide."""
    attributes = b"".join(b' a%d="1"' % n for n in range(257))
    spaces = b"".join(b' xmlns:n%d="urn:%d"' % (n, n) for n in range(65))
    header = b"<env:Header>"
    for inside in (
        b"<x>" * 99 + b"</x>" * 99,
        b"<x" + attributes + b"/>",
        b"<x><y" + spaces + b"/></x>",
        b"<x>" + b"<y/>" * 100_001 + b"</x>",
    ):
        desk.refuses(rewritten(header, header + inside), "SD", "X5")
        hidden = BODY.replace(header, b"<!-- <a:Body> -->" + header + inside)
        desk.refuses(posted(hidden), "SD", "X5")
    desk.refuses(posted(b"<a>" * 300 + b"</a>" * 300), "SD", "X5", "X8")
    desk.refuses(rewritten(b"<env:Body ", b"<env:Body" + attributes + b" "), "SD", "X5", "S6")


@pytest.mark.threat("X5")
def test_shapes_beyond_the_limits_are_refused_inside_a_good_seal(desk: Desk) -> None:
    """Of a document that its schema refuses, also when the partner signed it."""
    extra = {f"a{n}": "1" for n in range(257)}
    desk.refuses(forged(lambda root: root[1][0].attrib.update(extra)), "SD", "X5")


@pytest.mark.threat("X6")
def test_a_text_above_a_megabyte_is_refused(desk: Desk) -> None:
    """In the Body, in a header, in an attribute-free comment all the same."""
    for place in (b"KZ11VTS00000001", b"57505-191126-0000123"):
        desk.refuses(rewritten(place, b"x" * 1_000_001), "SD", "X6")


@pytest.mark.threat("X6")
@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_a_message_above_the_limit_is_answered_413(desk: Desk, soap: str) -> None:
    """What the web server refuses for its size is told and recorded in our words."""
    records = len(desk.ledger.intakes)
    answer = refuse(Attempt(posted(b"", soap=soap), "soap-gw-1"), TooLarge("10 MB"), desk.setup)
    assert (answer.status, read_fault(answer, soap).status) == (413, 413)
    assert [intake.code for intake in desk.ledger.intakes[records:]] == ["envelope.too-large"]


SPACES = b" " * 400
ENCODINGS = {
    "latin-1": b'<?xml version="1.0" encoding="ISO-8859-1"?>' + BODY,
    "latin-1 behind spaces": b'<?xml version="1.0"' + SPACES + b'encoding="ISO-8859-1"?>' + BODY,
    "utf-7 behind spaces": b'<?xml version="1.0"' + SPACES + b'encoding="UTF-7"?>' + b"+ADwAIQ-DOCTYPE a+AD4-" + BODY,
    "single quotes": b"<?xml version='1.0' encoding='windows-1251'?>" + BODY,
    "utf-16 declared": b'<?xml version="1.0" encoding="UTF-16"?>' + BODY,
    "utf-16 le": BODY.decode().encode("utf-16"),
    "utf-16 be without mark": BODY.decode().encode("utf-16-be"),
    "utf-32": BODY.decode().encode("utf-32"),
    "utf-7 mark": b"+/v8-" + BODY,
    "ebcdic": ('<?xml version="1.0" encoding="cp037"?><!DOCTYPE a>' + "<a/>").encode("cp037"),
    "mark and another declaration": b'\xef\xbb\xbf<?xml version="1.0" encoding="windows-1251"?>' + BODY,
    "ascii with letters": b'<?xml version="1.0" encoding="US-ASCII"?>' + BODY,
    "xml 1.1": b'<?xml version="1.1"?>' + BODY,
    "xml 2.0": b'<?xml version="2.0" encoding="UTF-8"?>' + BODY,
    "bad octet": BODY.replace(b"KZ11VTS00000001", b"\xff\xfe"),
    "overlong": BODY.replace(b"KZ11VTS00000001", b"\xc0\xbc"),
    "surrogates": BODY.replace(b"KZ11VTS00000001", b"\xed\xa0\x80\xed\xb0\x80"),
    "nul": BODY.replace(b"KZ11VTS00000001", b"KZ\x00"),
    "nul by number": BODY.replace(b"KZ11VTS00000001", b"&#0;"),
    "control by number": BODY.replace(b"KZ11VTS00000001", b"&#x1;"),
}


@pytest.mark.threat("X7")
@pytest.mark.parametrize("name", ENCODINGS)
def test_only_utf8_is_read(desk: Desk, name: str) -> None:
    """However another encoding is announced, or not announced at all."""
    wire, records = posted(ENCODINGS[name]), len(desk.ledger.intakes)
    answer = desk.post(wire)
    assert answer.status in (400, 415)
    assert [intake.threat for intake in desk.ledger.intakes[records:]] in (["X7"], ["X8"]), desk.ledger.intakes[-1]


@pytest.mark.threat("X7")
def test_a_mark_and_a_declaration_of_utf8_are_fine() -> None:
    """As many stacks write them."""
    for before in (
        b"\xef\xbb\xbf",
        DECLARED,
        b"\xef\xbb\xbf" + DECLARED,
        b"<?xml version='1.0' encoding='utf-8' ?>\r\n",
    ):
        make_desk().accepts(posted(before + BODY))


@pytest.mark.threat("X7")
@pytest.mark.parametrize(
    "charset",
    ["utf-16", "iso-8859-1", '"windows-1251"', "'utf-8'", "utf-8; charset=utf-16", 'utf-16; charset="utf-8"', '"utf-16',
     "", "utf-8,utf-16", "utf-8 utf-16"],
)  # fmt: skip
@pytest.mark.parametrize("media", ["text/xml", "application/soap+xml"])
def test_the_charset_of_http_must_be_utf8(desk: Desk, media: str, charset: str) -> None:
    """Doubled, half-quoted and quoted-otherwise parameters are refused like other charsets."""
    soap = SOAP11 if media == "text/xml" else SOAP12
    wire = posted(query(soap=soap).body, soap=soap, content_type=f"{media}; charset={charset}")
    desk.refuses(wire, "415", "X7", "S3")


@pytest.mark.threat("X8")
@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_half_a_document_and_more_than_one_are_refused(desk: Desk, soap: str) -> None:
    """Truncated at every place, empty, doubled, with trailing bytes, unclosed, with a bare ampersand."""
    body = query(soap=soap).body
    for text in (
        b"", b" ", b"<", b"\xef\xbb\xbf", body + body, body + b"x", body + b"\x00", body + b"<a/>", b"x" + body,
        body.replace(b"</env:Body>", b""), body.replace(b"640.25", b"&"), body.replace(b"640.25", b"&unknown;"),
        body.replace(b"</env:Body>", b"</env:body>"), body.replace(b'xmlns:wsa="', b'xmlns:wsb="', 1),
        body.replace(b"<env:Header>", b'<env:Header a="1" a="2">'),
        *(body[:cut] for cut in range(1, len(body), 97)),
    ):  # fmt: skip
        desk.refuses(posted(text, soap=soap), "SD", "X8", "X7")


@pytest.mark.threat("X9")
@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ("http://127.0.0.1:8081", "SD"), ("urn:swgw:action:LPCO", "SD"), ("urn:swgw:partner:", "SD"),
        (CLAIMS.message_id, "SD"), (str(CLAIMS.relates_to), "SD"),
        ("http://www.w3.org/2005/08/addressing/anonymous", "SD"), ("health_kz<", "SD"), ("57505-191126", "SD"),
        ("2026-11-23T06:00:00", "IS"), ("2026-11-23T06:05:00", "IS"), ("<ds:DigestValue>", "IS"),
        ("<ds:SignatureValue>", "IS"), ('wsu:Id="id-bst">', "IT"), ("640.25", "SD"),
    ],
)  # fmt: skip
def test_a_comment_inside_a_value_is_refused(desk: Desk, value: str, answer: str) -> None:
    """Canonical XML drops comments, so the seal still holds: readers must not see half a value."""
    split = value + "<!---->" if value.endswith(">") else value[:3] + "<!---->" + value[3:]
    desk.refuses(rewritten(value.encode(), split.encode()), answer, "X9", "W7", "C8", "R4")


@pytest.mark.threat("X9")
def test_character_data_sections_and_numbered_characters(desk: Desk) -> None:
    """A section in a value is refused, a character by its number is read as that character."""
    desk.refuses(rewritten(b"640.25", b"6<![CDATA[40.2]]>5"), "SD", "X9")
    desk.refuses(rewritten(b"57505-191126-0000123", b"<![CDATA[57505-191126]]>-0000123"), "SD", "X9")
    make_desk().accepts(rewritten(b"640.25", b"&#54;&#x34;0.25"))
    make_desk().accepts(rewritten(b"</env:Header>", b"<!-- between signed parts --></env:Header>"))


@pytest.mark.threat("X10")
@pytest.mark.parametrize(
    "space",
    [
        b'xmlns:q="relative"',
        b'xmlns="relative/path"',
        b'xmlns:q="../a"',
        b'xmlns:q=""',
        b'xmlns:xml="urn:x"',
        b'xmlns:xmlns="urn:x"',
        b'xmlns="http://www.w3.org/2000/xmlns/"',
    ],
)
def test_namespaces_without_a_canonical_form_are_a_refusal(desk: Desk, space: bytes) -> None:
    """Relative, empty and reserved names: canonical XML stops there, and so do we, without an accident."""
    records = len(desk.ledger.intakes)
    for place in (b"<env:Body ", b"<LPCOQuery ", b"<wsa:To ", b"<ds:SignedInfo ", b"<env:Envelope "):
        answer = desk.post(rewritten(place, place + space + b" "))
        assert answer.status == 400, (place, desk.said[-1])
    assert {intake.code for intake in desk.ledger.intakes[records:]} <= {"seal.broken", "envelope.malformed"}
    assert not desk.ledger.messages


def test_the_unspoilt_message_is_taken() -> None:
    """The rows above refuse what they refuse for their own reason."""
    make_desk().accepts(wired(query()))
    make_desk().accepts(replace(wired(query(soap=SOAP11)), headers=()))
