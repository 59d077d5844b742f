"""Makes a fixture of a message that the gateway keeps: payload, frozen clock, ids, what left, and what came back."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from gateway.envelope.media import JSON_MEDIA
from gateway.envelope.soap import Parts, open_soap
from gateway.model import ATTACHMENT_TYPE, Entry, Profile, Sealed, Wire
from gateway.replay.fixture import CASE, DELIVERED, STYLES
from gateway.replay.scrub import Scrubber
from gateway.xml import canonical


class Way(Protocol):
    """A delivery as it stands."""

    @property
    def corridor(self) -> str: ...
    @property
    def receiver(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def message_id(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def silent_at(self) -> datetime | None: ...


class Left(Protocol):
    """Bytes that left for one delivery."""

    @property
    def corridor(self) -> str: ...
    @property
    def sealed(self) -> Sealed: ...


class Story(Protocol):
    """A kept message with all that became of it, as `gateway.shell.queries.message` gives it."""

    @property
    def entry(self) -> Entry: ...
    @property
    def wire_facts(self) -> Mapping[str, Any]: ...
    @property
    def deliveries(self) -> Sequence[Way]: ...
    @property
    def sealed(self) -> Sequence[Left]: ...


_STYLE_NAMES: Final = {profile: name for name, profile in STYLES.items()}


def record(
    story: Story,
    *,
    receiver: str = "",
    answer: Story | None = None,
    scrub: bool = False,
    salt: bytes = b"",
    why: str = "",
) -> dict[str, bytes]:
    """The files of a fixture, by name. Raises ValueError for a message that cannot be played by itself.

    `receiver` chooses among several deliveries; `answer` is the story of the message that answered. With `scrub`
    persons and firms are replaced the same way in all files; `salt` empty = a new one each time.
    """
    if story.entry.answers is not None:
        raise ValueError("an answer is recorded with the message it answers")
    for one in (story, answer) if answer else (story,):
        if one.entry.document.large is not None or one.entry.document.type == ATTACHMENT_TYPE:
            raise ValueError("a file, or a message too long for memory, is no fixture")
    way = _way(story, receiver)
    files = {"in.xml": story.entry.document.payload}
    files |= _named("out.xml", _payload(story, way))
    if answer is not None:
        files["answer-in.xml"] = answer.entry.document.payload
        files |= _named("answer-out.xml", _payload(answer, _way(answer, story.entry.sender)))
    hide = _unchanged
    if scrub:
        scrubber = Scrubber(salt or secrets.token_bytes(32))
        for one in (story, answer) if answer else (story,):
            scrubber.learn_keys(one.entry.document.keys)
        scrubber.learn(files.values())
        files, hide = {name: scrubber.scrub(octets) for name, octets in files.items()}, scrubber.text
    return {CASE: _case(story, way, answer, why, hide).encode(), **files}


def _unchanged(text: str) -> str:
    return text


def write_fixture(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files of a new fixture. Raises FileExistsError where one stands already."""
    folder.mkdir(parents=True)
    for name, octets in files.items():
        (folder / name).write_bytes(octets)


def _way(story: Story, receiver: str) -> Way:
    found = [way for way in story.deliveries if receiver in ("", way.receiver)]
    if not found:
        raise ValueError(f"the message did not go to {receiver or 'anybody'}")
    return found[0]


def _payload(story: Story, way: Way) -> bytes | None:
    """The document inside what left for this delivery, last sealed; None when nothing left."""
    left = [one.sealed for one in story.sealed if one.corridor == way.corridor]
    if not left or way.state not in ("delivered", "queued"):
        return None
    if left[-1].content_type.startswith(JSON_MEDIA):  # fixtures are compared as XML
        return None
    return _opened(left[-1])


def _opened(sealed: Sealed) -> bytes:
    """The payload of an envelope of ours."""
    if _style(sealed.content_type) == "rest-gw-1":
        return sealed.body
    headers = tuple((name.lower(), value) for name, value in sealed.headers)
    wire = Wire(
        body=sealed.body, content_type=sealed.content_type, peer="", received_at=datetime.now(UTC), headers=headers
    )
    parts = open_soap(wire).parsed
    assert isinstance(parts, Parts)  # noqa: S101 - what opening a SOAP envelope gives
    return canonical(parts.payload)


def _case(story: Story, way: Way, answer: Story | None, why: str, hide: Callable[[str], str]) -> str:
    """`case.toml`: strings as JSON writes them, which TOML reads the same."""
    entry, claims = story.entry, story.entry.claims
    words = {
        "why": why or f"{entry.document.type} of {entry.received_at:%Y-%m-%d}, as it was kept",
        "source": "captured",
        "from": entry.sender,
        "to": way.receiver,
        "type": entry.document.type,
        "style": _STYLE_NAMES[_style(str(story.wire_facts.get("content_type", "")))],
        "message_id": claims.message_id,
        "conversation_id": hide(claims.conversation_id),
        "relates_to": claims.relates_to,
        "entry_id": str(entry.id),
        "sent_id": way.message_id,
        "expect": _expected(way),
    }
    lines = [f"{key} = {_text(value)}" for key, value in words.items() if value]
    lines.append(f"now = {_time(entry.received_at)}")
    if way.silent_at is not None and answer is None:
        lines.append("silent = true")
    if answer is not None:
        lines += [
            "[answer]",
            f"expect = {_text(_expected(_way(answer, entry.sender)))}",
            f"message_id = {_text(answer.entry.claims.message_id)}",
            f"now = {_time(answer.entry.received_at)}",
        ]
    return "".join(f"{line}\n" for line in lines)


def _expected(way: Way) -> str:
    return DELIVERED if way.state in ("delivered", "queued") else way.code


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _style(content_type: str) -> Profile:
    soap = content_type.lower().startswith(("text/xml", "application/soap+xml"))
    return "soap-gw-1" if soap else "rest-gw-1"


def _named(name: str, octets: bytes | None) -> dict[str, bytes]:
    return {} if octets is None else {name: octets}
