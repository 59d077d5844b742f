"""What a partner's answer to a message of ours means: its receipt, a refusal, or that it is to be tried again."""

from __future__ import annotations

from typing import Final, TypeVar

from gateway import receipt as receipts
from gateway.envelope.retry_after import retry_after
from gateway.errors import DeliveryDeferred, DeliveryFailed, DeliveryRefused, GatewayError
from gateway.model import SOAP11, SOAP12, Partner, Receipt, Sealed, Verified, Wire
from gateway.seal.profiles import read_answer
from gateway.setup import Setup
from gateway.xml import parse, tag_of

Later = TypeVar("Later", DeliveryFailed, DeliveryDeferred)
_FAULTS: Final = (f"{{{SOAP11}}}Fault", f"{{{SOAP12}}}Fault")
_LONGEST_DETAIL: Final = 1000
"""Characters that are kept of what is wrong with an answer; a partner's own words may be in it."""
_TOO_MUCH: Final = 429
_THIS_ONE_LATER: Final = frozenset({408, 425})


def receipt_in(answer: Wire, sealed: Sealed, receiver: Partner, setup: Setup) -> Receipt:
    """The receiver's signed word about exactly what we sent.

    Raises DeliveryFailed when it cannot take messages now, DeliveryDeferred when it wants this one later,
    DeliveryRefused, ReceiptInvalid.
    """
    try:
        proven = read_answer(answer, sealed, receiver, setup.clock())
    except GatewayError as error:
        unverified = f"unverified answer (HTTP {answer.status}): {error.code} {error.detail}"
        raise _out(unverified, answer, setup, threat="S7") from None
    status = answer.status or 0
    if proven.profile == "soap-gw-1" and b"Fault" in proven.payload[:200] and tag_of(parse(proven.payload)) in _FAULTS:
        raise _refusal_of_fault(proven, answer, setup)
    if status in _THIS_ONE_LATER:
        raise _later(DeliveryDeferred(f"HTTP {status}"), answer, setup)
    if status in range(400, 500) and status != _TOO_MUCH:
        raise DeliveryRefused(f"HTTP {status}: {proven.payload[:500].decode('utf-8', 'replace')}")
    if status not in range(200, 300):
        raise _out(f"HTTP {status}", answer, setup)
    return receipts.read_receipt(setup.twins.receipt(proven), sealed)


def _refusal_of_fault(proven: Verified, answer: Wire, setup: Setup) -> GatewayError:
    """A signed Fault that blames the sender ends the delivery; any other is tried again."""
    text = "".join(parse(proven.payload).itertext())[:500]
    codes = ("Receiver", "Server")
    blames_receiver = any(code in text[:80] for code in codes)
    return _out(f"fault: {text}", answer, setup) if blames_receiver else DeliveryRefused(f"fault: {text}")


def _out(detail: str, answer: Wire, setup: Setup, *, threat: str = "") -> DeliveryFailed:
    """The partner cannot take messages now; who says so need not be proven, for it only makes us wait."""
    return _later(DeliveryFailed(detail[:_LONGEST_DETAIL], threat=threat), answer, setup)


def _later(error: Later, answer: Wire, setup: Setup) -> Later:
    error.retry_after = retry_after(answer, setup.clock())
    return error
