"""Answers a partner that asks: a proven question in, a signed answer out. Nothing of the question itself is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.envelope.rest import REST_MEDIA_TYPE
from gateway.model import WSA_ANONYMOUS, Claims, Large, MessageId, Sealed, Verified, Wire
from gateway.pipeline import Steps
from gateway.reception import Attempt, prove, refuse
from gateway.refusal import any_error
from gateway.seal.profiles import fresh, seal_answer
from gateway.setup import OWN_ID, Setup

JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered. `claims` None = an answer to the question only; else the message that is handed over."""

    body: bytes = b""
    content_type: str = REST_MEDIA_TYPE
    status: int = 200
    claims: Claims | None = None
    headers: tuple[tuple[str, str], ...] = ()
    large: Large | None = None
    """The body where it is too long to be held."""


def ask(wire: Wire, answer: Callable[[Verified], Answer], setup: Setup) -> Sealed:
    """The signed answer to a REST question of a proven, fresh sender, or a refusal. Never raises."""
    attempt = Attempt(wire, "rest-gw-1")
    try:
        verified = prove(attempt, setup, Steps())
        fresh(verified, wire.received_at, setup.window, setup.skew)
        return _sealed(answer(verified), verified, setup)
    except Exception as error:  # noqa: BLE001 - the last desk: whatever happened, the asker gets an answer
        return refuse(attempt, any_error(error), setup)


def in_json(members: Mapping[str, Any], status: int = 200) -> Answer:
    """An answer for programs."""
    return Answer(body=json.dumps(members, ensure_ascii=False).encode(), content_type=JSON, status=status)


def _sealed(answer: Answer, verified: Verified, setup: Setup) -> Sealed:
    claims = answer.claims or Claims(
        message_id=MessageId(f"urn:uuid:{setup.ids()}"),
        action="",
        to=WSA_ANONYMOUS,
        sender=OWN_ID,
        receiver=verified.partner.id,
        relates_to=verified.claims.message_id,
    )
    return seal_answer(
        answer.body, claims, verified, setup.keyring, now=setup.clock(), nonce=str(setup.ids()), status=answer.status,
        content_type=answer.content_type, headers=answer.headers, large=answer.large,
        window=setup.window,
    )  # fmt: skip
