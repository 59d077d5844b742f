"""A disk that keeps in memory what was not synced, and forgets it when it is killed: `disk.py BACKING MOUNT [--lies]`.

Names, sizes that shrink and removals are kept at once, as by a journal; bytes only by fsync, fdatasync or O_SYNC. With
`--lies` it answers a sync and keeps nothing: the worst there is.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from threading import RLock
from typing import Any

import mfusepy

BLOCK = 4096


class Unsynced:
    """The blocks of one file that are in memory only, and the size that the file has with them."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.blocks: dict[int, bytearray] = {}


class ForgetfulDisk(mfusepy.Operations):  # type: ignore[misc]
    """Passes everything on to a directory, but bytes that were not synced."""

    use_ns = True

    def __init__(self, root: Path, *, lies: bool) -> None:
        self._root = str(root)
        self._lies = lies
        self._files: dict[str, Unsynced] = {}
        self._synced: dict[int, bool] = {}
        self._lock = RLock()

    # --- bytes -------------------------------------------------------------------------------------------------------
    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        with self._lock:
            file = self._files.get(path)
            if file is None:
                return os.pread(fh, size, offset)
            size = max(0, min(size, file.size - offset))
            found = bytearray(os.pread(fh, size, offset).ljust(size, b"\0"))
            for number in range(offset // BLOCK, (offset + size - 1) // BLOCK + 1):
                block = file.blocks.get(number)
                if block is not None:
                    start = number * BLOCK
                    low, high = max(start, offset), min(start + BLOCK, offset + size)
                    found[low - offset : high - offset] = block[low - start : high - start]
            return bytes(found)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        with self._lock:
            file = self._files.setdefault(path, Unsynced(os.fstat(fh).st_size))
            at = offset
            while at < offset + len(data):
                number = at // BLOCK
                start = number * BLOCK
                high = min(start + BLOCK, offset + len(data))
                if number not in file.blocks:
                    file.blocks[number] = bytearray(os.pread(fh, BLOCK, start).ljust(BLOCK, b"\0"))
                file.blocks[number][at - start : high - start] = data[at - offset : high - offset]
                at = high
            file.size = max(file.size, offset + len(data))
            if self._synced.get(fh):
                self._keep(path, fh)
            return len(data)

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        with self._lock:
            self._keep(path, fh)
        return 0

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        with self._lock:
            os.truncate(self._real(path), length)
            file = self._files.get(path)
            if file is not None:
                file.size = length
                file.blocks = {number: block for number, block in file.blocks.items() if number * BLOCK < length}
                if length % BLOCK and length // BLOCK in file.blocks:
                    file.blocks[length // BLOCK][length % BLOCK :] = bytes(BLOCK - length % BLOCK)
        return 0

    def _keep(self, path: str, fh: int) -> None:
        if self._lies:
            return
        file = self._files.pop(path, None)
        if file is None:
            return
        writer = os.open(self._real(path), os.O_WRONLY)
        try:
            for number, block in sorted(file.blocks.items()):
                start = number * BLOCK
                os.pwrite(writer, block[: max(0, file.size - start)], start)
        finally:
            os.close(writer)

    # --- names -------------------------------------------------------------------------------------------------------
    def open(self, path: str, flags: int) -> int:
        opened = os.open(self._real(path), (flags & ~(os.O_ACCMODE | os.O_APPEND)) | os.O_RDWR)
        self._synced[opened] = bool(flags & (os.O_SYNC | os.O_DSYNC))
        if flags & os.O_TRUNC:
            self._files.pop(path, None)
        return opened

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        self._files.pop(path, None)
        return os.open(self._real(path), os.O_RDWR | os.O_CREAT | os.O_TRUNC, mode)

    def release(self, path: str, fh: int) -> int:
        self._synced.pop(fh, None)
        os.close(fh)
        return 0

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        try:
            found = os.lstat(self._real(path))
        except OSError as error:
            raise mfusepy.FuseOSError(error.errno) from None
        names = ("st_mode", "st_nlink", "st_size", "st_uid", "st_gid", "st_atime_ns", "st_mtime_ns", "st_ctime_ns")
        told = {name.removesuffix("_ns"): getattr(found, name) for name in names}
        file = self._files.get(path)
        return told | ({"st_size": file.size} if file else {})

    def rename(self, old: str, new: str, flags: int = 0) -> int:
        with self._lock:
            Path(self._real(old)).rename(self._real(new))
            self._files.pop(new, None)
            below = [name for name in self._files if name == old or name.startswith(f"{old}/")]
            for name in below:
                self._files[new + name[len(old) :]] = self._files.pop(name)
        return 0

    def unlink(self, path: str) -> int:
        Path(self._real(path)).unlink()
        self._files.pop(path, None)
        return 0

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *(entry.name for entry in Path(self._real(path)).iterdir())]

    def mkdir(self, path: str, mode: int) -> int:
        Path(self._real(path)).mkdir(mode)
        return 0

    def rmdir(self, path: str) -> int:
        Path(self._real(path)).rmdir()
        return 0

    def chmod(self, path: str, mode: int) -> int:
        Path(self._real(path)).chmod(mode)
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        os.chown(self._real(path), uid, gid)
        return 0

    def utimens(self, path: str, times: Any = None) -> int:
        return 0

    def symlink(self, target: str, source: str) -> int:
        Path(self._real(target)).symlink_to(source)
        return 0

    def readlink(self, path: str) -> str:
        return str(Path(self._real(path)).readlink())

    def link(self, target: str, source: str) -> int:
        Path(self._real(target)).hardlink_to(self._real(source))
        return 0

    def flush(self, path: str, fh: int) -> int:
        return 0

    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        return 0

    def statfs(self, path: str) -> dict[str, int]:
        found = os.statvfs(self._root)
        names = ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_files", "f_ffree", "f_frsize", "f_namemax")
        return {name: getattr(found, name) for name in names}

    def _real(self, path: str) -> str:
        return self._root + path


def main() -> None:
    """Serve until killed."""
    backing, mount = sys.argv[1:3]
    disk = ForgetfulDisk(Path(backing).resolve(), lies="--lies" in sys.argv)
    mfusepy.FUSE(disk, mount, foreground=True, nothreads=True, fsname="forgetful")


if __name__ == "__main__":
    main()
