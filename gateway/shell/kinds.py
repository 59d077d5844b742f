"""Kinds of values that settings take: each says in our words what it is not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import AfterValidator

_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", re.ASCII)
"""A name of the DNS, or an address (an IPv6 one has colons)."""
_LONGEST: Final = 253


def _conninfo(value: str) -> str:
    try:
        conninfo_to_dict(value)
    except ProgrammingError as error:
        raise ValueError(f"no PostgreSQL connection string: {str(error).strip()}") from None
    return value


def _folder(value: Path) -> Path:
    if not value.is_dir():
        raise ValueError(f"there is no folder {value}")
    return value


def _address(value: str) -> str:
    """Empty, or what a partner can call."""
    try:
        parts = urlsplit(value)
        known = parts.scheme in {"http", "https"} and _is_host(parts.hostname or "") and parts.port != 0
    except ValueError:
        known = False
    if value and (not known or parts.query or parts.fragment or parts.username or not value.isprintable()):
        raise ValueError("no address: it must be like https://gateway.example or http://10.0.0.1:8081")
    return value


def _host(value: str) -> str:
    if not _is_host(value):
        raise ValueError("no host name and no IP address; a port or a scheme does not belong here")
    return value


def _is_host(value: str) -> bool:
    return len(value) <= _LONGEST and _HOST.fullmatch(value) is not None


Conninfo = Annotated[str, AfterValidator(_conninfo)]
"""How a PostgreSQL is reached, in either form that libpq reads."""
Folder = Annotated[Path, AfterValidator(_folder)]
"""A folder that is there."""
Address = Annotated[str, AfterValidator(_address)]
"""`http://` or `https://` and a host, maybe a port; or empty."""
Host = Annotated[str, AfterValidator(_host)]
"""A host name or an IP address."""
