"""The OpenAPI document and its pages, all from this machine: nothing a page shows comes from anywhere else."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from flask import Flask, Response, redirect, send_from_directory
from werkzeug.wrappers import Response as AnyResponse

from gateway import __version__
from gateway.contract.openapi import write_openapi
from gateway.errors import ConfigurationError
from gateway.shell.house import House
from gateway.shell.wsdl_door import sendable, twins_of

_POLICY: Final = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Single-window gateway: partner doors</title>
<link rel="icon" href="/docs/assets/images/swagger.svg">
<link rel="stylesheet" href="/docs/assets/css/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/assets/js/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
<noscript>The same as a document for programs: <a href="/openapi.json">/openapi.json</a>.</noscript>
</body>
</html>
"""
_START: Final = """"use strict";
window.ui = SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null, supportedSubmitMethods: [],
  presets: [SwaggerUIBundle.presets.apis], defaultModelsExpandDepth: 0
});
"""


def assets() -> Path:
    """The folder of the Swagger UI that comes with flask-openapi3-swagger."""
    found = find_spec("flask_openapi3_swagger")
    if found is None or found.origin is None:
        raise ConfigurationError("flask-openapi3-swagger is not installed")
    return Path(found.origin).parent / "templates" / "swagger"


def add_docs(app: Flask, house: House) -> None:
    """`/openapi.json`, `/docs` and what the page needs."""
    partners = house.setup.partners.values()
    types = sorted({one for partner in partners for one in sendable(house.registry, partner)})
    folder = assets()
    document = write_openapi(types, house.settings.url, __version__, twins_of(house.registry, partners))

    @app.get("/openapi.json")
    def openapi() -> Response:
        return Response(app.json.dumps(document, ensure_ascii=False), content_type="application/json")

    @app.get("/docs")
    def docs() -> Response:
        return _shown(_PAGE, "text/html; charset=utf-8")

    @app.get("/docs/")
    def docs_folder() -> AnyResponse:
        return redirect("/docs")

    @app.get("/docs/start.js")
    def start() -> Response:
        return _shown(_START, "text/javascript; charset=utf-8")

    @app.get("/docs/assets/<path:name>")
    def asset(name: str) -> Response:
        return send_from_directory(folder, name)


def _shown(text: str, media: str) -> Response:
    return Response(text, headers={"Content-Type": media, "Content-Security-Policy": _POLICY})
