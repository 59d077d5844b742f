"""When the receiver's schema refuses a value of ours: whose value it was, and which rule passed it on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.errors import Finding
from gateway.mapping.provenance import Trace, explain
from gateway.mapping.translation import Translation


def unfit(
    findings: Sequence[Finding], payload: bytes, translation: Translation, context: Mapping[str, str]
) -> tuple[Finding, ...]:
    """The schema's findings about a translation as findings about the document it was made of (`mapping.form`).

    Empty when one of them is not about a value that the document gave: then table or gateway are wrong, not the
    sender. Costs a second translation; only a translation that was refused asks for it.
    """
    traces = {trace.target: trace for trace in explain(payload, translation, context)[1]}
    found = [_finding(one, traces.get(one.path.lstrip("/")), translation.table.name) for one in findings]
    told = tuple(finding for finding in found if finding is not None)
    return told if len(told) == len(found) else ()


def _finding(refused: Finding, trace: Trace | None, table: str) -> Finding | None:
    sources = [(place, text) for place, text in trace.sources if not place.startswith("$")] if trace else []
    if trace is None or not sources:
        return None
    return Finding(
        rule="mapping.form",
        params={
            "table": table, "line": str(trace.line), "rule": trace.rule, "convert": trace.convert,
            "source": " + ".join(place for place, _ in sources), "reason": refused.rule,
        },
        path=trace.target,
        value=refused.value or trace.value,
        wco_id=refused.wco_id,
        wco_name=refused.wco_name,
    )  # fmt: skip
