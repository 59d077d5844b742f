"""The threat table at the SOAP door, rows C1 to C3 and C6 to C10: who signed, and whether that certificate holds."""

from __future__ import annotations

import base64
import copy
import select
import socket
import time
from collections.abc import Sequence
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID
from lxml import etree

from gateway.model import DS, WSSE, X509V3, PartnerId, Wire
from tests.builders import CUSTOMS, HEALTH
from tests.desk import Desk, desk_of, make_desk, ministry, posted, query, stranger
from tests.forge import ID, changed, reseal
from tests.pki import CA_USAGE, NOW, TLS_ONLY, Issued, issue, make_ca, make_partner
from tests.soap import Party, find, wired

DAY = timedelta(days=1)


def desk_for(signer: Issued, *anchors: Issued, retired: Sequence[Issued] = ()) -> Desk:
    """A gateway whose customs partner has this certificate and these anchors."""
    return desk_of(make_partner(CUSTOMS, signer, anchors=anchors, retired=retired, sends=frozenset({"*"})), ministry())


def by(signer: Issued) -> Wire:
    """A permit query sealed with this certificate."""
    return wired(query(Party(signer, signer, "ecdsa-sha256")))


def with_token(der: bytes) -> Wire:
    """A permit query whose token holds these octets, signed by the usual key."""
    root = etree.fromstring(query().body)
    find(root, "//wsse:BinarySecurityToken").text = base64.b64encode(der).decode()
    reseal(root)
    return posted(etree.tostring(root))


@pytest.mark.threat("C1")
def test_strangers_are_refused() -> None:
    """Self-signed, of an unknown CA, of the right CA but not registered, or registered without that CA."""
    ca, other = make_ca(), make_ca("other CA", serial=3)
    good = issue(ca, "customs")
    door = desk_for(good, ca)
    door.accepts(by(good))
    for signer in (issue(None, "customs"), issue(other, "customs"), issue(ca, "customs", serial=9)):
        door.refuses(by(signer), "FA", "C1")
    for registered, anchors in ((issue(None, "customs"), (ca,)), (issue(other, "customs"), (ca,)), (good, ())):
        desk_for(registered, *anchors).refuses(by(registered), "FA", "C1")
    own = issue(None, "customs")
    desk_for(own, own).refuses(by(own), "FA", "C1", "C3")
    forged_leaf = issue(ca, "customs", signed_by=other.key)
    desk_for(forged_leaf, ca).refuses(by(forged_leaf), "FA", "C1")


@pytest.mark.threat("C1")
def test_an_unknown_sender_is_refused() -> None:
    """Also when its name is spelt almost like one we know."""
    for name in ("nobody", "customs_kz2", "gateway"):
        make_desk().refuses(wired(query(sender=PartnerId(name))), "FA", "C1")


@pytest.mark.threat("C2")
def test_a_certificate_counts_at_the_time_of_receipt() -> None:
    """One second off on either side is off; an expired authority takes its leaves with it."""
    ca = make_ca()
    second = timedelta(seconds=1)
    for before, after, fine in ((-DAY, -second, False), (second, DAY, False), (-DAY, DAY, True)):
        leaf = issue(ca, not_before=NOW + before, not_after=NOW + after)
        door = desk_for(leaf, ca)
        if fine:
            door.accepts(by(leaf))
        else:
            door.refuses(by(leaf), "FA", "C2")
    old = make_ca("old CA", serial=4, not_after=NOW - second)
    leaf = issue(old)
    desk_for(leaf, old).refuses(by(leaf), "FA", "C2")


