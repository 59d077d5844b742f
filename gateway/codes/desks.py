"""The code desk of the line: every message is held to its lists on its business day, once its schema took it.

What a partner sends is checked, at the door, where it can still be corrected. What we send is not checked again at run
time: its codes come from a checked message or from a table of ours, and the tests hold what the tables give to the
lists.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from datetime import date
from typing import BinaryIO

from gateway.codes.check import Desk, astana_day
from gateway.codes.lists import CodeLists
from gateway.codes.streamed import streamed_findings
from gateway.errors import Finding, RuleViolation
from gateway.facts import FactTable
from gateway.model import Document, DocumentType, Schema, Verified
from gateway.schema.explain import Offence, Received, place
from gateway.xml import Element, parse_again


class CodeDesks:
    """The desks of all messages of which some value is held to something; made once at start, safe to share."""

    def __init__(self, desks: Mapping[tuple[DocumentType, str], Desk]) -> None:
        """By document type and version."""
        self._desks = {kind: desk for kind, desk in desks.items() if desk.bound}

    def findings(
        self,
        document: Document,
        received: Received,
        otherwise: date,
        *,
        advice: bool = False,
        root: Element | None = None,
    ) -> tuple[Finding, ...]:
        """All that is wrong with the codes and numbers of a valid document, with places in the bytes as received.

        `otherwise` is the day that counts where the document tells none; `advice` = also what no message is refused
        for; `root` is the tree of the document where somebody has it. A message without bound codes costs nothing.
        """
        desk = self._desks.get((document.type, document.version))
        if desk is None:
            return ()
        root = parse_again(document.payload) if root is None else root
        offences = [
            Offence(
                element=breach.element, rule=breach.rule, params=breach.params, value=breach.value, fact=breach.fact,
                attribute=breach.fact.name if breach.fact.attribute else "",
            )
            for breach in desk.breaches(root, otherwise)
            if advice or not breach.advice
        ]  # fmt: skip
        return place(root, offences, received) if offences else ()

    def hold(self, document: Document, verified: Verified, root: Element | None = None) -> None:
        """The accepted document keeps to its lists. Raises RuleViolation with every finding."""
        received = Received(octets=verified.wire.body, at=verified.payload_at)
        findings = self.findings(document, received, astana_day(verified.wire.received_at), root=root)
        if findings:
            raise RuleViolation(f"{len(findings)} value(s) that no list or check takes", findings=findings)

    def hold_large(self, document: Document, verified: Verified, opened: Callable[[], BinaryIO]) -> None:
        """The accepted long document keeps to its lists, as `hold`; `opened` gives its octets, to be closed.

        Raises RuleViolation with the first findings.
        """
        with closing(opened()) as source:
            findings = self.findings_large(document, source, astana_day(verified.wire.received_at))
        if findings:
            raise RuleViolation(f"{len(findings)} or more value(s) that no list or check takes", findings=findings)

    def findings_large(self, document: Document, source: BinaryIO, otherwise: date) -> tuple[Finding, ...]:
        """The first codes and numbers of a long document that its lists do not know, as `findings`."""
        desk = self._desks.get((document.type, document.version))
        return streamed_findings(desk, source, otherwise) if desk is not None else ()


NO_CODES = CodeDesks({})
"""Nothing is held to anything."""


def code_desks(records: Collection[Schema], lists: CodeLists, facts: Callable[[Schema], FactTable]) -> CodeDesks:
    """The desks of these messages. Raises ConfigurationError when the index names a check that does not exist."""
    made: dict[tuple[str, str], Desk] = {}
    for record in records:
        if (record.path, record.root) not in made:
            made[record.path, record.root] = Desk(facts(record), lists)
    return CodeDesks({(record.document, record.version): made[record.path, record.root] for record in records})
