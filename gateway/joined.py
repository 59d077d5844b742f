"""Stretches of files and octets at hand, one after the other, read as one file."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple, cast

_BUFFER = 65_536


class Stretch(NamedTuple):
    """`size` octets of a seekable file, from `at` on."""

    source: BinaryIO
    at: int
    size: int


def joined(*stretches: Stretch | bytes) -> BinaryIO:
    """What they hold together, seekable; closing it closes their files."""
    parts = [one if isinstance(one, Stretch) else Stretch(io.BytesIO(one), 0, len(one)) for one in stretches]
    return cast(BinaryIO, io.BufferedReader(_Joined(parts), _BUFFER))


class _Joined(io.RawIOBase):
    def __init__(self, parts: Sequence[Stretch]) -> None:
        self._parts = parts
        self._size = sum(part.size for part in parts)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: object) -> int:
        left = self._at
        for part in self._parts:
            if left < part.size:
                part.source.seek(part.at + left)
                room = memoryview(cast(bytearray, buffer))
                count = cast(io.BufferedReader, part.source).readinto(room[: part.size - left])
                self._at += count
                return count
            left -= part.size
        return 0

    def close(self) -> None:
        for part in self._parts:
            part.source.close()
        super().close()
