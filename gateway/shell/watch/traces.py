"""Who is told what happened to a message, for traces; nobody, unless OpenTelemetry is installed and wanted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Final, Protocol

import structlog

from gateway.model import Delivery, Entry

log = structlog.get_logger(__name__)
ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
NEEDED: Final = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http")
ADVICE: Final = "install the extra otel into the Python of the gateway; docs/operations.md says how"


class Tracer(Protocol):
    """Told of what happened after it happened."""

    def accepted(self, entry: Entry, steps: Mapping[str, float], ended: datetime) -> None:
        """A message was accepted; `steps` in milliseconds, one after another, the last ending at `ended`."""
        ...

    def attempted(self, delivery: Delivery, outcome: str, ended: datetime, words: Mapping[str, str]) -> None:
        """A delivery was tried, and became `outcome`."""
        ...


class Untraced:
    """Nobody listens."""

    def accepted(self, entry: Entry, steps: Mapping[str, float], ended: datetime) -> None:
        """Nothing."""

    def attempted(self, delivery: Delivery, outcome: str, ended: datetime, words: Mapping[str, str]) -> None:
        """Nothing."""


def tracer() -> Tracer:
    """The one of OpenTelemetry when an endpoint is named in the environment; without the extra `otel` the log says so.

    A gateway takes messages with or without traces.
    """
    named = next((name for name in ENDPOINTS if os.environ.get(name)), None)
    if named is None:
        return Untraced()
    if not all(map(_installed, NEEDED)):
        log.warning("traces-not-installed", variable=named, do=ADVICE)
        return Untraced()
    exporting: Tracer = import_module("gateway.shell.watch.spans").exporting()
    return exporting


def _installed(name: str) -> bool:
    """True when this module is there, and the packages it lies in."""
    parent = name.rpartition(".")[0]
    return (not parent or _installed(parent)) and find_spec(name) is not None
