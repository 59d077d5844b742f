"""Who signed a message and what made the document that left: told from what was kept, not from what is true today."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from gateway.errors import GatewayError
from gateway.model import WSSE, PartnerId
from gateway.schema import Schemas
from gateway.setup import Setup
from gateway.shell.console.partners import Certificate, read_certificate
from gateway.shell.pages import MessageStory
from gateway.xml import parse, text_of


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeBy:
    """What made the document that left on one way. `now` is the digest of the same table today, empty = it is gone."""

    table: str
    version: str
    digest: str
    codes: str
    schema: str
    now: str

    @property
    def changed(self) -> bool:
        """True when the table has another content today."""
        return self.digest != self.now


def signer_of(story: MessageStory, setup: Setup, now: datetime) -> Certificate | None:
    """The certificate that signed the message: the partner's registered one, else the one the envelope carried.

    Its `use` is `signer`, `retired`, or `unlisted` where the partner's record no longer has it. None = not to be had.
    """
    wanted = str(story.seal.get("certificate", ""))
    partner = setup.partners.get(PartnerId(story.entry.sender))
    for one in partner.certificates if partner else ():
        if one.sha256 == wanted:
            return read_certificate(one.der, "retired" if one.retired else "signer", now)
    carried = _carried(story.wire) if story.wire and wanted else None
    if carried is None or sha256(carried).hexdigest() != wanted:
        return None
    return read_certificate(carried, "unlisted", now)


def made_by(story: MessageStory, setup: Setup) -> dict[str, MadeBy]:
    """By corridor, from the last link of the evidence that says what was sealed; only where a table was used."""
    found: dict[str, MadeBy] = {}
    for link in sorted(story.evidence, key=lambda one: (one.at, one.seq)):
        words: Mapping[str, object] = link.detail
        if link.event == "sealed" and "mapping" in words:
            table, _, digest = str(words["mapping"]).rpartition("@")
            today = setup.translations.get(table)
            found[str(words.get("corridor", ""))] = MadeBy(
                table=table, version=str(words.get("mapping_version", "")), digest=digest,
                codes=str(words.get("codes", "")), schema=str(words.get("schema", "")),
                now=today.table.digest if today else "",
            )  # fmt: skip
    return found


def official(schemas: Schemas, label: str) -> bool | None:
    """Whether the schema of a label (`path@sha256`) is an official one; None where it is no longer here."""
    path = label.partition("@")[0]
    return next((one.official for one in schemas if one.path == path), None)


def _carried(wire: bytes) -> bytes | None:
    """The certificate in the token of an envelope."""
    try:
        token = next(parse(wire).iter(f"{{{WSSE}}}BinarySecurityToken"), None)
        return None if token is None else base64.b64decode(text_of(token), validate=False)
    except (GatewayError, binascii.Error):
        return None
