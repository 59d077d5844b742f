"""Log lines for people or for machines; one event, one line, whatever a message put into it (threat L1)."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, Literal, TextIO, cast

import structlog
from structlog.contextvars import bound_contextvars

from gateway.model import Delivery, Entry

LONGEST = 512
_LOUD: Final = ("_granian", "granian.access", "werkzeug", "procrastinate", "psycopg", "psycopg.pool")
"""Loggers that libraries give writers of their own."""


def configure_logs(form: Literal["text", "json"] = "text") -> None:
    """Set up structlog once per process; log lines go to standard error."""
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    stream = cast("TextIO", _Unmoved(sys.stderr))
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        one_line,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )
    _take_over(stream, shared, renderer)


def _take_over(stream: TextIO, shared: list[Any], renderer: Any) -> None:
    """What libraries say by the standard `logging` (pools, queue, server) comes out as our own lines do."""
    pen = logging.StreamHandler(stream)
    told = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, one_line, renderer]
    begun = [structlog.stdlib.add_logger_name, *shared]
    pen.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=begun, processors=told))
    root = logging.getLogger()
    root.handlers[:] = [pen]
    root.setLevel(logging.WARNING)
    for name in _LOUD:
        loud = logging.getLogger(name)
        loud.handlers.clear()
        loud.propagate = True
    logging.captureWarnings(True)


@contextmanager
def of_message(entry: Entry) -> Iterator[None]:
    """Every line said meanwhile in this thread carries the ids of the message: its sender's, ours, and its trace."""
    with bound_contextvars(message=entry.claims.message_id, entry=str(entry.id), trace=entry.id.hex):
        yield


def telling(forward: Callable[[Delivery], None]) -> Callable[[Delivery], None]:
    """The same, with every line of it named after its message."""

    def named(delivery: Delivery) -> None:
        with of_message(delivery.entry):
            forward(delivery)

    return named


class _Unmoved:
    """A stream that loses a line rather than an answer: a full disk below our log must not stop the doors."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


def one_line(_logger: Any, _method: str, event: Any) -> Any:
    """Control characters are escaped and long values cut, so that nobody writes our log but us."""
    return {key: _clean(value) if isinstance(value, str) else value for key, value in event.items()}


def _clean(text: str) -> str:
    cut = text if len(text) <= LONGEST else text[:LONGEST] + "…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut)