@pytest.mark.threat("C3")
def test_a_certificate_for_something_else_signs_nothing() -> None:
    """A CA, one for TLS only, without the usage, with unknown critical words, below a path too long."""
    ca = make_ca()
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
    narrow = make_ca("narrow", parent=ca, serial=7, path_length=0)
    below = make_ca("below", parent=narrow, serial=8)
    constraints = x509.NameConstraints([x509.DNSName("kgd.example")], None)
    named = make_ca("named", serial=6, extensions=[(constraints, True)])
    leaves: list[tuple[Issued, tuple[Issued, ...]]] = [
        (issue(ca, basic=x509.BasicConstraints(ca=True, path_length=None), usage=CA_USAGE), (ca,)),
        (issue(ca, usage=TLS_ONLY), (ca,)),
        (issue(ca, usage=None), (ca,)),
        (issue(ca, extended=[ExtendedKeyUsageOID.SERVER_AUTH]), (ca,)),
        (issue(ca, extended=[ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]), (ca,)),
        (issue(ca, extensions=[(odd, True)]), (ca,)),
        (issue(below), (ca, narrow, below)),
        (issue(named, names=[x509.DNSName("evil.example")]), (named,)),
        (issue(make_ca("no CA", serial=11, ca=False), serial=12), (make_ca("no CA", serial=11, ca=False),)),
    ]
    for leaf, anchors in leaves:
        desk_for(leaf, *anchors).refuses(by(leaf), "FA", "C3", "C1")


@pytest.mark.threat("C6")
def test_each_partner_speaks_for_itself() -> None:
    """The ministry's good certificate does not sign for customs, nor customs' for the ministry."""
    door = make_desk()
    ca, signer = stranger()
    theirs = Party(ca, signer, "ecdsa-sha256")
    door.refuses(wired(query(theirs)), "FA", "C6")
    door.refuses(wired(query(sender=HEALTH)), "FA", "C6")
    twin = issue(ca, "customs", serial=5)
    door.refuses(wired(query(Party(ca, twin, "ecdsa-sha256"))), "FA", "C1", "C6")


@pytest.mark.threat("C6")
def test_another_key_under_the_same_names_is_another_key() -> None:
    """Same subject, issuer and key identifier, other key: the certificate is known by its digest alone."""
    ca = make_ca()
    good, twin = issue(ca, "customs", number=77), issue(ca, "customs", serial=21, number=77)
    assert good.certificate.subject == twin.certificate.subject
    desk_for(good, ca).refuses(by(twin), "FA", "C1", "C6")


@pytest.mark.threat("C7")
def test_the_key_is_named_one_way() -> None:
    """Another token, two tokens, none; key value, issuer and serial, identifier, embedded, retrieval: all refused."""
    door = make_desk()
    token, reference = f"{{{WSSE}}}BinarySecurityToken", f"{{{WSSE}}}SecurityTokenReference"

    def info(root: etree._Element) -> etree._Element:
        return find(root, "//ds:KeyInfo")

    def instead(xml: str, inside: bool = False) -> Wire:
        def change(root: etree._Element) -> None:
            fresh = etree.fromstring(f'<r xmlns:ds="{DS}" xmlns:wsse="{WSSE}">{xml}</r>')[0]
            place = info(root)[0] if inside else info(root)
            place.replace(place[0], fresh)

        return changed(change)

    certificate = base64.b64encode(stranger()[1].der).decode()
    for xml in (
        "<ds:KeyValue><ds:RSAKeyValue/></ds:KeyValue>",
        "<ds:KeyName>customs_kz</ds:KeyName>",
        f"<ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data>",
        '<ds:RetrievalMethod URI="http://127.0.0.1:1/key"/>',
    ):
        door.refuses(instead(xml), "IT", "C7")
    for xml in (
        "<wsse:KeyIdentifier>AA==</wsse:KeyIdentifier>",
        "<wsse:Embedded/>",
        "<ds:X509Data><ds:X509IssuerSerial/></ds:X509Data>",
        '<wsse:Reference URI="#id-other"/>',
        '<wsse:Reference URI="http://127.0.0.1:1/c"/>',
        '<wsse:Reference URI=""/>',
        "<wsse:Reference/>",
        '<wsse:Reference URI="#id-bst" ValueType="urn:x"/>',
    ):
        door.refuses(instead(xml, inside=True), "IT", "C7")
    for change in (
        lambda root: find(root, "//wsse:Security").remove(root.find(f".//{token}")),
        lambda root: find(root, "//wsse:Security").insert(0, copy.deepcopy(root.find(f".//{token}"))),
        lambda root: root.find(f".//{token}").set("ValueType", X509V3.replace("X509v3", "X509PKIPathv1")),
        lambda root: root.find(f".//{token}").set("EncodingType", "urn:hex"),
        lambda root: root.find(f".//{token}").attrib.pop("ValueType"),
        lambda root: info(root).append(copy.deepcopy(root.find(f".//{reference}"))),
        lambda root: info(root).remove(info(root)[0]),
    ):
        door.refuses(changed(change), "IT", "C7")
    door.refuses(changed(lambda root: root.find(f".//{token}").set(ID, "id-else")), "IT", "C7")


