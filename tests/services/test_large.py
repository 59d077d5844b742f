"""Messages too long for memory, over HTTP: taken by their head, spooled, judged, kept, and passed on as they came."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from gateway.errors import Busy
from gateway.kit.make import make_kit
from gateway.kit.templates.gateway_rest import GatewayRest
from gateway.model import PartnerId
from gateway.replay.kept import record_kept
from gateway.shell.archive import month_of, write_month
from gateway.shell.archived import verify_archive
from gateway.shell.client import wear
from gateway.shell.console import make_console
from gateway.shell.evidence import verify_chains
from gateway.shell.spool import Spool
from gateway.shell.uploads import Answer, Uploads
from tests.bulk import PUSHED, SENDER, SOAP, Arrived, Receiver, a_list, bulk_tree, receiving
from tests.running import Running, free_port, new_id, running_gateway, working
from tests.services.clients import Clients

PDF = b"%PDF-1.7\n" + b"a scan " * 20_000


@pytest.fixture(scope="module")
def port() -> int:
    """Where the receiver listens."""
    return free_port()


@pytest.fixture(scope="module")
def bulk(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Running]:
    """A gateway whose partners exchange long lists; one megabyte fits into memory."""
    tmp = tmp_path_factory.mktemp("bulk")
    tree = bulk_tree(tmp / "tree", f"http://127.0.0.1:{port}/api/v1/messages")
    with running_gateway(tmp, roots=[tree], largest_message=1_000_000, largest_spooled=60_000_000) as running:
        yield running


@pytest.fixture(scope="module")
def clients(bulk: Running, tmp_path_factory: pytest.TempPathFactory) -> Clients:
    """Clients of both."""
    folder = tmp_path_factory.mktemp("kits")
    for partner in (SENDER, PUSHED):
        make_kit(bulk.house.settings, partner, folder / partner)
    return Clients({partner: folder / partner for partner in (SENDER, PUSHED)})


@pytest.fixture(scope="module")
def sender(clients: Clients) -> GatewayRest:
    """Who sends lists."""
    return clients.rest(SENDER)


@pytest.fixture(scope="module")
def listening(bulk: Running, port: int) -> Iterator[Receiver]:
    """Who gets them."""
    hat = wear(PartnerId(PUSHED), [bulk.partner_keys[PUSHED]["ec"]], bulk.house.settings.trust_dir, bulk.url)
    with receiving(Receiver(hat), port) as found:
        yield found


@pytest.fixture
def receiver(listening: Receiver) -> Receiver:
    """The same, with nothing in hand."""
    listening.arrived.clear()
    return listening


def spooled(bulk: Running) -> int:
    """Octets that the doors hold open below the spool: files without a name show only among open files."""
    pids = [int(one.name) for one in Path("/proc").glob("[0-9]*") if str(bulk.house.settings.port) in _command(one)]
    total = 0
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                if f"{bulk.state}/spool" in str(link.readlink()):
                    total += link.stat().st_size
            except OSError:
                continue
    return total


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


def test_a_long_message_reaches_its_receiver_octet_by_octet(
    bulk: Running, sender: GatewayRest, receiver: Receiver
) -> None:
    """Signed receipt after the commit, the same octets at the receiver though it was out at first, its receipt kept."""
    document, receiver.outages = a_list(6, number="KZ-6"), 1
    answer = sender.send(document, "BULK_LIST", receiver=PUSHED)
    assert answer.status_code == 202
    assert hashlib.sha256(document).hexdigest().encode() in answer.content
    with working(bulk):
        status: dict[str, Any] = {}
        end = monotonic() + 60
        while not status.get("finished") and monotonic() < end:
            bulk.store.write("update lane set next_at = '-infinity' where lane = %s returning 1", [PUSHED])
            status = sender.status(answer.headers["location"], wait=1)
    assert status["state"] == "delivered", status
    assert status["deliveries"][0]["receiptId"]
    arrived = got(receiver, document)
    assert (arrived.action, arrived.size) == ("BULK_LIST", len(document))
    assert verify_chains(bulk.store).broken is None
    found = bulk.store.fetch("select value from message_ref where scheme = 'permit' and value = 'KZ-6'")
    assert found


def test_a_long_message_is_translated_on_its_way(bulk: Running, sender: GatewayRest, receiver: Receiver) -> None:
    """The table runs item by item, the outcome is valid, kept, and sent."""
    answer = sender.send(a_list(3, kind="O"), "BULK_ORDER", receiver=PUSHED)
    with working(bulk):
        until(lambda: sender.status(answer.headers["location"])["state"] == "delivered")
    kept = bulk.store.fetch("select octets from spooled where part = 'to bulk-mapped' order by number")
    octets = b"".join(bytes(one["octets"]) for one in kept)
    assert octets.startswith(b'<Out xmlns="urn:test:bulk-out:1">')
    assert got(receiver, octets).action == "BULK_OUT"
    assert verify_chains(bulk.store).broken is None
    moved = "update spooled set part = %s where part = %s returning 1"
    bulk.store.write(moved, ["elsewhere", "to bulk-mapped"])
    assert verify_chains(bulk.store).broken is not None
    bulk.store.write(moved, ["to bulk-mapped", "elsewhere"])
    assert verify_chains(bulk.store).broken is None


def test_a_partner_that_pulls_gets_it_in_pieces(bulk: Running, clients: Clients, sender: GatewayRest) -> None:
    """The inbox hands it out and takes the receipt."""
    document = a_list(3)
    clients.rest(PUSHED).send(document, "BULK_LIST", receiver=SENDER)
    pulled = sender.pull()
    assert pulled is not None
    assert pulled.content == document
    sender.acknowledge(pulled)
    assert sender.pull() is None


def test_a_repeat_gets_the_same_receipt_and_other_content_is_a_conflict(bulk: Running, sender: GatewayRest) -> None:
    """R1 and R2 hold through the digest; the repeat is not spooled again."""
    document, message_id = a_list(2), new_id()
    first = sender.send(document, "BULK_LIST", message_id=message_id, receiver=PUSHED)
    again = sender.send(document, "BULK_LIST", message_id=message_id, receiver=PUSHED)
    assert first.content == again.content
    other = refused(sender, a_list(2), message_id=message_id)
    assert (other.status_code, other.json()["code"]) == (409, "message.conflict")


@pytest.mark.parametrize(
    ("spoil", "code", "status"),
    [
        (lambda it: it.replace(b"<Count>100000000", b"<Count>many", 1), "schema.violation", 422),
        (lambda it: it.replace(b"<Kind>L", b"<Kind>X", 1), "schema.unknown", 422),
        (lambda it: it.replace(b"urn:test:bulk:1", b"urn:test:bulk:2", 1), "schema.unknown", 422),
        (lambda it: b"<!DOCTYPE a []>" + it, "envelope.malformed", 400),
        (lambda it: it.replace(b"</Name>", b"<!-- x --></Name>", 1), "envelope.malformed", 400),
        (lambda it: it[:-3], "envelope.malformed", 400),
    ],
    ids=["schema", "function", "namespace", "doctype", "split", "cut"],
)  # fmt: skip
def test_a_long_message_is_held_to_the_same_rules(
    sender: GatewayRest, spoil: Callable[[bytes], bytes], code: str, status: int
) -> None:
    """Signed refusals with the same codes as short ones; a violation names line and path."""
    answer = refused(sender, spoil(a_list(2)))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    if code == "schema.violation":
        (finding,) = answer.json()["findings"]
        assert (finding["rule"], finding["line"], finding["path"]) == ("xsd.decimal", 2, "/BulkList/Item/Count")


def test_a_soap_partner_is_not_sent_what_it_cannot_take(sender: GatewayRest) -> None:
    """Refused at the door, with the reason."""
    answer = refused(sender, a_list(2), receiver=SOAP)
    assert (answer.status_code, answer.json()["code"]) == (422, "route.none")
    assert answer.json()["findings"][0]["rule"] == "route.large-profile"


def test_a_message_over_the_limit_is_refused_unread(bulk: Running, sender: GatewayRest) -> None:
    """413 (X6), in the answer to its head."""
    request = sender.prepare("POST", "/api/v1/messages", b"x", new_id(), {"gw-action": "BULK_LIST"})
    answer = head_only(bulk, request, bulk.house.settings.largest_spooled + 1)
    assert answer.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("spoiled", ["signature", "action", "gw-partner", "content-digest"])
def test_who_is_not_proven_by_the_head_cannot_make_us_read_a_body(
    bulk: Running, sender: GatewayRest, spoiled: str
) -> None:
    """The refusal comes before the body, and nothing is spooled."""
    fields = {"gw-action": "BULK_LIST" if spoiled != "action" else "LPCO QUERY"}
    request = sender.prepare("POST", "/api/v1/messages", b"x", new_id(), fields)
    if spoiled != "action":
        request.headers[spoiled] = {"signature": "gw=:AAAA:", "gw-partner": PUSHED}.get(spoiled, "sha-256=:AAAA:")
    answer = head_only(bulk, request, 50_000_000)
    assert answer.split(b" ")[1] in (b"400", b"401")
    assert spooled(bulk) == 0


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


def test_another_body_than_the_signed_one_is_refused(bulk: Running, sender: GatewayRest) -> None:
    """The digest of what came decides (J8)."""
    document = a_list(2)
    request = sender.prepare(
        "POST", "/api/v1/messages", document, new_id(), {"gw-action": "BULK_LIST", "gw-receiver": PUSHED}
    )
    request.body = document.replace(b"sample", b"simple", 1)
    answer = requests.Session().send(request, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (401, "seal.broken")
    assert "signature" not in answer.headers


def test_a_body_that_ends_before_its_end_leaves_nothing(bulk: Running, sender: GatewayRest) -> None:
    """The spool is empty again, no row is written."""
    document = a_list(8)
    request = sender.prepare(
        "POST", "/api/v1/messages", document, new_id(), {"gw-action": "BULK_LIST", "gw-receiver": PUSHED}
    )
    rows = "select count(*) as n from spooled"
    before = bulk.store.fetch(rows)
    with opened(bulk, request, len(document)) as line:
        line.sendall(document[: len(document) // 2])
        until(lambda: spooled(bulk) > 1_000_000)
    until(lambda: spooled(bulk) == 0)
    assert bulk.store.fetch(rows) == before


def test_a_file_goes_with_its_message(bulk: Running, sender: GatewayRest, receiver: Receiver) -> None:
    """Short or long, as it came, with its media type; related to the message that went before."""
    message_id = new_id()
    assert sender.send(a_list(0.1), "BULK_LIST", receiver=PUSHED, message_id=message_id).status_code == 202
    with working(bulk):
        for file in (PDF, PDF * 20):
            answer = post_file(sender, file, "application/pdf", message_id)
            assert answer.status_code == 202, answer.text
            arrived = got(receiver, file)
            assert (arrived.action, arrived.media) == ("ATTACHMENT", "application/pdf")
            assert arrived.relates_to.startswith("urn:uuid:")
    assert verify_chains(bulk.store).broken is None


def test_the_console_shows_the_beginning_and_saves_the_whole(bulk: Running, sender: GatewayRest) -> None:
    """No page holds a long message."""
    document = a_list(3)
    entry = sender.send(document, "BULK_LIST", receiver=PUSHED).headers["location"].rpartition("/")[2]
    browser = make_console(bulk.house).test_client()
    for page in ("", "/xml", "/mapping", "/evidence"):
        shown = browser.get(f"/messages/{entry}{page}")
        assert shown.status_code == 200, page
        assert len(shown.data) < 600_000, page
    assert browser.get(f"/messages/{entry}/bytes/received").data == document
    with pytest.raises(ValueError, match="too long"):
        record_kept(bulk.store, entry, bulk.state / "recorded")


def test_a_door_that_is_killed_leaves_nothing_on_disk(tmp_path: Path) -> None:
    """The spool's files have no name."""
    spool = Spool(tmp_path / "spool", room=1_000_000, least_free=0)
    sheet = spool.begin(300_000)
    sheet.write(b"x" * 300_000)
    assert [*(tmp_path / "spool").iterdir()] == []
    assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700
    assert sheet.done().size == spool.taken == 300_000


