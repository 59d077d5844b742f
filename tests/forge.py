"""An obedient hand: signs anew, with a partner's real key, whatever envelope and SignedInfo a test asks for."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO

from lxml import etree

from gateway.model import DS, EXC_C14N, WSU, Wire
from gateway.seal.keys import XMLDSIG_SIGNATURE_URI
from tests.desk import posted, query
from tests.soap import NAMESPACES, Party, party

SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
DIGESTS = {
    SHA256: "sha256", "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
    "http://www.w3.org/2000/09/xmldsig#sha1": "sha1",
    "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384", "http://www.w3.org/2001/04/xmldsig-more#md5": "md5",
}  # fmt: skip
ID = f"{{{WSU}}}Id"
PARTS = ["id-to", "id-from", "id-replyto", "id-messageid", "id-action", "id-relatesto", "id-routing", "id-bst", "id-ts",
         "id-body"]  # fmt: skip
"""The ids of what a query signs."""
LEARNT = list(etree.iterparse(BytesIO(b"<a/>"), tag="#default"))
"""Makes lxml know the name `#default` in this thread; without it a PrefixList loses it."""
Change = Callable[[etree._Element], None]


def nothing(_element: etree._Element) -> None:
    """Leaves the tree as it is."""


def c14n(element: etree._Element, prefixes: str = "", *, exclusive: bool = True) -> bytes:
    """Canonical octets by the library, not by the gateway."""
    names = prefixes.split() or None if exclusive else None
    return etree.tostring(element, method="c14n", exclusive=exclusive, inclusive_ns_prefixes=names, with_tail=False)  # type: ignore[call-overload, no-any-return]


def part(root: etree._Element, uri: str) -> etree._Element | None:
    """The first element that carries the id of a `#id`, in any of the usual attributes."""
    wanted = uri.removeprefix("#")
    names = (ID, "Id", "ID", "{http://www.w3.org/XML/1998/namespace}id")
    return next((found for found in root.iter("*") for name in names if found.get(name) == wanted), None)


def transform(algorithm: str = EXC_C14N, prefixes: str = "", name: str = "Transform") -> str:
    """A ds:Transform, or a ds:CanonicalizationMethod, with a PrefixList where one is given."""
    inner = f'<ec:InclusiveNamespaces xmlns:ec="{EXC_C14N}" PrefixList="{prefixes}"/>' if prefixes else ""
    return f'<ds:{name} Algorithm="{algorithm}">{inner}</ds:{name}>'


def reseal(
    root: etree._Element,
    *,
    who: Party | None = None,
    uris: Iterable[str] | None = None,
    method: str = "",
    digest: str = SHA256,
    transforms: str = transform(),
    prefixes: Mapping[str, str] | None = None,
    info_prefixes: str = "",
    edit: Change = nothing,
    sign: Callable[[bytes], bytes] | None = None,
) -> None:
    """Sign the envelope again in place: the same parts, or those of `uris`, found anywhere by id.

    `prefixes` gives a PrefixList per URI, `transforms` the whole list of transforms as text, `edit` changes SignedInfo
    before it is signed.
    """
    who = who or party("p256")
    (signature,) = root.xpath("//wsse:Security/ds:Signature", namespaces=NAMESPACES)
    old, value = signature[0], signature[1]
    named = [found.get("URI") for found in old.iter(f"{{{DS}}}Reference")] if uris is None else list(uris)
    given = prefixes or {}
    references = "".join(_reference(root, uri, given.get(uri, ""), digest, transforms) for uri in named)
    method = method or XMLDSIG_SIGNATURE_URI[who.algorithm]
    text = (
        f'<ds:SignedInfo xmlns:ds="{DS}">{transform(prefixes=info_prefixes, name="CanonicalizationMethod")}'
        f'<ds:SignatureMethod Algorithm="{method}"/>{references}</ds:SignedInfo>'
    )
    info = etree.fromstring(text)
    signature.replace(old, info)
    edit(info)
    octets = c14n(info, info_prefixes)
    value.text = base64.b64encode((sign or who.signer.own_key(who.algorithm).sign)(octets)).decode()


def _reference(root: etree._Element, uri: str, prefixes: str, digest: str, transforms: str) -> str:
    found = root if uri == "" else part(root, uri)
    octets = c14n(found, prefixes) if found is not None else b""
    hashed = hashlib.new(DIGESTS.get(digest, "sha256"), octets, usedforsecurity=False).digest()
    said = transform(prefixes=prefixes) if prefixes else transforms
    return (
        f'<ds:Reference URI="{uri}"><ds:Transforms>{said}</ds:Transforms><ds:DigestMethod Algorithm="{digest}"/>'
        f"<ds:DigestValue>{base64.b64encode(hashed).decode()}</ds:DigestValue></ds:Reference>"
    )


def forged(change: Change = nothing, *, kind: str = "p256", soap: str = NAMESPACES["env"], **how: object) -> Wire:
    """A permit query changed and then sealed anew by its own sender: every digest and the signature are right."""
    root = etree.fromstring(query(party(kind), soap=soap).body)
    change(root)
    reseal(root, who=party(kind), **how)  # type: ignore[arg-type]
    return posted(etree.tostring(root), soap=soap)


def changed(change: Change, *, soap: str = NAMESPACES["env"], after: Callable[[bytes], bytes] = lambda b: b) -> Wire:
    """A permit query changed after sealing: first its tree, then its bytes."""
    root = etree.fromstring(query(soap=soap).body)
    change(root)
    return posted(after(etree.tostring(root)), soap=soap)


def rewritten(old: bytes, new: bytes, *, soap: str = NAMESPACES["env"]) -> Wire:
    """A permit query with one piece of its text replaced after sealing."""
    body = query(soap=soap).body
    assert old in body, old
    return posted(body.replace(old, new, 1), soap=soap)
