"""Log lines for people or for machines; one event, one line, whatever a message put into it (threat L1)."""

from __future__ import annotations

import logging
import sys
from typing import Any, Literal

import structlog

LONGEST = 512


def configure_logs(form: Literal["text", "json"] = "text") -> None:
    """Set up structlog once per process; log lines go to standard error."""
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            one_line,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def one_line(_logger: Any, _method: str, event: Any) -> Any:
    """Control characters are escaped and long values cut, so that nobody writes our log but us."""
    return {key: _clean(value) if isinstance(value, str) else value for key, value in event.items()}


def _clean(text: str) -> str:
    cut = text if len(text) <= LONGEST else text[:LONGEST] + "…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut)