@pytest.mark.threat("C8")
def test_a_token_that_is_no_certificate_is_refused_quickly() -> None:
    """Cut, with octets behind it, empty, not base64, a list of certificates, huge: within 200 ms of processor time."""
    door, der = make_desk(), stranger()[1].der
    started = time.process_time()
    for octets in (
        der[:-1],
        der + b"\0",
        b"\x30\x80",
        b"0" * 20_000,
        b"\x30\x82" + der * 4,
        b"x",
    ):
        door.refuses(with_token(octets), "IT", "C8")
    for text in ("", "====", "not base64!", "AAA", "\u00e9"):
        door.refuses(
            changed(lambda root, text=text: setattr(find(root, "//wsse:BinarySecurityToken"), "text", text)), "IT", "C8"
        )
    assert time.process_time() - started < 0.2 * 12


@pytest.mark.threat("C8")
def test_authorities_that_name_each_other_end_nowhere() -> None:
    """A loop of authorities and many of one name: refused, and quickly."""
    one = make_ca("loop", serial=31)
    two = make_ca("loop", parent=one, serial=32)
    many = tuple(make_ca("loop", parent=two, serial=40 + n) for n in range(8))
    leaf = issue(make_ca("elsewhere", serial=60), "customs")
    door = desk_for(leaf, one, two, *many)
    wire = by(leaf)
    started = time.process_time()
    door.refuses(wire, "FA", "C1", "C3")
    assert time.process_time() - started < 0.4


@pytest.mark.threat("C9")
def test_addresses_in_a_certificate_are_never_called(socket_enabled: None) -> None:
    """OCSP, issuer and revocation list addresses of a leaf: nobody is called and no file is read."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        places = [x509.UniformResourceIdentifier(text) for text in (url, "file:///etc/passwd")]
        access = [
            x509.AccessDescription(kind, place)
            for place in places
            for kind in (AuthorityInformationAccessOID.OCSP, AuthorityInformationAccessOID.CA_ISSUERS)
        ]
        points = [x509.DistributionPoint([place], None, None, None) for place in places]
        ca = make_ca()
        leaf = issue(
            ca,
            extensions=[(x509.AuthorityInformationAccess(access), False), (x509.CRLDistributionPoints(points), False)],
        )
        desk_for(leaf, ca).accepts(by(leaf))
        desk_for(leaf, make_ca("other CA", serial=3)).refuses(by(leaf), "FA", "C1")
        assert not select.select([server], [], [], 0)[0]


@pytest.mark.threat("C10")
def test_a_retired_key_signs_nothing() -> None:
    """From the moment the record says so; its successor signs."""
    ca = make_ca()
    old, fresh = issue(ca, "customs", serial=71), issue(ca, "customs", serial=72)
    door = desk_for(fresh, ca, retired=[old])
    door.refuses(by(old), "FA", "C10")
    door.accepts(by(fresh))
