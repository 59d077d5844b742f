"""Signer certificate to partner: registered, in time, on a good path, made for signatures - or refused with its row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from gateway.errors import PartnerUnknown, SealError, SealToken, WeakAlgorithm
from gateway.model import Partner, PartnerId
from gateway.seal.trust import bind, partner_of, read_certificate
from tests.pki import CA_USAGE, NOW, TLS_ONLY, Issued, issue, make_ca, make_partner, new_key, registry

HEALTH = PartnerId("health_kz")
SECOND = timedelta(seconds=1)
CA_BASIC = x509.BasicConstraints(ca=True, path_length=None)

TWENTY_OCTETS = int.from_bytes(b"\x40" + bytes(range(1, 20)))
"""The longest serial number RFC 5280 allows; a shorter one would make the tampering below miss."""


def _refused(
    partner: Partner, leaf: bytes, *, claimed: PartnerId = HEALTH, others: tuple[Partner, ...] = ()
) -> SealError:
    with pytest.raises(SealError) as refusal:
        bind(leaf, claimed, registry(partner, *others), NOW)
    return refusal.value


def _row(leaf: Issued, *anchors: Issued) -> str:
    return _refused(make_partner(HEALTH, leaf, anchors=anchors), leaf.der).threat


@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa2048", "ed25519"])
def test_a_registered_signer_is_its_partner(kind: str) -> None:
    """An organisation certificate without any host name is accepted, for every kind of key."""
    ca = make_ca()
    leaf = issue(ca, kind=kind)
    partner = make_partner(HEALTH, leaf, anchors=[ca])
    bound, key = bind(leaf.der, HEALTH, registry(partner), NOW)
    assert bound is partner
    assert key == new_key(kind).public_key()


def test_a_path_over_a_configured_step_is_found() -> None:
    """Root and issuing CA in the record: the path goes over both; the issuing CA alone is an end by itself."""
    root = make_ca("Root")
    step = make_ca("Issuing", parent=root)
    leaf = issue(step)
    for anchors in ([root, step], [step]):
        partner = make_partner(HEALTH, leaf, anchors=anchors)
        assert bind(leaf.der, HEALTH, registry(partner), NOW)[0] is partner


@pytest.mark.parametrize(
    "purposes",
    [None, [ExtendedKeyUsageOID.EMAIL_PROTECTION], [ObjectIdentifier("1.2.398.3.3.4.1.2")],
     [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.EMAIL_PROTECTION]],
)  # fmt: skip
def test_purposes_that_are_not_tls_only_are_accepted(purposes: list[ObjectIdentifier] | None) -> None:
    """National purposes, such as that of an organisation in Kazakhstan, do not stand in the way."""
    ca = make_ca()
    leaf = issue(ca, extended=purposes)
    bind(leaf.der, HEALTH, registry(make_partner(HEALTH, leaf, anchors=[ca])), NOW)


@pytest.mark.threat("C1")
def test_unregistered_self_signed_and_foreign_roots_are_refused() -> None:
    """Being signed by a known CA is not enough, and being registered is not enough."""
    ca, stranger = make_ca(), make_ca("Other")
    known, unknown, own = issue(ca), issue(ca, "Unknown", serial=2), issue(None, "Self", serial=3)
    partner = make_partner(HEALTH, known, anchors=[ca])
    assert _refused(partner, unknown.der).threat == "C1"
    assert _refused(partner, known.der, claimed=PartnerId("nobody")).threat == "C1"
    assert _row(own, ca) == "C1"
    assert _row(own, own) == "C1"
    assert _row(known, ca, known) == "C1"
    assert _row(known, stranger) == "C1"
    assert _row(known) == "C1"


@pytest.mark.threat("C1")
def test_a_forged_issuer_name_is_refused() -> None:
    """The name of the CA under the signature of another key."""
    ca = make_ca()
    forged = issue(ca, serial=4, signed_by=new_key("p256", 99))
    assert _row(forged, ca) == "C1"


@pytest.mark.threat("C2")
def test_dates_hold_to_the_second() -> None:
    """Valid from its first to its last second, at the time of receipt; also when the good path was seen before."""
    ca = make_ca()
    leaf = issue(ca, not_before=NOW, not_after=NOW + timedelta(days=1))
    partners = registry(make_partner(HEALTH, leaf, anchors=[ca]))
    last = NOW + timedelta(days=1)
    bind(leaf.der, HEALTH, partners, NOW)
    bind(leaf.der, HEALTH, partners, last)
    for outside in (NOW - SECOND, last + SECOND):
        with pytest.raises(PartnerUnknown) as refusal:
            bind(leaf.der, HEALTH, partners, outside)
        assert refusal.value.threat == "C2"


@pytest.mark.threat("C2")
def test_an_authority_outside_its_dates_is_refused() -> None:
    """A leaf outliving its CA ends with the CA."""
    old = make_ca("Old", not_after=NOW - SECOND)
    assert _row(issue(old), old) == "C2"
    root = make_ca("Root")
    step = make_ca("Step", parent=root, not_before=NOW + SECOND)
    assert _row(issue(step), root, step) == "C2"


@pytest.mark.threat("C3")
@pytest.mark.parametrize(
    "make",
    [
        lambda ca: issue(ca, basic=CA_BASIC),
        lambda ca: issue(ca, basic=CA_BASIC, usage=CA_USAGE),
        lambda ca: issue(ca, usage=CA_USAGE),
        lambda ca: issue(ca, usage=TLS_ONLY),
        lambda ca: issue(ca, usage=x509.KeyUsage(True, False, False, False, False, True, False, False, False)),
        lambda ca: issue(ca, usage=None),
        lambda ca: issue(ca, extended=[ExtendedKeyUsageOID.SERVER_AUTH]),
        lambda ca: issue(ca, extended=[ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]),
        lambda ca: issue(ca, extensions=[(x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)]),
        lambda ca: issue(ca, extensions=[(x509.NameConstraints([x509.DNSName("a.kz")], None), True)]),
    ],
    ids=[
        "ca",
        "ca-with-usage",
        "cert-sign",
        "tls-usage",
        "also-cert-sign",
        "no-usage",
        "tls-server",
        "tls",
        "unknown-critical",
        "names",
    ],
)
def test_a_leaf_not_made_for_message_signatures_is_refused(make: Callable[[Issued], Issued]) -> None:
    """What a certificate is for is decided by its issuer, not by its holder."""
    ca = make_ca()
    assert _row(make(ca), ca) == "C3"


@pytest.mark.threat("C3")
def test_rules_of_the_path_hold() -> None:
    """pathLen, a step that is no CA, name constraints, unknown critical extensions and missing keyCertSign."""
    short = make_ca("Short", path_length=0)
    below = make_ca("Below", parent=short)
    assert _row(issue(below), short, below) == "C3"
    root = make_ca("Root")
    not_ca = make_ca("Not a CA", parent=root, ca=False)
    assert _row(issue(not_ca), root, not_ca) == "C3"
    unsigned = make_ca("No keyCertSign", parent=root, usage=TLS_ONLY)
    assert _row(issue(unsigned), root, unsigned) in {"C1", "C3"}
    names = x509.NameConstraints(permitted_subtrees=[x509.DNSName("gov.kz")], excluded_subtrees=None)
    narrow = make_ca("Narrow", parent=root, extensions=[(names, True)])
    assert _row(issue(narrow, names=[x509.DNSName("evil.example")]), root, narrow) == "C3"
    odd = make_ca(
        "Odd", parent=root, extensions=[(x509.UnrecognizedExtension(ObjectIdentifier("1.2.3"), b"\5\0"), True)]
    )
    assert _row(issue(odd), root, odd) == "C3"


@pytest.mark.threat("C6")
def test_the_certificate_of_another_partner_is_refused() -> None:
    """A good certificate of B under a message from A; also with the same subject, or the same key, as A's own."""
    ca = make_ca()
    mine, theirs = issue(ca), issue(ca, "Кеден", serial=1)
    health, customs = make_partner(HEALTH, mine, anchors=[ca]), make_partner("customs_kz", theirs, anchors=[ca])
    assert _refused(health, theirs.der, others=(customs,)).threat == "C6"
    same_subject, same_key = issue(ca, serial=7), issue(ca)
    assert _refused(health, same_subject.der).threat == "C1"
    assert _refused(health, same_key.der).threat == "C1"
    assert partner_of(theirs.der, registry(health, customs)) == "customs_kz"
    assert partner_of(same_key.der, registry(health, customs)) is None


