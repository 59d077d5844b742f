"""A backup is of one moment and comes back whole; data of an older PostgreSQL come over with their evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gateway.cli.program import run
from gateway.errors import ConfigurationError
from gateway.shell.backup import back_up, load, manifest_of, read_manifest, tools
from gateway.shell.binaries import programs_for
from gateway.shell.cluster import REBUILD, finish_rebuild, major_of, swap_in
from gateway.shell.evidence import verify_chains
from gateway.shell.ledger import PostgresLedger
from gateway.shell.postgres import Postgres
from gateway.shell.rebuild import restore_embedded, upgrade_embedded
from gateway.shell.revisions import apply_schema
from gateway.shell.store import Store
from tests.builders import NOW, CountedIds, FrozenClock, some_corridors
from tests.database import debian_programs
from tests.store.steps import ask, count


@pytest.fixture
def empty(server: Postgres, dsn: str) -> str:
    """A database without any table."""
    name = f"{conninfo_to_dict(dsn)['dbname']}_empty"
    with psycopg.connect(make_conninfo(server.dsn, dbname="postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name} template template0")
    return make_conninfo(server.dsn, dbname=name)


@pytest.fixture
def dump(ledger: PostgresLedger, dsn: str, server: Postgres, tmp_path: Path) -> Path:
    """A backup of three messages."""
    for number in (1, 2, 3):
        ask(ledger, number)
    back_up(dsn, tmp_path / "a.dump", server.programs, NOW)
    return tmp_path / "a.dump"


def test_a_backup_under_traffic_is_of_one_moment(
    ledger: PostgresLedger, dsn: str, empty: str, server: Postgres, tmp_path: Path
) -> None:
    """Counts, chain heads and rows belong together, whatever comes meanwhile."""
    ends, file = Event(), tmp_path / "now.dump"

    def come() -> int:
        number = 0
        while not ends.is_set():
            number += 1
            ask(ledger, number)
        return number

    with ThreadPoolExecutor(1) as threads:
        coming = threads.submit(come)
        try:
            manifest = back_up(dsn, file, server.programs, NOW)
        finally:
            ends.set()
        assert coming.result(30) > manifest.counts["message"]
    restored = load(empty, file, read_manifest(file), server.programs)
    assert (restored.whole, restored.report.root) == (True, manifest.root)
    assert restored.report.links == manifest.counts["evidence"] == manifest.counts["message"]
    assert file.stat().st_mode & 0o077 == 0


def test_only_an_empty_database_takes_a_backup(dump: Path, dsn: str, server: Postgres) -> None:
    """What is there is never mixed with what was."""
    with pytest.raises(ConfigurationError, match="not empty"):
        load(dsn, dump, read_manifest(dump), server.programs)


def test_a_file_that_is_not_its_manifests_is_refused(dump: Path) -> None:
    """One byte more, or no manifest."""
    with dump.open("ab") as stream:
        stream.write(b" ")
    with pytest.raises(ConfigurationError, match="sha256 differs"):
        read_manifest(dump)
    manifest_of(dump).unlink()
    with pytest.raises(ConfigurationError, match="is not there"):
        read_manifest(dump)


def test_what_is_missing_after_a_restore_is_said(dump: Path, empty: str, server: Postgres) -> None:
    """A manifest of more than the dump holds: the difference is named."""
    told = json.loads(manifest_of(dump).read_text())
    told["counts"]["message"] += 1
    manifest_of(dump).write_text(json.dumps(told))
    restored = load(empty, dump, read_manifest(dump), server.programs)
    assert not restored.whole
    assert restored.differences == ("message: 3 rows, 4 in the backup",)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dsn: str) -> pytest.MonkeyPatch:
    """The environment of a command on this test's database."""
    monkeypatch.setenv("GATEWAY_DATABASE_URL", dsn)
    monkeypatch.setenv("GATEWAY_STATE_DIR", str(tmp_path / "state"))
    return monkeypatch


