"""The threat table at the SOAP door, rows S1 to S6 and S8: what the envelope says of itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lxml import etree

from gateway.errors import MethodNotAllowed
from gateway.model import SOAP11, SOAP12, WSA, WSSE11, XSI, Wire
from gateway.reception import Attempt, refuse
from tests.desk import QUERY, Desk, make_desk, posted, query, read_fault
from tests.forge import ID, PARTS, changed, forged, rewritten
from tests.soap import CLAIMS, find, wired

HEADER = b"<env:Header>"
XENC = "http://www.w3.org/2001/04/xmlenc#"


@pytest.fixture(scope="module")
def desk() -> Desk:
    return make_desk()


@pytest.mark.threat("S1")
def test_action_headers_and_document_agree(desk: Desk) -> None:
    """SOAPAction, the action of the media type, wsa:Action and the document in the Body."""
    debit = "urn:swgw:action:LPCO_DEBIT"
    old, new = wired(query(soap=SOAP11)), wired(query())
    for headers in ((("soapaction", f'"{debit}"'),), (("soapaction", debit),), (old.headers * 2)):
        desk.refuses(replace(old, headers=headers), "AM", "S1")
    other = new.content_type.replace("LPCO_QUERY", "LPCO_DEBIT")
    desk.refuses(replace(new, content_type=other), "AM", "S1")
    for soap in (SOAP11, SOAP12):
        desk.refuses(wired(query(soap=soap, action=debit)), "AM", "S1")
    desk.refuses(wired(query(action="LPCO_QUERY")), "AM", "S1")
    for headers in ((), (("soapaction", '""'),)):
        make_desk().accepts(replace(old, headers=headers))
    make_desk().accepts(replace(new, content_type="application/soap+xml"))


@pytest.mark.threat("S2")
@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
@pytest.mark.parametrize("mark", ["1", "true", " 1 ", "yes"])
def test_a_header_we_must_understand_and_do_not(desk: Desk, mark: str, soap: str) -> None:
    """Refused by its own fault code; what is said to nobody, to us or to the next is said to us."""
    for role in ("", f' env:{_role(soap)}="{_next(soap)}"'):
        extra = f'<x:Hop xmlns:x="urn:x" env:mustUnderstand="{mark}"{role}/>'.encode()
        answer = desk.post(rewritten(HEADER, HEADER + extra, soap=soap))
        fault = read_fault(answer, soap)
        assert (fault.code, fault.status) == ((soap, "MustUnderstand"), 500)
        assert desk.ledger.intakes[-1].threat == "S2"
    assert not desk.ledger.messages


def _role(soap: str) -> str:
    return "actor" if soap == SOAP11 else "role"


def _next(soap: str) -> str:
    return "http://schemas.xmlsoap.org/soap/actor/next" if soap == SOAP11 else f"{SOAP12}/role/next"


@pytest.mark.threat("S2")
@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_headers_for_others_are_left_alone(soap: str) -> None:
    """Another role's header, an optional one, and one that only looks like ours in another namespace."""
    role = _role(soap)
    for extra in (
        f'<x:Hop xmlns:x="urn:x" env:mustUnderstand="1" env:{role}="urn:elsewhere"/>',
        '<x:Hop xmlns:x="urn:x" env:mustUnderstand="0"/>',
        '<x:Hop xmlns:x="urn:x"/>',
        f'<x:MessageID xmlns:x="urn:x">{CLAIMS.message_id}9</x:MessageID>',
        '<Routing xmlns="urn:x"><Receiver>nobody</Receiver></Routing>',
        '<To xmlns="">http://evil.example/</To>',
        '<Security xmlns="urn:x"/>',
    ):
        make_desk().accepts(rewritten(HEADER, HEADER + extra.encode(), soap=soap))


@pytest.mark.threat("S2")
def test_our_own_headers_are_for_us(desk: Desk) -> None:
    """A signed header of addressing that names another role is not read as ours."""
    for name in ("To", "Action", "MessageID", "From"):
        change = lambda root, name=name: find(root, f"//wsa:{name}").set(f"{{{SOAP12}}}role", "urn:elsewhere")  # noqa: E731
        desk.refuses(forged(change), "IAH", "S2")