@pytest.mark.threat("C8")
def test_tokens_that_are_not_one_clean_certificate_are_refused() -> None:
    """Broken DER, trailing octets, a duplicate extension, a serial number of more than 20 octets, a huge token."""
    ca = make_ca()
    leaf = issue(ca)
    partner = make_partner(HEALTH, leaf, anchors=[ca])
    pem = leaf.certificate.public_bytes(Encoding.PEM)
    for token in (b"", b"\x30", leaf.der[:-1], leaf.der + b"\0", leaf.der * 2, pem, b"\x30\x80" + b"\0" * 40_000):
        refusal = _refused(partner, token)
        assert isinstance(refusal, SealToken)
        assert refusal.threat == "C8"


@pytest.mark.threat("C8")
@pytest.mark.parametrize("registered", [False, True])
def test_duplicate_extension_and_odd_serial_numbers_are_refused(registered: bool) -> None:
    """Also when somebody registered such a certificate."""
    odd = x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.99"), b"\5\0")
    leaf = issue(make_ca(), number=TWENTY_OCTETS, extensions=[(odd, False)])
    key_id, basic = bytes.fromhex("0603551d63"), bytes.fromhex("0603551d0f")
    doubled = leaf.der.replace(key_id, basic)
    number = TWENTY_OCTETS.to_bytes(20)
    negative = leaf.der.replace(b"\x02\x14" + number, b"\x02\x14" + b"\x80" + number[1:])
    for der in (doubled, negative):
        assert der != leaf.der
        with pytest.raises(SealToken):
            read_certificate(der)


