"""The state of health of an installation: what is fine, what needs a look, what stops it."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from lxml import etree

from gateway import registry
from gateway.errors import ConfigurationError, Finding, GatewayError
from gateway.registry import Tree
from gateway.shell.config import TREE, Settings
from gateway.shell.durable import ADVICE, CHECKSUMS, weaknesses
from gateway.shell.keyring import FileKeyring
from gateway.shell.partners import load_partners, read_pem, voiceless
from gateway.shell.postgres import Postgres
from gateway.shell.production import lacks
from gateway.shell.revisions import standing
from gateway.shell.store import Store
from gateway.shell.watch.clock import ntp_clock

Colour = Literal["green", "yellow", "red"]
_OLDEST_PYTHON: Final = (3, 11)
_SOON: Final = timedelta(days=30)
_LITTLE_SPACE: Final = 1_000_000_000
_TOO_LITTLE_SPACE: Final = 100_000_000
_DRIFT: Final = timedelta(seconds=5)
_BAD_DRIFT: Final = timedelta(seconds=60)
_OLD: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at. `do` says what to do when it is not green."""

    name: str
    colour: Colour
    found: str
    do: str = ""


def checkup(settings: Settings) -> list[Check]:
    """Every check; one that breaks is red itself and stops no other."""
    looks: list[tuple[str, Callable[[Settings], Iterator[Check]]]] = [
        ("Python", _python), ("libxml2", _libxml), ("keys", _keys), ("certificates", _certificates),
        ("partners", _partners), ("adapters", _adapters), ("disk", _disk), ("database", _database),
        ("NTP", _others), ("production", _production),
    ]  # fmt: skip
    return [check for name, look in looks for check in _looked(name, look, settings)]


def _looked(name: str, look: Callable[[Settings], Iterator[Check]], settings: Settings) -> list[Check]:
    try:
        return list(look(settings))
    except GatewayError as error:
        told = [_told(finding) for finding in error.findings]
        return [Check(name=name, colour="red", found="; ".join([error.detail, *told]))]
    except Exception as error:  # noqa: BLE001 - a broken check is a finding, not an end
        return [Check(name=name, colour="red", found=f"{type(error).__name__}: {error}")]


def _told(finding: Finding) -> str:
    said = finding.params
    place = ":".join(filter(None, [said.get("file") or said.get("table", ""), str(finding.line or "")]))
    return " ".join(filter(None, [place, ": ".join(filter(None, [finding.path, said.get("reason", "")]))]))


def _python(_settings: Settings) -> Iterator[Check]:
    fine = sys.version_info >= _OLDEST_PYTHON
    yield Check(name="Python", colour="green" if fine else "red", found=platform.python_version(),
                do="" if fine else "install Python 3.11 or newer")  # fmt: skip


def _libxml(_settings: Settings) -> Iterator[Check]:
    built, runs = etree.LIBXML_COMPILED_VERSION, etree.LIBXML_VERSION
    same = built[:2] == runs[:2]
    found = f"lxml {etree.__version__}, libxml2 {'.'.join(map(str, runs))} (built with {'.'.join(map(str, built))})"
    yield Check(name="libxml2", colour="green" if same else "yellow", found=found,
                do="" if same else "install lxml from its wheel")  # fmt: skip


def _keys(settings: Settings) -> Iterator[Check]:
    files = list(settings.keys) or sorted(settings.key_dir.glob("*.pem"))
    if not files:
        yield Check(name="keys", colour="red", found=f"no signing key in {settings.key_dir}",
                    do="name your keys in the setting keys; for a try-out: gateway certs dev")  # fmt: skip
        return
    algorithms = own_keys(settings).algorithms
    yield Check(name="keys", colour="green", found=f"{len(files)} key files, 0600, for {', '.join(algorithms)}")


def own_keys(settings: Settings) -> FileKeyring:
    """What we sign with; none when there is no file. Raises ConfigurationError that says which setting names them."""
    files = list(settings.keys) or sorted(settings.key_dir.glob("*.pem"))
    try:
        return FileKeyring(files, production=settings.environment == "production")
    except ConfigurationError as error:
        raise ConfigurationError(f"{'keys' if settings.keys else 'state_dir'}: {error.detail}") from None


def _certificates(settings: Settings) -> Iterator[Check]:
    now = datetime.now(UTC)
    files = [*sorted(settings.trust_dir.glob("*.pem")), *(settings.keys or sorted(settings.key_dir.glob("*.pem")))]
    ends = [(found.not_valid_after_utc, file) for file in files for found in read_pem(file)]
    late = sorted((end, file) for end, file in ends if end - now < _SOON)
    for end, file in late:
        over = end <= now
        yield Check(name="certificates", colour="red" if over else "yellow",
                    found=f"{file.name} {'ended' if over else 'ends'} {end:%Y-%m-%d}", do="renew it")  # fmt: skip
    if not late:
        yield Check(name="certificates", colour="green", found=f"{len(ends)} certificates, none ends within 30 days")


def _partners(settings: Settings) -> Iterator[Check]:
    production = settings.environment == "production"
    partners = load_partners(Tree((TREE, *settings.roots)), settings.trust_dir, production=production)
    silent = voiceless(partners)
    if silent:
        yield Check(name="partners", colour="yellow", found=f"without certificate: {', '.join(silent)}",
                    do="put the certificates that their records name into the trust folder")  # fmt: skip
    else:
        yield Check(name="partners", colour="green", found=f"{len(partners)} partners, all with a certificate")


