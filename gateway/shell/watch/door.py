"""Where Prometheus reads: a page beside the console, never on the partners' side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask, Response

from gateway.shell.watch.figures import CONTENT_TYPE, exposition

if TYPE_CHECKING:
    from gateway.shell.house import House


def add_figures(app: Flask, house: House) -> None:
    """Put `/metrics` into an application."""

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(exposition(house), content_type=CONTENT_TYPE)
