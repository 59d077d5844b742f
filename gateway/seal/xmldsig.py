"""Reads and checks one XML Signature of the only shape we accept.

XML Signature 1.1 with WSS 1.1.1 and BSP 1.1 structure: SignedInfo, SignatureValue, KeyInfo; exclusive C14N only; one
transform per reference; same-document references by bare id. Everything else is refused before any cryptography.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, NoReturn

from lxml import etree

from gateway.errors import SealBroken, SealInvalid, SealToken, WeakAlgorithm
from gateway.model import DS, EXC_C14N, WSSE, X509V3, Reference
from gateway.seal.keys import XMLDSIG_DIGEST, XMLDSIG_SIGNATURE
from gateway.xml import Element, canonical, tag_of

MAX_REFERENCES: Final = 20
MAX_PREFIXES: Final = 10
_MOST_FRAMES: Final = 256
_DIGEST_TAG: Final = b"DigestValue>"
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/=\s]+")
_INCLUSIVE: Final = f"{{{EXC_C14N}}}InclusiveNamespaces"
_FRAGMENT = re.compile(r"#[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_EXC: Final = re.escape(EXC_C14N)
_INC: Final = rf'(?:<(?:[\w.-]+:)?InclusiveNamespaces xmlns(?::[\w.-]+)?="{_EXC}" PrefixList="([^"]*)"></[\w.:-]+>)?'
_REFERENCE_TEXT: Final = (
    r'<P:Reference URI="#([A-Za-z_][A-Za-z0-9_.-]{0,127})">\s*<P:Transforms>\s*'
    rf'<P:Transform Algorithm="{_EXC}">\s*+{_INC}\s*+</P:Transform>\s*</P:Transforms>\s*'
    r'<P:DigestMethod Algorithm="([^"]*)"></P:DigestMethod>\s*'
    r"<P:DigestValue>([A-Za-z0-9+/=\s]+(?:&#xD;[A-Za-z0-9+/=\s]*)*)</P:DigestValue>\s*</P:Reference>\s*"
)
_SIGNED_INFO_TEXT: Final = (
    r'<P:SignedInfo(?: xmlns(?::[\w.-]+)?="[^"]*")*(?: Id="[^"]*")?>\s*'
    rf'<P:CanonicalizationMethod Algorithm="{_EXC}">\s*+{_INC}\s*+</P:CanonicalizationMethod>\s*'
    r'<P:SignatureMethod Algorithm="(?P<method>[^"]*)"></P:SignatureMethod>\s*'
    rf"(?P<references>(?:{_REFERENCE_TEXT})+)</P:SignedInfo>"
)


_OUTDATED = re.compile(rb"sha1|sha224|md[245]|ripemd|dsa-sha1$|#dsa", re.I)
_MOST_TRANSFORMS: Final = 5
DIGESTS: Final = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}


def _pattern(text: str) -> re.Pattern[bytes]:
    """The text with `P:` standing for whatever prefix the signature uses, none included."""
    return re.compile(text.replace("P:", r"(?:[A-Za-z_][\w.-]*:)?").encode())


_SIGNED_INFO: Final = _pattern(_SIGNED_INFO_TEXT)
_REFERENCE: Final = _pattern(_REFERENCE_TEXT)


class Expected(NamedTuple):
    """What a Reference says beside its value: the id it names, its PrefixList, its digest method by URI and by name."""

    part: str
    prefixes: tuple[str, ...]
    uri: str
    algorithm: str


@dataclass(frozen=True, slots=True)
class Frame:
    """A SignedInfo without its digest values: what stays the same from one message of a sender to the next."""

    algorithm: str
    references: tuple[Expected, ...]


_frames: dict[bytes, Frame] = {}
"""Frames seen before, by their octets: equal octets were found well-shaped once and mean the same again."""


@dataclass(frozen=True, slots=True)
class SignatureShape:
    """A signature read and found well-shaped; nothing is proven yet."""

    octets: bytes
    """SignedInfo in canonical form: what the signature value is over."""
    algorithm: str
    value: bytes
    references: tuple[Expected, ...]
    digests: tuple[bytes, ...]
    """The digest value of each reference as written, base64."""
    token_id: str


def read_signature(signature: Element) -> SignatureShape:
    """Read a ds:Signature. Raises SealInvalid, SealToken, WeakAlgorithm (threat rows W5-W7, A1-A3, A6, C7, D1).

    The one accepted SignedInfo is a pattern over its canonical octets, so what is read is what was signed; only when
    the pattern does not match does `_complain` walk the tree to say why.
    """
    signed_info, value, key_info = _children(signature, "SignedInfo", "SignatureValue", "KeyInfo")
    if next(signature.iter(etree.Comment, etree.PI), None) is not None:
        raise SealInvalid("a comment inside the signature", threat="W7")
    inclusive = signed_info[0][0] if len(signed_info) and len(signed_info[0]) else None
    octets = octets_of(signed_info, _prefixes((inclusive.get("PrefixList") or "") if inclusive is not None else ""))
    frame, digests = _frame(octets, signed_info)
    return SignatureShape(
        octets=octets,
        algorithm=frame.algorithm,
        value=strict_base64(value, SealInvalid("SignatureValue is not base64", threat="W7")),
        references=frame.references,
        digests=digests,
        token_id=_token_id(key_info),
    )


def _frame(octets: bytes, signed_info: Element) -> tuple[Frame, tuple[bytes, ...]]:
    """A SignedInfo as its frame and the digest values in it.

    Canonical octets hold `DigestValue>` only in tags and in attributes, since text writes `&gt;`; a digest value ends
    at the next `<`. So the values can be taken out and what is left, delimiters included, says which frame it is. With
    one in an attribute there are other values than references, or what is taken for one is no base64.
    """
    pieces = octets.split(_DIGEST_TAG)
    cut = [piece.partition(b"<") for piece in pieces[1::2]]
    outline = _DIGEST_TAG.join([*pieces[::2], *(tail for _, _, tail in cut)])
    frame = _frames.get(outline)
    if frame is None:
        frame = _read_frame(octets, signed_info)
        if len(_frames) >= _MOST_FRAMES:
            _frames.clear()
        _frames[outline] = frame
    values = tuple(value for value, _, _ in cut)
    if not all(values) or not _BASE64.fullmatch(b"".join(values).replace(b"&#xD;", b"")):
        raise SealInvalid("DigestValue is not base64", threat="W7")
    if len(values) != len(frame.references):
        raise SealInvalid("DigestValue stands where no digest is", threat="W7")
    return frame, values


def _read_frame(octets: bytes, signed_info: Element) -> Frame:
    match = _SIGNED_INFO.fullmatch(octets)
    if match is None:
        _complain(signed_info)
    references = _REFERENCE.findall(match["references"])
    if len(references) > MAX_REFERENCES:
        raise SealInvalid(f"more than {MAX_REFERENCES} references", threat="D1")
    return Frame(
        algorithm=known(match["method"], XMLDSIG_SIGNATURE),
        references=tuple(
            Expected(part.decode(), _prefixes(prefixes.decode()), method.decode(), known(method, XMLDSIG_DIGEST))
            for part, prefixes, method, _ in references
        ),
    )


def known(uri: bytes, table: Mapping[str, str]) -> str:
    """The short name of an algorithm. Raises WeakAlgorithm: A1 for symmetric, A2 for outdated, A3 for unknown ones."""
    name = table.get(uri.decode())
    if name is None:
        row = "A1" if b"hmac" in uri else "A2" if _OUTDATED.search(uri) else "A3"
        raise WeakAlgorithm(f"{uri[:200]!r} is not accepted", threat=row)
    return name


def _prefixes(text: str) -> tuple[str, ...]:
    prefixes = tuple(text.split())
    if len(prefixes) > MAX_PREFIXES:
        raise SealInvalid(f"more than {MAX_PREFIXES} prefixes in a PrefixList", threat="W9")
    return prefixes


def check_digests(
    shape: SignatureShape, parts: Mapping[str, tuple[str, Element]]
) -> dict[str, tuple[Reference, bytes]]:
    """Digest each referenced part; give name -> (reference, canonical octets). `parts`: id -> (name, element).

    Raises SealBroken for a digest that differs, a part not of this profile, or octets that cannot be made (X10, W10).
    """
    proven: dict[str, tuple[Reference, bytes]] = {}
    for (part, prefixes, uri, algorithm), value in zip(shape.references, shape.digests, strict=True):
        if part not in parts:
            raise SealBroken(f"the reference #{part} is not a part of this profile at its place", threat="W1")
        name, element = parts[part]
        if name in proven:
            raise SealInvalid(f"{name} is referenced twice", threat="W5")
        octets = octets_of(element, prefixes)
        digest = base64.b64encode(DIGESTS[algorithm](octets).digest())
        if digest != value and digest != b"".join(value.replace(b"&#xD;", b"").split()):
            raise SealBroken(f"digest of {name} differs", threat="W9")
        proven[name] = Reference(part="#" + part, algorithm=uri, digest=digest.decode()), octets
    return proven


def octets_of(element: Element, prefixes: tuple[str, ...]) -> bytes:
    """Exclusive canonical octets, never empty (W10). Raises SealBroken where canonical XML is not defined (X10)."""
    try:
        octets = canonical(element, prefixes)
    except etree.C14NError as error:
        raise SealBroken(f"cannot be canonicalised: {error}", threat="X10") from None
    if not octets:
        raise SealBroken("canonical form is empty", threat="W10")
    return octets


def strict_base64(element: Element, refusal: Exception) -> bytes:
    """The octets of a base64 leaf; XML white space is dropped, anything else not canonical is refused."""
    if len(element):
        raise refusal
    return strict_octets((element.text or "").encode("ascii", "replace"), refusal)


def strict_octets(text: bytes, refusal: Exception) -> bytes:
    """Decode base64 that encodes back to itself once white space is gone."""
    text = b"".join(text.split())
    try:
        octets = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise refusal from None
    if not octets or base64.b64encode(octets) != text:
        raise refusal
    return octets


def _children(parent: Element, *names: str) -> list[Element]:
    """The children, which must be exactly these ds: elements in this order and nothing else."""
    children = list(parent)
    if [tag_of(child) for child in children] != [f"{{{DS}}}{name}" for name in names]:
        raise SealInvalid(f"{_name(parent)} must hold {', '.join(names)}", threat="W7")
    return children


def _name(element: Element) -> str:
    return tag_of(element).rpartition("}")[2]


def _complain(signed_info: Element) -> NoReturn:
    """Say why a SignedInfo is not the accepted one; always raises."""
    children = list(signed_info)
    names = [tag_of(child) for child in children]
    expected = [f"{{{DS}}}CanonicalizationMethod", f"{{{DS}}}SignatureMethod"]
    if names[:2] != expected or len(names) < 3 or set(names[2:]) != {f"{{{DS}}}Reference"}:  # noqa: PLR2004 - methods + one
        raise SealInvalid("SignedInfo must hold the two methods and references", threat="W7")
    method, algorithm, *references = children
    _check_transform(method)
    _check_method(algorithm, XMLDSIG_SIGNATURE)
    if len(references) > MAX_REFERENCES:
        raise SealInvalid(f"more than {MAX_REFERENCES} references", threat="D1")
    for reference in references:
        _check_reference(reference)
    raise SealInvalid("SignedInfo does not have the accepted shape", threat="W7")


def _check_method(method: Element, table: Mapping[str, str]) -> None:
    if len(method) or (method.text or "").strip():
        raise WeakAlgorithm(f"{_name(method)} carries parameters", threat="A1")
    known(method.get("Algorithm", "").encode(), table)


def _check_transform(method: Element) -> None:
    """Only exclusive canonicalisation without comments, with nothing but a PrefixList (A6)."""
    if method.get("Algorithm") != EXC_C14N:
        raise WeakAlgorithm(f"only exclusive C14N is accepted, not {method.get('Algorithm', '')[:200]!r}", threat="A6")
    if [tag_of(child) for child in method] not in ([], [_INCLUSIVE]):
        raise WeakAlgorithm("unknown parameters of a canonicalisation", threat="A6")


def _check_reference(reference: Element) -> None:
    uri = reference.get("URI")
    if uri is None or not _FRAGMENT.fullmatch(uri):
        raise SealInvalid("a reference must be a bare #id", threat="W6")
    if set(reference.attrib) - {"URI"}:
        raise SealInvalid("a reference carries further attributes", threat="W6")
    transforms, digest_method, _value = _children(reference, "Transforms", "DigestMethod", "DigestValue")
    if len(transforms) > _MOST_TRANSFORMS:
        raise SealInvalid(f"more than {_MOST_TRANSFORMS} transforms", threat="D1")
    if [tag_of(child) for child in transforms] != [f"{{{DS}}}Transform"]:
        raise WeakAlgorithm("exactly one transform is accepted", threat="A6")
    _check_transform(transforms[0])
    _check_method(digest_method, XMLDSIG_DIGEST)


def _token_id(key_info: Element) -> str:
    """KeyInfo > SecurityTokenReference > Reference URI="#id": the direct form only (X.509 Token Profile 3.2.1)."""
    outer = list(key_info)
    if [tag_of(child) for child in outer] != [f"{{{WSSE}}}SecurityTokenReference"]:
        raise SealToken("KeyInfo must hold exactly one SecurityTokenReference", threat="C7")
    inner = list(outer[0])
    if [tag_of(child) for child in inner] != [f"{{{WSSE}}}Reference"]:
        raise SealToken("only a direct reference to the BinarySecurityToken is accepted", threat="C7")
    uri = inner[0].get("URI", "")
    if not _FRAGMENT.fullmatch(uri) or inner[0].get("ValueType", X509V3) != X509V3:
        raise SealToken("the token reference is not a bare #id of an X.509 v3 token", threat="C7")
    return uri[1:]
