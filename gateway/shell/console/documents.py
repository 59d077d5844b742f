"""The other views of one message: its bytes, its translation and its evidence."""

from __future__ import annotations

from uuid import UUID

from flask import Flask, Response, abort, render_template, request

from gateway.shell.console.house import House
from gateway.shell.console.messages import mapping_of
from gateway.shell.console.parts import part_of, parts_of
from gateway.shell.console.translation import of_silence, translated
from gateway.shell.console.xml_view import view
from gateway.shell.queries import message


def add_to(app: Flask, house: House) -> None:
    """What hangs below `/messages/<id>`."""

    @app.get("/messages/<uuid:entry>/xml", endpoint="messages_xml")
    def xml(entry: UUID) -> str:
        """The kept bytes as text."""
        story = message(house.store, entry)
        part = part_of(story, request.args.get("part", "")) or abort(404)
        shown = view(part.body, pretty=request.args.get("view", "pretty") == "pretty")
        return render_template("xml.html", tab="xml", story=story, parts=parts_of(story), part=part, shown=shown)

    @app.get("/messages/<uuid:entry>/bytes/<part>", endpoint="messages_bytes")
    def octets(entry: UUID, part: str) -> Response:
        """The exact bytes, for saving: no browser may take them for a page."""
        found = part_of(message(house.store, entry), part) or abort(404)
        response = Response(found.body, mimetype="application/octet-stream")
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
        shown = translated(house, story, way or ways[0]) if ways else of_silence(house, story)
        return render_template("mapping.html", tab="mapping", story=story, ways=ways, shown=shown)

    @app.get("/messages/<uuid:entry>/evidence", endpoint="messages_evidence")
    def evidence(entry: UUID) -> str:
        """The links of the chains that speak of this message."""
        return render_template("evidence.html", tab="evidence", story=message(house.store, entry))
