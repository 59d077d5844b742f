"""Partners' clients out of their kits, and the bytes they send."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import zeep
from lxml import etree

from gateway.kit.templates.gateway_rest import GatewayRest
from gateway.kit.templates.gateway_zeep import GatewaySeal, send_document
from gateway.model import SOAP11, SOAP12
from tests.running import ROOT, new_id

FIXTURES = ROOT / "adapters"


@dataclass(frozen=True)
class Prepared:
    """A sealed message, ready to be sent any number of times."""

    url: str
    headers: dict[str, str]
    body: bytes
    message_id: str

    def post(self) -> requests.Response:
        return requests.post(self.url, data=self.body, headers=self.headers, timeout=60)


@dataclass(frozen=True)
class Clients:
    kits: dict[str, Path]

    def rest(self, partner: str) -> GatewayRest:
        return GatewayRest.from_kit(str(self.kits[partner] / "kit.json"))

    def seal(self, partner: str) -> GatewaySeal:
        return GatewaySeal.from_kit(str(self.kits[partner] / "kit.json"))

    def sample(self, partner: str, name: str) -> bytes:
        return (self.kits[partner] / "samples" / f"{name}.xml").read_bytes()

    def soap(self, partner: str, seal: GatewaySeal, port: str = "GatewaySoap12") -> Any:
        """A zeep client over the kit's WSDL."""
        return zeep.Client(str(self.kits[partner] / "gateway.wsdl"), plugins=[seal], port_name=port)

    def send_soap(self, partner: str, name: str, document: bytes | None = None, **claims: str) -> tuple[str, Any]:
        """Message id and proven receipt of a message sent with zeep."""
        seal = self.seal(partner)
        for claim, text in claims.items():
            setattr(seal, claim, text)
        element = etree.fromstring(document or self.sample(partner, name))
        receipt = send_document(self.soap(partner, seal), seal, name, element)
        assert seal.proven
        return seal.sent_id, receipt

    def prepared_soap(self, partner: str, name: str, *, version: str = SOAP12, message_id: str = "") -> Prepared:
        """A sealed SOAP message as bytes."""
        seal, to = self.seal(partner), f"{self.rest(partner).url}/soap"
        seal.message_id = message_id or new_id()
        envelope = etree.Element(f"{{{version}}}Envelope", nsmap={"e": version})
        etree.SubElement(envelope, f"{{{version}}}Body").append(etree.fromstring(self.sample(partner, name)))
        action = f"urn:swgw:action:{name}"
        seal.seal(envelope, to, action)
        media = "text/xml; charset=utf-8" if version == SOAP11 else "application/soap+xml; charset=utf-8"
        headers = {"Content-Type": media, "SOAPAction": f'"{action}"'}
        return Prepared(to, headers, etree.tostring(envelope), seal.sent_id)

    def prepared_rest(self, partner: str, name: str, *, message_id: str = "") -> Prepared:
        """A sealed REST message as bytes."""
        client, message_id = self.rest(partner), message_id or new_id()
        request = client.prepare(
            "POST", "/api/v1/messages", self.sample(partner, name), message_id, {"gw-action": name}
        )
        return Prepared(str(request.url), dict(request.headers), bytes(request.body or b""), message_id)


def case(folder: str, file: str = "in.xml") -> bytes:
    """A document of the shipped fixtures."""
    return (FIXTURES / folder / file).read_bytes()
