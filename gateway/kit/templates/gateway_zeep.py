"""Seals what zeep sends to the gateway and proves what comes back (profile soap-gw-1).

    seal = GatewaySeal.from_kit("kit.json")
    client = zeep.Client("gateway.wsdl", plugins=[seal])
    receipt = client.service.LPCO_QUERY(...)          # typed by zeep, or:
    receipt = send_document(client, seal, "LPCO_QUERY", lxml_element)

Needs zeep, lxml and cryptography. Stock zeep signs only Body and Timestamp; the profile wants every header signed and
the token first, so this plugin builds the security header itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from lxml import etree
from zeep import Plugin

WSA = "http://www.w3.org/2005/08/addressing"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
TOKEN = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"
BASE64 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
DS = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
ROUTING = "urn:swgw:routing:1"
RECEIPT = "urn:swgw:receipt:1"
PARTNER = "urn:swgw:partner:"
ID = f"{{{WSU}}}Id"
SIGNED = ("To", "From", "ReplyTo", "MessageID", "Action", "RelatesTo")


class NotProven(Exception):
    """The answer is not what the gateway signed for this message. Send the same message again later."""


class GatewaySeal(Plugin):
    """One per client and thread: it remembers the last message sent, to compare the receipt with it.

    `message_id`, `receiver`, `conversation_id`, `relates_to` are those of the next message; a message id is made when
    none is given. To send the same message again, give the same message id and the same content.
    """

    def __init__(self, partner: str, key: bytes, certificate: bytes, gateway: list[bytes]) -> None:
        """`key` and `certificate` in PEM are yours; `gateway` are the gateway's certificates in PEM."""
        self.partner = partner
        self._key = load_pem_private_key(key, None)
        self._token = x509.load_pem_x509_certificate(certificate).public_bytes(Encoding.DER)
        theirs = [one for pem in gateway for one in x509.load_pem_x509_certificates(pem)]
        self._gateway = {one.public_bytes(Encoding.DER): one for one in theirs}
        self.message_id = self.receiver = self.conversation_id = self.relates_to = ""
        self.sent_id = self._stamp = ""
        self.sent: set[tuple[str, str, str]] = set()
        self.answer: Any = None
        self.proven = False

    @classmethod
    def from_kit(cls, file: str = "kit.json") -> GatewaySeal:
        """As the kit's settings say; paths are relative to that file."""
        said, folder = json.loads(Path(file).read_text("utf-8")), Path(file).resolve().parent
        key, certificate = (folder / said["soap"][name] for name in ("key", "certificate"))
        trusted = [(folder / name).read_bytes() for name in said["gatewayCertificates"]]
        return cls(said["partner"], key.read_bytes(), certificate.read_bytes(), trusted)

    # --- out ---------------------------------------------------------------------------------------------------------
    def egress(self, envelope: Any, http_headers: Any, operation: Any, binding_options: Any) -> Any:
        """zeep calls this with the finished envelope: headers are added, then everything is signed."""
        self.seal(envelope, binding_options["address"], operation.soapaction)
        return envelope, http_headers

    def seal(self, envelope: Any, to: str, action: str) -> None:
        """Put addressing, routing and security headers into the envelope and sign them with the Body."""
        space = etree.QName(envelope).namespace
        header = envelope.find(f"{{{space}}}Header")
        if header is None:
            header = etree.Element(f"{{{space}}}Header")
            envelope.insert(0, header)
        for child in list(header):
            if etree.QName(child).namespace in (WSA, WSSE, ROUTING):
                header.remove(child)
        self.sent_id, self.proven = self.message_id or uuid.uuid4().urn, False
        parts = self._addressing(header, to, action)
        security = etree.SubElement(header, f"{{{WSSE}}}Security", nsmap={"wsse": WSSE, "wsu": WSU})
        security.set(f"{{{space}}}mustUnderstand", "1")
        token = _leaf(security, WSSE, "BinarySecurityToken", base64.b64encode(self._token).decode())
        token.set("EncodingType", BASE64)
        token.set("ValueType", TOKEN)
        stamp = self._timestamp(security)
        parts += [token, stamp, envelope.find(f"{{{space}}}Body")]
        for number, part in enumerate(parts):
            part.set(ID, f"part-{number}")
        self._stamp = f"#{stamp.get(ID)}"
        self._sign(security, parts, token.get(ID))
        self.message_id = ""

    def _addressing(self, header: Any, to: str, action: str) -> list[Any]:
        parts = [
            _leaf(header, WSA, "To", to),
            _address(header, "From", PARTNER + self.partner),
            _address(header, "ReplyTo", f"{WSA}/anonymous"),
            _leaf(header, WSA, "MessageID", self.sent_id),
            _leaf(header, WSA, "Action", action),
        ]
        if self.relates_to:
            parts.append(_leaf(header, WSA, "RelatesTo", self.relates_to))
        routing = etree.SubElement(header, f"{{{ROUTING}}}Routing", nsmap={"gw": ROUTING})
        for name, text in (("Receiver", self.receiver), ("ConversationID", self.conversation_id)):
            if text:
                etree.SubElement(routing, f"{{{ROUTING}}}{name}").text = text
        return [*parts, routing]

    def _timestamp(self, security: Any) -> Any:
        now = datetime.now(timezone.utc)
        stamp = etree.SubElement(security, f"{{{WSU}}}Timestamp")
        for name, at in (("Created", now), ("Expires", now + timedelta(minutes=5))):
            etree.SubElement(stamp, f"{{{WSU}}}{name}").text = at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return stamp

    def _sign(self, security: Any, parts: list[Any], token_id: str) -> None:
        signature = etree.SubElement(security, f"{{{DS}}}Signature", nsmap={"ds": DS})
        info = etree.SubElement(signature, f"{{{DS}}}SignedInfo")
        etree.SubElement(info, f"{{{DS}}}CanonicalizationMethod", Algorithm=EXCLUSIVE)
        method = RSA_SHA256 if isinstance(self._key, rsa.RSAPrivateKey) else ECDSA_SHA256
        etree.SubElement(info, f"{{{DS}}}SignatureMethod", Algorithm=method)
        self.sent = {_reference(info, part) for part in parts}
        _leaf(signature, DS, "SignatureValue", base64.b64encode(self._value(_octets(info))).decode())
        reference = etree.SubElement(
            etree.SubElement(etree.SubElement(signature, f"{{{DS}}}KeyInfo"), f"{{{WSSE}}}SecurityTokenReference"),
            f"{{{WSSE}}}Reference",
        )
        reference.set("URI", f"#{token_id}")
        reference.set("ValueType", TOKEN)

    def _value(self, octets: bytes) -> bytes:
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(octets, padding.PKCS1v15(), hashes.SHA256())
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(self._key.sign(octets, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        raise NotProven("the key must be RSA or P-256")

    # --- back --------------------------------------------------------------------------------------------------------
    def ingress(self, envelope: Any, http_headers: Any, operation: Any) -> Any:
        """zeep calls this with the answer. A Fault may be unsigned (then `proven` stays False); a receipt may not."""
        del operation
        self.answer = envelope
        space = etree.QName(envelope).namespace
        fault = envelope.find(f"{{{space}}}Body/{{{space}}}Fault")
        if fault is None or envelope.find(f"{{{space}}}Header/{{{WSSE}}}Security") is not None:
            self.prove(envelope)
        return envelope, http_headers

    def prove(self, envelope: Any) -> None:
        """The gateway signed every part of this answer, at its place, and it answers what was sent last.

        A repeat gets the stored answer, so its Timestamp may be old: what binds it is our message id and our digests.
        """
        space = etree.QName(envelope).namespace
        header, body = _exactly(envelope, f"{{{space}}}Header", f"{{{space}}}Body")
        securities = header.findall(f"{{{WSSE}}}Security")
        _demand(len(securities) == 1, "there must be one Security header")
        token, stamp, signature = _exactly(
            securities[0], f"{{{WSSE}}}BinarySecurityToken", f"{{{WSU}}}Timestamp", f"{{{DS}}}Signature"
        )
        headers = {name: header.findall(f"{{{WSA}}}{name}") for name in SIGNED}
        _demand(all(len(found) < 2 for found in headers.values()), "an addressing header stands twice")
        parts = [body, token, stamp, *(found[0] for found in headers.values() if found)]
        parts += header.findall(f"{{{ROUTING}}}Routing")
        self._prove_signature(envelope, token, signature, parts)
        said = {name: "".join(found[0].itertext()).strip() for name, found in headers.items() if found}
        _demand(said.get("From") == f"{PARTNER}gateway", "it is not from the gateway")
        _demand(said.get("RelatesTo") == self.sent_id, "it answers another message")
        if body[0].tag == f"{{{RECEIPT}}}Receipt":
            self._prove_receipt(body[0])
        self.proven = True

    def _prove_signature(self, envelope: Any, token: Any, signature: Any, parts: list[Any]) -> None:
        certificate = self._gateway.get(base64.b64decode("".join(token.itertext())))
        if certificate is None:
            raise NotProven("signed with a certificate that is not in trust/; ask for the gateway's new one")
        info, value, _ = _exactly(signature, f"{{{DS}}}SignedInfo", f"{{{DS}}}SignatureValue", f"{{{DS}}}KeyInfo")
        _demand(info[0].get("Algorithm") == EXCLUSIVE and len(info[0]) == 0, "an unknown canonicalization")
        _check(certificate.public_key(), info[1].get("Algorithm"), base64.b64decode(value.text), _octets(info))
        ids = [node.get(ID) for node in envelope.iter("*") if node.get(ID) is not None]
        _demand(len(ids) == len(set(ids)), "an id stands twice")
        found = {_reference_of(reference) for reference in info[2:]}
        _demand(found == {_digest_of(part) for part in parts}, "a part is changed, missing or not signed")

    def _prove_receipt(self, receipt: Any) -> None:
        """It repeats the digest of every part we signed; of a message sent again it may repeat the first Timestamp."""
        refers = receipt.findtext(f"{{{RECEIPT}}}RefersTo")
        _demand(refers == self.sent_id, "the receipt is for another message")
        repeated = {
            (one.get("URI"), one.find(f"{{{DS}}}DigestMethod").get("Algorithm"), one.findtext(f"{{{DS}}}DigestValue"))
            for one in receipt.iter(f"{{{DS}}}Reference")
        }
        same_parts = {one[0] for one in repeated} == {one[0] for one in self.sent}
        changed = {one[0] for one in self.sent - repeated} - {self._stamp}
        _demand(same_parts and not changed, "the receipt repeats other digests: same id, other content?")


def send_document(client: Any, seal: GatewaySeal, operation: str, document: Any) -> Any:
    """Send a whole XML document (lxml element) as it is, and get the proven receipt as a zeep object."""
    binding, options = client.service._binding, client.service._binding_options
    found = binding.get(operation)
    space = binding.nsmap["soap-env"]
    envelope = etree.Element(f"{{{space}}}Envelope", nsmap={"soap-env": space})
    etree.SubElement(envelope, f"{{{space}}}Header")
    etree.SubElement(envelope, f"{{{space}}}Body").append(document)
    soap12 = space.startswith("http://www.w3.org")
    if soap12:
        headers = {"Content-Type": f'application/soap+xml; charset=utf-8; action="{found.soapaction}"'}
    else:
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{found.soapaction}"'}
    seal.seal(envelope, options["address"], found.soapaction)
    response = client.transport.post_xml(options["address"], envelope, headers)
    return binding.process_reply(client, found, response)


def _leaf(parent: Any, space: str, name: str, text: str) -> Any:
    child = etree.SubElement(parent, f"{{{space}}}{name}")
    child.text = text
    return child


def _address(header: Any, name: str, text: str) -> Any:
    element = etree.SubElement(header, f"{{{WSA}}}{name}")
    _leaf(element, WSA, "Address", text)
    return element


def _octets(element: Any) -> bytes:
    write: Any = etree.tostring
    return bytes(write(element, method="c14n", exclusive=True, with_comments=False, with_tail=False))


def _digest_of(part: Any) -> tuple[str, str, str]:
    return f"#{part.get(ID)}", SHA256, base64.b64encode(hashlib.sha256(_octets(part)).digest()).decode()


def _reference(info: Any, part: Any) -> tuple[str, str, str]:
    uri, method, value = _digest_of(part)
    reference = etree.SubElement(info, f"{{{DS}}}Reference", URI=uri)
    etree.SubElement(etree.SubElement(reference, f"{{{DS}}}Transforms"), f"{{{DS}}}Transform", Algorithm=EXCLUSIVE)
    etree.SubElement(reference, f"{{{DS}}}DigestMethod", Algorithm=method)
    _leaf(reference, DS, "DigestValue", value)
    return uri, method, value


def _reference_of(reference: Any) -> tuple[str, str, str]:
    """What a Reference says, when it is one exclusive canonicalization and nothing else."""
    names = (f"{{{DS}}}{name}" for name in ("Transforms", "DigestMethod", "DigestValue"))
    transforms, method, value = _exactly(reference, *names)
    plain = [(one.get("Algorithm"), len(one)) for one in transforms] == [(EXCLUSIVE, 0)]
    _demand(plain, "a reference is transformed in an unknown way")
    return reference.get("URI", ""), method.get("Algorithm", ""), "".join((value.text or "").split())


def _check(key: Any, method: str | None, value: bytes, octets: bytes) -> None:
    try:
        if method == RSA_SHA256 and isinstance(key, rsa.RSAPublicKey):
            key.verify(value, octets, padding.PKCS1v15(), hashes.SHA256())
        elif method == ECDSA_SHA256 and isinstance(key, ec.EllipticCurvePublicKey):
            half = len(value) // 2
            r, s = int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big")
            key.verify(encode_dss_signature(r, s), octets, ec.ECDSA(hashes.SHA256()))
        else:
            raise NotProven(f"an unknown signature algorithm: {method}")
    except InvalidSignature:
        raise NotProven("the signature does not match") from None


def _exactly(parent: Any, *tags: str) -> list[Any]:
    children = list(parent)
    _demand([child.tag for child in children] == list(tags), f"{parent.tag} does not hold what it must")
    return children


def _demand(true: bool, otherwise: str) -> None:
    if not true:
        raise NotProven(otherwise)
