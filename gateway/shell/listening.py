"""Where the gateway will listen: that nobody else does, and that we may."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import ip_address

from gateway.errors import ConfigurationError
from gateway.shell.config import Settings

HERE = "127.0.0.1"
_WHY: Mapping[int, str] = {
    errno.EADDRINUSE: "is taken: another program, maybe another gateway, listens there",
    errno.EADDRNOTAVAIL: "is no address of this machine",
    errno.EACCES: "may not be listened on by this user; take a port above 1023 and let a proxy in front have this one",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An address and a port, and the settings that name them."""

    host: str
    port: int
    host_key: str
    port_key: str


def require_places(settings: Settings, *, with_console: bool, with_worker: bool) -> None:
    """Doors, console and figures can each listen where their settings say, or ConfigurationError names the setting.

    Our server shares a port with whoever else shares it, and both would answer by turns: here nobody shares.
    """
    with ExitStack() as held:
        ours: dict[int, str] = {}
        for place in _wanted(settings, with_console=with_console, with_worker=with_worker):
            held.enter_context(_held(place, ours))
            ours[place.port] = place.port_key


def require_figures(settings: Settings) -> None:
    """A worker that runs alone can show its figures, or ConfigurationError names the setting."""
    if settings.watch.worker_port:
        _held(_figures(settings), {}).close()


def url_of(host: str, port: int) -> str:
    """The address of a server; an IPv6 one in brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _wanted(settings: Settings, *, with_console: bool, with_worker: bool) -> Iterator[Place]:
    yield Place(host=settings.host, port=settings.port, host_key="host", port_key="port")
    if with_console:
        host, port = settings.console_host, settings.console_port
        yield Place(host=host, port=port, host_key="console_host", port_key="console_port")
    if with_worker and settings.watch.worker_port:
        yield _figures(settings)


def _figures(settings: Settings) -> Place:
    return Place(host=HERE, port=settings.watch.worker_port, host_key="", port_key="watch.worker_port")


def _held(place: Place, ours: Mapping[int, str]) -> socket.socket:
    """Listens there until it is closed; `ours` = the settings that have their ports already."""
    if place.port == 0:
        raise ConfigurationError(f"{place.port_key} = 0: name the port to listen on")
    try:
        six = ip_address(place.host).version == 6  # noqa: PLR2004 - as everybody calls it
    except ValueError:
        why = "is no IP address; 127.0.0.1 is this machine alone"
        raise ConfigurationError(f'{place.host_key} = "{place.host}" {why}') from None
    door = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_STREAM)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what a server that ended left does not count
        door.bind((place.host, place.port))
        door.listen()
    except OSError as error:
        door.close()
        raise ConfigurationError(_told(error, place, ours.get(place.port, ""))) from None
    return door


def _told(error: OSError, place: Place, other: str) -> str:
    """One line that names the setting to change."""
    why = _WHY.get(error.errno or 0, f"cannot be listened on: {error.strerror}")
    if error.errno == errno.EADDRINUSE and other:
        return f"{place.port_key} = {place.port}: {other} names the same port; each needs its own"
    if error.errno == errno.EADDRNOTAVAIL:
        return f'{place.host_key} = "{place.host}" {why}'
    return f"{place.port_key} = {place.port}: {place.host}:{place.port} {why}"
