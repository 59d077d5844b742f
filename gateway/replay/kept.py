"""Finds a message in the store by any id that people have of it, and writes it as a fixture."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Final

from gateway.errors import MessageUnknown
from gateway.replay.record import record, write_fixture
from gateway.setup import OWN_ID
from gateway.shell.demo_ca import write_private
from gateway.shell.pages import MessageStory
from gateway.shell.queries import entry_by_our_id, message, messages
from gateway.shell.rows import plain_id
from gateway.shell.store import Store

_SALT: Final = "scrub.salt"
_SLUG: Final = re.compile("[^a-z0-9]+")


def record_kept(store: Store, wanted: str, out: Path, *, salt: bytes = b"") -> Path:
    """Write the fixture's folder below `out` and return it.

    `wanted` is the sender's message id, the gateway's id of the message, or the id of an envelope that we sent for it;
    an answer, or what we said because nobody answered, is recorded with its question. With a `salt` the fixture is
    scrubbed, the same value always the same. Raises MessageUnknown, FileExistsError.
    """
    story = _whole(store, wanted)
    receiver = next((one.receiver for one in story.deliveries if plain_id(one.message_id) == plain_id(wanted)), "")
    answer = _answer(store, story, receiver)
    files = record(story, receiver=receiver, answer=answer, scrub=bool(salt), salt=salt)
    entry = story.entry
    name = f"{entry.received_at:%Y%m%d}-{_SLUG.sub('-', entry.document.type.lower())}-{entry.id.hex[-6:]}"
    write_fixture(out / name, files)
    return out / name


def scrub_salt(keys: Path) -> bytes:
    """What this gateway scrubs by, made once beside its keys: whoever has it can try out which value became which."""
    file = keys / _SALT
    if not file.exists():
        write_private(file, secrets.token_bytes(32))
    return file.read_bytes()


def _whole(store: Store, wanted: str) -> MessageStory:
    """The story of a message, of the question where it is an answer. Raises MessageUnknown."""
    lines = messages(store, search=wanted, limit=5).lines
    sent = next((one.id for one in lines if plain_id(one.message_id) == plain_id(wanted)), None)
    entry = sent or entry_by_our_id(store, wanted)
    if entry is None:
        raise MessageUnknown(f"no message {wanted}")
    story = message(store, entry)
    return story if story.entry.answers is None else message(store, story.entry.answers)


def _answer(store: Store, story: MessageStory, receiver: str) -> MessageStory | None:
    """The story of the receiver's answer, where one came and went on."""
    for one in story.deliveries:
        if one.answered_by is not None and receiver in ("", one.receiver):
            found = message(store, one.answered_by)
            return found if found.entry.sender != OWN_ID and found.deliveries else None
    return None
