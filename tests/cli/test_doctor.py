"""`gateway doctor` sees what `serve` would refuse, and asks the clocks that the settings name."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from gateway.cli.program import run
from gateway.errors import ConfigurationError
from gateway.shell import checkup as module
from gateway.shell.durable import require_durable
from gateway.shell.watch.clock import ntp_clock
from tests.database import dsn, server, store

__all__ = ["dsn", "server", "store"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run in an empty directory."""
    monkeypatch.chdir(tmp_path)


def looked(capsys: pytest.CaptureFixture[str], name: str) -> list[tuple[str, str, str]]:
    """Colour, what was found and what to do, of all checks of this name."""
    capsys.readouterr()
    run(["doctor", "--json"])
    checks = json.loads(capsys.readouterr().out)["checks"]
    return [(one["colour"], one["found"], one["do"]) for one in checks if one["name"] == name]


def foreign(dsn: str, **settings: str) -> str:
    """The same database as one whose server is set up otherwise."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create schema foreign_server")
        connection.execute(
            "create table foreign_server.pg_settings as select name, setting from pg_catalog.pg_settings"
        )
        for name, setting in settings.items():
            connection.execute("update foreign_server.pg_settings set setting = %s where name = %s", [setting, name])
    return make_conninfo(dsn, options="-c search_path=foreign_server,pg_catalog,public")


ASKED = """
import sys, psycopg
from gateway.shell.durable import require_durable
with psycopg.connect(sys.argv[1]) as connection:
    require_durable(connection, own=len(sys.argv) > 2)
"""


def test_a_server_without_checksums_is_taken_and_told(
    dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Many installations have none; what to do about it is said. Our own has them, always."""
    bare = foreign(dsn, data_checksums="off")
    taken = subprocess.run([sys.executable, "-c", ASKED, bare], capture_output=True, text=True, check=True)
    assert "pg_checksums --enable" in taken.stdout
    own = subprocess.run([sys.executable, "-c", ASKED, bare, "own"], capture_output=True, text=True, check=False)
    assert "data_checksums=off" in own.stderr
    monkeypatch.setenv("GATEWAY_DATABASE_URL", bare)
    ((colour, _, do),) = looked(capsys, "durability")
    assert colour == "yellow"
    assert "pg_checksums --enable" in do


@pytest.mark.parametrize("name", ["fsync", "full_page_writes", "synchronous_commit"])
def test_what_serve_refuses_is_red(
    name: str, dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And refused with or without checksums."""
    forgets = foreign(dsn, **{name: "off", "data_checksums": "off"})
    with psycopg.connect(forgets) as connection, pytest.raises(ConfigurationError, match=f"{name}=off"):
        require_durable(connection)
    monkeypatch.setenv("GATEWAY_DATABASE_URL", forgets)
    assert [colour for colour, *_ in looked(capsys, "durability")] == ["red", "yellow"]


def test_a_safe_server_is_green(dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", dsn)
    assert [colour for colour, *_ in looked(capsys, "durability")] == ["green"]


@pytest.mark.parametrize("why", ["No such file or directory", "must hold a private key", "can be read by others"])
def test_a_key_that_cannot_be_used_is_named_with_its_setting(
    why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By doctor, and by serve in one line before anything starts."""
    file = tmp_path / "own.pem"
    if "such" not in why:
        file.write_text("nothing", "ascii")
        file.chmod(0o644 if "others" in why else 0o600)
    monkeypatch.setenv("GATEWAY_KEYS", json.dumps([str(file)]))
    ((colour, found, _),) = looked(capsys, "keys")
    assert (colour, found.startswith(f"keys: {file} "), why in found) == ("red", True, True)
    assert run(["serve"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"error configuration: keys: {file} ")
    assert len(said.err.splitlines()) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_key_that_is_not_ours_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "own.pem"
    file.touch(0o000)
    monkeypatch.setenv("GATEWAY_KEYS", json.dumps([str(file)]))
    assert looked(capsys, "keys")[0][1] == f"keys: {file} cannot be read: Permission denied"


@contextmanager
def ntp(off: float) -> Iterator[int]:
    """A clock that is `off` seconds ahead, at this UDP port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))

        def answer() -> None:
            asked, who = line.recvfrom(512)
            at = int((time.time() + off + 2_208_988_800) * 2**32)
            line.sendto(bytes([0x24, 1]) + bytes(22) + asked[40:48] + struct.pack("!QQ", at, at), who)

        thread = Thread(target=answer, daemon=True)
        thread.start()
        yield int(line.getsockname()[1])


@pytest.mark.parametrize(("off", "colour"), [(0.0, "green"), (-30.0, "yellow"), (3600.0, "red")])
def test_the_named_clocks_are_asked(
    off: float, colour: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A clock that a running gateway would not believe is red here."""
    with ntp(off) as port:
        monkeypatch.setattr(module, "ntp_clock", lambda server, *, now: ntp_clock(server, port=port, now=now))
        monkeypatch.setenv("GATEWAY_WATCH__NTP_SERVERS", '["127.0.0.1"]')
        ((seen, found, _),) = looked(capsys, "NTP")
    assert seen == colour
    assert found.endswith("s against 1 of 1")


def test_a_clock_that_does_not_answer_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATEWAY_WATCH__NTP_SERVERS", '["no-such-clock.invalid"]')
    ((colour, found, do),) = looked(capsys, "NTP")
    assert colour == "yellow"
    assert found.startswith("no-such-clock.invalid does not answer")
    assert "123" in do


def test_demo_trust_is_not_made_in_production(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """There it would be refused anyway, and its keys would look like ours."""
    monkeypatch.setenv("GATEWAY_ENVIRONMENT", "production")
    assert run(["certs", "dev"]) == 1
    assert 'environment = "production"' in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_who_makes_keys_hears_when_they_are_taken(capsys: pytest.CaptureFixture[str]) -> None:
    """Doctor is content at once; a gateway that runs is not."""
    assert run(["certs", "dev"]) == 0
    assert "started again" in capsys.readouterr().err
