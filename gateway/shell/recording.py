"""Makes a fixture of a message that the ledger keeps: what came in, what left, the answer, the clock and the ids."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, LiteralString
from uuid import UUID

from gateway.errors import MessageUnknown
from gateway.identifiers import kz_check_digit
from gateway.mapping import translate
from gateway.model import Delivery
from gateway.pipeline import context_of
from gateway.registry import Registry
from gateway.setup import OWN_ID
from gateway.shell.pages import MessageStory
from gateway.shell.queries import message, messages
from gateway.shell.rows import delivery_of
from gateway.shell.store import Store
from gateway.xml import canonical, parse, tag_of

WAYS: Final[LiteralString] = "select w.* from delivery_way w where w.entry = %s order by w.seq"
_TWELVE: Final = re.compile(r"(?<![0-9])[0-9]{12}(?![0-9])")
_NAMED: Final = re.compile(
    "[A-Za-z]*Name(Local|En)?|name(Local|En)|Line|[A-Za-z]*Address|addr|Имя|ФИО|Наименование\\w*|Адрес\\w*|Мекенжай"
)
_SLUG: Final = re.compile("[^a-z0-9]+")
Files = dict[str, bytes]
Clean = Callable[[bytes], bytes]


def record_fixture(store: Store, rules: Registry, wanted: str, out: Path, *, scrub: bool = False) -> Path:
    """Write the fixture's folder below `out` and return it.

    `wanted` is our own id of the message, or the sender's message id. With `scrub` names, addresses and numbers of
    persons and firms are replaced, the same value always by the same. Raises MessageUnknown.
    """
    story = message(store, _entry_id(store, wanted))
    deliveries = _deliveries(store, story.entry.id)
    clean = Scrubber().document if scrub else bytes
    files: Files = {"in.xml": clean(story.entry.document.payload)}
    words = _words(story, deliveries)
    if any(line.state == "delivered" for line in story.deliveries):
        files["out.xml"] = _translated(deliveries[0], files["in.xml"], rules)
    else:
        words["expect"] = next((line.code for line in story.deliveries if line.code), "delivered")
    answer = _answer(store, story, rules, files, clean)
    if answer is not None:
        words |= {"silent": True} if not answer else {"answer": answer}
    folder = out / _folder_name(story)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "case.toml").write_text(_toml(words), "utf-8")
    return folder


def _folder_name(story: MessageStory) -> str:
    entry = story.entry
    return f"{entry.received_at:%Y%m%d}-{_SLUG.sub('-', entry.document.type.lower())}-{entry.id.hex[-6:]}"


def _entry_id(store: Store, wanted: str) -> UUID:
    page = messages(store, search=wanted, limit=5)
    exact = [line for line in page.lines if wanted in (line.message_id, str(line.id))]
    if exact:
        return exact[0].id
    try:
        return UUID(wanted)
    except ValueError:
        raise MessageUnknown(f"no message {wanted}") from None


def _deliveries(store: Store, entry: UUID) -> list[Delivery]:
    return [delivery_of(row) for row in store.fetch(WAYS, [entry])]


def _words(story: MessageStory, deliveries: list[Delivery]) -> dict[str, object]:
    entry = story.entry
    soap = story.wire is not None and b"Envelope" in story.wire[:2000]
    sent = {"sent_id": deliveries[0].message_id} if deliveries else {}
    return {
        "why": f"Recorded: {entry.document.type} from {entry.sender}",
        "source": "recorded from the ledger",
        "from": entry.sender,
        "to": story.deliveries[0].receiver if story.deliveries else OWN_ID,
        "type": entry.document.type,
        "style": "soap" if soap else "rest",
        "message_id": entry.claims.message_id,
        "conversation_id": entry.claims.conversation_id or entry.claims.message_id,
        "now": entry.received_at,
        "entry_id": str(entry.id),
        **sent,
        "expect": "delivered",
        "findings": [],
    }


def _translated(delivery: Delivery, payload: bytes, rules: Registry) -> bytes:
    """What left: translated once more, which gives the same as then, since nothing but the message decides it."""
    corridor = rules.corridors[delivery.corridor]
    if not corridor.mapping:
        return canonical(parse(payload))
    return translate(payload, rules.translations[corridor.mapping], context_of(delivery, corridor))


def _answer(store: Store, story: MessageStory, rules: Registry, files: Files, clean: Clean) -> dict[str, object] | None:
    """The words of the business answer, its files put to the others; empty when we answered ourselves; None = none."""
    answered = next((line.answered_by for line in story.deliveries if line.answered_by), None)
    if answered is None:
        return None
    answer, deliveries = message(store, answered).entry, _deliveries(store, answered)
    if answer.sender == OWN_ID or not deliveries:
        return {}
    files["answer-in.xml"] = clean(answer.document.payload)
    files["answer-out.xml"] = _translated(deliveries[0], files["answer-in.xml"], rules)
    gives = rules.corridors[deliveries[0].corridor].gives
    return {"type": gives, "message_id": answer.claims.message_id, "now": answer.received_at}


class Scrubber:
    """Replaces what names people and firms, the same value always by the same, with numbers that stay valid."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def document(self, content: bytes) -> bytes:
        """The document with its values replaced, in canonical form."""
        root = parse(content)
        for element in root.iter("{*}*"):
            if len(element) or not element.text:
                continue
            if _NAMED.fullmatch(tag_of(element).rpartition("}")[2]):
                element.text = self._instead(element.text, lambda number: f"Sample {number}")
            else:
                element.text = _TWELVE.sub(lambda found: self._instead(found[0], _sample_number), element.text)
        return canonical(root)

    def _instead(self, value: str, make: Callable[[int], str]) -> str:
        return self._known.setdefault(value, make(len(self._known) + 1))


def _sample_number(number: int) -> str:
    """A number of the shape of a BIN, with its check digit; of December 1999, when none was given out yet."""
    for count in range(number * 100, number * 100 + 100):
        first = f"99124{count:06d}"
        digit = kz_check_digit(first)
        if digit is not None:
            return f"{first}{digit}"
    raise ValueError("no number with a check digit")


def _toml(words: Mapping[str, object]) -> str:
    plain = [f"{key} = {_value(value)}" for key, value in words.items() if not isinstance(value, Mapping)]
    tables = [line for key, value in words.items() if isinstance(value, Mapping)
              for line in (f"[{key}]", *(f"{name} = {_value(one)}" for name, one in value.items()))]  # fmt: skip
    return "\n".join([*plain, *tables, ""])


def _value(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, bool | list):
        return json.dumps(value)
    return json.dumps(str(value), ensure_ascii=False)
