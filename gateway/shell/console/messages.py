"""The list of messages: newest first, filtered, searched by what people know, page by page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from flask import Flask, abort, g, redirect, render_template, request
from werkzeug.wrappers import Response

from gateway.lifecycle import State
from gateway.model import CorridorId
from gateway.setup import Setup
from gateway.shell.console.house import House
from gateway.shell.lanes import LaneCount, lane_counts
from gateway.shell.pages import MessagePage
from gateway.shell.queries import entry_by_our_id, messages

PAGE: Final = 50
LONGEST_SEARCH: Final = 256
WINDOWS: Final[Mapping[str, timedelta | None]] = {
    "hour": timedelta(hours=1), "day": timedelta(hours=24), "week": timedelta(days=7), "all": None,
}  # fmt: skip
KEYS_SHOWN: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a person asked the list for; empty = everything."""

    search: str
    state: str
    partner: str
    type: str
    window: str
    cursor: str

    @property
    def narrowed(self) -> bool:
        """True when anything but the window is chosen."""
        return bool(self.search or self.state or self.partner or self.type)

    def link(self, path: str, **more: str) -> str:
        """The same list elsewhere in it."""
        names = ("search", "state", "partner", "type", "window")
        chosen = {name: getattr(self, name) for name in names} | more
        return f"{path}?{urlencode({name: value for name, value in chosen.items() if value})}"


def read_filters(setup: Setup) -> Filters:
    """The filters of this request. A search looks at all times unless told otherwise; unknown words choose nothing."""
    search = request.args.get("search", "").strip()[:LONGEST_SEARCH]
    window = request.args.get("window", "")
    return Filters(
        search=search,
        state=_one_of(request.args.get("state"), (state.value for state in State)),
        partner=_one_of(request.args.get("partner"), (*setup.partners, "gateway")),
        type=_one_of(request.args.get("type"), types_of(setup)),
        window=window if window in WINDOWS else "all" if search else "day",
        cursor=request.args.get("cursor", ""),
    )


def types_of(setup: Setup) -> list[str]:
    """Every message type that can come in or be written by us."""
    given = {corridor.silence.gives for corridor in setup.corridors.values() if corridor.silence}
    return sorted({corridor.takes for corridor in setup.corridors.values()} | given)


def add_to(app: Flask, house: House) -> None:
    """`/` is the list; `/rows` is its table alone, for the page that keeps itself fresh."""

    @app.get("/", endpoint="messages")
    def whole() -> str | Response:
        """The list, or the message itself when the search names one of our own ids."""
        filters = read_filters(house.setup)
        page = find(house, filters)
        if filters.search and not page.lines:
            entry = entry_by_our_id(house.store, filters.search)
            if entry is not None:
                return redirect(f"/messages/{entry}", 303)
        return render_template(
            "messages.html", page=page, filters=filters, windows=WINDOWS, types=types_of(house.setup),
            parties=sorted(house.setup.partners), keys_shown=KEYS_SHOWN, troubles=troubles(house),
        )  # fmt: skip

    @app.get("/rows", endpoint="messages_rows")
    def rows() -> str:
        """The table alone."""
        filters = read_filters(house.setup)
        return render_template("rows.html", page=find(house, filters), filters=filters, keys_shown=KEYS_SHOWN)


def find(house: House, filters: Filters) -> MessagePage:
    """One page of messages; a cursor that is not ours is a bad request."""
    now: datetime = g.speech.now
    window = WINDOWS[filters.window]
    try:
        return messages(
            house.store, search=filters.search or None, state=filters.state or None, partner=filters.partner or None,
            type=filters.type or None, since=now - window if window else None, cursor=filters.cursor or None,
            limit=PAGE,
        )  # fmt: skip
    except ValueError:
        abort(400)


def troubles(house: House) -> list[LaneCount]:
    """Lanes that a person should know of before reading any list."""
    return [lane for lane in lane_counts(house.store) if lane.paused or lane.failures]


def mapping_of(setup: Setup, corridor: str) -> str:
    """The table a corridor translates by; empty when it passes documents on unchanged or is gone."""
    known = setup.corridors.get(CorridorId(corridor))
    return known.mapping if known else ""


def _one_of(given: str | None, known: Iterable[str]) -> str:
    return given if given and given in set(known) else ""
