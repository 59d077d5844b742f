"""Signs REST requests to the gateway and proves its answers (profile rest-gw-1, RFC 9421 and RFC 9530).

Needs requests and cryptography only. RSA keys sign with rsa-pss-sha512, P-256 keys with ecdsa-p256-sha256.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import requests
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

TARGET = ("@method", "@authority", "@path", "@query")
BOUND = ("@method", "@path", "content-digest", "gw-message-id")
PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA512()), salt_length=64)


class NotProven(Exception):
    """The answer is not what the gateway signed for this request. Send the same request again later."""


class GatewayRest:
    """A signing client. `url` is that of the gateway's doors, `gateway` are its certificates in PEM."""

    def __init__(self, url: str, partner: str, key: bytes, certificate: bytes, gateway: list[bytes]) -> None:
        self.url, self.partner = url.rstrip("/"), partner
        self._key = load_pem_private_key(key, None)
        self._keyid = _keyid(x509.load_pem_x509_certificate(certificate))
        self._gateway = {_keyid(c): c.public_key() for pem in gateway for c in x509.load_pem_x509_certificates(pem)}
        self._session = requests.Session()

    @classmethod
    def from_kit(cls, file: str = "kit.json") -> GatewayRest:
        """As the kit's settings say; paths are relative to that file."""
        said, folder = json.loads(Path(file).read_text("utf-8")), Path(file).resolve().parent
        key, certificate = (folder / said["rest"][name] for name in ("key", "certificate"))
        trusted = [(folder / name).read_bytes() for name in said["gatewayCertificates"]]
        return cls(said["url"], said["partner"], key.read_bytes(), certificate.read_bytes(), trusted)

    def send(self, document: bytes, action: str, *, message_id: str = "", **claims: str) -> requests.Response:
        """Submit a document. `claims`: receiver, conversation_id, relates_to. Returns the proven 202 with the receipt.

        When you do not know whether it came: call again with the same `message_id` and the same document.
        """
        fields = {f"gw-{name.replace('_', '-')}": text for name, text in claims.items() if text}
        return self.ask("POST", "/api/v1/messages", document, message_id, {"gw-action": action, **fields})

    def status(self, location: str, wait: int = 0) -> dict[str, Any]:
        """What became of a message; `location` as the 202 said."""
        found: dict[str, Any] = self.ask("GET", f"{location}?wait={wait}").json()
        return found

    def pull(self, wait: int = 0, after: int = 0) -> requests.Response | None:
        """The next message that waits for us, or None."""
        answer = self.ask("GET", f"/api/v1/inbox?after={after}&wait={wait}")
        return answer if answer.status_code == 200 else None

    def acknowledge(self, pulled: requests.Response) -> None:
        """Tell the gateway, signed, that we have exactly this message. Do it after you have stored it."""
        message_id = pulled.headers["gw-message-id"]
        bare = message_id.removeprefix("urn:uuid:")
        self.ask("POST", f"/api/v1/inbox/{bare}/receipt", _receipt(message_id, pulled.content))

    def ask(
        self, method: str, target: str, body: bytes = b"", message_id: str = "", fields: dict[str, str] | None = None
    ) -> requests.Response:
        """One signed request and its proven answer. Raises NotProven, or HTTPError with the gateway's words."""
        request = self.prepare(method, target, body, message_id, fields)
        answer = self._session.send(request, allow_redirects=False, timeout=60)
        if answer.ok or "signature" in answer.headers:
            self.prove(answer)
        if not answer.ok:
            raise requests.HTTPError(f"{answer.status_code}: {answer.text}", response=answer)
        return answer

    def prepare(
        self, method: str, target: str, body: bytes = b"", message_id: str = "", fields: dict[str, str] | None = None
    ) -> requests.PreparedRequest:
        """A signed request that is not sent yet."""
        headers = {
            "gw-message-id": message_id or uuid.uuid4().urn,
            "gw-partner": self.partner,
            **(fields or {}),
            "Content-Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:",
            "Accept-Encoding": "identity",
        }
        if body:
            headers["Content-Type"] = "application/json" if body.lstrip().startswith(b"{") else "application/xml"
        request = self._session.prepare_request(requests.Request(method, self.url + target, headers, data=body or None))
        self._sign(request)
        return request

    # --- out ---------------------------------------------------------------------------------------------------------
    def _sign(self, request: requests.PreparedRequest) -> None:
        fields = [name.lower() for name in request.headers if name.lower().startswith("gw-")]
        names = [*TARGET, *(["content-type"] if request.body else []), "content-digest", *fields]
        now = int(time.time())
        kind = "rsa-pss-sha512" if isinstance(self._key, rsa.RSAPrivateKey) else "ecdsa-p256-sha256"
        what = " ".join(f'"{name}"' for name in names)
        said = f'({what});created={now};expires={now + 300};nonce="{uuid.uuid4().hex}";alg="{kind}"'
        said += f';keyid="{self._keyid}";tag="gw-1"'
        lines = [f'"{name}": {_of_request(name, request)}' for name in names]
        base = "\n".join([*lines, f'"@signature-params": {said}']).encode("ascii")
        request.headers["Signature-Input"] = f"gw={said}"
        request.headers["Signature"] = f"gw=:{base64.b64encode(self._value(base)).decode()}:"

    def _value(self, base: bytes) -> bytes:
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(base, PSS, hashes.SHA512())
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(self._key.sign(base, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        raise NotProven("the key must be RSA or P-256")

    # --- back --------------------------------------------------------------------------------------------------------
    def prove(self, answer: requests.Response) -> None:
        """The gateway signed this answer, all of it, and to this request."""
        said = answer.headers.get("signature-input", "").removeprefix("gw=")
        inner = re.match(r"\(([^()]*)\)", said)
        value = re.fullmatch(r"gw=:([A-Za-z0-9+/=]+):", answer.headers.get("signature", ""))
        keyid = re.search(r';keyid="([A-Za-z0-9_-]+)"', said)
        if inner is None or value is None or keyid is None or ';tag="gw-1"' not in said:
            raise NotProven("it is not signed by this profile")
        names = inner[1].split()
        needed = {'"@status"', '"content-digest"', *(f'"{name}";req' for name in BOUND)}
        needed |= {f'"{name.lower()}"' for name in answer.headers if name.lower().startswith("gw-")}
        if missing := needed - set(names):
            raise NotProven(f"not signed: {', '.join(sorted(missing))}")
        digest = base64.b64encode(hashlib.sha256(answer.content).digest()).decode()
        if answer.headers.get("content-digest") != f"sha-256=:{digest}:":
            raise NotProven("the body is not the one that was signed")
        lines = [f"{name}: {_of_answer(name, answer)}" for name in names]
        base = "\n".join([*lines, f'"@signature-params": {said}']).encode("ascii")
        self._check(keyid[1], base64.b64decode(value[1]), base)

    def _check(self, keyid: str, value: bytes, base: bytes) -> None:
        key = self._gateway.get(keyid)
        try:
            if isinstance(key, rsa.RSAPublicKey):
                key.verify(value, base, PSS, hashes.SHA512())
            elif isinstance(key, ec.EllipticCurvePublicKey):
                r, s = int.from_bytes(value[:32], "big"), int.from_bytes(value[32:], "big")
                key.verify(encode_dss_signature(r, s), base, ec.ECDSA(hashes.SHA256()))
            else:
                raise NotProven("signed with a certificate that is not in trust/; ask for the gateway's new one")
        except InvalidSignature:
            raise NotProven("the signature does not match") from None


def _keyid(certificate: x509.Certificate) -> str:
    digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _of_request(name: str, request: requests.PreparedRequest) -> str:
    url = urlsplit(str(request.url))
    default = {"https": ":443", "http": ":80"}[url.scheme]
    derived = {
        "@method": str(request.method),
        "@authority": url.netloc.lower().removesuffix(default),
        "@path": url.path or "/",
        "@query": "?" + url.query,
    }
    return derived.get(name) or str(request.headers[name])


def _of_answer(name: str, answer: requests.Response) -> str:
    """`name` as it stands in Signature-Input, in quotes and perhaps with `;req`."""
    if name.endswith(";req"):
        return _of_request(name[1:-5], answer.request)
    bare = name.strip('"')
    return str(answer.status_code) if bare == "@status" else answer.headers[bare]


def _receipt(message_id: str, content: bytes) -> bytes:
    """Our Receipt for a pulled message: it repeats the digest of what we were given."""
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f'<Receipt xmlns="urn:swgw:receipt:1"><ReceiptID>{uuid.uuid4().urn}</ReceiptID>'
        f"<RefersTo>{escape(message_id)}</RefersTo><Sender>gateway</Sender><Decision>accepted</Decision>"
        f"<ReceivedAt>{at}</ReceivedAt>"
        '<NonRepudiationInformation xmlns="http://docs.oasis-open.org/ebxml-bp/ebbp-signals-2.0">'
        '<MessagePartNRInformation><ds:Reference xmlns:ds="http://www.w3.org/2000/09/xmldsig#" URI="content-digest">'
        '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
        f"<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></MessagePartNRInformation>"
        "</NonRepudiationInformation></Receipt>"
    ).encode()
