"""Every message as a page for people: its elements, what they mean, how they are written, and a real document of it.

Static HTML with a style sheet of its own and nothing from elsewhere; made on demand into a folder, never committed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

from gateway.codes.lists import Binding, CodeLists, read_code_lists
from gateway.errors import GatewayError
from gateway.facts.fact import Fact, FactTable
from gateway.model import Document, Schema
from gateway.outline import Outline
from gateway.registry import Registry
from gateway.schema import validate_bare
from gateway.schema.generate import load_facts
from gateway.schema.page_parts import CSS, codes_page, frame, link, values_of
from gateway.schema.shelf import called, every_record
from gateway.twin import twin_of
from gateway.twin.json_schema import json_schema

_SAMPLES: Final = 3
"""Different values shown for an element."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A message with its facts and, by name, valid documents of it; the first is shown whole."""

    schema: Schema
    facts: FactTable
    samples: Mapping[str, bytes]
    version: str = ""
    """Set for a version that is not the one that stands for the message."""

    @property
    def name(self) -> str:
        """What the message is called here."""
        return "@".join(filter(None, (str(self.schema.document), self.version)))

    @property
    def file(self) -> str:
        """What its files are called, without ending."""
        return self.name.replace("@", "-")


def schema_pages(messages: Sequence[Described], lists: CodeLists | None = None) -> dict[str, str]:
    """All files of the site by name: `index.html`, page and JSON Schema of each message, `codes.html`, the style."""
    pages = {"index.html": _index(messages, lists), "schema.css": CSS}
    for message in messages:
        name = message.file
        bound = lists.bound(message.facts) if lists else {}
        pages[f"{name}.html"] = schema_page(message, bound, lists)
        pages[f"{name}.schema.json"] = json.dumps(json_schema(message.facts), ensure_ascii=False, indent=1) + "\n"
    if lists:
        pages["codes.html"] = codes_page(lists)
    return pages


def describe(registry: Registry) -> tuple[tuple[Described, ...], CodeLists]:
    """Every message that is known with the valid documents among the fixtures, and the code lists of the tree."""
    tree = registry.tree
    files = {file.stem: file.read_text("utf-8") for file in tree.files("xsd/codes", "*.csv")}
    fixtures = documents_of(registry)
    messages = tuple(
        Described(
            schema=schema,
            facts=load_facts(tree.path(schema.path), schema.root),
            samples=fixtures.get(str(schema.document), {}),
            version=called(registry, schema).partition("@")[2],
        )
        for schema in every_record(registry)
    )
    return messages, read_code_lists(files)


def write_pages(registry: Registry, folder: Path) -> list[Path]:
    """The whole site written into a folder, which is made if it is not there; the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = schema_pages(*describe(registry))
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    return [folder / name for name in pages]


def documents_of(registry: Registry) -> dict[str, dict[str, bytes]]:
    """The valid documents among the adapters' fixtures and the samples beside the schemas, by message and name."""
    found: dict[str, dict[str, bytes]] = {}
    for adapter in registry.tree.folders("adapters"):
        for file in sorted(adapter.glob("fixtures/*/*.xml")):
            payload = file.read_bytes()
            known = validate_bare(payload, registry.schemas)
            if isinstance(known, Document):
                found.setdefault(str(known.type), {})[f"{file.parent.name}/{file.stem}"] = payload
    for family in registry.tree.folders("xsd"):
        for file in sorted(family.glob("samples/*.xml")):
            found.setdefault(file.stem, {})[f"{family.name}/{file.stem}"] = file.read_bytes()
    return found


# --- one message ------------------------------------------------------------------------------------------------------
def schema_page(message: Described, bound: Mapping[str, Binding], lists: CodeLists | None) -> str:
    """The page of one message."""
    name, facts = message.name, message.facts
    shown = tuple(_twins(message))
    body = [
        f"<h1>{escape(facts.title or name)}</h1>",
        _about(message),
        f"<h2>Elements</h2>{_tree(facts, _values(twin for _, _, twin in shown), bound, lists)}",
    ]
    for sample, payload, twin in shown[:1]:
        text = json.dumps(twin, ensure_ascii=False, indent=2)
        body += [
            f"<h2>Example <small>{escape(sample)}</small></h2>",
            f"<pre tabindex='0'>{escape(payload.decode('utf-8', 'replace').strip())}</pre>",
            f"<h2>The same as JSON</h2><p>Every value is a string; what may repeat is an array; see "
            f"{link(f'{message.file}.schema.json', 'its JSON Schema')}.</p>",
            f"<pre tabindex='0'>{escape(text)}</pre>",
        ]
    return frame(name, "".join(body))


