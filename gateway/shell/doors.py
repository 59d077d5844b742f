"""The partner doors: the SOAP endpoint, the REST resources, their descriptions and health. Nothing is decided here."""

from __future__ import annotations

from typing import Final

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as WrongMethod
from werkzeug.exceptions import NotFound as Missing

from gateway import __version__
from gateway.errors import EnvelopeMalformed, GatewayError, MethodNotAllowed, NotFound, TooLarge
from gateway.model import Profile
from gateway.reception import Attempt, admit, receive, refuse
from gateway.refusal import any_error
from gateway.shell.docs_door import add_docs
from gateway.shell.house import House
from gateway.shell.leaving import Leaving
from gateway.shell.rest_door import add_rest
from gateway.shell.wires import Wires, spell
from gateway.shell.wsdl_door import WsdlDoor

_HTTP: Final[dict[int, type[GatewayError]]] = {
    400: EnvelopeMalformed, 404: NotFound, 405: MethodNotAllowed, 413: TooLarge,
}  # fmt: skip


def make_doors(house: House) -> Flask:
    """The WSGI application of the partner doors."""
    setup = house.setup
    app = Flask("gateway.doors", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = house.settings.largest_message + 1  # one more, so that too large can be seen
    app.url_map.merge_slashes = False  # a path is what was signed, or nothing
    authorities = frozenset(address for address in setup.addresses if "/" not in address)
    wires = Wires(setup.clock, authorities, house.settings.largest_message)
    wsdl = WsdlDoor(house)

    @app.before_request
    def one_spelling() -> None:
        """`//soap` is not `/soap`: the framework would take it for the same."""
        if request.environ.get("PATH_INFO", "").startswith("//"):
            raise Missing

    @app.post("/soap")
    def soap() -> Response:
        """One SOAP message in, its receipt or Fault out. Of a long one the head comes first, alone."""
        wire = wires.wire()
        take = receive if wire.large is None or wire.large.digests else admit
        return spell(take(wire, "soap-gw-1", setup))

    @app.get("/soap")
    def describe() -> Response:
        """The WSDL; any other GET is refused."""
        if not {"wsdl", "singlewsdl"} & {name.lower() for name in request.args}:
            raise WrongMethod(valid_methods=["POST"], description="send SOAP messages with POST; ?wsdl describes them")
        return wsdl.answer(request.args.get("partner", ""))

    def refused(error: Exception) -> Response:
        """What Flask itself refuses is refused in our words, and recorded."""
        status = error.code if isinstance(error, HTTPException) else None
        kind = _HTTP.get(status or 500)
        found = kind(own_words(error)) if kind else any_error(error)
        response = spell(refuse(Attempt(wires.wire(body=b""), profile_of_path()), found, setup))
        if isinstance(error, WrongMethod) and error.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return response

    add_rest(app, house, wires)
    add_health(app, house)
    add_docs(app, house)
    app.register_error_handler(HTTPException, refused)
    app.register_error_handler(Exception, refused)
    return app


def add_health(app: Flask, house: House) -> None:
    """`/health` says how the gateway stands, `/ready` whether it can take messages now and in the next seconds."""
    leaving = Leaving(house.settings.state_dir)

    @app.get("/health")
    def health() -> Response:
        found = house.readiness.look()
        return jsonify(
            status="ok" if all(one.ok for one in found) else "degraded", environment=house.settings.environment,
            version=__version__, database=all(one.ok for one in found if one.name == "database"),
            checks={one.name: one.ok for one in found}, leaving=leaving.announced,
        )  # fmt: skip

    @app.get("/ready")
    def ready() -> tuple[Response, int]:
        fit = not leaving.announced and all(one.ok for one in house.readiness.look())
        return jsonify(ready=fit), 200 if fit else 503


def own_words(error: Exception) -> str:
    """What we said of it ourselves; the framework's own sentences speak to people at a browser."""
    said = getattr(error, "description", None)
    return said if said and said != getattr(type(error), "description", None) else ""


def profile_of_path() -> Profile:
    """Whose words a refusal at this path is spelled in."""
    return "soap-gw-1" if request.path.startswith("/soap") else "rest-gw-1"