@pytest.mark.threat("C8")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("first", [0x80, 0xFF])
def test_a_negative_serial_number_is_refused_where_warnings_are_only_words(first: int) -> None:
    """In production the parser only warns; we refuse."""
    leaf = issue(make_ca(), number=TWENTY_OCTETS)
    number = TWENTY_OCTETS.to_bytes(20)
    der = leaf.der.replace(b"\x02\x14" + number, b"\x02\x14" + bytes([first]) + number[1:])
    with pytest.raises(SealToken):
        read_certificate(der)


@pytest.mark.threat("C9")
def test_addresses_inside_a_certificate_are_never_visited(socket_disabled: None) -> None:
    """AIA and CRL pointers are accepted and ignored; a socket in this process would fail the run."""
    ca = make_ca()
    place = x509.UniformResourceIdentifier("http://127.0.0.1:1/ca.cer")
    access = x509.AuthorityInformationAccess(
        [x509.AccessDescription(x509.oid.AuthorityInformationAccessOID.CA_ISSUERS, place)]
    )
    points = x509.CRLDistributionPoints([x509.DistributionPoint([place], None, None, None)])
    leaf = issue(ca, extensions=[(access, False), (points, False)])
    bind(leaf.der, HEALTH, registry(make_partner(HEALTH, leaf, anchors=[ca])), NOW)


@pytest.mark.threat("C10")
def test_a_retired_certificate_is_refused_though_its_path_was_good() -> None:
    """Retiring works at once, in the middle of a run."""
    ca = make_ca()
    leaf, successor = issue(ca), issue(ca, serial=8)
    before = make_partner(HEALTH, leaf, anchors=[ca])
    bind(leaf.der, HEALTH, registry(before), NOW)
    after = make_partner(HEALTH, successor, anchors=[ca], retired=[leaf])
    assert _refused(after, leaf.der).threat == "C10"
    bind(successor.der, HEALTH, registry(after), NOW)


def test_a_path_seen_good_is_not_good_for_other_anchors() -> None:
    """What was believed with one record is not believed with another."""
    ca, other = make_ca(), make_ca("Other")
    leaf = issue(ca)
    bind(leaf.der, HEALTH, registry(make_partner(HEALTH, leaf, anchors=[ca])), NOW)
    assert _row(leaf, other) == "C1"


@pytest.mark.threat("A2")
@pytest.mark.parametrize("kind", ["rsa1024", "p192", "secp256k1"])
def test_weak_keys_are_refused_whoever_certified_them(kind: str) -> None:
    """A registered certificate with a weak key proves nothing."""
    ca = make_ca()
    leaf = issue(ca, kind=kind)
    refusal = _refused(make_partner(HEALTH, leaf, anchors=[ca]), leaf.der)
    assert isinstance(refusal, WeakAlgorithm)
    assert refusal.threat == "A2"