@pytest.mark.threat("S3")
def test_version_and_media_type_go_together(desk: Desk) -> None:
    """SOAP 1.1 as 1.2 and the other way round; other types of text; no type; another version of SOAP."""
    old, new = wired(query(soap=SOAP11)), wired(query())
    desk.refuses(replace(new, content_type=old.content_type), "SD", "S3")
    desk.refuses(replace(old, content_type=new.content_type), "SD", "S3")
    for media in (
        "text/plain",
        "application/xml",
        "text/html",
        "application/json",
        "",
        "text",
        "xml",
        ";",
        "application/soap",
        "text/xml-external-parsed-entity",
        "application/soap+xml2",
        "text/xml, text/xml",
    ):
        records = len(desk.ledger.intakes)
        assert desk.post(replace(new, content_type=media)).status == 415
        assert [intake.threat for intake in desk.ledger.intakes[records:]] == ["S3"]
    desk.refuses(posted(new.body.replace(SOAP12.encode(), b"http://www.w3.org/2099/soap")), "SD", "S3")
    desk.refuses(posted(QUERY), "SD", "S3")
    make_desk().accepts(
        replace(new, content_type='Application/SOAP+XML;Charset="UTF-8" ; Action="' + CLAIMS.action + '";')
    )


@pytest.mark.threat("S3")
def test_another_method_is_answered_405(desk: Desk) -> None:
    """What the web server refuses for its method is told and recorded in our words."""
    records = len(desk.ledger.intakes)
    wire = replace(posted(b""), method="GET", content_type="")
    assert refuse(Attempt(wire, "soap-gw-1"), MethodNotAllowed("GET"), desk.setup).status == 405
    assert [intake.code for intake in desk.ledger.intakes[records:]] == ["http.method"]


NAMES = ["To", "MessageID", "Action", "From", "ReplyTo", "RelatesTo"]


@pytest.mark.threat("S4")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_headers_of_addressing_stand_once_and_say_something(desk: Desk, name: str, soap: str) -> None:
    """Doubled, empty, of blanks only, with an element inside, missing."""
    tag = f"{{{WSA}}}{name}"

    def double(root: etree._Element) -> None:
        etree.SubElement(root[0], tag, {ID: "id-again"}).text = "urn:uuid:again"

    def inner(root: etree._Element) -> etree._Element:
        found = find(root, f"//wsa:{name}")
        return found[0] if len(found) else found

    changes = [
        double,
        lambda root: setattr(inner(root), "text", ""),
        lambda root: setattr(inner(root), "text", " \n\t"),
    ]
    if name not in ("ReplyTo", "RelatesTo"):
        changes.append(lambda root: root[0].remove(find(root, f"//wsa:{name}")))
    for change in changes:
        desk.refuses(forged(change, soap=soap), "IAH", "S4")
    desk.refuses(forged(lambda root: etree.SubElement(inner(root), "{urn:x}a"), soap=soap), "SD", "X9")


@pytest.mark.threat("S4")
@pytest.mark.threat("M4")
@pytest.mark.parametrize(
    "text",
    ["x" * 10_000, "x" * 301, "urn:a\nurn:b", "urn:uuid:a/b", "a\\b", "../../etc/passwd", "😀", "urn:uuid:1\u200b",
     "urn:uuid:\u202e1", "urn:uuid:а1", "urn:uuid:１", "a b", "a'b", 'a"b', "a<b", "a&b", "%0d%0a", "urn:x\u0085",
     "\xa0urn:x", "${7*7}", "{{7*7}}", "' or '1'='1", "K\u0301", "ﬁ"],
)  # fmt: skip
def test_an_id_is_plain_letters_and_digits(desk: Desk, text: str) -> None:
    """Signed ids with line breaks, slashes, quotes, look-alikes, invisible or directional characters are refused."""

    def write(root: etree._Element, path: str) -> None:
        find(root, path).text = text

    for path in (
        "//wsa:MessageID",
        "//wsa:RelatesTo",
        "//*[local-name()='ConversationID']",
        "//*[local-name()='Receiver']",
    ):
        desk.refuses(forged(lambda root, path=path: write(root, path)), "IAH", "S4")
    sender = "urn:swgw:partner:" + text
    desk.refuses(forged(lambda root: setattr(find(root, "//wsa:From/wsa:Address"), "text", sender)), "IAH", "S4")


@pytest.mark.threat("S4")
def test_parts_of_routing_are_ours_by_namespace(desk: Desk) -> None:
    """The same words in no namespace, in another, doubled or unknown."""
    routing = "//*[local-name()='Routing']"
    for tag in ("Receiver", "{urn:x}Receiver", "{urn:swgw:routing:1}Other", "{urn:swgw:routing:1}Receiver"):
        desk.refuses(forged(lambda root, tag=tag: etree.SubElement(find(root, routing), tag)), "IAH", "S4")
    desk.refuses(forged(lambda root: setattr(find(root, routing + "/*[1]"), "tag", "Receiver")), "IAH", "S4")
    without = [f"#{part}" for part in PARTS if part != "id-routing"]
    desk.refuses(forged(lambda root: root[0].remove(find(root, routing)), uris=without), "IAH", "S4")


