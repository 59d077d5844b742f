"""The desks for messages that are too long for memory: judged, translated and checked while they are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import BinaryIO

from gateway import attachments
from gateway.envelope.rest import REST_MEDIA_TYPE
from gateway.errors import ConfigurationError, Finding, GatewayError, InternalError, NoCorridor
from gateway.mapping.stream import translate_stream
from gateway.mapping.streamable import streamable
from gateway.model import ATTACHMENT_TYPE, Corridor, Delivery, Document, Large, Verified
from gateway.ports import Depot
from gateway.schema.stream import check_large, validate_large
from gateway.setup import Setup


def judged(verified: Verified, setup: Setup) -> Document:
    """The long document that was signed is known and valid by its schema. Raises as `gateway.schema.validate`."""
    large = _large(verified.large)
    with closing(opened(large, setup)) as source, placed(large):
        return validate_large(source, large, setup.schemas)


def held(document: Document, verified: Verified, setup: Setup) -> None:
    """The long document keeps to its code lists, as a short one must. Raises RuleViolation with the first findings."""
    large = _large(document.large)
    with placed(large):
        setup.codes.hold_large(document, verified, lambda: opened(large, setup))


@contextmanager
def placed(large: Large) -> Iterator[None]:
    """Findings in the document say where in what came they are."""
    line, column = large.begins
    try:
        yield
    except GatewayError as error:
        error.findings = tuple(
            replace(one, line=one.line + line - 1, column=(one.column or 1) + (column - 1 if one.line == 1 else 0))
            if one.line else one for one in error.findings
        )  # fmt: skip
        raise


def passable(corridors: Iterable[Corridor], setup: Setup) -> None:
    """A long document can be passed on over all of its corridors. Raises NoCorridor with what hinders each."""
    found = tuple(finding for corridor in corridors for finding in _hindrances(corridor, setup))
    if found:
        raise NoCorridor("a message of this length cannot go on", findings=found)


def _hindrances(corridor: Corridor, setup: Setup) -> Iterable[Finding]:
    receiver = setup.partners[corridor.receiver]
    reason = ""
    if receiver.profile != "rest-gw-1":
        reason = "profile"
    elif receiver.format == "json":
        reason = "format"
    elif corridor.silence is not None:  # what we say when nobody answers is made from the whole question
        reason = "table"
    elif corridor.mapping:
        try:
            streamable(setup.translations[corridor.mapping])
        except ConfigurationError:
            reason = "table"
    if reason:
        yield Finding(rule=f"route.large-{reason}", params={"receiver": corridor.receiver})


def prepared(delivery: Delivery, corridor: Corridor, context: Mapping[str, str], setup: Setup) -> Document:
    """The long document in the receiver's words, valid by the receiver's schema.

    What was prepared before is taken as it is: it was kept, and would come out the same. Raises MappingGap,
    MappingInvalid.
    """
    document = delivery.entry.document
    if not corridor.mapping:
        return document
    if delivery.sealed is not None and delivery.sealed.large is not None:
        return replace(document, type=corridor.gives, version=corridor.gives_version, large=delivery.sealed.large)
    sheet = depot_of(setup).sheet()
    with closing(opened(_large(document.large), setup)) as source, closing(sheet.sink) as sink:
        translate_stream(setup.translations[corridor.mapping], source, sink, context)
    made = sheet.done()
    with closing(opened(made, setup)) as source:
        return check_large(source, made, corridor.gives, setup.schemas, corridor.gives_version)


def written(document: Document, media: str, setup: Setup) -> tuple[bytes, str]:
    """The octets that leave, none for a long document, and their media type."""
    if document.type == ATTACHMENT_TYPE:
        return document.payload, attachments.media_of_file(document)
    if document.large is not None:
        return b"", REST_MEDIA_TYPE
    return setup.twins.write(document.payload, document.type, media, document.version)


def opened(large: Large, setup: Setup) -> BinaryIO:
    """Its octets, to be closed."""
    return depot_of(setup).open(large)


def depot_of(setup: Setup) -> Depot:
    """Where long bodies are. Raises InternalError where there is no such place."""
    if setup.depot is None:
        raise InternalError("there is no depot for long messages")
    return setup.depot


def _large(found: Large | None) -> Large:
    assert found is not None  # noqa: S101 - asked for long messages only
    return found