def test_the_spool_keeps_to_its_room_and_to_that_of_the_disk(tmp_path: Path) -> None:
    """What is promised counts; what is over is free again."""
    spool = Spool(tmp_path / "spool", room=1_000_000, least_free=0)
    first = spool.begin(700_000)
    with pytest.raises(Busy, match="full"):
        spool.begin(400_000)
    spool.begin(400_000, keep=False)
    first.drop()
    assert spool.taken == 0
    unknown = spool.begin(0)
    with pytest.raises(Busy):
        unknown.write(b"x" * 1_000_001)
    with pytest.raises(Busy, match="disk"):
        Spool(tmp_path / "spool", room=10**15, least_free=10**14).begin(1)


def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    """Each megabyte has its time (X6); then what came is gone."""
    spool = Spool(tmp_path, room=9_000_000, least_free=0)
    uploads = Uploads(spool, paths=frozenset({"/x"}), smallest=1, largest=9_000_000, patience=0.05)
    coming = iter([{"type": "http.request", "body": b"x" * 1_000_000, "more_body": True}])

    async def receive() -> dict[str, Any]:
        found = next(coming, None)
        return found if found is not None else await asyncio.Event().wait()  # type: ignore[return-value]

    def go_on(_environ: dict[str, Any]) -> Answer:
        return 100, [], b""

    with pytest.raises(TimeoutError):
        asyncio.run(uploads.answer({}, receive, 5_000_000, go_on))
    assert spool.taken == 0