def _adapters(settings: Settings) -> Iterator[Check]:
    """What the doors load when they start: one wrong row of one table keeps them shut."""
    trees = registry.load([Path(root) for root in settings.roots])
    found = f"{len(trees.adapters)} adapters, {len(trees.records)} documents, {len(trees.translations)} tables"
    yield Check(name="adapters", colour="green", found=found)


def _disk(settings: Settings) -> Iterator[Check]:
    place = next(
        path for path in (settings.state_dir.absolute(), *settings.state_dir.absolute().parents) if path.exists()
    )
    free = shutil.disk_usage(place).free
    colour: Colour = "red" if free < _TOO_LITTLE_SPACE else "yellow" if free < _LITTLE_SPACE else "green"
    yield Check(name="disk", colour=colour, found=f"{free / 1e9:.1f} GB free at {place}",
                do="" if colour == "green" else "make room")  # fmt: skip


def _production(settings: Settings) -> Iterator[Check]:
    """Only of an installation that says it is one; demo trust there is red already, as keys and partners."""
    missing = list(lacks(settings))
    for found, do in missing:
        yield Check(name="production", colour="yellow", found=found, do=do)
    if settings.environment == "production" and not missing:
        yield Check(name="production", colour="green", found="TLS in front, own database, clocks and alerts")


def _database(settings: Settings) -> Iterator[Check]:
    dsn = settings.database_url or _embedded(settings)
    if not dsn:
        yield Check(name="database", colour="yellow", found="the embedded server does not run; `serve` starts it")
        return
    with Store(dsn, largest=1, patience=5.0) as store:
        yield Check(name="database", colour="green", found=str(store.fetch("show server_version")[0]["server_version"]))
        yield from _durable(store)
        yield from _pooler(store)
        yield from _tables(store)


def _durable(store: Store) -> Iterator[Check]:
    """Red is what `serve` refuses."""
    found = store.run(weaknesses)
    bare = found.pop(CHECKSUMS, None)
    if found:
        named = ", ".join(f"{name}={setting}" for name, setting in sorted(found.items()))
        yield Check(name="durability", colour="red", found=f"the database could lose kept messages: {named}",
                    do="turn them on; `serve` refuses this database")  # fmt: skip
    if bare is not None:
        yield Check(name="durability", colour="yellow", found="pages that the database's disk changed are not noticed",
                    do=ADVICE)  # fmt: skip
    if not found and bare is None:
        yield Check(name="durability", colour="green", found="what is confirmed survives a power cut")


def _others(settings: Settings) -> Iterator[Check]:
    """The clocks that the settings name, all asked at once, judged as a running gateway judges them."""
    servers = settings.watch.ntp_servers
    if not servers:
        return
    limit = timedelta(seconds=settings.watch.clock_limit_seconds)
    with ThreadPoolExecutor(len(servers)) as asking:
        found = dict(zip(servers, asking.map(_ahead, servers), strict=True))
    for server, said in found.items():
        if isinstance(said, str):
            yield Check(name="NTP", colour="yellow", found=f"{server} does not answer: {said}",
                        do="look whether UDP port 123 is open that way, and whether it is one")  # fmt: skip
    known = sorted(said for said in found.values() if isinstance(said, timedelta))
    if not known:
        return
    median = known[len(known) // 2]
    far: Colour = "red" if abs(median) > limit else "yellow" if abs(median) > _DRIFT else "green"
    ahead = f"{median.total_seconds():+.1f} s against {len(known)} of {len(found)}"
    yield Check(name="NTP", colour=far, found=ahead,
                do="" if far == "green" else "set the clock by NTP; far off, nothing is signed")  # fmt: skip


def _ahead(server: str) -> timedelta | str:
    """How far our clock is ahead of an NTP server, or why it does not say."""
    try:
        return ntp_clock(server, now=lambda: datetime.now(UTC))()
    except OSError as error:
        return error.strerror or str(error)


def _pooler(store: Store) -> Iterator[Check]:
    if store.pooling == "session":
        yield Check(name="pooler", colour="green", found="a pooler in session mode")
    if store.pooling == "transaction":
        yield Check(name="pooler", colour="yellow", found="a pooler in transaction mode: workers refuse to run here",
                    do="keep it for `serve --no-worker`; give workers and `gateway db` session mode")  # fmt: skip


def _embedded(settings: Settings) -> str:
    server = Postgres(settings.state_dir / "database", bin_dir=settings.database.programs)
    return server.dsn if server.status().running else ""


def _tables(store: Store) -> Iterator[Check]:
    if not store.fetch("select to_regclass('revision') is not null as there")[0]["there"]:
        yield Check(name="migrations", colour="yellow", found="no tables yet; the first start makes them")
        return
    stands = store.run(standing)
    colour: Colour = "yellow" if stands.pending else "green"
    yield Check(name="migrations", colour=colour, found=f"revision {stands.revision}, this program {stands.program}",
                do="`gateway db upgrade`" if stands.pending else "")  # fmt: skip
    drift = abs(datetime.now(UTC) - store.fetch("select clock_timestamp() as now")[0]["now"])
    slow: Colour = "red" if drift > _BAD_DRIFT else "yellow" if drift > _DRIFT else "green"
    yield Check(name="clock", colour=slow, found=f"{drift.total_seconds():.1f} s off the database's clock",
                do="" if slow == "green" else "set the clocks by NTP")  # fmt: skip
    row = store.fetch("select count(*) as n, min(received_at) as oldest from delivery where state = 'queued'")[0]
    age = datetime.now(UTC) - row["oldest"] if row["oldest"] else timedelta(0)
    yield Check(name="queue", colour="yellow" if age > _OLD else "green",
                found=f"{row['n']} queued" + (f", the oldest for {age}" if row["n"] else ""),
                do="look at the lanes in the console" if age > _OLD else "")  # fmt: skip
