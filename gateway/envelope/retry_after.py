"""`Retry-After`: a partner says when it wants to be asked again (RFC 9110 section 10.2.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from gateway.model import Wire

_SECONDS: Final = re.compile("[0-9]{1,9}")


def retry_after(answer: Wire, now: datetime) -> timedelta | None:
    """How long the partner asks us to wait from `now`: seconds or an HTTP date. None = it does not say, or not so."""
    value = (answer.header("retry-after") or "").strip()
    if _SECONDS.fullmatch(value):
        return timedelta(seconds=int(value))
    try:
        then = parsedate_to_datetime(value)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    if then.tzinfo is None:  # "-0000", or the asctime form: both are UTC
        then = then.replace(tzinfo=UTC)
    return max(timedelta(0), then - now)
