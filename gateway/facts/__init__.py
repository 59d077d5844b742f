"""What every element of a message is called, how often it may come and what it may hold: read once, at start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gateway.errors import ConfigurationError
from gateway.facts.fact import Fact, FactTable, enumerated
from gateway.facts.from_xsd import facts_from_xsd
from gateway.facts.sheet import LIKE, Row, Sheet, problem, read_sheet

__all__ = ["Fact", "FactTable", "enumerated", "facts_from_sheet", "facts_from_xsd", "read_facts"]

_XML = "http://www.w3.org/XML/1998/namespace"
_CODE = (
    ("listID", "token"), ("listAgencyID", "string"), ("listAgencyName", "string"), ("listName", "string"),
    ("listVersionID", "token"), ("name", "string"), ("languageID", "string"), ("listURI", "uri"),
    ("listSchemeURI", "uri"),
)  # fmt: skip
_ID = (
    ("schemeID", "token"), ("schemeName", "string"), ("schemeAgencyID", "string"), ("schemeAgencyName", "string"),
    ("schemeVersionID", "token"), ("schemeDataURI", "uri"), ("schemeURI", "uri"),
)  # fmt: skip
_ALWAYS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "amount": (("currencyID", "string"),),
    "quantity": (("unitCode", "string"),),
    "measure": (("unitCode", "string"),),
}
_WCO: Mapping[str, tuple[tuple[str, str], ...]] = {
    "text": (("languageID", "string"),), "code": _CODE, "id": _ID, "token-id": _ID,
}  # fmt: skip


def implied_attributes(word: str, style: str) -> tuple[tuple[str, str], ...]:
    """Name and type word of the attributes that a type word brings in a style (`wco`, `wrapper` or none)."""
    return _ALWAYS.get(word) or (_WCO.get(word, ()) if style else ())


def read_facts(text: str, like: Mapping[str, str] | None = None, *, file: str = "") -> FactTable:
    """The facts of one schema table (csv text; `xsd/README.md` gives its rules).

    `like` holds the text of the tables that rows of type `like:<file>` point to, by file name; a row whose table is
    not given stands without anything below it. `file` is named in findings. Raises ConfigurationError with all
    problems and their lines.
    """
    return facts_from_sheet(
        read_sheet(text, file), {name: read_facts(other, file=name) for name, other in (like or {}).items()}
    )


def facts_from_sheet(sheet: Sheet, like: Mapping[str, FactTable] | None = None) -> FactTable:
    """The facts of a table already read."""
    facts: dict[str, Fact] = {}
    for row in sheet.rows:
        if row.group:
            continue
        fact = _fact(sheet, row, facts)
        facts[fact.path] = fact  # an explicit attribute takes the place of an implied one
        if row.type.startswith(LIKE):
            _graft(facts, fact, (like or {}).get(row.type[len(LIKE) :]), row.line)
        elif not fact.attribute:
            for below in _implied(sheet, row, fact):
                facts.setdefault(below.path, below)
    return FactTable(
        namespace=sheet.namespace,
        root=sheet.root,
        version=sheet.version,
        title=sheet.title,
        official=sheet.status == "official",
        facts=facts,
    )


def _fact(sheet: Sheet, row: Row, facts: Mapping[str, Fact]) -> Fact:
    return Fact(
        path=_path(row, facts),
        namespace=_XML if row.steps[-1].startswith("@xml:") else row.namespace,
        name=row.name,
        attribute=row.attribute,
        min=0 if _in_choice(sheet, row) else row.min,
        max=row.max,
        type="class" if row.type.startswith(LIKE) else row.type,
        wco_id=row.wco_id,
        wco_name=row.wco_name,
        tded=row.tded,
        format=row.format,
        codes=row.codes,
        pattern=row.pattern,
        note=row.note,
    )


def _path(row: Row, facts: Mapping[str, Fact]) -> str:
    """Local names; a step keeps its prefix where the local name is already taken by a sibling."""
    path = ""
    for depth, step in enumerate(row.steps):
        if step.startswith("?"):
            continue
        bare = ("@" if step.startswith("@") else "") + step.rpartition(":")[2].lstrip("@")
        last = depth == len(row.steps) - 1
        plain = f"{path}/{bare}".lstrip("/")
        kept = f"{path}/{step}".lstrip("/")
        clash = ":" in step and (kept in facts or (last and plain in facts and not facts[plain].attribute))
        path = kept if clash else plain
    return path


def _in_choice(sheet: Sheet, row: Row) -> bool:
    """A member of a choice or of an optional group need not be there, whatever its own row says."""
    if not any(step.startswith("?") for step in row.steps):
        return False
    groups = [steps for steps in (row.steps[:end] for end in range(1, len(row.steps))) if steps[-1].startswith("?")]
    near = [steps for steps in groups if all(step.startswith("?") for step in row.steps[len(steps) : -1])]
    return any(other.type == "choice" or other.min == 0 for other in sheet.rows if other.steps in near)


def _implied(sheet: Sheet, row: Row, fact: Fact) -> list[Fact]:
    style = sheet.styles.get(row.namespace, "")
    found = [
        Fact(path=f"{fact.path}/@{name}", namespace="", name=name, attribute=True, min=0, max=1, type=word)
        for name, word in implied_attributes(row.type, style)
    ]
    if row.type == "datetimestring":
        found += _date(fact, sheet.dates.get(row.namespace, row.namespace))
    return found


def _date(fact: Fact, namespace: str) -> list[Fact]:
    path = f"{fact.path}/DateTimeString"
    return [
        Fact(
            path=path, namespace=namespace, name="DateTimeString", attribute=False, min=1, max=1, type="string",
            wco_id=fact.wco_id, wco_name=fact.wco_name, tded=fact.tded, format=fact.format,
        ),
        Fact(
            path=f"{path}/@formatCode", namespace="", name="formatCode", attribute=True, min=1, max=1, type="string",
            tded="2379", codes="one of: 102 | 304",
        ),
    ]  # fmt: skip


def _graft(facts: dict[str, Fact], fact: Fact, table: FactTable | None, line: int) -> None:
    """Everything below the like-named element of another table, at this place."""
    if table is None:
        return
    same = [other for other in table.facts.values() if (other.namespace, other.name) == (fact.namespace, fact.name)]
    if not same:
        raise ConfigurationError("no such element", findings=(problem("like", line, name=fact.name),))
    top = same[0].path + "/"
    for path, other in table.facts.items():
        if path.startswith(top):
            moved = f"{fact.path}/{path[len(top) :]}"
            facts[moved] = replace(other, path=moved)
