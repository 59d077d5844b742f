"""Whether a proven sender's message may come in at all: asked of its head, before anybody looks at its body."""

from __future__ import annotations

from fnmatch import fnmatchcase

from gateway import attachments
from gateway.errors import DestinationUnreachable, EnvelopeMalformed, NotEntitled
from gateway.model import WSA_ANONYMOUS, Verified
from gateway.seal.profiles import fresh
from gateway.setup import Setup


def welcome(verified: Verified, setup: Setup) -> None:
    """A proven sender's message may be taken: it is fresh, for us, and of a kind that was agreed."""
    large = verified.wire.large
    fresh(verified, (large and large.admitted) or verified.wire.received_at, setup.window, setup.skew)
    _addressed_to_us(verified, setup)
    _entitled(verified)
    attachments.agreed(verified)


def _addressed_to_us(verified: Verified, setup: Setup) -> None:
    claims = verified.claims
    to = claims.to if verified.profile == "soap-gw-1" else verified.wire.authority
    if to not in setup.addresses:
        raise EnvelopeMalformed(f"addressed to {to!r}, which is not here", threat="R5")
    if claims.reply_to != WSA_ANONYMOUS and claims.reply_to not in verified.partner.reply_to:
        raise DestinationUnreachable("ReplyTo is not registered for this partner", threat="S5")


def _entitled(verified: Verified) -> None:
    name = verified.claims.action.removeprefix("urn:swgw:action:")
    if not any(fnmatchcase(name, pattern) for pattern in verified.partner.sends):
        raise NotEntitled(f"{verified.partner.id} may not send {name}", threat="P2")
