"""The lanes to the partners: how they stand, and what a person may do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flask import Flask, abort, g, redirect, render_template, request
from werkzeug.wrappers import Response

from gateway.model import PartnerId
from gateway.shell.console.acts import Act, read_act, remember
from gateway.shell.console.house import House
from gateway.shell.deadlines import deadlines_at_risk
from gateway.shell.lanes import all_lanes, hurry, pause, resume
from gateway.terms import NOBODY, Contact

ACTS: Final[dict[str, Callable[..., Any]]] = {"pause": pause, "resume": resume, "hurry": hurry}


def add_to(app: Flask, house: House) -> None:
    """`/lanes`, and the forms on it."""

    @app.get("/lanes", endpoint="lanes")
    def listed() -> str:
        """Every lane, the troubled ones first."""
        return _page(house, None)

    @app.post("/lanes", endpoint="lanes_act")
    def act() -> Response | tuple[str, int]:
        """A person pauses, resumes or hurries a lane."""
        told, lane = read_act(), request.form.get("lane", "")
        change = ACTS.get(request.form.get("act", ""))
        if change is None or lane not in {one.lane for one in all_lanes(house.store, house.setup.partners)}:
            abort(404)
        if told.problems:
            return _page(house, told), 422
        change(house.store, lane, at=g.speech.now, who=told.who, why=told.why)
        return remember(redirect(f"/lanes?done={request.form['act']}", 303), told)


def pulls(house: House, lane: str) -> bool:
    """True for a partner that fetches its messages itself: nothing is sent on its lane."""
    partner = house.setup.partners.get(PartnerId(lane.partition("/")[0]))
    return partner is not None and not partner.endpoint


def _contact(house: House, lane: str) -> Contact:
    partner = house.setup.partners.get(PartnerId(lane.partition("/")[0]))
    return partner.contact if partner else NOBODY


def _page(house: House, act: Act | None) -> str:
    found = all_lanes(house.store, house.setup.partners)
    risks = deadlines_at_risk(house.store, g.speech.now)
    contacts = {one.lane: _contact(house, one.lane) for one in found}
    return render_template(
        "lanes.html", lanes=found, risks=risks, contacts=contacts, act=act,
        pulls={one.lane for one in found if pulls(house, one.lane)},
        asked=request.form.get("lane", ""), done=request.args.get("done", ""),
    )  # fmt: skip
