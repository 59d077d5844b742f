"""Other people's XML signature software, made to seal and verify our envelopes: python-xmlsec, signxml, xmlsec1."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import xmlsec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from signxml import DigestAlgorithm, SignatureConfiguration, SignatureMethod, XMLVerifier

from gateway.model import DS, EXC_C14N, SOAP12, Wire
from gateway.seal.keys import XMLDSIG_SIGNATURE_URI
from tests.desk import posted, query
from tests.forge import ID, PARTS, SHA256, Change, nothing, transform
from tests.pki import Issued
from tests.soap import Party, find, party

XMLSEC1 = shutil.which("xmlsec1")


def certificate_pem(issued: Issued) -> bytes:
    return issued.certificate.public_bytes(Encoding.PEM)


def key_pem(issued: Issued) -> bytes:
    return issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def by_xmlsec(
    kind: str = "rsa2048", *, soap: str = SOAP12, prefixes: str = "", digest: str = SHA256, change: Change = nothing,
    uris: list[str] | None = None, default: str = "",
) -> Wire:  # fmt: skip
    """A permit query sealed by libxmlsec in the shape of the profile; `prefixes` go into every PrefixList."""
    who = party(kind)
    text = query(who, soap=soap).body
    if default:
        text = text.replace(b"<env:Envelope ", f'<env:Envelope xmlns="{default}" '.encode(), 1)
    root = etree.fromstring(text)
    change(root)
    signature = find(root, "//ds:Signature")
    signature.replace(signature[0], _template(who, prefixes, digest, uris or [f"#{part}" for part in PARTS]))
    signature[1].text = ""
    xmlsec.tree.add_ids(root, ["Id"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(key_pem(who.signer), xmlsec.constants.KeyDataFormatPem)
    context.sign(signature)
    return posted(etree.tostring(root), soap=soap)


def _template(who: Party, prefixes: str, digest: str, uris: list[str]) -> etree._Element:
    """SignedInfo with empty digests."""
    references = "".join(
        f'<ds:Reference URI="{uri}"><ds:Transforms>{transform(prefixes=prefixes)}</ds:Transforms>'
        f'<ds:DigestMethod Algorithm="{digest}"/><ds:DigestValue/></ds:Reference>'
        for uri in uris
    )
    method = XMLDSIG_SIGNATURE_URI[who.algorithm]
    return etree.fromstring(
        f'<ds:SignedInfo xmlns:ds="{DS}">{transform(EXC_C14N, prefixes, "CanonicalizationMethod")}'
        f'<ds:SignatureMethod Algorithm="{method}"/>{references}</ds:SignedInfo>'
    )


def verified_by_xmlsec(body: bytes, signer: Issued) -> bool:
    """What python-xmlsec says of the signature in these bytes."""
    root = etree.fromstring(body)
    xmlsec.tree.add_ids(root, ["Id"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(certificate_pem(signer), xmlsec.constants.KeyDataFormatCertPem)
    try:
        context.verify(find(root, "//ds:Signature"))
    except xmlsec.Error:
        return False
    return True


def verified_by_signxml(body: bytes, signer: Issued, references: int) -> list[bytes]:
    """The signed parts as signxml canonicalised them; raises InvalidSignature."""
    expected = SignatureConfiguration(
        require_x509=True, location=".//", expect_references=references,
        signature_methods=frozenset(SignatureMethod), digest_algorithms=frozenset(DigestAlgorithm),
    )  # fmt: skip
    found = XMLVerifier().verify(
        body, x509_cert=signer.certificate, expect_config=expected, id_attribute="Id", validate_schema=False
    )
    return [one.signed_data for one in (found if isinstance(found, list) else [found])]


def verified_by_command(body: bytes, signer: Issued, folder: Path) -> bool:
    """What the `xmlsec1` command says of the signature in these bytes."""
    assert XMLSEC1
    (folder / "signer.pem").write_bytes(certificate_pem(signer))
    (folder / "message.xml").write_bytes(body)
    names = {etree.QName(node) for node in etree.fromstring(body).iter("*") if node.get(ID)}
    ids = [word for name in names for word in ("--id-attr:Id", f"{name.namespace}:{name.localname}")]
    command = [XMLSEC1, "--verify", "--pubkey-cert-pem", "signer.pem", *ids, "message.xml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0
