"""A partner that sends long messages over SOAP."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from uuid import uuid4

from gateway import receipt as receipts
from gateway.envelope.addressing import action_of
from gateway.model import SOAP12, Claims, DocumentType, MessageId, PartnerId, Receipt, Sealed
from gateway.seal.profiles import read_answer
from gateway.seal.soap_sign import seal_soap
from gateway.shell.client import Hat, read_refusal
from gateway.shell.courier import HttpCourier
from tests.bulk import PUSHED


@dataclass(frozen=True)
class SoapSender:
    """A partner that sends SOAP."""

    hat: Hat

    def sealed(self, document: bytes, message_id: str = "", *, action: str = "BULK_LIST", soap: str = SOAP12,
               ago: timedelta = timedelta()) -> Sealed:  # fmt: skip
        """An envelope around these very octets."""
        claims = Claims(
            message_id=MessageId(message_id or uuid4().urn), action=action_of(DocumentType(action)),
            to=self.hat.gateway_for("soap-gw-1").endpoint, sender=self.hat.id, receiver=PartnerId(PUSHED),
        )  # fmt: skip
        key = self.hat.keyring.key("ecdsa-sha256")
        return seal_soap(document, claims, key, datetime.now(UTC) - ago, soap=soap)

    def send(self, sealed: Sealed) -> Receipt:
        """What the gateway promises."""
        door = self.hat.gateway_for("soap-gw-1")
        wire = HttpCourier(120).deliver(door.endpoint, sealed)
        return receipts.read_receipt(read_answer(wire, sealed, door, datetime.now(UTC)), sealed)

    def refused(self, sealed: Sealed, *, beginning: int = 0) -> tuple[int, str, str]:
        """Status, code and text of the refusal; of the body so much is sent (0 = all)."""
        door = urlsplit(self.hat.gateway_for("soap-gw-1").endpoint)
        said = {"Content-Type": sealed.content_type, "Content-Length": str(len(sealed.body)), "Host": door.netloc,
                "Connection": "close", **dict(sealed.headers)}  # fmt: skip
        head = "".join(f"{name}: {value}\r\n" for name, value in said.items())
        with socket.create_connection((door.hostname or "", door.port or 0), 30) as line:
            line.sendall(f"POST /soap HTTP/1.1\r\n{head}\r\n".encode() + sealed.body[: beginning or None])
            answer = b""
            while piece := line.recv(65_536):
                answer += piece
        told = read_refusal(answer.partition(b"\r\n\r\n")[2])
        where = "; ".join(
            f"{one.get('line', '')}:{one.get('column', '')} {one.get('rule', '')}" for one in told.findings
        )
        return int(answer.split(b" ", 2)[1]), told.code, where
