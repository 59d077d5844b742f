"""The schemas of customs, compiled once for all tests that need real documents."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from adapters.customs_kz import ADAPTER
from gateway.schema import Schemas
from gateway.schema.generate import load_facts

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden" / "schema"


@cache
def customs_schemas() -> Schemas:
    """Declarations, responses and the permit profile, with their facts."""
    return Schemas(
        ADAPTER.schemas,
        lambda path: (ROOT / path).read_bytes(),
        lambda record: load_facts(ROOT / record.path, record.root),
    )


def golden(name: str) -> bytes:
    """One document of the golden corpus, by its number and name."""
    return (GOLDEN / f"{name}.xml").read_bytes()
