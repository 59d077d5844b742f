"""An archive proven from its files alone: every hash, every link, and every byte that the links speak of."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.shell.large_rows import WIRE, Hashed, Stretch, stretch_of

MONTH: Final = re.compile("[0-9]{4}-[0-9]{2}")
PROOFS: Final = (("outgoing", "sealed"), ("receipt", "receipt"))
"""Tables whose body an event of the evidence speaks of."""
_WORDS: Final = {"accepted": "payload", "sealed": "sealed"}
EVENT, ENTRY, DIGEST, DETAIL = 3, 4, 5, 6
"""Where the words of a link have these fields, one a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveReport:
    """What was proven; `broken` = the first thing that is not as it was, "" when all of it is."""

    months: tuple[str, ...]
    messages: int
    links: int
    manifests: tuple[str, ...]
    """SHA-256 of each manifest: what the database's own evidence says of it."""
    broken: str


class _Broken(Exception):
    """The first thing that does not hold."""


def verify_archive(folder: Path) -> ArchiveReport:
    """Read everything below `folder`: of all its months, or of the one it is."""
    months = [folder] if (folder / "manifest.json").is_file() else sorted(_months(folder))
    seen: list[str] = []
    messages = links = 0
    manifests: list[str] = []
    cut: dict[str, Any] = {}
    broken = "" if months else f"there is no month in {folder}"
    for month in months:
        try:
            manifest = _manifest(month)
            if cut and {chain: [one["after"], one["previous"]] for chain, one in manifest["chains"].items()} != cut:
                raise _Broken("its evidence does not go on where that of the month before ends")
            links += _verify_month(month, manifest)
        except _Broken as error:
            broken = f"{month.name}: {error}"
            break
        cut = manifest["cut"]
        seen.append(month.name)
        manifests.append(hashlib.sha256((month / "manifest.json").read_bytes()).hexdigest())
        messages += manifest["files"]["message"]["rows"]
    return ArchiveReport(months=tuple(seen), messages=messages, links=links, manifests=tuple(manifests), broken=broken)


def rows_of(month: Path, table: str) -> Iterator[dict[str, Any]]:
    """The rows of a table of an archived month, as text; bytes are base64."""
    with gzip.open(month / f"{table}.jsonl.gz", "rt", encoding="utf-8", newline="\n") as stream:
        for line in stream:
            yield json.loads(line)


def _months(folder: Path) -> list[Path]:
    return [place for place in folder.iterdir() if MONTH.fullmatch(place.name)] if folder.is_dir() else []