def _about(message: Described) -> str:
    facts, schema = message.facts, message.schema
    status = "official schema" if facts.official else "our documented profile, not an official schema"
    rows = {
        "Message": str(schema.document),
        "Root element": facts.root,
        "Namespace": facts.namespace or "none",
        "Version": facts.version,
        "Status": status,
        "Schema file": schema.path,
    }
    told = [f"{path} = {' or '.join(sorted(values))}" for path, values in schema.when.items()]
    rows |= {"Told apart by": "; ".join(told)} if told else {}
    keys = [f"{scheme}: {path}" for scheme, path in schema.keys.items()]
    rows |= {"Found by": "; ".join(keys)} if keys else {}
    return "<dl>" + "".join(f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>" for term, text in rows.items()) + "</dl>"


def _twins(message: Described) -> Iterator[tuple[str, bytes, Mapping[str, object]]]:
    """The samples with their twins; one that has none is left out."""
    for name, payload in message.samples.items():
        try:
            yield name, payload, twin_of(payload, message.facts)
        except GatewayError:
            continue


def _values(twins: Iterable[Mapping[str, object]]) -> dict[str, list[str]]:
    """Different values by path, as they stand in the samples."""
    found: dict[str, list[str]] = {}
    for twin in twins:
        for path, text in values_of(twin):
            known = found.setdefault(path, [])
            if text not in known and len(known) < _SAMPLES:
                known.append(text)
    return found


def _tree(
    facts: FactTable, values: Mapping[str, list[str]], bound: Mapping[str, Binding], lists: CodeLists | None
) -> str:
    heads = ("Element", "Occurs", "WCO id", "Name", "Form", "Codes", "For example")
    top = "".join(f'<th scope="col">{head}</th>' for head in heads)
    outline = Outline(facts)
    rows: list[str] = []
    for fact in facts.facts.values():
        if not _implied(fact):
            plain = [child for child in outline.attributes(fact.path).values() if _implied(child)]
            rows.append(_row(fact, plain, values.get(fact.path, []), _codes(fact, bound.get(fact.path), lists)))
    return f"<div class='wide'><table><thead><tr>{top}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"


def _implied(fact: Fact) -> bool:
    """An attribute of which the table says nothing but its name."""
    return fact.attribute and not (fact.wco_id or fact.min or fact.codes or fact.format or fact.pattern)


def _row(fact: Fact, plain: Sequence[Fact], values: Sequence[str], codes: str) -> str:
    depth = fact.path.count("/")
    name = escape(fact.path.rpartition("/")[2])
    beside = " ".join(f'<code data-path="{escape(one.path)}">@{escape(one.name)}</code>' for one in plain)
    form = " ".join(filter(None, (fact.type, fact.format)))
    pattern = f"<br><code>{escape(fact.pattern)}</code>" if fact.pattern else ""
    cells = (
        f"{fact.min}..{'*' if fact.max is None else fact.max}",
        escape(fact.wco_id) + (f"<br><small>{escape(fact.tded)}</small>" if fact.tded else ""),
        escape(fact.wco_name) + (f"<br><small>{escape(fact.note)}</small>" if fact.note else ""),
        escape(form) + pattern,
        codes,
        "<br>".join(f"<q>{escape(value)}</q>" for value in values),
    )
    head = f'<th scope="row" style="--depth:{depth}"><code>{name}</code>'
    if beside:
        head += f"<details><summary>{len(plain)} attribute{'s' * (len(plain) > 1)}</summary>{beside}</details>"
    kind = "class" if fact.type == "class" else "value"
    data = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr class="{kind}" id="{escape(fact.path)}" data-path="{escape(fact.path)}">{head}</th>{data}</tr>\n'


def _codes(fact: Fact, binding: Binding | None, lists: CodeLists | None) -> str:
    """The codes the XSD knows, the list the code check knows, else what the schema table names."""
    if fact.choices:
        return " ".join(f"<code>{escape(choice)}</code>" for choice in fact.choices)
    if binding and binding.book and lists:
        return link(f"codes.html#{binding.book}", lists.books[binding.book].title)
    if binding and binding.check:
        return f"check: {escape(binding.check)}"
    return escape(fact.codes)


# --- all messages -----------------------------------------------------------------------------------------------------
def _index(messages: Sequence[Described], lists: CodeLists | None) -> str:
    rows = "".join(
        f'<tr><th scope="row">{link(f"{message.file}.html", message.name)}</th>'
        f"<td>{escape(message.facts.title)}</td><td>{escape(message.facts.version)}</td>"
        f"<td><code>{escape(message.facts.namespace)}</code></td><td>{len(message.facts.facts)}</td>"
        f"<td>{'official' if message.facts.official else 'profile'}</td></tr>\n"
        for message in sorted(messages, key=lambda one: one.name)
    )
    heads = ("Message", "Title", "Version", "Namespace", "Elements", "Status")
    top = "".join(f'<th scope="col">{head}</th>' for head in heads)
    codes = f"<p>{link('codes.html', 'Code lists')} with the days on which each code holds.</p>" if lists else ""
    body = f"<h1>Messages</h1>{codes}<table><thead><tr>{top}</tr></thead><tbody>{rows}</tbody></table>"
    return frame("Messages", body)
