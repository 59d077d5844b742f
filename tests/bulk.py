"""Long lists between two partners, for tests: an agency of its own, a receiver that hashes what comes, and senders."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

from gateway import receipt as receipts
from gateway.envelope.addressing import action_of
from gateway.model import RECEIPT_TYPE, WSA_ANONYMOUS, Claims, Large, MessageId, PartnerId, Profile, Sealed, Wire
from gateway.schema.generate import build
from gateway.seal.profiles import open_envelope, seal_answer, verify
from gateway.shell.client import Hat
from tests.running import ROOT

NAMESPACE = "urn:test:bulk:1"
OTHER = "urn:test:bulk-out:1"
SENDER, PUSHED, SOAP = "aeo_registry_kz", "mra_cn", "health_kz"
ADAPTER = f"""
from gateway.model import Adapter, Corridor, CorridorId, DocumentType, PartnerId, Schema

def way(name, sender, receiver, takes, gives="", mapping=""):
    return Corridor(id=CorridorId(name), sender=PartnerId(sender), receiver=PartnerId(receiver), mapping=mapping,
                    takes=DocumentType(takes), gives=DocumentType(gives or takes))

ADAPTER = Adapter(
    agency=PartnerId("bulk_kz"),
    schemas=tuple(
        Schema(document=DocumentType(name), namespace=namespace, root=root, path=f"xsd/bulk_kz/{{file}}.xsd",
               version="1.0", when=when, keys={{"permit": f"{{root}}/ID"}})
        for name, namespace, root, file, when in (
            ("BULK_LIST", "{NAMESPACE}", "BulkList", "list", {{"Kind": frozenset({{"L"}})}}),
            ("BULK_ORDER", "{NAMESPACE}", "BulkList", "list", {{"Kind": frozenset({{"O"}})}}),
            ("BULK_OUT", "{OTHER}", "Out", "out", {{}}),
        )
    ),
    corridors=(
        way("bulk-on", "{SENDER}", "{PUSHED}", "BULK_LIST"),
        way("bulk-soap", "{SENDER}", "{SOAP}", "BULK_LIST"),
        way("bulk-mapped", "{SENDER}", "{PUSHED}", "BULK_ORDER", "BULK_OUT", "mappings/bulk_kz/order.csv"),
        way("bulk-from-soap", "{SOAP}", "{PUSHED}", "BULK_LIST"),
        way("bulk-pulled", "{PUSHED}", "{SENDER}", "BULK_LIST"),
        way("bulk-mapped-soap", "{SENDER}", "{SOAP}", "BULK_ORDER", "BULK_OUT", "mappings/bulk_kz/order.csv"),
        way("bulk-file", "{SENDER}", "{PUSHED}", "ATTACHMENT"),
        way("bulk-file-soap", "{SENDER}", "{SOAP}", "ATTACHMENT"),
    ),
)
"""
TABLE = """# takes: BULK_ORDER
# gives: BULK_OUT
# version: 1
rule,source,target,convert,required,when,note
H01,BulkList/ID,Out/Number,copy,yes,,
R00,BulkList/Item,Out/Row,each,,,
R01,BulkList/Item/Name,Out/Row/Title,copy,yes,,
R02,BulkList/Item/Count,Out/Row/Amount,copy,yes,,
"""
HEAD = "# title: {title}\n# namespace: {namespace}\n# prefix: b\n# root: {root}\n# version: 1.0\n# status: profile, not official\npath,min,max,type,wco_id,wco_name,tded,format,codes,pattern,note\n"  # noqa: E501
LIST = """BulkList,1,1,class,KZ901,Bulk list,,,,,
BulkList/ID,1,1,id,KZ902,List number,,an..35,,,
BulkList/Kind,1,1,code,KZ903,Kind,,a1,,,
BulkList/Item,0,*,class,KZ904,Item,,,,,
BulkList/Item/Name,1,1,string,KZ905,Name,,an..256,,,
BulkList/Item/Count,1,1,integer,KZ906,Count,,n..9,,,
BulkList/Item/Origin,0,1,code,KZ912,Origin,,a2,ISO 3166-1 alpha-2,,
"""
OUT = """Out,1,1,class,KZ907,Out,,,,,
Out/Number,1,1,id,KZ908,Number,,an..35,,,
Out/Row,0,*,class,KZ909,Row,,,,,
Out/Row/Title,1,1,string,KZ910,Title,,an..256,,,
Out/Row/Amount,1,1,integer,KZ911,Amount,,n..9,,,
"""


def bulk_tree(root: Path, endpoint: str) -> Path:
    """A tree with the agency, and the records of its partners: the one that is pushed to listens at `endpoint`."""
    files = {
        "adapters/bulk_kz/__init__.py": ADAPTER,
        "mappings/bulk_kz/order.csv": TABLE,
        "xsd/bulk_kz/list.csv": HEAD.format(title="Bulk", namespace=NAMESPACE, root="BulkList") + LIST,
        "xsd/bulk_kz/out.csv": HEAD.format(title="Out", namespace=OTHER, root="Out") + OUT,
        f"certs/partners/{SENDER}.toml": _record(SENDER, 'attachments = ["application/pdf", "image/png"]'),
        f"certs/partners/{PUSHED}.toml": _record(PUSHED, f'endpoint = "{endpoint}"'),
        f"certs/partners/{SOAP}.toml": _record(SOAP, f'endpoint = "{endpoint.partition("/api")[0]}/soap"'),
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    build([root / "xsd"])
    return root


def _record(partner: str, line: str) -> str:
    text = (ROOT / "certs/partners" / f"{partner}.toml").read_text("utf-8")
    key = line.partition(" ")[0]
    kept = [one for one in text.splitlines() if not one.startswith((f"{key} =", "sends ="))]
    return "\n".join([line, 'sends = ["*"]', *kept]) + "\n"


NAME = "Үлгі өнім, 24 таблетки в упаковке, sample 药品"


def a_list(megabytes: float, kind: str = "L", number: str = "", name: str = NAME) -> bytes:
    """A valid list of this length, each item of this name."""
    octets = f"<Item><Name>{name}</Name><Count>100000000</Count><Origin>KZ</Origin></Item>\n".encode()
    count = max(1, int(megabytes * 1_000_000 / len(octets)))
    head = f'<BulkList xmlns="{NAMESPACE}"><ID>{number or uuid4().hex[:20]}</ID><Kind>{kind}</Kind>\n'
    return head.encode() + octets * count + b"</BulkList>"


@dataclass
class Arrived:
    """What a receiver got: the action, media type, length and SHA-256 of each message, and its claims."""

    action: str
    media: str
    size: int
    sha256: str
    relates_to: str


@dataclass
class Receiver:
    """Partners' doors that keep nothing of a message but its digest, and answer with a signed receipt."""

    hat: Hat
    arrived: list[Arrived] = field(default_factory=list)
    outages: int = 0
    """Messages it reads and then answers with 503."""
    soap: Hat | None = None
    """Whoever is called over SOAP."""

    def answer(self, wire: Wire) -> Sealed:
        profile: Profile = "soap-gw-1" if wire.target == "/soap" else "rest-gw-1"
        hat = self.soap if profile == "soap-gw-1" and self.soap else self.hat
        gateway = hat.gateway_for(profile)
        verified = verify(open_envelope(wire, profile), {gateway.id: gateway}, wire.received_at)
        claims, document = verified.claims, verified.large or wire
        self.arrived.append(
            Arrived(claims.action.rpartition(":")[2], wire.content_type, document.size, digest_of(document),
                    claims.relates_to or "")
        )  # fmt: skip
        body = receipts.write_receipt(verified, uuid4(), wire.received_at)
        told = Claims(message_id=MessageId(uuid4().urn), action=action_of(RECEIPT_TYPE), to=WSA_ANONYMOUS,
                      sender=hat.id, receiver=PartnerId("gateway"), relates_to=claims.message_id)  # fmt: skip
        return seal_answer(body, told, replace(verified, partner=gateway), hat.keyring, now=datetime.now(UTC),
                           nonce=uuid4().hex, status=200 if verified.soap else 202)  # fmt: skip


