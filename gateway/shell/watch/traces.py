"""Who is told what happened to a message, for traces; nobody, unless OpenTelemetry is installed and wanted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Final, Protocol

from gateway.model import Delivery, Entry

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


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
    """The one of OpenTelemetry when the extra `otel` is installed and an endpoint is named in the environment."""
    if not any(os.environ.get(name) for name in ENDPOINTS) or find_spec("opentelemetry.sdk") is None:
        return Untraced()
    exporting: Tracer = import_module("gateway.shell.watch.spans").exporting()
    return exporting
