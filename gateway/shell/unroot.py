"""Run one program without the powers of root, then become it. Started as a script of its own, never imported.

PostgreSQL refuses to run as root. `space` makes a user namespace in which root's files belong to an ordinary user:
nothing changes owner and nothing becomes readable for others. `account` becomes an existing unprivileged account.

Usage: unroot.py space PROGRAM ARGUMENT... | unroot.py account UID:GID PROGRAM ARGUMENT...
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
INSIDE = 65534
"""The uid and gid the program sees for itself: `nobody` on every Linux."""


def enter_space() -> None:
    """Map root to an ordinary user in a new user namespace; OSError where the system forbids it."""
    uid, gid = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{INSIDE} {uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{INSIDE} {gid} 1", encoding="ascii")


def become(uid: int, gid: int) -> None:
    """Give up root for good."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def main(argv: list[str]) -> None:
    """Replace this process with the program."""
    if argv[0] == "space":
        enter_space()
        program = argv[1:]
    else:
        uid, gid = argv[1].split(":")
        become(int(uid), int(gid))
        program = argv[2:]
    os.umask(0o077)
    os.execv(program[0], program)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