def digest_of(document: Large | Wire) -> str:
    """SHA-256, hex."""
    return document.digests["sha256"] if isinstance(document, Large) else document.digest


@contextmanager
def receiving(receiver: Receiver, port: int) -> Iterator[Receiver]:
    """It listens on this port meanwhile."""

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            hashed, left = hashlib.sha256(), int(self.headers["Content-Length"])
            size, kept = left, bytearray()
            while left:
                piece = self.rfile.read(min(left, 1_000_000))
                hashed.update(piece)
                kept += piece if self.path == "/soap" or not kept else b""
                left -= len(piece)
            if receiver.outages:
                receiver.outages -= 1
                self.send_response(503)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            large = Large(size=size, digests={"sha256": hashed.hexdigest()}, source=lambda: io.BytesIO(kept))
            wire = Wire(
                body=b"", large=large, content_type=self.headers["Content-Type"], peer="", method="POST",
                received_at=datetime.now(UTC), authority=self.headers["Host"].lower(), target=self.path,
                headers=tuple((name.lower(), value) for name, value in self.headers.items()),
            )  # fmt: skip
            sealed = receiver.answer(wire)
            self.send_response(sealed.status)
            self.send_header("Content-Type", sealed.content_type)
            for name, value in sealed.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(sealed.body)))
            self.end_headers()
            self.wfile.write(sealed.body)

        def log_message(self, *_words: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Door)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
