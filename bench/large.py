"""One long message through the whole line, and what it costs: time, and the most memory each process had.

`python -m bench.large --megabytes 100`: doors, worker and database as processes of their own, a partner that sends from
a file and one that only hashes what it gets. Prints a table.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from gateway.kit.make import make_kit
from gateway.kit.templates.gateway_rest import GatewayRest
from gateway.model import PartnerId
from gateway.shell.client import wear
from gateway.shell.evidence import verify_chains
from tests.bulk import PUSHED, SENDER, Receiver, a_list, bulk_tree, receiving
from tests.running import ROOT, Running, environment, free_port, running_gateway

ROLES: Final = {"doors": "gateway.app:front", "worker": "-m gateway worker", "database": "postgres: "}


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--megabytes", type=float, default=100)
    asked.add_argument("--mapped", action="store_true", help="through a mapping table, not unchanged")
    said = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="gateway-large-") as folder:
        measured(Path(folder), said.megabytes, mapped=said.mapped)


def measured(folder: Path, megabytes: float, *, mapped: bool) -> None:
    """A small message first, so that what is counted is the long one's."""
    port = free_port()
    tree = bulk_tree(folder / "tree", f"http://127.0.0.1:{port}/api/v1/messages")
    with running_gateway(folder, roots=[tree], largest_spooled=200_000_000) as running:
        make_kit(running.house.settings, SENDER, folder / "kit")
        sender = GatewayRest.from_kit(str(folder / "kit" / "kit.json"))
        hat = wear(PartnerId(PUSHED), [running.partner_keys[PUSHED]["ec"]], running.house.settings.trust_dir,
                   running.url)  # fmt: skip
        worker = subprocess.Popen([sys.executable, "-m", "gateway", "worker"], cwd=ROOT,
                                  env=environment(running.house.settings))  # fmt: skip
        try:
            with receiving(Receiver(hat), port) as receiver:
                kind, action = ("O", "BULK_ORDER") if mapped else ("L", "BULK_LIST")
                _through(sender, receiver, a_list(0.01, kind), action)
                before = _peaks(running, forget=True)
                document = a_list(megabytes, kind)
                taken, delivered = _through(sender, receiver, document, action)
                after = _peaks(running)
                same = receiver.arrived[-1].sha256 == hashlib.sha256(document).hexdigest()
        finally:
            worker.terminate()
            worker.wait(30)
        began = monotonic()
        broken = verify_chains(running.store).broken
        print(f"{len(document) / 1e6:.0f} MB: receipt after {taken:.1f} s, delivered after {delivered:.1f} s more; "
              f"octets {'equal' if same else 'translated'}; evidence {broken or 'holds'} "
              f"({monotonic() - began:.1f} s)")  # fmt: skip
        for role in ROLES:
            print(f"{role}: {after[role] / 1000:.0f} MB at most, {(after[role] - before[role]) / 1000:+.1f} MB")


def _through(sender: GatewayRest, receiver: Receiver, document: bytes, action: str) -> tuple[float, float]:
    began, count = monotonic(), len(receiver.arrived)
    request = sender.prepare("POST", "/api/v1/messages", document, "", {"gw-action": action, "gw-receiver": PUSHED})
    answer = sender._session.send(request, timeout=600)
    answer.raise_for_status()
    taken = monotonic()
    while len(receiver.arrived) == count:
        sleep(0.05)
    return taken - began, monotonic() - taken


def _peaks(running: Running, *, forget: bool = False) -> dict[str, int]:
    """Kilobytes of own memory (not shared with others) that the largest process of each role has or had."""
    found = dict.fromkeys(ROLES, 0)
    server = (running.state.parent / "postgres" / "data" / "postmaster.pid").read_text().split()[0]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            mine = str(running.state.parent) in (process / "environ").read_text("utf-8", "replace")
            mine |= (process / "stat").read_text().rpartition(")")[2].split()[1] == server
            role = next((role for role, mark in ROLES.items() if mark in command), "")
            if not role or not mine:
                continue
            if forget:
                (process / "clear_refs").write_text("5")
            lines = (process / "status").read_text().splitlines()
        except OSError:
            continue
        peak = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
        shared = next((int(line.split()[1]) for line in lines if line.startswith("RssShmem")), 0)
        found[role] = max(found[role], peak - shared)
    return found


if __name__ == "__main__":
    main()
