"""The page of one message: what happened to it, where it stands, and what a person may do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from flask import Flask, abort, g, redirect, render_template, request
from werkzeug.wrappers import Response

from gateway.errors import InternalError
from gateway.model import CorridorId
from gateway.schema.reported import objections
from gateway.shell.console.acts import Act, read_act, remember
from gateway.shell.console.house import House
from gateway.shell.console.messages import mapping_of
from gateway.shell.console.provenance import made_by, official, signer_of
from gateway.shell.pages import EvidenceLine, MessageStory
from gateway.shell.queries import message

STEPS: Final = ("open", "verify", "twin", "validate", "codes", "receipt")
SAID: Final = ("who", "why", "attempt", "code", "detail", "signer", "decision", "means")
"""Members of an event's words that the timeline speaks of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One thing that happened. `after` = seconds since the message came; `way` = the corridor it belongs to."""

    at: datetime
    event: str
    after: float
    way: str
    detail: dict[str, Any]
    digest: str


def add_to(app: Flask, house: House) -> None:
    """`/messages/<id>` and the form on it."""

    @app.get("/messages/<uuid:entry>", endpoint="messages_story")
    def overview(entry: UUID) -> str:
        """What happened, where it stands, and what belongs to it."""
        return _overview(house, entry, None)

    @app.post("/messages/<uuid:entry>/requeue", endpoint="messages_requeue")
    def requeue(entry: UUID) -> Response | tuple[str, int]:
        """A person sends an ended delivery on its way again."""
        act, corridor = read_act(), request.form.get("corridor", "")
        if act.problems:
            return _overview(house, entry, act), 422
        if corridor not in {one.corridor for one in message(house.store, entry).deliveries}:
            abort(404)
        try:
            done = house.ledger.requeue(entry, CorridorId(corridor), who=act.who, why=act.why)
        except InternalError:  # the corridor is no longer configured
            done = False
        return remember(redirect(f"/messages/{entry}?done={'requeued' if done else 'unchanged'}", 303), act)


def _overview(house: House, entry: UUID, act: Act | None) -> str:
    story = message(house.store, entry)
    return render_template(
        "story.html", tab="story", story=story, moments=tuple(moments(story)), steps=steps(story), act=act,
        mapped={one.corridor for one in story.deliveries if mapping_of(house.setup, one.corridor)},
        asked=request.form.get("corridor", ""), done=request.args.get("done", ""),
        objections=objections(story.entry.document.payload, house.setup.schemas),
        corridors=house.setup.corridors, made=made_by(story, house.setup),
        signer=signer_of(story, house.setup, g.speech.now),
        official=official(house.setup.schemas, story.entry.document.schema),
        overdue={one.corridor for one in story.deliveries if _late(one.answer_due, one.answered_by)},
    )  # fmt: skip


def _late(due: datetime | None, answered: UUID | None) -> bool:
    return due is not None and answered is None and due <= g.speech.now


def steps(story: MessageStory) -> list[tuple[str, float, float]]:
    """Name, milliseconds, and share of the longest in percent, in the order of the line."""
    known = [name for name in STEPS if name in story.steps] + [name for name in story.steps if name not in STEPS]
    longest = max(story.steps.values(), default=0.0) or 1.0
    return [(name, story.steps[name], 100 * story.steps[name] / longest) for name in known]


def moments(story: MessageStory) -> Iterator[Moment]:
    """Everything the evidence says of this message, in the order of time."""
    for link in sorted(story.evidence, key=lambda one: (one.at, one.seq)):
        yield _moment(link, story.entry.received_at)


def _moment(link: EvidenceLine, start: datetime) -> Moment:
    detail = dict.fromkeys(SAID, "") | dict(link.detail)
    way = str(detail.pop("corridor", ""))
    return Moment(
        at=link.at, event=link.event, after=max(0.0, (link.at - start).total_seconds()), way=way, detail=detail,
        digest=link.digest,
    )  # fmt: skip
