"""The directory of an embedded server: how it is made, which version made it, and how another takes its place."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

from gateway.errors import ConfigurationError
from gateway.shell.binaries import Dress, hand_over, program_version

NAME = "gateway"
"""Of the database and of its owner."""
BUILTIN_LOCALE = 17
"""The version that brought it."""
REBUILD = "rebuild"
"""Below the state directory: where a cluster is made that will take the place of the one that serves."""


def major_of(data: Path) -> str:
    """The major version that made a data directory; empty when there is none."""
    try:
        return (data / "PG_VERSION").read_text("ascii").strip()
    except FileNotFoundError:
        return ""


def make_password(state: Path) -> Path:
    """The file with the owner's password, made at the first time."""
    secret = state / "password"
    if not secret.exists():
        fresh = secret.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(f"*:*:*:*:{secrets.token_hex(24)}\n", "ascii")
        fresh.rename(secret)
    return secret


def initialise(data: Path, programs: Path, clothes: Dress, secret: Path) -> None:
    """A new cluster stands under its final name only when it is whole."""
    fresh, words = data.with_suffix(".new"), data.with_name("initial")
    shutil.rmtree(fresh, ignore_errors=True)
    words.touch(mode=0o600)
    words.write_text(secret.read_text("ascii").strip().rsplit(":", 1)[1], "ascii")
    hand_over(data.parent, clothes)
    command = [*clothes.prefix, str(programs / "initdb"), "-D", str(fresh), "-U", NAME, "-E", "UTF8"]
    command += ["--auth=scram-sha-256", f"--pwfile={words}", "--data-checksums", "--no-instructions", "--locale=C"]
    if int(program_version(programs).split(".")[0]) >= BUILTIN_LOCALE:
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")  # noqa: S603
    words.unlink()
    if done.returncode != 0:
        raise ConfigurationError(f"the database could not be made: {done.stderr[-1500:]}")
    fresh.rename(data)


def swap_in(state: Path, now: datetime) -> Path:
    """The rebuilt cluster serves from the next start on; the old one is kept, and where is returned.

    Broken off anywhere, the next start finishes it or finds the old cluster untouched.
    """
    kept = state / f"data.before-{now:%Y%m%dT%H%M%SZ}"
    (state / REBUILD / "whole").touch()
    _sync(state / REBUILD)
    if (state / "data").exists():
        (state / "data").rename(kept)
    finish_rebuild(state)
    return kept


def finish_rebuild(state: Path) -> None:
    """A rebuilt cluster that was about to take over does so; anything else that was begun is cleared away."""
    rebuilt, data = state / REBUILD, state / "data"
    if not data.exists() and (rebuilt / "whole").exists():
        (rebuilt / "data").rename(data)
        _sync(state)
    shutil.rmtree(rebuilt, ignore_errors=True)


def _sync(directory: Path) -> None:
    place = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)
