"""A backup is one file of `pg_dump` and a manifest that says what is in it, both of one moment while traffic runs.

Not a copy of the server's files: a dump goes into any later PostgreSQL, ours or another's, and the evidence is made
over texts that every version writes alike.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, LiteralString

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from gateway import __version__
from gateway.errors import ConfigurationError
from gateway.shell.binaries import copy_wheel, program_version
from gateway.shell.evidence import ChainReport, verify_chains
from gateway.shell.pooling import pooling_of, require_session
from gateway.shell.store import Store

Connection = psycopg.Connection[TupleRow]
TABLES: Final[LiteralString] = """
select relname from pg_class
where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition order by relname
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds. `chains` = (chain, links, head in hex); `root` stands for all heads."""

    file: str
    made_at: str
    bytes: int
    sha256: str
    server: str
    program: str
    gateway: str
    revision: int
    counts: dict[str, int]
    chains: list[tuple[int, int, str]]
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restored database holds against its manifest: `differences` empty and `report.broken` None = all of it."""

    manifest: Manifest
    report: ChainReport
    differences: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Nothing is missing and the evidence holds."""
        return not self.differences and self.report.broken is None


def back_up(dsn: str, file: Path, programs: Path, now: datetime) -> Manifest:
    """`file` and its manifest stand, synced, readable for us alone. Raises ConfigurationError when pg_dump cannot."""
    part, note = file.with_name(f".{file.name}.part"), manifest_of(file)
    try:
        manifest = _dump(dsn, file, part, programs, now)
        note.write_text(json.dumps(asdict(manifest), indent=2) + "\n", "utf-8")
        part.rename(file)
    except BaseException:
        part.unlink(missing_ok=True)
        note.unlink(missing_ok=True)
        raise
    _sync(note)
    return manifest


def _dump(dsn: str, file: Path, part: Path, programs: Path, now: datetime) -> Manifest:
    """`part` holds the dump, synced, and the manifest says what is in it."""
    with psycopg.connect(dsn) as connection:
        connection.execute("set transaction isolation level repeatable read read only")
        connection.execute("set local idle_in_transaction_session_timeout = 0")  # it rests while the dump is made
        seen = _seen(connection)
        words = [f"--snapshot={seen.pop('snapshot')}", "--format=custom", "--no-comments", f"--file={part}"]
        part.touch(mode=0o600)
        run_tool(programs / "pg_dump", dsn, *words)
    _sync(part)
    return Manifest(
        file=file.name, made_at=now.isoformat(), bytes=part.stat().st_size, sha256=hash_file(part),
        program=program_version(programs, "pg_dump"), gateway=__version__, **seen,
    )  # fmt: skip


def read_manifest(file: Path) -> Manifest:
    """The manifest of a backup whose bytes are those it names. Raises ConfigurationError."""
    try:
        told = json.loads(manifest_of(file).read_text("utf-8"))
        found = Manifest(**{**told, "chains": [tuple(one) for one in told["chains"]]})
    except FileNotFoundError:
        raise ConfigurationError(f"{manifest_of(file)} is not there: a backup is the dump and its manifest") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigurationError(f"{manifest_of(file)} cannot be read: {error}") from None
    if not file.is_file() or hash_file(file) != found.sha256:
        raise ConfigurationError(f"{file} is not the file its manifest speaks of: sha256 differs")
    return found


def manifest_of(file: Path) -> Path:
    """Where the manifest of a backup is: beside it."""
    return file.with_name(file.name + ".manifest.json")


def load(dsn: str, file: Path, manifest: Manifest, programs: Path) -> Restored:
    """The backup is in the database, which was empty, or nothing is; then everything is counted and recomputed.

    Raises ConfigurationError for a database that holds anything, or a server older than the one of the backup.
    """
    with psycopg.connect(dsn) as connection:
        tables = [row[0] for row in connection.execute(TABLES)]
        if tables:
            raise ConfigurationError(f"the database is not empty ({len(tables)} tables): give an empty one")
        major = connection.info.server_version // 10000
    if major < int(manifest.server.split(".")[0]):
        raise ConfigurationError(f"the backup is of PostgreSQL {manifest.server}, this server is {major}")
    words = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", str(file)]
    run_tool(programs / "pg_restore", dsn, *words)
    return compare(dsn, manifest)


def compare(dsn: str, manifest: Manifest) -> Restored:
    """How a database stands against a manifest, the evidence recomputed."""
    with psycopg.connect(dsn) as connection:
        connection.execute("set transaction isolation level repeatable read read only")
        seen = _seen(connection)
    differences = [
        f"{name}: {seen['counts'].get(name, 0)} rows, {count} in the backup"
        for name, count in manifest.counts.items()
        if seen["counts"].get(name, 0) != count
    ]
    if seen["chains"] != manifest.chains:
        differences.append("the heads of the evidence chains are others")
    with Store(dsn, largest=1) as store:
        return Restored(manifest=manifest, report=verify_chains(store), differences=tuple(differences))


def tools(dsn: str, given: Path | None, kept: Path) -> Path:
    """Where a `pg_dump` is that can read this server: those given, those on the path, or the wheel's own.

    Raises ConfigurationError when all of them are older than the server, or cannot work as it is reached: they set
    words of their session.
    """
    require_session(pooling_of(dsn), "pg_dump")
    with psycopg.connect(dsn) as connection:
        major = connection.info.server_version // 10000
    found = shutil.which("pg_dump")
    places = [place for place in (given, Path(found).parent if found else None) if place]
    for place in places:
        if int(program_version(place, "pg_dump").split(".")[0]) >= major:
            return place
    own = copy_wheel(kept)
    if int(program_version(own, "pg_dump").split(".")[0]) >= major:
        return own
    raise ConfigurationError(f"no pg_dump here is new enough for PostgreSQL {major}: apt-get install postgresql-client")


def run_tool(program: Path, dsn: str, *words: str) -> None:
    """A PostgreSQL program did its work on this database; a password never stands on its command line."""
    given: dict[str, Any] = conninfo_to_dict(dsn)
    secret = given.pop("password", None)
    environment = {**os.environ, "PGPASSWORD": str(secret)} if secret else None
    command = [str(program), f"--dbname={make_conninfo('', **given)}", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603
    if done.returncode != 0:
        raise ConfigurationError(f"{program.name} ended with {done.returncode}: {done.stderr[-1500:]}")


def hash_file(file: Path) -> str:
    """SHA-256 in hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _seen(connection: Connection) -> dict[str, Any]:
    """What is true in this transaction's snapshot, under the names of the manifest."""
    names = [row[0] for row in connection.execute(TABLES)]
    count = SQL("select count(*) from {}")
    chains = connection.execute("select id, seq, head from chain order by id").fetchall()
    return {
        "snapshot": _one(connection, "select pg_export_snapshot()"),
        "server": str(_one(connection, "show server_version")).split(" ")[0],
        "revision": _one(connection, "select max(number) from revision"),
        "counts": {name: _one(connection, count.format(Identifier(name))) for name in names},
        "chains": [(chain, links, bytes(head).hex()) for chain, links, head in chains],
        "root": hashlib.sha256(b"".join(bytes(head) for _, _, head in chains)).hexdigest(),
    }


def _one(connection: Connection, query: Any) -> Any:
    row = connection.execute(query).fetchone()
    return row[0] if row else None


def _sync(file: Path) -> None:
    for place in (file, file.parent):
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
