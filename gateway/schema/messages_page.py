"""The page of all messages (`docs/messages.md`), made from the catalogue, the adapters and the schema tables."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from gateway.facts import FactTable
from gateway.messages import KINDS, Message
from gateway.model import DocumentType, Schema
from gateway.registry import Registry, load
from gateway.schema.shelf import all_records, catalogue, facts_of

_HEAD = """# Messages

Made from `xsd/messages.csv`, the adapters and the schema tables by `python -m gateway.schema.messages_page`; do not
edit by hand. `gateway schema show MESSAGE` prints the elements of one, `xsd/<family>/samples` holds documents.

*exchanged*: a corridor carries it today; *known*: validated and described, for corridors to come. A *profile* is our
own documented format where no public schema is known; *partner format*: a public format met as it is, from a table of
ours. None of them is an official publication of the body whose names it uses.

Pattern: {kinds}.
"""
_COLUMNS = ("message", "pattern", "from", "to", "key", "answered by", "schema", "version", "status")
_PARTNERS = frozenset({"alvs", "asycuda", "ccn2", "certex", "eaeu", "ics2", "ncts", "sps"})
_WCO = "wco"


def render(registry: Registry) -> str:
    """The page: what is in the catalogue first, in its order; then what only an adapter or a table names."""
    rows, known = catalogue(registry), all_records(registry)
    order = [*(name for name in rows if name in known), *sorted(name for name in known if name not in rows)]
    kinds = ", ".join(f"`{code}` {words}" for code, words in KINDS.items())
    lines = [_line(registry, known[name], rows.get(name)) for name in order]
    return _HEAD.format(kinds=kinds) + "\n" + "\n".join([*_top(), *lines]) + "\n"


def _top() -> Iterator[str]:
    yield f"| {' | '.join(_COLUMNS)} |"
    yield f"|{'---|' * len(_COLUMNS)}"


def _line(registry: Registry, record: Schema, message: Message | None) -> str:
    facts = facts_of(registry, record)
    senders, receivers = _parties(registry, record.document, message)
    cells = (
        f"`{record.document}` {facts.title}",
        message.kind if message else "",
        senders,
        receivers,
        message.key if message else ", ".join(record.keys),
        ", ".join(f"`{answer}`" for answer in message.answers) if message else "",
        f"`{record.path}`",
        record.version,
        _status(registry, record, facts),
    )
    return f"| {' | '.join(cells)} |"


def _parties(registry: Registry, document: DocumentType, message: Message | None) -> tuple[str, str]:
    """As the catalogue says, else as the corridors do."""
    if message is not None:
        return ", ".join(message.senders), ", ".join(message.receivers)
    taken = {corridor.sender for corridor in registry.corridors.values() if corridor.takes == document}
    given = {corridor.receiver for corridor in registry.corridors.values() if corridor.gives == document}
    return ", ".join(sorted(taken)) or "gateway", ", ".join(sorted(given)) or "gateway"


def _status(registry: Registry, record: Schema, facts: FactTable) -> str:
    family = record.path.split("/")[1]
    kind = "partner format" if family in _PARTNERS else "WCO shape" if family == _WCO else "profile"
    use = "exchanged" if record.document in registry.records else "known"
    return f"{use}; {kind}, {'official' if facts.official else 'not official'}"


if __name__ == "__main__":
    sys.stdout.write(render(load()))
