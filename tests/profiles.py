"""The messages of our own profiles that no adapter carries yet, each with its sample."""

from __future__ import annotations

from functools import cache

from gateway.codes.check import Desk
from gateway.model import DocumentType, Schema
from gateway.schema import Schemas
from gateway.schema.shelf import all_schemas, catalogue
from tests.schemas import ROOT
from tests.twins import facts_of, known, registry

MESSAGES = sorted(message.document for message in catalogue(registry()).values() if message.schema)


def record(message: str) -> Schema:
    """The record of a message."""
    return known()[DocumentType(message)]


def sample(message: str) -> bytes:
    """Its one valid document that shows nearly every element."""
    return (ROOT / record(message).path).parent.joinpath("samples", f"{message}.xml").read_bytes()


@cache
def schemas() -> Schemas:
    """Everything the gateway can judge."""
    return all_schemas(registry())


@cache
def desk(message: str) -> Desk:
    """What its values are held to."""
    return Desk(facts_of(message), registry().lists)