@pytest.mark.parametrize(
    ("file", "media", "status", "code"),
    [
        (b"MZ" + PDF, "application/pdf", 415, "envelope.media-type"),
        (b"\xff\xd8\xff" + PDF, "image/jpeg", 403, "partner.not-entitled"),
        (PDF, "application/zip", 415, "envelope.media-type"),
        (PDF, "application/xml", 415, "envelope.media-type"),
    ],
    ids=["another file", "not agreed", "not known", "no file"],
)  # fmt: skip
def test_only_agreed_files_are_taken(sender: GatewayRest, file: bytes, media: str, status: int, code: str) -> None:
    """What it says it is, of a kind that was agreed."""
    answer = post_file(sender, file, media, new_id())
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def post_file(sender: GatewayRest, file: bytes, media: str, relates_to: str) -> requests.Response:
    """Send a file."""
    fields = {"gw-action": "ATTACHMENT", "gw-relates-to": relates_to, "gw-receiver": PUSHED}
    request = sender.prepare("POST", "/api/v1/messages", file, new_id(), fields)
    request.headers["Content-Type"] = media
    sender._sign(request)
    return requests.Session().send(request, timeout=60)


def test_short_messages_are_answered_meanwhile(bulk: Running, sender: GatewayRest, clients: Clients) -> None:
    """While long ones are taken and judged; and the memory of the doors does not grow with their length."""
    sender.send(a_list(2), "BULK_LIST", receiver=PUSHED)
    pids = [int(one.name) for one in Path("/proc").glob("[0-9]*") if str(bulk.house.settings.port) in _command(one)]
    peaks = {}
    for megabytes in (6, 40):
        document, slowest = a_list(megabytes), 0.0
        for pid in pids:
            Path(f"/proc/{pid}/clear_refs").write_text("5")
        long = threading.Thread(target=sender.send, args=(document, "BULK_LIST"), kwargs={"receiver": PUSHED})
        long.start()
        while long.is_alive():
            began = monotonic()
            clients.rest(SENDER).send(a_list(0.005), "BULK_LIST", receiver=PUSHED)
            slowest = max(slowest, monotonic() - began)
        long.join()
        peaks[megabytes] = sum(peak(pid) for pid in pids)
        assert slowest < 5.0
    assert peaks[40] - peaks[6] < 12_000, peaks


def test_its_month_is_archived_with_its_proof(bulk: Running, sender: GatewayRest, tmp_path: Path) -> None:
    """The pieces leave in their order; one octet less is found."""
    sender.send(a_list(11.5), "BULK_LIST", receiver=PUSHED)  # more than ten pieces: 10 comes after 9
    now = bulk.house.setup.clock()
    month = bulk.store.run(lambda connection: write_month(connection, month_of(now), tmp_path, now))
    assert verify_archive(tmp_path).broken == ""
    assert (month / "spooled.jsonl.gz").stat().st_size > 10_000
    bulk.store.write("update spooled set octets = substr(octets, 2) where number = 1 returning 1", [])
    assert "pieces" in verify_chains(bulk.store).broken.why  # type: ignore[union-attr]


def peak(pid: int) -> int:
    """Kilobytes of memory that a process had at most since it was last asked to forget."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
