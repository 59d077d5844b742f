"""The desks for messages that are too long for memory: judged, translated and checked while they are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import BinaryIO, Protocol

from gateway import attachments
from gateway.envelope.rest import REST_MEDIA_TYPE
from gateway.errors import ConfigurationError, Finding, GatewayError, InternalError, NoCorridor
from gateway.joined import Stretch, joined
from gateway.mapping.stream import translate_stream
from gateway.mapping.streamable import streamable
from gateway.model import ATTACHMENT_TYPE, Corridor, Delivery, Document, Large, Partner, Verified
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


def passable(document: Document, corridors: Iterable[Corridor], setup: Setup) -> None:
    """A long document, or a file, can be passed on over all of its corridors. Raises NoCorridor with what hinders."""
    if document.large is None and document.type != ATTACHMENT_TYPE:
        return
    hinders = _hinders_file if document.type == ATTACHMENT_TYPE else _hinders
    told = [(corridor.receiver, hinders(corridor, setup.partners[corridor.receiver], setup)) for corridor in corridors]
    found = tuple(Finding(rule=f"route.{rule}", params={"receiver": receiver}) for receiver, rule in told if rule)
    if found:
        raise NoCorridor("this message cannot go on as it is", findings=found)


def _hinders_file(_corridor: Corridor, receiver: Partner, _setup: Setup) -> str:
    return "file-profile" if receiver.profile != "rest-gw-1" else ""


def _hinders(corridor: Corridor, receiver: Partner, setup: Setup) -> str:
    """The rule that a long document breaks; empty = none."""
    if receiver.format == "json":
        return "large-format"
    if corridor.silence is not None:  # what we say when nobody answers is made from the whole question
        return "large-table"
    if corridor.mapping:
        try:
            streamable(setup.translations[corridor.mapping])
        except ConfigurationError:
            return "large-table"
    return ""


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


class Split(Protocol):
    """Octets of which a long stretch, if there is one, is elsewhere: it stands in `body` at `split`."""

    @property
    def body(self) -> bytes: ...
    @property
    def large(self) -> Large | None: ...
    @property
    def split(self) -> int: ...


def leaving(whole: Split, depot: Depot) -> BinaryIO:
    """All of it, to be read and then closed."""
    large, body = whole.large, whole.body
    if large is None:
        return joined(body)
    source = depot.open(large)
    return joined(body[: whole.split], Stretch(source, 0, large.size), body[whole.split :]) if body else source


def depot_of(setup: Setup) -> Depot:
    """Where long bodies are. Raises InternalError where there is no such place."""
    if setup.depot is None:
        raise InternalError("there is no depot for long messages")
    return setup.depot


def _large(found: Large | None) -> Large:
    assert found is not None  # noqa: S101 - asked for long messages only
    return found
