"""Log lines for people or for machines; one event, one line, whatever a message put into it (threat L1)."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Literal, TextIO, cast

import structlog
from structlog.contextvars import bound_contextvars

from gateway.model import Delivery, Entry

Form = Literal["text", "json"]
LONGEST = 512
SERVER_LOG: Final = Path(__file__).with_name("server_log.json")
"""How the server's own logging is set up; it is read before anything of ours is."""
_LOUD: Final = ("_granian", "granian.access", "werkzeug", "procrastinate", "psycopg", "psycopg.pool")
"""Loggers that libraries give writers of their own."""


def configure_logs(form: Form = "text") -> None:
    """Set up structlog once per process; log lines go to standard error."""
    structlog.configure(
        processors=[*_shared(), _renderer(form)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=_stream()),
        cache_logger_on_first_use=True,
    )
    _take_over(_pen(form))


def server_pen() -> logging.Handler:
    """What writes the lines of the server's first process, in the form that its environment names.

    That process starts those that load our program, and loads nothing of it itself: `server_log.json` sends it here.
    """
    return _pen(form_in(os.environ))


def form_in(environment: Mapping[str, str]) -> Form:
    """What `log_format` is there, before anything else is known."""
    return "json" if environment.get("GATEWAY_LOG_FORMAT") == "json" else "text"


def _renderer(form: Form) -> Any:
    if form == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())


def _shared() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        one_line,
    ]


def _stream() -> TextIO:
    return cast("TextIO", _Unmoved(sys.stderr))


def _pen(form: Form) -> logging.Handler:
    """Lines of the standard `logging` as our own."""
    pen = logging.StreamHandler(_stream())
    told = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, one_line, _renderer(form)]
    begun = [structlog.stdlib.add_logger_name, *_shared()]
    pen.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=begun, processors=told))
    return pen


def _take_over(pen: logging.Handler) -> None:
    """What libraries say by the standard `logging` (pools, queue, server) comes out as our own lines do."""
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
