"""How the command speaks: tables for people, one JSON object for machines, errors as one readable block."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from gateway.errors import GatewayError

USAGE: Final = 2
_SHOWN: Final = 25
_WIDE: Final = 200
_NAMED: Final = 100
_HALF: Final = re.compile("[\ud800-\udfff]")
Json = typer.Option(False, "--json", help="Print JSON instead of a text for people.")


def console(*, stderr: bool = False) -> Console:
    """Where to print; plain text when nobody looks."""
    from rich.console import Console

    looked_at = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, highlight=False, width=None if looked_at else _WIDE)


def emit(value: Any) -> None:
    """One line of JSON on standard output; half characters, as of file names in no encoding, as escapes."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    typer.echo(_HALF.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def echo(text: str) -> None:
    """A text on standard output; what cannot be written there as escapes."""
    typer.echo(_HALF.sub(lambda found: f"\\x{ord(found[0]) & 0xFF:02x}", text))


def table(title: str, *columns: str) -> Table:
    """A table without heavy lines."""
    from rich.box import SIMPLE
    from rich.table import Table

    made = Table(*columns, title=title or None, box=SIMPLE, title_justify="left", header_style="bold")
    for column in made.columns:
        column.overflow = "fold"
    return made


def show_error(error: GatewayError) -> None:
    """Code, what happened, and each finding with its file and key, on standard error."""
    from gateway.words import say

    lines = [f"error {error.code}: {error.detail or say(error.code, {}, 'en').text}"]
    for finding in error.findings[:_SHOWN]:
        file = finding.params.get("file") or finding.params.get("table", "")
        place = ":".join(filter(None, [file, str(finding.line or "")]))
        key = finding.params.get("key", "") or finding.path
        reason = finding.params.get("reason", "") or say(finding.rule, finding.params, "en").text
        lines.append(f"  {place + ' ' if place else ''}{key + ': ' if key else ''}{reason}")
        if finding.value:
            lines.append(f'      found "{finding.value}"')
    if len(error.findings) > _SHOWN:
        lines.append(f"  and {len(error.findings) - _SHOWN} more")
    typer.echo("\n".join(lines), err=True)


def unknown(kind: str, given: str, known: Iterable[str], meant: Sequence[str] = ()) -> NoReturn:
    """Nothing is called that: say what may have been meant (`meant`, where it is known better), and end with 2."""
    names = sorted(known)
    close = list(meant[:3]) or get_close_matches(given, names, 3) or get_close_matches(given.upper(), names, 3)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    said = f" Did you mean {' or '.join(close)}?" if close else f" Known: {', '.join(names[:_NAMED])}{more}."
    typer.echo(f"error: there is no {kind} {given!r}.{said}", err=True)
    raise typer.Exit(USAGE)


def one_of(kind: str, given: str, known: Iterable[str]) -> str:
    """`given`, if it is known; else the command ends with a suggestion."""
    names = list(known)
    if given not in names:
        unknown(kind, given, names)
    return given


def wrong_use(text: str) -> NoReturn:
    """The words do not fit together: say why, and end with 2."""
    typer.echo(f"error: {text}", err=True)
    raise typer.Exit(USAGE)


def rows(title: str, columns: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    """Print a table of plain values."""
    from rich.text import Text

    made = table(title, *columns)
    for line in lines:
        made.add_row(*(Text(_cell(cell)) for cell in line))
    console().print(made)


def _cell(value: object) -> str:
    """A value as people write it: nothing for None, one line for each thing of several."""
    if isinstance(value, dict):
        return "\n".join(f"{key} = {_cell(one)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        return "\n".join(map(_cell, value))
    return "" if value is None else str(value)
