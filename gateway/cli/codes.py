"""`gateway codes`: the code lists with their days, a document held to them, and numbers that prove themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup

from gateway.cli.place import Config, registry_of, settings_at, tree_of
from gateway.cli.say import Json, echo, emit, one_of, rows, unknown, wrong_use
from gateway.cli.validate import lines_of, shown, spread, taken

if TYPE_CHECKING:
    from gateway.codes.lists import CodeLists, ListedCode
    from gateway.registry import Registry, Tree
    from gateway.schema.bare import Verdict

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_KINDS: Final = (
    (re.compile(r"AEO[A-Z]{2}.*"), "aeo-code"), (re.compile(r"[A-Z]{2}[0-9A-Z]{5,15}"), "tin"),
    (re.compile(r"[0-9]+/[0-9]{6}/[0-9]+"), "declaration"),
)  # fmt: skip
_CONTAINER: Final = re.compile(r"[A-Z]{3}[UJZ][0-9]{7}")


class Lists(TyperGroup):
    """A group in which a word that is no command is the name of a list."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """`iso-4217 EUR` is `show iso-4217 EUR`."""
        first = next((at for at, word in enumerate(args) if not word.startswith("-")), None)
        value = first is not None and first > 0 and args[first - 1] == "--config"
        if first is not None and not value and args[first] not in self.commands:
            args = [*args[:first], "show", *args[first:]]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=Lists,
    invoke_without_command=True,
    help="Code lists, codes as of a day, and numbers with check digits.\n\nExamples: gateway codes; gateway codes "
    "iso-4217; gateway codes iso-4217 BGN --as-of 2026-01-15; gateway codes check query.xml; gateway codes id "
    "991240999802",
)
AsOf = Annotated[str, typer.Option("--as-of", help="The day that counts, YYYY-MM-DD; today when left out.")]


@app.callback()
def top(context: typer.Context, as_json: bool = Json, config: Config = None) -> None:
    """Without a command: all lists."""
    if context.invoked_subcommand is None:
        list_all(as_json, config)


@app.command("list")
def list_all(as_json: bool = Json, config: Config = None) -> None:
    """All code lists: how many codes, which version, and whether a code that is not there does not exist."""
    books = sorted(lists_of(tree_of(settings_at(config))).books.values(), key=lambda book: book.name)
    if as_json:
        emit([{"list": one.name, "title": one.title, "version": one.version, "complete": one.complete,
               "codes": len(one.codes)} for one in books])  # fmt: skip
        return
    rows(
        "Code lists",
        ("list", "title", "version", "codes", ""),
        [(one.name, one.title, one.version, len(one.codes), "complete" if one.complete else "the part in use")
         for one in books],
    )  # fmt: skip


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="LIST", help="A list, as `gateway codes` names it.")],
    code: Annotated[str, typer.Argument(help="One code; else all of them.")] = "",
    as_of: AsOf = "",
    as_json: bool = Json,
    config: Config = None,
) -> None:
    """The codes of a list with their days, or how one code stands on a day. Ends with 1 if it may not be used then.

    Without --as-of a whole list shows every day it knows. `show` may be left out: gateway codes iso-4217 BGN
    """
    books = lists_of(tree_of(settings_at(config))).books
    if name not in books:
        unknown("code list or command", name, [*books, "list", "show", "check", "id"])
    book = books[name]
    day = day_of(as_of) or today()
    if not code:
        listed = [row for held in book.codes.values() for row in held if not as_of or row.holds(day)]
        _print([members(row) for row in listed], book.title, as_json=as_json)
        return
    standing, found = book.standing(code, day)
    if standing == "unknown" and code not in book.codes and not as_json:
        unknown(f"code in {name}", code, book.codes)
    known = [members(row) for row in ([found] if found else [])]
    if as_json:
        emit({"list": name, "code": code, "day": day.isoformat(), "standing": standing, "found": known})
    else:
        typer.echo(f"{code} on {day}: {standing}")
        _print(known, book.title, as_json=False)
    raise typer.Exit(0 if standing == "valid" else 1)


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="XML files, folders with XML files, or - for standard input.")],
    language: Annotated[str, typer.Option("--lang", help="Language of the words: en, ru or kk.")] = "en",
    as_of: Annotated[
        str, typer.Option("--as-of", help="The day that counts; that of the document when left out.")
    ] = "",
    as_json: bool = Json,
    config: Config = None,
) -> None:
    """Hold bare documents to the code lists on their business day. Ends with 1 if any has a finding.

    A document that is not valid by its schema has its findings of that. With --json: one object per line and file.

    Example: gateway codes check --as-of 2026-01-15 declaration.xml
    """
    from gateway.model import LANGUAGES
    from gateway.schema.shelf import all_schemas

    one_of("language", language, LANGUAGES)
    settings, day = settings_at(config), day_of(as_of)
    registry = registry_of(settings)
    schemas, lists = all_schemas(registry), lists_of(registry.tree)
    wrong = False
    for file in spread(files):
        payload, found = taken(file, schemas, settings.largest_message)
        told = held(file, payload, found, (registry, lists), day)
        wrong = wrong or not told["valid"]
        if as_json:
            emit(told)
        else:
            echo("\n".join(lines_of(told, language)))
    raise typer.Exit(1 if wrong else 0)


def held(
    file: Path, payload: bytes, found: Verdict, known: tuple[Registry, CodeLists], day: date | None
) -> dict[str, Any]:
    """The verdict on one document: that of its schema, then that of the lists on its day."""
    from dataclasses import replace

    from gateway.codes.check import business_day, check_codes
    from gateway.schema.shelf import facts_of, record_of

    registry, lists = known
    if not found.valid or found.type is None:
        return {**shown(file, found), "day": None}
    facts = facts_of(registry, record_of(registry, found.type, found.schema))
    as_of = day or business_day(payload, facts, lists) or today()
    findings = check_codes(payload, facts, lists, as_of)
    return {**shown(file, replace(found, findings=findings)), "day": as_of.isoformat()}


@app.command("id")
def number(
    text: Annotated[str, typer.Argument(metavar="NUMBER", help="A BIN, IIN, TIN, AEO code, container, declaration.")],
    kind: Annotated[str, typer.Option("--kind", help="Which kind of number; guessed when left out.")] = "",
    as_json: bool = Json,
) -> None:
    """Does the number have the right form and check digit? Ends with 1 if not.

    A right check digit says that the number was typed well, not that it was ever given to anybody.

    Examples: gateway codes id 991240999802; gateway codes id --kind container MSCU1234566
    """
    from gateway.codes.numbers import CHECKS
    from gateway.errors import Finding
    from gateway.refusal import finding_members

    kind = one_of("kind of number", kind, CHECKS) if kind else kind_of(text)
    fault = CHECKS[kind](text)
    finding = Finding(rule=fault.rule, params={**fault.params, "value": text}, value=text) if fault else None
    if as_json:
        emit({"number": text, "kind": kind, "valid": fault is None, "finding": finding and finding_members(finding)})
    elif finding is None:
        typer.echo(f"{text}: a well-formed {kind}; that does not say that it was given to anybody")
    else:
        said = finding_members(finding)
        typer.echo(f"{text}: {said['text']} {said['hint']}")
    raise typer.Exit(1 if fault else 0)


def kind_of(text: str) -> str:
    """The kind that a number looks like; a BIN or IIN when it looks like nothing."""
    if _CONTAINER.fullmatch(text):
        return "container"
    return next((kind for form, kind in _KINDS if form.fullmatch(text)), "bin")


def lists_of(tree: Tree) -> CodeLists:
    """The code lists of a tree. Raises ConfigurationError."""
    from gateway.codes.lists import read_code_lists

    return read_code_lists({file.stem: file.read_text("utf-8") for file in tree.files("xsd/codes", "*.csv")})


def day_of(text: str) -> date | None:
    """A day as it was typed; ends the command when it is none."""
    if not text:
        return None
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else wrong_use(f"not a day (YYYY-MM-DD): {text}")
    except ValueError:
        wrong_use(f"there is no day {text}")


def today() -> date:
    """The day it is in Astana."""
    from datetime import timedelta

    return (datetime.now(UTC) + timedelta(hours=5)).date()


def members(row: ListedCode) -> dict[str, Any]:
    """One row as plain values."""
    return {
        "code": row.code, "names": dict(row.names), "from": row.first and row.first.isoformat(),
        "until": row.last and row.last.isoformat(), "source": row.source,
    }  # fmt: skip


def _print(found: list[dict[str, Any]], title: str, *, as_json: bool) -> None:
    if as_json:
        emit(found)
        return
    rows(title, ("code", "English", "Русский", "Қазақша", "from", "until"), _lines(found))


def _lines(found: list[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    for one in found:
        yield one["code"], *one["names"].values(), one["from"] or "", one["until"] or ""
