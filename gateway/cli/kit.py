"""The start kit of a partner, written by `gateway partner kit`."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from gateway.shell.config import Settings


def write_kit(partner: str, out: Path, settings: Settings) -> str:
    """Write the kit; what was written, for people. Raises ConfigurationError when this build has no kits."""
    try:
        make_kit = importlib.import_module("gateway.kit").make_kit
    except (ImportError, AttributeError):
        raise ConfigurationError("this build makes no kits") from None
    return str(make_kit(partner, out, settings))
