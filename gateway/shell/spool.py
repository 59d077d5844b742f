"""Where long bodies wait on disk: files without a name, so that a process that dies leaves nothing behind."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from typing import BinaryIO, Final, cast
from weakref import finalize

from gateway.errors import Busy
from gateway.model import Large

_BUFFER: Final = 65_536


class Spool:
    """Long bodies of one process, below `folder` (made 0700). `room`: octets all of them may have together.

    `share`: octets that those of one owner may have; 0 = all. `least_free`: octets that must stay free on the disk.
    What is promised to a body counts as taken until it is here.
    """

    def __init__(self, folder: Path, *, room: int, least_free: int, share: int = 0) -> None:
        self._folder = folder
        self._room = room
        self._share = share or room
        self._owned: dict[str, int] = {}
        self._least_free = least_free
        self._taken = 0
        self._owed = 0
        self._lock = Lock()

    def begin(self, size: int, *, keep: bool = True, also: tuple[str, ...] = (), owner: str = "") -> Sheet:
        """A place for `size` octets; 0 = nobody knows how many. Raises Busy when there is no room, or no share of it.

        Without `keep` they are only counted and hashed. `also` are digests beside SHA-256. Nobody is an `owner` without
        a share of his own: what we write ourselves.
        """
        if keep:
            self._take(size, owner)
        try:
            return Sheet(self, size if keep else 0, self._file() if keep else None, also, owner)
        except OSError as error:
            self.give(size, size, owner)
            raise Busy(f"the spool cannot be written: {error}") from None

    @property
    def taken(self) -> int:
        """Octets that are here or promised."""
        return self._taken

    def give(self, size: int, owed: int, owner: str = "") -> None:
        """So many octets are free again, of which `owed` had not come."""
        with self._lock:
            self._taken -= size
            self._owed -= owed
            if owner and size:
                left = self._owned.pop(owner) - size
                self._owned |= {owner: left} if left else {}

    def came(self, count: int) -> None:
        """So many of the promised octets are on the disk now."""
        with self._lock:
            self._owed -= count

    def more(self, count: int) -> None:
        """A body of unknown length grows. Raises Busy when there is no room."""
        self._take(count)
        self.came(count)

    def _take(self, size: int, owner: str = "") -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            free = shutil.disk_usage(self._folder).free
        except OSError as error:
            raise Busy(f"the spool cannot be used: {error}") from None
        with self._lock:
            if self._taken + size > self._room:
                raise Busy("the room for long messages is full")
            if owner and self._owned.get(owner, 0) + size > self._share:
                raise Busy("the sender's share of the room for long messages is full")
            if free - self._owed - size < self._least_free:
                raise Busy("the disk has no room for a message of this length")
            self._taken += size
            self._owed += size
            if owner:
                self._owned[owner] = self._owned.get(owner, 0) + size

    def _file(self) -> BinaryIO:
        return cast(BinaryIO, TemporaryFile(dir=self._folder, buffering=0))


class Sheet:
    """`gateway.ports.Sheet`: written once, hashed meanwhile, then read as often as wanted.

    The file is gone as soon as nobody has the sheet, its `Large` or a reader of it any more.
    """

    def __init__(
        self, spool: Spool, promised: int, file: BinaryIO | None, also: tuple[str, ...], owner: str = ""
    ) -> None:
        self._spool = spool
        self._file = file
        self._hashes = {name: hashlib.new(name) for name in {"sha256": 0, **dict.fromkeys(also)}}
        self._promised = promised
        self._counts = _Counts(taken=promised, owed=promised, owner=owner)
        self.size = 0
        self.drop = finalize(self, _forget, spool, file, self._counts)
        """Gone now; done by itself when nobody has it any more."""

    def write(self, octets: bytes | bytearray) -> int:
        """More of it. Raises Busy when the disk is full or the spool is."""
        count = len(octets)
        for one in self._hashes.values():
            one.update(octets)
        self.size += count
        if self._file is None:
            return count
        if not self._promised:
            self._spool.more(count)
            self._counts.taken += count
        try:
            view = memoryview(octets)
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise Busy(f"the spool cannot be written: {error}") from None
        if self._promised:
            self._counts.came(self._spool, count)
        return count

    @property
    def sink(self) -> BinaryIO:
        """The sheet as a file to write to, collected to pieces worth hashing."""
        return cast(BinaryIO, io.BufferedWriter(_Sink(self), 1_000_000))

    def done(self) -> Large:
        """What came."""
        digests = {name: one.hexdigest() for name, one in self._hashes.items()}
        return Large(size=self.size, digests=digests, source=self.read)

    def read(self) -> BinaryIO:
        """From its first octet; every reader has its own place. Raises Busy for what was only counted."""
        if self._file is None:
            raise Busy("this body was not kept")
        return cast(BinaryIO, io.BufferedReader(_Reader(self, self._file), _BUFFER))


class _Counts:
    """What a sheet has of the spool's room; outlives it."""

    def __init__(self, taken: int, owed: int, owner: str) -> None:
        self.taken = taken
        self.owed = owed
        self.owner = owner
        self._lock = Lock()
        self._gone = False

    def came(self, spool: Spool, count: int) -> None:
        """So much of what was promised is here; nothing of a sheet that was dropped while it was written."""
        with self._lock:
            if not self._gone:
                spool.came(count)
                self.owed -= count

    def give_back(self, spool: Spool) -> None:
        """All of it is free again."""
        with self._lock:
            self._gone = True
            spool.give(self.taken, self.owed, self.owner)


def _forget(spool: Spool, file: BinaryIO | None, counts: _Counts) -> None:
    if file is not None:
        file.close()
        counts.give_back(spool)


class _Sink(io.RawIOBase):
    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet

    def writable(self) -> bool:
        return True

    def write(self, octets: object) -> int:
        return self._sheet.write(bytes(cast(bytes, octets)))


class _Reader(io.RawIOBase):
    """Holds its sheet, so that the file stays as long as it is read."""

    def __init__(self, sheet: Sheet, file: BinaryIO) -> None:
        self._sheet = sheet
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._sheet.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: object) -> int:
        count = os.preadv(self._file.fileno(), [cast(bytearray, buffer)], self._at)
        self._at += count
        return count
