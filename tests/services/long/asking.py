"""How long messages are sent and what is seen of them from outside."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import urlsplit

import pytest
import requests

from gateway.kit.templates.gateway_rest import GatewayRest
from tests.bulk import PUSHED, Arrived, Receiver
from tests.running import Running, new_id

PDF = b"%PDF-1.7\n" + b"a scan " * 20_000


def spooled(bulk: Running) -> int:
    """Octets that the doors hold open below the spool: files without a name show only among open files."""
    total = 0
    for pid in doors_of(bulk):
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                if f"{bulk.state}/spool" in str(link.readlink()):
                    total += link.stat().st_size
            except OSError:
                continue
    return total


def doors_of(bulk: Running) -> list[int]:
    """The process ids of the doors."""
    port = str(bulk.house.settings.port)
    return [int(one.name) for one in Path("/proc").glob("[0-9]*") if port in _command(one).split()]


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""


def until(true: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until `true()` is."""
    end = monotonic() + seconds
    while not true():
        assert monotonic() < end, "it did not become true"
        sleep(0.02)


def got(receiver: Receiver, octets: bytes) -> Arrived:
    """The message with exactly these octets, when it has come."""
    digest = hashlib.sha256(octets).hexdigest()
    until(lambda: any(one.sha256 == digest for one in receiver.arrived))
    return next(one for one in receiver.arrived if one.sha256 == digest)


def refused(sender: GatewayRest, document: bytes, action: str = "BULK_LIST", **claims: str) -> requests.Response:
    """The refusal of a document."""
    with pytest.raises(requests.HTTPError) as error:
        sender.send(document, action, receiver=claims.pop("receiver", PUSHED), **claims)
    return error.value.response


def head_only(bulk: Running, request: requests.PreparedRequest, size: int) -> bytes:
    """What is answered to a head alone."""
    with opened(bulk, request, size) as line:
        return line.recv(65536)


def opened(bulk: Running, request: requests.PreparedRequest, size: int) -> socket.socket:
    """A connection on which the head of a request has been sent."""
    place = urlsplit(bulk.url)
    line = socket.create_connection((place.hostname or "", place.port or 0), 30)
    headers = {**request.headers, "Content-Length": str(size), "Host": place.netloc}
    text = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    line.sendall(f"POST /api/v1/messages HTTP/1.1\r\n{text}\r\n".encode())
    return line


def post_file(
    sender: GatewayRest, file: bytes, media: str, relates_to: str, receiver: str = PUSHED
) -> requests.Response:
    """Send a file."""
    fields = {"gw-action": "ATTACHMENT", "gw-relates-to": relates_to, "gw-receiver": receiver}
    request = sender.prepare("POST", "/api/v1/messages", file, new_id(), fields)
    request.headers["Content-Type"] = media
    sender._sign(request)
    return requests.Session().send(request, timeout=60)


def peak(pid: int) -> int:
    """Kilobytes of memory that a process had at most since it was last asked to forget."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
