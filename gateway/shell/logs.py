"""Log lines for people or for machines; one event, one line, whatever a message put into it (threat L1)."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import Any, Literal, TextIO, cast

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
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Unmoved(sys.stderr))),
        cache_logger_on_first_use=True,
    )


class _Unmoved:
    """A stream that loses a line rather than an answer: a full disk below our log must not stop the doors."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def one_line(_logger: Any, _method: str, event: Any) -> Any:
    """Control characters are escaped and long values cut, so that nobody writes our log but us."""
    return {key: _clean(value) if isinstance(value, str) else value for key, value in event.items()}


def _clean(text: str) -> str:
    cut = text if len(text) <= LONGEST else text[:LONGEST] + "…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut)
