"""`gateway schema diff`: what lies between two versions of a message, and who has work because of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.place import Config, registry_of, settings_at
from gateway.cli.say import Json, emit, rows, wrong_use
from gateway.cli.schema import named

if TYPE_CHECKING:
    from gateway.facts import FactTable
    from gateway.model import DocumentType
    from gateway.registry import Registry
    from gateway.schema.diff import Change, Difference
    from gateway.schema.impact import Impact

Version = Annotated[str, typer.Argument(help="A message (NAME or NAME@VERSION), or a .csv or .xsd file (FILE#ROOT).")]
_SUFFIXES = frozenset({".csv", ".xsd"})


def add_to(app: typer.Typer) -> None:
    """Put the command into the group."""
    app.command("diff")(diff)


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """What breaks for one message."""

    message: DocumentType
    impact: Impact


def diff(
    former: Version,
    new: Version,
    message: Annotated[
        str, typer.Option("--message", help="The message they are versions of; found when left out.")
    ] = "",
    as_json: bool = Json,
    config: Config = None,
) -> None:
    """Say what a new version breaks: rules of mapping tables, fixtures, corridors and their partners.

    Ends with 1 if anything breaks. A change breaks the sender when what was valid is valid no more, the receiver when
    documents may hold what none could before.

    Examples: gateway schema diff LPCO_QUERY new/query.csv; gateway schema diff old.xsd new.xsd --message LPCO_QUERY
    """
    from gateway.schema.diff import compare

    registry = registry_of(settings_at(config))
    (before, names), (after, others) = read(former, registry), read(new, registry)
    names = names if is_named(former) or not is_named(new) else others
    if message:
        names = (named(registry, message)[0].document,)
    difference = compare(before, after)
    broken = [hurt(difference, name, registry) for name in names]
    if as_json:
        emit(members(difference, broken, registry))
    else:
        tell(difference, broken, registry)
    raise typer.Exit(1 if difference.breaking else 0)


def read(given: str, registry: Registry) -> tuple[FactTable, tuple[DocumentType, ...]]:
    """The facts of one side and the messages it is a version of; ends the command where there is no such thing."""
    if not is_named(given):
        file, _, root = given.partition("#")
        facts = facts_in(Path(file), root)
        return facts, versions_of(facts, registry)
    record, facts = named(registry, given, "message or file")
    return facts, (record.document,)


def is_named(given: str) -> bool:
    """True for the name of a message, False for a file."""
    return Path(given.partition("#")[0]).suffix not in _SUFFIXES


def versions_of(facts: FactTable, registry: Registry) -> tuple[DocumentType, ...]:
    """The messages with the same root of which most elements are the same: those a file is a version of."""
    from gateway.schema.shelf import all_records, facts_of

    like = [one for one in all_records(registry).values() if (one.namespace, one.root) == (facts.namespace, facts.root)]
    shared = {one.document: len(facts.facts.keys() & facts_of(registry, one).facts.keys()) for one in like}
    return tuple(document for document, number in shared.items() if number == max(shared.values()))


def facts_in(file: Path, root: str) -> FactTable:
    """The facts of a table, or of an XSD and one of its elements."""
    from gateway.facts import facts_from_xsd
    from gateway.schema.generate import load_facts

    if not file.is_file():
        wrong_use(f"there is no file {file}")
    if file.suffix == ".csv" or (not root and file.with_suffix(".csv").is_file()):
        return load_facts(file)
    return facts_from_xsd(str(file), root or only_root(file))


def only_root(file: Path) -> str:
    """The one element an XSD declares for a whole document; ends the command when there are several."""
    from lxml import etree

    tree = etree.parse(file, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    names = [str(node.get("name")) for node in tree.getroot().iterchildren("{http://www.w3.org/2001/XMLSchema}element")]
    if len(names) != 1:
        wrong_use(f"{file} declares {len(names)} elements: say which with {file}#ROOT ({', '.join(names[:20])})")
    return names[0]


def hurt(difference: Difference, name: DocumentType, registry: Registry) -> Broken:
    """What of the tree breaks when this message changes so."""
    from gateway.schema.impact import impact
    from gateway.schema.pages import documents_of

    tables = (one.table for one in registry.translations.values())
    fixtures = documents_of(registry).get(str(name), {})
    return Broken(message=name, impact=impact(difference, name, tables, fixtures, registry.corridors.values()))


def partners(broken: Iterable[Broken], registry: Registry) -> list[str]:
    """Who exchanges over the corridors that break."""
    lanes = {lane for one in broken for lane in one.impact.corridors}
    return sorted(
        {party for lane in lanes for party in (registry.corridors[lane].sender, registry.corridors[lane].receiver)}
    )


# --- telling ----------------------------------------------------------------------------------------------------------
def members(difference: Difference, broken: list[Broken], registry: Registry) -> dict[str, Any]:
    """All of it as plain values."""
    return {
        "before": difference.before.version,
        "after": difference.after.version,
        "breaks": bool(difference.breaking),
        "changes": [_change(change) for change in difference.changes],
        "messages": [
            {
                "message": one.message,
                "rules": [
                    {"table": rule.table, "line": rule.line, "rule": rule.rule, "path": rule.path,
                     "change": _change(rule.change)} for rule in one.impact.rules
                ],
                "fixtures": [{"name": it.name, "change": _change(it.change)} for it in one.impact.fixtures],
                "corridors": list(one.impact.corridors),
            }
            for one in broken
        ],
        "partners": partners(broken, registry),
    }  # fmt: skip


def _change(change: Change) -> dict[str, Any]:
    return {
        "kind": change.kind, "path": change.path, "to": change.to, "before": change.before, "after": change.after,
        "breaks": sorted(change.breaks), "certain": change.certain,
    }  # fmt: skip


def tell(difference: Difference, broken: list[Broken], registry: Registry) -> None:
    """All of it for people; what is empty is left out."""
    if not difference.changes:
        typer.echo("no difference")
        return
    rows(
        f"{difference.before.root} {difference.before.version} > {difference.after.version}",
        ("change", "path", "before", "after", "breaks"),
        [(_kind(change), change.path or change.to, change.before, change.after, " and ".join(sorted(change.breaks)))
         for change in difference.changes],
    )  # fmt: skip
    for one in broken:
        _tell_rules(one)
        if one.impact.fixtures:
            columns = [(it.name, f"{_kind(it.change)} {it.change.path or it.change.to}") for it in one.impact.fixtures]
            rows(f"{one.message}: fixtures the new version refuses", ("fixture", "first reason"), columns)
    parties = partners(broken, registry)
    lanes = sorted({lane for one in broken for lane in one.impact.corridors})
    if lanes:
        typer.echo(f"corridors: {', '.join(lanes)}\npartners: {', '.join(parties)}")
    typer.echo(f"changes: {len(difference.changes)}, breaking: {len(difference.breaking)}")


def _tell_rules(one: Broken) -> None:
    if one.impact.rules:
        rows(
            f"{one.message}: rules of mapping tables",
            ("rule", "place", "path", "because"),
            [(rule.rule or "(none)", f"{rule.table}:{rule.line}" if rule.line else rule.table, rule.path,
              f"{_kind(rule.change)} {rule.change.path or rule.change.to}") for rule in one.impact.rules],
        )  # fmt: skip


def _kind(change: Change) -> str:
    return change.kind if change.certain else f"{change.kind}, likely"
