"""`gateway db` as operators meet it first: relative folders, folders not there, and a database without tables."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gateway.cli.program import run, show_any
from gateway.shell.backup import back_up
from gateway.shell.ledger import PostgresLedger
from gateway.shell.postgres import Postgres
from gateway.shell.store import Store
from tests.builders import NOW, CountedIds, FrozenClock, some_corridors
from tests.database import dsn, server, store
from tests.store.steps import ask

__all__ = ["dsn", "server", "store"]


def told(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command line."""
    code = run([str(word) for word in words])
    caught = capsys.readouterr()
    return code, caught.out, caught.err


@pytest.fixture(autouse=True)
def here(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands run in a directory with settings that name a database."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gateway.toml").write_text(f"database_url = {json.dumps(dsn)}\n", "utf-8")
    return tmp_path


@pytest.fixture
def empty(dsn: str, server: Postgres, monkeypatch: pytest.MonkeyPatch) -> str:
    """The database is there and has no table."""
    name = f"{conninfo_to_dict(dsn)['dbname']}_bare"
    with psycopg.connect(make_conninfo(server.dsn, dbname="postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name} template template0")
    monkeypatch.setenv("GATEWAY_DATABASE_URL", make_conninfo(server.dsn, dbname=name))
    return name


def test_a_backup_comes_back_below_a_relative_state_directory(
    store: Store, server: Postgres, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As people write it who follow the pages: `state_dir = "state"`."""
    ask(PostgresLedger(store, some_corridors(), clock=FrozenClock(), ids=CountedIds()), 1)
    back_up(store.dsn, here / "a.dump", server.programs, NOW)
    (here / "gateway.toml").write_text('state_dir = "state"\n', "utf-8")
    code, out, err = told(capsys, "db", "restore", "a.dump")
    assert (code, err) == (0, "")
    assert "1 links in 32 chains hold" in out


def test_relative_programs_are_those_of_this_folder(
    store: Store, server: Postgres, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    back_up(store.dsn, here / "a.dump", server.programs, NOW)
    programs = os.path.relpath(server.programs, here)
    (here / "gateway.toml").write_text(f'state_dir = "state"\n[database]\nprograms = "{programs}"\n', "utf-8")
    assert told(capsys, "db", "restore", "a.dump")[0] == 0


@pytest.mark.parametrize("command", [["status"], ["backup", "a.dump"], ["verify"]])
def test_a_database_without_tables_is_said(
    command: list[str], empty: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is wrong with it: it was not used yet. And nothing half-made is left."""
    code, _, err = told(capsys, "db", *command)
    assert code == 1
    assert "the database has no tables yet" in err
    assert "`gateway db upgrade`" in err
    assert "internal" not in err
    assert [file.name for file in here.iterdir() if "dump" in file.name] == []


def test_a_folder_that_is_not_there_becomes_no_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its name without an ending could be either: the command asks."""
    code, _, err = told(capsys, "db", "backup", "backups")
    assert code == 2
    assert err == "error: there is no folder backups; say backups/ to have it made, or name a file: backups.dump\n"
    assert not (here / "backups").exists()


def test_a_trailing_slash_makes_the_folder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = told(capsys, "db", "backup", "kept/backups/")
    assert (code, err) == (0, "")
    assert sorted(file.suffix for file in (here / "kept" / "backups").iterdir()) == [".dump", ".json"]
    assert (here / "kept" / "backups").stat().st_mode & 0o077 == 0


def test_a_named_file_is_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "db", "backup", "a.dump")[0] == 0
    assert (here / "a.dump").is_file()
    assert told(capsys, "db", "backup", "a.dump")[2] == "error: a.dump exists already\n"
    assert told(capsys, "db", "backup", "no/a.dump")[2] == "error: there is no folder no\n"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (OSError(errno.ENOSPC, "No space left on device", "/srv/a.dump"), "/srv/a.dump: the disk is full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk is full"),
        (psycopg.errors.DiskFull("could not extend file"), "the disk of the database is full"),
        (psycopg.OperationalError("refused"), "the database is out of reach, or gave up: refused"),
    ],
)  # fmt: skip
def test_a_full_disk_is_no_error_of_the_program(
    error: Exception, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever command met it."""
    assert show_any(error) == 1
    said = capsys.readouterr().err
    assert words in said
    assert "internal" not in said


def test_a_dump_for_which_there_is_no_room_leaves_nothing(
    dsn: str, server: Postgres, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What pg_dump had written goes, so that the disk is as full as before and no fuller."""
    import gateway.shell.backup as module

    def full(file: Path) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "hash_file", full)
    with pytest.raises(OSError, match="No space"):
        back_up(dsn, here / "a.dump", server.programs, NOW)
    assert [file.name for file in here.iterdir() if "dump" in file.name] == []
