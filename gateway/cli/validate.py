"""`gateway validate`: bare documents against the schemas, each finding where it is and in words people read."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from os import SEEK_END
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Annotated, Any, BinaryIO, Final, cast

import typer

from gateway.cli.place import Config, registry_of, settings_at
from gateway.cli.say import Json, echo, emit, one_of

if TYPE_CHECKING:
    from datetime import date

    from gateway.codes.desks import CodeDesks
    from gateway.schema import Schemas
    from gateway.schema.bare import Verdict

STDIN: Final = Path("-")
_PIECE: Final = 1 << 20
_ENDINGS: Final = frozenset({".xml", ".XML"})


def add_to(app: typer.Typer) -> None:
    """Put the command into the program."""
    app.command("validate")(validate)


def validate(
    files: Annotated[
        list[Path],
        typer.Argument(help="XML files, folders with XML files, or - for standard input.", readable=False),
    ],
    language: Annotated[str, typer.Option("--lang", help="Language of the words: en, ru or kk.")] = "en",
    codes: Annotated[bool, typer.Option("--codes", help="Hold codes and numbers to their lists, too.")] = False,
    as_json: bool = Json,
    config: Config = None,
) -> None:
    """Check bare messages; the schema is found by namespace, root, function and type. Ends with 1 if any is not valid.

    A file that cannot be read, is not XML or has no schema is one more line, never a stop. One that is longer than
    largest_message is read in a stream, up to largest_spooled, and its first findings are told. With --json: one object
    per line and file. Valid is what the schema takes; with --codes a code that its list does not know on the business
    day of the document (or today) makes it invalid, and what is only advice is marked so.

    Examples: gateway validate order.xml; gateway validate --json folder/ more.xml; cat order.xml | gateway validate -
    """
    from gateway.model import LANGUAGES
    from gateway.schema.shelf import all_schemas

    one_of("language", language, LANGUAGES)
    settings = settings_at(config)
    registry = registry_of(settings)
    schemas, lists = all_schemas(registry), (registry.codes, _today()) if codes else None
    invalid = False
    for file in spread(files):
        told = shown(file, looked_at(file, schemas, (settings.largest_message, settings.largest_spooled), lists))
        invalid = invalid or not told["valid"]
        if as_json:
            emit(told)
        else:
            echo("\n".join(lines_of(told, language)))
    raise typer.Exit(1 if invalid else 0)


def spread(files: Iterable[Path]) -> Iterator[Path]:
    """The files, and the XML files below the folders, each folder sorted; a folder without any stands for itself."""
    for file in files:
        try:
            inside = sorted(found for found in file.rglob("*") if found.suffix in _ENDINGS and not found.is_dir())
        except OSError:  # it is said of the folder why
            inside = []
        yield from inside or [file]


def _today() -> date:
    from datetime import UTC, datetime

    from gateway.codes.check import astana_day

    return astana_day(datetime.now(UTC))


def looked_at(
    file: Path, schemas: Schemas, most: tuple[int, int], lists: tuple[CodeDesks, date] | None = None
) -> Verdict:
    """The verdict on one file, whatever it is; `lists` also hold it to its codes, with the day where it tells none.

    `most` = the octets that are held in memory, and the most a message may have: what is between is read in a stream,
    as the REST door does.
    """
    try:
        with opened(file) as source:
            head = source.read(most[0] + 1)
            if len(head) > most[0] and (file == STDIN or file.is_file()):
                with TemporaryFile() if file == STDIN else nullcontext(source) as whole:
                    return _streamed(whole, head, source, schemas, most[1], lists)
    except Exception as error:  # noqa: BLE001 - whatever one file does, the others are looked at
        return _failed(error)
    return _verdict(head, schemas, most[0], lists)


def taken(
    file: Path, schemas: Schemas, most: int, lists: tuple[CodeDesks, date] | None = None
) -> tuple[bytes, Verdict]:
    """What a file holds and the verdict on it; nothing for what cannot be read or is too large."""
    try:
        payload = octets_of(file, most)
    except OSError as error:
        return b"", _failed(error)
    found = _verdict(payload, schemas, most, lists)
    return (b"" if len(payload) > most else payload), found


def _verdict(payload: bytes, schemas: Schemas, most: int, lists: tuple[CodeDesks, date] | None) -> Verdict:
    from gateway.schema.bare import judge

    if len(payload) > most:
        return _too_large(most)
    try:
        found = judge(payload, schemas)
        return _held(payload, schemas, *lists) if lists and found.valid else found
    except Exception as error:  # noqa: BLE001 - whatever one file does, the others are looked at
        return _failed(error)


def _streamed(
    whole: IO[bytes], head: bytes, rest: IO[bytes], schemas: Schemas, most: int, lists: tuple[CodeDesks, date] | None
) -> Verdict:
    """The verdict on a long document that lies in `whole`, or is put there from `head` and `rest`."""
    from gateway.errors import Finding, GatewayError, MediaTypeUnknown
    from gateway.model import Large
    from gateway.schema.bare import Verdict
    from gateway.schema.stream import validate_large

    if whole is not rest:
        whole.write(head)
        while whole.tell() <= most and (more := rest.read(_PIECE)):
            whole.write(more)
    size = whole.seek(0, SEEK_END)
    if size > most:
        return _too_large(most)
    whole.seek(0)
    try:
        document = validate_large(cast("BinaryIO", whole), Large(size=size), schemas)
    except MediaTypeUnknown:
        return Verdict(findings=(Finding(rule="xml.encoding", params={"found": ""}, line=1, column=1),))
    except GatewayError as refusal:
        malformed = Finding(rule="xml.malformed", params={"reason": refusal.detail})
        return Verdict(findings=refusal.findings or (malformed,))
    whole.seek(0)
    findings = lists[0].findings_large(document, cast("BinaryIO", whole), lists[1]) if lists else ()
    return Verdict(schema=document.schema, type=document.type, findings=findings)


def _too_large(most: int) -> Verdict:
    from gateway.errors import Finding
    from gateway.schema.bare import Verdict

    return Verdict(findings=(Finding(rule="file.too-large", params={"most": str(most)}),))


def _failed(error: Exception) -> Verdict:
    """What cannot be read, or not judged."""
    from gateway.errors import Finding
    from gateway.schema.bare import Verdict

    if isinstance(error, OSError):
        rule, reason = "file.unreadable", error.strerror or str(error)
    else:
        rule, reason = "file.failed", f"{type(error).__name__}: {error}"
    return Verdict(findings=(Finding(rule=rule, params={"reason": reason}),))


def _held(payload: bytes, schemas: Schemas, desks: CodeDesks, today: date) -> Verdict:
    """A document that its schema takes, and what its code lists say of it."""
    from gateway.model import Document
    from gateway.schema import validate_bare
    from gateway.schema.bare import Verdict
    from gateway.schema.explain import Received

    document, received = validate_bare(payload, schemas), Received(octets=payload)
    assert isinstance(document, Document)  # noqa: S101 - it was valid a moment ago
    wrong = desks.findings(document, received, today)
    told = desks.findings(document, received, today, advice=True)
    return Verdict(
        schema=document.schema,
        type=document.type,
        findings=wrong,
        advice=tuple(one for one in told if one not in wrong),
    )


def octets_of(file: Path, most: int) -> bytes:
    """At most one octet more than a message may have."""
    with opened(file) as source:
        return source.read(most + 1)


def opened(file: Path) -> AbstractContextManager[IO[bytes]]:
    """Its octets; standard input stays open."""
    return nullcontext(sys.stdin.buffer) if file == STDIN else file.open("rb")


def shown(file: Path, found: Verdict) -> dict[str, Any]:
    """The result of one file as plain values: file, valid, schema, type, findings."""
    from gateway.refusal import finding_members

    return {
        "file": str(file),
        "valid": found.valid,
        "schema": found.schema or None,
        "type": found.type,
        "findings": [finding_members(finding) for finding in found.findings]
        + [{**finding_members(finding), "advice": True} for finding in found.advice],
    }


def lines_of(told: dict[str, Any], language: str) -> Iterator[str]:
    """The lines for people: `file:line:col rule path = "value" - WCO id name: text hint`."""
    if told["valid"]:
        yield f"{told['file']}: valid {told['type']} ({told['schema'].partition('@')[0]})"
    for finding in told["findings"]:
        place = ":".join(str(part) for part in (told["file"], finding.get("line"), finding.get("column")) if part)
        path = f" {finding['path']}" if finding.get("path") else ""
        value = f' = "{finding["value"]}"' if finding.get("value") else ""
        named = " ".join(filter(None, [finding.get("wcoId", ""), finding.get("wcoName", "")]))
        words = finding.get(language, finding)
        wco = f" - {'' if named.startswith('KZ') else 'WCO '}{named}" if named else ""  # KZ...: ids of our own
        yield f"{place} {finding['rule']}{path}{value}{wco}: {words.get('text', '')} {words.get('hint', '')}".rstrip()
