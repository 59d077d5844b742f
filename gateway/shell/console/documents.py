"""The other views of one message: its bytes, its translation and its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from uuid import UUID

from flask import Flask, Response, abort, render_template, request

from gateway.large import depot_of, leaving
from gateway.shell.console.house import House
from gateway.shell.console.messages import mapping_of
from gateway.shell.console.parts import Part, part_of, parts_of
from gateway.shell.console.translation import of_silence, translated
from gateway.shell.console.xml_view import BEGINNING, beginning, view
from gateway.shell.depot import PIECE
from gateway.shell.queries import message


def first_of(house: House, part: Part) -> bytes:
    """As much of a long body as a page shows."""
    with closing(leaving(part, depot_of(house.setup))) as source:
        return source.read(BEGINNING)


def pieces_of(house: House, part: Part) -> Iterator[bytes]:
    """A long body, for saving."""
    with closing(leaving(part, depot_of(house.setup))) as source:
        while piece := source.read(PIECE):
            yield piece


def add_to(app: Flask, house: House) -> None:
    """What hangs below `/messages/<id>`."""

    @app.get("/messages/<uuid:entry>/xml", endpoint="messages_xml")
    def xml(entry: UUID) -> str:
        """The kept bytes as text."""
        story = message(house.store, entry)
        part = part_of(story, request.args.get("part", "")) or abort(404)
        shown = (
            beginning(first_of(house, part))
            if part.large
            else view(part.body, pretty=request.args.get("view", "pretty") == "pretty")
        )
        return render_template("xml.html", tab="xml", story=story, parts=parts_of(story), part=part, shown=shown)

    @app.get("/messages/<uuid:entry>/bytes/<part>", endpoint="messages_bytes")
    def octets(entry: UUID, part: str) -> Response:
        """The exact bytes, for saving: no browser may take them for a page."""
        found = part_of(message(house.store, entry), part) or abort(404)
        response = Response(found.body, mimetype="application/octet-stream")
        if found.large is not None:
            response.response = pieces_of(house, found)
            response.headers["Content-Length"] = str(found.size)
        response.headers["Content-Disposition"] = f'attachment; filename="{found.file_name(entry)}"'
        return response

    @app.get("/messages/<uuid:entry>/mapping", endpoint="messages_mapping")
    def mapping(entry: UUID) -> str:
        """Every value that left, and the rule that made it."""
        story = message(house.store, entry)
        ways = [one.corridor for one in story.deliveries if mapping_of(house.setup, one.corridor)]
        way = request.args.get("way", "")
        if way and way not in ways:
            abort(404)
        ways = [] if story.entry.document.large else ways  # a page cannot hold every value of a long message
        shown = translated(house, story, way or ways[0]) if ways else of_silence(house, story)
        return render_template("mapping.html", tab="mapping", story=story, ways=ways, shown=shown)

    @app.get("/messages/<uuid:entry>/evidence", endpoint="messages_evidence")
    def evidence(entry: UUID) -> str:
        """The links of the chains that speak of this message."""
        return render_template("evidence.html", tab="evidence", story=message(house.store, entry))