def test_the_commands_back_up_and_restore(
    ledger: PostgresLedger,
    empty: str,
    tmp_path: Path,
    settings: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`gateway db backup DIR`, `gateway db restore FILE`, and a refusal that changes nothing."""
    ask(ledger, 1)
    assert run(["db", "backup", str(tmp_path), "--json"]) == 0
    file = json.loads(capsys.readouterr().out)["file"]
    assert run(["db", "restore", file]) == 1
    assert "is not empty" in capsys.readouterr().err
    settings.setenv("GATEWAY_DATABASE_URL", empty)
    assert run(["db", "restore", file]) == 0
    assert "1 links in 32 chains hold" in capsys.readouterr().out
    assert run(["db", "upgrade", "--json"]) == 0
    assert run(["db", "status"]) == 0


def test_the_embedded_server_takes_a_backup_into_an_empty_place_only(dump: Path, tmp_path: Path) -> None:
    """Refused with data in it; told to replace, the data before are kept."""
    place = tmp_path / "database"
    first = restore_embedded(place, dump, NOW)
    assert (first.kept, first.restored.report.links) == (None, 3)
    with pytest.raises(ConfigurationError, match="--replace"):
        restore_embedded(place, dump, NOW)
    second = restore_embedded(place, dump, NOW, replace=True)
    assert second.kept is not None
    assert major_of(second.kept) == major_of(place / "data")
    with Postgres(place) as server:
        with Store(server.dsn) as store:
            assert (count(store, "message"), verify_chains(store).broken) == (3, None)
        with pytest.raises(ConfigurationError, match="stop what started it"):
            restore_embedded(place, dump, NOW, replace=True)


def test_a_swap_that_was_broken_off_is_finished_at_the_next_start(tmp_path: Path) -> None:
    """Between putting the old away and the new in its place; before that, the old stays."""
    (tmp_path / "data").mkdir()
    (tmp_path / REBUILD / "data").mkdir(parents=True)
    (tmp_path / REBUILD / "data" / "new").touch()
    finish_rebuild(tmp_path)
    assert not (tmp_path / "data" / "new").exists()
    assert not (tmp_path / REBUILD).exists()
    (tmp_path / REBUILD / "data").mkdir(parents=True)
    (tmp_path / REBUILD / "data" / "new").touch()
    (tmp_path / REBUILD / "whole").touch()
    (tmp_path / "data").rename(tmp_path / "data.before-x")
    finish_rebuild(tmp_path)
    assert (tmp_path / "data" / "new").exists()
    (tmp_path / REBUILD / "data").mkdir(parents=True)
    assert swap_in(tmp_path, NOW).joinpath("new").exists()


@pytest.fixture
def old() -> Iterator[Path]:
    """Programs of an older major version than the wheel's."""
    found = debian_programs()
    if found is None:
        pytest.skip("no PostgreSQL server is installed here: apt-get install postgresql")
    yield found


def test_data_of_an_older_server_come_over(old: Path, tmp_path: Path) -> None:
    """Any directory of programs serves; the wheel refuses its data until they are brought over, and nothing is lost."""
    with Postgres(tmp_path, bin_dir=old) as server:
        apply_schema(server.dsn, NOW)
        with Store(server.dsn) as store:
            ledger = PostgresLedger(store, some_corridors(), clock=FrozenClock(), ids=CountedIds())
            for number in (1, 2, 3):
                ask(ledger, number)
            root = verify_chains(store).root
    before = major_of(tmp_path / "data")
    with pytest.raises(ConfigurationError, match=f"the data are of PostgreSQL {before}"):
        Postgres(tmp_path).start()
    done = upgrade_embedded(tmp_path, NOW, old_programs=old)
    assert done is not None
    assert done.kept is not None
    assert (major_of(done.kept), done.restored.report.root) == (before, root)
    assert upgrade_embedded(tmp_path, NOW) is None
    with Postgres(tmp_path) as server, Store(server.dsn) as store:
        assert (count(store, "message"), verify_chains(store).root) == (3, root)


def test_an_upgrade_of_the_wheel_keeps_the_programs_that_fit(tmp_path: Path) -> None:
    """Copies of earlier wheels serve their data; without one the words say what to do."""
    kept = programs_for(tmp_path, "")
    home = next(tmp_path.iterdir())
    home.rename(tmp_path / "postgresql-17.4")
    assert programs_for(tmp_path, "17") == tmp_path / "postgresql-17.4" / kept.relative_to(home)
    with pytest.raises(ConfigurationError, match="gateway db upgrade"):
        programs_for(tmp_path, "16")
    with pytest.raises(ConfigurationError, match="no postgres in"):
        programs_for(tmp_path, "", tmp_path)


def test_programs_that_are_too_old_for_a_server_are_passed_over(dsn: str, old: Path, tmp_path: Path) -> None:
    """A dump is only ever made by programs at least as new as the server."""
    assert tools(dsn, old, tmp_path) != old
