"""What stands beside the gateway: a partner that gives receipts, and apps that do the cryptographic work alone.

Served by granian as factories; `BENCH_STATE` is the folder with the keys.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from flask import Flask, Response, request
from lxml import etree

from bench.http_keys import CUSTOMS, GATEWAY, HEALTH, gateway_record, key_of
from bench.sealers import Floor, Keys, Sealer, Xmlsec, Zeep
from gateway.envelope.addressing import action_of
from gateway.model import RECEIPT_TYPE, WSA_ANONYMOUS, Claims, MessageId, Wire
from gateway.receipt import write_receipt
from gateway.seal.profiles import open_envelope, seal_answer, verify
from gateway.testing import MemoryKeyring

_MEDIA = "application/soap+xml; charset=utf-8"


def _state() -> Path:
    return Path(os.environ["BENCH_STATE"])


def partner() -> Flask:
    """The ministry: proves our message and signs a receipt for it; nothing is kept."""
    app = Flask("partner")
    known = {GATEWAY: gateway_record(_state())}
    keyring = MemoryKeyring(*(key_of(_state(), HEALTH, name) for name in ("rsa-sha256", "ecdsa-sha256")))

    @app.post("/soap")
    def soap() -> Response:
        now = datetime.now(UTC)
        wire = Wire(body=request.get_data(), content_type=request.headers["Content-Type"], peer="", received_at=now)
        verified = verify(open_envelope(wire, "soap-gw-1"), known, now)
        claims = Claims(
            message_id=MessageId(uuid4().urn), action=action_of(RECEIPT_TYPE), to=WSA_ANONYMOUS, sender=HEALTH,
            receiver=GATEWAY, conversation_id=verified.claims.conversation_id, relates_to=verified.claims.message_id,
        )  # fmt: skip
        body = write_receipt(verified, uuid4(), now)
        sealed = seal_answer(body, claims, verified, keyring, now=now, nonce=uuid4().hex)
        return Response(sealed.body, sealed.status, content_type=sealed.content_type)

    @app.get("/")
    def ready() -> str:
        return "ready"

    return app


def _crypto(kind: type[Floor] | type[Xmlsec] | type[Zeep]) -> Flask:
    """Verifies what customs sent and answers with a signed receipt of fixed words; keeps and checks nothing else."""
    app = Flask("crypto")
    like = (_state() / "like.xml").read_bytes()
    keys = Keys(key_of(_state(), CUSTOMS, "rsa-sha256").certificate, key_of(_state(), GATEWAY, "rsa-sha256"), like)
    sealer: Sealer = kind(keys)
    receipt = (_state() / "receipt.xml").read_bytes()

    @app.post("/soap")
    def soap() -> Response:
        sealer.verify(request.get_data(cache=False))
        return Response(sealer.sign(etree.fromstring(receipt)), 200, content_type=_MEDIA)

    @app.get("/")
    def ready() -> str:
        return "ready"

    return app


def by_floor() -> Flask:
    """The C calls alone."""
    return _crypto(Floor)


def by_xmlsec() -> Flask:
    """python-xmlsec."""
    return _crypto(Xmlsec)


def by_zeep() -> Flask:
    """zeep.wsse."""
    return _crypto(Zeep)