@pytest.mark.threat("S5")
@pytest.mark.parametrize("name", ["ReplyTo", "FaultTo"])
@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1/", "http://169.254.169.254/latest", "https://evil.example/", "file:///etc/passwd",
                "http://www.w3.org/2005/08/addressing/none", "urn:swgw:partner:health_kz", "http://[::1]/", "x" * 501],
)  # fmt: skip
def test_answers_go_nowhere_else(desk: Desk, name: str, address: str, socket_disabled: None) -> None:
    """An address that the partner's record does not list is refused; nobody is called."""

    def point(root: etree._Element) -> None:
        if name == "ReplyTo":
            find(root, "//wsa:ReplyTo/wsa:Address").text = address
            return
        added = etree.SubElement(root[0], f"{{{WSA}}}FaultTo", {ID: "id-faultto"})
        etree.SubElement(added, f"{{{WSA}}}Address").text = address

    uris = [f"#{part}" for part in [*PARTS, *(["id-faultto"] if name == "FaultTo" else [])]]
    answer = ("IAH", "S4") if len(address) > 500 else ("DU", "S5")
    desk.refuses(forged(point, uris=uris), *answer)


@pytest.mark.threat("S5")
def test_a_registered_address_is_taken() -> None:
    """Reference parameters beside it are not."""
    address = "https://customs.example/answers"
    door = make_desk(reply_to=frozenset({address}))
    door.accepts(wired(query(reply_to=address)))
    more = lambda root: etree.SubElement(find(root, "//wsa:ReplyTo"), f"{{{WSA}}}ReferenceParameters")  # noqa: E731
    door.refuses(forged(more), "IAH", "S4")


@pytest.mark.threat("S6")
@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_a_body_holds_one_document(desk: Desk, soap: str) -> None:
    """A Fault, an Envelope, nothing, text, two, a receipt, an encoding style or a type of its own choice."""

    def body(change: object) -> Wire:
        return forged(lambda root: change(root[1]), soap=soap)  # type: ignore[operator]

    def only(tag: str) -> object:
        return lambda one: one.replace(one[0], etree.Element(tag))

    for change in (
        only(f"{{{soap}}}Fault"), only(f"{{{soap}}}Envelope"), only(f"{{{SOAP11}}}Envelope"),
        only(f"{{{SOAP12}}}Envelope"),
        only(f"{{{soap}}}Body"), lambda one: one.remove(one[0]), lambda one: setattr(one, "text", "x"),
        lambda one: one.append(etree.Element("{urn:x}a")), lambda one: one.insert(0, etree.Element("a")),
        lambda one: setattr(one[0], "tail", "x"),
        lambda one: one.set(f"{{{soap}}}encodingStyle", "http://schemas.xmlsoap.org/soap/encoding/"),
        lambda one: one[0].set(f"{{{XSI}}}type", "LPCOQueryType"),
        lambda one: one[0][0].set(f"{{{XSI}}}type", "string"),
    ):  # fmt: skip
        desk.refuses(body(change), "SD", "S6", "W3")
    desk.refuses(body(only("{urn:swgw:receipt:1}Receipt")), "unknown")
    desk.refuses(body(only("LPCOQuery")), "unknown")


@pytest.mark.threat("S8")
@pytest.mark.parametrize(
    "values", [["gzip"], ["deflate"], ["br"], ["identity", "gzip"], ["gzip", "gzip"], ["Identity, gzip"], ["x"]]
)
def test_nothing_is_unpacked(desk: Desk, values: list[str]) -> None:
    """Any content encoding, once or twice, is refused unread."""
    headers = tuple(("content-encoding", value) for value in values)
    desk.refuses(replace(wired(query()), headers=headers), "415", "S8")


@pytest.mark.threat("S8")
@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
def test_nothing_is_deciphered(desk: Desk, soap: str) -> None:
    """An encrypted Body, header, key or list of references: encryption is agreed with nobody."""
    for name in ("EncryptedData", "EncryptedKey"):
        change = lambda root, name=name: root[1].replace(root[1][0], etree.Element(f"{{{XENC}}}{name}"))  # noqa: E731
        desk.refuses(forged(change, soap=soap), "UA", "S8")
    for tag in (f"{{{XENC}}}EncryptedData", f"{{{WSSE11}}}EncryptedHeader"):
        desk.refuses(changed(lambda root, tag=tag: etree.SubElement(root[0], tag), soap=soap), "UA", "S8")
    for name in ("EncryptedKey", "ReferenceList", "EncryptedData"):
        add = lambda root, name=name: etree.SubElement(find(root, "//wsse:Security"), f"{{{XENC}}}{name}")  # noqa: E731
        desk.refuses(changed(lambda root, add=add: add(root) is None), "UA", "S8")
