"""What an installation that calls itself `production` lacks, by its settings alone."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

from gateway.shell.config import Settings

_SERVERS: Final = 3
"""NTP servers of which one may lie."""


def lacks(settings: Settings) -> Iterator[tuple[str, str]]:
    """What is missing and what to do about it; nothing for another environment, or when all is there."""
    if settings.environment == "production":
        yield from ((found, do) for wrong, found, do in _looks(settings) if wrong)


def _looks(settings: Settings) -> Iterator[tuple[bool, str, str]]:
    """Whether something is wrong, what, and what to do."""
    clocks, alerts = len(settings.watch.ntp_servers), settings.alerts
    yield (not settings.public_url.startswith("https://"), "public_url is not https",
           "put a proxy with TLS in front and name its address in public_url")  # fmt: skip
    yield (not _here(settings.host), f"the doors speak plain HTTP on {settings.host}",
           "let nothing but the proxy reach them, or take 127.0.0.1")  # fmt: skip
    yield (not _here(settings.console_host), f"the console, which has no sign-in, listens on {settings.console_host}",
           "take 127.0.0.1 for console_host")  # fmt: skip
    yield (not settings.database_url, "the database is the embedded one",
           "name a PostgreSQL with a standby in database_url")  # fmt: skip
    yield clocks < _SERVERS, f"{clocks} clocks to compare with", "name three or more in watch.ntp_servers"
    yield (not alerts.email_to and not alerts.webhook_url, "nobody is told when something is wrong",
           "name people or a webhook in alerts")  # fmt: skip
    yield (settings.silence_scale != 1.0, f"silence_scale is {settings.silence_scale:g}",
           "take it out: it is for demonstrations")  # fmt: skip


def _here(host: str) -> bool:
    """True for an address that only this machine reaches."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
