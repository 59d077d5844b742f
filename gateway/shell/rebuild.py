"""The embedded server's data made anew beside the old, looked through, and only then put in its place."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.errors import ConfigurationError
from gateway.shell.backup import Manifest, Restored, back_up, load, manifest_of, read_manifest
from gateway.shell.binaries import program_version, programs_for
from gateway.shell.cluster import REBUILD, major_of, swap_in
from gateway.shell.postgres import Postgres


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """A new data directory serves. `kept`: where the old one is, None when there was none."""

    restored: Restored
    kept: Path | None
    version: str


def restore_embedded(
    state: Path, file: Path, now: datetime, *, programs: Path | None = None, replace: bool = False
) -> Rebuilt:
    """The backup serves in an empty state directory; with `replace` in any, and what was there is kept beside.

    Raises ConfigurationError for a running server, data without `replace`, or a backup that does not hold.
    """
    manifest = read_manifest(file)
    with Postgres(state).at_rest():
        if major_of(state / "data") and not replace:
            raise ConfigurationError(f"{state / 'data'} is not empty: --replace puts it aside and takes the backup")
        return _rebuild(state, file, manifest, now, programs_for(state / "programs", "", programs))


def upgrade_embedded(
    state: Path, now: datetime, *, programs: Path | None = None, old_programs: Path | None = None
) -> Rebuilt | None:
    """The data are of the programs' major version, brought over by dump and restore; None when they were already.

    The old data are kept beside. Raises ConfigurationError when the programs that made them are not to be found, the
    server runs, or what came over is not all.
    """
    new, old = programs_for(state / "programs", "", programs), major_of(state / "data")
    if old in {"", program_version(new).split(".")[0]}:
        return None
    if int(old) > int(program_version(new).split(".")[0]):
        raise ConfigurationError(f"the data are of PostgreSQL {old}, newer than the programs ({program_version(new)})")
    found = programs_for(state / "programs", old, old_programs)
    with Postgres(state).at_rest():
        pass
    file = state / "upgrade.dump"
    with Postgres(state, bin_dir=found) as server:
        manifest = back_up(server.dsn, file, new, now)
    try:
        with Postgres(state).at_rest():
            return _rebuild(state, file, manifest, now, new)
    finally:
        file.unlink()
        manifest_of(file).unlink()


def _rebuild(state: Path, file: Path, manifest: Manifest, now: datetime, programs: Path) -> Rebuilt:
    side = state / REBUILD
    shutil.rmtree(side, ignore_errors=True)
    side.mkdir(mode=0o700)
    if (state / "password").exists():
        shutil.copy2(state / "password", side / "password")
    with Postgres(side, bin_dir=programs) as server:
        restored = load(server.dsn, file, manifest, programs)
    if not restored.whole:
        raise ConfigurationError(f"the backup does not hold, nothing was changed: {why(restored)}")
    if not (state / "password").exists():
        shutil.copy2(side / "password", state / "password")
    there = (state / "data").exists()
    kept = swap_in(state, now)
    return Rebuilt(restored=restored, kept=kept if there else None, version=program_version(programs))


def why(restored: Restored) -> str:
    """What differs, in words."""
    broken = restored.report.broken
    return "; ".join([*restored.differences, *([broken.why] if broken else [])])