def _manifest(month: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((month / "manifest.json").read_bytes())
    except (OSError, ValueError) as error:
        raise _Broken(f"its manifest cannot be read: {error}") from error
    return found


def _verify_month(month: Path, manifest: dict[str, Any]) -> int:
    for name, told in manifest["files"].items():
        try:
            with (month / f"{name}.jsonl.gz").open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise _Broken(f"{name} cannot be read: {error}") from error
        if digest != told["sha256"]:
            raise _Broken(f"{name} is not the file its manifest names")
    events, links = _links(month, manifest)
    _messages(month, events)
    for table, event in PROOFS:
        for row in rows_of(month, table):
            large = json.loads(row["facts"]).get("large")
            said = {(event, row["entry"], large["digests"]["sha256"] if large else _sha256(row["body"]))}
            if large and row["body"]:
                said.add(("around", row["entry"], f"{_sha256(row['body'])} {json.loads(row['facts'])['split']}"))
            if not events.issuperset(said):
                raise _Broken(f"no link speaks of the {table} bytes of {row['entry']}")
    return links


def _links(month: Path, manifest: dict[str, Any]) -> tuple[set[tuple[str, ...]], int]:
    """What the evidence says, each chain recomputed from what it continues to where it ends."""
    heads = {int(chain): (one["after"], one["previous"]) for chain, one in manifest["chains"].items()}
    cut = {int(chain): tuple(one) for chain, one in manifest["cut"].items()}
    passed = {chain for chain, place in heads.items() if place == cut[chain]}
    events: set[tuple[str, ...]] = set()
    links = 0
    for row in rows_of(month, "evidence"):
        chain, seq, words = row["chain"], row["seq"], row["words"]
        made = hashlib.sha256(bytes.fromhex(row["previous"]) + words.encode()).hexdigest()
        if heads.get(chain) != (seq - 1, row["previous"]) or made != row["link"]:
            raise _Broken(f"chain {chain}, link {seq} does not hold")
        heads[chain] = (seq, row["link"])
        if heads[chain] == cut[chain]:
            passed.add(chain)
        events.update(_said(words.split("\n", DETAIL)))
        links += 1
    for chain, one in manifest["chains"].items():
        if heads[int(chain)] != (one["end"], one["head"]) or int(chain) not in passed:
            raise _Broken(f"chain {chain} does not end where its manifest says")
    return events, links


def _said(words: list[str]) -> Iterator[tuple[str, ...]]:
    event, entry = words[EVENT], words[ENTRY]
    if event in {"accepted", "notice"}:
        detail = json.loads(words[DETAIL])
        yield "bytes", entry, words[DIGEST]
        yield "payload", entry, detail["payload"]
        yield "answer", entry, detail.get("answer", "")
    elif event in {"sealed", "receipt"}:
        yield event, entry, words[DIGEST]
        yield "around", entry, json.loads(words[DETAIL]).get("around", "")


def _messages(month: Path, events: set[tuple[str, ...]]) -> None:
    bodies = _pieces(month, events)
    for row in rows_of(month, "message"):
        wire, payload = row["wire"], row["payload"]
        if wire is None and payload is None:
            if (row["id"], "wire") not in bodies:
                raise _Broken(f"the pieces of {row['id']} are gone")
            continue
        for what, digest in (("bytes", _sha256(wire or payload)), ("payload", _sha256(payload or wire, *_part(row)))):
            if (what, row["id"], digest) not in events:
                raise _Broken(f"no link speaks of the {what} of {row['id']}")
    for row in rows_of(month, "message_key"):
        if row["answer"] is not None and ("answer", row["entry"], _sha256(row["answer"])) not in events:
            raise _Broken(f"no link speaks of the answer to {row['entry']}")


def _pieces(month: Path, events: set[tuple[str, ...]]) -> set[tuple[str, str]]:
    """Entry and part of every long body; each is one that a link speaks of."""
    hashed: dict[tuple[str, str], Hashed] = {}
    stretches = _stretches(month)
    for row in rows_of(month, "spooled") if (month / "spooled.jsonl.gz").exists() else ():
        place = (row["entry"], row["part"])
        if place not in hashed:
            hashed[place] = Hashed(stretches.get(place, ()))
        hashed[place].update(b64decode(row["octets"]))
    for (entry, part), one in hashed.items():
        said = [(_WORDS[stretch.event], entry, stretch.hashed.hexdigest()) for stretch in one.stretches]
        said += [("bytes", entry, one.whole.hexdigest())] if part == WIRE else []
        if not one.stretches or not events.issuperset(said):
            raise _Broken(f"no link speaks of the pieces of {entry}")
    return set(hashed)


def _stretches(month: Path) -> dict[tuple[str, str], list[Stretch]]:
    """By entry and part: the document in what came, and what left of either."""
    found: dict[tuple[str, str], list[Stretch]] = {}
    for row in rows_of(month, "message"):
        large = json.loads(row["facts"]).get("document", {}).get("large")
        if large:
            found.setdefault((row["id"], WIRE), []).append(stretch_of("accepted", large))
    for row in rows_of(month, "outgoing"):
        large = json.loads(row["facts"]).get("large")
        if large:
            part = large["name"].split(" ", 2)[2]
            found.setdefault((row["entry"], part), []).append(stretch_of("sealed", large))
    return found


def _part(row: dict[str, Any]) -> tuple[int, int | None]:
    """Where in the octets of a row its document begins and ends."""
    if row.get("payload_at") is None:
        return 0, None
    begin = int(row["payload_at"])
    return begin, begin + int(row["payload_size"])


def _sha256(value: str | None, begin: int = 0, end: int | None = None) -> str:
    return hashlib.sha256(b64decode(value or "")[begin:end]).hexdigest()
