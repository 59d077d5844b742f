"""What HTTP itself gets wrong at the doors: methods, paths, media types, sizes, missing seals; and the probes."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
import requests

from tests.running import Running, new_id
from tests.services.clients import Clients


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("PUT", "/api/v1/messages", 405, "OPTIONS, POST"), ("DELETE", "/api/v1/messages/x", 405, "GET, HEAD, OPTIONS"),
        ("POST", "/api/v1/inbox", 405, "GET, HEAD, OPTIONS"), ("GET", "/api/v1/nothing", 404, None),
        ("GET", "/../etc/passwd", 404, None), ("TRACE", "/api/v1/messages", 405, "OPTIONS, POST"),
    ],
)  # fmt: skip
def test_other_methods_and_paths_are_problems(
    gateway: Running, method: str, path: str, status: int, allow: str | None
) -> None:
    """problem+json with the right status, and Allow where a method is wrong."""
    answer = requests.request(method, gateway.url + path, timeout=10)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.headers.get("allow") == allow


@pytest.mark.parametrize("media", ["text/plain", "application/xml; charset=utf-16", ""])
def test_other_media_types_are_refused(clients: Clients, media: str) -> None:
    """415 (S3)."""
    message = clients.prepared_rest("aeo_registry_kz", "AEO_MASTER_FULL")
    message.headers["Content-Type"] = media
    answer = message.post()
    assert (answer.status_code, answer.json()["code"]) == (415, "envelope.media-type")


def test_a_message_over_the_limit_is_refused_before_it_is_read(gateway: Running) -> None:
    """413 in the words of the door it came to (X6); where long messages are taken, one is judged by its head first."""
    body = b"x" * (gateway.house.settings.largest_message + 1)
    rest = requests.post(f"{gateway.url}/api/v1/inbox/x/receipt", data=body, timeout=30)
    unproven = requests.post(f"{gateway.url}/api/v1/messages", data=body, timeout=30)
    soap = requests.post(f"{gateway.url}/soap", data=body, headers={"Content-Type": "text/xml"}, timeout=30)
    assert (rest.status_code, rest.json()["code"]) == (413, "envelope.too-large")
    assert (unproven.status_code, unproven.json()["code"]) == (400, "envelope.addressing")
    assert soap.status_code == 500
    assert b"envelope.malformed" in soap.content


def test_a_message_that_is_too_long_for_the_disk_is_refused_unread(gateway: Running) -> None:
    """By what its head says of its length, with the limit (X6)."""
    place = urlsplit(gateway.url)
    with socket.create_connection((place.hostname or "", place.port or 0), 30) as line:
        said = {"Host": place.netloc, "Content-Type": "text/xml",
                "Content-Length": str(gateway.house.settings.largest_spooled + 1)}  # fmt: skip
        head = "".join(f"{name}: {value}\r\n" for name, value in said.items())
        line.sendall(f"POST /soap HTTP/1.1\r\n{head}\r\n".encode())
        answer = line.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("path", ["/soap", "/api/v1/messages"])
def test_a_message_in_chunks_is_held_to_the_same_limit(gateway: Running, clients: Clients, path: str) -> None:
    """Sent in chunks a message is taken whole or not at all: never its beginning."""
    soap = path == "/soap"
    make = clients.prepared_soap if soap else clients.prepared_rest
    message = make("customs_kz", "LPCO_QUERY")
    headers = {name: value for name, value in message.headers.items() if name.lower() != "content-length"}
    spaces = b" " * (gateway.house.settings.largest_message // 10)
    long = requests.post(
        message.url, data=(part for part in (message.body, *[spaces] * 11)), headers=headers, timeout=60
    )
    assert long.status_code == 413
    whole = requests.post(message.url, data=(part for part in (message.body,)), headers=headers, timeout=60)
    assert whole.status_code == (200 if soap else 202)


def test_no_path_is_redirected_to_another(gateway: Running) -> None:
    """A path is what was signed: nothing is merged or moved."""
    for path in ("/api//v1/messages", "/%2Fapi/v1/messages", "/api/v1/inbox/%2F..%2F/receipt", "/api/v1/inbox/"):
        answer = requests.post(gateway.url + path, timeout=10, allow_redirects=False)
        assert answer.status_code == 404


def test_who_sends_slowly_keeps_nobody_waiting(gateway: Running, clients: Clients) -> None:
    """More unfinished bodies than there are threads, of both kinds; signed traffic goes on (X6)."""
    place = urlsplit(gateway.url)
    for framing, part in (("Content-Length: 1000", b"<a"), ("Transfer-Encoding: chunked", b"2\r\n<a\r\n")):
        head = f"POST /soap HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: text/xml\r\n{framing}\r\n\r\n"
        with ExitStack() as held:
            for _ in range(3 * gateway.house.settings.threads):
                slow = held.enter_context(socket.create_connection((place.hostname, place.port), 10))
                slow.sendall(head.encode() + part)
            good = clients.prepared_soap("customs_kz", "LPCO_QUERY")
            assert requests.post(good.url, data=good.body, headers=good.headers, timeout=10).status_code == 200


def test_two_slashes_are_not_one(gateway: Running) -> None:
    """`//soap` is nothing, and no refusal speaks of browsers."""
    place = urlsplit(gateway.url)
    with socket.create_connection((place.hostname, place.port), 10) as plain:
        plain.sendall(f"POST //soap HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: 0\r\n"
                      "Connection: close\r\n\r\n".encode())  # fmt: skip
        answer = b"".join(iter(lambda: plain.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"browser" not in answer
    assert b"spelling" not in answer


def test_a_broken_chunk_is_no_fault_of_ours(gateway: Running) -> None:
    """A bare 400 from the server, never a 5xx."""
    place = urlsplit(gateway.url)
    with socket.create_connection((place.hostname, place.port), 10) as plain:
        plain.sendall(f"POST /soap HTTP/1.1\r\nHost: {place.netloc}\r\nTransfer-Encoding: chunked\r\n"
                      "Connection: close\r\n\r\nZZ\r\n<a/>\r\n0\r\n\r\n".encode())  # fmt: skip
        assert plain.recv(65536).startswith(b"HTTP/1.1 400")


def test_an_unsigned_question_learns_nothing(gateway: Running) -> None:
    """401 with the one public text."""
    headers = {"gw-message-id": new_id(), "gw-partner": "aeo_registry_kz"}
    answer = requests.get(f"{gateway.url}/api/v1/inbox", headers=headers, timeout=10)
    assert answer.status_code == 401
    assert "signature" not in answer.headers
    assert answer.json()["findings"] == []


def test_health_and_readiness(gateway: Running) -> None:
    """How it stands, for probes."""
    health = requests.get(f"{gateway.url}/health", timeout=10).json()
    assert (health["status"], health["environment"], health["database"]) == ("ok", "demo", True)
    assert requests.get(f"{gateway.url}/ready", timeout=10).status_code == 200
