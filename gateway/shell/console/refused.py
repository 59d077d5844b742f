"""What was refused at the door: records of it, never its content."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from flask import Flask, abort, g, redirect, render_template, request
from werkzeug.wrappers import Response

from gateway.shell.console.house import House
from gateway.shell.console.messages import WINDOWS
from gateway.shell.console.reads import incident
from gateway.shell.own_ids import uuid_of
from gateway.shell.queries import intakes

PAGE: Final = 50


def add_to(app: Flask, house: House) -> None:
    """`/refused` and one page per incident."""

    @app.get("/refused", endpoint="refused")
    def listed() -> str | Response:
        """Refused messages newest first, or the incident that the search names."""
        asked = request.args.get("search", "").strip()
        wanted = uuid_of(asked.rpartition("/")[2]) if asked else None
        if wanted is not None:
            return redirect(f"/refused/{wanted}", 303)
        window = request.args.get("window", "")
        window = window if window in WINDOWS else "day"
        span, alarms = WINDOWS[window], request.args.get("alarms") == "1"
        try:
            page = intakes(
                house.store, since=g.speech.now - span if span else None, alarms=alarms,
                cursor=request.args.get("cursor") or None, limit=PAGE,
            )  # fmt: skip
        except ValueError:
            abort(400)
        return render_template(
            "refused.html", page=page, window=window, windows=WINDOWS, alarms=alarms, asked=asked[:80],
            paged=bool(request.args.get("cursor")),
        )  # fmt: skip

    @app.get("/refused/<uuid:wanted>", endpoint="refused_incident")
    def one(wanted: UUID) -> str:
        """One refused message."""
        return render_template("incident.html", line=incident(house.store, wanted))
