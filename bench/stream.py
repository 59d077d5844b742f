"""A declaration of very many goods items through the streaming translation: `python -m bench.stream [ITEMS ...]`.

For each number of items, in a process of its own: size of the document, CPU seconds, and by how much the peak of memory
rose above what the process had before.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from bench import wide_table
from bench.documents import SIZES, declaration
from gateway.mapping import streamable, translate_stream

ITEMS = (500, 5_000, 50_000)
_START, _END = b"<GovernmentAgencyGoodsItem>", b"</GovernmentAgencyGoodsItem>"


def write_declaration(path: Path, items: int) -> None:
    """A declaration with so many goods items, all like those of the measured documents."""
    whole = declaration(SIZES["50 KB"])
    first, last = whole.index(_START), whole.rindex(_END) + len(_END)
    each = [_START + part for part in whole[first:last].split(_START)[1:]]
    with path.open("wb") as file:
        file.write(whole[:first])
        for number in range(items):
            file.write(each[number % len(each)])
        file.write(whole[last:])


def peak() -> int:
    """The largest resident size of this process so far, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure(items: int) -> str:
    """One line of the report."""
    table = wide_table.translation()
    with TemporaryDirectory() as place:
        path, out, small = Path(place) / "in.xml", Path(place) / "out.xml", Path(place) / "small.xml"
        write_declaration(path, items)
        write_declaration(small, 50)
        streamable(table)
        stream(small, out)
        before, start = peak(), process_time()
        octets = stream(path, out)
        spent, size = process_time() - start, path.stat().st_size
    return f"{items:>7} {size / 1e6:>8.1f} {octets / 1e6:>8.1f} {spent:>7.1f} {(peak() - before) / 1024:>8.1f}"


def stream(path: Path, out: Path) -> int:
    """Translate one file into another; the octets written."""
    with path.open("rb") as source, out.open("wb") as sink:
        return translate_stream(wide_table.translation(), source, sink, wide_table.CONTEXT).octets


def main(arguments: list[str]) -> None:
    """Measure one number of items, or each of several in a child process."""
    if len(arguments) == 1:
        print(measure(int(arguments[0])))
        return
    print("  items  MB in  MB out  CPU s  MiB more at the peak")
    for items in arguments or ITEMS:
        command = [sys.executable, "-m", "bench.stream", str(items)]
        print(subprocess.run(command, check=True, capture_output=True, text=True).stdout, end="", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
